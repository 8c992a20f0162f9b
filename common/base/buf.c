/* SPDX-License-Identifier: ISC */
/*
 * The growing byte buffer of buf.h. What does not fit is left out whole and remembered in failed.
 */
#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"

/* Makes room for n more bytes and the NUL. */
static bool
buf_room(struct buf *b, size_t n)
{
	size_t need, cap;
	char *p;

	if (b->failed)
		return false;
	if (n > b->max || b->len > b->max - n) {
		b->failed = true;
		return false;
	}
	need = b->len + n + 1;
	if (need <= b->cap)
		return true;
	cap = b->cap > 0 ? b->cap : 64;
	while (cap < need)
		cap *= 2;
	if ((p = mem_grow(b->data, cap, 1)) == NULL) {
		b->failed = true;
		return false;
	}
	b->data = p;
	b->cap = cap;
	return true;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	if (!buf_room(b, n))
		return;
	if (n > 0)
		memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void
buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!buf_room(b, 0))
		return;
	va_start(ap, fmt);
	n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
	} else if ((size_t)n >= b->cap - b->len) {
		if (buf_room(b, (size_t)n)) {
			va_start(ap, fmt);
			vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
			va_end(ap);
			b->len += (size_t)n;
		}
	} else if (buf_room(b, (size_t)n)) {
		b->len += (size_t)n;
	}
	b->data[b->len] = '\0';
}

void
buf_xml(struct buf *b, const char *text)
{
	size_t n;

	for (const char *p = text; *p != '\0'; p += n) {
		n = str_utf8(p);
		if (n == 0) {
			buf_char(b, '?');
			n = 1;
		} else if (n > 1) {
			buf_add(b, p, n);
		} else if (*p == '<') {
			buf_str(b, "&lt;");
		} else if (*p == '>') {
			buf_str(b, "&gt;");
		} else if (*p == '&') {
			buf_str(b, "&amp;");
		} else if (*p == '"') {
			buf_str(b, "&quot;");
		} else {
			buf_char(b, (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p);
		}
	}
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void
buf_free(struct buf *b)
{
	mem_free(&b->data);
	b->len = b->cap = 0;
	b->failed = false;
}
