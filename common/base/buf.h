/* SPDX-License-Identifier: ISC */
/*
 * A growing byte buffer with a bound and a sticky error: append freely, check once at the end.
 * Always NUL-terminated behind len, so data is also a C string.
 */
#ifndef WARDEN_BUF_H
#define WARDEN_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char	*data;
	size_t	 len;
	size_t	 cap;
	size_t	 max;		/* the bound */
	/* something did not fit, or memory ran out; len is what was there before */
	bool	 failed;
};

#define BUF_INIT(bound) { .max = (bound) }

void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_char(struct buf *b, char c);
/*
 * Text for XML's attributes and text: markup is escaped; control characters and what is not UTF-8
 * become blanks and '?'.
 */
void buf_xml(struct buf *b, const char *text);
void buf_reset(struct buf *b);		/* empties, keeps the memory, clears the error */
void buf_free(struct buf *b);		/* frees and leaves an empty buffer */

#endif
