/* SPDX-License-Identifier: ISC */
/*
 * Between conf.c (a file, its overrides, its life) and bind.c (a tree of nodes against a table of
 * keys). Private to common/conf.
 */
#ifndef WARDEN_CONF_BIND_H
#define WARDEN_CONF_BIND_H

#include "common/conf/conf.h"
#include "common/conf/node.h"

#define INERT_MAX	64
#define PATH_LEN	160

enum source {
	FROM_DEFAULT,
	FROM_FILE,
	FROM_OVERRIDE,
};

/* What one load knows; conf->priv while it lasts. */
struct load {
	struct conf		*conf;
	struct node		*top;		/* the file */
	enum source		 source;
	const char		*opt;		/* the override being applied, "section.key" */
	const char *const	*overrides;
	const struct conf_key	*inert[INERT_MAX];	/* set, but not built yet */
	size_t			 ninert;
};

/* Set conf->error: "FILE:LINE: path: what", or "-o path: what". Return -EINVAL and -ENOMEM. */
int load_fail(struct load *l, int line, const char *path, const char *what);
int load_no_memory(struct load *l);

/* True when the override text "a.b=x" sets path, or what path lies in ("a.b" and "a.b[1].c"). */
bool load_overridden(const char *override, const char *path);

/*
 * Binds the children of a mapping to keys. prefix: what table paths of this level start with
 * ("server"); where: the path in the file of the struct that base is ("extensions[3]"). These
 * return 0, or -EINVAL or -ENOMEM with conf->error set.
 */
int bind_section(struct load *l, const struct conf_key *keys, void *base, const struct node *map,
    const char *prefix, const char *where);

/* Sets one key of base from a node, replacing what it held. */
int bind_key(struct load *l, const struct conf_key *key, void *base, const struct node *n,
    const char *path);

/* Sets every key of a struct to its default. Lists and mappings without one stay empty. */
int bind_defaults(struct load *l, const struct conf_key *keys, void *base);

/*
 * Required keys (scalars without a default) of a struct whose mapping is n (NULL: an empty file).
 */
int bind_required(struct load *l, const struct conf_key *keys, const struct node *n,
    const char *where);

/*
 * The key of a table whose path is name; NULL without one, and then *section tells whether there
 * are keys below it.
 */
const struct conf_key *bind_find(const struct conf_key *keys, const char *name, bool *section);

/* Frees what the lists and mappings of a struct hold. */
void bind_free(const struct conf_key *keys, void *base);

#endif
