/* SPDX-License-Identifier: ISC */
/*
 * Music on hold. A class is a directory of sound files, played in the order of their names from a
 * random one on, for ever. Each worker has one player for each class that somebody there hears:
 * everybody hears the same, a frame is taken once a tick and encoded once for each kind of G.711.
 * The loader decodes one file at a time; the next one is asked for while one is played. A class that
 * has nothing to play is silent.
 *
 * The functions that take a struct worker are the worker's, the others the main thread's.
 */
#ifndef WARDEN_MEDIAD_MUSIC_H
#define WARDEN_MEDIAD_MUSIC_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "mediad/voice.h"

#define MUSIC_CLASS_MAX	32	/* octets of a class's name */

struct worker;
struct stream;
struct mediad;

struct music {
	LIST_ENTRY(music)	 next;		/* of the worker */
	char			 class[MUSIC_CLASS_MAX + 1];
	unsigned		 listeners;
	struct sound		*now, *then;	/* playing, and next; NULL: not there yet */
	uint32_t		 at;		/* of now */
	uint32_t		 index;		/* number of the file asked for last */
	uint64_t		 asked_us;	/* 0: nothing is asked for */
	uint64_t		 tick;		/* of what follows */
	bool			 heard;		/* there is a frame */
	bool			 coded[2];	/* ulaw, alaw */
	int16_t			 frame[VOICE_FRAME];
	uint8_t			 code[2][VOICE_FRAME];
};
LIST_HEAD(music_list, music);

/* The stream hears the class in place of whom it is connected to; class NULL: no more. */
void music_listen(struct worker *w, struct stream *s, const char *class);

/* This tick's part for the stream. */
void music_say(struct worker *w, struct stream *s, uint64_t now_us);

/* The loader's answer: sound (a reference, the player's) is file `index` of class; NULL: none. */
void music_loaded(struct worker *w, const char *class, struct sound *sound, uint32_t index);

void music_free_all(struct worker *w);

/* EV_MUSIC: asks the loader for what a worker's player wants. */
void music_ask(struct mediad *m, unsigned worker, const char *class, uint32_t index);

#endif
