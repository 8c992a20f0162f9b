/* SPDX-License-Identifier: ISC */
/*
 * See spool_thread.h. Runs besides the main thread: may use neither id.h nor anything of the event
 * loop but its own eventfd. Started by spool.c before the sandbox closes.
 */
#include "featured/db/spool_thread.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/db/spool_files.h"

/* what came within so long goes to the disk together: a sync costs more than a call */
#define GROUP_NS 80000000
#define RETRY_S 1
#define STOP_S 5
#define GROUP_MAX (1u << 20)

struct list {
	struct spool_job *first, **last;
};

struct spool_thread {
	pthread_t			 thread;
	pthread_mutex_t			 lock;
	pthread_cond_t			 wake;
	struct list			 in;		/* under lock */
	struct list			 out;		/* under lock */
	bool				 stop;		/* under lock */
	/* under lock: errno of the last refusal, 0 none */
	int				 failing;
	int				 done_fd;	/* eventfd: out has something */
	sd_event_source			*done;
	struct spool_thread_owner	 owner;
	int				 told_failing;	/* main thread */
	struct spool_files		 files;		/* the thread's own */
};

static void
put(struct list *l, struct spool_job *job)
{
	job->next = NULL;
	*l->last = job;
	l->last = &job->next;
}

static struct spool_job *
take(struct list *l)
{
	struct spool_job *job = l->first;

	if (job != NULL && (l->first = job->next) == NULL)
		l->last = &l->first;
	return job;
}

struct spool_job *
spool_job_new(enum spool_job_kind kind)
{
	struct spool_job *job = mem_new(sizeof(*job));

	if (job != NULL)
		job->kind = kind;
	return job;
}

void
spool_job_free(struct spool_job *job)
{
	free(job->text);
	free(job->end);
	free(job);
}

/* ---- the thread ---- */

static void
give_back(struct spool_thread *t, struct list *jobs, int failing)
{
	uint64_t one = 1;

	pthread_mutex_lock(&t->lock);
	if (jobs->first != NULL) {
		*t->out.last = jobs->first;
		t->out.last = jobs->last;
	}
	t->failing = failing;
	pthread_mutex_unlock(&t->lock);
	jobs->first = NULL;
	jobs->last = &jobs->first;
	if (write(t->done_fd, &one, sizeof(one)) < 0)
		log_debug("spool: eventfd", kv_s("why", strerror(errno)));
}

/* Everything but records: done at once, and given back whatever came of it. */
static void
run_others(struct spool_thread *t, struct list *jobs, struct list *records, struct list *done)
{
	struct buf journal = BUF_INIT(64u << 20);
	struct list journal_jobs = { .last = &journal_jobs.first };
	struct spool_job *job;
	int r;

	while ((job = take(jobs)) != NULL) {
		if (job->kind == SPOOL_JOB_RECORD) {
			put(records, job);
		} else if (job->kind == SPOOL_JOB_JOURNAL) {
			buf_add(&journal, job->text, job->len);
			put(&journal_jobs, job);
		} else {
			job->error = spool_files_other(&t->files, job);
			put(done, job);
		}
	}
	r = journal.failed    ? -ENOMEM
	    : journal.len > 0 ? spool_files_journal(&t->files, &journal)
	                      : 0;
	while ((job = take(&journal_jobs)) != NULL) {
		job->error = r;
		put(done, job);
	}
	buf_free(&journal);
}

/* As many records as a group holds. Returns 0, or -errno: they stay in the list. */
static int
run_records(struct spool_thread *t, struct list *records, struct list *done)
{
	struct buf group = BUF_INIT(GROUP_MAX + (64u << 20)), ends = BUF_INIT(64u << 20);
	struct spool_job *job;
	size_t n = 0;
	int r;

	for (job = records->first; job != NULL && group.len < GROUP_MAX; job = job->next, n++)
		buf_add(&group, job->text, job->len);
	r = group.failed ? -ENOMEM : spool_files_records(&t->files, &group);
	for (; r == 0 && n > 0; n--) {
		job = take(records);
		job->segment = t->files.segment;
		job->off = t->files.records_len;
		if (job->end != NULL)
			buf_str(&ends, job->end);
		put(done, job);
	}
	/* Without these a later sweep makes a record that PostgreSQL already has, and drops it. */
	if (ends.len > 0 && !ends.failed)
		spool_files_journal(&t->files, &ends);
	buf_free(&group);
	buf_free(&ends);
	return r;
}

