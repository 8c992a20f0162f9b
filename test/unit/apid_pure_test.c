/* SPDX-License-Identifier: ISC */
/* The pure parts of apid: targets, the table of routes, text in and out of JSON, days, metrics. */
/*
 * links: apid/target.c apid/route.c apid/text.c apid/gauges.c common/base/str.c common/base/buf.c
 * common/base/mem.c common/base/log.c common/base/clock.c
 */
/* libs: jansson */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "apid/gauges.h"
#include "apid/resources.h"
#include "apid/target.h"
#include "apid/text.h"
#include "test/unit/oom.h"

/* The table wants its handlers; none is called here. */
#define ROUTE(m, p, a, h) void h(struct request *req) { (void)req; }
#include "apid/routes.def"
#undef ROUTE

static struct target t;

static void
targets_are_taken_apart(void **state)
{
	(void)state;
	assert_null(target_parse(&t, "/api/cdr?date=2026-11-23&limit=+1%20&flag"));
	assert_int_equal(t.nsegments, 2);
	assert_string_equal(t.segment[1], "cdr");
	assert_string_equal(target_param(&t, "limit"), " 1 ");
	assert_string_equal(target_param(&t, "flag"), "");
	assert_null(target_param(&t, "lim"));
	assert_string_equal(target_stranger(&t, (const char *const[]){ "date", "limit", NULL }),
	    "flag");
	assert_null(target_parse(&t, "/a%2Fb/+"));
	assert_int_equal(t.nsegments, 2);
	assert_string_equal(t.segment[0], "a/b");
	assert_string_equal(t.segment[1], "+");
	assert_null(target_parse(&t, "HTTP://host:80/x"));
	assert_string_equal(t.segment[0], "x");
	assert_null(target_parse(&t, "http://host"));
	assert_string_equal(t.segment[0], "");
	assert_null(target_parse(&t, "*"));
	assert_true(t.asterisk);
}

static void
unclean_targets_are_refused(void **state)
{
	static const char *const bad[] = { "", "api", "?x", "/%", "/%4", "/%zz", "/%00", "/a%0a",
		"/\x01", "/%ff", "/%c0%80", "/%ed%a0%80", "/a#b", "/?a=1&a=2", "/1/2/3/4/5/6/7/8/9",
		"/?a&b&c&d&e&f&g&h&i", "http:/x", NULL };
	char big[TARGET_RAW_MAX + 3];

	(void)state;
	for (size_t i = 0; bad[i] != NULL; i++)
		if (target_parse(&t, bad[i]) == NULL)
			fail_msg("taken: %s", bad[i]);
	memset(big, 'a', sizeof(big));
	big[0] = '/';
	big[sizeof(big) - 1] = '\0';
	assert_non_null(target_parse(&t, big));
}

static const struct route *
find(const char *method, const char *target, unsigned *allow, const char **arg)
{
	assert_null(target_parse(&t, target));
	return route_find(http_method_of(method), &t, allow, arg);
}

static void
routes_are_found(void **state)
{
	unsigned allow;
	const char *arg;
	char text[64];

	(void)state;
	assert_ptr_equal(find("HEAD", "/api/calls", &allow, &arg)->handler, res_calls);
	assert_ptr_equal(find("DELETE", "/api/v1/calls/17", &allow, &arg)->handler,
	    res_v1_call_hangup);
	assert_string_equal(arg, "17");
	assert_ptr_equal(find("GET", "/api/v1/calls/17/trace", &allow, &arg)->handler,
	    res_v1_call_trace);
	assert_null(find("GET", "/api/v1/calls/", &allow, &arg));
	assert_int_equal(allow, 0);
	assert_null(find("GET", "/api/calls/", &allow, &arg));
	assert_int_equal(allow, 0);
	assert_null(find("PATCH", "/api/v1/calls", &allow, &arg));
	route_allow(allow, text);
	assert_string_equal(text, "GET, HEAD, POST, OPTIONS");
	for (size_t i = 0; i < route_count(); i++)
		assert_int_equal(route_at(i)->pattern[0], '/');
}

