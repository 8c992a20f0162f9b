/* SPDX-License-Identifier: ISC */
/*
 * The loader thread of sound.h: finds, reads and decodes sound files, so that neither the packet
 * path nor the main thread waits for a disk. Keeps what it decoded while it fits into the cache; a
 * file that changed is read again.
 */
#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "mediad/sound.h"

#define WAITING_MAX	1024
#define PATH_LEN	1024

struct wanted {
	STAILQ_ENTRY(wanted)	 next;
	uint64_t		 session;
	uint32_t		 play;
	char			 path[256];
};

struct cached {
	TAILQ_ENTRY(cached)	 next;	/* most recently used first */
	struct sound		*sound;
	size_t			 bytes;
	struct timespec		 mtime;
	ino_t			 inode;
	char			 path[];
};

struct loader {
	struct loader_conf	 conf;		/* dirs are not used, but: */
	char			**dirs;		/* ended by NULL */
	pthread_t		 thread;
	pthread_mutex_t		 lock;
	pthread_cond_t		 come;
	STAILQ_HEAD(, wanted)	 waiting;
	unsigned		 nwaiting;
	bool			 stop;
	TAILQ_HEAD(cache_list, cached) cache;		/* the thread's own */
	size_t			 cached_bytes;
	struct log_bucket	 bucket;
};

static const char *const extensions[] = { "", ".wav", ".flac", ".ogg", ".opus", ".mp3", ".sln",
	".ulaw", ".alaw", ".gsm", NULL };

/* Relative, and not out of the directory. */
static bool
path_ok(const char *path)
{
	const char *p = path;

	if (*p == '\0' || *p == '/')
		return false;
	while ((p = strstr(p, "..")) != NULL) {
		if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
			return false;
		p += 2;
	}
	return true;
}

static bool
find(const struct loader *l, const char *path, char *full, struct stat *st)
{
	for (size_t d = 0; l->dirs[d] != NULL; d++) {
		for (const char *const *e = extensions; *e != NULL; e++) {
			if (str_format(full, PATH_LEN, "%s/%s%s", l->dirs[d], path, *e) &&
			    stat(full, st) == 0 && S_ISREG(st->st_mode))
				return true;
		}
	}
	return false;
}

static void
forget(struct loader *l, struct cached *c)
{
	TAILQ_REMOVE(&l->cache, c, next);
	l->cached_bytes -= c->bytes;
	sound_unref(&c->sound);
	free(c);
}

static struct sound *
from_cache(struct loader *l, const char *path, const struct stat *st)
{
	struct cached *c;

	TAILQ_FOREACH(c, &l->cache, next) {
		if (str_eq(c->path, path))
			break;
	}
	if (c == NULL)
		return NULL;
	if (st != NULL && (c->inode != st->st_ino || c->mtime.tv_sec != st->st_mtim.tv_sec ||
	    c->mtime.tv_nsec != st->st_mtim.tv_nsec)) {
		forget(l, c);
		return NULL;
	}
	TAILQ_REMOVE(&l->cache, c, next);
	TAILQ_INSERT_HEAD(&l->cache, c, next);
	return sound_ref(c->sound);
}

static void
to_cache(struct loader *l, const char *path, const struct stat *st, struct sound *sound)
{
	size_t bytes = sizeof(*sound) + (size_t)sound->n * sizeof(sound->pcm[0]);
	struct cached *c;

	if (bytes > l->conf.cache_bytes / 2 || (c = mem_new(sizeof(*c) + strlen(path) + 1)) == NULL)
		return;
	while (l->cached_bytes + bytes > l->conf.cache_bytes && !TAILQ_EMPTY(&l->cache))
		forget(l, TAILQ_LAST(&l->cache, cache_list));
	memcpy(c->path, path, strlen(path) + 1);
	c->sound = sound_ref(sound);
	c->bytes = bytes;
	if (st != NULL) {
		c->mtime = st->st_mtim;
		c->inode = st->st_ino;
	}
	l->cached_bytes += bytes;
	TAILQ_INSERT_HEAD(&l->cache, c, next);
}

