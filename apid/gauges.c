/* SPDX-License-Identifier: ISC */
/* Figures of all daemons: see gauges.h. Called by res_metrics.c. */
#include "apid/gauges.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"

#define GAUGES_MAX 1000

struct gauges {
	struct msg_gauge	 g[GAUGES_MAX];
	size_t			 n;
};

static bool
letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t
word(const char *s)
{
	size_t n = 0;

	while (letter(s[n]) || (n > 0 && s[n] >= '0' && s[n] <= '9'))
		n++;
	return n;
}

/* name or name{label="value",...}; values without quotes, backslashes and control characters. */
static bool
good_name(const char *s)
{
	size_t n = word(s);

	if (n == 0)
		return false;
	s += n;
	if (*s == '\0')
		return true;
	do {
		s++;
		if ((n = word(s)) == 0 || s[n] != '=' || s[n + 1] != '"')
			return false;
		s += n + 2;
		while (*s != '\0' && *s != '"' && *s != '\\' && (unsigned char)*s >= 0x20 &&
		    (unsigned char)*s < 0x7f)
			s++;
		if (*s++ != '"')
			return false;
	} while (*s == ',');
	return s[0] == '}' && s[1] == '\0';
}

void
gauges_add(struct gauges **pp, const struct msg_gauge *m)
{
	size_t n = word(m->name);

	if (!good_name(m->name) || (m->name[n] != '\0' && m->name[n] != '{'))
		return;
	if (*pp == NULL && (*pp = mem_new(sizeof(**pp))) == NULL)
		return;
	if ((*pp)->n < GAUGES_MAX)
		(*pp)->g[(*pp)->n++] = *m;
}

/* By family, then by labels. */
static int
compare(const void *a, const void *b)
{
	const struct msg_gauge *x = a, *y = b;
	size_t nx = word(x->name), ny = word(y->name);
	int r = strncmp(x->name, y->name, nx < ny ? nx : ny);

	if (r == 0 && nx != ny)
		r = nx < ny ? -1 : 1;
	return r != 0 ? r : strcmp(x->name + nx, y->name + ny);
}

/* Has out this metric already? Then it was said by who knows better. */
static bool
told(const struct buf *out, const char *name, int n)
{
	char line[96];

	str_format(line, sizeof(line), "# TYPE warden_%.*s ", n, name);
	return out->data != NULL && strstr(out->data, line) != NULL;
}

void
gauges_print(struct buf *out, struct gauges *g)
{
	bool skip = false;

	if (g == NULL)
		return;
	qsort(g->g, g->n, sizeof(g->g[0]), compare);
	for (size_t i = 0; i < g->n; i++) {
		const struct msg_gauge *m = &g->g[i], *before = i > 0 ? &g->g[i - 1] : NULL;
		int n = (int)word(m->name);

		if (before != NULL && str_eq(before->name, m->name))
			continue;
		if (before == NULL || (int)word(before->name) != n ||
		    strncmp(before->name, m->name, (size_t)n) != 0) {
			skip = told(out, m->name, n);
			if (!skip)
				buf_fmt(out, "# TYPE warden_%.*s %s\n", n, m->name,
				    m->counter ? "counter" : "gauge");
		}
		if (!skip)
			buf_fmt(out, "warden_%s %llu\n", m->name, (unsigned long long)m->value);
	}
}

void
gauges_free(struct gauges **g)
{
	mem_free(g);
}
