/* SPDX-License-Identifier: ISC */
/*
 * Settings: each kind of error with its exact FILE:LINE, defaults, lists, overrides, what -n
 * prints.
 *
 * links: common/conf/conf.c common/conf/bind.c common/conf/node.c common/conf/value.c
 * common/conf/print.c common/base/buf.c common/base/mem.c common/base/str.c common/base/log.c
 * common/base/clock.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "common/conf/conf.h"
#include "test/unit/oom.h"

struct ext {
	char		 number[16];
	char		 password[32];
	bool		 external;
	int64_t		 max;
	struct conf_strs codecs;
};

struct settings {
	char		 host[40];
	int64_t		 port;
	bool		 cors;
	int		 strategy;
	struct conf_items exts;
	struct conf_items queues;
	struct conf_strs codecs;
	struct conf_pairs codes;
	char		 future[20];
	struct conf_logging logging;
};

static const char *const strategies[] = { "ring_all", "round_robin", NULL };

static const struct conf_key ext_keys[] = {
	{ "number", CONF_STR, CONF_F(struct ext, number), NULL, 1, 0, .help = "the number" },
	{ "password", CONF_STR, CONF_F(struct ext, password), "", .secret = true,
	    .help = "the password" },
	{ "allow_external", CONF_BOOL, CONF_F(struct ext, external), "false",
	    .help = "may call out" },
	{ "max_contacts", CONF_INT, CONF_F(struct ext, max), "10", 1, 100, .help = "devices" },
	{ "codecs", CONF_STRS, CONF_F(struct ext, codecs), NULL, 1, 8, .help = "codecs" },
	{ .path = NULL },
};

static const struct conf_key keys[] = {
	{ "server.sip_host", CONF_STR, CONF_F(struct settings, host), "0.0.0.0", 1, 0,
	    .help = "address" },
	{ "server.sip_port", CONF_INT, CONF_F(struct settings, port), "5060", 1, 65535,
	    .help = "port" },
	{ "api.enable_cors", CONF_BOOL, CONF_F(struct settings, cors), "true", .help = "CORS" },
	{ "queue.strategy", CONF_ENUM, CONF_F(struct settings, strategy), "round_robin",
	    .names = strategies, .help = "who is next" },
	{ "extensions", CONF_LIST, offsetof(struct settings, exts), sizeof(struct ext), NULL, 0, 5,
	    .item = ext_keys, .help = "extensions" },
	{ "queues", CONF_LIST, offsetof(struct settings, queues), sizeof(struct ext),
	    "[{number: 8001}, {number: 8002}]", .item = ext_keys, .help = "queues" },
	{ "media.codecs", CONF_STRS, CONF_F(struct settings, codecs), "[PCMU, PCMA]", 1, 10,
	    .help = "codecs" },
	{ "feature_codes", CONF_MAP, CONF_F(struct settings, codes), "{echo: '*43', pickup: '**'}",
	    .help = "codes" },
	{ "future.thing", CONF_STR, CONF_F(struct settings, future), "none", .inert = true,
	    .help = "later" },
	CONF_LOGGING(struct settings, logging),
	{ .path = NULL },
};

static char path[300];

static bool
check(struct conf *conf, void *settings)
{
	struct settings *s = settings;
	const struct ext *e = s->exts.v;

	for (size_t i = 0; i < s->exts.n; i++) {
		char at[64];

		snprintf(at, sizeof(at), "extensions[%zu].number", i);
		if (str_eq(e[i].number, "666"))
			return conf_error(conf, at, "number %s is taken", e[i].number);
	}
	if (s->port == 666)
		return conf_error(conf, "server.sip_port", "not that one");
	return true;
}

static struct conf conf = { .keys = keys, .size = sizeof(struct settings), .check = check };

static int
load(const char *text, const char *const *overrides, struct settings *s)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	fclose(f);
	return conf_load(&conf, path, overrides, s);
}

static int
setup(void **state)
{
	const char *dir = getenv("TMPDIR");

	(void)state;
	snprintf(path, sizeof(path), "%.250s/conf-test-%d.yml", dir != NULL ? dir : "/tmp",
	    getpid());
	log_setup(LL_ERROR, "", false);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void
an_empty_file_gives_the_defaults(void **state)
{
	static const char *const empty[] = { "", "\n# nothing\n", "---\n", "server:\n" };
	struct settings s;

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(load(empty[i], NULL, &s), 0);
		assert_string_equal(s.host, "0.0.0.0");
		assert_int_equal(s.port, 5060);
		assert_true(s.cors);
		assert_int_equal(s.strategy, 1);
		assert_int_equal(s.exts.n, 0);
		assert_int_equal(s.queues.n, 2);
		assert_string_equal(((struct ext *)s.queues.v)[1].number, "8002");
		assert_int_equal(((struct ext *)s.queues.v)[1].max, 10);
		assert_int_equal(s.codecs.n, 2);
		assert_string_equal(s.codecs.v[1], "PCMA");
		assert_int_equal(s.codes.n, 2);
		assert_int_equal(s.codes.v[0].line, 0);
		assert_int_equal(s.logging.level, LL_INFO);
		assert_true(s.logging.console);
		conf_free(&conf, &s);
	}
}

static void
a_file_sets_what_it_names(void **state)
{
	struct settings s;
	const struct ext *e;

	(void)state;
	assert_int_equal(load("server: {sip_host: \"::\", sip_port: 5070}\n"
			      "api:\n  enable_cors: no\n"
			      "queue:\n  strategy: ring_all\n"
			      "extensions:\n"
			      "  - number: 0123\n    password: p w\n    codecs: [PCMU]\n"
			      "  - {number: '1002', allow_external: Yes, max_contacts: 3}\n"
			      "queues: []\n"
			      "media:\n  codecs:\n  - opus\n"
			      "feature_codes:\n  echo: '*99'\n  dnd: 78\n",
	    NULL, &s), 0);
	e = s.exts.v;
	assert_string_equal(s.host, "::");
	assert_int_equal(s.port, 5070);
	assert_false(s.cors);
	assert_int_equal(s.strategy, 0);
	assert_int_equal(s.exts.n, 2);
	assert_string_equal(e[0].number, "0123");
	assert_string_equal(e[0].password, "p w");
	assert_string_equal(e[0].codecs.v[0], "PCMU");
	assert_false(e[0].external);
	assert_true(e[1].external);
	assert_int_equal(e[1].max, 3);
	assert_int_equal(s.queues.n, 0);
	assert_int_equal(s.codecs.n, 1);
	/* A mapping keeps the defaults that it does not name. */
	assert_int_equal(s.codes.n, 3);
	assert_string_equal(s.codes.v[0].value, "*99");
	assert_int_equal(s.codes.v[0].line, 16);
	assert_string_equal(s.codes.v[1].value, "**");
	assert_int_equal(s.codes.v[1].line, 0);
	assert_string_equal(s.codes.v[2].key, "dnd");
	conf_free(&conf, &s);
}

