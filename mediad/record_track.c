/* SPDX-License-Identifier: ISC */
/* One direction of a recording, see record_track.h. */
#include "mediad/record_track.h"

#include <string.h>

#include "common/base/mem.h"
#include "mediad/codec.h"

#define LAG_PACKETS	128	/* so many in a row behind: not jitter, the clocks differ */
#define LAG_MAX		1600
#define CONCEAL_MAX	800	/* frames: a longer hole is none of the network's */

struct record_track *
track_new(struct tap_anchor *anchor, int64_t done)
{
	struct record_track *t = mem_new(sizeof(*t));

	if (t == NULL)
		return NULL;
	t->anchor = anchor;
	t->done = t->end = done;
	return t;
}

void
track_free(struct record_track **t)
{
	if (*t != NULL)
		decoder_free(&(*t)->decoder);
	mem_free(t);
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
	if (at > arrival + TRACK_AHEAD) {
		at -= 160;
		set_anchor(t, p, at);
		return at;
	}
	if (arrival - at < t->lag)
		t->lag = arrival - at;
	if (++t->nlag < LAG_PACKETS)
		return at;
	if (t->lag > LAG_MAX) {
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
	const struct tap_anchor *a = t->anchor;
	unsigned khz = codec_khz((enum sdp_codec)p->codec);
	int64_t at = arrival;

	if (a->codec != 0 && a->ssrc == p->ssrc &&
	    codec_khz((enum sdp_codec)a->codec) == khz) {
		at = a->frame + (int64_t)(int32_t)(p->ts - a->ts) * 8 / khz;
		if (at <= arrival + TRACK_AHEAD + 160 && at >= t->done) {
			if ((uint32_t)(p->ts - a->ts) > INT32_MAX / 2)
				set_anchor(t, p, at);	/* before the numbers wrap */
			return follow_clock(t, p, at, arrival);
		}
		if (at < t->done && at > t->done - TRACK_WINDOW && t->end > at)
			return at;		/* late, or known already */
		at = at < t->done && at > t->done - TRACK_WINDOW ? t->done : arrival;
	}
	/* Another source: not over what the one before it said. */
	if (t->end > at && t->end <= arrival + TRACK_AHEAD)
		at = t->end;
	set_anchor(t, p, at);
	return at;
}

static void
put(struct record_track *t, int64_t at, const int16_t *pcm, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t pos = (size_t)(at + (int64_t)i) % TRACK_WINDOW, m = TRACK_WINDOW - pos;

		if (m > n - i)
			m = n - i;
		memcpy(t->win + pos, pcm + i, m * sizeof(*pcm));
		i += m;
	}
}

static void
conceal(struct record_track *t, int64_t to)
{
	int16_t pcm[CONCEAL_MAX];
	size_t n = (size_t)(to - t->end);

	decoder_conceal(t->decoder, pcm, n);
	put(t, t->end, pcm, n);
	t->end = to;
}

static bool
need_decoder(struct record_track *t, enum sdp_codec codec)
{
	if (t->decoder != NULL && decoder_codec(t->decoder) == codec)
		return true;
	decoder_free(&t->decoder);
	t->decoder = decoder_new(codec, CODEC_RATE);
	t->running = false;
	return t->decoder != NULL;
}

static void
decode_one(struct record_track *t, const struct track_held *h)
{
	uint16_t ahead = (uint16_t)(h->p->seq - t->seq);
	int16_t pcm[CODEC_PCM_MAX];
	int64_t at = h->at;
	int n, cut = 0;

	if (at < t->end - 80 && t->running) {
		t->late++;
		return;
	}
	if (!need_decoder(t, (enum sdp_codec)h->p->codec))
		return;
	if (t->running && h->p->ssrc == t->ssrc && at > t->end && at - t->end <= CONCEAL_MAX &&
	    ahead > 1 && ahead < 100) {
		t->lost += ahead - 1u;
		conceal(t, at);
	}
	n = decoder_decode(t->decoder, h->payload, h->p->len, pcm, CODEC_PCM_MAX);
	if (n <= 0)
		return;
	if (at < t->done)
		cut = t->done - at < n ? (int)(t->done - at) : n;
	if (at + n > t->done + TRACK_WINDOW)
		return;
	put(t, at + cut, pcm + cut, (size_t)(n - cut));
	if (at + n > t->end)
		t->end = at + n;
	t->seq = h->p->seq;
	t->ssrc = h->p->ssrc;
	t->running = true;
}

void
track_packet(struct record_track *t, const struct tap_packet *p, const uint8_t *payload,
    int64_t arrival)
{
	unsigned i;
	int64_t at;

	if (p->codec == 0 || p->codec >= SDP_CODEC_SLOTS)
		return;
	at = place(t, p, arrival);
	if (t->nheld == TRACK_HELD) {
		decode_one(t, &t->held[0]);
		memmove(t->held, t->held + 1, --t->nheld * sizeof(t->held[0]));
	}
	for (i = t->nheld; i > 0 && t->held[i - 1].at > at; i--)
		t->held[i] = t->held[i - 1];
	t->held[i] = (struct track_held){ .p = p, .payload = payload, .at = at };
	t->nheld++;
}

void
track_decode(struct record_track *t, uint64_t until_us)
{
	unsigned n = 0;

	while (n < t->nheld && t->held[n].p->at_us < until_us)
		decode_one(t, &t->held[n++]);
	t->nheld -= n;
	if (n > 0)
		memmove(t->held, t->held + n, t->nheld * sizeof(t->held[0]));
}

const struct tap_packet *
track_oldest(const struct record_track *t)
{
	return t->nheld > 0 ? t->held[0].p : NULL;
}

void
track_advance(struct record_track *t, int64_t to)
{
	size_t pos, n = (size_t)(to - t->done), m;

	for (size_t i = 0; i < n; i += m) {
		pos = (size_t)(t->done + (int64_t)i) % TRACK_WINDOW;
		m = TRACK_WINDOW - pos < n - i ? TRACK_WINDOW - pos : n - i;
		memset(t->win + pos, 0, m * sizeof(t->win[0]));
	}
	t->done = to;
	if (t->end < to)
		t->end = to;
}
