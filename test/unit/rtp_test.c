/* SPDX-License-Identifier: ISC */
/*
 * RTP headers, counting and renumbering (RFC 3550 A.1, A.3, A.8), RTCP reports, keys out of
 * telephone-event (RFC 4733).
 */
/* links: mediad/rtp.c mediad/rtp_seq.c mediad/rtcp.c mediad/dtmf_in.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mediad/dtmf_in.h"
#include "mediad/rtcp.h"
#include "mediad/rtp_seq.h"

#define MS 1000u

static struct rtp
packet(uint16_t seq, uint32_t ts, uint32_t ssrc)
{
	return (struct rtp){ .seq = seq, .ts = ts, .ssrc = ssrc, .len = 160 };
}

static void
headers_are_read(void **state)
{
	uint8_t b[64] = { 0x80, 0x80 | 101, 0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8, 'x', 'y' };
	struct rtp r;

	(void)state;
	assert_true(rtp_parse(&r, b, 14));
	assert_int_equal(r.pt, 101);
	assert_true(r.marker);
	assert_int_equal(r.seq, 0x1234);
	assert_int_equal(r.ts, 0x01020304);
	assert_int_equal(r.ssrc, 0x05060708);
	assert_int_equal(r.len, 2);
	assert_true(rtp_parse(&r, b, 12));
	assert_int_equal(r.len, 0);
	assert_false(rtp_parse(&r, b, 11));
	b[0] = 0x40;			/* version 1 */
	assert_false(rtp_parse(&r, b, 14));
	b[0] = 0x00;			/* STUN */
	assert_false(rtp_parse(&r, b, 14));
	b[0] = 0x82;			/* two CSRCs that are not there */
	assert_false(rtp_parse(&r, b, 14));
	assert_true(rtp_parse(&r, b, 20));
	assert_int_equal(r.len, 0);
	b[0] = 0x90;			/* an extension of 1 word */
	b[15] = 1;
	assert_false(rtp_parse(&r, b, 19));
	assert_true(rtp_parse(&r, b, 24));
	assert_int_equal(r.len, 4);
	b[14] = 0xff;			/* ... of 65281 words */
	assert_false(rtp_parse(&r, b, 64));
	b[0] = 0xa0;			/* padding */
	b[13] = 2;
	assert_true(rtp_parse(&r, b, 14));
	assert_int_equal(r.len, 0);
	b[13] = 3;
	assert_false(rtp_parse(&r, b, 14));
	b[13] = 0;
	assert_false(rtp_parse(&r, b, 14));
}

static void
loss_and_jitter_are_counted(void **state)
{
	struct rtp_rx rx = { 0 };
	uint64_t now = 1000000;
	struct rtp r;

	(void)state;
	/* 100 packets over the wrap, every tenth lost, two swapped: loss is 10. */
	for (unsigned i = 0; i < 100; i++, now += 20 * MS) {
		unsigned n = i == 41 ? 42 : i == 42 ? 41 : i;

		if (n % 10 == 5)
			continue;
		r = packet((uint16_t)(65500 + n), n * 160, 7);
		assert_true(rtp_rx_packet(&rx, &r, now));
	}
	assert_int_equal(rx.packets, 90);
	assert_int_equal(rtp_rx_lost(&rx), 10);
	assert_int_equal(rtp_rx_ext_seq(&rx), 65536 + (65500 + 99) % 65536);
	assert_int_equal(rtp_rx_fraction(&rx), 10 * 256 / 100);
	assert_int_equal(rtp_rx_fraction(&rx), 0);
	/*
	 * Swapped packets are 20 ms early and late: A.8 by hand would say a little over nothing
	 * after so many exact ones.
	 */
	assert_in_range(rtp_rx_jitter_us(&rx), 0, 500);
	/* A duplicate is no gain; another SSRC begins anew and keeps the loss. */
	r = packet(65500, 0, 8);
	assert_true(rtp_rx_packet(&rx, &r, now));
	r = packet(65503, 480, 8);
	assert_true(rtp_rx_packet(&rx, &r, now + 60 * MS));
	assert_int_equal(rtp_rx_lost(&rx), 12);
	/* One odd number is not counted, two in a row are a restart. */
	r = packet(20000, 640, 8);
	assert_false(rtp_rx_packet(&rx, &r, now + 80 * MS));
	r = packet(20001, 800, 8);
	assert_true(rtp_rx_packet(&rx, &r, now + 100 * MS));
	assert_int_equal(rtp_rx_lost(&rx), 12);
}

