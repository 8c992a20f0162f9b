/* SPDX-License-Identifier: ISC */
/*
 * Hostile SDP as an offer and as an answer: what is taken must give a description that parses again
 * and says the same.
 * links: mediad/sdp_parse.c mediad/sdp_codec.c mediad/sdp_negotiate.c mediad/sdp_build.c
 * common/base/addr.c common/base/str.c
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
check_ours(const struct sdp_state *st, const char *out, int len, uint16_t port, bool ended,
    enum media_direction dir)
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
		for (size_t a = 0; a < again.media[i].nfmts; a++) /* no number stands for two */
			for (size_t b = 0; b < a; b++)
				CHECK(again.media[i].fmts[a].pt != again.media[i].fmts[b].pt);
	}
	CHECK(up == (ended ? 0 : 1));
}


/* One description as an offer, answered; twice the same. */
static void
as_offer(struct sdp_state *st, const struct sdp *in, const struct sdp_local *local,
    const struct sdp_state *like)
{
	static char out[SDP_TEXT_MAX], other[SDP_TEXT_MAX];
	const struct sdp_state before = *st;
	const char *why = NULL;
	int n;

	if (sdp_take_offer(st, in, &why) != 0) {
		CHECK(why != NULL && memcmp(&before, st, sizeof(before)) == 0);
		return;
	}
	n = sdp_make_answer(st, local, like, out, sizeof(out));
	check_ours(st, out, n, 10002, st->now.codec == SDP_CODEC_NONE,
	    (enum media_direction)st->now.our_dir);
	CHECK(st->version >= before.version && st->version <= before.version + 1);
	if (st->now.codec != SDP_CODEC_NONE)
		CHECK(sdp_rx_codec(&st->now, st->now.rx_pt[st->now.codec]) ==
		    (enum sdp_codec)st->now.codec);
	CHECK(sdp_make_answer(st, local, NULL, other, sizeof(other)) == n &&
	    strcmp(out, other) == 0);
}

/* One description as the answer to an offer of ours. */
static void
as_answer(struct sdp_state *st, const struct sdp *in, const struct sdp_local *local,
    const struct sdp_state *like)
{
	static char out[SDP_TEXT_MAX];
	const char *why = NULL;
	struct sdp_state before;
	int n;

	n = sdp_make_offer(st, local, like, out, sizeof(out));
	check_ours(st, out, n, 10002, false, local->hold ? MEDIA_SENDONLY : MEDIA_SENDRECV);
	before = *st;
	if (sdp_take_answer(st, in, &why) != 0) {
		CHECK(why != NULL && memcmp(&before, st, sizeof(before)) == 0);
		return;
	}
	CHECK(st->offered & (1u << st->now.codec));
	CHECK(st->now.tx_pt[st->now.codec] != SDP_PT_NONE);
	CHECK(!local->hold || !sdp_may_receive(&st->now));
	CHECK(st->now.our_dir == sdp_mirror((enum media_direction)st->now.far_dir));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Descriptions apart by NUL bytes, the exchanges of one dialog and of the other leg in turn. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sdp_local local = { .rtcp_port = 10003 };
	struct sdp_state a, b;
	struct sdp_error err;
	const uint8_t *end;
	struct sdp in;
	size_t n;

	addr_from_ip(&local.rtp, "192.0.2.1", 10002);
	sdp_state_init(&a, 0x1234);
	sdp_state_init(&b, 0x5678);
	for (; size > 0; data += n, size -= n) {
		end = memchr(data, 0, size);
		n = end != NULL ? (size_t)(end - data) : size;
		local.rtcp_mux = n % 2;
		local.hold = n % 3 == 0;
		if (sdp_parse(&in, data, n, &err) == 0) {
			as_offer(&a, &in, &local, &b);
			as_answer(&b, &in, &local, &a);
			if (n % 5 == 0)
				as_answer(&a, &in, &local, NULL);
			if (n % 7 == 0)
				as_offer(&b, &in, &local, NULL);
		} else {
			CHECK(err.reason != NULL);
		}
		if (end != NULL)
			n++;
	}
	return 0;
}
