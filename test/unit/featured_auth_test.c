/* SPDX-License-Identifier: ISC */
/*
 * Digest authentication: RFC 7616's and RFC 2617's examples, nonces (age, source, replay, the
 * window), wrong credentials and bans, phones that count wrongly or not at all.
 *
 * links: featured/reg/auth.c featured/reg/nonce.c common/auth/nonce_text.c common/base/net.c
 * featured/reg/digest.c featured/settings.c featured/settings_keys.c featured/settings_codes.c
 * common/base/addr.c common/base/id.c common/base/log.c common/base/clock.c common/base/str.c
 * common/base/mem.c common/base/buf.c common/conf/conf.c common/conf/bind.c common/conf/node.c
 * common/conf/value.c common/conf/print.c
 * libs: libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "featured/reg/auth.h"
#include "featured/reg/digest.h"
#include "featured/reg/nonce.h"

#define NOW UINT64_C(1795464791060)
#define PHONE "192.0.2.7:5060"

static const char *own_dir;
static struct settings settings;
static struct extension alice;
static char *allowed[] = { "198.51.100.0/24", "2001:db8:1::1" };

static void
set_up(struct auth **auth)
{
	const char *parts[] = { "1001", "warden", "secret" };
	char hex[DIGEST_HEX_MAX + 1];

	memset(&settings, 0, sizeof(settings));
	memset(&alice, 0, sizeof(alice));
	assert_int_equal(digest_init(), 0);
	str_copy(alice.number, sizeof(alice.number), "1001");
	digest_hex(DIGEST_MD5, parts, 3, hex);
	str_copy(alice.ha1_md5, sizeof(alice.ha1_md5), hex);
	digest_hex(DIGEST_SHA256, parts, 3, hex);
	str_copy(alice.ha1_sha256, sizeof(alice.ha1_sha256), hex);
	settings.extensions = (struct conf_items){ .v = &alice, .n = 1 };
	str_copy(settings.server.realm, sizeof(settings.server.realm), "warden");
	settings.security.require_authentication = true;
	settings.security.max_failed_attempts = 3;
	settings.security.ban_duration_s = 300;
	settings.security.nonce_lifetime_s = 300;
	settings.security.allow = (struct conf_strs){ .v = allowed, .n = 2 };
	assert_int_equal(auth_new(auth, &settings, own_dir), 0);
}

/* What a phone would send; strings are static. */
struct phone {
	const char *user, *password, *algorithm, *qop, *nc, *source;
};
static const struct phone plain = { "1001", "secret", "", "auth", "00000001", PHONE };

static struct auth_verdict
answer(struct auth *auth, const struct phone *p, const char *nonce, uint64_t now)
{
	static char response[DIGEST_HEX_MAX + 1];
	bool sha = str_eq(p->algorithm, "SHA-256");
	const char *parts[] = { p->user, "warden", p->password };
	char ha1[DIGEST_HEX_MAX + 1];
	struct digest_input in = { .ha1 = ha1,
		.nonce = nonce,
		.nc = p->nc,
		.cnonce = "abc",
		.qop = p->qop,
		.method = "REGISTER",
		.uri = "sip:warden" };
	struct auth_request req = { .present = true,
		.method = "REGISTER",
		.user = p->user,
		.realm = "warden",
		.nonce = nonce,
		.uri = "sip:warden",
		.response = response,
		.algorithm = p->algorithm,
		.qop = p->qop,
		.cnonce = "abc",
		.nc = p->nc,
		.source = p->source };
	struct auth_verdict v;

	digest_hex(sha ? DIGEST_SHA256 : DIGEST_MD5, parts, 3, ha1);
	digest_response(sha ? DIGEST_SHA256 : DIGEST_MD5, &in, response);
	auth_check(auth, &req, now, &v);
	return v;
}

static struct auth_verdict
ask(struct auth *auth, const char *source, uint64_t now)
{
	struct auth_request req = { .method = "REGISTER",
		.user = "",
		.realm = "",
		.nonce = "",
		.uri = "",
		.response = "",
		.algorithm = "",
		.qop = "",
		.cnonce = "",
		.nc = "",
		.source = source };
	struct auth_verdict v;

	auth_check(auth, &req, now, &v);
	return v;
}

