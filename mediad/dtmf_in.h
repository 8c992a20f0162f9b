/* SPDX-License-Identifier: ISC */
/*
 * Keys pressed, out of telephone-event packets (RFC 4733): each key once, whatever of the event is
 * lost, repeated or late. Pure and plain data; lives in the checkpoint (layout fixed).
 */
#ifndef WARDEN_MEDIAD_DTMF_IN_H
#define WARDEN_MEDIAD_DTMF_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "mediad/rtp.h"

#define DTMF_TELL_MS	100	/* told when it lasts that long, even if it goes on */
#define DTMF_LOST_US	300000	/* an event without a packet for this long is over */

struct dtmf_in {
	uint64_t	last_us;
	uint32_t	ts;		/* of the event's first segment that is known */
	uint32_t	ssrc;
	uint16_t	duration;	/* of the current segment, clock units */
	uint16_t	before;		/* of earlier segments, ms */
	uint8_t		event;
	uint8_t		open;		/* an event is known that was not told yet */
	uint8_t		seen;		/* ts and ssrc are valid */
	uint8_t		khz;		/* of duration; 0: RTP_KHZ */
};

struct dtmf_key {
	char		digit;		/* 0-9 * # A-D */
	uint16_t	ms;
};

/*
 * Up to two keys: the one before, whose end was lost, and this one. khz: of the packet's payload
 * type. Returns how many of out[2] were filled.
 */
unsigned dtmf_in_packet(struct dtmf_in *d, const struct rtp *r, unsigned khz, uint64_t now_us,
    struct dtmf_key out[2]);

/* Called now and then: an event whose end never came. Returns true with *out. */
bool dtmf_in_timeout(struct dtmf_in *d, uint64_t now_us, struct dtmf_key *out);

#endif