/* 10 ms of alternating delay settles near 10 ms of jitter. */
static void
jitter_is_a8(void **state)
{
	struct rtp_rx rx = { 0 };
	double want = 0;

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		struct rtp r = packet((uint16_t)i, i * 160, 1);

		rtp_rx_packet(&rx, &r, 1000000 + i * 20 * MS + (i & 1 ? 10 * MS : 0));
		if (i > 0)
			want += (10000 - want) / 16;
	}
	assert_in_range(rtp_rx_jitter_us(&rx), (unsigned)want - 200, (unsigned)want + 200);
}

static void
out_is_one_stream(void **state)
{
	struct rtp_tx tx;
	uint64_t now = 5000000;
	struct rtp r;

	(void)state;
	rtp_tx_init(&tx, 0xabcd, 65533, 0xffffff00);
	r = packet(10, 1000, 1);
	assert_true(rtp_tx_relay(&tx, &r, false, now));
	assert_int_equal(r.seq, 65534);
	assert_int_equal(r.ts, 0xffffff00 + 160);
	assert_int_equal(r.ssrc, 0xabcd);
	assert_true(r.marker);
	for (unsigned i = 1; i < 20; i++) {
		r = packet((uint16_t)(10 + i), 1000 + i * 160, 1);
		assert_false(rtp_tx_relay(&tx, &r, false, now += 20 * MS));
		assert_int_equal(r.seq, (uint16_t)(65534 + i));
		assert_int_equal(r.ts, (uint32_t)(0xffffff00 + 160 + i * 160));
		assert_false(r.marker);
	}
	/* Late: keeps its place. */
	r = packet(15, 1000 + 5 * 160, 1);
	assert_false(rtp_tx_relay(&tx, &r, false, now));
	assert_int_equal(r.seq, (uint16_t)(65534 + 5));
	/* Not passed on: no gap. */
	r = packet(30, 0, 1);
	rtp_tx_skip(&tx, &r);
	r = packet(31, 1000 + 21 * 160, 1);
	assert_false(rtp_tx_relay(&tx, &r, false, now += 40 * MS));
	assert_int_equal(r.seq, (uint16_t)(65534 + 20));
	/* The timestamp starts again while the sequence goes on. */
	r = packet(32, 5, 1);
	assert_true(rtp_tx_relay(&tx, &r, false, now += 20 * MS));
	assert_int_equal(r.seq, (uint16_t)(65534 + 21));
	assert_int_equal(r.ts, (uint32_t)(0xffffff00 + 160 + 22 * 160));
	/* A key of two seconds while the sound stops, then the sound. */
	for (unsigned i = 0; i < 100; i++) {
		r = packet((uint16_t)(33 + i), 5 + 160, 1);
		assert_false(rtp_tx_relay(&tx, &r, true, now + i * 20 * MS));
		assert_int_equal(r.seq, (uint16_t)(65534 + 22 + i));
		assert_int_equal(r.ts, (uint32_t)(0xffffff00 + 160 + 23 * 160));
	}
	/* A pause without packets (silence suppression) is no restart. */
	r = packet(133, 5 + 80000, 1);
	assert_false(rtp_tx_relay(&tx, &r, false, now += 10000 * MS));
	assert_int_equal(r.ts, (uint32_t)(0xffffff00 + 160 + 22 * 160 + 80000));
	/* Our own sound in between, then the peer again. */
	rtp_tx_make(&tx, &r, 160, now += 20 * MS);
	assert_true(r.marker);
	assert_int_equal(r.seq, (uint16_t)(65534 + 123));
	rtp_tx_make(&tx, &r, 160, now += 20 * MS);
	assert_false(r.marker);
	assert_int_equal(r.ts, (uint32_t)(0xffffff00 + 160 + 22 * 160 + 80000 + 320));
	r = packet(136, 5 + 80000 + 480, 1);
	assert_true(rtp_tx_relay(&tx, &r, false, now += 20 * MS));
	assert_int_equal(r.seq, (uint16_t)(65534 + 125));
	assert_int_equal(r.ts, (uint32_t)(0xffffff00 + 160 + 22 * 160 + 80000 + 480));
}