static void
rfc_examples(void **state)
{
	/* RFC 7616 3.9.1, both algorithms. */
	const char *parts[] = { "Mufasa", "http-auth@example.org", "Circle of Life" };
	char ha1[DIGEST_HEX_MAX + 1], out[DIGEST_HEX_MAX + 1];
	struct digest_input in = { .ha1 = ha1,
		.nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
		.nc = "00000001",
		.cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
		.qop = "auth",
		.method = "GET",
		.uri = "/dir/index.html" };
	uint8_t key[32] = { 0 }, mac[32];
	char hex[65];

	(void)state;
	digest_hex(DIGEST_MD5, parts, 3, ha1);
	digest_response(DIGEST_MD5, &in, out);
	assert_string_equal(out, "8ca523f5e9506fed4657c9700eebdbec");
	digest_hex(DIGEST_SHA256, parts, 3, ha1);
	digest_response(DIGEST_SHA256, &in, out);
	assert_string_equal(out,
	    "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
	/* RFC 4231 test case 2, with its key padded to our length by what HMAC pads with. */
	memcpy(key, "Jefe", 4);
	hmac_sha256(key, "what do ya want for nothing?", 28, mac);
	str_hex(hex, mac, 32);
	assert_string_equal(hex,
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void
good_answers(void **state)
{
	static const char *const algorithms[] = { "", "MD5", "md5", "SHA-256" };
	struct auth_verdict c, v;
	struct auth *auth;

	(void)state;
	set_up(&auth);
	for (size_t i = 0; i < 4; i++) {
		struct phone p = plain;

		p.algorithm = algorithms[i];
		c = ask(auth, PHONE, NOW);
		assert_int_equal(c.result, AUTH_CHALLENGE);
		assert_false(c.stale);
		assert_string_equal(c.realm, "warden");
		v = answer(auth, &p, c.nonce, NOW + 1000);
		assert_int_equal(v.result, AUTH_OK);
		assert_string_equal(v.user, "1001");
	}
	auth_free(&auth);
}

static void
nonces_age(void **state)
{
	struct auth_verdict c, v;
	struct phone elsewhere = plain;
	struct auth *auth, *later;

	(void)state;
	set_up(&auth);
	c = ask(auth, PHONE, NOW);
	v = answer(auth, &plain, c.nonce, NOW + 301000);
	assert_int_equal(v.result, AUTH_CHALLENGE);
	assert_true(v.stale);
	v = answer(auth, &plain, v.nonce, NOW + 302000);
	assert_int_equal(v.result, AUTH_OK);
	/*
	 * From another address: the nonce is not that source's. Another port is the same phone
	 * behind NAT.
	 */
	c = ask(auth, PHONE, NOW);
	elsewhere.source = "192.0.2.8:5060";
	v = answer(auth, &elsewhere, c.nonce, NOW + 1);
	assert_int_equal(v.result, AUTH_CHALLENGE);
	assert_true(v.stale);
	elsewhere.source = "192.0.2.7:61234";
	assert_int_equal(answer(auth, &elsewhere, c.nonce, NOW + 1).result, AUTH_OK);
	/* Without a place to keep it, the key is another after a restart. */
	c = ask(auth, PHONE, NOW);
	set_up(&later);
	v = answer(later, &plain, c.nonce, NOW + 1);
	assert_int_equal(v.result, AUTH_CHALLENGE);
	assert_true(v.stale);
	auth_free(&auth);
	auth_free(&later);
}

static void
nothing_is_replayed(void **state)
{
	struct phone p = plain;
	struct auth_verdict c, v;
	struct auth_counts n;
	struct auth *auth;
	char nc[9];

	(void)state;
	set_up(&auth);
	c = ask(auth, PHONE, NOW);
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_OK);
	v = answer(auth, &p, c.nonce, NOW);
	assert_int_equal(v.result, AUTH_CHALLENGE);
	assert_true(v.stale);
	/* Counting on is fine, also with gaps and a little out of order; each once. */
	p.nc = "00000005";
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_OK);
	p.nc = "00000003";
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_OK);
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_CHALLENGE);
	p.nc = "00000001";
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_CHALLENGE);
	/* A phone of RFC 2069 does not count: one use. */
	c = ask(auth, PHONE, NOW);
	p.qop = p.nc = "";
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_OK);
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_CHALLENGE);
	p = plain;
	p.nc = "00000007";
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_CHALLENGE);
	/* The whole window, from the far side. */
	c = ask(auth, PHONE, NOW);
	p.nc = "00000050";
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_OK);
	for (unsigned i = 0x50 - 64; i < 0x50; i++) {
		snprintf(nc, sizeof(nc), "%08x", i);
		p.nc = nc;
		assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_OK);
		assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_CHALLENGE);
	}
	p.nc = "0000000f";
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_CHALLENGE);
	auth_count(auth, &n);
	assert_int_equal(n.forbidden, 0);
	auth_free(&auth);
}

