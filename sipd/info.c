/* SPDX-License-Identifier: ISC */
/* Keys in INFO, see info.h. Called by to_featured.c and from_featured.c; must not trust a byte. */
#include "sipd/info.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define USUAL_MS 160

static const char keys[] = "0123456789*#ABCD";

struct text {
	const char	*p;
	size_t		 len;
};

static int
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '"' || c == '\r' || c == '\n';
}

static struct text
trim(const char *p, size_t len)
{
	while (len > 0 && is_space(p[0])) {
		p++;
		len--;
	}
	while (len > 0 && is_space(p[len - 1]))
		len--;
	return (struct text){ p, len };
}

static long
number_of(struct text t)
{
	long n = 0;

	if (t.len == 0 || t.len > 5)
		return -1;
	for (size_t i = 0; i < t.len; i++) {
		if (t.p[i] < '0' || t.p[i] > '9')
			return -1;
		n = n * 10 + (t.p[i] - '0');
	}
	return n;
}

static char
key_of(struct text t)
{
	long n;
	char c;

	if (t.len == 1) {
		c = t.p[0] >= 'a' && t.p[0] <= 'd' ? (char)(t.p[0] - 'a' + 'A') : t.p[0];
		return c != '\0' && strchr(keys, c) != NULL ? c : '\0';
	}
	n = number_of(t);
	return n >= 0 && n < 16 ? keys[n] : '\0';
}

/* The value of name= in one of the lines; len 0: there is none. */
static struct text
value_of(const char *body, size_t len, const char *name)
{
	size_t n = strlen(name);

	while (len > 0) {
		const char *end = memchr(body, '\n', len);
		size_t line = end != NULL ? (size_t)(end - body) : len;
		struct text t = trim(body, line);

		if (t.len > n && strncasecmp(t.p, name, n) == 0) {
			struct text rest = trim(t.p + n, t.len - n);

			if (rest.len > 0 && (rest.p[0] == '=' || rest.p[0] == ':'))
				return trim(rest.p + 1, rest.len - 1);
		}
		line += end != NULL;
		body += line;
		len -= line;
	}
	return (struct text){ "", 0 };
}

static int
type_is(const char *type, const char *want)
{
	size_t n = strlen(want);

	return strncasecmp(type, want, n) == 0 &&
	    (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

char
info_key(const char *type, const char *body, size_t len, uint16_t *ms)
{
	struct text t;
	long n;

	*ms = 0;
	if (!type_is(type, INFO_KEY_TYPE) && !type_is(type, "application/dtmf"))
		return '\0';
	n = number_of(value_of(body, len, "Duration"));
	if (n > 0)
		*ms = (uint16_t)(n > UINT16_MAX ? UINT16_MAX : n);
	t = value_of(body, len, "Signal");
	if (t.len == 0 && type_is(type, "application/dtmf"))
		t = trim(body, len);
	return key_of(t);
}

size_t
info_key_body(char out[INFO_KEY_MAX], char key, uint16_t ms)
{
	return (size_t)snprintf(out, INFO_KEY_MAX, "Signal=%c\r\nDuration=%u\r\n", key,
	    ms != 0 ? ms : USUAL_MS);
}
