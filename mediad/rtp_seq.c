/* SPDX-License-Identifier: ISC */
/* Sequence numbers and timestamps, see rtp_seq.h. On the packet path: no allocation, no log. */
#include "mediad/rtp_seq.h"

#include <string.h>

#define FRAME_MS	20		/* the least step between two sources */
#define SLACK_MS	1000		/* a timestamp may run this far ahead of the clock */
#define BACK_MS		100
/* an event keeps the timestamp of its beginning, audio goes on meanwhile */
#define BACK_EVENT_MS	60000

static uint32_t
us_to_ts(uint64_t us, unsigned khz)
{
	return (uint32_t)(us * khz / 1000);
}

static unsigned
rx_khz(const struct rtp_rx *rx)
{
	return rx->khz != 0 ? rx->khz : RTP_KHZ;
}

void
rtp_rx_clock(struct rtp_rx *rx, unsigned khz)
{
	if (rx_khz(rx) == khz)
		return;
	rx->jitter = (uint32_t)((uint64_t)rx->jitter * khz / rx_khz(rx));
	rx->khz = (uint8_t)khz;
}

void
rtp_tx_clock(struct rtp_tx *tx, unsigned khz)
{
	if (rtp_tx_khz(tx) == khz)
		return;
	tx->khz = (uint8_t)khz;
	tx->run = 0;
}

static void
rx_start(struct rtp_rx *rx, const struct rtp *r, uint64_t now_us)
{
	if (rx->running)
		rx->lost_before += rtp_rx_run_lost(rx) > 0 ? (uint64_t)rtp_rx_run_lost(rx) : 0;
	rx->ssrc = r->ssrc;
	rx->cycles = 0;
	rx->base_seq = r->seq;
	rx->max_seq = r->seq;
	rx->bad_seq = UINT32_MAX;
	rx->received = 0;
	rx->expected_prior = 0;
	rx->received_prior = 0;
	rx->transit = us_to_ts(now_us, rx_khz(rx)) - r->ts;
	rx->running = 1;
}

/* RFC 3550 A.1, without probation: the source was checked by its address before. */
static bool
rx_seq(struct rtp_rx *rx, const struct rtp *r, uint64_t now_us)
{
	uint16_t ahead = (uint16_t)(r->seq - rx->max_seq);

	if (ahead < RTP_MAX_DROPOUT) {
		if (r->seq < rx->max_seq)
			rx->cycles += 1u << 16;
		rx->max_seq = r->seq;
	} else if (ahead <= UINT16_MAX - RTP_MAX_MISORDER) {
		if (r->seq != rx->bad_seq) {	/* two in a row make it a restart */
			rx->bad_seq = (r->seq + 1) & 0xffff;
			return false;
		}
		rx_start(rx, r, now_us);
	}
	rx->bad_seq = UINT32_MAX;
	return true;
}

bool
rtp_rx_packet(struct rtp_rx *rx, const struct rtp *r, uint64_t now_us)
{
	uint32_t transit, d;

	rx->last_us = now_us;
	if (!rx->running || r->ssrc != rx->ssrc)
		rx_start(rx, r, now_us);
	else if (!rx_seq(rx, r, now_us))
		return false;
	rx->received++;
	rx->packets++;
	rx->octets += r->len;

	transit = us_to_ts(now_us, rx_khz(rx)) - r->ts;
	d = transit - rx->transit;
	rx->transit = transit;
	if (d > INT32_MAX)
		d = 0U - d;
	/* A timestamp that jumped says nothing about the network. */
	if (d < 2000 * rx_khz(rx))
		rx->jitter += d - ((rx->jitter + 8) >> 4);
	return true;
}

uint32_t
rtp_rx_ext_seq(const struct rtp_rx *rx)
{
	return rx->cycles + rx->max_seq;
}

int32_t
rtp_rx_run_lost(const struct rtp_rx *rx)
{
	if (!rx->running)
		return 0;
	return (int32_t)(rtp_rx_ext_seq(rx) - rx->base_seq + 1 - rx->received);
}

uint32_t
rtp_rx_lost(const struct rtp_rx *rx)
{
	int64_t lost = (int64_t)rx->lost_before + rtp_rx_run_lost(rx);

	return lost < 0 ? 0 : (uint32_t)lost;
}

uint32_t
rtp_rx_jitter_us(const struct rtp_rx *rx)
{
	return (uint32_t)((uint64_t)(rx->jitter >> 4) * 1000 / rx_khz(rx));
}