static void
reports_are_written_and_read(void **state)
{
	struct rtcp_report rep = { .ssrc = 1,
		.sender = true,
		.ntp = 0x0102030405060708,
		.rtp_ts = 9,
		.packets = 10,
		.octets = 1600,
		.has_block = true,
		.cname = "abc",
		.bye = true };
	uint8_t b[RTCP_MAX];
	struct rtcp_heard h;
	size_t n;

	(void)state;
	rep.block = (struct rtcp_block){ .ssrc = 2,
		.fraction = 5,
		.lost = -3,
		.ext_seq = 70000,
		.jitter = 8,
		.lsr = 11,
		.dlsr = 12 };
	n = rtcp_build(b, &rep);
	assert_int_equal(n % 4, 0);
	assert_true(rtcp_parse(&h, b, n, 2));
	assert_true(h.has_sr && h.has_block && h.bye);
	assert_int_equal(h.sr_ntp, rep.ntp);
	assert_int_equal(h.block.lost, -3);
	assert_int_equal(h.block.ext_seq, 70000);
	assert_int_equal(h.block.fraction, 5);
	assert_true(rtcp_parse(&h, b, n, 3));
	assert_false(h.has_block);
	for (size_t cut = 0; cut < n; cut++) {	/* no read behind the end: ASan watches */
		uint8_t *copy = malloc(cut + 1);

		memcpy(copy, b, cut);
		rtcp_parse(&h, copy, cut, 2);
		free(copy);
	}
	assert_false(rtcp_parse(&h, b, n - 1, 2));
	/* 250 ms there and back, of which the far end had it for 100. */
	rep.block.lsr = rtcp_ntp_mid(rtcp_ntp(1000000000));
	rep.block.dlsr = 6554;
	assert_in_range(rtcp_rtt_us(&rep.block, rtcp_ntp(1000250000)), 149900, 150100);
	rep.block.dlsr = 655400;
	assert_int_equal(rtcp_rtt_us(&rep.block, rtcp_ntp(1000250000)), 0);
}

static unsigned
key(struct dtmf_in *d, uint16_t seq, uint32_t ts, uint8_t event, bool end, uint16_t duration,
    uint64_t now, struct dtmf_key out[2])
{
	uint8_t b[16 + 4] = { 0 };
	struct rtp r = { .seq = seq, .ts = ts, .ssrc = 1, .payload = b + 12, .len = 4 };

	b[12] = event;
	b[13] = end ? 0x8a : 0x0a;
	put_be16(b + 14, duration);
	return dtmf_in_packet(d, &r, RTP_KHZ, now, out);
}

static void
keys_are_told_once(void **state)
{
	struct dtmf_in d = { 0 };
	struct dtmf_key k[2];
	unsigned told = 0;

	(void)state;
	/* A short one, its end three times. */
	assert_int_equal(key(&d, 1, 1000, 1, false, 160, 0, k), 0);
	assert_int_equal(key(&d, 2, 1000, 1, true, 400, 1, k), 1);
	assert_int_equal(k[0].digit, '1');
	assert_int_equal(k[0].ms, 50);
	assert_int_equal(key(&d, 3, 1000, 1, true, 400, 2, k), 0);
	assert_int_equal(key(&d, 4, 1000, 1, true, 400, 3, k), 0);
	/* The same key again at once; an old end comes late. */
	assert_int_equal(key(&d, 5, 2000, 1, true, 400, 4, k), 1);
	assert_int_equal(key(&d, 4, 1000, 1, true, 400, 5, k), 0);
	assert_int_equal(key(&d, 6, 2000, 1, true, 400, 5, k), 0);
	/* Its end is lost and the next one begins. */
	assert_int_equal(key(&d, 7, 3000, 10, false, 160, 6, k), 0);
	assert_int_equal(key(&d, 8, 5000, 11, true, 320, 7, k), 2);
	assert_int_equal(k[0].digit, '*');
	assert_int_equal(k[1].digit, '#');
	/* Its end is lost and nothing follows. */
	assert_int_equal(key(&d, 9, 7000, 15, false, 320, 1000000, k), 0);
	assert_false(dtmf_in_timeout(&d, 1200000, k));
	assert_true(dtmf_in_timeout(&d, 1400000, k));
	assert_int_equal(k[0].digit, 'D');
	assert_false(dtmf_in_timeout(&d, 1800000, k));
	/* A key held for 20 s: told after 100 ms, once, over its segments. */
	for (unsigned i = 1; i * 160 < 160000; i++) {
		uint32_t at = i * 160, base = at / 65535 * 65535;

		told += key(&d, (uint16_t)(10 + i), 100000 + base, 3, false,
		    (uint16_t)(at - base == 0 ? 65535 : at - base), 2000000 + i * 20000, k);
	}
	assert_in_range(told, 1, 3);
	/* No keys: flash, and what is too short. */
	assert_int_equal(key(&d, 9, 900000, 16, true, 320, 0, k), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read),
		cmocka_unit_test(loss_and_jitter_are_counted),
		cmocka_unit_test(jitter_is_a8),
		cmocka_unit_test(out_is_one_stream),
		cmocka_unit_test(reports_are_written_and_read),
		cmocka_unit_test(keys_are_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
