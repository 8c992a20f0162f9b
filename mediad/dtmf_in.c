/* SPDX-License-Identifier: ISC */
/*
 * Keys out of telephone-event packets, see dtmf_in.h. Called by stream_in.c; the packets themselves
 * are relayed all the same.
 */
#include "mediad/dtmf_in.h"

#define KEYS		16
#define SEGMENT_FULL	0xff00	/* longer events come in segments (RFC 4733 section 2.5.1.3) */

static const char keys[KEYS + 1] = "0123456789*#ABCD";

/* Of the current segment. */
static uint16_t
ms_of(const struct dtmf_in *d)
{
	return (uint16_t)(d->duration / (d->khz != 0 ? d->khz : RTP_KHZ));
}

static struct dtmf_key
tell(struct dtmf_in *d)
{
	uint32_t ms = (uint32_t)d->before + ms_of(d);

	d->open = 0;
	return (struct dtmf_key){ .digit = keys[d->event],
		.ms = ms > UINT16_MAX ? UINT16_MAX : (uint16_t)ms };
}

unsigned
dtmf_in_packet(struct dtmf_in *d, const struct rtp *r, unsigned khz, uint64_t now_us,
    struct dtmf_key out[2])
{
	uint8_t event;
	uint16_t duration;
	bool end, same;
	unsigned n = 0;

	/* flash and the tones of modems are no keys */
	if (r->len < 4 || r->payload[0] >= KEYS)
		return 0;
	event = r->payload[0];
	end = r->payload[1] & 0x80;
	duration = get_be16(r->payload + 2);

	same = d->seen && r->ssrc == d->ssrc;
	if (same && (int32_t)(r->ts - d->ts) < 0 && (int32_t)(r->ts - d->ts) > -(int32_t)(10000 * khz))
		return 0;				/* a late one of an event that is over */
	if (!same || r->ts != d->ts) {
		bool segment = same && event == d->event && d->duration >= SEGMENT_FULL &&
		    r->ts == d->ts + d->duration;

		if (!segment) {
			if (d->open)
				out[n++] = tell(d);
			d->open = 1;
			d->before = 0;
			d->event = event;
		} else {
			d->before = (uint16_t)(d->before + ms_of(d));
		}
		d->khz = (uint8_t)khz;
		d->ts = r->ts;
		d->ssrc = r->ssrc;
		d->duration = 0;
		d->seen = 1;
	}
	d->last_us = now_us;
	if (duration > d->duration)
		d->duration = duration;
	if (d->open && (end || d->before + ms_of(d) >= DTMF_TELL_MS))
		out[n++] = tell(d);
	return n;
}

bool
dtmf_in_timeout(struct dtmf_in *d, uint64_t now_us, struct dtmf_key *out)
{
	if (!d->open || now_us - d->last_us < DTMF_LOST_US)
		return false;
	*out = tell(d);
	return true;
}
