/* SPDX-License-Identifier: ISC */
/*
 * Packets of anybody's making through the packet path's judges: header, source, counting,
 * renumbering, keys.
 */
/*
 * links: mediad/rtp.c mediad/rtp_seq.c mediad/latch.c mediad/dtmf_in.c common/base/addr.c
 * common/base/str.c
 */
#include <stdlib.h>
#include <string.h>

#include "mediad/dtmf_in.h"
#include "mediad/latch.h"
#include "mediad/rtp_seq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Records of: port of the source (1), time step (1), length (1), packet. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct latch latch = { 0 };
	struct rtp_rx rx = { 0 };
	struct rtp_tx tx;
	struct dtmf_in dtmf = { 0 };
	struct dtmf_key keys[2];
	uint64_t now = 1000000;
	union addr from;
	uint8_t *copy;
	struct rtp r;
	size_t n;

	rtp_tx_init(&tx, 1, 2, 3);
	addr_from_ip(&from, "192.0.2.1", 1);
	while (size > 3) {
		n = data[2] < size - 3 ? data[2] : size - 3;
		addr_set_port(&from, (uint16_t)(data[0] & 7));
		if (data[0] & 0x80)
			latch_sdp(&latch, &from);
		now += (uint64_t)data[1] * data[1] * 1000;
		if ((copy = malloc(n > 0 ? n : 1)) == NULL)
			abort();
		memcpy(copy, data + 3, n);
		if (rtp_parse(&r, copy, n)) {
			if (r.payload < copy + RTP_HEAD_LEN || r.payload + r.len > copy + n)
				abort();
			if (latch_packet(&latch, &from, &r, now) != LATCH_REFUSED) {
				rtp_rx_packet(&rx, &r, now);
				if (dtmf_in_packet(&dtmf, &r, RTP_KHZ, now, keys) > 2)
					abort();
				rtp_tx_relay(&tx, &r, r.pt == 101, now);
				rtp_write_head(r.payload - RTP_HEAD_LEN, &r);
			} else {
				rtp_tx_skip(&tx, &r);
			}
			rtp_rx_fraction(&rx);
			rtp_rx_lost(&rx);
			rtp_rx_jitter_us(&rx);
			dtmf_in_timeout(&dtmf, now, keys);
		}
		free(copy);
		data += 3 + n;
		size -= 3 + n;
	}
	return 0;
}
