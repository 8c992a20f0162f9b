/* SPDX-License-Identifier: ISC */
/* A kept text message as the bytes of its file: lines, then the body as it came. See texts.h. */
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "featured/reg/texts.h"

#define HEAD "warden text 1\n"

static void
line(struct buf *out, const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		buf_char(out, (unsigned char)*p < ' ' ? ' ' : *p);
	buf_char(out, '\n');
}

void
text_print(const struct text_parts *parts, struct buf *out)
{
	buf_str(out, HEAD);
	line(out, parts->from);
	line(out, parts->from_name);
	line(out, parts->to);
	line(out, parts->type);
	buf_fmt(out, "%llu %016llx\n", (unsigned long long)parts->at_ms,
	    (unsigned long long)parts->print);
	buf_add(out, parts->body, parts->body_len);
}

/* The next line into out. */
static bool
next(const char **p, const char *end, char *out, size_t size)
{
	const char *nl = memchr(*p, '\n', (size_t)(end - *p));
	size_t len;

	if (nl == NULL)
		return false;
	len = (size_t)(nl - *p);
	if (memchr(*p, '\0', len) != NULL || !str_ncopy(out, size, *p, len))
		return false;
	*p = nl + 1;
	return true;
}

bool
text_read(struct text_parts *parts, const char *p, size_t len)
{
	const char *end = p + len;
	char at[48], *print;
	uint8_t b[8];
	int64_t ms;

	memset(parts, 0, sizeof(*parts));
	if (len < sizeof(HEAD) - 1 || memcmp(p, HEAD, sizeof(HEAD) - 1) != 0)
		return false;
	p += sizeof(HEAD) - 1;
	if (!next(&p, end, parts->from, sizeof(parts->from)) ||
	    !next(&p, end, parts->from_name, sizeof(parts->from_name)) ||
	    !next(&p, end, parts->to, sizeof(parts->to)) ||
	    !next(&p, end, parts->type, sizeof(parts->type)) || !next(&p, end, at, sizeof(at)))
		return false;
	/* Older files have no print. */
	if ((print = strchr(at, ' ')) != NULL) {
		*print++ = '\0';
		if (str_unhex(b, sizeof(b), print) != 0)
			return false;
		for (size_t i = 0; i < sizeof(b); i++)
			parts->print = parts->print << 8 | b[i];
	}
	if (str_to_i64(at, 0, INT64_MAX, &ms) != 0)
		return false;
	parts->at_ms = (uint64_t)ms;
	parts->body = p;
	parts->body_len = (size_t)(end - p);
	return true;
}
