/* SPDX-License-Identifier: ISC */
/*
 * What users set: kept over a reopening, lists in bounds, read back as they were printed.
 *
 * links: featured/reg/userstate.c common/base/ckpt.c common/base/ckpt_file.c common/base/id.c
 * common/base/log.c common/base/clock.c common/base/str.c common/base/mem.c common/base/buf.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "featured/reg/userstate.h"

static char dir[300];

static void
kept(void **unused)
{
	struct userstates *u;
	struct user_state s = { .number = "1001", .dnd = 1 };

	(void)unused;
	assert_int_equal(userstates_get(NULL, "1001")->dnd, 0);
	assert_int_equal(userstates_set(NULL, &s, 1), -ENOTSUP);
	assert_int_equal(userstates_open(&u, dir, dir), 0);
	assert_string_equal(userstates_get(u, "1001")->number, "");
	assert_int_equal(userstates_set(u, &s, 5000), 0);
	/* A clock that went back makes no change older than the one before. */
	s.dnd = 0;
	assert_int_equal(userstates_set(u, &s, 1), 0);
	assert_int_equal(userstates_get(u, "1001")->changed_ms, 5001);
	userstates_called(u, "1001", "004930");
	userstates_dialled(u, "1001", "1002");
	userstates_ended(u, "1001", 77);
	userstates_close(&u);
	assert_int_equal(userstates_open(&u, dir, dir), 0);
	assert_int_equal(userstates_count(u), 1);
	assert_int_equal(userstates_get(u, "1001")->changed_ms, 5001);
	assert_string_equal(userstates_recent(u, "1001")->last_caller, "004930");
	assert_string_equal(userstates_recent(u, "1001")->last_dialled, "1002");
	assert_int_equal(userstates_recent(u, "1001")->last_call_ms, 77);
	userstates_called(u, "1001", "");
	assert_string_equal(userstates_recent(u, "1001")->last_caller, "");
	userstates_close(&u);
}

static void
blacklists(void **unused)
{
	struct user_state s = { 0 }, again = { 0 };
	struct buf text = BUF_INIT(4096);
	char number[40];

	(void)unused;
	assert_false(user_blacklist_add(&s, ""));
	assert_false(user_blacklist_add(&s, "with blank"));
	assert_false(user_blacklist_add(&s, "123456789012345678901234567890123"));
	for (int i = 0; i < USER_BLACKLIST_MAX; i++) {
		str_format(number, sizeof(number), "%d", i);
		assert_true(user_blacklist_add(&s, number));
	}
	assert_true(user_blacklist_add(&s, "7")); /* there already */
	assert_false(user_blacklist_add(&s, "99"));
	assert_true(user_blacklist_remove(&s, "7"));
	assert_false(user_blacklist_remove(&s, "7"));
	assert_false(user_blacklist_remove(&s, ""));
	assert_true(user_blacklist_add(&s, "0190*"));
	assert_true(user_blacklisted(&s, "0190"));
	assert_true(user_blacklisted(&s, "01905"));
	assert_true(user_blacklisted(&s, "31"));
	assert_false(user_blacklisted(&s, "7"));
	assert_false(user_blacklisted(&s, ""));
	user_blacklist_print(&s, &text);
	assert_true(user_blacklist_read(&again, text.data));
	assert_true(user_blacklisted(&again, "01905"));
	assert_false(user_blacklisted(&again, "7"));
	assert_false(user_blacklist_read(&again, "1 2 123456789012345678901234567890123"));
	assert_true(user_blacklist_read(&again, ""));
	assert_false(user_blacklisted(&again, "1"));
	buf_free(&text);
}

static void
speed_dials(void **unused)
{
	static const char *const bad[] = { "7=1", "100=1", "07=", "aa=1", "07=a/b", "07", "=" };
	struct user_state s = { 0 }, again = { 0 };
	struct buf text = BUF_INIT(8192);

	(void)unused;
	assert_true(user_speed_read(&s, "99=+4930 00=*98"));
	user_speed_print(&s, &text);
	assert_string_equal(text.data, "00=*98 99=+4930");
	assert_true(user_speed_read(&again, text.data));
	assert_string_equal(again.speed_dial[99], "+4930");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(user_speed_read(&again, bad[i]));
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept),
		cmocka_unit_test(blacklists),
		cmocka_unit_test(speed_dials),
	};

	str_format(dir, sizeof(dir), "%s/users", getenv("TMPDIR"));
	mkdir(dir, 0700);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
