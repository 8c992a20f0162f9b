/* SPDX-License-Identifier: ISC */
/*
 * Settings against a table of keys, see conf.h. Called by common/daemon at start and on reload, and
 * by wardenctl.
 *
 * Each key is set up to three times: from its default, from the file, from an override; a later one
 * replaces the whole value, except that a mapping (CONF_MAP) keeps the defaults that it does not
 * name. Nothing is logged before all went well.
 */
#include "common/conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/conf/node.h"
#include "common/conf/value.h"

#define FILE_MAX	(16 * 1024 * 1024)
#define INERT_MAX	64
#define PATH_LEN	160

const char *const conf_log_levels[] = { "DEBUG", "INFO", "WARNING", "ERROR", NULL };

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

static int bind_key(struct load *l, const struct conf_key *key, void *base, const struct node *n,
    const char *path);
static void free_keys(const struct conf_key *keys, void *base);

/* ---- errors ---- */

static int
fail_at(struct load *l, int line, const char *path, const char *what)
{
	struct conf *conf = l->conf;

	switch (l->source) {
	case FROM_DEFAULT:
		str_format(conf->error, sizeof(conf->error), "default of %s: %s", path, what);
		break;
	case FROM_FILE:
		str_format(conf->error, sizeof(conf->error), "%s:%d: %s%s%s", conf->file, line,
		    path, *path != '\0' ? ": " : "", what);
		break;
	case FROM_OVERRIDE:
		str_format(conf->error, sizeof(conf->error), "-o %s: %s%s%s", l->opt,
		    str_eq(path, l->opt) ? "" : path, str_eq(path, l->opt) ? "" : ": ", what);
		break;
	}
	return -EINVAL;
}

static int
no_memory(struct load *l)
{
	str_format(l->conf->error, sizeof(l->conf->error), "%s: out of memory", l->conf->file);
	return -ENOMEM;
}

/* True when the override text "a.b=x" sets path, or what path lies in ("a.b" and "a.b[1].c"). */
static bool
overridden(const char *override, const char *path)
{
	size_t n = strcspn(override, "=");

	return strncmp(override, path, n) == 0 &&
	    (path[n] == '\0' || path[n] == '.' || path[n] == '[');
}

bool
conf_error(struct conf *conf, const char *path, const char *fmt, ...)
{
	struct load *l = conf->priv;
	const struct node *at = l != NULL && l->top != NULL ? node_find(l->top, path) : NULL;
	const char *const *o = l != NULL ? l->overrides : NULL;
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (; o != NULL && *o != NULL; o++) {
		if (overridden(*o, path)) {
			str_format(conf->error, sizeof(conf->error), "-o %.*s: %s",
			    (int)strcspn(*o, "="), *o, text);
			return false;
		}
	}
	str_format(conf->error, sizeof(conf->error), "%s:%d: %s", conf->file,
	    at != NULL ? at->line : 1, text);
	return false;
}

