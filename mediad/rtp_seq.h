/* SPDX-License-Identifier: ISC */
/*
 * The two ends of a stream's numbering: what comes in is counted (RFC 3550 A.1, A.3, A.8), what
 * goes out is numbered so that the far end sees one continuous stream, whoever it is made of. Pure
 * and plain data: both structs live in the checkpoint, so no pointers, and their layout is fixed
 * (new state goes to the end of struct stream_state).
 *
 * Times are clock_mono_us(): that clock goes on when a process is restarted.
 */
#ifndef WARDEN_MEDIAD_RTP_SEQ_H
#define WARDEN_MEDIAD_RTP_SEQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mediad/rtp.h"

#define RTP_MAX_DROPOUT		3000	/* RFC 3550 A.1 */
#define RTP_MAX_MISORDER	100

struct rtp_rx {
	uint64_t	 packets;	/* all accepted ones, over every SSRC */
	uint64_t	 octets;	/* their payload */
	uint64_t	 last_us;	/* when the last one came; 0 never */
	uint64_t	 lost_before;	/* by earlier SSRCs and runs */
	uint32_t	 ssrc;
	uint32_t	 cycles;	/* shifted by 16 */
	uint32_t	 base_seq;
	uint32_t	 bad_seq;	/* last odd one + 1; over 0xffff none */
	uint32_t	 received;	/* in this run */
	uint32_t	 expected_prior; /* at our last report */
	uint32_t	 received_prior;
	uint32_t	 transit;
	uint32_t	 jitter;	/* scaled by 16, as in A.8 */
	uint16_t	 max_seq;
	uint8_t		 running;
	uint8_t		 khz;		/* of the timestamps; 0: RTP_KHZ */
};

/*
 * Counts a packet from the accepted source. Returns false when it is not to be counted (one odd
 * sequence number).
 */
bool rtp_rx_packet(struct rtp_rx *rx, const struct rtp *r, uint64_t now_us);

/* Over the session's life, never below 0. */
uint32_t rtp_rx_lost(const struct rtp_rx *rx);
uint32_t rtp_rx_jitter_us(const struct rtp_rx *rx);
uint32_t rtp_rx_ext_seq(const struct rtp_rx *rx);
/* For a report block: the 8-bit fraction since the last call, and the run's cumulative loss. */
uint8_t rtp_rx_fraction(struct rtp_rx *rx);
int32_t rtp_rx_run_lost(const struct rtp_rx *rx);

struct rtp_tx {
	uint64_t	 packets;
	uint64_t	 octets;	/* payload */
	uint64_t	 last_us;	/* when ts was sent; 0 never */
	uint64_t	 in_us;		/* when the run's timestamp last moved */
	uint32_t	 ssrc;		/* ours, for the session's life */
	uint32_t	 ts;		/* of the newest packet of sound sent */
	uint32_t	 in_ssrc;	/* of the run being relayed */
	uint32_t	 in_ts;
	uint32_t	 ts_delta;	/* out = in + delta */
	uint16_t	 seq;		/* newest sent */
	uint16_t	 in_seq;
	uint16_t	 seq_delta;
	uint8_t		 run;		/* a run is being relayed with these deltas */
	uint8_t		 khz;		/* of the timestamps; 0: RTP_KHZ */
};

void rtp_tx_init(struct rtp_tx *tx, uint32_t ssrc, uint16_t seq, uint32_t ts);

/* The clock of the timestamps from now on, in thousands a second: that of the codec. */
void rtp_rx_clock(struct rtp_rx *rx, unsigned khz);
void rtp_tx_clock(struct rtp_tx *tx, unsigned khz);

static inline unsigned
rtp_tx_khz(const struct rtp_tx *tx)
{
	return tx->khz != 0 ? tx->khz : RTP_KHZ;
}

/* Another source from now on: the next packet begins a run. */
void rtp_tx_break(struct rtp_tx *tx);

/*
 * Renumbers r (seq, ts, ssrc, and the marker at the beginning of a run) for the way out. Loss and
 * reordering on the way in stay visible; a new SSRC, a jump of the sequence or a timestamp that
 * starts again do not.
 * event: it is telephone-event, whose timestamp stands still.
 * Returns true when the deltas changed (worth a checkpoint).
 */
bool rtp_tx_relay(struct rtp_tx *tx, struct rtp *r, bool event, uint64_t now_us);

/*
 * A packet of the run is not passed on, and this is not to look like loss. Same arguments; r is
 * left alone.
 */
void rtp_tx_skip(struct rtp_tx *tx, const struct rtp *r);

/*
 * Numbers a packet of our own making, samples long (in RTP clock units). Fills r's seq, ts, ssrc,
 * marker.
 */
void rtp_tx_make(struct rtp_tx *tx, struct rtp *r, uint32_t samples, uint64_t now_us);

/* So much time passes in the stream without a packet: nothing is heard, and nothing is lost. */
void rtp_tx_pass(struct rtp_tx *tx, uint32_t samples, uint64_t now_us);

/* Counts a packet sent with len bytes of payload. */
static inline void
rtp_tx_sent(struct rtp_tx *tx, size_t len)
{
	tx->packets++;
	tx->octets += len;
}

#endif