static void
each_error_names_its_line(void **state)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
		{ "server:\n  sip_prt: 5060\n",
		    "2: server.sip_prt: unknown key; -K prints those there are" },
		{ "\n\nsrver:\n  sip_port: 5060\n",
		    "3: srver: unknown key; -K prints those there are" },
		{ "server.sip_port: 5060\n",
		    "1: server.sip_port: unknown key; -K prints those there are" },
		{ "server:\n  sip_port: 99999\n",
		    "2: server.sip_port: want a whole number from 1 to 65535, not 99999: out of "
		    "range" },
		{ "server:\n  sip_port: 0\n",
		    "2: server.sip_port: want a whole number from 1 to 65535, not 0: out of "
		    "range" },
		{ "server:\n  sip_port: 99999999999999999999999\n",
		    "2: server.sip_port: want a whole number from 1 to 65535, not "
		    "99999999999999999999999: out of range" },
		{ "server:\n  sip_port: 5060x\n",
		    "2: server.sip_port: want a whole number from 1 to 65535, not 5060x" },
		{ "server:\n  sip_port: \"5060\"\n",
		    "2: server.sip_port: want a whole number from 1 to 65535, not the text 5060" },
		{ "server:\n  sip_port: 0x10\n",
		    "2: server.sip_port: want a whole number from 1 to 65535, not 0x10" },
		{ "server:\n  sip_port:\n",
		    "2: server.sip_port: want a whole number from 1 to 65535, not \"\"" },
		{ "server:\n  sip_port: [1]\n",
		    "2: server.sip_port: want a whole number from 1 to 65535, not a list" },
		{ "server:\n  sip_host: {}\n",
		    "2: server.sip_host: want a text of 1 to 39 bytes, not a mapping" },
		{ "server:\n  sip_host: null\n",
		    "2: server.sip_host: want a text of 1 to 39 bytes, not \"null\"" },
		{ "server:\n  sip_host: ''\n",
		    "2: server.sip_host: want a text of 1 to 39 bytes, not the text \"\"" },
		{ "server:\n  sip_host: 1234567890123456789012345678901234567890\n",
		    "2: server.sip_host: want a text of 1 to 39 bytes, not "
		    "1234567890123456789012345678901234567890" },
		{ "server: 5060\n", "1: server: want a mapping: this is a section" },
		{ "server: [a]\n", "1: server: want a mapping: this is a section" },
		{ "api:\n  enable_cors: 1\n", "2: api.enable_cors: want true or false, not 1" },
		{ "api:\n  enable_cors: 'true'\n",
		    "2: api.enable_cors: want true or false, not the text \"true\"" },
		{ "queue:\n  strategy: random\n",
		    "2: queue.strategy: want one of ring_all, round_robin, not random" },
		{ "server:\n  sip_port: 1\n  sip_port: 2\n", "3: key \"sip_port\" is given twice" },
		{ "server: {}\nserver: {}\n", "2: key \"server\" is given twice" },
		{ "extensions: {}\n", "1: extensions: want a list of mappings, not a mapping" },
		{ "extensions:\n  - 1001\n", "2: extensions[0]: want a mapping" },
		{ "extensions:\n  - number: 1\n  - name: x\n",
		    "3: extensions[1].name: unknown key; -K prints those there are" },
		{ "extensions:\n  - number: 1\n  -\n    password: x\n",
		    "4: extensions[1].number: is missing" },
		{ "extensions:\n  - number: 1\n    max_contacts: 0\n",
		    "3: extensions[0].max_contacts: want a whole number from 1 to 100, not 0: out "
		    "of range" },
		{ "extensions:\n  - number: 1\n    password: 123456789012345678901234567890123\n",
		    "3: extensions[0].password: want a text of at most 31 bytes" },
		{ "extensions:\n - {number: 1}\n - {number: 2}\n - {number: 3}\n - {number: 4}\n - "
		  "{number: 5}\n - {number: 6}\n",
		    "1: extensions: want 0 to 5 items, not 6" },
		{ "media:\n  codecs: PCMU\n",
		    "2: media.codecs: want a list of texts, not a single value" },
		{ "media:\n  codecs:\n   - PCMU\n   - [x]\n",
		    "4: media.codecs: want a list of texts" },
		{ "media:\n  codecs: [12345678901]\n",
		    "2: media.codecs: want texts of 1 to 10 bytes" },
		{ "feature_codes: [a]\n",
		    "1: feature_codes: want a mapping of names to texts, not a list" },
		{ "feature_codes:\n  echo: {}\n",
		    "2: feature_codes: want a mapping of names to texts, not a mapping" },
		{ "logging:\n  level: info\n",
		    "2: logging.level: want one of DEBUG, INFO, WARNING, ERROR, not info" },
		{ "- a\n- b\n", "1: want sections, each with its keys" },
		{ "just text\n", "1: want sections, each with its keys" },
		{ "server: {}\n--- \napi: {}\n", "2: more than one document" },
		{ "server: &x {}\napi: *x\n", "1: anchors are not supported" },
		{ "server: *x\n",
		    "1: aliases are not supported; put a text that begins with * in quotes" },
		{ "server:\n  sip_port: !!int 5\n", "2: tags are not supported" },
		{ "server:\n  sip_host: \"a\\0b\"\n", "2: a NUL byte inside a value" },
		{ "? [a]\n: b\n", "1: a key must be a plain word" },
		{ "server:\n  <<: {a: b}\n",
		    "2: server.<<: unknown key; -K prints those there are" },
		{ "extensions:\n  - number: 1\n  - number: 666\n", "3: number 666 is taken" },
		{ "\nserver:\n  sip_port: 666\n", "3: not that one" },
		{ "a: [[[[[[[[[[[[]]]]]]]]]]]]\n", "1: nested too deeply" },
		{ "server:\n\tsip_port: 5\n",
		    "2: not YAML: found character that cannot start any token" },
		{ "server:\n  sip_port: 5\n sip_host: x\n",
		    "3: not YAML: did not find expected key" },
		{ "server:\n  sip_host: \"abc\n", "3: not YAML: found unexpected end of stream" },
		{ "server:\n  sip_host: \xff\n", "2: not YAML: invalid leading UTF-8 octet" },
	};
	struct settings s;
	char want[800];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (load(bad[i].text, NULL, &s) != -EINVAL)
			fail_msg("taken, or another error than %s", bad[i].error);
		snprintf(want, sizeof(want), "%s:%s", path, bad[i].error);
		assert_string_equal(conf.error, want);
	}
}

