/* SPDX-License-Identifier: ISC */
/*
 * featured.yml: the shipped file, every check that spans keys with its FILE:LINE, feature codes,
 * and the credentials that are made for whom the file gives none.
 *
 * links: featured/settings.c featured/settings_keys.c featured/settings_codes.c
 * featured/reg/credentials.c featured/reg/digest.c featured/db/atomic.c common/base/addr.c
 * common/base/net.c common/base/id.c common/base/log.c common/base/clock.c common/base/str.c
 * common/base/mem.c common/base/buf.c common/conf/conf.c common/conf/bind.c common/conf/node.c
 * common/conf/value.c common/conf/print.c
 * libs: libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/str.h"
#include "featured/settings.h"
#include "test/unit/oom.h"

static struct conf conf;
static struct settings settings;
static char file[300], dir[300];

/* Loads text as a file of its own. */
static int
load(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	conf = (struct conf){
		.keys = settings_keys, .size = sizeof(settings), .check = settings_check
	};
	return conf_load(&conf, file, NULL, &settings);
}

static int
set_up(void **state)
{
	(void)state;
	str_format(dir, sizeof(dir), "%s", getenv("TMPDIR"));
	str_format(file, sizeof(file), "%s/f.yml", dir);
	return 0;
}

static void
shipped_file(void **state)
{
	char why[200];

	(void)state;
	conf = (struct conf){
		.keys = settings_keys, .size = sizeof(settings), .check = settings_check
	};
	assert_int_equal(conf_load(&conf, "etc/featured.yml", NULL, &settings), 0);
	assert_int_equal(settings.extensions.n, 4);
	assert_int_equal(settings.queues.n, 2);
	assert_int_equal(settings.dialplan.emergency.n, 2);
	assert_string_equal(settings.dialplan.emergency.v[1], "911");
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(settings_extension_at(&settings, i)->password, "");
	assert_int_equal(settings_prepare(&settings, NULL, why, sizeof(why)), 0);
	assert_non_null(settings_extension(&settings, "1003"));
	assert_null(settings_extension(&settings, "1005"));
	assert_null(settings_extension(&settings, ""));
	/* Nobody can log in with an empty password. */
	assert_string_equal(settings_extension(&settings, "1003")->ha1_md5, "");
	settings_release(&settings);
	conf_free(&conf, &settings);
}

