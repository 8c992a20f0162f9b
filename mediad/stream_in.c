/* SPDX-License-Identifier: ISC */
/*
 * The packet path: in from the network, judged, counted, renumbered, out to whoever hears the
 * stream. Runs on a worker for each packet: no allocation, no lock, no log line.
 */
#include <string.h>

#include "common/ipc/enums.h"
#include "mediad/g711.h"
#include "mediad/stream.h"
#include "mediad/worker.h"

#define RATE_US		1000000
/* packets a second; 10 ms frames are 100. Also ends loops made by addresses in SDP. */
#define RATE_MAX	1000
#define ODD_MAX		4	/* packets of another length than agreed: then they are cut anew */

/* Once the source is final the kernel filters strangers, and sends cost less. */
static void
hold_source(struct stream *s)
{
	if (!io_port_connected(s->rtp) && latch_final(&s->st.latch))
		io_port_connect(s->rtp, &s->st.latch.locked);
}

static bool
accept_source(struct worker *w, struct stream *s, const struct io_packet *p, const struct rtp *r,
    uint64_t now_us)
{
	struct latch *l = &s->st.latch;

	if (p->from == NULL) {		/* the kernel has looked already */
		l->last_us = now_us;
		l->ssrc = r->ssrc;
		l->seq = r->seq;
		return true;
	}
	switch (latch_packet(l, p->from, r, now_us)) {
	case LATCH_REFUSED:
		w->strangers++;
		return false;
	case LATCH_ACCEPTED:
		return true;
	case LATCH_LEARNED:
		hold_source(s);
		stream_save(w, s);
		return true;
	}
	return false;
}

static void
count_in(struct worker *w, struct stream *s, unsigned kind, const struct rtp *r, uint64_t now_us)
{
	struct rtp_rx *rx = &s->st.rx;

	if (kind < SDP_CODEC_END)
		rtp_rx_clock(rx, codec_khz((enum sdp_codec)kind));
	rtp_rx_packet(rx, r, now_us);
	s->live->rx_ssrc = rx->ssrc;
	s->live->rx_received = rx->received;
	s->live->rx_ext_seq = rtp_rx_ext_seq(rx);
	s->live->rx_packets = rx->packets;
	s->live->rx_octets = rx->octets;
	s->saved = false;
	if (rx->received == 1)		/* a run has begun: what live is counted from */
		stream_save(w, s);
}

static bool
within_rate(struct stream *s, uint64_t now_us)
{
	if (now_us - s->rate_us >= RATE_US) {
		s->rate_us = now_us;
		s->rate = 0;
	}
	if (s->rate >= RATE_MAX)
		return false;
	s->rate++;
	return true;
}

/*
 * What s's far end sends cannot go to d's as packets: from now on frames do. Returns false when out
 * of memory.
 */
static bool
begin_frames(struct worker *w, struct stream *s, struct stream *d)
{
	if (voice_need_in(s) == NULL || voice_need(d) == NULL)
		return false;
	d->frames = true;
	d->voice->n = 0;
	worker_tick(w, s);
	worker_tick(w, d);
	return true;
}

/* Packets of this kind are as long as d's far end wants them; a few others are let pass. */
static bool
length_fits(struct stream *d, unsigned kind, const struct rtp *r)
{
	int tenths;

	if (d->want_ms == 0)
		return true;
	tenths = codec_duration((enum sdp_codec)kind, r->payload, r->len);
	if (tenths < 0 || tenths == d->want_ms * 10) {
		d->odd = 0;
		return true;
	}
	return ++d->odd < ODD_MAX;
}

/*
 * The payload type by which a packet of s goes on to d as it is; NONE: it does not. Between the two
 * kinds of G.711 the payload is changed on the way.
 */