/* Takes what is there, waiting if there is nothing. False: it is time to stop. */
static bool
next_jobs(struct spool_thread *t, struct list *jobs, bool retry)
{
	const struct timespec group = { .tv_nsec = GROUP_NS };
	struct timespec until;
	bool stop;

	pthread_mutex_lock(&t->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RETRY_S;
	while (t->in.first == NULL && !t->stop) {
		if (!retry)
			pthread_cond_wait(&t->wake, &t->lock);
		else if (pthread_cond_timedwait(&t->wake, &t->lock, &until) != 0)
			break;
	}
	if (t->in.first != NULL && !t->stop) {
		pthread_mutex_unlock(&t->lock);
		nanosleep(&group, NULL);
		pthread_mutex_lock(&t->lock);
	}
	if (t->in.first != NULL) {
		*jobs->last = t->in.first;
		jobs->last = t->in.last;
	}
	t->in.first = NULL;
	t->in.last = &t->in.first;
	stop = t->stop;
	pthread_mutex_unlock(&t->lock);
	return !stop;
}

static void *
thread_main(void *arg)
{
	struct spool_thread *t = arg;
	struct list jobs = { .last = &jobs.first }, records = { .last = &records.first },
	            done = { .last = &done.first };
	struct timespec now, tried = { 0 }, synced = { 0 };
	bool run = true;
	int failing = 0;

	while (run || records.first != NULL) {
		run = next_jobs(t, &jobs, records.first != NULL || t->files.journal_unsynced);
		run_others(t, &jobs, &records, &done);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (t->files.journal_unsynced && (!run || now.tv_sec != synced.tv_sec)) {
			spool_files_journal_sync(&t->files);
			synced = now;
		}
		/* A disk that refuses is asked once a second, however many records come. */
		while (records.first != NULL &&
		    (failing == 0 || !run || now.tv_sec >= tried.tv_sec + RETRY_S)) {
			failing = -run_records(t, &records, &done);
			tried = now;
			if (failing != 0)
				break;
		}
		give_back(t, &done, failing);
		if (!run && failing != 0)
			break;
	}
	/* What the disk did not take goes back as it is. */
	for (struct spool_job *job; (job = take(&records)) != NULL; put(&done, job))
		job->error = -failing;
	give_back(t, &done, failing);
	spool_files_close(&t->files);
	return NULL;
}

/* ---- the main thread ---- */

static void
collect(struct spool_thread *t)
{
	struct list got;
	struct spool_job *job;
	int failing;

	pthread_mutex_lock(&t->lock);
	got.first = t->out.first;
	got.last = got.first != NULL ? t->out.last : &got.first;
	t->out.first = NULL;
	t->out.last = &t->out.first;
	failing = t->failing;
	pthread_mutex_unlock(&t->lock);
	if (failing != t->told_failing) {
		t->told_failing = failing;
		t->owner.failing(t->owner.arg, failing);
	}
	while ((job = take(&got)) != NULL)
		t->owner.done(t->owner.arg, job);
}

static int
on_done(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	uint64_t n;

	(void)source;
	(void)revents;
	if (read(fd, &n, sizeof(n)) == sizeof(n))
		collect(arg);
	return 0;
}

void
spool_thread_do(struct spool_thread *t, struct spool_job *job)
{
	bool was_empty;

	pthread_mutex_lock(&t->lock);
	was_empty = t->in.first == NULL;
	put(&t->in, job);
	pthread_mutex_unlock(&t->lock);
	if (was_empty)
		pthread_cond_signal(&t->wake);
}

static int
start_thread(struct spool_thread *t)
{
	sigset_t all, old;
	int r;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&t->thread, NULL, thread_main, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

int
spool_thread_start(struct spool_thread **out, sd_event *event, const char *dir, uint32_t segment,
    const struct spool_thread_owner *owner)
{
	struct spool_thread *t = mem_new(sizeof(*t));
	pthread_condattr_t attr;
	int r;

	if (t == NULL)
		return -ENOMEM;
	t->owner = *owner;
	t->files.segment = segment;
	t->files.records_fd = t->files.journal_fd = -1;
	t->in.last = &t->in.first;
	t->out.last = &t->out.first;
	str_copy(t->files.dir, sizeof(t->files.dir), dir);
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->wake, &attr);
	pthread_condattr_destroy(&attr);
	t->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = t->done_fd < 0 ? -errno
	                   : sd_event_add_io(event, &t->done, t->done_fd, EPOLLIN, on_done, t);
	if (r >= 0)
		r = start_thread(t);
	if (r < 0) {
		sd_event_source_disable_unref(t->done);
		if (t->done_fd >= 0)
			close(t->done_fd);
		free(t);
		return r;
	}
	*out = t;
	return 0;
}

void
spool_thread_stop(struct spool_thread **out)
{
	struct spool_thread *t = *out;
	struct timespec until;

	if (t == NULL)
		return;
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_mutex_unlock(&t->lock);
	pthread_cond_signal(&t->wake);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_S;
	*out = NULL;
	if (pthread_timedjoin_np(t->thread, NULL, &until) != 0) {
		/*
		 * The disk stands still: the process ends without it, and the thread's memory with
		 * the process.
		 */
		log_error("the spool's disk does not answer; records that wait may be lost if this "
		          "was the last try");
		sd_event_source_disable_unref(t->done);
		return;
	}
	collect(t);
	sd_event_source_disable_unref(t->done);
	close(t->done_fd);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t);
}
