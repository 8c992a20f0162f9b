/* SPDX-License-Identifier: ISC */
/*
 * A tree of settings against a table of keys, see bind.h. Called by conf.c for the file, for each
 * override, and for defaults that are lists.
 *
 * A later value replaces an earlier one whole, except that a mapping (CONF_MAP) keeps what it does
 * not name. Whatever is found wrong, conf.c frees what was bound before.
 */
#include "common/conf/bind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/conf/value.h"

static const char *
kind_name(const struct node *n)
{
	switch (n->kind) {
	case NODE_SCALAR:
		return "a single value";
	case NODE_MAP:
		return "a mapping";
	case NODE_SEQ:
		return "a list";
	}
	return "";
}

static int
wrong_kind(struct load *l, const struct conf_key *key, const struct node *n, const char *path)
{
	char wanted[300], text[360];

	value_wanted(key, wanted, sizeof(wanted));
	str_format(text, sizeof(text), "want %s, not %s", wanted, kind_name(n));
	return load_fail(l, n->line, path, text);
}

static int
bind_strs(struct load *l, const struct conf_key *key, struct conf_strs *out, const struct node *n,
    const char *path)
{
	char text[80];
	int64_t max = key->max > 0 ? key->max : 255;

	if (n->kind != NODE_SEQ)
		return wrong_kind(l, key, n, path);
	if (n->nkids > 0 && (out->v = mem_new(n->nkids * sizeof(*out->v))) == NULL)
		return load_no_memory(l);
	for (const struct node *k = n->kids; k != NULL; k = k->next) {
		int64_t len = k->kind == NODE_SCALAR ? (int64_t)strlen(k->text) : -1;

		if (len < 0)
			return load_fail(l, k->line, path, "want a list of texts");
		if (len < key->min || len > max) {
			str_format(text, sizeof(text), "want texts of %lld to %lld bytes",
			    (long long)key->min, (long long)max);
			return load_fail(l, k->line, path, text);
		}
		if ((out->v[out->n] = mem_strdup(k->text)) == NULL)
			return load_no_memory(l);
		out->n++;
	}
	return 0;
}

static int
set_pair(struct load *l, struct conf_pairs *out, const struct node *k)
{
	char *value = mem_strdup(k->text);
	struct conf_pair *v;
	size_t i = 0;

	if (value == NULL)
		return load_no_memory(l);
	while (i < out->n && !str_eq(out->v[i].key, k->key))
		i++;
	if (i == out->n) {
		if ((v = mem_grow(out->v, out->n + 1, sizeof(*v))) == NULL) {
			free(value);
			return load_no_memory(l);
		}
		out->v = v;
		v[i] = (struct conf_pair){ .key = mem_strdup(k->key) };
		if (v[i].key == NULL) {
			free(value);
			return load_no_memory(l);
		}
		out->n++;
	}
	free(out->v[i].value);
	out->v[i].value = value;
	out->v[i].line = l->source == FROM_FILE ? k->line : 0;
	return 0;
}

/* A mapping adds to what the default has. */
static int
bind_map(struct load *l, const struct conf_key *key, struct conf_pairs *out, const struct node *n,
    const char *path)
{
	int r;

	if (n->kind != NODE_MAP)
		return wrong_kind(l, key, n, path);
	for (const struct node *k = n->kids; k != NULL; k = k->next) {
		if (k->kind != NODE_SCALAR)
			return wrong_kind(l, key, k, path);
		if ((r = set_pair(l, out, k)) < 0)
			return r;
	}
	return 0;
}

const struct conf_key *
bind_find(const struct conf_key *keys, const char *name, bool *section)
{
	size_t n = strlen(name);

	*section = false;
	for (; keys->path != NULL; keys++) {
		if (str_eq(keys->path, name))
			return keys;
		if (strncmp(keys->path, name, n) == 0 && keys->path[n] == '.')
			*section = true;
	}
	return NULL;
}

int
bind_section(struct load *l, const struct conf_key *keys, void *base, const struct node *map,
    const char *prefix, const char *where)
{
	for (const struct node *k = map->kids; k != NULL; k = k->next) {
		char name[PATH_LEN], path[PATH_LEN];
		const struct conf_key *key;
		bool section, fits;
		int r;

		fits = str_format(name, sizeof(name), "%s%s%s", prefix, *prefix != '\0' ? "." : "",
		    k->key);
		fits &= str_format(path, sizeof(path), "%s%s%s", where, *where != '\0' ? "." : "",
		    name);
		/* one spelling: "a.b: c" is no way to say "a: {b: c}" */
		fits &= strchr(k->key, '.') == NULL;
		key = bind_find(keys, name, &section);
		if (key != NULL && fits) {
			if ((r = bind_key(l, key, base, k, path)) < 0)
				return r;
		} else if (section && fits) {
			if (k->kind == NODE_SCALAR && k->plain && *k->text == '\0')
				/* "logging:" with every key below it commented out */
				continue;
			if (k->kind != NODE_MAP)
				return load_fail(l, k->line, path,
				    "want a mapping: this is a section");
			if ((r = bind_section(l, keys, base, k, name, where)) < 0)
				return r;
		} else {
			return load_fail(l, k->line, path,
			    "unknown key; -K prints those there are");
		}
	}
	return 0;
}