static void
files_that_cannot_be_read(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(conf_load(&conf, "/nowhere/x.yml", NULL, &s), -ENOENT);
	assert_string_equal(conf.error, "/nowhere/x.yml: No such file or directory");
	assert_int_equal(conf_load(&conf, "/tmp", NULL, &s), -EISDIR);
	assert_int_equal(conf_load(&conf, "/dev/null", NULL, &s), -EINVAL);
	assert_string_equal(conf.error, "/dev/null: Not a regular file");
}

static void
overrides_win(void **state)
{
	static const char *const good[] = { "server.sip_port=5080", "media.codecs=[G722, opus]",
		"feature_codes={echo: '*1'}", "extensions=[{number: 9}]", "server.sip_host=a=b",
		NULL };
	static const struct {
		const char *opt, *error;
	} bad[] = {
		{ "server.sip_port=x",
		    "-o server.sip_port: want a whole number from 1 to 65535, not x" },
		{ "server.port=1", "-o server.port: unknown key; -K prints those there are" },
		{ "server=1", "-o server: unknown key; -K prints those there are" },
		{ "server.sip_port", "-o server.sip_port: want section.key=value" },
		{ "extensions=[{number: 1}, {}]",
		    "-o extensions: extensions[1].number: is missing" },
		{ "extensions=[{number: 666}]", "-o extensions: number 666 is taken" },
		{ "media.codecs=[",
		    "-o media.codecs: not YAML: did not find expected node content" },
		{ "server.sip_port=666", "-o server.sip_port: not that one" },
	};
	struct settings s;

	(void)state;
	assert_int_equal(load("server:\n  sip_port: 1\nextensions:\n  - number: 1\n", good, &s), 0);
	assert_int_equal(s.port, 5080);
	assert_string_equal(s.host, "a=b");
	assert_int_equal(s.codecs.n, 2);
	assert_string_equal(s.codecs.v[0], "G722");
	assert_string_equal(s.codes.v[0].value, "*1");
	assert_int_equal(s.exts.n, 1);
	assert_string_equal(((struct ext *)s.exts.v)->number, "9");
	conf_free(&conf, &s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *const one[] = { bad[i].opt, NULL };

		assert_int_equal(load("", one, &s), -EINVAL);
		assert_string_equal(conf.error, bad[i].error);
	}
}

