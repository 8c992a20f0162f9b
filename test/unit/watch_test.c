/* SPDX-License-Identifier: ISC */
/*
 * What is watched: sipd's and apid's messages in, as a scenario writes them, and what featured says
 * out, as text. Authentication is featured_auth_test's and switched off here; the disk of texts is
 * this test's hand.
 *
 * links: featured/watch.c featured/watch_ask.c featured/watch_api.c featured/lamps.c
 * featured/reg/presence.c featured/reg/docs.c featured/reg/texts.c featured/reg/texts_file.c
 * featured/reg/userstate.c featured/reg/bindings.c featured/reg/bindings_db.c featured/reg/auth.c
 * featured/reg/nonce.c common/auth/nonce_text.c common/base/net.c featured/reg/digest.c
 * featured/settings.c featured/settings_keys.c featured/settings_codes.c featured/db/text.c
 * common/base/addr.c common/base/id.c common/base/log.c common/base/clock.c common/base/str.c
 * common/base/mem.c common/base/buf.c common/base/ckpt.c common/base/ckpt_file.c common/conf/conf.c
 * common/conf/bind.c common/conf/node.c common/conf/value.c common/conf/print.c common/ipc/msg.c
 * common/ipc/wire.c
 * libs: libcrypto yaml-0.1
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "featured/db/db.h"
#include "featured/watch.h"
#include "featured/watch_impl.h"

static struct settings settings;
static struct extension people[3];
static struct resource_list lists[1];
static char *members[] = { (char *)"1002", (char *)"71", (char *)"1999" };
static struct auth *auth;
static struct bindings *bindings;
static struct texts *texts;
static struct watch *watch;
static struct buf said = BUF_INIT(200000);
static uint64_t now;
static struct watch_mailbox box;

/* What would go to peers. */

