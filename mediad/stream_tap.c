/* SPDX-License-Identifier: ISC */
/*
 * What a recorded stream gives to its recordings: packets as they come and go, undecoded. On the
 * packet path: no allocation, no lock, no log line.
 */
#include "common/base/clock.h"
#include "mediad/stream.h"

bool
stream_tap(struct stream *s, struct tap *tap, uint64_t record, bool swap, bool far_only)
{
	for (unsigned i = 0; i < s->ntaps; i++) {
		if (s->taps[i].record == record)
			return true;
	}
	if (s->ntaps == STREAM_TAPS)
		return false;
	s->taps[s->ntaps] = (struct stream_tap){
		.record = record, .swap = swap, .far_only = far_only
	};
	tap_pen(&s->taps[s->ntaps++].pen, tap);
	return true;
}

bool
stream_untap(struct stream *s, uint64_t record)
{
	for (unsigned i = 0; i < s->ntaps; i++) {
		if (s->taps[i].record != record)
			continue;
		s->taps[i] = s->taps[--s->ntaps];
		return true;
	}
	return false;
}

void
stream_record_soon(const struct stream *s)
{
	for (unsigned i = 0; i < s->ntaps; i++)
		tap_warm(&s->taps[i].pen);
}

void
stream_record(struct stream *s, enum tap_track track, unsigned codec, const struct rtp *r,
    uint64_t now_us)
{
	struct tap_packet p = { .at_us = now_us,
		.ts = r->ts,
		.ssrc = r->ssrc,
		.seq = r->seq,
		.len = (uint16_t)r->len,
		.codec = (uint8_t)codec };

	for (unsigned i = 0; i < s->ntaps; i++) {
		struct stream_tap *t = &s->taps[i];

		p.track = t->swap ? !track : track;
		if (t->far_only && p.track == TAP_OUT)
			continue;
		tap_push(&t->pen, &p, r->payload);
	}
}

void
stream_record_out(struct stream *s, const uint8_t *packet, size_t len)
{
	uint8_t pt = packet[1] & 0x7f;
	struct rtp r = { .seq = get_be16(packet + 2),
		.ts = get_be32(packet + 4),
		.ssrc = get_be32(packet + 8),
		.payload = (uint8_t *)(uintptr_t)(packet + RTP_HEAD_LEN),
		.len = len - RTP_HEAD_LEN };

	for (unsigned codec = 1; codec < SDP_CODEC_END; codec++) {
		if (s->now.tx_pt[codec] == pt) {
			stream_record(s, TAP_OUT, codec, &r, s->st.tx.last_us);
			return;
		}
	}
}