static void
bodies_are_checked(void **state)
{
	char from[5] = "", err[200];
	bool admin = false;
	const struct text_member members[] = {
		{ .name = "from", .required = true, .out = from, .size = sizeof(from) },
		{ .name = "admin", .flag = &admin }, { .name = NULL }
	};
	static const struct {
		const char *body, *words;
	} bad[] = { { "", "empty" }, { "{", "line 1, column 1" }, { "[]", "object" },
		{ "{}", "\"from\" is missing" }, { "{\"from\":\"\"}", "must not be empty" },
		{ "{\"from\":1}", "must be a string" }, { "{\"from\":\"12345\"}", "too long" },
		{ "{\"from\":\"1\",\"admin\":1}", "true or false" },
		{ "{\"from\":\"1\",\"x\":1}", "\"x\" is not known" },
		{ "{\"from\":\"a\\tb\"}", "control character" },
		{ "{\"from\":\"1\"} x", "end of file expected" } };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(text_body(bad[i].body, strlen(bad[i].body), members, err,
		    sizeof(err)));
		if (strstr(err, bad[i].words) == NULL)
			fail_msg("%s: %s", bad[i].body, err);
	}
	assert_true(text_body("{\"from\":\"1001\",\"admin\":true}", 28, members, err, sizeof(err)));
	assert_string_equal(from, "1001");
	assert_true(admin);
}

static void
broken_text_becomes_json(void **state)
{
	json_t *j = text_json("caf\xc3\xa9 \xff\xe2\x82 \xed\xa0\x80");

	(void)state;
	assert_string_equal(json_string_value(j),
	    "caf\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	json_decref(j);
	assert_int_equal(text_utf8_length("\xf4\x90\x80\x80"), -1);
	assert_int_equal(text_utf8_length("\xf0\x9f\x98\x80"), 4);
}

static void
days_are_local(void **state)
{
	uint64_t from, to;
	char day[11];

	(void)state;
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	assert_int_equal(text_day("2026-03-29", 0, &from, &to, day), 0);	/* 23 hours long */
	assert_int_equal(to - from, 23 * 3600 * 1000);
	assert_int_equal(from, 1774738800000);
	assert_int_equal(text_day("2024-02-29", 0, &from, &to, day), 0);
	assert_int_equal(text_day(NULL, 1774738799999, &from, &to, day), 0);
	assert_string_equal(day, "2026-03-28");
	assert_int_equal(text_day("2026-02-29", 0, &from, &to, day), -22);
	assert_int_equal(text_day("2026-2-9", 0, &from, &to, day), -22);
	assert_int_equal(text_day("2026-13-01", 0, &from, &to, day), -22);
	assert_int_equal(text_day("2026-00-10", 0, &from, &to, day), -22);
	assert_int_equal(text_day("1234-01-01", 0, &from, &to, day), -22);
}

static void
figures_are_grouped(void **state)
{
	struct gauges *g = NULL;
	struct buf out = BUF_INIT(10000);
	static const struct msg_gauge in[] = { { .name = "b{x=\"2\"}", .value = 2 },
		{ .name = "bb", .counter = 1, .value = 9 },
		{ .name = "b{x=\"1\",y=\"z\"}", .value = 1 }, { .name = "b{x=\"2\"}", .value = 3 },
		{ .name = "9" }, { .name = "a b" }, { .name = "a{" }, { .name = "a{x}" },
		{ .name = "a{x=\"\\\"}" }, { .name = "a{}" }, { .name = "" }, { .name = "up" } };

	(void)state;
	buf_str(&out, "# TYPE warden_up gauge\nwarden_up 1\n");
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
		gauges_add(&g, &in[i]);
	gauges_print(&out, g);
	assert_string_equal(out.data,
	    "# TYPE warden_up gauge\nwarden_up 1\n"
	    "# TYPE warden_b gauge\nwarden_b{x=\"1\",y=\"z\"} 1\nwarden_b{x=\"2\"} 2\n"
	    "# TYPE warden_bb counter\nwarden_bb 9\n");
	gauges_free(&g);
	buf_free(&out);
}

static void
everything_once(void *arg)
{
	struct gauges *g = NULL;
	struct buf out = BUF_INIT(1000);
	json_t *j;

	(void)arg;
	gauges_add(&g, &(struct msg_gauge){ .name = "a", .value = 1 });
	gauges_print(&out, g);
	gauges_free(&g);
	buf_free(&out);
	j = text_json("broken \xff");
	json_decref(j);
}

static void
survives_out_of_memory(void **state)
{
	(void)state;
	oom_each(everything_once, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_taken_apart),
		cmocka_unit_test(unclean_targets_are_refused),
		cmocka_unit_test(routes_are_found),
		cmocka_unit_test(bodies_are_checked),
		cmocka_unit_test(broken_text_becomes_json),
		cmocka_unit_test(days_are_local),
		cmocka_unit_test(figures_are_grouped),
		cmocka_unit_test(survives_out_of_memory),
	};

	return cmocka_run_group_tests_name("apid_pure", tests, NULL, NULL);
}
