/* SPDX-License-Identifier: ISC */
/* One direction of a recording, see record_track.h. */
#include "mediad/record_track.h"

#include <string.h>

#include "common/base/mem.h"

#define LAG_PACKETS	128	/* so many in a row behind: not jitter, the clocks differ */
#define LAG_TIME_MS	2000	/* ... and for so long: not a burst after a standstill */
#define LAG_MAX_MS	200
#define PACKET_MS	20	/* the usual one */
#define DOUBLE_MS	10	/* sound that begins so much before the last one's end is no news */
#define FAR_MS		2000	/* behind what is done: not of the same clock */

struct record_track *
track_new(struct tap_anchor *anchor, unsigned khz, int64_t done)
{
	struct record_track *t = mem_new(sizeof(*t));

	if (t == NULL)
		return NULL;
	t->anchor = anchor;
	t->khz = khz;
	t->done = t->end = t->heard = done;
	t->decoders.rate = khz * 1000;
	return t;
}

void
track_free(struct record_track **t)
{
	if (*t != NULL)
		decoders_free(&(*t)->decoders);
	mem_free(t);
}

static int64_t
frames(const struct record_track *t, int64_t ms)
{
	return ms * t->khz;
}

static void
set_anchor(struct record_track *t, const struct tap_packet *p, int64_t frame)
{
	*t->anchor = (struct tap_anchor){
		.ssrc = p->ssrc, .ts = p->ts, .frame = frame, .codec = p->codec
	};
	t->lag = INT64_MAX;
	t->nlag = 0;
}

/*
 * The clocks of the phone and of this machine differ: what is behind by more than jitter for long
 * moves on, what runs ahead loses a packet's worth now and then.
 */
static int64_t
follow_clock(struct record_track *t, const struct tap_packet *p, int64_t at, int64_t arrival)
{
	if (at > arrival + frames(t, TRACK_AHEAD_MS)) {
		at -= frames(t, PACKET_MS);
		set_anchor(t, p, at);
		return at;
	}
	if (arrival - at < t->lag)
		t->lag = arrival - at;
	if (t->nlag++ == 0)
		t->lag_from = arrival;
	if (t->nlag < LAG_PACKETS || arrival - t->lag_from < frames(t, LAG_TIME_MS))
		return at;
	if (t->lag > frames(t, LAG_MAX_MS)) {
		at += t->lag;
		set_anchor(t, p, at);
	}
	t->lag = INT64_MAX;
	t->nlag = 0;
	return at;
}

/* Where the packet's first sample belongs. */
static int64_t
place(struct record_track *t, const struct tap_packet *p, int64_t arrival)
{
	int64_t at = arrival, ahead = arrival + frames(t, TRACK_AHEAD_MS);
	const struct tap_anchor *a = t->anchor;
	unsigned khz = codec_khz((enum sdp_codec)p->codec);

	if (a->codec != 0 && a->ssrc == p->ssrc &&
	    codec_khz((enum sdp_codec)a->codec) == khz) {
		at = a->frame + (int64_t)(int32_t)(p->ts - a->ts) * t->khz / khz;
		if (at <= ahead + frames(t, PACKET_MS) && at >= t->done) {
			if ((uint32_t)(p->ts - a->ts) > INT32_MAX / 2)
				set_anchor(t, p, at);	/* before the numbers wrap */
			return follow_clock(t, p, at, arrival);
		}
		if (at < t->done && at > t->done - frames(t, FAR_MS))
			return at;		/* late, or known already */
		at = arrival;
	}
	/* Another source: not over what the one before it said. */
	if (t->heard > at && t->heard <= ahead)
		at = t->heard;
	set_anchor(t, p, at);
	return at;
}