static uint8_t
relay_pt(const struct stream *d, unsigned kind, struct rtp *r)
{
	unsigned khz;

	if (kind == RX_EVENT || kind == RX_EVENT48)
		return stream_takes_event(d, kind == RX_EVENT ? 8 : 48) ?
		    sdp_tx_event(&d->now, &khz) : SDP_PT_NONE;
	if (kind == RX_NOISE)
		return d->now.tx_pt[SDP_SLOT_NOISE];
	if (d->now.tx_pt[kind] == SDP_PT_NONE && kind <= SDP_CODEC_PCMA && stream_is_g711(d)) {
		g711_convert((enum sdp_codec)kind, r->payload, r->len);
		return d->now.tx_pt[d->now.codec];
	}
	return d->now.tx_pt[kind];
}

/*
 * Out to d's far end: what came in from s as kind with the fields of r, whose payload may be
 * changed. Returns whether it was sent, or will be as frames.
 */
static bool
relay(struct worker *w, struct stream *s, struct stream *d, unsigned kind, struct rtp *r,
    uint64_t now_us)
{
	uint8_t *head = r->payload - RTP_HEAD_LEN;
	bool event = kind == RX_EVENT || kind == RX_EVENT48;
	uint8_t pt;

	if (!d->may_send || d->play != 0 || d->music != NULL || (d->voice != NULL && d->voice->keys.n > 0))
		return false;
	if (kind < SDP_CODEC_END && !length_fits(d, kind, r))
		pt = SDP_PT_NONE;
	else
		pt = relay_pt(d, kind, r);
	if (pt == SDP_PT_NONE && !event)
		return begin_frames(w, s, d) && (voice_feed(s, kind, r, now_us), true);
	if (pt == SDP_PT_NONE || stream_band_mutes(s)) {
		rtp_tx_skip(&d->st.tx, r);
		return false;
	}
	r->pt = pt;
	if (kind < SDP_CODEC_END)
		rtp_tx_clock(&d->st.tx, codec_khz((enum sdp_codec)kind));
	if (rtp_tx_relay(&d->st.tx, r, event, now_us))
		stream_save(w, d);
	rtp_write_head(head, r);
	stream_send(w, d, head, RTP_HEAD_LEN + r->len);
	return true;
}

void
stream_send(struct worker *w, struct stream *s, const uint8_t *packet, size_t len)
{
	const union addr *to = NULL;

	if (s->ntaps > 0)
		stream_record_out(s, packet, len);
	if (!io_port_connected(s->rtp) && (to = latch_dest(&s->st.latch)) == NULL)
		return;
	io_send(w->io, s->rtp, to, packet, len);
	rtp_tx_sent(&s->st.tx, len - RTP_HEAD_LEN);
	s->live->tx_packets = s->st.tx.packets;
	s->live->tx_octets = s->st.tx.octets;
	s->live->tx_us = s->st.tx.last_us;
	s->live->tx_ts = s->st.tx.ts;
	s->live->tx_seq = s->st.tx.seq;
	s->saved = false;
}

/* To those who want more of the packet than to have it relayed. */
static void
hear_too(struct worker *w, struct stream *s, unsigned kind, const struct rtp *r, uint64_t now_us)
{
	int16_t pcm[CODEC_MS_MAX * 8];

	voice_feed(s, kind == RX_EVENT48 ? RECEIVE_PAUSE : kind, r, now_us);
	if (s->voice->band == NULL || kind > SDP_CODEC_PCMA || r->len > CODEC_MS_MAX * 8)
		return;
	for (size_t i = 0; i < r->len; i++)
		pcm[i] = kind == SDP_CODEC_PCMU ? g711_ulaw_decode(r->payload[i])
		                                : g711_alaw_decode(r->payload[i]);
	stream_band(w, s, pcm, r->len);
}