static void
memory_is_bounded(void **state)
{
	char first[NONCE_TEXT_LEN + 1], text[NONCE_TEXT_LEN + 1];
	struct nonces *n;

	(void)state;
	assert_int_equal(nonces_new(&n, NULL), 0);
	nonce_make(n, "192.0.2.7", NOW, first);
	assert_int_equal(nonce_use(n, first, 1, NOW, 300000), NONCE_GOOD);
	for (unsigned i = 0; i < NONCE_MEMORY + 100; i++) {
		nonce_make(n, "192.0.2.7", NOW + 1 + i / 100, text);
		assert_int_equal(nonce_use(n, text, 1, NOW + 1 + i / 100, 300000), NONCE_GOOD);
	}
	assert_int_equal(nonces_used(n), NONCE_MEMORY);
	/* Pushed out, and yet not good a second time. */
	assert_int_equal(nonce_look(n, first, "192.0.2.7", NOW + 700, 300000), NONCE_GOOD);
	assert_int_equal(nonce_use(n, first, 1, NOW + 700, 300000), NONCE_EXPIRED);
	assert_int_equal(nonce_use(n, text, 1, NOW + 700, 300000), NONCE_REPLAYED);
	nonces_free(&n);
}

/* A restart of ours: no phone notices, and what was used stays used. */
static void
restarts(void **state)
{
	struct auth_verdict fresh, used;
	struct phone p = plain;
	struct auth *auth;
	char path[300];
	FILE *f;

	(void)state;
	own_dir = getenv("TMPDIR");
	set_up(&auth);
	fresh = ask(auth, PHONE, NOW);
	used = ask(auth, PHONE, NOW);
	assert_int_equal(answer(auth, &p, used.nonce, NOW).result, AUTH_OK);
	auth_free(&auth);
	set_up(&auth);
	assert_int_equal(answer(auth, &p, used.nonce, NOW + 1).result, AUTH_CHALLENGE);
	assert_int_equal(answer(auth, &p, fresh.nonce, NOW + 1).result, AUTH_OK);
	p.nc = "00000002";
	assert_int_equal(answer(auth, &p, used.nonce, NOW + 1).result, AUTH_OK);
	auth_free(&auth);
	/* A file that is not ours begins anew. */
	str_format(path, sizeof(path), "%s/nonces", own_dir);
	f = fopen(path, "r+");
	assert_non_null(f);
	fputs("something else", f);
	fclose(f);
	set_up(&auth);
	fresh = answer(auth, &plain, fresh.nonce, NOW + 1);
	assert_int_equal(fresh.result, AUTH_CHALLENGE);
	assert_true(fresh.stale);
	auth_free(&auth);
	/* Nowhere to keep it: in memory. */
	own_dir = "/nonexistent";
	set_up(&auth);
	assert_int_equal(answer(auth, &plain, ask(auth, PHONE, NOW).nonce, NOW).result, AUTH_OK);
	auth_free(&auth);
	own_dir = NULL;
}

static void
wrong_ones_are_banned(void **state)
{
	struct phone p = plain, bad = plain, nobody = plain;
	struct auth_ban ban;
	struct auth_verdict c;
	struct auth *auth;

	(void)state;
	set_up(&auth);
	bad.password = "guess";
	nobody.user = "nobody";
	c = ask(auth, PHONE, NOW);
	assert_int_equal(answer(auth, &bad, c.nonce, NOW).result, AUTH_FORBIDDEN);
	assert_int_equal(answer(auth, &nobody, c.nonce, NOW).result, AUTH_FORBIDDEN);
	assert_int_equal(auth_bans(auth, NOW, NULL, 0), 0);
	assert_int_equal(answer(auth, &bad, c.nonce, NOW).result, AUTH_FORBIDDEN);
	/* Also who knows the password, and who shows none. */
	assert_int_equal(answer(auth, &p, c.nonce, NOW + 1).result, AUTH_BANNED);
	assert_int_equal(ask(auth, PHONE, NOW + 1).result, AUTH_BANNED);
	assert_int_equal(auth_bans(auth, NOW + 1, &ban, 1), 1);
	assert_string_equal(ban.ip, "192.0.2.7");
	assert_int_equal(ban.failures, 3);
	assert_int_equal(ask(auth, "192.0.2.9:5060", NOW + 1).result, AUTH_CHALLENGE);
	/* It ends, and can be lifted. */
	assert_int_equal(ask(auth, PHONE, NOW + 300001).result, AUTH_CHALLENGE);
	for (int i = 0; i < 3; i++)
		answer(auth, &bad, ask(auth, PHONE, NOW).nonce, NOW);
	assert_int_equal(ask(auth, PHONE, NOW).result, AUTH_BANNED);
	assert_true(auth_unban(auth, "192.0.2.7"));
	assert_false(auth_unban(auth, "192.0.2.7"));
	assert_int_equal(ask(auth, PHONE, NOW).result, AUTH_CHALLENGE);
	auth_free(&auth);
}