/* What conf_print() gives, in a static buffer. */
static const char *
printed(const struct settings *s)
{
	static char text[4096];
	FILE *f = fmemopen(text, sizeof(text), "w");

	assert_non_null(f);
	conf_print(&conf, s, f);
	fclose(f);
	return text;
}

static void
n_prints_the_meaning_but_no_secret(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(load("extensions:\n  - {number: 1, password: hush}\n  - {number: 2}\n"
			      "server:\n  sip_host: \"a \\\"b\\n\"\n", NULL, &s), 0);
	assert_string_equal(printed(&s),
	    "server.sip_host = \"a \\\"b\\n\"\n"
	    "server.sip_port = 5060\n"
	    "api.enable_cors = true\n"
	    "queue.strategy = round_robin\n"
	    "extensions[0].number = 1\n"
	    "extensions[0].password = (set)\n"
	    "extensions[0].allow_external = false\n"
	    "extensions[0].max_contacts = 10\n"
	    "extensions[0].codecs = []\n"
	    "extensions[1].number = 2\n"
	    "extensions[1].password = (not set)\n"
	    "extensions[1].allow_external = false\n"
	    "extensions[1].max_contacts = 10\n"
	    "extensions[1].codecs = []\n"
	    "queues[0].number = 8001\n"
	    "queues[0].password = (not set)\n"
	    "queues[0].allow_external = false\n"
	    "queues[0].max_contacts = 10\n"
	    "queues[0].codecs = []\n"
	    "queues[1].number = 8002\n"
	    "queues[1].password = (not set)\n"
	    "queues[1].allow_external = false\n"
	    "queues[1].max_contacts = 10\n"
	    "queues[1].codecs = []\n"
	    "media.codecs = [PCMU, PCMA]\n"
	    "feature_codes.echo = \"*43\"\n"
	    "feature_codes.pickup = \"**\"\n"
	    "future.thing = none\t# no effect yet\n"
	    "logging.level = INFO\n"
	    "logging.file = \"\"\n"
	    "logging.console = true\n");
	conf_free(&conf, &s);
}

