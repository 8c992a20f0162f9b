/* SPDX-License-Identifier: ISC */
/*
 * Sounds: whole files or tones, decoded to 8 kHz mono, shared and never changed once made. A loader
 * thread reads and decodes, so that a slow disk stops nothing; what it has decoded is kept up to a
 * bound. Reference-counted across threads.
 */
#ifndef WARDEN_MEDIAD_SOUND_H
#define WARDEN_MEDIAD_SOUND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOUND_RATE	8000
#define SOUND_MAX	(SOUND_RATE * 60 * 30)	/* samples: longer files are cut there */

struct sound {
	atomic_uint	refs;
	uint32_t	n;		/* samples; at least 1 */
	int16_t		pcm[];
};

/* n samples of silence with one reference, or NULL. */
struct sound *sound_new(uint32_t n);
struct sound *sound_ref(struct sound *s);
void sound_unref(struct sound **s);	/* frees with the last one; takes a pointer to NULL */

/*
 * "ringback", "busy", "congestion", "dial", "beep", "silence": one period of it. NULL: no such
 * tone, or no memory.
 */
struct sound *sound_tone(const char *name);

/*
 * Decodes a file of any rate and number of channels. Returns NULL with *why (constant text).
 * Blocks: loader thread, or tests.
 */
struct sound *sound_load(const char *path, const char **why);

/*
 * Linear samples from one rate to another (windowed sinc). Returns how many of out's max were made.
 */
size_t sound_resample(const float *in, size_t n, unsigned from, unsigned to, int16_t *out,
    size_t max);

/*
 * ---- the loader thread
 * ----------------------------------------------------------------------------------------------
 */

struct loader;

struct loader_result {
	uint64_t	 session;
	uint32_t	 play;
	struct sound	*sound;		/* the receiver's reference; NULL: failed */
	const char	*music;		/* class, when music was asked for; play is the file's number */
};

/* Directories are searched in order, and copied. done is called on the loader's thread. */
struct loader_conf {
	const char *const	*dirs;
	size_t			 ndirs;
	const char *const	*languages;	/* see sound_path.h; NULL: none */
	const char		*voicemail;
	const char		*announcements;
	const char		*music, *music_default, *music_shipped;
	size_t			 cache_bytes;
	void			(*done)(void *arg, const struct loader_result *result);
	void			*arg;
};
int loader_start(struct loader **out, const struct loader_conf *conf);
void loader_stop(struct loader **loader);

/*
 * Asks for a play list (sound_path.h), or by "music:CLASS" for file number `play` of a class, or
 * the next one that can be played. Returns 0, or -ENOBUFS: too
 * many are waiting.
 */
int loader_ask(struct loader *loader, uint64_t session, uint32_t play, const char *path);

#endif
