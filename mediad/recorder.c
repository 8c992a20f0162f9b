/* SPDX-License-Identifier: ISC */
/* Writer threads, see recorder.h. */
#include "mediad/recorder.h"

#include <sys/queue.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#define WRITERS	2
#define STEP_MS	250

/* A recording, or what the main thread wants of one. */
struct item {
	TAILQ_ENTRY(item)	 next;
	struct record_job	 job;		/* of an order: only conf.record */
	struct record_order	 order;
	bool			 is_order;
};
TAILQ_HEAD(item_list, item);

/* A thread with its incoming items. */
struct lane {
	pthread_t		 thread;
	pthread_mutex_t		 lock;
	pthread_cond_t		 come;
	struct item_list	 in;
	bool			 stop;
	bool			 running;
	struct recorder		*recorder;
	/* the thread's own */
	struct item_list	 jobs;
	struct record_scratch	 scratch;
};

struct recorder {
	struct recorder_conf	 conf;
	struct lane		 writer[WRITERS];
	struct lane		 closer;
};

static void
pass(struct lane *to, struct item *item)
{
	pthread_mutex_lock(&to->lock);
	TAILQ_INSERT_TAIL(&to->in, item, next);
	pthread_cond_signal(&to->come);
	pthread_mutex_unlock(&to->lock);
}

/* Everything that came, after waiting for it (ms 0: for ever). Returns false at the end. */
static bool
wait_items(struct lane *l, unsigned ms, struct item_list *got)
{
	struct timespec until;
	bool stop;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)ms * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	TAILQ_INIT(got);
	pthread_mutex_lock(&l->lock);
	while (!l->stop && TAILQ_EMPTY(&l->in)) {
		if (ms == 0)
			pthread_cond_wait(&l->come, &l->lock);
		else if (pthread_cond_timedwait(&l->come, &l->lock, &until) == ETIMEDOUT)
			break;
	}
	TAILQ_CONCAT(got, &l->in, next);
	stop = l->stop;
	pthread_mutex_unlock(&l->lock);
	return !stop;
}

static struct item *
find(struct lane *l, uint64_t record)
{
	struct item *item;

	TAILQ_FOREACH(item, &l->jobs, next) {
		if (item->job.conf.record == record)
			break;
	}
	return item;
}

/* Over: it goes to the closer. */
static void
pass_over(struct lane *l, struct item *item)
{
	if (!item->job.over)
		return;
	TAILQ_REMOVE(&l->jobs, item, next);
	pass(&l->recorder->closer, item);
}

static void
take(struct lane *l, struct item *item)
{
	struct item *job;

	if (!item->is_order) {
		TAILQ_INSERT_TAIL(&l->jobs, item, next);
		record_job_begin(&item->job, clock_mono_us());
		pass_over(l, item);
		return;
	}
	if ((job = find(l, item->job.conf.record)) != NULL) {
		record_job_order(&job->job, &item->order, &l->scratch);
		pass_over(l, job);
	}
	mem_free(&item);
}

static void
drop(struct item_list *list)
{
	struct item *item;

	while ((item = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, item, next);
		track_free(&item->job.track[0]);
		track_free(&item->job.track[1]);
		mem_free(&item);
	}
}

static void *
write_run(void *arg)
{
	struct lane *l = arg;
	struct item_list got;
	struct item *item, *next;
	uint64_t due_us = 0, now_us, heard_us;

	while (wait_items(l, TAILQ_EMPTY(&l->jobs) ? 0 : STEP_MS, &got)) {
		while ((item = TAILQ_FIRST(&got)) != NULL) {
			TAILQ_REMOVE(&got, item, next);
			take(l, item);
		}
		now_us = clock_mono_us();
		if (now_us < due_us)
			continue;	/* woken for an order only */
		due_us = now_us + STEP_MS * 1000 / 2;
		heard_us = l->recorder->conf.now(l->recorder->conf.arg);
		for (item = TAILQ_FIRST(&l->jobs); item != NULL; item = next) {
			next = TAILQ_NEXT(item, next);
			record_job_step(&item->job, heard_us, &l->scratch);
			pass_over(l, item);
		}
	}
	TAILQ_FOREACH(item, &l->jobs, next) {
		if (item->job.file.fd != -1)
			record_file_header(&item->job.file);
	}
	drop(&got);
	drop(&l->jobs);
	return NULL;
}

static void *
close_run(void *arg)
{
	struct lane *l = arg;
	struct recorder_result result;
	struct item_list got;
	struct item *item;
	bool more;

	do {
		more = wait_items(l, 0, &got);
		while ((item = TAILQ_FIRST(&got)) != NULL) {
			TAILQ_REMOVE(&got, item, next);
			result.record = item->job.conf.record;
			result.bytes = record_job_end(&item->job);
			result.duration_ms = record_job_ms(&item->job);
			result.outcome = item->job.outcome;
			l->recorder->conf.done(l->recorder->conf.arg, &result);
			mem_free(&item);
		}
	} while (more);
	return NULL;
}

static int
lane_start(struct lane *l, struct recorder *r, void *(*run)(void *))
{
	pthread_condattr_t attr;
	sigset_t all, old;
	int e;

	l->recorder = r;
	TAILQ_INIT(&l->in);
	TAILQ_INIT(&l->jobs);
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->come, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	e = pthread_create(&l->thread, NULL, run, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	l->running = e == 0;
	return -e;
}

static void
lane_stop(struct lane *l)
{
	if (!l->running)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_signal(&l->come);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	drop(&l->in);
	pthread_cond_destroy(&l->come);
	pthread_mutex_destroy(&l->lock);
}

int
recorder_start(struct recorder **out, const struct recorder_conf *conf)
{
	struct recorder *r = mem_new(sizeof(*r));
	int e;

	*out = NULL;
	if (r == NULL)
		return -ENOMEM;
	r->conf = *conf;
	e = lane_start(&r->closer, r, close_run);
	for (unsigned i = 0; e == 0 && i < WRITERS; i++)
		e = lane_start(&r->writer[i], r, write_run);
	if (e < 0) {
		recorder_stop(&r);
		return e;
	}
	*out = r;
	return 0;
}

void
recorder_stop(struct recorder **pp)
{
	struct recorder *r = *pp;

	*pp = NULL;
	if (r == NULL)
		return;
	for (unsigned i = 0; i < WRITERS; i++)
		lane_stop(&r->writer[i]);
	lane_stop(&r->closer);
	mem_free(&r);
}

int
recorder_add(struct recorder *r, const struct record_job_conf *conf)
{
	struct item *item = mem_new(sizeof(*item));

	if (item == NULL)
		return -ENOMEM;
	item->job.conf = *conf;
	item->job.file.fd = -1;
	pass(&r->writer[conf->record % WRITERS], item);
	return 0;
}

int
recorder_order(struct recorder *r, uint64_t record, const struct record_order *order)
{
	struct item *item = mem_new(sizeof(*item));

	if (item == NULL)
		return -ENOMEM;
	item->is_order = true;
	item->job.conf.record = record;
	item->order = *order;
	pass(&r->writer[record % WRITERS], item);
	return 0;
}
