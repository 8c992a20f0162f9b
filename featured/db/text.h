/* SPDX-License-Identifier: ISC */
/*
 * Text on its way to PostgreSQL and to JSON: phones send bytes that are not UTF-8, and one of them
 * must not spoil a batch.
 */
#ifndef WARDEN_DB_TEXT_H
#define WARDEN_DB_TEXT_H

#include "common/base/buf.h"
#include "common/base/id.h"

/* Appends s with every byte that is not part of valid UTF-8 (RFC 3629) replaced by '?'. */
void text_utf8(struct buf *out, const char *s);

/* Appends the one character at s, cleaned in the same way; returns how many bytes of s it was. */
size_t text_utf8_one(struct buf *out, const char *s);

/* The same in place (the length stays). */
void text_utf8_fix(char *s);

/*
 * Array literals of PostgreSQL, '{"a","b"}', for statements that take many rows at once by
 * unnest(). Begin with text_array_begin(), add elements, close with text_array_end().
 */
void text_array_begin(struct buf *out);
void text_array_str(struct buf *out, const char *s);
void text_array_num(struct buf *out, long long v);
void text_array_null(struct buf *out);
void text_array_end(struct buf *out);

#endif
