/* SPDX-License-Identifier: ISC */
/*
 * A file of settings and its overrides, see conf.h. Called by common/daemon at start and on reload,
 * and by wardenctl.
 *
 * Each key is set up to three times: from its default, from the file, from an override. Nothing is
 * logged before all went well.
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
#include "common/conf/bind.h"
#include "common/conf/value.h"

#define FILE_MAX	(16 * 1024 * 1024)

const char *const conf_log_levels[] = { "DEBUG", "INFO", "WARNING", "ERROR", NULL };

int
load_fail(struct load *l, int line, const char *path, const char *what)
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

int
load_no_memory(struct load *l)
{
	str_format(l->conf->error, sizeof(l->conf->error), "%s: out of memory", l->conf->file);
	return -ENOMEM;
}

bool
load_overridden(const char *override, const char *path)
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
		if (load_overridden(*o, path)) {
			str_format(conf->error, sizeof(conf->error), "-o %.*s: %s",
			    (int)strcspn(*o, "="), *o, text);
			return false;
		}
	}
	str_format(conf->error, sizeof(conf->error), "%s:%d: %s", conf->file,
	    at != NULL ? at->line : 1, text);
	return false;
}

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
		return load_no_memory(l);
	if (r < 0) {
		str_format(l->conf->error, sizeof(l->conf->error), "%s: %s", l->conf->file,
		    r == -EINVAL ? "Not a regular file" : strerror(-r));
		return r;
	}
	l->source = FROM_FILE;
	r = node_parse(&l->top, text, len, &err);
	free(text);
	if (r < 0)
		return r == -ENOMEM ? load_no_memory(l) : load_fail(l, err.line, "", err.text);
	if (l->top == NULL ||
	    (l->top->kind == NODE_SCALAR && l->top->plain && *l->top->text == '\0'))
		return 0;
	if (l->top->kind != NODE_MAP)
		return load_fail(l, l->top->line, "", "want sections, each with its keys");
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
		return load_fail(l, 0, text, "want section.key=value");
	l->opt = path;
	if ((key = bind_find(l->conf->keys, path, &section)) == NULL)
		return load_fail(l, 0, path, "unknown key; -K prints those there are");
	if (value_is_scalar(key)) {
		struct node scalar = {
			.kind = NODE_SCALAR, .plain = true, .text = mem_strdup(eq + 1)
		};

		if (scalar.text == NULL)
			return load_no_memory(l);
		r = bind_key(l, key, settings, &scalar, path);
		free(scalar.text);
		return r;
	}
	/* Lists and mappings in YAML's one-line form: [a, b] and {a: b}. */
	if ((r = node_parse(&n, eq + 1, strlen(eq + 1), &err)) < 0)
		return r == -ENOMEM ? load_no_memory(l) : load_fail(l, 0, path, err.text);
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

	if ((r = bind_defaults(l, conf->keys, settings)) < 0 || (r = apply_file(l, settings)) < 0)
		return r;
	for (const char *const *o = l->overrides; o != NULL && *o != NULL; o++) {
		if ((r = apply_override(l, *o, settings)) < 0)
			return r;
	}
	l->source = FROM_FILE;
	if ((r = bind_required(l, conf->keys, l->top, "")) < 0)
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
	bind_free(conf->keys, settings);
	/* Passwords may be in there. */
	explicit_bzero(settings, conf->size);
}
