/* SPDX-License-Identifier: ISC */
/*
 * A YAML text as a tree of nodes with their lines, made from libyaml's events. Private to
 * common/conf: conf.c binds the tree to a table of keys. Anchors, aliases, tags and further
 * documents are refused: there is one spelling for each thing.
 */
#ifndef WARDEN_CONF_NODE_H
#define WARDEN_CONF_NODE_H

#include <stdbool.h>
#include <stddef.h>

enum node_kind {
	NODE_SCALAR,
	NODE_MAP,
	NODE_SEQ,
};

struct node {
	enum node_kind	 kind;
	int		 line;		/* from 1; that of the key for what stands in a mapping */
	bool		 plain;		/* a scalar without quotes */
	char		*text;		/* a scalar's, no NUL inside */
	char		*key;		/* under a mapping */
	struct node	*next;
	struct node	*kids;
	size_t		 nkids;
};

struct node_error {
	int	line;		/* 0: unknown */
	char	text[160];
};

/*
 * Reads len bytes of YAML. *out is the top node (the caller's, node_free()), NULL for an empty
 * text. Returns 0, or -EINVAL or -ENOMEM with *err set.
 */
int node_parse(struct node **out, const char *text, size_t len, struct node_error *err);

void node_free(struct node **n);

/*
 * The node at a path such as "extensions[3].number", or the nearest one above it; NULL without any.
 */
const struct node *node_find(const struct node *top, const char *path);

/* The child of a mapping under key (key_len bytes), or NULL. */
const struct node *node_kid(const struct node *map, const char *key, size_t key_len);

#endif
