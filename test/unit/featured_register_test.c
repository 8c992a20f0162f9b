/* SPDX-License-Identifier: ISC */
/*
 * The registrar: what phones send (INTEROP 1 to 9) in, replies out. Replies are written down as
 * text instead of being sent; authentication is featured_auth_test's and switched off here, but for
 * one test.
 *
 * links: featured/reg/register.c featured/reg/bindings.c featured/reg/bindings_db.c
 * featured/reg/auth.c featured/reg/nonce.c common/auth/nonce_text.c common/base/net.c
 * featured/reg/digest.c featured/settings.c featured/settings_keys.c featured/settings_codes.c
 * featured/db/text.c common/base/addr.c common/base/id.c common/base/log.c common/base/clock.c
 * common/base/str.c common/base/mem.c common/base/buf.c common/base/ckpt.c common/base/ckpt_file.c
 * common/conf/conf.c common/conf/bind.c common/conf/node.c common/conf/value.c common/conf/print.c
 * common/ipc/msg.c common/ipc/wire.c
 * libs: libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "featured/db/db.h"
#include "featured/reg/register.h"
#include "test/unit/oom.h"

static struct settings settings;
static struct extension people[2];
static struct auth *auth;
static struct bindings *bindings;
static struct registrar *registrar;
static struct buf said = BUF_INIT(100000);
static uint32_t cseq;

/* What the registrar would send. */

int
ipc_reply(struct ipc_peer *peer, uint32_t id, uint16_t type, const void *body)
{
	(void)peer;
	assert_int_equal(id, 77);
	ipc_print(&said, type, body);
	buf_char(&said, '\n');
	return 0;
}

int
ipc_reply_item(struct ipc_peer *peer, uint32_t id, uint16_t type, const void *body)
{
	return ipc_reply(peer, id, type, body);
}

int
ipc_reply_error(struct ipc_peer *peer, uint32_t id, uint16_t status, const char *reason)
{
	(void)peer;
	(void)id;
	buf_fmt(&said, "error %u %s\n", status, reason);
	return 0;
}

/* No database. */

void
db_watch(struct db *db, void (*cb)(void *arg, bool up), void *arg)
{
	(void)db;
	(void)cb;
	(void)arg;
}

void
db_unwatch(struct db *db, void *arg)
{
	(void)db;
	(void)arg;
}

int
db_exec(struct db *db, const char *sql, int n, const char *const *params, db_cb *cb, void *arg)
{
	(void)db;
	(void)sql;
	(void)n;
	(void)params;
	(void)cb;
	(void)arg;
	return -1;
}

int
db_rows(const struct db_answer *answer)
{
	(void)answer;
	return 0;
}

const char *
db_value(const struct db_answer *answer, int row, int column)
{
	(void)answer;
	(void)row;
	(void)column;
	return "";
}