int
bind_defaults(struct load *l, const struct conf_key *keys, void *base)
{
	enum source was = l->source;
	int r = 0;

	l->source = FROM_DEFAULT;
	for (const struct conf_key *key = keys; key->path != NULL && r == 0; key++) {
		struct node_error err;
		struct node *n;
		char why[400];

		if (key->def == NULL)
			continue;
		if (value_is_scalar(key)) {
			if (value_set(key, base, key->def, true, why, sizeof(why)) < 0)
				r = load_fail(l, 0, key->path, why);
			continue;
		}
		if ((r = node_parse(&n, key->def, strlen(key->def), &err)) < 0) {
			if (r != -ENOMEM)
				load_fail(l, 0, key->path, err.text);
			else
				load_no_memory(l);
		} else if (n != NULL) {
			r = bind_key(l, key, base, n, key->path);
			node_free(&n);
		}
	}
	l->source = was;
	return r;
}

int
bind_required(struct load *l, const struct conf_key *keys, const struct node *n, const char *where)
{
	char path[PATH_LEN];

	for (const struct conf_key *key = keys; key->path != NULL; key++) {
		const struct node *at = n != NULL ? node_find(n, key->path) : NULL;
		const char *last = strrchr(key->path, '.');

		if (key->def != NULL || !value_is_scalar(key))
			continue;
		last = last != NULL ? last + 1 : key->path;
		/* node_find gives the nearest one; the key itself has its name. */
		if (at != NULL && at != n && at->key != NULL && str_eq(at->key, last))
			continue;
		if (*where == '\0' && l->overrides != NULL) {
			const char *const *o = l->overrides;

			while (*o != NULL && !load_overridden(*o, key->path))
				o++;
			if (*o != NULL)
				continue;
		}
		str_format(path, sizeof(path), "%s%s%s", where, *where != '\0' ? "." : "",
		    key->path);
		return load_fail(l, at != NULL ? at->line : 1, path, "is missing");
	}
	return 0;
}

static int
bind_items(struct load *l, const struct conf_key *key, struct conf_items *out, const struct node *n,
    const char *path)
{
	char item[PATH_LEN], text[80];
	int r;

	if (n->kind != NODE_SEQ)
		return wrong_kind(l, key, n, path);
	if ((int64_t)n->nkids < key->min || (key->max > 0 && (int64_t)n->nkids > key->max)) {
		str_format(text, sizeof(text), "want %lld to %lld items, not %zu",
		    (long long)key->min, (long long)key->max, n->nkids);
		return load_fail(l, n->line, path, text);
	}
	if (n->nkids > 0 && (out->v = mem_new(n->nkids * key->size)) == NULL)
		return load_no_memory(l);
	for (const struct node *k = n->kids; k != NULL; k = k->next) {
		void *base = (char *)out->v + out->n * key->size;

		str_format(item, sizeof(item), "%.120s[%zu]", path, out->n);
		out->n++;	/* from now on conf_free knows it */
		if (k->kind != NODE_MAP)
			return load_fail(l, k->line, item, "want a mapping");
		if ((r = bind_defaults(l, key->item, base)) < 0 ||
		    (r = bind_section(l, key->item, base, k, "", item)) < 0 ||
		    (r = bind_required(l, key->item, k, item)) < 0)
			return r;
	}
	return 0;
}

static void
note_inert(struct load *l, const struct conf_key *key, const struct node *n)
{
	if (!key->inert || l->source == FROM_DEFAULT || l->ninert == INERT_MAX)
		return;
	/* The shipped files spell the defaults out; that is no wish for anything. */
	if (n->kind == NODE_SCALAR && key->def != NULL && str_eq(n->text, key->def))
		return;
	if (n->kind != NODE_SCALAR && n->nkids == 0)
		return;
	for (size_t i = 0; i < l->ninert; i++) {
		if (l->inert[i] == key)
			return;
	}
	l->inert[l->ninert++] = key;
}

/* Frees a list's or mapping's value. */
static void
free_value(const struct conf_key *key, void *base)
{
	void *field = value_field(key, base);

	switch (key->type) {
	case CONF_STR:
	case CONF_INT:
	case CONF_BOOL:
	case CONF_ENUM:
		break;
	case CONF_STRS: {
		struct conf_strs *s = field;

		for (size_t i = 0; i < s->n; i++)
			free(s->v[i]);
		free(s->v);
		memset(s, 0, sizeof(*s));
		break;
	}
	case CONF_MAP: {
		struct conf_pairs *p = field;

		for (size_t i = 0; i < p->n; i++) {
			free(p->v[i].key);
			free(p->v[i].value);
		}
		free(p->v);
		memset(p, 0, sizeof(*p));
		break;
	}
	case CONF_LIST: {
		struct conf_items *it = field;

		for (size_t i = 0; i < it->n; i++)
			bind_free(key->item, (char *)it->v + i * key->size);
		free(it->v);
		memset(it, 0, sizeof(*it));
		break;
	}
	}
}

void
bind_free(const struct conf_key *keys, void *base)
{
	for (; keys->path != NULL; keys++)
		free_value(keys, base);
}

int
bind_key(struct load *l, const struct conf_key *key, void *base, const struct node *n,
    const char *path)
{
	void *field = value_field(key, base);
	bool empty = n->kind == NODE_SCALAR && n->plain && *n->text == '\0';
	char why[400];

	note_inert(l, key, n);
	if (!value_is_scalar(key) && empty)
		return 0;	/* "trunks:" with nothing below it: as if not written */
	switch (key->type) {
	case CONF_STR:
	case CONF_INT:
	case CONF_BOOL:
	case CONF_ENUM:
		if (n->kind != NODE_SCALAR)
			return wrong_kind(l, key, n, path);
		if (value_set(key, base, n->text, n->plain, why, sizeof(why)) < 0)
			return load_fail(l, n->line, path, why);
		return 0;
	case CONF_STRS:
		free_value(key, base);
		return bind_strs(l, key, field, n, path);
	case CONF_MAP:
		return bind_map(l, key, field, n, path);
	case CONF_LIST:
		free_value(key, base);
		return bind_items(l, key, field, n, path);
	}
	return 0;
}