void
stream_rtp_in(struct worker *w, struct stream *s, struct io_packet *p, uint64_t now_us)
{
	struct stream *dest;
	struct rtp r;
	unsigned kind;

	if (rtp_is_rtcp(p->p, p->len)) {	/* multiplexed, agreed or not */
		stream_rtcp_in(w, s, p, now_us);
		return;
	}
	if (!rtp_parse(&r, p->p, p->len) || (kind = s->rx[r.pt]) == RX_UNKNOWN) {
		w->invalid++;
		return;
	}
	if (!accept_source(w, s, p, &r, now_us))
		return;
	if (!within_rate(s, now_us)) {
		w->flooded++;
		return;
	}
	count_in(w, s, kind, &r, now_us);
	if (s->silent_told > 0) {
		struct ev ev = { .type = EV_SILENT, .session = s->st.id };

		s->silent_told = 0;
		worker_event(w, &ev);
	}
	if (s->negotiated && !s->may_receive) {
		w->dropped++;
		return;
	}
	if (kind == RX_EVENT || kind == RX_EVENT48) {
		stream_event_in(w, s, &r, kind == RX_EVENT ? 8 : 48, now_us);
	} else if (kind != RX_NOISE) {
		s->st.codec_in = (uint8_t)kind;
		if (s->st.dtmf.open)
			stream_event_over(w, s, now_us);
		if (s->ntaps > 0)
			stream_record(s, TAP_IN, kind, &r, now_us);
	}
	if (s->voice != NULL)
		hear_too(w, s, kind, &r, now_us);
	dest = s->echo ? s : s->peer;
	if (dest == NULL ? s->room == NULL :
	    !dest->frames && !relay(w, s, dest, kind, &r, now_us))
		w->dropped++;
}

/* Which payload types may come, by what is agreed or, before the answer, offered. */
static void
fill_rx(struct stream *s)
{
	const struct sdp_stream *now = &s->now;
	enum sdp_codec codec;

	for (unsigned pt = 0; pt < sizeof(s->rx); pt++) {
		if (pt == RX_NOISE_PT) {
			s->rx[pt] = RX_NOISE;
			continue;
		}
		codec = sdp_rx_codec(now, (uint8_t)pt);
		switch (codec != SDP_CODEC_NONE ? 1 : sdp_rx_event(now, (uint8_t)pt)) {
		case 1:
			s->rx[pt] = (uint8_t)codec;
			break;
		case 8:
			s->rx[pt] = RX_EVENT;
			break;
		case 48:
			s->rx[pt] = RX_EVENT48;
			break;
		default:
			s->rx[pt] = RX_UNKNOWN;
			break;
		}
	}
}

void
stream_forget_frames(struct stream *s)
{
	s->frames = false;
	s->odd = 0;
}

/* Nothing has changed that decides whether packets can be relayed. */
static bool
same_codecs(const struct sdp_stream *a, const struct sdp_stream *b)
{
	return a->codec == b->codec && a->ptime_ms == b->ptime_ms && a->flags == b->flags &&
	    memcmp(a->tx_pt, b->tx_pt, sizeof(a->tx_pt)) == 0 &&
	    memcmp(a->rx_pt, b->rx_pt, sizeof(a->rx_pt)) == 0;
}

void
stream_configure(struct worker *w, struct stream *s, const struct stream_conf *conf,
    uint64_t now_us)
{
	if (!same_codecs(&s->now, &conf->now)) {
		stream_forget_frames(s);
		if (s->peer != NULL)
			stream_forget_frames(s->peer);
	}
	s->now = conf->now;
	s->negotiated = conf->negotiated;
	s->dtmf = conf->dtmf;
	s->may_send = s->negotiated && sdp_may_send(&s->now) && s->now.codec != SDP_CODEC_NONE;
	s->may_receive = sdp_may_receive(&s->now);
	s->want_ms = s->now.flags & SDP_PTIME_SAID ? (uint16_t)codec_frame_ms(
	    (enum sdp_codec)s->now.codec, s->now.ptime_ms) : 0;
	fill_rx(s);
	stream_band_configure(s);
	if (s->voice != NULL)
		worker_tick(w, s);
	latch_sip(&s->st.latch, &conf->sip);
	if (latch_sdp(&s->st.latch, &s->now.rtp)) {
		io_port_connect(s->rtp, NULL);
		memset(&s->st.rtcp_from, 0, sizeof(s->st.rtcp_from));
	}
	/* Silence is counted from here: early media may have been going on for a minute. */
	s->st.expect_us = now_us;
	s->silent_told = 0;
	stream_save(w, s);
}

