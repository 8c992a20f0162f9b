/* SPDX-License-Identifier: ISC */
/* The linear side of a stream, see voice.h. Called by stream_in.c for packets and by stream_tick.c. */
#include "mediad/voice.h"

#include <string.h>

#include "common/base/mem.h"
#include "mediad/stream.h"
#include "mediad/worker.h"

#define TICK_MS 20

_Static_assert(sizeof(((struct worker *)0)->packet) >= IO_HEADROOM + RTP_HEAD_LEN + CODEC_PAYLOAD_MAX,
    "libopus clears all the room that it is told of");

struct voice *
voice_need(struct stream *s)
{
	if (s->voice == NULL)
		s->voice = mem_new(sizeof(*s->voice));
	return s->voice;
}

/* What suits who hears it: sounds, rooms and the detector of keys are narrow. */
static unsigned
rate_for(const struct stream *s)
{
	const struct stream *d = s->echo ? s : s->peer;

	return d != NULL && s->room == NULL && s->voice->band == NULL &&
	    codec_wide((enum sdp_codec)s->now.codec) &&
	    codec_wide((enum sdp_codec)d->now.codec) ? VOICE_RATE_WIDE : VOICE_RATE;
}

struct receive *
voice_need_in(struct stream *s)
{
	struct voice *v = voice_need(s);
	unsigned rate;

	if (v == NULL)
		return NULL;
	rate = rate_for(s);
	if (v->in != NULL && v->rate != rate)
		receive_free(&v->in);
	if (v->in == NULL)
		v->in = receive_new(&(struct receive_conf){ .rate = rate });
	v->rate = rate;
	v->nframe = rate / (1000 / TICK_MS);
	return v->in;
}

void
voice_free(struct voice **pp)
{
	if (*pp == NULL)
		return;
	receive_free(&(*pp)->in);
	encoder_free(&(*pp)->out);
	dtmf_band_free(&(*pp)->band);
	mem_free(pp);
}

void
voice_feed(struct stream *s, unsigned kind, const struct rtp *r, uint64_t now_us)
{
	if (s->voice != NULL && s->voice->in != NULL)
		receive_feed(s->voice->in, kind, r, now_us);
}

void
voice_hear(struct stream *s, uint64_t now_us)
{
	struct voice *v = s->voice;

	v->said = v->in != NULL && voice_need_in(s) != NULL &&
	    receive_pull(v->in, v->frame, now_us) != RECEIVE_NOTHING;
}

/* The encoder for what is agreed now. */
static bool
need_encoder(struct stream *s, unsigned rate)
{
	struct voice *v = voice_need(s);
	struct encoder_conf conf = {
		.codec = (enum sdp_codec)s->now.codec,
		.rate = rate,
		.fec = s->now.flags & SDP_OPUS_FEC,
		.dtx = s->now.flags & SDP_OPUS_DTX,
	};

	if (v == NULL)
		return false;
	if (v->out != NULL && encoder_codec(v->out) == conf.codec && v->out_rate == rate &&
	    v->out_fec == conf.fec && v->out_dtx == conf.dtx)
		return true;
	encoder_free(&v->out);
	v->out = encoder_new(&conf);
	v->out_rate = rate;
	v->out_fec = conf.fec;
	v->out_dtx = conf.dtx;
	v->n = 0;
	return v->out != NULL;
}

/* One packet of n samples. */
static void
send_packet(struct worker *w, struct stream *s, const int16_t *pcm, size_t n, uint64_t now_us)
{
	uint8_t *packet = w->packet + IO_HEADROOM;
	unsigned khz = codec_khz((enum sdp_codec)s->now.codec);
	uint32_t units = (uint32_t)(n / (s->voice->out_rate / 1000)) * khz;
	int len = encoder_encode(s->voice->out, pcm, n, packet + RTP_HEAD_LEN, CODEC_PAYLOAD_MAX);
	struct rtp r;

	rtp_tx_clock(&s->st.tx, khz);
	if (len <= 0) {
		rtp_tx_pass(&s->st.tx, units, now_us);
		return;
	}
	rtp_tx_make(&s->st.tx, &r, units, now_us);
	r.pt = s->now.tx_pt[s->now.codec];
	rtp_write_head(packet, &r);
	stream_send(w, s, packet, RTP_HEAD_LEN + (size_t)len);
	io_flush(w->io);	/* the packet's memory is used again */
}

void
voice_say(struct worker *w, struct stream *s, const int16_t *pcm, size_t n, uint64_t now_us)
{
	struct voice *v;
	size_t packet;

	if (!s->may_send || !need_encoder(s, (unsigned)n * (1000 / TICK_MS)))
		return;
	v = s->voice;
	packet = codec_frame_ms((enum sdp_codec)s->now.codec, s->now.ptime_ms) *
	    (v->out_rate / 1000);
	memcpy(v->line + v->n, pcm, n * sizeof(*pcm));
	v->n += n;
	while (v->n >= packet) {
		send_packet(w, s, v->line, packet, now_us);
		v->n -= packet;
		memmove(v->line, v->line + packet, v->n * sizeof(*v->line));
	}
}

/* Time passes in the stream with the first packet of a tick alone. */
static void
send_event(struct worker *w, struct stream *s, const struct dtmf_event *e, uint8_t pt,
    uint64_t now_us)
{
	uint8_t *packet = w->packet + IO_HEADROOM;
	uint32_t units = TICK_MS * rtp_tx_khz(&s->st.tx);
	struct rtp r;

	s->voice->n = 0;
	if (e->copies == 0)
		rtp_tx_pass(&s->st.tx, units, now_us);
	for (unsigned i = 0; i < e->copies; i++) {
		rtp_tx_make(&s->st.tx, &r, i == 0 ? units : 0, now_us);
		if (e->first)
			s->voice->keys.ts = r.ts;
		r.ts = s->voice->keys.ts;
		r.marker = e->first;
		r.pt = pt;
		rtp_write_head(packet, &r);
		memcpy(packet + RTP_HEAD_LEN, e->payload, e->len);
		stream_send(w, s, packet, RTP_HEAD_LEN + e->len);
		io_flush(w->io);
	}
}

bool
voice_keys(struct worker *w, struct stream *s, uint64_t now_us)
{
	struct voice *v = s->voice;
	int16_t pcm[VOICE_FRAME];
	struct dtmf_event e;
	unsigned khz;
	uint8_t pt;

	if (v == NULL || v->keys.n == 0)
		return false;
	if (!s->may_send) {
		v->keys.n = v->keys.at_ms = 0;
		return false;
	}
	pt = sdp_tx_event(&s->now, &khz);
	rtp_tx_clock(&s->st.tx, codec_khz((enum sdp_codec)s->now.codec));
	if (pt == SDP_PT_NONE) {
		dtmf_out_tone(&v->keys, pcm, VOICE_FRAME);
		voice_say(w, s, pcm, VOICE_FRAME, now_us);
	} else {
		dtmf_out_event(&v->keys, khz, &e);
		send_event(w, s, &e, pt, now_us);
	}
	return true;
}
