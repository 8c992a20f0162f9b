/* SPDX-License-Identifier: ISC */
/*
 * The thread that brings the mailboxes' checkpoints to the disk: a kill loses nothing that is in
 * them, but a power cut would. Changes that come while one fdatasync() runs share the next; only
 * then is anybody told that there is a message (mailbox_watch()).
 */
#include <sys/eventfd.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "featured/reg/mailbox_impl.h"

#define AGAIN_S 1

static void
again_in(struct timespec *at, time_t seconds)
{
	clock_gettime(CLOCK_REALTIME, at);
	at->tv_sec += seconds;
}

static void *
run(void *arg)
{
	struct mailbox *mb = arg;
	struct mailbox_sync *s = &mb->sync;
	uint64_t number, one = 1;
	struct timespec again;
	int r;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		if (s->wanted == s->done) {
			pthread_cond_wait(&s->come, &s->lock);
			continue;
		}
		number = s->wanted;
		pthread_mutex_unlock(&s->lock);
		r = fdatasync(s->fds[0]) < 0 ? -errno : fdatasync(s->fds[1]) < 0 ? -errno : 0;
		if (r < 0)
			log_limited(&mb->bucket, LL_ERROR, "mailboxes cannot be brought to disk",
			    kv_s("why", strerror(-r)));
		pthread_mutex_lock(&s->lock);
		if (r < 0) { /* nobody is told before it is there */
			again_in(&again, AGAIN_S);
			pthread_cond_timedwait(&s->come, &s->lock, &again);
			continue;
		}
		s->done = number;
		if (write(s->event_fd, &one, sizeof(one)) < 0)
			continue; /* it is full: then it is readable all the same */
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

void
mailbox_tell(struct mailbox *mb, uint64_t done)
{
	struct mailbox_counts now;
	struct box *box;

	while ((box = TAILQ_FIRST(&mb->told)) != NULL && box->change <= done) {
		TAILQ_REMOVE(&mb->told, box, next_told);
		box->telling = false;
		mailbox_count(mb, box->user, &now);
		if (box->was_told && memcmp(&now, &box->counts, sizeof(now)) == 0)
			continue;
		box->was_told = true;
		box->counts = now;
		if (mb->watcher != NULL)
			mb->watcher(mb->watcher_arg, box->user);
	}
}

static int
on_synced(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct mailbox *mb = arg;
	struct mailbox_sync *s = &mb->sync;
	uint64_t n, done;

	(void)source;
	(void)revents;
	if (read(fd, &n, sizeof(n)) < 0)
		return 0;
	pthread_mutex_lock(&s->lock);
	done = s->done;
	pthread_mutex_unlock(&s->lock);
	mailbox_tell(mb, done);
	return 0;
}

void
mailbox_sync_want(struct mailbox *mb)
{
	struct mailbox_sync *s = &mb->sync;

	if (!s->running) {
		mailbox_tell(mb, UINT64_MAX);
		return;
	}
	pthread_mutex_lock(&s->lock);
	s->wanted++;
	pthread_cond_signal(&s->come);
	pthread_mutex_unlock(&s->lock);
}

int
mailbox_sync_start(struct mailbox *mb, const char *const paths[2])
{
	struct mailbox_sync *s = &mb->sync;
	sigset_t all, old;
	int r;

	if (mb->event == NULL)
		return 0;
	for (int i = 0; i < 2; i++) {
		if ((s->fds[i] = open(paths[i], O_RDWR | O_CLOEXEC)) == -1)
			return -errno;
	}
	if ((s->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) == -1)
		return -errno;
	if ((r = sd_event_add_io(mb->event, &s->source, s->event_fd, EPOLLIN, on_synced, mb)) < 0)
		return r;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->come, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&s->thread, NULL, run, mb);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->running = r == 0;
	return -r;
}

void
mailbox_sync_stop(struct mailbox *mb)
{
	struct mailbox_sync *s = &mb->sync;

	if (s->running) {
		pthread_mutex_lock(&s->lock);
		s->stop = true;
		pthread_cond_signal(&s->come);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
	}
	sd_event_source_disable_unref(s->source);
	for (int i = 0; i < 2; i++) {
		if (mb->event != NULL && s->fds[i] != -1)
			close(s->fds[i]);
	}
	if (mb->event != NULL && s->event_fd != -1)
		close(s->event_fd);
	s->running = false;
}
