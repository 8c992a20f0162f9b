/* SPDX-License-Identifier: ISC */
/*
 * RTCP of one stream: our SR or RR about every 5 s, and what the far end's reports say. Nothing of
 * it is relayed: each leg is an RTP session of its own.
 */
#include <stdio.h>
#include <time.h>

#include "mediad/stream.h"
#include "mediad/worker.h"

#define INTERVAL_US	5000000	/* RFC 3550 section 6.2: half to one and a half of it, at random */

static uint64_t
real_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/*
 * Where reports go. Behind a NAT SDP's address leads nowhere: where RTCP came from, or the port
 * after the RTP's.
 */
static bool
destination(const struct stream *s, union addr *to)
{
	const union addr *rtp = latch_dest(&s->st.latch);

	if (rtp == NULL)
		return false;
	if (s->now.rtcp_mux || s->rtcp == NULL) {
		*to = *rtp;
		return true;
	}
	if (s->st.rtcp_from.sa.sa_family != AF_UNSPEC && addr_ip_eq(&s->st.rtcp_from, rtp)) {
		*to = s->st.rtcp_from;
		return true;
	}
	if (s->now.rtcp.sa.sa_family == rtp->sa.sa_family && addr_ip_eq(&s->now.rtcp, rtp)) {
		*to = s->now.rtcp;
		return true;
	}
	*to = *rtp;
	addr_set_port(to, (uint16_t)(addr_port(rtp) + 1));
	return addr_port(rtp) != UINT16_MAX;
}

static void
fill_block(struct stream *s, struct rtcp_report *r, uint64_t now_us)
{
	struct rtp_rx *rx = &s->st.rx;

	if (!rx->running)
		return;
	r->has_block = true;
	r->block.ssrc = rx->ssrc;
	r->block.fraction = rtp_rx_fraction(rx);
	r->block.lost = rtp_rx_run_lost(rx);
	r->block.ext_seq = rtp_rx_ext_seq(rx);
	r->block.jitter = rx->jitter >> 4;
	if (s->st.far_sr_us != 0) {
		r->block.lsr = s->st.far_sr_mid;
		r->block.dlsr = (uint32_t)(((now_us - s->st.far_sr_us) << 16) / 1000000);
	}
}

void
stream_rtcp_send(struct worker *w, struct stream *s, bool bye, uint64_t now_us)
{
	uint8_t *packet = w->packet + IO_HEADROOM;
	const struct rtp_tx *tx = &s->st.tx;
	struct rtcp_report r = { .ssrc = tx->ssrc, .bye = bye };
	union addr to;
	size_t len;

	w->rand = w->rand * 1664525 + 1013904223;
	s->rtcp_due_us = now_us + INTERVAL_US / 2 + (uint64_t)(w->rand >> 8) % INTERVAL_US;
	if ((tx->packets == 0 && !s->st.rx.running) || !destination(s, &to))
		return;
	r.sender = tx->last_us != 0 && now_us - tx->last_us < 2 * INTERVAL_US;
	if (r.sender) {
		r.ntp = rtcp_ntp(real_us());
		r.rtp_ts = tx->ts + (uint32_t)((now_us - tx->last_us) * rtp_tx_khz(tx) / 1000);
		r.packets = (uint32_t)tx->packets;
		r.octets = (uint32_t)tx->octets;
	}
	fill_block(s, &r, now_us);
	snprintf(r.cname, sizeof(r.cname), "%016llx", (unsigned long long)s->st.cname);
	len = rtcp_build(packet, &r);
	if (s->now.rtcp_mux || s->rtcp == NULL)
		io_send(w->io, s->rtp, &to, packet, len);
	else
		io_send(w->io, s->rtcp, &to, packet, len);
	io_flush(w->io);
	s->rtcp_sent++;
	s->saved = false;
}

void
stream_rtcp_in(struct worker *w, struct stream *s, const struct io_packet *p, uint64_t now_us)
{
	const union addr *rtp = latch_dest(&s->st.latch);
	struct rtcp_heard h;

	if (p->from != NULL && (rtp == NULL || !addr_ip_eq(p->from, rtp))) {
		w->strangers++;
		return;
	}
	if (!rtcp_parse(&h, p->p, p->len, s->st.tx.ssrc)) {
		w->invalid++;
		return;
	}
	if (p->from != NULL)
		s->st.rtcp_from = *p->from;
	if (h.has_sr) {
		s->st.far_sr_us = now_us;
		s->st.far_sr_mid = rtcp_ntp_mid(h.sr_ntp);
	}
	if (h.has_block) {
		uint32_t rtt = rtcp_rtt_us(&h.block, rtcp_ntp(real_us()));

		if (s->voice != NULL && s->voice->out != NULL)
			encoder_loss(s->voice->out, h.block.fraction * 100u / 256);
		s->st.far_lost = h.block.lost > 0 ? (uint32_t)h.block.lost : 0;
		s->st.far_jitter_us = (uint32_t)((uint64_t)h.block.jitter * 1000 / rtp_tx_khz(&s->st.tx));
		if (rtt != 0)
			s->st.rtt_us = rtt;
	}
	s->saved = false;
}