uint8_t
rtp_rx_fraction(struct rtp_rx *rx)
{
	uint32_t expected = rtp_rx_ext_seq(rx) - rx->base_seq + 1;
	uint32_t expected_now = expected - rx->expected_prior;
	uint32_t received_now = rx->received - rx->received_prior;
	int64_t lost_now = (int64_t)expected_now - received_now;

	rx->expected_prior = expected;
	rx->received_prior = rx->received;
	if (expected_now == 0 || lost_now <= 0)
		return 0;
	lost_now = (lost_now << 8) / expected_now;
	return lost_now > 255 ? 255 : (uint8_t)lost_now;
}

void
rtp_tx_init(struct rtp_tx *tx, uint32_t ssrc, uint16_t seq, uint32_t ts)
{
	memset(tx, 0, sizeof(*tx));
	tx->ssrc = ssrc;
	tx->seq = seq;
	tx->ts = ts;
}

void
rtp_tx_break(struct rtp_tx *tx)
{
	tx->run = 0;
}

/* How far the timestamp has to go on from the last packet sent, by the clock. */
static uint32_t
tx_step(const struct rtp_tx *tx, uint64_t now_us)
{
	uint32_t step = 0;

	if (tx->last_us != 0 && now_us > tx->last_us)
		step = us_to_ts(now_us - tx->last_us, rtp_tx_khz(tx));
	return step < FRAME_MS * rtp_tx_khz(tx) ? FRAME_MS * rtp_tx_khz(tx) : step;
}

/* The timestamp neither went back while the sequence went on, nor ran away from the clock. */
static bool
ts_plausible(const struct rtp_tx *tx, const struct rtp *r, bool event, uint64_t now_us)
{
	int32_t step = (int32_t)(r->ts - tx->in_ts);
	int32_t khz = (int32_t)rtp_tx_khz(tx);
	int64_t passed = now_us > tx->in_us ?
	    (int64_t)us_to_ts(now_us - tx->in_us, rtp_tx_khz(tx)) : 0;

	return step >= -(event ? BACK_EVENT_MS : BACK_MS) * khz &&
	    step <= passed + SLACK_MS * khz;
}

bool
rtp_tx_relay(struct rtp_tx *tx, struct rtp *r, bool event, uint64_t now_us)
{
	uint16_t ahead = (uint16_t)(r->seq - tx->in_seq);
	bool late = false, fresh = false;

	if (!tx->run || r->ssrc != tx->in_ssrc) {
		fresh = true;
	} else if (ahead >= RTP_MAX_DROPOUT) {
		late = ahead > UINT16_MAX - RTP_MAX_MISORDER;
		fresh = !late;
	} else {
		fresh = !ts_plausible(tx, r, event, now_us);
	}
	if (fresh) {
		/*
		 * Gaps in the numbers inside a run are loss; between runs there is none to tell of.
		 */
		tx->seq_delta = (uint16_t)(tx->seq + 1 - r->seq);
		tx->ts_delta = tx->ts + tx_step(tx, now_us) - r->ts;
		r->marker = true;
		tx->run = 1;
		tx->in_ssrc = r->ssrc;
	}
	if (!late) {
		tx->in_seq = r->seq;
		if (fresh || !event) {	/* an event's packets share a timestamp while time passes */
			tx->in_ts = r->ts;
			tx->in_us = now_us;
		}
	}
	r->seq = (uint16_t)(r->seq + tx->seq_delta);
	r->ts += tx->ts_delta;
	r->ssrc = tx->ssrc;
	if (!late) {
		tx->seq = r->seq;
		if (fresh || !event) {
			tx->ts = r->ts;
			tx->last_us = now_us;
		}
	}
	return fresh;
}

void
rtp_tx_skip(struct rtp_tx *tx, const struct rtp *r)
{
	if (!tx->run || r->ssrc != tx->in_ssrc ||
	    (uint16_t)(r->seq - tx->in_seq) >= RTP_MAX_DROPOUT)
		return;
	tx->seq_delta--;
	tx->in_seq = r->seq;
}

void
rtp_tx_make(struct rtp_tx *tx, struct rtp *r, uint32_t samples, uint64_t now_us)
{
	/*
	 * A pause (nothing was sent for more than some frames) moves the timestamp by the clock,
	 * otherwise by the frame.
	 */
	bool pause = tx->last_us == 0 || tx->run || now_us - tx->last_us > 200000;

	tx->seq++;
	tx->ts += pause ? tx_step(tx, now_us) : samples;
	r->marker = pause;
	r->seq = tx->seq;
	r->ts = tx->ts;
	r->ssrc = tx->ssrc;
	tx->run = 0;
	tx->last_us = now_us;
}

void
rtp_tx_pass(struct rtp_tx *tx, uint32_t samples, uint64_t now_us)
{
	tx->ts += samples;
	tx->last_us = now_us;
	tx->run = 0;
}
