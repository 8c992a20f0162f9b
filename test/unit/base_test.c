/* SPDX-License-Identifier: ISC */
/*
 * common/base but for the log and the checkpoint: strings, buffers, ids, clocks, addresses, failing
 * allocations.
 *
 * links: common/base/str.c common/base/mem.c common/base/buf.c common/base/id.c common/base/clock.c
 * common/base/addr.c common/base/log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/addr.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/mem.h"
#include "common/base/str.h"

static void
copies_are_cut_and_say_so(void **state)
{
	char s[4];

	(void)state;
	assert_true(str_copy(s, sizeof(s), "abc"));
	assert_string_equal(s, "abc");
	assert_false(str_copy(s, sizeof(s), "abcd"));
	assert_string_equal(s, "abc");
	assert_true(str_copy(s, sizeof(s), NULL));
	assert_string_equal(s, "");
	assert_true(str_ncopy(s, sizeof(s), "abcdef", 2));
	assert_string_equal(s, "ab");
	assert_true(str_ncopy(s, sizeof(s), "a\0cdef", 6));
	assert_string_equal(s, "a");
	assert_false(str_copy(s, 0, ""));
	assert_true(str_format(s, sizeof(s), "%d", 123));
	assert_false(str_format(s, sizeof(s), "%d", 1234));
	assert_string_equal(s, "123");
}

static void
strings_compare(void **state)
{
	(void)state;
	assert_true(str_ieq("INVITE", "invite"));
	assert_false(str_ieq("INVITE", "invites"));
	assert_false(str_ieq("@", "`"));
	assert_true(str_eq("a", "a"));
	assert_true(str_starts("sips:x", "sip"));
	assert_false(str_starts("si", "sip"));
}

static void
numbers_are_whole_and_in_range(void **state)
{
	static const char *const bad[] = { "", "-", "+1", " 1", "1 ", "0x1", "1e3", "1.0", "--1",
		"99999999999999999999x" };
	int64_t v = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(str_to_i64(bad[i], INT64_MIN, INT64_MAX, &v), -EINVAL);
	assert_int_equal(v, 7);
	assert_int_equal(str_to_i64("9223372036854775807", INT64_MIN, INT64_MAX, &v), 0);
	assert_true(v == INT64_MAX);
	assert_int_equal(str_to_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &v), 0);
	assert_true(v == INT64_MIN);
	assert_int_equal(str_to_i64("9223372036854775808", INT64_MIN, INT64_MAX, &v), -ERANGE);
	assert_int_equal(str_to_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &v), -ERANGE);
	assert_int_equal(str_to_i64("99999999999999999999999999", INT64_MIN, INT64_MAX, &v),
	    -ERANGE);
	assert_int_equal(str_to_i64("0", 1, 2, &v), -ERANGE);
	assert_int_equal(str_to_i64("3", 1, 2, &v), -ERANGE);
	assert_int_equal(str_to_i64("007", 1, 9, &v), 0);
	assert_int_equal(v, 7);
}

static void
hex_goes_there_and_back(void **state)
{
	const uint8_t in[] = { 0x00, 0x7f, 0xAB, 0xff };
	uint8_t out[4];
	char hex[9];

	(void)state;
	str_hex(hex, in, 4);
	assert_string_equal(hex, "007fabff");
	assert_int_equal(str_unhex(out, 4, "007FaBff"), 0);
	assert_memory_equal(in, out, 4);
	assert_int_equal(str_unhex(out, 4, "007fabf"), -EINVAL);
	assert_int_equal(str_unhex(out, 4, "007fabff0"), -EINVAL);
	assert_int_equal(str_unhex(out, 4, "007fabfg"), -EINVAL);
	assert_int_equal(str_unhex(out, 0, ""), 0);
}

static void
utf8_is_recognised(void **state)
{
	static const struct {
		const char *s;
		size_t len;
	} cases[] = { { "a", 1 }, { "\xc3\xa9", 2 }, { "\xe2\x82\xac", 3 },
		{ "\xf0\x9f\x98\x80", 4 }, { "\x80", 0 }, { "\xc1\x81", 0 }, { "\xc3", 0 },
		{ "\xe2\x82", 0 }, { "\xe0\x80\x80", 0 }, { "\xed\xa0\x80", 0 },
		{ "\xf4\x90\x80\x80", 0 }, { "\xf5\x80\x80\x80", 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(str_utf8(cases[i].s), cases[i].len);
}

static void
xml_is_escaped(void **state)
{
	struct buf b = BUF_INIT(200);

	(void)state;
	buf_xml(&b, "J\xc3\xbcrgen <\"&'\1\x7f>\xfc \xe2\x82");
	assert_string_equal(b.data, "J\xc3\xbcrgen &lt;&quot;&amp;'  &gt;? ??");
	buf_free(&b);
}

static void
a_buffer_stops_at_its_bound(void **state)
{
	struct buf b = BUF_INIT(10);

	(void)state;
	buf_str(&b, "12345");
	buf_fmt(&b, "%s", "678");
	buf_char(&b, '9');
	assert_false(b.failed);
	assert_string_equal(b.data, "123456789");
	buf_fmt(&b, "%s", "ab");
	assert_true(b.failed);
	assert_string_equal(b.data, "123456789");
	buf_str(&b, "x");	/* sticky */
	assert_int_equal(b.len, 9);
	buf_reset(&b);
	assert_string_equal(b.data, "");
	buf_add(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_int_equal(b.data[3], 0);
	buf_free(&b);
	assert_null(b.data);
	buf_free(&b);
}

