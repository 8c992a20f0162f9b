/* SPDX-License-Identifier: ISC */
/*
 * Receiving sound: packets go in as they arrive, frames of 20 ms come out as the clock says. Between
 * the two an adaptive jitter buffer, which puts packets in order and waits as long as nearly all of
 * them need; what is lost is taken from redundancy (Opus FEC) or concealed; what was not sent (DTX,
 * comfort noise by RFC 3389, a key's packets) is filled with noise as loud as the background.
 *
 * Used for streams that are decoded by workers, and for recordings. Pure: the clock is the caller's
 * (clock_mono_us, or that of the packets when a recording is written later). Allocates when the
 * codec changes, otherwise not.
 */
#ifndef WARDEN_MEDIAD_RECEIVE_H
#define WARDEN_MEDIAD_RECEIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mediad/rtp.h"
#include "mediad/sdp.h"

#define RECEIVE_FRAME_MS	20
#define RECEIVE_FRAME_MAX	320	/* samples of a frame at 16000 */

/* Kinds of packet besides enum sdp_codec. */
#define RECEIVE_NOISE	0xfd	/* comfort noise (RFC 3389): its first octet is the level */
#define RECEIVE_PAUSE	0xfe	/* takes a number, has no sound: a telephone-event */

enum receive_frame {
	RECEIVE_NOTHING,	/* silence: no packet has come yet, or none for long */
	RECEIVE_VOICE,		/* what was sent, at least in part */
	RECEIVE_CONCEALED,	/* made up for what is lost or late */
	RECEIVE_QUIET,		/* noise in a pause */
};

struct receive_conf {
	unsigned	rate;		/* of the frames: 8000 or 16000 */
	unsigned	min_ms, max_ms;	/* bounds of the wait; equal: it is fixed. 0, 0: 10 and 200 */
};

struct receive_stats {
	uint64_t	packets;	/* taken; without doubles and late ones */
	uint64_t	late;		/* came after their time */
	uint64_t	lost_ms;	/* made up by concealment */
	uint64_t	recovered_ms;	/* made up by redundancy */
	uint32_t	stretched, cut;	/* frames added, frames and packets left out to adapt the wait */
	uint32_t	wait_ms;	/* as it is now */
};

struct receive;

struct receive *receive_new(const struct receive_conf *conf);	/* NULL: out of memory */
void receive_free(struct receive **r);				/* takes a pointer to NULL */

/*
 * A packet that came at now_us. kind: an enum sdp_codec, RECEIVE_NOISE or RECEIVE_PAUSE; its payload
 * is copied. A new SSRC, a jump of the numbers or a timestamp that starts again begins anew.
 */
void receive_feed(struct receive *r, unsigned kind, const struct rtp *p, uint64_t now_us);

/* The next frame, rate/50 samples; to be called each 20 ms of the clock that receive_feed() has. */
enum receive_frame receive_pull(struct receive *r, int16_t *pcm, uint64_t now_us);

/*
 * Whether sound is waiting that receive_pull() would bring: for who pulls until the end of a
 * recording.
 */
bool receive_pending(const struct receive *r);

void receive_stats(const struct receive *r, struct receive_stats *out);

#endif
