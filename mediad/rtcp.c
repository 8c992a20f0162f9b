/* SPDX-License-Identifier: ISC */
/*
 * RTCP packets, see rtcp.h. Called by stream_rtcp.c every few seconds per session and for what
 * comes.
 */
#include "mediad/rtcp.h"

#include <string.h>

#include "mediad/rtp.h"

enum rtcp_type {
	RTCP_SR = 200,
	RTCP_RR = 201,
	RTCP_SDES = 202,
	RTCP_BYE = 203,
};

#define HEAD_LEN	4
#define SENDER_LEN	20
#define BLOCK_LEN	24
#define NTP_OFFSET	2208988800u	/* 1900 to 1970 */

static void
put_head(uint8_t *p, unsigned count, enum rtcp_type type, size_t len)
{
	p[0] = (uint8_t)(0x80 | count);
	p[1] = (uint8_t)type;
	put_be16(p + 2, (uint16_t)(len / 4 - 1));
}

static void
put_block(uint8_t *p, const struct rtcp_block *b)
{
	int32_t lost = b->lost;

	if (lost > 0x7fffff)
		lost = 0x7fffff;
	if (lost < -0x800000)
		lost = -0x800000;
	put_be32(p, b->ssrc);
	put_be32(p + 4, (uint32_t)b->fraction << 24 | ((uint32_t)lost & 0xffffff));
	put_be32(p + 8, b->ext_seq);
	put_be32(p + 12, b->jitter);
	put_be32(p + 16, b->lsr);
	put_be32(p + 20, b->dlsr);
}

static size_t
put_sdes(uint8_t *p, uint32_t ssrc, const char *cname)
{
	size_t n = strlen(cname), len = HEAD_LEN + 4 + 2 + n + 1;

	len = (len + 3) & ~(size_t)3;
	memset(p, 0, len);
	put_head(p, 1, RTCP_SDES, len);
	put_be32(p + 4, ssrc);
	p[8] = 1;	/* CNAME */
	p[9] = (uint8_t)n;
	memcpy(p + 10, cname, n);
	return len;
}

size_t
rtcp_build(uint8_t *out, const struct rtcp_report *r)
{
	uint8_t *p = out;
	size_t len = HEAD_LEN + 4 + (r->sender ? SENDER_LEN : 0) + (r->has_block ? BLOCK_LEN : 0);

	put_head(p, r->has_block ? 1 : 0, r->sender ? RTCP_SR : RTCP_RR, len);
	put_be32(p + 4, r->ssrc);
	if (r->sender) {
		put_be32(p + 8, (uint32_t)(r->ntp >> 32));
		put_be32(p + 12, (uint32_t)r->ntp);
		put_be32(p + 16, r->rtp_ts);
		put_be32(p + 20, r->packets);
		put_be32(p + 24, r->octets);
	}
	if (r->has_block)
		put_block(p + len - BLOCK_LEN, &r->block);
	p += len;
	p += put_sdes(p, r->ssrc, r->cname);
	if (r->bye) {
		put_head(p, 1, RTCP_BYE, 8);
		put_be32(p + 4, r->ssrc);
		p += 8;
	}
	return (size_t)(p - out);
}

static void
read_block(struct rtcp_block *b, const uint8_t *p)
{
	uint32_t w = get_be32(p + 4);

	b->ssrc = get_be32(p);
	b->fraction = (uint8_t)(w >> 24);
	b->lost = (int32_t)(w << 8) >> 8;
	b->ext_seq = get_be32(p + 8);
	b->jitter = get_be32(p + 12);
	b->lsr = get_be32(p + 16);
	b->dlsr = get_be32(p + 20);
}

static bool
read_report(struct rtcp_heard *h, const uint8_t *p, size_t len, bool sender, uint32_t ssrc)
{
	unsigned i, n = p[0] & 0x1f;
	size_t off = HEAD_LEN + 4 + (sender ? SENDER_LEN : 0);
	struct rtcp_block b;

	if (off + (size_t)n * BLOCK_LEN > len)
		return false;
	if (sender) {
		h->has_sr = true;
		h->sr_ssrc = get_be32(p + 4);
		h->sr_ntp = (uint64_t)get_be32(p + 8) << 32 | get_be32(p + 12);
	}
	for (i = 0; i < n; i++) {
		read_block(&b, p + off + (size_t)i * BLOCK_LEN);
		if (b.ssrc == ssrc) {
			h->has_block = true;
			h->block = b;
		}
	}
	return true;
}

bool
rtcp_parse(struct rtcp_heard *h, const uint8_t *p, size_t len, uint32_t ssrc)
{
	size_t n;

	memset(h, 0, sizeof(*h));
	/* A.2: the first one is a report, without padding. */
	if (len < 8 || (p[1] != RTCP_SR && p[1] != RTCP_RR) || (p[0] & 0x20))
		return false;
	while (len > 0) {
		if (len < HEAD_LEN || p[0] >> 6 != 2)
			return false;
		n = ((size_t)get_be16(p + 2) + 1) * 4;
		if (n > len)
			return false;
		if (p[1] == RTCP_SR || p[1] == RTCP_RR) {
			if (!read_report(h, p, n, p[1] == RTCP_SR, ssrc))
				return false;
		} else if (p[1] == RTCP_BYE) {
			h->bye = true;
		}
		p += n;
		len -= n;
	}
	return true;
}

uint64_t
rtcp_ntp(uint64_t unix_us)
{
	uint64_t s = unix_us / 1000000 + NTP_OFFSET;

	return s << 32 | ((unix_us % 1000000) << 32) / 1000000;
}

uint32_t
rtcp_rtt_us(const struct rtcp_block *b, uint64_t ntp_now)
{
	uint32_t rtt;

	if (b->lsr == 0)
		return 0;
	rtt = rtcp_ntp_mid(ntp_now) - b->lsr - b->dlsr;
	if (rtt > 60u << 16)	/* more than a minute, or "negative": the far end's DLSR is wrong */
		return 0;
	return (uint32_t)(((uint64_t)rtt * 1000000) >> 16);
}