static void
mistakes(void **state)
{
	static const struct {
		const char	*text;
		int		 line;
		const char	*message;
	} bad[] = {
		{ "extensions:\n  - number: \"1\"\n  - number: \"2\"\n  - number: \"1\"\n", 4,
		    "given twice" },
		{ "extensions:\n  - number: \"1 0\"\n", 2, "number is made of" },
		{ "extensions:\n  - number: \"1\"\n    voicemail_pin: \"12x4\"\n", 3,
		    "4 to 16 digits" },
		{ "extensions:\n  - number: \"1\"\n    voicemail_pin: \"123\"\n", 3,
		    "4 to 16 digits" },
		{ "extensions:\n  - number: \"1\"\n    password: \"a\\nb\"\n", 3,
		    "control character" },
		{ "extensions:\n  - number: \"1\"\n    codecs: [PCMA, G729]\n", 3, "G729" },
		{ "extensions:\n  - number: \"1\"\n    codecs: [opus, OPUS]\n", 3, "twice" },
		{ "extensions:\n  - number: \"1\"\n    dtmf: tones\n", 3, "dtmf" },
		{ "extensions:\n  - name: x\n", 2, "number" },
		{ "dialplan:\n  ring_time: 30\n  queue_pattern: \"^8[0-9{3}$\"\n", 3,
		    "not a regular expression" },
		{ "dialplan:\n  emergency: [\"112\", \"9x1\"]\n", 2, "emergency number" },
		{ "parking:\n  range_start: 80\n  range_end: 70\n", 3, "range_end is under" },
		{ "parking:\n  range_start: 80\n", 0, "range_end is under" },
		{ "registration:\n  min_expires: 100\n  max_expires: 50\n", 3, "under" },
		{ "registration:\n  max_expires: 600\n", 0, "default_expires" },
		{ "presence:\n  auto_away_timeout: 300\n  auto_offline_timeout: 200\n", 3,
		    "under" },
		{ "security:\n  allow:\n    - 192.0.2.0/24\n    - example.org\n", 4,
		    "not ADDRESS" },
		{ "security:\n  allow: [\"192.0.2.0/33\"]\n", 2, "not ADDRESS" },
		{ "security:\n  max_failed_attempts: 0\n", 2, "whole number" },
		{ "queues:\n  - number: \"8001\"\n  - number: \"8001\"\n", 3, "given twice" },
		{ "queues:\n  - number: \"80x\"\n", 2, "digits" },
		{ "queues:\n  - number: \"8001\"\n    strategy: fastest\n", 3, "one of" },
		{ "extensions:\n  - number: \"8001\"\nqueues:\n  - number: \"8001\"\n", 4,
		    "an extension's already" },
		{ "outbound_rules:\n  - pattern: \"^0\"\n    trunk_id: nowhere\n", 3, "no trunk" },
		{ "trunks:\n  - id: a\n    host: x\n  - id: a\n    host: y\n", 4, "given twice" },
		{ "trunks:\n  - id: a\n    host: x\noutbound_rules:\n  - pattern: \"(\"\n    "
		  "trunk_id: a\n",
		    5, "not a regular expression" },
		{ "feature_codes:\n  echo: \"*44\"\n  unheard: \"*1\"\n", 3, "unknown feature" },
		{ "feature_codes:\n  echo: \"*44a\"\n", 2, "1 to 16" },
		{ "feature_codes:\n  echo: \"*97\"\n", 2, "the same code" },
		{ "extensions:\n  - number: \"1\"\nring_groups:\n  - number: \"75\"\n    members: "
		  "[\"1\"]\n",
		    4, "a parking slot's already" },
		{ "extensions:\n  - number: \"1\"\npaging_groups:\n  - number: \"700\"\n    "
		  "members: "
		  "[\"1\"]\n",
		    4, "the feature code of park already" },
		{ "extensions:\n  - number: \"1\"\nannouncements:\n  - number: \"1\"\n", 4,
		    "an extension's already" },
		{ "announcements:\n  - number: \"123456789\"\n", 2, "at most 8 digits" },
		{ "announcements:\n  - number: \"1900\"\n  - number: \"1900\"\n", 3,
		    "given twice" },
		{ "announcements:\n  - number: \"1900\"\n    then: \"1900\"\n", 3, "in a circle" },
		{ "announcements:\n  - number: \"1900\"\n    then: \"1999\"\n", 3,
		    "no extension or group" },
		{ "announcements:\n  - number: \"1900\"\n    recorded_by: [\"1\"]\n", 3,
		    "no extension" },
		{ "extensions:\n  - number: \"1\"\nring_groups:\n  - number: \"1900\"\n    "
		  "members: "
		  "[\"1\"]\nannouncements:\n  - number: \"1900\"\n",
		    7, "a group's already" },
		{ "extensions:\n  - number: \"1\"\nring_groups:\n"
		  "  - number: \"600\"\n    members: [\"1\"]\n    overflow: \"1\"\n"
		  "  - number: \"601\"\n    members: [\"1\"]\n    overflow: \"601\"\n",
		    9, "overflows to itself" },
		{ "extensions:\n  - number: \"1\"\nring_groups:\n"
		  "  - number: \"600\"\n    members: [\"1\"]\n    overflow: \"1777\"\n",
		    6, "no extension or group" },
		{ "extensions:\n  - number: \"1\"\nring_groups:\n"
		  "  - number: \"600\"\n    members: [\"1\"]\n    overflow: \"+49301\"\n",
		    6, "numbers outside" },
		{ "extensions:\n  - number: \"1\"\nring_groups:\n"
		  "  - number: \"600\"\n    members: [\"1\"]\n    overflow: \"ann\"\n",
		    6, "no extension, group or mailbox" },
		{ "extensions:\n  - number: \"1\"\nring_groups:\n"
		  "  - number: \"600\"\n    members: [\"1\"]\n    overflow: \"601\"\n"
		  "  - number: \"601\"\n    members: [\"1\"]\n    overflow: \"602\"\n"
		  "  - number: \"602\"\n    members: [\"1\"]\n    overflow: \"600\"\n",
		    6, "leads back to it" },
		{ "server:\n  realm: 'a\"b'\n", 2, "quotes" },
		{ "server:\n  domain: \"a b\"\n", 2, "not a domain" },
		{ "database:\n  host: localhost\n", 2, "Unix socket" },
		{ "server:\n  relm: x\n", 2, "-K prints those there are" },
		{ "server:\n  language: de\n", 2, "none of the languages en, fr" },
		{ "extensions:\n  - number: \"1\"\n    language: de\n", 3,
		    "none of the languages en" },
		{ "extensions:\n  - number: \"1\"\n    music_on_hold: \"../x\"\n", 3,
		    "a directory" },
		{ "extensions:\n  - number: \"1\"\n    find_me: [\"1:20\"]\n", 3, "itself" },
		{ "extensions:\n  - number: \"1\"\n    find_me: [\"2\", \"2:20\"]\n  - number: "
		  "\"2\"\n",
		    3, "given twice" },
		{ "extensions:\n  - number: \"1\"\nring_groups:\n"
		  "  - number: \"600\"\n    members: [\"1\", \"1\"]\n",
		    5, "given twice" },
		{ "feature_codes:\n  forward_all: \"*72N\"\n", 2, "no letter for what follows" },
		{ "feature_codes:\n  echo: *43\n", 2, "begins with * in quotes" },
		{ "voicemail:\n  max_message_duration: 5\n  min_message_duration: 9\n", 3,
		    "is over" },
		{ "features:\n  max_call_duration: forever\n", 2, "whole number" },
	};
	char at[320];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(load(bad[i].text) < 0);
		str_format(at, sizeof(at), "%s:%d: ", file, bad[i].line);
		if (bad[i].line > 0 && !str_starts(conf.error, at))
			fail_msg("%s: want line %d, got: %s", bad[i].text, bad[i].line, conf.error);
		if (strstr(conf.error, bad[i].message) == NULL)
			fail_msg("%s: want \"%s\", got: %s", bad[i].text, bad[i].message,
			    conf.error);
	}
}