static int
set_up(void **state)
{
	const char *dir = getenv("TMPDIR");
	char path[300];

	(void)state;
	memset(&settings, 0, sizeof(settings));
	str_copy(people[0].number, sizeof(people[0].number), "1001");
	str_copy(people[1].number, sizeof(people[1].number), "1002");
	settings.extensions = (struct conf_items){ .v = people, .n = 2 };
	str_copy(settings.server.domain, sizeof(settings.server.domain), "warden");
	str_copy(settings.server.realm, sizeof(settings.server.realm), "warden");
	settings.registration.max_contacts = 3;
	settings.registration.min_expires_s = 60;
	settings.registration.max_expires_s = 7200;
	settings.registration.default_expires_s = 3600;
	settings.security.max_failed_attempts = 5;
	settings.security.ban_duration_s = 300;
	settings.security.nonce_lifetime_s = 300;
	str_format(path, sizeof(path), "%s/bindings.ckpt", dir);
	remove(path);
	cseq = 0;
	assert_int_equal(auth_new(&auth, &settings, NULL), 0);
	assert_int_equal(bindings_open(&bindings, NULL, dir, &settings), 0);
	assert_int_equal(registrar_new(&registrar, &settings, auth, bindings), 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	registrar_free(&registrar);
	bindings_close(&bindings);
	auth_free(&auth);
	buf_free(&said);
	return 0;
}

#define UNSAID UINT32_MAX

struct contact {
	const char	*uri;
	uint32_t	 expires_s;
	const char	*params;
	uint16_t	 q;
};

static struct msg_reg_request
request(void)
{
	struct msg_reg_request m = {
		.txn = 5, .expires_s = UNSAID, .cseq = ++cseq, .transport = SIP_TRANSPORT_UDP
	};

	str_copy(m.aor_user, sizeof(m.aor_user), "1001");
	str_copy(m.aor_domain, sizeof(m.aor_domain), "192.0.2.1");
	str_copy(m.sip_call_id, sizeof(m.sip_call_id), "call-1");
	str_copy(m.source, sizeof(m.source), "198.51.100.9:61000");
	return m;
}

/* Sends a REGISTER with n contacts; returns the replies. */
static const char *
send_it(struct msg_reg_request *m, const struct contact *c, size_t n)
{
	struct msg_reg_contact one;

	for (size_t i = 0; i < n; i++) {
		memset(&one, 0, sizeof(one));
		one.txn = m->txn;
		one.expires_s = c[i].expires_s;
		one.q = c[i].q != 0 ? c[i].q : 1000;
		str_copy(one.uri, sizeof(one.uri), c[i].uri);
		str_copy(one.params, sizeof(one.params), c[i].params != NULL ? c[i].params : "");
		register_contact(registrar, &one);
	}
	m->contacts = (uint8_t)n;
	buf_reset(&said);
	register_request(registrar, NULL, 77, m);
	return said.data;
}

static const char *
register_one(const char *uri, uint32_t expires_s)
{
	struct msg_reg_request m = request();
	struct contact c = { uri, expires_s, NULL, 0 };

	return send_it(&m, &c, 1);
}

static void
registers(void **state)
{
	const struct binding *found[4];

	(void)state;
	assert_string_equal(register_one("sip:1001@10.0.0.5:5062;ob", 600),
	    "reg_binding uri=sip:1001@10.0.0.5:5062;ob expires_s=600\nreg_accepted count=1\n");
	assert_int_equal(bindings_lookup(bindings, "1001", clock_real_ms(), found, 4), 1);
	assert_string_equal(found[0]->source, "198.51.100.9:61000");
	assert_string_equal(found[0]->aor, "1001@warden");
	/* A query changes nothing. */
	struct msg_reg_request m = request();
	assert_string_equal(send_it(&m, NULL, 0),
	    "reg_binding uri=sip:1001@10.0.0.5:5062;ob expires_s=600\nreg_accepted count=1\n");
	/* The same contact again is a refresh. */
	assert_string_equal(register_one("sip:1001@10.0.0.5:5062;ob", 900),
	    "reg_binding uri=sip:1001@10.0.0.5:5062;ob expires_s=900\nreg_accepted count=1\n");
	assert_int_equal(bindings_count(bindings), 1);
	assert_string_equal(register_one("sip:1001@10.0.0.5:5062;ob", 0), "reg_accepted\n");
	assert_int_equal(bindings_aors(bindings), 0);
}

static void
expiries(void **state)
{
	struct contact c = { "sip:a@10.0.0.5", UNSAID, NULL, 0 };
	struct msg_reg_request m;

	(void)state;
	assert_string_equal(register_one("sip:a@10.0.0.5", UNSAID),
	    "reg_binding uri=sip:a@10.0.0.5 expires_s=3600\nreg_accepted count=1\n");
	m = request();
	m.expires_s = 120;
	assert_string_equal(send_it(&m, &c, 1),
	    "reg_binding uri=sip:a@10.0.0.5 expires_s=120\nreg_accepted count=1\n");
	/* The contact's own rules. */
	m = request();
	m.expires_s = 120;
	c.expires_s = 240;
	assert_string_equal(send_it(&m, &c, 1),
	    "reg_binding uri=sip:a@10.0.0.5 expires_s=240\nreg_accepted count=1\n");
	assert_string_equal(register_one("sip:a@10.0.0.5", 59), "reg_too_brief min_expires_s=60\n");
	assert_string_equal(register_one("sip:a@10.0.0.5", 4000000000u),
	    "reg_binding uri=sip:a@10.0.0.5 expires_s=7200\nreg_accepted count=1\n");
	/* What expires goes by itself, and is not dialled before it has gone. */
	const struct binding *found[2];
	assert_int_equal(bindings_lookup(bindings, "1001", clock_real_ms() + 7300000, found, 2), 0);
	assert_int_equal(bindings_expire(bindings, clock_real_ms() + 7300000), UINT64_MAX);
	assert_int_equal(bindings_count(bindings), 0);
}

static void
several_contacts(void **state)
{
	struct contact two[] = { { "sip:a@10.0.0.5", 600, NULL, 500 },
		{ "sip:b@10.0.0.6", 700, NULL, 900 } };
	struct msg_reg_request m = request();
	const struct binding *found[4];
	uint64_t now = clock_real_ms();

	(void)state;
	assert_string_equal(send_it(&m, two, 2),
	    "reg_binding uri=sip:a@10.0.0.5 expires_s=600\nreg_binding uri=sip:b@10.0.0.6 "
	    "expires_s=700\nreg_accepted count=2\n");
	assert_int_equal(bindings_lookup(bindings, "1001", now, found, 4), 2);
	assert_string_equal(found[0]->uri, "sip:b@10.0.0.6");
	assert_int_equal(bindings_lookup(bindings, "1001", now, found, 1), 1);
	assert_string_equal(found[0]->uri, "sip:b@10.0.0.6");
	/* One too brief: none is changed. */
	two[0].expires_s = 0;
	two[1].expires_s = 5;
	m = request();
	assert_string_equal(send_it(&m, two, 2), "reg_too_brief min_expires_s=60\n");
	assert_int_equal(bindings_count(bindings), 2);
	/* max_contacts: the oldest refresh goes out. */
	register_one("sip:a@10.0.0.5", 600);
	register_one("sip:c@10.0.0.7", 600);
	register_one("sip:d@10.0.0.8", 600);
	assert_int_equal(bindings_lookup(bindings, "1001", now, found, 4), 3);
	assert_string_equal(found[0]->uri, "sip:d@10.0.0.8");
	assert_string_equal(found[1]->uri, "sip:c@10.0.0.7");
	assert_string_equal(found[2]->uri, "sip:a@10.0.0.5");
	assert_int_equal(bindings_lookup(bindings, "1001", now, found, 2), 2);
	assert_string_equal(found[1]->uri, "sip:c@10.0.0.7");
	/* Of another AOR, none. */
	assert_int_equal(bindings_lookup(bindings, "1002", now, found, 4), 0);
}

static void
star(void **state)
{
	struct msg_reg_request m;

	(void)state;
	register_one("sip:a@10.0.0.5", 600);
	register_one("sip:b@10.0.0.5", 600);
	m = request();
	m.star = 1;
	m.expires_s = 100;
	assert_string_equal(send_it(&m, NULL, 0),
	    "error 400 Contact: * wants Expires: 0 and no other contact\n");
	m = request();
	m.star = 1;
	m.expires_s = 0;
	assert_string_equal(send_it(&m, NULL, 0), "reg_accepted\n");
	assert_int_equal(bindings_count(bindings), 0);
}

static void
cisco_keepalive(void **state)
{
	struct contact c = { "sip:a@10.0.0.5", 0, "cisco-keep-alive", 0 };
	struct msg_reg_request m;

	(void)state;
	register_one("sip:a@10.0.0.5", 600);
	m = request();
	m.keepalive = 1;
	assert_string_equal(send_it(&m, &c, 1),
	    "reg_binding uri=sip:a@10.0.0.5 expires_s=600\nreg_accepted count=1\n");
}

static void
phones_that_reboot(void **state)
{
	struct contact c = { "sip:a@10.0.0.5", 600, NULL, 0 };
	struct contact one = { "sip:a@10.0.0.5:40001", 600,
		"+sip.instance=\"<urn:uuid:1;2>\";reg-id=1", 0 };
	struct msg_reg_request m = request();

	(void)state;
	m.cseq = 500;
	send_it(&m, &c, 1);
	/* Overtaken on its way: nothing is undone. */
	m.cseq = 499;
	c.expires_s = 0;
	assert_string_equal(send_it(&m, &c, 1),
	    "reg_binding uri=sip:a@10.0.0.5 expires_s=600\nreg_accepted count=1\n");
	/* The same again: sipd was restarted in between. */
	m.cseq = 500;
	c.expires_s = 700;
	assert_string_equal(send_it(&m, &c, 1),
	    "reg_binding uri=sip:a@10.0.0.5 expires_s=700\nreg_accepted count=1\n");
	/* Another Call-ID begins anew. */
	m.cseq = 1;
	c.expires_s = 800;
	str_copy(m.sip_call_id, sizeof(m.sip_call_id), "call-2");
	assert_string_equal(send_it(&m, &c, 1),
	    "reg_binding uri=sip:a@10.0.0.5 expires_s=800\nreg_accepted count=1\n");
	/* The same Call-ID from 1 again, a minute after. */
	m.cseq = 900;
	send_it(&m, &c, 1);
	bindings_first(bindings, "1001@warden")->updated_ms -= 60000;
	m.cseq = 1;
	c.expires_s = 0;
	assert_string_equal(send_it(&m, &c, 1), "reg_accepted\n");
	/* The same device with another port replaces its old contact; another device does not. */
	m = request();
	send_it(&m, &one, 1);
	one.uri = "sip:a@10.0.0.5:40002";
	m = request();
	str_copy(m.sip_call_id, sizeof(m.sip_call_id), "call-3");
	send_it(&m, &one, 1);
	assert_int_equal(bindings_count(bindings), 1);
	assert_string_equal(bindings_first(bindings, "1001@warden")->uri, "sip:a@10.0.0.5:40002");
	one.uri = "sip:a@10.0.0.5:40003";
	one.params = "+sip.instance=\"<urn:uuid:1;3>\";reg-id=1";
	m = request();
	send_it(&m, &one, 1);
	assert_int_equal(bindings_count(bindings), 2);
}

static void
refusals(void **state)
{
	struct contact many[17], mail = { "mailto:a@example.org", 600, NULL, 0 };
	struct msg_reg_request m = request();
	char uri[17][32];

	(void)state;
	str_copy(m.aor_user, sizeof(m.aor_user), "9999");
	assert_string_equal(send_it(&m, NULL, 0), "error 404 no such address of record\n");
	m = request();
	assert_string_equal(send_it(&m, &mail, 1), "error 400 a Contact that is no SIP URI\n");
	for (int i = 0; i < 17; i++) {
		str_format(uri[i], sizeof(uri[i]), "sip:a@10.0.0.%d", i);
		many[i] = (struct contact){ uri[i], 600, NULL, 0 };
	}
	m = request();
	assert_string_equal(send_it(&m, many, 17), "error 400 too many contacts\n");
	/* Contacts that belong to another transaction are not taken. */
	m = request();
	struct msg_reg_contact stray = { .txn = 4, .expires_s = 600 };
	str_copy(stray.uri, sizeof(stray.uri), "sip:stray@10.0.0.1");
	register_contact(registrar, &stray);
	assert_string_equal(send_it(&m, NULL, 0), "reg_accepted\n");
	register_contact(registrar, &stray);
	register_lost(registrar);
	m.txn = 4;
	m.contacts = 1;
	buf_reset(&said);
	register_request(registrar, NULL, 77, &m);
	assert_string_equal(said.data, "error 503 contacts were lost\n");
	assert_int_equal(bindings_count(bindings), 0);
}

static void
asks_for_credentials(void **state)
{
	(void)state;
	settings.security.require_authentication = true;
	register_one("sip:a@10.0.0.5", 600);
	assert_true(str_starts(said.data, "reg_challenge realm=warden nonce="));
	assert_int_equal(bindings_count(bindings), 0);
}

static void
outlive_us(void **state)
{
	const char *dir = getenv("TMPDIR");
	char user[16], uri[64];
	const struct binding *found[2];
	struct binding one = { .expires_ms = clock_real_ms() + 600000, .q = 1000 };

	(void)state;
	for (int i = 0; i < 2000; i++) {
		str_format(one.aor, sizeof(one.aor), "%d@warden", 1000 + i);
		str_format(one.uri, sizeof(one.uri), "sip:%d@10.0.0.5", 1000 + i);
		one.expires_ms = clock_real_ms() + 600000 - (uint64_t)(i * 7919 % 2000) * 100;
		assert_non_null(bindings_add(bindings, &one));
	}
	bindings_remove(bindings, bindings_first(bindings, "1005@warden"), "test");
	bindings_close(&bindings);
	assert_int_equal(bindings_open(&bindings, NULL, dir, &settings), 0);
	assert_int_equal(bindings_count(bindings), 1999);
	assert_int_equal(bindings_lookup(bindings, "1005", clock_real_ms(), found, 2), 0);
	for (int i = 0; i < 2000; i++) {
		str_format(user, sizeof(user), "%d", 1000 + i);
		str_format(uri, sizeof(uri), "sip:%d@10.0.0.5", 1000 + i);
		if (i == 5)
			continue;
		assert_int_equal(bindings_lookup(bindings, user, clock_real_ms(), found, 2), 1);
		assert_string_equal(found[0]->uri, uri);
	}
	/* Half expire, in order, whatever the order they came in. */
	bindings_expire(bindings, clock_real_ms() + 500000);
	assert_in_range(bindings_count(bindings), 990, 1010);
	assert_int_equal(bindings_expire(bindings, clock_real_ms() + 700000), UINT64_MAX);
	assert_int_equal(bindings_count(bindings), 0);
}

/*
 * make check OOM=1: each allocation fails in turn; the phone gets 503 and nothing is left behind.
 */
static void
one_registration(void *arg)
{
	const char *dir = getenv("TMPDIR");
	char path[300];

	(void)arg;
	str_format(path, sizeof(path), "%s/bindings.ckpt", dir);
	remove(path);
	auth = NULL;
	bindings = NULL;
	registrar = NULL;
	if (auth_new(&auth, &settings, NULL) == 0 &&
	    bindings_open(&bindings, NULL, dir, &settings) == 0 &&
	    registrar_new(&registrar, &settings, auth, bindings) == 0 &&
	    strstr(register_one("sip:a@10.0.0.5", 600), "reg_accepted") == NULL) {
		assert_int_equal(bindings_count(bindings), 0);
		assert_int_equal(bindings_aors(bindings), 0);
	}
	registrar_free(&registrar);
	bindings_close(&bindings);
	auth_free(&auth);
}

static void
out_of_memory(void **state)
{
	tear_down(state);
	buf_str(&said, "there is room already for what is said in the test itself");
	oom_each(one_registration, NULL);
	set_up(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(registers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(expiries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(several_contacts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(star, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cisco_keepalive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(phones_that_reboot, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(asks_for_credentials, set_up, tear_down),
		cmocka_unit_test_setup_teardown(outlive_us, set_up, tear_down),
		cmocka_unit_test_setup_teardown(out_of_memory, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
