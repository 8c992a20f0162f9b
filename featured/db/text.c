/* SPDX-License-Identifier: ISC */
/* See text.h. Called wherever a string of a phone goes into a statement or a line of the spool. */
#include "featured/db/text.h"

#include <string.h>

#include "common/base/str.h"

size_t
text_utf8_one(struct buf *out, const char *s)
{
	size_t n = str_utf8(s);

	if (n == 0)
		buf_char(out, '?');
	else
		buf_add(out, s, n);
	return n > 0 ? n : 1;
}

void
text_utf8(struct buf *out, const char *s)
{
	while (*s != '\0')
		s += text_utf8_one(out, s);
}

void
text_utf8_fix(char *s)
{
	while (*s != '\0') {
		size_t n = str_utf8(s);

		if (n == 0) {
			*s = '?';
			n = 1;
		}
		s += n;
	}
}

void
text_array_begin(struct buf *out)
{
	buf_char(out, '{');
}

static void
separate(struct buf *out)
{
	if (out->len > 0 && out->data[out->len - 1] != '{')
		buf_char(out, ',');
}

void
text_array_str(struct buf *out, const char *s)
{
	separate(out);
	buf_char(out, '"');
	while (*s != '\0') {
		if (*s == '"' || *s == '\\')
			buf_char(out, '\\');
		s += text_utf8_one(out, s);
	}
	buf_char(out, '"');
}

void
text_array_num(struct buf *out, long long v)
{
	separate(out);
	buf_fmt(out, "%lld", v);
}

void
text_array_null(struct buf *out)
{
	separate(out);
	buf_str(out, "NULL");
}

void
text_array_end(struct buf *out)
{
	buf_char(out, '}');
}
