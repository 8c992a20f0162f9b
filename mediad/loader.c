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
#include "mediad/sound_path.h"

#define WAITING_MAX	1024

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
	struct loader_conf	 conf;		/* its directories are not used, but: */
	struct sound_dirs	 dirs;		/* copies */
	pthread_t		 thread;
	pthread_mutex_t		 lock;
	pthread_cond_t		 come;
	STAILQ_HEAD(, wanted)	 waiting;
	unsigned		 nwaiting;
	bool			 stop;
	TAILQ_HEAD(cache_list, cached) cache;		/* the thread's own */
	size_t			 cached_bytes;
	struct log_bucket	 bucket;
	char			 told[33];	/* the class that tell_class() told of last */
};

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

/* One sound. *why is constant text. */
static struct sound *
load_one(struct loader *l, const char *language, const char *name, const char **why)
{
	char full[SOUND_PATH_LEN];
	struct sound *s;
	struct stat st;

	if (str_starts(name, "tone:")) {
		*why = "no such tone";
		if ((s = from_cache(l, name, NULL)) == NULL &&
		    (s = sound_tone(name + strlen("tone:"))) != NULL)
			to_cache(l, name, NULL, s);
		return s;
	}
	*why = "not found";
	if (!sound_path_find(&l->dirs, language, name, full, &st))
		return NULL;
	if ((s = from_cache(l, full, &st)) != NULL)
		return s;
	if ((s = sound_load(full, why)) != NULL && !sound_path_private(name))
		to_cache(l, full, &st, s);
	return s;
}

/* One behind the other. NULL: there are none, or out of memory. */
static struct sound *
join(struct sound *const parts[], size_t n)
{
	struct sound *all;
	size_t samples = 0, at = 0;

	for (size_t i = 0; i < n; i++)
		samples += parts[i]->n;
	if (samples > SOUND_MAX)
		samples = SOUND_MAX;
	if (samples == 0 || (all = sound_new((uint32_t)samples)) == NULL)
		return NULL;
	for (size_t i = 0; i < n && at < samples; i++) {
		size_t take = parts[i]->n < samples - at ? parts[i]->n : samples - at;

		memcpy(all->pcm + at, parts[i]->pcm, take * sizeof(all->pcm[0]));
		at += take;
	}
	return all;
}

/* A play list (sound_path.h). What of it is missing is left out; all of it missing is a failure. */
static struct sound *
load(struct loader *l, const char *list)
{
	struct sound *parts[SOUND_LIST_MAX], *all;
	char language[SOUND_LANGUAGE_LEN + 1], name[256];
	const char *why = "not found", *rest = sound_list_language(list, language);
	size_t n = 0;

	while (n < SOUND_LIST_MAX && sound_list_next(&rest, name, sizeof(name))) {
		if ((parts[n] = load_one(l, language, name, &why)) != NULL)
			n++;
		else
			log_limited(&l->bucket, LL_WARNING, "sound cannot be played",
			    kv_s("path", name), kv_s("reason", why));
	}
	if (n == 1)
		return parts[0];
	all = n == 0 ? NULL : join(parts, n);
	for (size_t i = 0; i < n; i++)
		sound_unref(&parts[i]);
	return all;
}

/*
 * A class that is only a name, mistyped or of a directory that cannot be read: told once in a row.
 */
static void
tell_class(struct loader *l, const char *class, const char *full)
{
	char dir[SOUND_PATH_LEN];

	if (str_eq(class, l->dirs.music_default) || str_eq(class, l->told) ||
	    !str_format(dir, sizeof(dir), "%s/%s/", l->dirs.music, class) || str_starts(full, dir))
		return;
	str_copy(l->told, sizeof(l->told), class);
	log_limited(&l->bucket, LL_WARNING,
	    "a class of music has no files; the default one is played", kv_s("class", class),
	    kv_s("directory", dir));
}

/* File number *index of a class; broken ones are passed over. */
static struct sound *
load_music(struct loader *l, const char *class, uint32_t *index)
{
	const char *why = "there is no file";
	char full[SOUND_PATH_LEN];
	struct sound *s;
	struct stat st;
	size_t n, tried = 0;

	while ((n = sound_music_find(&l->dirs, class, *index, full)) > tried) {
		if (tried == 0)
			tell_class(l, class, full);
		if (stat(full, &st) == 0 && (s = from_cache(l, full, &st)) != NULL)
			return s;
		if ((s = sound_load(full, &why)) != NULL) {
			to_cache(l, full, &st, s);
			return s;
		}
		log_limited(&l->bucket, LL_WARNING, "music cannot be played", kv_s("file", full),
		    kv_s("reason", why));
		tried++;
		(*index)++;
	}
	log_limited(&l->bucket, LL_WARNING, "there is no music", kv_s("class", class),
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
		result.music = NULL;
		if (str_starts(w->path, "music:")) {
			result.music = w->path + strlen("music:");
			result.sound = load_music(l, result.music, &result.play);
		} else {
			result.sound = load(l, w->path);
		}
		l->conf.done(l->conf.arg, &result);
		mem_free(&w);
		pthread_mutex_lock(&l->lock);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* The thread's own copy: settings may be read again. NULL: out of memory. */
static char **
copy_strings(const char *const *v, size_t n)
{
	char **copy = mem_new((n + 1) * sizeof(*copy));

	for (size_t i = 0; copy != NULL && i < n; i++) {
		if ((copy[i] = mem_strdup(v[i])) != NULL)
			continue;
		while (i-- > 0)
			free(copy[i]);
		mem_free(&copy);
	}
	return copy;
}

static void
free_strings(const char *const *v)
{
	for (size_t i = 0; v != NULL && v[i] != NULL; i++)
		free((void *)(uintptr_t)v[i]);
	free((void *)(uintptr_t)v);
}

static bool
copy_dirs(struct loader *l, const struct loader_conf *conf)
{
	struct sound_dirs *d = &l->dirs;
	size_t n = 0;

	while (conf->languages != NULL && conf->languages[n] != NULL)
		n++;
	d->prompts = (const char *const *)copy_strings(conf->dirs, conf->ndirs);
	d->languages = (const char *const *)copy_strings(conf->languages, n);
	d->voicemail = mem_strdup(conf->voicemail);
	d->announcements = mem_strdup(conf->announcements);
	d->music = mem_strdup(conf->music);
	d->music_default = mem_strdup(conf->music_default);
	d->music_shipped = mem_strdup(conf->music_shipped);
	return d->prompts != NULL && d->languages != NULL &&
	    (d->voicemail != NULL) == (conf->voicemail != NULL) &&
	    (d->announcements != NULL) == (conf->announcements != NULL) &&
	    (d->music != NULL) == (conf->music != NULL) &&
	    (d->music_default != NULL) == (conf->music_default != NULL) &&
	    (d->music_shipped != NULL) == (conf->music_shipped != NULL);
}

static void
loader_free(struct loader *l)
{
	free_strings(l->dirs.prompts);
	free_strings(l->dirs.languages);
	free((void *)(uintptr_t)l->dirs.voicemail);
	free((void *)(uintptr_t)l->dirs.announcements);
	free((void *)(uintptr_t)l->dirs.music);
	free((void *)(uintptr_t)l->dirs.music_default);
	free((void *)(uintptr_t)l->dirs.music_shipped);
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