/* ---- values ---- */

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
	return fail_at(l, n->line, path, text);
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
		return no_memory(l);
	for (const struct node *k = n->kids; k != NULL; k = k->next) {
		int64_t len = k->kind == NODE_SCALAR ? (int64_t)strlen(k->text) : -1;

		if (len < 0)
			return fail_at(l, k->line, path, "want a list of texts");
		if (len < key->min || len > max) {
			str_format(text, sizeof(text), "want texts of %lld to %lld bytes",
			    (long long)key->min, (long long)max);
			return fail_at(l, k->line, path, text);
		}
		if ((out->v[out->n] = mem_strdup(k->text)) == NULL)
			return no_memory(l);
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
		return no_memory(l);
	while (i < out->n && !str_eq(out->v[i].key, k->key))
		i++;
	if (i == out->n) {
		if ((v = mem_grow(out->v, out->n + 1, sizeof(*v))) == NULL) {
			free(value);
			return no_memory(l);
		}
		out->v = v;
		v[i] = (struct conf_pair){ .key = mem_strdup(k->key) };
		if (v[i].key == NULL) {
			free(value);
			return no_memory(l);
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

/*
 * The key of a table whose path is prefix and name together, or starts so (*section: there are keys
 * below it).
 */
static const struct conf_key *
find_key(const struct conf_key *keys, const char *name, bool *section)
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

/*
 * Binds the children of a mapping to keys. prefix: what table paths of this level start with
 * ("server"); where: the path in the file of the struct that base is ("extensions[3]").
 */
static int
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
		key = find_key(keys, name, &section);
		if (key != NULL && fits) {
			if ((r = bind_key(l, key, base, k, path)) < 0)
				return r;
		} else if (section && fits) {
			if (k->kind == NODE_SCALAR && k->plain && *k->text == '\0')
				/* "logging:" with every key below it commented out */
				continue;
			if (k->kind != NODE_MAP)
				return fail_at(l, k->line, path,
				    "want a mapping: this is a section");
			if ((r = bind_section(l, keys, base, k, name, where)) < 0)
				return r;
		} else {
			return fail_at(l, k->line, path, "unknown key");
		}
	}
	return 0;
}

/* Sets every key of a struct to its default. Lists and mappings without one stay empty. */
static int
set_defaults(struct load *l, const struct conf_key *keys, void *base)
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
				r = fail_at(l, 0, key->path, why);
			continue;
		}
		if ((r = node_parse(&n, key->def, strlen(key->def), &err)) < 0) {
			if (r != -ENOMEM)
				fail_at(l, 0, key->path, err.text);
			else
				no_memory(l);
		} else if (n != NULL) {
			r = bind_key(l, key, base, n, key->path);
			node_free(&n);
		}
	}
	l->source = was;
	return r;
}

/*
 * Required keys (scalars without a default) of a struct whose mapping is n (NULL: an empty file).
 */
static int
check_required(struct load *l, const struct conf_key *keys, const struct node *n, const char *where)
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

			while (*o != NULL && !overridden(*o, key->path))
				o++;
			if (*o != NULL)
				continue;
		}
		str_format(path, sizeof(path), "%s%s%s", where, *where != '\0' ? "." : "",
		    key->path);
		return fail_at(l, at != NULL ? at->line : 1, path, "is missing");
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
		return fail_at(l, n->line, path, text);
	}
	if (n->nkids > 0 && (out->v = mem_new(n->nkids * key->size)) == NULL)
		return no_memory(l);
	for (const struct node *k = n->kids; k != NULL; k = k->next) {
		void *base = (char *)out->v + out->n * key->size;

		str_format(item, sizeof(item), "%.120s[%zu]", path, out->n);
		out->n++;	/* from now on conf_free knows it */
		if (k->kind != NODE_MAP)
			return fail_at(l, k->line, item, "want a mapping");
		if ((r = set_defaults(l, key->item, base)) < 0 ||
		    (r = bind_section(l, key->item, base, k, "", item)) < 0 ||
		    (r = check_required(l, key->item, k, item)) < 0)
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
			free_keys(key->item, (char *)it->v + i * key->size);
		free(it->v);
		memset(it, 0, sizeof(*it));
		break;
	}
	}
}

static void
free_keys(const struct conf_key *keys, void *base)
{
	for (; keys->path != NULL; keys++)
		free_value(keys, base);
}

/* Sets one key from a node, replacing what it held. */
static int
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
			return fail_at(l, n->line, path, why);
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

/* ---- a file and its overrides ---- */

/* Reads a whole file. *text is the caller's. */
static int
read_file(const char *file, char **text, size_t *len)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r = 0;
	struct stat st;
	ssize_t n;

	*text = NULL;
	*len = 0;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode))
		r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else if (st.st_size > FILE_MAX)
		r = -EFBIG;
	else if ((*text = mem_new((size_t)st.st_size + 1)) == NULL)
		r = -ENOMEM;
	while (r == 0 && *len < (size_t)st.st_size) {
		if ((n = read(fd, *text + *len, (size_t)st.st_size - *len)) < 0) {
			if (errno != EINTR)
				r = -errno;
		} else if (n == 0) {
			break;
		} else {
			*len += (size_t)n;
		}
	}
	close(fd);
	if (r < 0)
		mem_free(text);
	return r;
}

