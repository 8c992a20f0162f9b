/* SPDX-License-Identifier: ISC */
/*
 * Keys in the bodies of INFO, as phones write them (INTEROP 34), and what is none.
 *
 * links: sipd/info.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sipd/info.h"

#define RELAY "application/dtmf-relay"
#define PLAIN "application/dtmf"

static void
taken(void **state)
{
	static const struct {
		const char	*type, *body;
		char		 key;
		uint16_t	 ms;
	} rows[] = {
		{ RELAY, "Signal=5\r\nDuration=160\r\n", '5', 160 },
		{ RELAY, "Signal= 5\r\nDuration= 100", '5', 100 },
		{ RELAY, "signal=*\nduration=90000\n", '*', 65535 },
		{ RELAY, "Signal=11\r\nDuration=250\r\n", '#', 250 },
		{ RELAY, "Signal=10\r\n", '*', 0 },
		{ RELAY, "Duration=80\r\nSignal=b\r\n", 'B', 80 },
		{ RELAY "; charset=x", "Signal=15\r\n", 'D', 0 },
		{ PLAIN, "7", '7', 0 },
		{ PLAIN, "#\r\n", '#', 0 },
		{ PLAIN, "Signal=3\r\n", '3', 0 },
		{ "Application/DTMF", " 11 ", '#', 0 },
	};
	uint16_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(info_key(rows[i].type, rows[i].body, strlen(rows[i].body), &ms),
		    rows[i].key);
		assert_int_equal(ms, rows[i].ms);
	}
}

static void
no_keys(void **state)
{
	static const char *const rows[][2] = {
		{ RELAY, "" }, { RELAY, "5" }, { RELAY, "Signal=16\r\n" }, { RELAY, "Signal=\r\n" },
		{ RELAY, "Signal=55555555\r\n" }, { RELAY, "Signals=5\r\n" }, { RELAY, "Signal" },
		{ PLAIN, "x" }, { PLAIN, "" }, { "application/media_control+xml", "Signal=5\r\n" },
		{ "application/dtmfx", "5" }, { "", "5" },
	};
	uint16_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(info_key(rows[i][0], rows[i][1], strlen(rows[i][1]), &ms), 0);
}

static void
round_trip(void **state)
{
	const char *keys = "0123456789*#ABCD";
	char body[INFO_KEY_MAX];
	uint16_t ms;

	(void)state;
	for (; *keys != '\0'; keys++) {
		size_t n = info_key_body(body, *keys, 65535);

		assert_int_equal(info_key(INFO_KEY_TYPE, body, n, &ms), *keys);
		assert_int_equal(ms, 65535);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken), cmocka_unit_test(no_keys), cmocka_unit_test(round_trip)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
