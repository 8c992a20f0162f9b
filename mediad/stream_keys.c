/* SPDX-License-Identifier: ISC */
/*
 * Keys (DTMF) of one stream and on to the one that hears it: told to featured once, whatever kind
 * they came in; and handed on once in the kind that the other far end takes (RFC 4733, tones in the
 * sound, SIP INFO). Events that both ends understand alike are relayed as packets by stream_in.c.
 */
#include <string.h>

#include "common/ipc/enums.h"
#include "mediad/g711.h"
#include "mediad/stream.h"
#include "mediad/worker.h"

#define BAND_MS 100	/* what is told of a key whose tone may go on */

enum way {
	WAY_NONE,
	WAY_EVENT,
	WAY_INFO,
	WAY_BAND,
};

static bool
has_event(const struct stream *s)
{
	unsigned khz;

	return sdp_tx_event(&s->now, &khz) != SDP_PT_NONE;
}

/* How keys go to s. */
static enum way
way_of(const struct stream *s)
{
	switch ((enum media_dtmf_way)s->dtmf) {
	case MEDIA_DTMF_INFO:
		return WAY_INFO;
	case MEDIA_DTMF_INBAND:
		return WAY_BAND;
	case MEDIA_DTMF_RFC4733:
		return has_event(s) ? WAY_EVENT : WAY_NONE;
	case MEDIA_DTMF_AUTO:
		break;
	}
	return has_event(s) ? WAY_EVENT : s->st.info_keys ? WAY_INFO : WAY_BAND;
}

bool
stream_takes_event(const struct stream *d, unsigned khz)
{
	unsigned own;

	return !d->frames && sdp_tx_event(&d->now, &own) != SDP_PT_NONE && own == khz;
}

static void
send_key(struct worker *w, struct stream *d, char digit, uint16_t ms)
{
	struct ev ev = { .type = EV_KEY_OUT,
		.session = d->st.id,
		.what = (uint8_t)digit,
		.duration_ms = ms };

	switch (way_of(d)) {
	case WAY_NONE:
		break;
	case WAY_INFO:
		worker_event(w, &ev);
		break;
	case WAY_EVENT:
	case WAY_BAND:
		if (voice_need(d) != NULL && dtmf_out_put(&d->voice->keys, digit))
			worker_tick(w, d);
		break;
	}
}

void
stream_key(struct worker *w, struct stream *s, char digit, uint16_t ms, bool relayed)
{
	struct ev ev = { .type = EV_DTMF,
		.session = s->st.id,
		.what = (uint8_t)digit,
		.duration_ms = ms };

	worker_event(w, &ev);
	if (!relayed && !s->echo && s->peer != NULL && s->peer->may_send && s->peer->play == 0)
		send_key(w, s->peer, digit, ms);
}

/* ---- events --------------------------------------------------------------------------------- */

static bool
relayed(const struct stream *s, unsigned khz)
{
	return s->echo || s->peer == NULL || stream_takes_event(s->peer, khz);
}

void
stream_event_in(struct worker *w, struct stream *s, const struct rtp *r, unsigned khz,
    uint64_t now_us)
{
	struct dtmf_key keys[2];
	unsigned i, n = dtmf_in_packet(&s->st.dtmf, r, khz, now_us, keys);

	for (i = 0; i < n; i++)
		stream_key(w, s, keys[i].digit, keys[i].ms, relayed(s, khz));
}

void
stream_event_over(struct worker *w, struct stream *s, uint64_t now_us)
{
	unsigned khz = s->st.dtmf.khz != 0 ? s->st.dtmf.khz : RTP_KHZ;
	struct dtmf_key key;

	if (dtmf_in_timeout(&s->st.dtmf, now_us, &key))
		stream_key(w, s, key.digit, key.ms, relayed(s, khz));
}

void
stream_key_info(struct worker *w, struct stream *s, char digit, uint16_t ms)
{
	if (!s->st.info_keys) {
		s->st.info_keys = 1;
		stream_band_configure(s);	/* it need not be listened to any more */
		stream_save(w, s);
	}
	stream_key(w, s, digit, ms, false);
}

/* ---- in band -------------------------------------------------------------------------------- */

void
stream_band_configure(struct stream *s)
{
	bool want = s->negotiated && s->may_receive && s->now.codec != SDP_CODEC_NONE &&
	    (s->dtmf == MEDIA_DTMF_INBAND || (s->dtmf == MEDIA_DTMF_AUTO && !s->st.info_keys)) &&
	    !has_event(s);	/* who does not take events does not send them either */

	if (!want) {
		if (s->voice != NULL)
			dtmf_band_free(&s->voice->band);
		return;
	}
	if (voice_need(s) == NULL || s->voice->band != NULL)
		return;
	s->voice->band = dtmf_band_new();
	if (!stream_is_g711(s))
		voice_need_in(s);
}

void
stream_band(struct worker *w, struct stream *s, const int16_t *pcm, size_t n)
{
	char key = dtmf_band_hear(s->voice->band, pcm, n);

	/* Who takes tones has it already. */
	if (key != 0)
		stream_key(w, s, key, BAND_MS, s->peer != NULL && way_of(s->peer) == WAY_BAND);
}

bool
stream_band_mutes(const struct stream *s)
{
	return s->voice != NULL && s->voice->band != NULL && s->peer != NULL && !s->echo &&
	    dtmf_band_on(s->voice->band) && way_of(s->peer) != WAY_BAND;
}
