/* SPDX-License-Identifier: ISC */
/*
 * The log: what a line looks like, that nothing from the network can break one, files that are
 * rotated, the bucket.
 *
 * links: common/base/log.c common/base/clock.c common/base/str.c common/base/mem.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"

static char path[300], old[300];

/* The last line of the file, from "level=" on. */
static const char *
last_line(const char *file)
{
	static char text[20000];
	FILE *f = fopen(file, "r");
	char *p, *at = NULL;
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	assert_true(n > 0 && text[n - 1] == '\n');
	text[n - 1] = '\0';
	p = strrchr(text, '\n');
	at = strstr(p != NULL ? p : text, "level=");
	assert_non_null(at);
	return at;
}

static int
setup(void **state)
{
	const char *dir = getenv("TMPDIR");

	(void)state;
	snprintf(path, sizeof(path), "%.250s/log-test-%d", dir != NULL ? dir : "/tmp", getpid());
	snprintf(old, sizeof(old), "%.290s.1", path);
	log_open("test");
	return log_setup(LL_INFO, path, false);
}

static int
teardown(void **state)
{
	(void)state;
	log_setup(LL_INFO, "", true);
	unlink(path);
	unlink(old);
	return 0;
}

static void
a_line_has_keys_and_values(void **state)
{
	const uint8_t u[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255 };

	(void)state;
	log_info("registered", kv_s("aor", "1001@example.org"), kv_u("n", 5), kv_i("m", -5),
	    kv_x("leg", 0xa1), kv_uuid("call", u), kv_s("none", NULL));
	assert_string_equal(last_line(path),
	    "level=INFO msg=registered aor=1001@example.org n=5 m=-5 "
	    "leg=00000000000000a1 call=01020304-0506-0708-090a-0b0c0d0e0fff none=\"\"");
	log_warning("two words");
	assert_string_equal(last_line(path), "level=WARNING msg=\"two words\"");
}

static void
a_value_cannot_break_out(void **state)
{
	(void)state;
	log_info("x", kv_s("v", "a\nlevel=ERROR \"\\\x1b[31m\x7f\r\t"));
	assert_string_equal(last_line(path),
	    "level=INFO msg=x v=\"a\\nlevel=ERROR \\\"\\\\\\x1b[31m\\x7f\\r\\t\"");
	log_info("x", kv_s("v", "gr\xc3\xbc\xc3\x9f"));
	assert_string_equal(last_line(path), "level=INFO msg=x v=\"gr\xc3\xbc\xc3\x9f\"");
	/* No UTF-8: a lone byte, a cut sequence, a surrogate, an overlong form, a C1 control. */
	log_info("x", kv_s("v", "\xff \xc3 \xed\xa0\x80 \xc0\xaf \xc2\x9b"));
	assert_string_equal(last_line(path),
	    "level=INFO msg=x v=\"\\xff \\xc3 \\xed\\xa0\\x80 \\xc0\\xaf \\xc2\\x9b\"");
}

static void
a_long_line_is_cut(void **state)
{
	static char big[10000];
	const char *line;

	(void)state;
	memset(big, 'a', sizeof(big) - 1);
	log_info("x", kv_s("v", big), kv_s("w", big));
	line = last_line(path);
	assert_true(strlen(line) < 4100);
	assert_string_equal(line + strlen(line) - 3, "...");
	memset(big, '\n', sizeof(big) - 1);
	log_info("x", kv_s("v", big));
	assert_string_equal(last_line(path) + strlen(last_line(path)) - 3, "...");
}

static void
the_level_decides(void **state)
{
	(void)state;
	assert_false(log_enabled(LL_DEBUG));
	log_info("kept");
	log_debug("not kept");
	assert_string_equal(last_line(path), "level=INFO msg=kept");
	assert_int_equal(log_setup(LL_ERROR, path, false), 0);
	assert_false(log_enabled(LL_WARNING));
	assert_int_equal(log_setup(LL_DEBUG, path, false), 0);
	log_debug("kept now");
	assert_string_equal(last_line(path), "level=DEBUG msg=\"kept now\"");
}

static void
a_rotated_file_is_left(void **state)
{
	(void)state;
	log_info("before");
	assert_int_equal(rename(path, old), 0);
	log_info("still the old one");
	assert_string_equal(last_line(old), "level=INFO msg=\"still the old one\"");
	assert_int_equal(log_setup(LL_INFO, path, false), 0);
	log_info("the new one");
	assert_string_equal(last_line(path), "level=INFO msg=\"the new one\"");
	assert_string_equal(last_line(old), "level=INFO msg=\"still the old one\"");
	/* A file that cannot be opened: the old setup stays. */
	assert_int_equal(log_setup(LL_ERROR, "/nowhere/log", false), -ENOENT);
	log_info("still there");
	assert_string_equal(last_line(path), "level=INFO msg=\"still there\"");
}

static void
the_bucket_counts_what_it_holds_back(void **state)
{
	struct log_bucket b = { 0 };
	int passed = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		passed += log_allow(&b, 10);
	assert_int_equal(passed, 10);
	assert_int_equal(b.suppressed, 90);
	b.window_ms -= 3000;	/* three seconds later */
	log_limited(&b, LL_INFO, "again", kv_u("n", 1));
	assert_string_equal(last_line(path), "level=INFO msg=again suppressed=90 n=1");
	assert_int_equal(b.suppressed, 0);
	assert_true(log_allow(&b, 10));
	assert_true(log_allow(&b, 10));
	assert_false(log_allow(&b, 10));
}

static void
a_bug_is_told_and_aborts(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if ((pid = fork()) == 0) {
		signal(SIGABRT, SIG_DFL);
		panic("the impossible");
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(last_line(path),
	    "level=ERROR msg=panic what=\"the impossible\" file=test/unit/log_test.c"));
	if ((pid = fork()) == 0) {
		close(STDERR_FILENO);
		fatal("cannot bind %d", 5060);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_string_equal(last_line(path),
	    "level=ERROR msg=\"cannot start\" reason=\"cannot bind 5060\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_has_keys_and_values, setup, teardown),
		cmocka_unit_test_setup_teardown(a_value_cannot_break_out, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_line_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(the_level_decides, setup, teardown),
		cmocka_unit_test_setup_teardown(a_rotated_file_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(the_bucket_counts_what_it_holds_back, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(a_bug_is_told_and_aborts, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
