/* SPDX-License-Identifier: ISC */
/*
 * Networks of addresses, and the text of nonces: made and read with the same key, for the same
 * source, and nothing else.
 *
 * links: common/base/net.c common/base/addr.c common/base/str.c common/auth/nonce_text.c
 * common/base/id.c common/base/log.c common/base/clock.c common/base/mem.c common/base/buf.c
 * libs: libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "common/auth/nonce_text.h"
#include "common/base/net.h"

static bool
has(const char *network, const char *ip)
{
	struct net net;
	union addr a;
	uint8_t bytes[16];

	assert_int_equal(net_parse(&net, network), 0);
	assert_int_equal(addr_from_ip(&a, ip, 5060), 0);
	net_bytes(&a, bytes);
	return net_has(&net, bytes);
}

static void
networks(void **state)
{
	static const char *const bad[] = { "", "x", "192.0.2.1/33", "192.0.2.1/", "192.0.2.1/-1",
		"2001:db8::/129", "192.0.2.1:5060", "192.0.2.0/24/8", "/8" };
	struct net net;

	(void)state;
	assert_true(has("192.0.2.0/24", "192.0.2.255"));
	assert_false(has("192.0.2.0/24", "192.0.3.0"));
	assert_true(has("192.0.2.7", "192.0.2.7"));
	assert_false(has("192.0.2.7", "192.0.2.6"));
	assert_true(has("192.0.2.8/30", "192.0.2.11"));
	assert_false(has("192.0.2.8/30", "192.0.2.12"));
	assert_true(has("0.0.0.0/0", "203.0.113.9"));
	assert_false(has("0.0.0.0/0", "2001:db8::1"));
	assert_true(has("::/0", "192.0.2.7"));
	assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(has("192.0.2.0/24", "::ffff:192.0.2.9"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(net_parse(&net, bad[i]) < 0);
}

static void
customers(void **state)
{
	uint8_t a[16], b[16], ka[16], kb[16];
	union addr x;

	(void)state;
	addr_from_ip(&x, "2001:db8:1:2::1", 1);
	net_bytes(&x, a);
	addr_from_ip(&x, "2001:db8:1:2:ffff::2", 1);
	net_bytes(&x, b);
	net_customer(a, ka);
	net_customer(b, kb);
	assert_memory_equal(ka, kb, 16);
	addr_from_ip(&x, "192.0.2.1", 1);
	net_bytes(&x, a);
	addr_from_ip(&x, "192.0.2.2", 1);
	net_bytes(&x, b);
	net_customer(a, ka);
	net_customer(b, kb);
	assert_memory_not_equal(ka, kb, 16);
}

static void
nonces(void **state)
{
	const uint64_t now = UINT64_C(1795464791060);
	uint8_t key[NONCE_KEY_LEN] = "a key", other[NONCE_KEY_LEN] = "another", id[NONCE_ID_LEN];
	char text[NONCE_TEXT_LEN + 1], again[NONCE_TEXT_LEN + 1];

	(void)state;
	assert_int_equal(nonce_text_init(), 0);
	nonce_text_make(key, "192.0.2.7", now, text);
	nonce_text_make(key, "192.0.2.7", now, again);
	assert_int_equal(strlen(text), NONCE_TEXT_LEN);
	assert_string_not_equal(text, again);
	assert_true(nonce_text_read(key, "192.0.2.7", text, id));
	assert_true(nonce_text_issued(id) == now);
	assert_false(nonce_text_expired(id, now + 1000, 1000));
	assert_true(nonce_text_expired(id, now + 1001, 1000));
	assert_true(nonce_text_expired(id, now - 1001, 1000));
	assert_false(nonce_text_read(key, "192.0.2.8", text, id));
	assert_false(nonce_text_read(other, "192.0.2.7", text, id));
	for (size_t i = 0; i < NONCE_TEXT_LEN; i++) {
		memcpy(again, text, sizeof(again));
		again[i] = again[i] == '0' ? '1' : '0';
		assert_false(nonce_text_read(key, "192.0.2.7", again, id));
	}
	text[NONCE_TEXT_LEN - 1] = '\0';
	assert_false(nonce_text_read(key, "192.0.2.7", text, id));
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(networks), cmocka_unit_test(customers),
		cmocka_unit_test(nonces) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