static void
a_buffer_grows(void **state)
{
	struct buf b = BUF_INIT(100000);

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_fmt(&b, "%d %0100d,", i, i);
	assert_true(b.failed);
	assert_true(b.len > 90000 && b.len <= 100000);
	assert_int_equal(strlen(b.data), b.len);
	buf_free(&b);
}

static void
the_chosen_allocation_fails_once(void **state)
{
	struct buf b = BUF_INIT(100);
	void *p, *q;

	(void)state;
	mem_fail_after(2);
	p = mem_new(10);
	assert_non_null(p);
	assert_false(mem_failed());
	assert_null(mem_new(10));
	assert_true(mem_failed());
	q = mem_new(10);
	assert_non_null(q);
	mem_free(&q);
	assert_null(q);
	mem_fail_after(1);
	assert_null(mem_grow(p, 100, 100));
	assert_null(mem_grow(p, SIZE_MAX / 2, 3));
	mem_fail_after(1);
	buf_str(&b, "x");
	assert_true(b.failed);
	buf_free(&b);
	mem_fail_after(1);
	assert_null(mem_strdup("x"));
	assert_null(mem_strdup(NULL));
	mem_free(&p);
}

static void
uuids_sort_in_the_order_of_making(void **state)
{
	struct uuid last = uuid_v7(1000), u;
	char s[UUID_STR_LEN + 1];

	(void)state;
	/* The clock stands, goes on, and goes back. */
	for (int i = 0; i < 100000; i++) {
		u = uuid_v7(i < 50000 ? 1000 : i < 60000 ? 1000 + (uint64_t)i : 500);
		assert_true(uuid_cmp(&last, &u) < 0);
		last = u;
	}
	u = uuid_v7(0x0123456789abULL);
	uuid_print(&u, s);
	assert_int_equal(strlen(s), UUID_STR_LEN);
	assert_memory_equal(s, "01234567-89ab-7", 15);
	assert_non_null(strchr("89ab", s[19]));
	assert_int_equal(uuid_parse(&last, s), 0);
	assert_int_equal(uuid_cmp(&last, &u), 0);
}

static void
only_the_long_form_is_a_uuid(void **state)
{
	struct uuid u;

	(void)state;
	assert_int_equal(uuid_parse(&u, "0192A3B4-c5d6-7e8f-8a9b-0c1d2e3f4a5b"), 0);
	assert_int_equal(uuid_parse(&u, "0192a3b4c5d67e8f8a9b0c1d2e3f4a5b"), -EINVAL);
	assert_int_equal(uuid_parse(&u, "0192a3b4-c5d6-7e8f-8a9b-0c1d2e3f4a5"), -EINVAL);
	assert_int_equal(uuid_parse(&u, "0192a3b4-c5d6-7e8f-8a9b-0c1d2e3f4a5b "), -EINVAL);
	assert_int_equal(uuid_parse(&u, "0192a3b4-c5d6-7e8f-8a9b-0c1d2e3f4a5g"), -EINVAL);
	assert_int_equal(uuid_parse(&u, "0192a3b40c5d6-7e8f-8a9b-0c1d2e3f4a5b"), -EINVAL);
	assert_int_equal(uuid_parse(&u, ""), -EINVAL);
}

static void
random_text_is_readable(void **state)
{
	char a[41], b[41];

	(void)state;
	for (int i = 0; i < 200; i++) {
		id_text(a, 40);
		id_text(b, 40);
		assert_int_equal(strlen(a), 40);
		assert_string_not_equal(a, b);
		assert_int_equal(strcspn(a, "0O1lI"), 40);
		assert_true(id_u64() != id_u64());
	}
}

