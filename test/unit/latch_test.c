/* SPDX-License-Identifier: ISC */
/* Who is learned as a session's RTP source, and who never is (INTEROP 32; RTP bleed). */
/* links: mediad/latch.c mediad/rtp.c common/base/addr.c common/base/str.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mediad/latch.h"

#define STEP 20000u

static union addr
at(const char *text)
{
	union addr a;

	assert_int_equal(addr_parse(&a, text, 0), 0);
	return a;
}

struct source {
	union addr	a;
	struct rtp	r;
};

static struct source
source(const char *text, uint32_t ssrc)
{
	return (struct source){ .a = at(text),
		.r = { .ssrc = ssrc, .seq = (uint16_t)(ssrc * 31) } };
}

static enum latch_verdict
says(struct latch *l, struct source *s, uint64_t *now)
{
	*now += STEP;
	s->r.seq++;
	s->r.ts += 160;
	return latch_packet(l, &s->a, &s->r, *now);
}

static void
sdp_is_trusted_at_once(void **state)
{
	struct source phone = source("192.0.2.1:4000", 1),
	              stranger = source("198.51.100.9:4000", 2);
	struct latch l = { 0 };
	uint64_t now = 1000000;

	(void)state;
	assert_null(latch_dest(&l));
	assert_true(latch_sdp(&l, &phone.a));
	assert_false(latch_sdp(&l, &phone.a));
	assert_true(addr_eq(latch_dest(&l), &phone.a));
	assert_int_equal(says(&l, &phone, &now), LATCH_LEARNED);
	assert_true(latch_final(&l, now));
	for (int i = 0; i < 1000; i++)
		assert_int_equal(says(&l, &stranger, &now), LATCH_REFUSED);
	assert_true(latch_lost(&l, now));	/* 20 s of silence by now, and still */
	assert_int_equal(says(&l, &stranger, &now), LATCH_REFUSED);
	assert_int_equal(says(&l, &phone, &now), LATCH_ACCEPTED);
}

static void
nat_is_learned_and_held(void **state)
{
	struct source nat = source("203.0.113.7:33333", 1),
	              stranger = source("198.51.100.9:4000", 2);
	struct source same_ip = source("192.168.1.5:9999", 3);
	union addr sdp = at("192.168.1.5:4000");
	struct latch l = { 0 };
	uint64_t now = 1000000;

	(void)state;
	latch_sdp(&l, &sdp);
	assert_int_equal(says(&l, &nat, &now), LATCH_ACCEPTED);
	assert_true(addr_eq(latch_dest(&l), &sdp));
	assert_int_equal(says(&l, &stranger, &now), LATCH_REFUSED);	/* waits for its turn */
	assert_int_equal(says(&l, &nat, &now), LATCH_ACCEPTED);
	assert_int_equal(says(&l, &nat, &now), LATCH_LEARNED);
	assert_true(addr_eq(latch_dest(&l), &nat.a));
	assert_false(latch_final(&l, now));
	for (int i = 0; i < 50; i++)
		assert_int_equal(says(&l, &stranger, &now), LATCH_REFUSED);
	/* Within the window SDP's own IP is better. */
	assert_int_equal(says(&l, &same_ip, &now), LATCH_REFUSED);
	assert_int_equal(says(&l, &same_ip, &now), LATCH_REFUSED);
	assert_int_equal(says(&l, &same_ip, &now), LATCH_LEARNED);
	for (int i = 0; i < 200; i++)
		assert_int_equal(says(&l, &same_ip, &now), LATCH_ACCEPTED);
	assert_true(latch_final(&l, now));
	for (int i = 0; i < 50; i++)
		assert_int_equal(says(&l, &nat, &now), LATCH_REFUSED);
}

/*
 * The NAT changed its mind: the same stream from another port, after silence. A stranger does not
 * know SSRC and sequence.
 */
static void
stream_may_move_when_lost(void **state)
{
	struct source nat = source("203.0.113.7:33333", 1),
	              stranger = source("198.51.100.9:4000", 2);
	union addr sdp = at("192.168.1.5:4000");
	struct latch l = { 0 };
	uint64_t now = 1000000;

	(void)state;
	latch_sdp(&l, &sdp);
	for (int i = 0; i < 200; i++)
		says(&l, &nat, &now);
	nat.a = at("203.0.113.7:44444");
	assert_int_equal(says(&l, &nat, &now), LATCH_REFUSED);	/* nobody is lost yet */
	now += LATCH_LOST_US;
	stranger.r.seq = nat.r.seq;
	for (int i = 0; i < 10; i++)
		assert_int_equal(says(&l, &stranger, &now), LATCH_REFUSED);
	assert_int_equal(says(&l, &nat, &now), LATCH_REFUSED);
	assert_int_equal(says(&l, &nat, &now), LATCH_REFUSED);
	assert_int_equal(says(&l, &nat, &now), LATCH_LEARNED);
	assert_true(addr_eq(latch_dest(&l), &nat.a));
}

static void
new_sdp_learns_again(void **state)
{
	struct source old = source("192.0.2.1:4000", 1), fresh = source("192.0.2.2:4000", 2);
	union addr hold = at("0.0.0.0:4000");
	struct latch l = { 0 };
	uint64_t now = 1000000;

	(void)state;
	latch_sdp(&l, &old.a);
	says(&l, &old, &now);
	assert_false(latch_sdp(&l, &hold));		/* hold: the source stays who it is */
	assert_true(addr_eq(latch_dest(&l), &old.a));
	assert_true(latch_sdp(&l, &fresh.a));
	assert_true(addr_eq(latch_dest(&l), &fresh.a));
	for (int i = 0; i < 10; i++)			/* still on their way */
		assert_int_equal(says(&l, &old, &now), LATCH_ACCEPTED);
	assert_true(addr_eq(latch_dest(&l), &fresh.a));
	assert_int_equal(says(&l, &fresh, &now), LATCH_LEARNED);
	assert_int_equal(says(&l, &old, &now), LATCH_REFUSED);
	/* SDP changed, the source did not: it is believed after a second. */
	latch_sdp(&l, &old.a);
	for (int i = 0; i < 49; i++)
		assert_int_equal(says(&l, &fresh, &now), LATCH_ACCEPTED);
	assert_int_equal(says(&l, &fresh, &now), LATCH_LEARNED);
	assert_true(addr_eq(latch_dest(&l), &fresh.a));
}

/* RTP before the answer is heard, but nothing is learned from it. */
static void
before_sdp_nothing_is_learned(void **state)
{
	struct source phone = source("192.0.2.1:4000", 1),
	              stranger = source("198.51.100.9:4000", 2);
	struct latch l = { 0 };
	uint64_t now = 1000000;

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(says(&l, &phone, &now), LATCH_ACCEPTED);
		assert_int_equal(says(&l, &stranger, &now), LATCH_REFUSED);
	}
	assert_null(latch_dest(&l));
	assert_true(latch_sdp(&l, &phone.a));
	assert_int_equal(says(&l, &phone, &now), LATCH_LEARNED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sdp_is_trusted_at_once),
		cmocka_unit_test(nat_is_learned_and_held),
		cmocka_unit_test(stream_may_move_when_lost),
		cmocka_unit_test(new_sdp_learns_again),
		cmocka_unit_test(before_sdp_nothing_is_learned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