int
ipc_reply(struct ipc_peer *peer, uint32_t id, uint16_t type, const void *body)
{
	(void)peer;
	(void)id;
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

struct ipc_peer *
ipc_ref(struct ipc_peer *peer)
{
	return peer;
}

void
ipc_unref(struct ipc_peer **peer)
{
	*peer = NULL;
}

static ipc_reply_cb *asked_cb[20];
static void *asked_arg[20];
static size_t asked;

int
ipc_request(struct ipc_peer *peer, uint16_t type, const void *body, unsigned deadline_ms,
    ipc_reply_cb *cb, void *arg)
{
	(void)deadline_ms;
	if (peer == NULL)
		return -ENOTCONN;
	ipc_reply(peer, 0, type, body);
	asked_cb[asked] = cb;
	asked_arg[asked++] = arg;
	return 0;
}

/* The phone's answer to the oldest request. */
static void
phone_says(uint16_t status)
{
	struct msg_error e = { .status = status };
	struct ipc_msg m = { .type = status < 300 ? MSG_done : MSG_error, .body = &e };
	ipc_reply_cb *cb = asked_cb[0];
	void *arg = asked_arg[0];

	assert_true(asked > 0);
	asked--;
	memmove(asked_cb, asked_cb + 1, asked * sizeof(asked_cb[0]));
	memmove(asked_arg, asked_arg + 1, asked * sizeof(asked_arg[0]));
	cb(arg, &m);
}

static void
send_message(void *arg, uint16_t type, const void *body)
{
	(void)arg;
	ipc_reply(NULL, 0, type, body);
}

static struct ipc_peer *
sipd(void *arg)
{
	return arg;
}

static bool
mailbox(void *arg, const char *user, struct watch_mailbox *out)
{
	(void)arg;
	*out = box;
	return str_eq(user, "1001");
}

/* The disk. */

static keep_cb *writing;
static void *writing_arg;
static int removed;

int
keep_write(struct keep *keep, const char *file, const void *p, size_t len, keep_cb *cb, void *arg)
{
	(void)keep;
	(void)file;
	(void)p;
	assert_true(len > 0);
	writing = cb;
	writing_arg = arg;
	return 0;
}

int
keep_remove(struct keep *keep, const char *file, keep_cb *cb, void *arg)
{
	(void)keep;
	(void)file;
	(void)cb;
	(void)arg;
	removed++;
	return 0;
}

int
keep_read(struct keep *keep, size_t max,
    void (*cb)(void *arg, const char *file, const char *p, size_t len), void *arg)
{
	(void)keep;
	(void)max;
	(void)cb;
	(void)arg;
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

bool
db_up(const struct db *db)
{
	(void)db;
	return false;
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
	return -ENOBUFS;
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
begin(void **state)
{
	static const char *const numbers[] = { "1001", "1002", "1003" };
	struct texts_env texts_env = { .sipd = sipd, .arg = &now };
	struct watch_env env = { .send = send_message, .mailbox = mailbox };

	(void)state;
	now = clock_real_ms();
	memset(&settings, 0, sizeof(settings));
	for (size_t i = 0; i < 3; i++) {
		people[i] = (struct extension){ .name = "N" };
		str_copy(people[i].number, sizeof(people[i].number), numbers[i]);
	}
	settings.extensions = (struct conf_items){ people, 3 };
	str_copy(lists[0].name, sizeof(lists[0].name), "team");
	lists[0].members = (struct conf_strs){ members, 3 };
	settings.resource_lists = (struct conf_items){ lists, 1 };
	settings.features.presence = true;
	settings.presence.auto_away_timeout_s = 300;
	settings.presence.auto_offline_timeout_s = 1800;
	settings.subscriptions.min_expires_s = 60;
	settings.subscriptions.max_expires_s = 3600;
	settings.subscriptions.default_expires_s = 1800;
	settings.parking.range_start = 70;
	settings.parking.range_end = 79;
	settings.messages.max_per_extension = 2;
	settings.messages.keep_days = 7;
	settings.registration.max_contacts = 4;
	settings.security.ban_duration_s = 60;
	settings.security.max_failed_attempts = 3;
	str_copy(settings.server.domain, sizeof(settings.server.domain), "warden");
	assert_int_equal(auth_new(&auth, &settings, NULL), 0);
	assert_int_equal(bindings_open(&bindings, NULL, NULL, &settings), 0);
	texts_env.bindings = env.bindings = bindings;
	assert_int_equal(texts_open(&texts, &settings, &texts_env), 0);
	env.auth = auth;
	env.texts = texts;
	assert_int_equal(watch_new(&watch, NULL, &settings, &env, now), 0);
	asked = 0;
	removed = 0;
	writing = NULL;
	box = (struct watch_mailbox){ 0 };
	buf_reset(&said);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	watch_free(&watch);
	texts_close(&texts);
	bindings_close(&bindings);
	auth_free(&auth);
	buf_free(&said);
	return 0;
}

/* A message as text, by sipd or apid. */
static void
says(bool (*to)(struct watch *, struct ipc_peer *, const struct ipc_msg *, uint64_t),
    const char *text)
{
	static union ipc_any body;
	struct buf hold = BUF_INIT(20000);
	struct ipc_msg m = { .id = 7, .body = &body };
	char err[128];

	if (ipc_scan(text, &m.type, &body, &hold, err, sizeof(err)) != 0)
		fail_msg("%s: %s", text, err);
	assert_true(to(watch, NULL, &m, now));
	watch_flush(watch, now);
	buf_free(&hold);
}

static void
sipd_says(const char *text)
{
	says(watch_sipd, text);
}

static void
apid_says(const char *text)
{
	says(watch_apid, text);
}

/* All that was said since the last time holds this; "" nothing was said. */
static void
hears(const char *part)
{
	const char *all = said.data != NULL && said.len > 0 ? said.data : "";

	if (part[0] == '\0' ? all[0] != '\0' : strstr(all, part) == NULL)
		fail_msg("\"%s\" instead of \"%s\"", all, part);
	buf_reset(&said);
}

static size_t
count(const char *part)
{
	size_t n = 0;

	for (const char *p = said.data; p != NULL && (p = strstr(p, part)) != NULL; p++)
		n++;
	return n;
}

static void
topic(const char *event, const char *user)
{
	char text[200];

	str_format(text, sizeof(text), "sync_topic topic=%016llx event=%s user=%s",
	    (unsigned long long)watch_topic_id(watch_event_of(event), user), event, user);
	sipd_says(text);
}

static void
call_is(uint8_t id, uint8_t state)
{
	const uint8_t uuid[UUID_LEN] = { id };
	struct core_party p[2] = {
		{ .leg = 1, .state = state, .initiator = 1, .user = "1001", .remote = "1002" },
		{ .leg = 2, .state = state, .user = "1002", .remote = "1001" },
	};

	lamps_parties(watch_lamps(watch), uuid, p, state != 0 ? 2 : 0);
	watch_flush(watch, now);
}

static void
registers(const char *user)
{
	struct binding b = { .source = "192.0.2.1:5060", .transport = SIP_TRANSPORT_UDP }, *one;

	str_format(b.aor, sizeof(b.aor), "%s@warden", user);
	str_format(b.uri, sizeof(b.uri), "sip:%s@192.0.2.1", user);
	b.expires_ms = now + 86400000;
	if ((one = bindings_first(bindings, b.aor)) == NULL)
		one = bindings_add(bindings, &b);
	assert_non_null(one);
	one->updated_ms = one->anew_ms = now;
	bindings_changed(bindings, one);
	watch_registered(watch, user, true, now);
	watch_flush(watch, now);
}

static void
a_lamp_is_said_once_for_each_change(void **state)
{
	(void)state;
	sipd_says("sub_request sub=1 event=dialog from_user=1003 to_user=1002 "
	          "expires_s=4294967295");
	hears("watcher=1003 user=1002 expires_s=1800 min_s=60 max_s=3600");
	call_is(1, CORE_PARTY_EARLY);
	hears("");	/* nobody has a topic yet */
	topic("dialog", "1002");
	hears("<state>early</state>");
	call_is(1, CORE_PARTY_EARLY);
	hears("");
	call_is(1, CORE_PARTY_CONFIRMED);
	assert_int_equal(count("topic_state"), 1);
	hears("<state>confirmed</state>");
	call_is(2, CORE_PARTY_EARLY);
	hears("<state>confirmed</state>");
	call_is(1, 0);
	hears("<state>early</state>");
	call_is(2, 0);
	hears("topic_state");
	topic("dialog", "1002"); /* sipd has restarted: it is said again */
	hears("topic_state");
	sipd_says("topic_idle topic=1");
	assert_int_equal(watch_topics(watch), 1);
	watch_sync_begin(watch);
	watch_sync_end(watch);
	assert_int_equal(watch_topics(watch), 0);
	call_is(3, CORE_PARTY_EARLY);
	hears("");
}

static void
what_cannot_be_watched_is_refused(void **state)
{
	(void)state;
	sipd_says("sub_request sub=1 event=dialog from_user=1003 to_user=1999 expires_s=600");
	hears("error 404");
	sipd_says("sub_request sub=1 event=dialog from_user=666 to_user=1002 expires_s=600");
	hears("error 403");
	sipd_says("sub_request sub=1 event=weather from_user=1003 to_user=1002 expires_s=600");
	hears("error 489");
	sipd_says("sub_request sub=1 event=presence from_user=1003 to_user=1002 expires_s=59");
	hears("watch_too_brief min_expires_s=60");
	sipd_says("sub_request sub=1 event=presence from_user=1003 to_user=1002 expires_s=99999");
	hears("expires_s=3600");
	sipd_says("sub_request sub=1 event=dialog from_user=1003 to_user=79 expires_s=600");
	hears("user=79");
	sipd_says("sub_request sub=1 event=dialog from_user=1003 to_user=80 expires_s=600");
	hears("error 404");
	sipd_says("sub_request sub=1 event=message-summary from_user=1003 to_user=1001 "
	          "expires_s=600");
	hears("error 403");
	sipd_says("sub_request sub=1 event=message-summary from_user=1003 to_user=1003 "
	          "expires_s=600");
	hears("error 404"); /* it has no mailbox */
	settings.features.presence = false;
	sipd_says("sub_request sub=1 event=presence from_user=1003 to_user=1002 expires_s=600");
	hears("error 489");
	topic("presence", "1002");
	hears("topic_end");
}

static void
a_list_names_its_members(void **state)
{
	(void)state;
	sipd_says("sub_request sub=1 event=dialog from_user=1003 to_user=team expires_s=600");
	hears("error 421");
	sipd_says("sub_request sub=1 event=dialog from_user=1003 to_user=team expires_s=600 "
	          "lists=1");
	assert_int_equal(count("sub_member"), 2); /* 1999 is nobody */
	assert_int_equal(count("sub_accepted watcher=1003"), 1); /* topic 0 */
	buf_reset(&said);
	lists[0].members.n = 1;
	watch_settings(watch, &settings, now);
	hears("list_end_subs");
	watch_settings(watch, &settings, now);
	hears("");
}

static void
who_is_gone_from_the_settings_ends(void **state)
{
	(void)state;
	topic("presence", "1003");
	topic("dialog", "1002");
	buf_reset(&said);
	settings.extensions.n = 2;
	watch_settings(watch, &settings, now);
	assert_int_equal(count("topic_end"), 1);
	assert_int_equal(watch_topics(watch), 1);
}

static void
presence_follows_time_and_calls(void **state)
{
	(void)state;
	topic("presence", "1002");
	hears("closed");
	registers("1002");
	hears("Available");
	now += 299000;
	watch_tick(watch, now);
	watch_flush(watch, now);
	hears("");
	now += 1000;
	watch_tick(watch, now);
	watch_flush(watch, now);
	hears("Auto-away");
	now += 1500000;
	watch_tick(watch, now);
	watch_flush(watch, now);
	hears("closed");
	presence_activity(watch_presence(watch), "1002", now);
	watch_flush(watch, now);
	hears("Available");
	call_is(1, CORE_PARTY_EARLY);
	hears("on-the-phone");
	apid_says("presence_set extension=1002 status=4");
	hears("Do not disturb");
	apid_says("presence_set extension=1002 status=5");
	hears("error 409");
	apid_says("presence_set extension=1002 status=9");
	hears("error 400");
	apid_says("presence_set extension=1999 status=2");
	hears("error 404");
	apid_says("presence_set extension=1002 status=1 message=\"at my desk\"");
	hears("on-the-phone");
	apid_says("presence_get extension=1002");
	hears("status=5 message=\"at my desk\" in_call=1");
	call_is(1, 0);
	hears("at my desk");
	apid_says("presence_get");
	assert_int_equal(count("presence_item"), 3);
	hears("list_end count=3");
}

static void
a_publication_counts_until_it_ends(void **state)
{
	char etag[64], text[300];
	const char *p;

	(void)state;
	registers("1002");
	buf_reset(&said);
	topic("presence", "1002");
	hears("Available");
	sipd_says("publish_request event=presence from_user=1002 to_user=1002 expires_s=60 "
	          "status=3 note=out");
	p = strstr(said.data, "etag=");
	assert_non_null(p);
	str_ncopy(etag, sizeof(etag), p + 5, strcspn(p + 5, " \n"));
	hears("<note>out</note>");
	sipd_says("publish_request event=presence from_user=1002 to_user=1002 etag=nonsense "
	          "expires_s=60");
	hears("error 412");
	sipd_says("publish_request event=presence from_user=1003 to_user=1002 expires_s=60 "
	          "status=2");
	hears("error 403");
	str_format(text, sizeof(text),
	    "publish_request event=presence from_user=1002 to_user=1002 etag=%s expires_s=0", etag);
	sipd_says(text);
	hears("Available");
	sipd_says(text);
	hears("error 412");
	sipd_says("publish_request event=presence from_user=1002 to_user=1002 expires_s=60 "
	          "status=2");
	hears("Busy");
	now += 61000;
	watch_tick(watch, now);
	watch_flush(watch, now);
	hears("Available");
}

static void
waiting_messages_are_told(void **state)
{
	(void)state;
	registers("1001");
	hears("notice request_uri=sip:1001@192.0.2.1 route=192.0.2.1:5060");
	registers("1001");
	hears("");	/* a refresh, and it knows */
	registers("1002");
	hears("");	/* no mailbox */
	watch_mailbox_changed(watch, "1001", now);
	hears("Messages-Waiting: no");
	registers("1001");
	hears("Messages-Waiting: no"); /* it may not have heard of the change */
	registers("1001");
	hears("");
	box = (struct watch_mailbox){ .fresh = 1 };
	watch_mailbox_changed(watch, "1001", now);
	hears("Messages-Waiting: yes");
	topic("message-summary", "1001");
	hears("Voice-Message: 1/0");
	box.old = 2;
	watch_mailbox_changed(watch, "1001", now);
	watch_flush(watch, now);
	assert_int_equal(count("notice"), 0); /* his only phone hears it by its subscription */
	hears("Voice-Message: 1/2");
}

static void
texts_wait_for_their_reader(void **state)
{
	(void)state;
	sipd_says("message_request from_user=1001 to_user=1002 sip_call_id=a cseq=1 "
	          "content_type=text/plain body=\"one\"");
	hears("");	/* not before it is on the disk */
	writing(writing_arg, 0);
	hears("message_accepted status=202");
	sipd_says("message_request from_user=1001 to_user=1002 sip_call_id=a cseq=1 "
	          "content_type=text/plain body=\"one\"");
	hears("message_accepted");
	assert_int_equal(texts_kept(texts), 1); /* it was the same again */
	sipd_says("message_request from_user=1001 to_user=1002 sip_call_id=b cseq=1 "
	          "content_type=text/plain body=\"two\"");
	writing(writing_arg, 0);
	hears("message_accepted");
	sipd_says("message_request from_user=1001 to_user=1002 sip_call_id=c cseq=1 "
	          "content_type=text/plain body=\"three\"");
	hears("error 480");
	sipd_says("message_request from_user=1001 to_user=1999 sip_call_id=c cseq=1 body=x");
	hears("error 404");
	registers("1002");
	assert_int_equal(count("message_send"), 1); /* one at a time */
	hears("body=one");
	phone_says(200);
	hears("body=two");
	phone_says(408);
	hears("");
	assert_int_equal(texts_kept(texts), 1);
	texts_registered(texts, "1002");
	hears("body=two");
	texts_registered(texts, "1002"); /* while it is being asked: at once when that has failed */
	hears("");
	phone_says(503);
	hears("body=two");
	phone_says(503);
	hears("");
	now += 121000;
	watch_tick(watch, now);
	hears("body=two");
	phone_says(200);
	assert_int_equal(texts_kept(texts), 0);
	assert_int_equal(removed, 2);
}

static void
a_full_disk_is_told(void **state)
{
	(void)state;
	sipd_says("message_request from_user=1001 to_user=1002 sip_call_id=a cseq=1 "
	          "content_type=text/plain body=one");
	writing(writing_arg, -ENOSPC);
	hears("error 503");
	assert_int_equal(texts_kept(texts), 0);
	sipd_says("message_request from_user=1001 to_user=1002 sip_call_id=b cseq=1 "
	          "content_type=text/plain body=old");
	writing(writing_arg, 0);
	now += 8ULL * 86400000;
	watch_tick(watch, now);
	assert_int_equal(texts_kept(texts), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lamp_is_said_once_for_each_change),
		TEST(what_cannot_be_watched_is_refused),
		TEST(a_list_names_its_members),
		TEST(who_is_gone_from_the_settings_ends),
		TEST(presence_follows_time_and_calls),
		TEST(a_publication_counts_until_it_ends),
		TEST(waiting_messages_are_told),
		TEST(texts_wait_for_their_reader),
		TEST(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
