/* SPDX-License-Identifier: ISC */
/* RTCP of anybody's making; and what we build out of it is read back as it was. */
/* links: mediad/rtcp.c mediad/rtp.c */
#include <stdlib.h>
#include <string.h>

#include "mediad/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rtcp_report rep = { .ssrc = 5, .cname = "0123456789abcdef" };
	struct rtcp_heard h, again;
	uint8_t out[RTCP_MAX];
	size_t n;

	if (!rtcp_parse(&h, data, size, 0x01020304))
		return 0;
	rep.sender = h.has_sr;
	rep.ntp = h.sr_ntp;
	rep.has_block = h.has_block;
	rep.block = h.block;
	rep.bye = h.bye;
	n = rtcp_build(out, &rep);
	if (!rtcp_parse(&again, out, n, 0x01020304) || again.has_sr != h.has_sr ||
	    again.sr_ntp != h.sr_ntp || again.has_block != h.has_block ||
	    memcmp(&again.block, &h.block, sizeof(h.block)) != 0 || again.bye != h.bye)
		abort();
	rtcp_rtt_us(&h.block, h.sr_ntp);
	return 0;
}