/* A far end that should send and does not. */
static void
check_silence(struct worker *w, struct stream *s, uint64_t now_us)
{
	uint64_t since = s->st.rx.last_us > s->st.expect_us ? s->st.rx.last_us : s->st.expect_us;
	struct ev ev = { .type = EV_SILENT, .session = s->st.id };
	uint64_t ms;

	if (w->conf.silent_ms == 0 || !s->negotiated || !s->may_receive || now_us <= since)
		return;
	ms = (now_us - since) / 1000;
	if (ms < (uint64_t)w->conf.silent_ms * (s->silent_told + 1u))
		return;
	if (s->silent_told < UINT16_MAX)
		s->silent_told++;
	ev.number = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
	worker_event(w, &ev);
}

void
stream_second(struct worker *w, struct stream *s, uint64_t now_us)
{
	check_silence(w, s, now_us);
	stream_event_over(w, s, now_us);
	if (io_port_connected(s->rtp)) {
		/*
		 * Silent: perhaps it is behind a NAT that changed its mind; latch.h says who may
		 * take its place.
		 */
		if (latch_lost(&s->st.latch, now_us))
			io_port_connect(s->rtp, NULL);
	} else if (!latch_lost(&s->st.latch, now_us)) {
		hold_source(s);
	}
	if (s->negotiated && now_us >= s->rtcp_due_us)
		stream_rtcp_send(w, s, false, now_us);
	if (!s->saved)
		stream_save(w, s);
}

void
stream_save(struct worker *w, struct stream *s)
{
	if (s->slot != CKPT_NONE)
		ckpt_put(w->conf.streams, s->slot, &s->st);
	s->saved = true;
}

void
stream_take_live(struct stream *s)
{
	const struct stream_live *l = s->live;
	struct rtp_rx *rx = &s->st.rx;
	struct rtp_tx *tx = &s->st.tx;

	if (l->rx_packets >= rx->packets) {
		rx->packets = l->rx_packets;
		rx->octets = l->rx_octets;
	}
	if (rx->running && l->rx_ssrc == rx->ssrc && l->rx_received >= rx->received) {
		rx->received = l->rx_received;
		rx->cycles = l->rx_ext_seq & 0xffff0000;
		rx->max_seq = (uint16_t)l->rx_ext_seq;
	}
	if (l->tx_packets >= tx->packets && l->tx_us != 0) {
		tx->packets = l->tx_packets;
		tx->octets = l->tx_octets;
		tx->last_us = l->tx_us;
		tx->ts = l->tx_ts;
		tx->seq = l->tx_seq;
	}
}

void
stream_stats(const struct stream *s, struct stream_stats *out)
{
	const union addr *to = latch_dest(&s->st.latch);

	memset(out, 0, sizeof(*out));
	out->packets_in = s->st.rx.packets;
	out->packets_out = s->st.tx.packets;
	out->octets_in = s->st.rx.octets;
	out->octets_out = s->st.tx.octets;
	out->lost_in = rtp_rx_lost(&s->st.rx);
	out->jitter_us = rtp_rx_jitter_us(&s->st.rx);
	out->far_lost = s->st.far_lost;
	out->far_jitter_us = s->st.far_jitter_us;
	out->rtt_us = s->st.rtt_us;
	out->codec = s->st.codec_in != SDP_CODEC_NONE ? s->st.codec_in : s->now.codec;
	if (to != NULL)
		out->remote = *to;
}
