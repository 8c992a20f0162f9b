/* SPDX-License-Identifier: ISC */
/* Small durable files; see keep.h. The thread uses nothing of the event loop but its own eventfd. */
#include "featured/db/keep.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/db/atomic.h"

struct job {
	STAILQ_ENTRY(job) next;
	keep_cb *cb;
	void *arg;
	int r;
	bool remove;
	char file[64];
	size_t len;
	char data[];
};
STAILQ_HEAD(jobs, job);

struct keep {
	char dir[PATH_MAX];
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct jobs in;  /* under lock */
	struct jobs out; /* under lock */
	bool stop;       /* under lock */
	size_t waiting;  /* main thread: not yet answered */
	int fd;          /* eventfd: out has something */
	sd_event_source *source;
	struct log_bucket log;
};

static int
remove_file(const char *dir, const char *file)
{
	char path[PATH_MAX];

	if (!str_format(path, sizeof(path), "%s/%s", dir, file))
		return -ENAMETOOLONG;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static void *
run(void *arg)
{
	struct keep *k = arg;
	uint64_t one = 1;
	struct job *job;

	pthread_mutex_lock(&k->lock);
	for (;;) {
		while ((job = STAILQ_FIRST(&k->in)) == NULL && !k->stop)
			pthread_cond_wait(&k->wake, &k->lock);
		if (job == NULL)
			break;
		STAILQ_REMOVE_HEAD(&k->in, next);
		pthread_mutex_unlock(&k->lock);
		job->r = job->remove ? remove_file(k->dir, job->file)
		                     : atomic_write(k->dir, job->file, job->data, job->len);
		pthread_mutex_lock(&k->lock);
		STAILQ_INSERT_TAIL(&k->out, job, next);
		if (write(k->fd, &one, sizeof(one)) < 0)
			log_debug("keep: eventfd", kv_s("why", strerror(errno)));
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

static int
on_done(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct keep *k = arg;
	struct jobs done = STAILQ_HEAD_INITIALIZER(done);
	struct job *job;
	uint64_t n;

	(void)source;
	(void)events;
	if (read(fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		log_debug("keep: eventfd", kv_s("why", strerror(errno)));
	pthread_mutex_lock(&k->lock);
	STAILQ_CONCAT(&done, &k->out);
	pthread_mutex_unlock(&k->lock);
	while ((job = STAILQ_FIRST(&done)) != NULL) {
		STAILQ_REMOVE_HEAD(&done, next);
		k->waiting--;
		if (job->r < 0)
			log_limited(&k->log, LL_ERROR, "a file cannot be kept",
			    kv_s("directory", k->dir), kv_s("file", job->file),
			    kv_s("why", strerror(-job->r)));
		if (job->cb != NULL)
			job->cb(job->arg, job->r);
		free(job);
	}
	return 0;
}

static int
start_thread(struct keep *k)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&k->thread, NULL, run, k);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	k->running = r == 0;
	return r;
}

int
keep_open(struct keep **out, sd_event *event, const char *dir, const char *name)
{
	struct keep *k = mem_new(sizeof(*k));
	int r;

	if (k == NULL)
		return -ENOMEM;
	k->fd = -1;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->wake, NULL);
	STAILQ_INIT(&k->in);
	STAILQ_INIT(&k->out);
	r = -ENAMETOOLONG;
	if (!str_format(k->dir, sizeof(k->dir), "%s/%s", dir, name))
		goto fail;
	r = -errno;
	if (mkdir(k->dir, 0700) < 0 && errno != EEXIST) {
		r = -errno;
		goto fail;
	}
	if ((k->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
		r = -errno;
		goto fail;
	}
	if ((r = sd_event_add_io(event, &k->source, k->fd, EPOLLIN, on_done, k)) < 0 ||
	    (r = start_thread(k)) < 0)
		goto fail;
	*out = k;
	return 0;
fail:
	keep_close(&k);
	return r;
}

static void
free_jobs(struct jobs *jobs)
{
	struct job *job;

	while ((job = STAILQ_FIRST(jobs)) != NULL) {
		STAILQ_REMOVE_HEAD(jobs, next);
		free(job);
	}
}

void
keep_close(struct keep **pk)
{
	struct keep *k = *pk;

	if (k == NULL)
		return;
	if (k->running) {
		pthread_mutex_lock(&k->lock);
		k->stop = true;
		pthread_cond_signal(&k->wake);
		pthread_mutex_unlock(&k->lock);
		pthread_join(k->thread, NULL);
	}
	sd_event_source_unref(k->source);
	if (k->fd != -1)
		close(k->fd);
	free_jobs(&k->in);
	free_jobs(&k->out);
	pthread_mutex_destroy(&k->lock);
	pthread_cond_destroy(&k->wake);
	mem_free(pk);
}

static int
submit(struct keep *k, const char *file, bool drop, const void *p, size_t len, keep_cb *cb, void *arg)
{
	struct job *job;

	if (k->waiting >= KEEP_QUEUE_MAX)
		return -ENOBUFS;
	if ((job = mem_new(sizeof(*job) + len)) == NULL)
		return -ENOMEM;
	job->cb = cb;
	job->arg = arg;
	job->remove = drop;
	job->len = len;
	str_copy(job->file, sizeof(job->file), file);
	if (len > 0)
		memcpy(job->data, p, len);
	k->waiting++;
	pthread_mutex_lock(&k->lock);
	STAILQ_INSERT_TAIL(&k->in, job, next);
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
	return 0;
}

int
keep_write(struct keep *k, const char *file, const void *p, size_t len, keep_cb *cb, void *arg)
{
	return submit(k, file, false, p, len, cb, arg);
}

int
keep_remove(struct keep *k, const char *file, keep_cb *cb, void *arg)
{
	return submit(k, file, true, NULL, 0, cb, arg);
}

int
keep_read(struct keep *k, size_t max,
    void (*cb)(void *arg, const char *file, const char *p, size_t len), void *arg)
{
	DIR *dir = opendir(k->dir);
	struct dirent *e;
	char *p;
	long len;

	if (dir == NULL)
		return -errno;
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.' || strchr(e->d_name, '.') != NULL)
			continue; /* a half-written one, FILE.new */
		if ((len = atomic_read(k->dir, e->d_name, max, &p)) < 0) {
			log_warning("a file cannot be read", kv_s("directory", k->dir),
			    kv_s("file", e->d_name), kv_s("why", strerror((int)-len)));
			continue;
		}
		cb(arg, e->d_name, p, (size_t)len);
		free(p);
	}
	closedir(dir);
	return 0;
}