static void
a_setting_without_effect_warns(void **state)
{
	char log[320], line[600] = "";
	struct settings s;
	FILE *f;

	(void)state;
	snprintf(log, sizeof(log), "%s.log", path);
	assert_int_equal(log_setup(LL_INFO, log, false), 0);
	/* Spelling a default out is no wish. */
	assert_int_equal(load("future:\n  thing: none\n", NULL, &s), 0);
	conf_free(&conf, &s);
	assert_int_equal(load("future:\n  thing: more\n", NULL, &s), 0);
	assert_string_equal(s.future, "more");
	conf_free(&conf, &s);
	log_setup(LL_ERROR, "", false);
	assert_non_null(f = fopen(log, "r"));
	assert_non_null(fgets(line, sizeof(line), f));
	assert_non_null(strstr(line, "key=future.thing"));
	assert_null(fgets(line, sizeof(line), f));
	fclose(f);
	unlink(log);
}

static void
a_wrong_default_is_told(void **state)
{
	static const struct conf_key wrong[] = {
		{ "a.b", CONF_INT, CONF_F(struct settings, port), "70000", 1, 65535, .help = "" },
		{ .path = NULL },
	};
	struct conf c = { .keys = wrong, .size = sizeof(struct settings) };
	struct settings s;

	(void)state;
	assert_int_equal(conf_load(&c, path, NULL, &s), -EINVAL);
	assert_string_equal(c.error,
	    "default of a.b: want a whole number from 1 to 65535, not 70000: out of range");
}

static void
a_required_key_may_come_by_override(void **state)
{
	static const struct conf_key must[] = {
		{ "a.b", CONF_INT, CONF_F(struct settings, port), NULL, 1, 65535, .help = "" },
		{ .path = NULL },
	};
	static const char *const o[] = { "a.b=5", NULL };
	struct conf c = { .keys = must, .size = sizeof(struct settings) };
	struct settings s;
	char want[400];

	(void)state;
	assert_int_equal(load("", NULL, &s), 0);	/* makes the file empty */
	conf_free(&conf, &s);
	assert_int_equal(conf_load(&c, path, NULL, &s), -EINVAL);
	snprintf(want, sizeof(want), "%s:1: a.b: is missing", path);
	assert_string_equal(c.error, want);
	assert_int_equal(conf_load(&c, path, o, &s), 0);
	assert_int_equal(s.port, 5);
}

static void
the_keys_print_themselves(void **state)
{
	static char text[8192];
	FILE *f = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(f);
	conf_print_keys(&conf, f);
	fclose(f);
	assert_non_null(strstr(text,
	    "server.sip_port\n\tport\n\ta whole number from 1 to 65535; default: 5060\n"));
	assert_non_null(strstr(text,
	    "extensions[].number\n\tthe number\n\ta text of 1 to 15 bytes; must be given\n"));
	assert_non_null(strstr(text, "later (no effect yet)"));
}

static void
load_once(void *arg)
{
	static const char *const o[] = { "media.codecs=[G722]", "server.sip_port=1", NULL };
	struct settings s;
	int r = conf_load(&conf, arg, o, &s);

	assert_true(r == 0 || r == -ENOMEM);
	if (r == 0)
		conf_free(&conf, &s);
	else
		assert_non_null(strstr(conf.error, "out of memory"));
}

static void
without_memory_it_is_an_error(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(load("extensions:\n  - {number: 1, codecs: [a, b]}\nfeature_codes: {a: "
	                      "b}\nqueues: []\n",
	                     NULL, &s),
	    0);
	conf_free(&conf, &s);
	oom_each(load_once, path);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_empty_file_gives_the_defaults),
		T(a_file_sets_what_it_names),
		T(each_error_names_its_line),
		T(files_that_cannot_be_read),
		T(overrides_win),
		T(n_prints_the_meaning_but_no_secret),
		T(a_setting_without_effect_warns),
		T(a_wrong_default_is_told),
		T(a_required_key_may_come_by_override),
		T(the_keys_print_themselves),
		T(without_memory_it_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
