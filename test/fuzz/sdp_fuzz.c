/* SPDX-License-Identifier: ISC */
/*
 * Hostile SDP as an offer and as an answer: what is taken must give a description that parses again and says the same.
 * links: mediad/sdp_parse.c mediad/sdp_codec.c mediad/sdp_negotiate.c mediad/sdp_build.c common/base/addr.c common/base/str.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mediad/sdp.h"

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

/* Our text in out against the state that it was written from. */
static void
check_ours(const struct sdp_state *st, const char *out, int len, uint16_t port, bool ended, enum media_direction dir)
{
	struct sdp again;
	size_t up = 0;

	CHECK(len > 0 && strlen(out) == (size_t)len);
	CHECK(sdp_parse(&again, (const uint8_t *)out, (size_t)len, NULL) == 0);
	CHECK(again.origin_id == st->id && again.origin_version == st->version);
	CHECK(again.nmedia == (st->far.nlines != 0 ? st->far.nlines : 1));
	for (size_t i = 0; i < again.nmedia; i++) {
		if (again.media[i].port == 0)
			continue;
		up++;
		CHECK(again.media[i].port == port && again.media[i].kind == SDP_KIND_AUDIO);
		CHECK(again.media[i].direction == dir);
		for (size_t a = 0; a < again.media[i].nfmts; a++)	/* no number stands for two */
			for (size_t b = 0; b < a; b++)
				CHECK(again.media[i].fmts[a].pt != again.media[i].fmts[b].pt);
	}
	CHECK(up == (ended ? 0 : 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char out[SDP_TEXT_MAX], other[SDP_TEXT_MAX];
	struct sdp_local local = { .rtcp_port = 10003 };
	struct sdp_state a, b;
	struct sdp_error err;
	const char *why = NULL;
	struct sdp in;
	int n;

	addr_from_ip(&local.rtp, "192.0.2.1", 10002);
	local.rtcp_mux = size % 2;
	local.hold = size % 3 == 0;
	sdp_state_init(&a, 0x1234);
	sdp_state_init(&b, 0x5678);
	if (sdp_parse(&in, data, size, &err) != 0) {
		CHECK(err.reason != NULL);
		return 0;
	}
	if (sdp_take_offer(&a, &in, &why) == 0) {
		n = sdp_make_answer(&a, &local, NULL, out, sizeof(out));
		check_ours(&a, out, n, 10002, a.now.codec == SDP_CODEC_NONE, (enum media_direction)a.now.our_dir);
		CHECK(sdp_rx_codec(&a.now, a.now.rx_pt[a.now.codec]) == (enum sdp_codec)a.now.codec);
		CHECK(sdp_make_answer(&a, &local, NULL, other, sizeof(other)) == n && strcmp(out, other) == 0);
	} else {
		CHECK(why != NULL && !a.negotiated);
	}
	n = sdp_make_offer(&b, &local, &a, out, sizeof(out));
	check_ours(&b, out, n, 10002, false, local.hold ? MEDIA_SENDONLY : MEDIA_SENDRECV);
	if (sdp_take_answer(&b, &in, &why) == 0) {
		CHECK(b.offered & (1u << b.now.codec));
		CHECK(b.now.tx_pt[b.now.codec] != SDP_PT_NONE);
		CHECK(!local.hold || !sdp_may_receive(&b.now));
	}
	n = sdp_make_offer(&a, &local, &b, out, sizeof(out));
	check_ours(&a, out, n, 10002, false, local.hold ? MEDIA_SENDONLY : MEDIA_SENDRECV);
	n = sdp_make_offer(&b, &local, NULL, out, sizeof(out));
	check_ours(&b, out, n, 10002, false, local.hold ? MEDIA_SENDONLY : MEDIA_SENDRECV);
	return 0;
}
