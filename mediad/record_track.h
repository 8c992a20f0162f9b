/* SPDX-License-Identifier: ISC */
/*
 * One direction of a recording: packets in the order of their arrival become sound at its place in
 * time. What comes a little late or twice is put right, what is lost is concealed, where nobody
 * spoke there is silence, and a source that changes, stops or runs fast or slow does not move what
 * comes after it. Pure: the clock comes with the packets. On a writer thread.
 *
 * Frames are counted from the recording's begin, 8000 a second, pauses left out.
 */
#ifndef WARDEN_MEDIAD_RECORD_TRACK_H
#define WARDEN_MEDIAD_RECORD_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "mediad/tap.h"

#define TRACK_WINDOW	16384		/* frames that may lie ahead of what is on the disk */
#define TRACK_AHEAD	1600		/* a packet may be so far ahead of its arrival */
#define TRACK_WAIT_MS	120		/* for packets that others overtook */
#define TRACK_HELD	32

struct track_held {
	const struct tap_packet	*p;
	const uint8_t		*payload;
	int64_t			 at;	/* frame of its first sample */
};

struct record_track {
	struct tap_anchor	*anchor;	/* kept for the next process */
	int64_t			 done;		/* frames before this are gone to the disk */
	int64_t			 end;		/* behind the newest sound */
	int64_t			 lag;		/* least lag of the last packets, frames */
	unsigned		 nlag;
	unsigned		 nheld;
	uint32_t		 ssrc;		/* decoded last */
	uint16_t		 seq;
	bool			 running;
	uint64_t		 late, lost;	/* packets */
	struct track_held	 held[TRACK_HELD];	/* by place */
	struct decoder		*decoder;
	int16_t			 win[TRACK_WINDOW];	/* frame f is win[f % TRACK_WINDOW] */
};

struct record_track *track_new(struct tap_anchor *anchor, int64_t done);	/* NULL: no memory */
void track_free(struct record_track **t);

/* A packet that came when the recording was `arrival` frames long; stays where it is until done. */
void track_packet(struct record_track *t, const struct tap_packet *p, const uint8_t *payload,
    int64_t arrival);

/* Decodes what came before until_us. UINT64_MAX: all. */
void track_decode(struct record_track *t, uint64_t until_us);

/* The oldest packet that is still needed, or NULL. */
const struct tap_packet *track_oldest(const struct record_track *t);

/* What is before frame `to` (at most TRACK_WINDOW further) is silence again, and done. */
void track_advance(struct record_track *t, int64_t to);

#endif
