/* SPDX-License-Identifier: ISC */
/* RTP headers, see rtp.h. Called for every packet by stream_in.c; must not trust a single byte. */
#include "mediad/rtp.h"

bool
rtp_parse(struct rtp *r, uint8_t *packet, size_t len)
{
	size_t off = RTP_HEAD_LEN, pad = 0;

	if (len < RTP_HEAD_LEN || packet[0] >> 6 != 2)
		return false;
	off += (size_t)(packet[0] & 0x0f) * 4;
	if (packet[0] & 0x10) {	/* extension: 16 bits of profile, 16 bits of length in words */
		if (off + 4 > len)
			return false;
		off += 4 + (size_t)get_be16(packet + off + 2) * 4;
	}
	if (off > len)
		return false;
	if (packet[0] & 0x20) {
		pad = packet[len - 1];
		if (pad == 0 || pad > len - off)
			return false;
	}
	r->marker = packet[1] >> 7;
	r->pt = packet[1] & 0x7f;
	r->seq = get_be16(packet + 2);
	r->ts = get_be32(packet + 4);
	r->ssrc = get_be32(packet + 8);
	r->payload = packet + off;
	r->len = len - off - pad;
	return true;
}

bool
rtp_is_rtcp(const uint8_t *packet, size_t len)
{
	return len >= 8 && packet[0] >> 6 == 2 && packet[1] >= 192 && packet[1] <= 223;
}

void
rtp_write_head(uint8_t head[RTP_HEAD_LEN], const struct rtp *r)
{
	head[0] = 0x80;
	head[1] = (uint8_t)((r->marker ? 0x80 : 0) | r->pt);
	put_be16(head + 2, r->seq);
	put_be32(head + 4, r->ts);
	put_be32(head + 8, r->ssrc);
}
