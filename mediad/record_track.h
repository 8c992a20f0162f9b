/* SPDX-License-Identifier: ISC */
/*
 * One direction of a recording: packets in the order of their arrival become sound at its place in
 * time. What comes a little late or twice is put right, what is lost is taken from redundancy or
 * concealed, where nobody spoke there is silence, and a source that changes, stops or runs fast or
 * slow does not move what comes after it. Pure: the clock comes with the packets. On a writer
 * thread.
 *
 * It differs from receive.h, which plays to somebody who waits: here all that will come is known
 * before anything is decoded, so nothing is ever too late, stretched or cut. Packets stay in the
 * tap until their sound is written, and are decoded into memory that is used again at once: five
 * hundred recordings have no caches for windows of their own.
 *
 * Frames are counted from the recording's begin, khz of them a millisecond, pauses left out.
 */
#ifndef WARDEN_MEDIAD_RECORD_TRACK_H
#define WARDEN_MEDIAD_RECORD_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "mediad/codec.h"
#include "mediad/tap.h"

#define TRACK_AHEAD_MS	200	/* a packet may be so far ahead of its arrival */
#define TRACK_LOSS_MS	100	/* a longer hole is none of the network's */
#define TRACK_OVER_MS	(TRACK_LOSS_MS + CODEC_MS_MAX)	/* decoded at most beyond what was asked for */
#define TRACK_HELD	512	/* packets not decoded yet: two seconds of 5 ms each */

struct track_held {
	const struct tap_packet	*p;	/* its payload follows */
	int64_t			 at;	/* frame of its first sample */
};

struct record_track {
	struct tap_anchor	*anchor;	/* kept for the next process */
	unsigned		 khz;		/* frames a millisecond: 8 or 16 */
	int64_t			 done;		/* frames before this were read */
	int64_t			 end;		/* behind the newest sound that is decoded */
	int64_t			 heard;		/* ... that has come */
	int64_t			 lag;		/* least lag of the last packets, frames */
	int64_t			 lag_from;	/* when the first of them came */
	unsigned		 nlag;
	unsigned		 nheld;
	uint32_t		 ssrc;		/* decoded last */
	uint16_t		 seq;
	bool			 running;
	uint64_t		 late, lost;	/* packets */
	struct decoders		 decoders;
	struct track_held	 held[TRACK_HELD];	/* by place */
	int16_t			 over[TRACK_OVER_MS * 16];	/* decoded, from done to end */
};

/* NULL: no memory. */
struct record_track *track_new(struct tap_anchor *anchor, unsigned khz, int64_t done);
void track_free(struct record_track **t);

/* A packet of the tap that came when the recording was `arrival` frames long; stays until read. */
void track_packet(struct record_track *t, const struct tap_packet *p, int64_t arrival);

/*
 * The frames from done to `to`, which is done from then on. pcm has room for them and for
 * TRACK_OVER_MS more.
 */
void track_read(struct record_track *t, int64_t to, int16_t *pcm);

#endif