static void
a_child_has_other_ids(void **state)
{
	uint64_t ours, theirs = 0;
	int p[2], status;
	pid_t pid;

	(void)state;
	id_u64();	/* the pool is filled */
	assert_int_equal(pipe(p), 0);
	if ((pid = fork()) == 0) {
		theirs = id_u64();
		_exit(write(p[1], &theirs, sizeof(theirs)) == sizeof(theirs) ? 0 : 1);
	}
	ours = id_u64();
	assert_int_equal(read(p[0], &theirs, sizeof(theirs)), sizeof(theirs));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(ours != theirs);
	close(p[0]);
	close(p[1]);
}

static void
times_are_iso8601(void **state)
{
	char s[32];

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	clock_iso8601(UINT64_C(1795633381123), s);
	assert_string_equal(s, "2026-11-25T19:03:01.123+00:00");
	setenv("TZ", "XYZ3:30", 1);
	tzset();
	clock_iso8601(0, s);
	assert_string_equal(s, "1969-12-31T20:30:00.000-03:30");
	clock_iso8601(UINT64_MAX, s);
	assert_true(strlen(s) < 32);
	assert_true(clock_mono_us() / 1000 <= clock_mono_ms());
}

static void
addresses_go_there_and_back(void **state)
{
	static const struct {
		const char *in, *out;
	} ok[] = {
		{ "192.0.2.1:5061", "192.0.2.1:5061" },
		{ "192.0.2.1", "192.0.2.1:5060" },
		{ "[2001:db8::1]:5061", "[2001:db8::1]:5061" },
		{ "[2001:db8::1]", "[2001:db8::1]:5060" },
		{ "2001:DB8::1", "[2001:db8::1]:5060" },
		{ "[::ffff:192.0.2.1]:7", "192.0.2.1:7" },
		{ "::", "[::]:5060" },
		{ "0.0.0.0:0", "0.0.0.0:0" },
	};
	static const char *const bad[] = { "", ":", "x", "192.0.2.1:", "192.0.2.1:65536",
		"192.0.2.1:-1", "192.0.2.1:5 ", "192.0.2:5", "192.0.2.1:000005", "[192.0.2.1]:5",
		"[2001:db8::1", "[2001:db8::1]5", "[2001:db8::1]:", "[]:5", "[fe80::1%eth0]:5",
		"1.2.3.4.5:1", "localhost:5060",
		"12345678901234567890123456789012345678901234567890:1" };
	union addr a;
	char s[ADDR_STR_LEN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(ok) / sizeof(ok[0]); i++) {
		assert_int_equal(addr_parse(&a, ok[i].in, 5060), 0);
		addr_print(&a, s);
		assert_string_equal(s, ok[i].out);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(addr_parse(&a, bad[i], 5060), -EINVAL);
	assert_int_equal(addr_parse(&a, "[2001:db8:1111:2222:3333:4444:5555:6666]:65535", 0), 0);
	addr_print(&a, s);
	assert_string_equal(s, "[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
}

static void
mapped_addresses_are_equal(void **state)
{
	union addr a, b, c;

	(void)state;
	assert_int_equal(addr_from_ip(&a, "192.0.2.1", 5), 0);
	assert_int_equal(addr_from_ip(&b, "::ffff:192.0.2.1", 5), 0);
	assert_true(addr_eq(&a, &b));
	addr_set_port(&b, 6);
	assert_int_equal(addr_port(&b), 6);
	assert_false(addr_eq(&a, &b));
	assert_true(addr_ip_eq(&a, &b));
	assert_int_equal(addr_len(&a), sizeof(struct sockaddr_in));
	assert_int_equal(addr_len(&b), sizeof(struct sockaddr_in6));
	assert_int_equal(addr_from_ip(&c, "[::1]", 5), -EINVAL);
	assert_int_equal(addr_from_ip(&c, "::", 5), 0);
	assert_true(addr_is_any(&c));
	assert_false(addr_is_any(&a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_are_cut_and_say_so),
		cmocka_unit_test(strings_compare),
		cmocka_unit_test(numbers_are_whole_and_in_range),
		cmocka_unit_test(hex_goes_there_and_back),
		cmocka_unit_test(utf8_is_recognised),
		cmocka_unit_test(xml_is_escaped),
		cmocka_unit_test(a_buffer_stops_at_its_bound),
		cmocka_unit_test(a_buffer_grows),
		cmocka_unit_test(the_chosen_allocation_fails_once),
		cmocka_unit_test(uuids_sort_in_the_order_of_making),
		cmocka_unit_test(only_the_long_form_is_a_uuid),
		cmocka_unit_test(random_text_is_readable),
		cmocka_unit_test(a_child_has_other_ids),
		cmocka_unit_test(times_are_iso8601),
		cmocka_unit_test(addresses_go_there_and_back),
		cmocka_unit_test(mapped_addresses_are_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