static int
apply_file(struct load *l, void *settings)
{
	struct node_error err;
	size_t len;
	char *text;
	int r;

	if ((r = read_file(l->conf->file, &text, &len)) == -ENOMEM)
		return no_memory(l);
	if (r < 0) {
		str_format(l->conf->error, sizeof(l->conf->error), "%s: %s", l->conf->file,
		    r == -EINVAL ? "Not a regular file" : strerror(-r));
		return r;
	}
	l->source = FROM_FILE;
	r = node_parse(&l->top, text, len, &err);
	free(text);
	if (r < 0)
		return r == -ENOMEM ? no_memory(l) : fail_at(l, err.line, "", err.text);
	if (l->top == NULL ||
	    (l->top->kind == NODE_SCALAR && l->top->plain && *l->top->text == '\0'))
		return 0;
	if (l->top->kind != NODE_MAP)
		return fail_at(l, l->top->line, "", "want sections, each with its keys");
	return bind_section(l, l->conf->keys, settings, l->top, "", "");
}

static int
apply_override(struct load *l, const char *text, void *settings)
{
	const char *eq = strchr(text, '=');
	const struct conf_key *key;
	struct node_error err;
	char path[PATH_LEN];
	struct node *n;
	bool section;
	int r;

	l->source = FROM_OVERRIDE;
	l->opt = text;
	if (eq == NULL || !str_ncopy(path, sizeof(path), text, (size_t)(eq - text)))
		return fail_at(l, 0, text, "want section.key=value");
	l->opt = path;
	if ((key = find_key(l->conf->keys, path, &section)) == NULL)
		return fail_at(l, 0, path, "unknown key");
	if (value_is_scalar(key)) {
		struct node scalar = {
			.kind = NODE_SCALAR, .plain = true, .text = mem_strdup(eq + 1)
		};

		if (scalar.text == NULL)
			return no_memory(l);
		r = bind_key(l, key, settings, &scalar, path);
		free(scalar.text);
		return r;
	}
	/* Lists and mappings in YAML's one-line form: [a, b] and {a: b}. */
	if ((r = node_parse(&n, eq + 1, strlen(eq + 1), &err)) < 0)
		return r == -ENOMEM ? no_memory(l) : fail_at(l, 0, path, err.text);
	if (n != NULL)
		r = bind_key(l, key, settings, n, path);
	node_free(&n);
	return r;
}

static int
load_all(struct load *l, void *settings)
{
	struct conf *conf = l->conf;
	int r;

	if ((r = set_defaults(l, conf->keys, settings)) < 0 || (r = apply_file(l, settings)) < 0)
		return r;
	for (const char *const *o = l->overrides; o != NULL && *o != NULL; o++) {
		if ((r = apply_override(l, *o, settings)) < 0)
			return r;
	}
	l->source = FROM_FILE;
	if ((r = check_required(l, conf->keys, l->top, "")) < 0)
		return r;
	if (conf->check != NULL && !conf->check(conf, settings)) {
		if (conf->error[0] == '\0')
			str_format(conf->error, sizeof(conf->error), "%s:1: refused", conf->file);
		return -EINVAL;
	}
	return 0;
}

int
conf_load(struct conf *conf, const char *file, const char *const *overrides, void *settings)
{
	struct load l = { .conf = conf, .overrides = overrides };
	int r;

	conf->file = file;
	conf->priv = &l;
	conf->error[0] = '\0';
	memset(settings, 0, conf->size);
	r = load_all(&l, settings);
	node_free(&l.top);
	conf->priv = NULL;
	if (r < 0) {
		conf_free(conf, settings);
		return r;
	}
	for (size_t i = 0; i < l.ninert; i++)
		log_warning("this setting is accepted but has no effect yet",
		    kv_s("key", l.inert[i]->path), kv_s("file", file));
	return 0;
}

void
conf_free(const struct conf *conf, void *settings)
{
	free_keys(conf->keys, settings);
	/* Passwords may be in there. */
	explicit_bzero(settings, conf->size);
}
