/* SPDX-License-Identifier: ISC */
/*
 * The request target: see target.h. Called once for each request by http_server.c; fuzzed by
 * test/fuzz/http_fuzz.c.
 */
#include "apid/target.h"

#include <stdint.h>
#include <string.h>

#include "apid/text.h"
#include "common/base/str.h"

/* Decodes s in place. plus: a + is a space, as in queries. Returns NULL or the reason. */
static const char *
unescape(char *s, bool plus)
{
	char *to = s;
	int hi, lo;

	for (const char *p = s; *p != '\0'; p++) {
		if (*p == '%') {
			hi = str_hex_digit(p[1]);
			lo = hi >= 0 ? str_hex_digit(p[2]) : -1;
			if (lo < 0)
				return "bad percent escape in the target";
			*to = (char)(hi << 4 | lo);
			p += 2;
		} else {
			*to = plus && *p == '+' ? ' ' : *p;
		}
		if ((unsigned char)*to < 0x20 || *to == 0x7f)
			return "control character in the target";
		to++;
	}
	*to = '\0';
	return text_utf8_length(s) < 0 ? "the target is not UTF-8" : NULL;
}

static const char *
parse_path(struct target *t, char *path)
{
	char *next = path;
	const char *reason;

	while (next != NULL) {
		char *segment = next;

		if ((next = strchr(segment, '/')) != NULL)
			*next++ = '\0';
		if (t->nsegments == TARGET_SEGMENTS)
			return "too many path segments";
		if ((reason = unescape(segment, false)) != NULL)
			return reason;
		t->segment[t->nsegments++] = segment;
	}
	return NULL;
}

static const char *
parse_query(struct target *t, char *query)
{
	char *next = query, *value;
	const char *reason;

	while (next != NULL) {
		char *name = next;

		if ((next = strchr(name, '&')) != NULL)
			*next++ = '\0';
		if (*name == '\0')
			continue;
		if ((value = strchr(name, '=')) != NULL)
			*value++ = '\0';
		else
			value = name + strlen(name);
		if ((reason = unescape(name, true)) != NULL ||
		    (reason = unescape(value, true)) != NULL)
			return reason;
		if (target_param(t, name) != NULL)
			return "a query parameter is given twice";
		if (t->nparams == TARGET_PARAMS)
			return "too many query parameters";
		t->param[t->nparams++] = (struct target_param){ .name = name, .value = value };
	}
	return NULL;
}

const char *
target_parse(struct target *t, const char *raw)
{
	const char *reason;
	char *path, *query;
	bool absolute = strncasecmp(raw, "http://", 7) == 0;

	t->nsegments = t->nparams = 0;
	t->asterisk = false;
	t->text[0] = '\0';
	if (absolute) {
		raw += 7;
		raw += strcspn(raw, "/?");
	}
	if (!str_copy(t->text, sizeof(t->text), raw))
		return "the target is too long";
	if (str_eq(raw, "*")) {
		t->asterisk = true;
		return NULL;
	}
	path = t->text;
	if ((query = strchr(path, '?')) != NULL)
		*query++ = '\0';
	if (strchr(path, '#') != NULL || (query != NULL && strchr(query, '#') != NULL))
		return "a fragment in the target";
	if (*path == '/')
		path++;
	else if (!absolute || *path != '\0')
		return "the target does not start with a slash";
	if ((reason = parse_path(t, path)) != NULL)
		return reason;
	return query != NULL ? parse_query(t, query) : NULL;
}

const char *
target_param(const struct target *t, const char *name)
{
	for (size_t i = 0; i < t->nparams; i++)
		if (str_eq(t->param[i].name, name))
			return t->param[i].value;
	return NULL;
}

const char *
target_stranger(const struct target *t, const char *const *names)
{
	for (size_t i = 0; i < t->nparams; i++) {
		size_t k = 0;

		while (names[k] != NULL && !str_eq(names[k], t->param[i].name))
			k++;
		if (names[k] == NULL)
			return t->param[i].name;
	}
	return NULL;
}
