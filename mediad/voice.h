/* SPDX-License-Identifier: ISC */
/*
 * A stream's linear side, which only streams have that are not merely relayed: what its far end says
 * as frames of 20 ms (receive.h), frames for it as packets of its codec and length, the detector of
 * keys in its sound, and the keys that it is to be sent. One tick of the worker is one frame.
 *
 * Made and used by the worker's thread, freed with the stream. Making allocates; a tick does not,
 * but when codec or rate change.
 */
#ifndef WARDEN_MEDIAD_VOICE_H
#define WARDEN_MEDIAD_VOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mediad/codec.h"
#include "mediad/dtmf_band.h"
#include "mediad/dtmf_out.h"
#include "mediad/receive.h"

#define VOICE_RATE	8000
#define VOICE_FRAME	160		/* samples of a tick */
#define VOICE_RATE_WIDE	16000		/* between two ends that both have such a codec */
#define VOICE_FRAME_MAX	320		/* samples of a tick then */
#define VOICE_PACKET_MAX (VOICE_RATE_WIDE / 1000 * 60)

struct worker;
struct stream;

struct voice {
	struct receive		*in;		/* NULL: nobody listens to frames */
	bool			 said;		/* frame is what the far end said in this tick */
	unsigned		 rate;		/* of in and frame */
	size_t			 nframe;	/* samples of frame */
	int16_t			 frame[VOICE_FRAME_MAX];
	struct encoder		*out;
	unsigned		 out_rate;	/* of line */
	bool			 out_fec, out_dtx;
	size_t			 n;		/* samples of line */
	int16_t			 line[VOICE_PACKET_MAX + VOICE_FRAME_MAX];
	struct dtmf_out		 keys;		/* on their way to the far end */
	struct dtmf_band	*band;		/* listens for keys in the sound; NULL: does not */
};

/* s->voice, made if there is none; NULL when out of memory. */
struct voice *voice_need(struct stream *s);
/* With s->voice->in, at the rate that suits who hears it now. NULL when out of memory. */
struct receive *voice_need_in(struct stream *s);
void voice_free(struct voice **v);		/* takes a pointer to NULL */

/* A packet of sound (or RECEIVE_*) for the frames, if anybody wants them. */
void voice_feed(struct stream *s, unsigned kind, const struct rtp *r, uint64_t now_us);

/* This tick's frame of what the far end says. */
void voice_hear(struct stream *s, uint64_t now_us);

/*
 * This tick's frame for the far end, n samples of it (VOICE_FRAME, or VOICE_FRAME_MAX for a codec
 * that is wide): encoded and sent when there is enough for a packet.
 */
void voice_say(struct worker *w, struct stream *s, const int16_t *pcm, size_t n, uint64_t now_us);

/* This tick's part of the keys for the far end. Returns false when there are none. */
bool voice_keys(struct worker *w, struct stream *s, uint64_t now_us);

#endif
