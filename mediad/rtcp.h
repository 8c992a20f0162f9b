/* SPDX-License-Identifier: ISC */
/*
 * RTCP (RFC 3550 section 6) as bytes: our compound report, and what matters of the far end's. Pure;
 * every length is checked. RTCP is not relayed: each leg is a session of its own, with our SSRC,
 * and gets reports about what it sent to us.
 */
#ifndef WARDEN_MEDIAD_RTCP_H
#define WARDEN_MEDIAD_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTCP_MAX	160	/* octets of what rtcp_build() writes at most */
#define RTCP_CNAME_MAX	32

/* One reception report block (6.4.1). */
struct rtcp_block {
	uint32_t	ssrc;		/* whose stream it is about */
	uint8_t		fraction;
	int32_t		lost;		/* 24 bits, signed */
	uint32_t	ext_seq;
	uint32_t	jitter;		/* RTP clock units */
	uint32_t	lsr;		/* middle 32 bits of the last SR's NTP time; 0 none came */
	uint32_t	dlsr;		/* 1/65536 s since then */
};

struct rtcp_report {
	uint32_t		ssrc;		/* ours */
	bool			sender;		/* SR, else RR */
	uint64_t		ntp;		/* SR: now, 32.32 */
	uint32_t		rtp_ts;		/* SR: the same moment on the RTP clock */
	uint32_t		packets;
	uint32_t		octets;
	bool			has_block;
	struct rtcp_block	block;
	char			cname[RTCP_CNAME_MAX + 1];
	bool			bye;
};

/* What a compound packet said. */
struct rtcp_heard {
	bool			has_sr;
	uint32_t		sr_ssrc;
	uint64_t		sr_ntp;
	bool			has_block;	/* about the stream asked for */
	struct rtcp_block	block;
	bool			bye;
};

/* Writes SR or RR, SDES with CNAME, and BYE. out has RTCP_MAX octets. Returns the length. */
size_t rtcp_build(uint8_t *out, const struct rtcp_report *r);

/*
 * Reads a compound packet; blocks about other streams than ssrc are skipped. Returns false when it
 * is malformed.
 */
bool rtcp_parse(struct rtcp_heard *h, const uint8_t *p, size_t len, uint32_t ssrc);

/* NTP time of a Unix time in us, and the middle 32 bits that LSR carries. */
uint64_t rtcp_ntp(uint64_t unix_us);
static inline uint32_t
rtcp_ntp_mid(uint64_t ntp)
{
	return (uint32_t)(ntp >> 16);
}

/*
 * Round trip in us by 6.4.1 (A - LSR - DLSR), 0 when the block has no LSR or the clocks disagree.
 */
uint32_t rtcp_rtt_us(const struct rtcp_block *b, uint64_t ntp_now);

#endif
