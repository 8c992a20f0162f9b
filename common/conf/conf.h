/* SPDX-License-Identifier: ISC */
/*
 * Settings: YAML (libyaml events) against a table of typed keys. The table is the single source:
 * parser, range, default, the output of -n, the manual's key list and the check of the shipped
 * example all come from it.
 *
 * Errors are "FILE:LINE: message". An unknown key, a wrong type, a value out of range, a key given
 * twice, a file that is not YAML: each is an error, and nothing of the file is taken.
 */
#ifndef WARDEN_CONF_H
#define WARDEN_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum conf_type {
	CONF_STR,	/* char[size] at off; range: length min..max */
	CONF_INT,	/* int64_t; min..max */
	CONF_BOOL,	/* bool: true, false (and YAML 1.1's yes, no, on, off) */
	CONF_ENUM,	/* int: index into names */
	CONF_STRS,	/* struct conf_strs: a list of strings */
	CONF_MAP,	/* struct conf_pairs: any key to a string (feature_codes) */
	CONF_LIST,	/* struct conf_items: a list of mappings, each an item of item's keys */
};

struct conf_strs {
	char	**v;
	size_t	  n;
};

struct conf_pair {
	char	*key;
	char	*value;
	int	 line;		/* 0: from the default or an override */
};

struct conf_pairs {
	struct conf_pair	*v;
	size_t			 n;
};

struct conf_items {
	void	*v;		/* n items of item_size bytes */
	size_t	 n;
};

struct conf_key {
	const char		*path;	/* "server.sip_port"; inside an item just "number" */
	enum conf_type		 type;
	size_t			 off;	/* of the field in the settings struct (or in the item) */
	/* CONF_STR: bytes of the field; CONF_LIST: bytes of an item */
	size_t			 size;
	/* default as one would write it; NULL in an item: required */
	const char		*def;
	int64_t			 min, max;
	const char *const	*names;	/* CONF_ENUM, NULL-terminated */
	const struct conf_key	*item;	/* CONF_LIST: the item's keys, ended by path NULL */
	/* accepted as promised, but what it sets is not built yet: one warning when set */
	bool			 inert;
	bool			 secret; /* -n prints "(set)" instead of the value */
	const char		*help;	/* one line, for -n and the manual */
};

/* Field helpers for tables: CONF_F(struct sipd_settings, sip_port) gives off and size. */
#define CONF_F(type, field) offsetof(type, field), sizeof(((type *)0)->field)

struct conf {
	const char		*file;	/* for messages */
	const struct conf_key	*keys;	/* ended by path NULL */
	size_t			 size;	/* of the settings struct */
	/*
	 * Checks that span keys; may be NULL. Returns true, or false with a message by
	 * conf_error(). Items' lines are known to conf_line().
	 */
	bool			(*check)(struct conf *, void *settings);
	void			*priv;	/* conf's own, between load and free */
	char			 error[512];	/* "FILE:LINE: message" of the first error */
};

/*
 * Loads file over the defaults into settings (conf->size bytes, overwritten), then applies
 * overrides ("section.key=value", NULL-terminated, may be NULL; messages then say "-o
 * section.key"). Returns 0 or -EINVAL / -errno with conf->error set; settings then holds nothing to
 * free. A missing file is an error.
 */
int conf_load(struct conf *conf, const char *file, const char *const *overrides, void *settings);

/* Frees what the lists and maps of settings hold, and zeroes it. */
void conf_free(const struct conf *conf, void *settings);

/* The meaning of the settings, one "section.key = value" a line: the output of -n. */
void conf_print(const struct conf *conf, const void *settings, FILE *out);

/* All keys with type, default, range and help: what the manual's list is made of. */
void conf_print_keys(const struct conf *conf, FILE *out);

/*
 * For check(): sets conf->error as "FILE:LINE: ..." for the line of path ("extensions[3].number").
 * Returns false.
 */
bool conf_error(struct conf *conf, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * The keys that every daemon has (section logging). Put CONF_LOGGING(struct x, logging) at the end
 * of each table.
 */
struct conf_logging {
	int	level;			/* enum log_level */
	char	file[256];
	bool	console;
};
extern const char *const conf_log_levels[];
#define CONF_LOGGING(owner, field)                                                                 \
	{ .path = "logging.level", .type = CONF_ENUM, .off = offsetof(owner, field.level),         \
		.def = "INFO", .names = conf_log_levels,                                           \
		.help = "least severe level that is logged" },                                     \
	{ .path = "logging.file", .type = CONF_STR, .off = offsetof(owner, field.file),            \
		.size = sizeof(((owner *)0)->field.file), .def = "", .max = 255,                   \
		.help = "file to log to, besides stderr" },                                        \
	{ .path = "logging.console", .type = CONF_BOOL, .off = offsetof(owner, field.console),     \
		.def = "true", .help = "log to stderr (the journal under systemd)" }

#endif