static void
who_is_not_banned(void **state)
{
	static const char *const sources[] = { "198.51.100.77:5060", "[2001:db8:1::1]:5060" };
	struct phone bad = plain;
	struct auth_verdict c;
	struct auth *auth;

	(void)state;
	set_up(&auth);
	bad.password = "guess";
	for (size_t s = 0; s < 2; s++) {
		bad.source = sources[s];
		for (int i = 0; i < 10; i++)
			assert_int_equal(answer(auth, &bad, ask(auth, bad.source, NOW).nonce, NOW)
			                     .result,
			    AUTH_FORBIDDEN);
	}
	/*
	 * A forged source never got our nonce: nothing is counted, and nothing is told of the
	 * password.
	 */
	bad.source = PHONE;
	for (int i = 0; i < 10; i++) {
		c = answer(auth, &bad, "00112233", NOW);
		assert_int_equal(c.result, AUTH_CHALLENGE);
		assert_true(c.stale);
		c = answer(auth, &plain, "00112233", NOW);
		assert_int_equal(c.result, AUTH_CHALLENGE);
		assert_true(c.stale);
	}
	/* Spread over a long time they are no attack. */
	for (int i = 0; i < 10; i++)
		answer(auth, &bad, ask(auth, PHONE, NOW + i * 200000u).nonce, NOW + i * 200000u);
	assert_int_equal(auth_bans(auth, NOW, NULL, 0), 0);
	/* One customer's IPv6 addresses are one. */
	for (int i = 0; i < 3; i++) {
		char source[40];

		snprintf(source, sizeof(source), "[2001:db8:2::%d]:5060", i);
		bad.source = source;
		answer(auth, &bad, ask(auth, source, NOW).nonce, NOW);
	}
	assert_int_equal(ask(auth, "[2001:db8:2::99]:5060", NOW).result, AUTH_BANNED);
	auth_free(&auth);
}

static void
odd_credentials(void **state)
{
	struct auth_request req;
	struct auth_verdict c, v;
	struct phone p = plain;
	struct auth *auth;

	(void)state;
	set_up(&auth);
	c = ask(auth, PHONE, NOW);
	p.algorithm = "SHA-512-256";
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_CHALLENGE);
	p = plain;
	p.qop = "auth-int";
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_CHALLENGE);
	p = plain;
	p.nc = "1";
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_CHALLENGE);
	p.nc = "00000000";
	assert_int_equal(answer(auth, &p, c.nonce, NOW).result, AUTH_CHALLENGE);
	/* Of another realm: as good as none. Without a response: wrong. */
	req = (struct auth_request){ .present = true,
		.method = "REGISTER",
		.user = "1001",
		.realm = "elsewhere",
		.nonce = c.nonce,
		.uri = "sip:x",
		.response = "",
		.algorithm = "",
		.qop = "",
		.cnonce = "",
		.nc = "",
		.source = PHONE };
	auth_check(auth, &req, NOW, &v);
	assert_int_equal(v.result, AUTH_CHALLENGE);
	assert_false(v.stale);
	req.realm = "warden";
	auth_check(auth, &req, NOW, &v);
	assert_int_equal(v.result, AUTH_FORBIDDEN);
	/* An extension without a password cannot log in, whatever is sent. */
	alice.ha1_md5[0] = '\0';
	assert_int_equal(answer(auth, &plain, c.nonce, NOW).result, AUTH_FORBIDDEN);
	/* When nobody is asked, everybody may. */
	settings.security.require_authentication = false;
	v = ask(auth, PHONE, NOW);
	assert_int_equal(v.result, AUTH_OK);
	assert_string_equal(v.user, "");
	auth_free(&auth);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_examples),
		cmocka_unit_test(good_answers),
		cmocka_unit_test(nonces_age),
		cmocka_unit_test(nothing_is_replayed),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(restarts),
		cmocka_unit_test(wrong_ones_are_banned),
		cmocka_unit_test(who_is_not_banned),
		cmocka_unit_test(odd_credentials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