static void
feature_codes(void **state)
{
	const char *key;
	bool number;
	size_t n = 0;

	(void)state;
	assert_int_equal(load("feature_codes:\n  echo: \"*44\"\n"), 0);
	assert_string_equal(settings_feature_code(&settings, "echo"), "*44");
	assert_string_equal(settings_feature_code(&settings, "park"), "700");
	assert_null(settings_feature_code(&settings, "nothing"));
	while ((key = settings_feature_key(n, &number)) != NULL) {
		assert_non_null(settings_feature_code(&settings, key));
		n++;
	}
	assert_true(n >= 22);
	conf_free(&conf, &settings);
}

#define PEOPLE                                                                                     \
	"extensions:\n"                                                                            \
	"  - number: \"1003\"\n"                                                                   \
	"  - number: \"1001\"\n    password: mine\n"                                               \
	"  - number: \"1002\"\n    password: mine\n    voicemail_pin: \"1234\"\n"

static void
credentials(void **state)
{
	char path[400], why[300], made[EXT_PASSWORD_LEN + 1], pin[EXT_PIN_LEN + 1];
	const struct extension *x;
	struct stat st;

	(void)state;
	assert_int_equal(load(PEOPLE), 0);
	assert_int_equal(settings_prepare(&settings, dir, why, sizeof(why)), 0);
	x = settings_extension(&settings, "1003");
	assert_int_equal(strlen(x->password), 20);
	assert_int_equal(strlen(x->voicemail_pin), 6);
	assert_int_equal(strlen(x->ha1_md5), 32);
	assert_int_equal(strlen(x->ha1_sha256), 64);
	str_copy(made, sizeof(made), x->password);
	str_copy(pin, sizeof(pin), settings_extension(&settings, "1001")->voicemail_pin);
	assert_string_equal(settings_extension(&settings, "1001")->password, "mine");
	/* RFC 7616's A1 of 1001:warden:mine. */
	assert_string_equal(settings_extension(&settings, "1001")->ha1_md5,
	    "dff065c4c11702cf30b98624e49f1356");
	settings_release(&settings);
	conf_free(&conf, &settings);
	str_format(path, sizeof(path), "%s/credentials", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	/* They stay, also for who was not there for a while. */
	assert_int_equal(load("extensions:\n  - number: \"1004\"\n"), 0);
	assert_int_equal(settings_prepare(&settings, dir, why, sizeof(why)), 0);
	settings_release(&settings);
	conf_free(&conf, &settings);
	assert_int_equal(load(PEOPLE), 0);
	assert_int_equal(settings_prepare(&settings, dir, why, sizeof(why)), 0);
	assert_string_equal(settings_extension(&settings, "1003")->password, made);
	assert_string_equal(settings_extension(&settings, "1001")->voicemail_pin, pin);
	settings_release(&settings);
	conf_free(&conf, &settings);

	/* A broken file is said, with its line, and not written over. */
	FILE *f = fopen(path, "a");
	fputs("half a line\n", f);
	fclose(f);
	assert_int_equal(load(PEOPLE), 0);
	assert_int_equal(settings_prepare(&settings, dir, why, sizeof(why)), 0);
	settings_release(&settings);
	conf_free(&conf, &settings);
	f = fopen(path, "a");
	fputs("broken\n", f);
	fclose(f);
	assert_int_equal(load(PEOPLE), 0);
	assert_int_equal(settings_prepare(&settings, dir, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "credentials:5: want"));
	settings_release(&settings);
	conf_free(&conf, &settings);
}

static void
prepare_once(void *arg)
{
	char why[300];

	(void)arg;
	if (load("extensions:\n  - number: \"1001\"\n  - number: \"1002\"\n") < 0)
		return;
	settings_prepare(&settings, dir, why, sizeof(why));
	settings_release(&settings);
	conf_free(&conf, &settings);
}

static void
out_of_memory(void **state)
{
	char path[400];

	(void)state;
	str_format(path, sizeof(path), "%s/credentials", dir);
	remove(path);
	oom_each(prepare_once, NULL);
}

static void
no_place(void **state)
{
	char why[300];

	(void)state;
	assert_int_equal(load("extensions:\n  - number: \"1004\"\n"), 0);
	assert_true(settings_prepare(&settings, "/nonexistent", why, sizeof(why)) < 0);
	assert_non_null(strstr(why, "/nonexistent/credentials: cannot be written: No such file"));
	settings_release(&settings);
	conf_free(&conf, &settings);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(shipped_file, set_up),
		cmocka_unit_test_setup(mistakes, set_up),
		cmocka_unit_test_setup(feature_codes, set_up),
		cmocka_unit_test_setup(credentials, set_up),
		cmocka_unit_test_setup(no_place, set_up),
		cmocka_unit_test_setup(out_of_memory, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
