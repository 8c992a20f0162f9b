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
	assert_true(latch_final(&l));
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
	assert_false(latch_final(&l));
	for (int i = 0; i < 500; i++)
		assert_int_equal(says(&l, &stranger, &now), LATCH_REFUSED);
	says(&l, &nat, &now);
	/* SDP's own IP is better. */
	assert_int_equal(says(&l, &same_ip, &now), LATCH_REFUSED);
	assert_int_equal(says(&l, &same_ip, &now), LATCH_REFUSED);
	assert_int_equal(says(&l, &same_ip, &now), LATCH_LEARNED);
	for (int i = 0; i < 50; i++)
		assert_int_equal(says(&l, &nat, &now), LATCH_REFUSED);
}

/* Where SIP comes from is known: a phone there is learned at once, and after any stranger. */
static void
sip_tells_phones_from_strangers(void **state)
{
	struct source nat = source("203.0.113.7:33333", 1),
	              stranger = source("198.51.100.9:4000", 2);
	union addr sdp = at("192.168.1.5:4000"), sip = at("203.0.113.7:5060"), none = { 0 };
	struct latch l = { 0 };
	uint64_t now = 1000000;

	(void)state;
	latch_sip(&l, &sip);
	latch_sip(&l, &none);
	latch_sdp(&l, &sdp);
	for (int i = 1; i < LATCH_PROOF_LONG; i++)
		assert_int_equal(says(&l, &stranger, &now), LATCH_ACCEPTED);
	assert_true(addr_eq(latch_dest(&l), &sdp));
	assert_int_equal(says(&l, &nat, &now), LATCH_ACCEPTED);
	assert_int_equal(says(&l, &stranger, &now), LATCH_REFUSED);
	says(&l, &nat, &now);
	assert_int_equal(says(&l, &nat, &now), LATCH_LEARNED);
	assert_true(addr_eq(latch_dest(&l), &nat.a));
	for (int i = 0; i < 500; i++)
		assert_int_equal(says(&l, &stranger, &now), LATCH_REFUSED);
	/* The stranger was first, and for long. */
	memset(&l, 0, sizeof(l));
	latch_sip(&l, &sip);
	latch_sdp(&l, &sdp);
	for (int i = 0; i < 500; i++)
		assert_int_not_equal(says(&l, &stranger, &now), LATCH_REFUSED);
	assert_true(addr_eq(latch_dest(&l), &stranger.a));
	says(&l, &nat, &now);
	says(&l, &nat, &now);
	assert_int_equal(says(&l, &nat, &now), LATCH_LEARNED);
	assert_int_equal(says(&l, &stranger, &now), LATCH_REFUSED);
}

/* Who throws packets at ports does it faster than sound goes. */
static void
bursts_prove_nothing(void **state)
{
	struct source stranger = source("198.51.100.9:4000", 2);
	union addr sdp = at("192.0.2.1:4000");
	struct latch l = { 0 };

	(void)state;
	latch_sdp(&l, &sdp);
	for (int i = 0; i < 20; i++) {
		stranger.r.seq++;
		assert_int_equal(latch_packet(&l, &stranger.a, &stranger.r, 1000000 + (uint64_t)i),
		    LATCH_ACCEPTED);
	}
	assert_true(addr_eq(latch_dest(&l), &sdp));
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
	/* SDP changed, the source did not: it is believed after a while. */
	latch_sdp(&l, &old.a);
	for (int i = 1; i < LATCH_PROOF_LONG; i++)
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
		cmocka_unit_test(sip_tells_phones_from_strangers),
		cmocka_unit_test(bursts_prove_nothing),
		cmocka_unit_test(stream_may_move_when_lost),
		cmocka_unit_test(new_sdp_learns_again),
		cmocka_unit_test(before_sdp_nothing_is_learned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
