/* SPDX-License-Identifier: ISC */
/*
 * RTP packets (RFC 3550 section 5.1) as bytes: reading one that came from the network, writing a
 * header. Pure; knows no socket and no session.
 */
#ifndef WARDEN_MEDIAD_RTP_H
#define WARDEN_MEDIAD_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTP_HEAD_LEN	12
#define RTP_CLOCK	8000	/* units a second, of every codec but Opus */
#define RTP_KHZ		8

struct rtp {
	uint8_t		 pt;
	bool		 marker;
	uint16_t	 seq;
	uint32_t	 ts;
	uint32_t	 ssrc;
	/* inside the packet; at least RTP_HEAD_LEN bytes behind its start */
	uint8_t		*payload;
	size_t		 len;		/* without padding; may be 0 */
};

/*
 * Reads a packet; header, CSRCs, extension and padding must fit. Returns false when it is no RTP of
 * version 2.
 */
bool rtp_parse(struct rtp *r, uint8_t *packet, size_t len);

/* A packet on an RTP port that is RTCP by RFC 5761 section 4 (payload type byte 192..223). */
bool rtp_is_rtcp(const uint8_t *packet, size_t len);

/* Writes the 12 bytes of a plain header (no CSRC, extension or padding) from r's fields. */
void rtp_write_head(uint8_t head[RTP_HEAD_LEN], const struct rtp *r);

static inline uint16_t
get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void
put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

#endif
