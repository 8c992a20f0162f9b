/* SPDX-License-Identifier: ISC */
/*
 * The search for SDP in a SIP body.
 * links: sipd/body.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sipd/body.h"

static int
find(const char *type, const char *boundary, const char *body, const char **out, size_t *len)
{
	struct ipc_view sdp;
	int r = body_sdp(&sdp, type, boundary, 0, body, strlen(body));

	*out = (const char *)sdp.p;
	*len = sdp.len;
	return r;
}

static void
test_plain(void **state)
{
	const char *p;
	size_t n;

	(void)state;
	assert_int_equal(find("application/sdp", NULL, "v=0\r\n", &p, &n), 0);
	assert_int_equal(n, 5);
	assert_int_equal(find("Application/SDP", NULL, "v=0\r\n", &p, &n), 0);
	assert_int_equal(n, 5);
	assert_int_equal(find(NULL, NULL, "v=0\r\n", &p, &n), 0);
	assert_int_equal(n, 5);
	assert_int_equal(find("application/sdp", NULL, "", &p, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(find("text/plain", NULL, "x", &p, &n), 415);
	assert_int_equal(find("application/sdpx", NULL, "x", &p, &n), 415);
	assert_int_equal(find("text/plain", NULL, "", &p, &n), 0); /* no body, whatever its type */
}

static void
test_encoded(void **state)
{
	struct ipc_view sdp;

	(void)state;
	assert_int_equal(body_sdp(&sdp, "application/sdp", NULL, 1, "x", 1), 415);
	assert_int_equal(body_sdp(&sdp, "application/sdp", NULL, 1, NULL, 0), 0);
}

static void
test_multipart(void **state)
{
	static const char two[] =
	    "preamble\r\n--xyz\r\nContent-Type: text/plain\r\n\r\nhello\r\n--xyz  \r\n"
	    "content-type :application/sdp; a=b\r\n\r\nv=0\r\ns=-\r\n--xyz--\r\nepilogue";
	const char *p;
	size_t n;

	(void)state;
	assert_int_equal(find("multipart/mixed", "xyz", two, &p, &n), 0);
	assert_int_equal(n, 10);
	assert_memory_equal(p, "v=0\r\ns=-\r\n", n);
	assert_int_equal(find("multipart/mixed", "\"xyz\"", two, &p, &n), 0);
	assert_int_equal(n, 10);
	assert_int_equal(find("multipart/mixed", NULL, two, &p, &n), 400);
	assert_int_equal(find("multipart/mixed", "other", two, &p, &n), 400);
	assert_int_equal(find("multipart/mixed", "xyz",
	                     "--xyz\r\nc: text/x\r\n\r\nx\r\n--xyz--\r\n", &p, &n),
	    0);
	assert_int_equal(n, 0); /* no SDP among the parts: a late offer */
	assert_int_equal(find("multipart/mixed", "xyz",
	                     "--xyz\r\nc: application/sdp\r\n\r\nv=0\r\n", &p, &n),
	    400);
}

static void
test_too_long(void **state)
{
	static char big[BODY_SDP_MAX + 1];
	struct ipc_view sdp;

	(void)state;
	memset(big, 'x', sizeof(big));
	assert_int_equal(body_sdp(&sdp, "application/sdp", NULL, 0, big, sizeof(big)), 413);
	assert_int_equal(body_sdp(&sdp, "application/sdp", NULL, 0, big, sizeof(big) - 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_encoded),
		cmocka_unit_test(test_multipart),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