static struct sound *
load(struct loader *l, const char *path)
{
	const char *why = "not found";
	char full[PATH_LEN];
	struct sound *s;
	struct stat st;

	if (str_starts(path, "tone:")) {
		if ((s = from_cache(l, path, NULL)) == NULL &&
		    (s = sound_tone(path + strlen("tone:"))) != NULL)
			to_cache(l, path, NULL, s);
		return s;
	}
	if (path_ok(path) && find(l, path, full, &st)) {
		if ((s = from_cache(l, full, &st)) != NULL)
			return s;
		if ((s = sound_load(full, &why)) != NULL) {
			to_cache(l, full, &st, s);
			return s;
		}
	}
	log_limited(&l->bucket, LL_WARNING, "sound cannot be played", kv_s("path", path),
	    kv_s("reason", why));
	return NULL;
}

static void *
run(void *arg)
{
	struct loader *l = arg;
	struct loader_result result;
	struct wanted *w;

	pthread_mutex_lock(&l->lock);
	while (!l->stop) {
		if ((w = STAILQ_FIRST(&l->waiting)) == NULL) {
			pthread_cond_wait(&l->come, &l->lock);
			continue;
		}
		STAILQ_REMOVE_HEAD(&l->waiting, next);
		l->nwaiting--;
		pthread_mutex_unlock(&l->lock);
		result.session = w->session;
		result.play = w->play;
		result.sound = load(l, w->path);
		l->conf.done(l->conf.arg, &result);
		mem_free(&w);
		pthread_mutex_lock(&l->lock);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* The thread's own copy: settings may be read again. */
static bool
copy_dirs(struct loader *l, const struct loader_conf *conf)
{
	if ((l->dirs = mem_new((conf->ndirs + 1) * sizeof(*l->dirs))) == NULL)
		return false;
	for (size_t i = 0; i < conf->ndirs; i++) {
		if ((l->dirs[i] = mem_strdup(conf->dirs[i])) == NULL)
			return false;
	}
	return true;
}

static void
loader_free(struct loader *l)
{
	for (size_t i = 0; l->dirs != NULL && l->dirs[i] != NULL; i++)
		free(l->dirs[i]);
	free(l->dirs);
	free(l);
}

int
loader_start(struct loader **out, const struct loader_conf *conf)
{
	struct loader *l = mem_new(sizeof(*l));
	sigset_t all, old;
	int r;

	*out = NULL;
	if (l == NULL)
		return -ENOMEM;
	l->conf = *conf;
	if (!copy_dirs(l, conf)) {
		loader_free(l);
		return -ENOMEM;
	}
	STAILQ_INIT(&l->waiting);
	TAILQ_INIT(&l->cache);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->come, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&l->thread, NULL, run, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0) {
		loader_free(l);
		return -r;
	}
	*out = l;
	return 0;
}

void
loader_stop(struct loader **pp)
{
	struct loader *l = *pp;
	struct wanted *w;

	*pp = NULL;
	if (l == NULL)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_signal(&l->come);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	while ((w = STAILQ_FIRST(&l->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->waiting, next);
		free(w);
	}
	while (!TAILQ_EMPTY(&l->cache))
		forget(l, TAILQ_FIRST(&l->cache));
	pthread_cond_destroy(&l->come);
	pthread_mutex_destroy(&l->lock);
	loader_free(l);
}

int
loader_ask(struct loader *l, uint64_t session, uint32_t play, const char *path)
{
	struct wanted *w = mem_new(sizeof(*w));

	if (w == NULL)
		return -ENOMEM;
	w->session = session;
	w->play = play;
	str_copy(w->path, sizeof(w->path), path);
	pthread_mutex_lock(&l->lock);
	if (l->nwaiting >= WAITING_MAX) {
		pthread_mutex_unlock(&l->lock);
		free(w);
		return -ENOBUFS;
	}
	STAILQ_INSERT_TAIL(&l->waiting, w, next);
	l->nwaiting++;
	pthread_cond_signal(&l->come);
	pthread_mutex_unlock(&l->lock);
	return 0;
}