void
track_packet(struct record_track *t, const struct tap_packet *p, int64_t arrival)
{
	int tenths;
	unsigned i;
	int64_t at;

	if (p->codec == 0 || p->codec >= SDP_CODEC_END || t->nheld == TRACK_HELD)
		return;
	tenths = codec_duration((enum sdp_codec)p->codec, tap_payload(p), p->len);
	if (tenths <= 0)
		return;
	at = place(t, p, arrival);
	for (i = t->nheld; i > 0 && t->held[i - 1].at > at; i--)
		t->held[i] = t->held[i - 1];
	t->held[i] = (struct track_held){ .p = p, .at = at };
	t->nheld++;
	if (at + tenths * (int64_t)t->khz / 10 > t->heard)
		t->heard = at + tenths * (int64_t)t->khz / 10;
}

/*
 * ---- reading; frame f is pcm[f - done], and what is before end is there
 */

static void
silence(struct record_track *t, int64_t to, int16_t *pcm)
{
	if (to <= t->end)
		return;
	memset(pcm + (t->end - t->done), 0, (size_t)(to - t->end) * sizeof(*pcm));
	t->end = to;
}

/* Packets between the last one and this are lost, and it was no more than a moment. */
static bool
after_loss(const struct record_track *t, const struct track_held *h)
{
	uint16_t ahead = (uint16_t)(h->p->seq - t->seq);

	return t->running && h->p->ssrc == t->ssrc && h->at > t->end &&
	    h->at - t->end <= frames(t, TRACK_LOSS_MS) && ahead > 1 && ahead < 100;
}

static void
make_up(struct record_track *t, const struct track_held *h, int16_t *pcm)
{
	size_t n = (size_t)(h->at - t->end), gap = 0;
	const struct tap_packet *p = h->p;

	t->lost += (uint16_t)(p->seq - t->seq) - 1u;
	pcm += t->end - t->done;
	/* the last of them may be in this one, too */
	if (p->codec == SDP_CODEC_OPUS) {
		int tenths = codec_duration(SDP_CODEC_OPUS, tap_payload(p), p->len);

		gap = (size_t)tenths * t->khz / 10;
		gap = gap < n ? gap : n;
	}
	decoders_conceal(&t->decoders, pcm, n - gap);
	if (gap > 0 && !decoders_recover(&t->decoders, tap_payload(p), p->len, pcm + n - gap, gap))
		decoders_conceal(&t->decoders, pcm + n - gap, gap);
	t->end = h->at;
}

static void
decode_one(struct record_track *t, const struct track_held *h, int16_t *pcm)
{
	int16_t sound[CODEC_PCM_MAX];
	int64_t at = h->at, cut;
	int n;

	if (t->running && at < t->end - frames(t, DOUBLE_MS)) {
		t->late++;
		return;
	}
	if (after_loss(t, h))
		make_up(t, h, pcm);
	if (at >= t->done) {
		silence(t, at, pcm);
		n = decoders_decode(&t->decoders, h->p->codec, tap_payload(h->p), h->p->len,
		    pcm + (at - t->done), CODEC_PCM_MAX);
	} else {	/* the process before us had written its beginning */
		n = decoders_decode(&t->decoders, h->p->codec, tap_payload(h->p), h->p->len, sound,
		    CODEC_PCM_MAX);
		cut = t->done - at;
		if (n > cut)
			memcpy(pcm, sound + cut, (size_t)(n - cut) * sizeof(*pcm));
	}
	if (n <= 0)
		return;
	if (at + n > t->end)
		t->end = at + n;
	t->seq = h->p->seq;
	t->ssrc = h->p->ssrc;
	t->running = true;
}

void
track_read(struct record_track *t, int64_t to, int16_t *pcm)
{
	size_t over = (size_t)(t->end - t->done);
	unsigned n = 0;

	memcpy(pcm, t->over, over * sizeof(*pcm));
	while (n < t->nheld &&
	    (t->held[n].at < to || (t->end < to && after_loss(t, &t->held[n]))))
		decode_one(t, &t->held[n++], pcm);
	t->nheld -= n;
	memmove(t->held, t->held + n, t->nheld * sizeof(t->held[0]));
	silence(t, to, pcm);
	memcpy(t->over, pcm + (to - t->done), (size_t)(t->end - to) * sizeof(*pcm));
	t->done = to;
	if (t->heard < to)
		t->heard = to;
}
