/* SPDX-License-Identifier: ISC */
/*
 * Settings from any text: no crash, no leak; what is taken prints, and an error always names file
 * and line. The first byte decides whether the rest is a file or an override.
 *
 * links: common/conf/conf.c common/conf/bind.c common/conf/node.c common/conf/value.c
 * common/conf/print.c common/base/buf.c common/base/mem.c common/base/str.c common/base/log.c
 * common/base/clock.c
 */
#include <sys/mman.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "common/conf/conf.h"

struct item {
	char		 number[16];
	char		 secret[32];
	bool		 flag;
	struct conf_strs list;
};

struct settings {
	char		 text[40];
	int64_t		 port;
	int64_t		 any;
	bool		 flag;
	int		 choice;
	struct conf_items items;
	struct conf_strs list;
	struct conf_pairs map;
	struct conf_logging logging;
};

static const char *const names[] = { "one", "two", NULL };

static const struct conf_key item_keys[] = {
	{ "number", CONF_STR, CONF_F(struct item, number), NULL, 1, 0, .help = "" },
	{ "secret", CONF_STR, CONF_F(struct item, secret), "", .secret = true, .help = "" },
	{ "flag", CONF_BOOL, CONF_F(struct item, flag), "no", .help = "" },
	{ "list", CONF_STRS, CONF_F(struct item, list), "[a]", .help = "" },
	{ .path = NULL },
};

static const struct conf_key keys[] = {
	{ "a.text", CONF_STR, CONF_F(struct settings, text), "x", .help = "" },
	{ "a.port", CONF_INT, CONF_F(struct settings, port), "5060", 1, 65535, .help = "" },
	{ "a.any", CONF_INT, CONF_F(struct settings, any), "0", .help = "" },
	{ "a.b.flag", CONF_BOOL, CONF_F(struct settings, flag), "true", .help = "" },
	{ "choice", CONF_ENUM, CONF_F(struct settings, choice), "one", .names = names, .help = "" },
	{ "items", CONF_LIST, offsetof(struct settings, items), sizeof(struct item), NULL, 0, 4,
	    .item = item_keys, .help = "" },
	{ "list", CONF_STRS, CONF_F(struct settings, list), NULL, .inert = true, .help = "" },
	{ "map", CONF_MAP, CONF_F(struct settings, map), "{k: v}", .help = "" },
	CONF_LOGGING(struct settings, logging),
	{ .path = NULL },
};

static bool
check(struct conf *conf, void *settings)
{
	const struct settings *s = settings;

	return s->port != 666 || conf_error(conf, "items[1].number", "a port %d", (int)s->port);
}

static struct conf conf = { .keys = keys, .size = sizeof(struct settings), .check = check };

static void
load(const char *file, const char *const *overrides)
{
	struct settings s;
	char prefix[64];

	if (conf_load(&conf, file, overrides, &s) == 0) {
		FILE *f = fopen("/dev/null", "w");

		conf_print(&conf, &s, f);
		fclose(f);
		conf_free(&conf, &s);
		return;
	}
	/* check() names the place of the key that it speaks of, which need not be the override's. */
	if (overrides != NULL && str_starts(conf.error, "-o ") && strlen(conf.error) > 4)
		return;
	str_format(prefix, sizeof(prefix), "%s:", file);
	if (overrides != NULL && !strstr(conf.error, "a port 666"))
		abort();
	if (!str_starts(conf.error, prefix) || strlen(conf.error) < strlen(prefix) + 2)
		abort();
	if (atoi(conf.error + strlen(prefix)) < 1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char file[40];

	if (fd < 0) {
		fd = memfd_create("settings", 0);
		snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
		log_setup(LL_ERROR, "", false);
	}
	if (size == 0 || ftruncate(fd, 0) < 0)
		return 0;
	if (data[0] == '=') {
		char *text = calloc(1, size);
		const char *const o[] = { text, NULL };

		memcpy(text, data + 1, size - 1);
		if (*text != '\0')
			load(file, o);
		free(text);
	} else {
		if (pwrite(fd, data, size, 0) != (ssize_t)size)
			return 0;
		load(file, NULL);
	}
	return 0;
}
