/* SPDX-License-Identifier: ISC */
/*
 * Text that goes into and comes out of JSON: UTF-8 that may be broken (a caller's name is whatever
 * a phone sent), members of a request's body with their types and lengths checked, dates, times.
 * Pure but for jansson.
 */
#ifndef WARDEN_APID_TEXT_H
#define WARDEN_APID_TEXT_H

#include <sys/types.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of s, or -1 when it is not UTF-8 (RFC 3629: no surrogates, no overlong forms). */
ssize_t text_utf8_length(const char *s);

/* A JSON string of s; bytes that are not UTF-8 become U+FFFD. NULL only when out of memory. */
json_t *text_json(const char *s);

/* ISO 8601 with offset; JSON null for 0. */
json_t *text_json_time(uint64_t real_ms);

/* One member that a body may have. */
struct text_member {
	const char	*name;
	bool		 required;
	char		*out;	/* a string: destination of size bytes, no control characters */
	size_t		 size;
	bool		*flag;		/* or a boolean */
	json_t		**json;		/* or anything: a reference, the caller's to drop */
};

/*
 * Reads body (n bytes) as one JSON object with no other members than these (ended by name NULL). An
 * empty string for a required member is refused. Returns true, or false with the reason and, where
 * there is one, the position in err.
 */
bool text_body(const char *body, size_t n, const struct text_member *members, char *err,
    size_t err_size);

/*
 * "2026-11-23": the local day's first and last+1 instant in Unix ms. NULL or "": today. out_date
 * gets the day as text (11 bytes). Returns 0 or -EINVAL.
 */
int text_day(const char *date, uint64_t now_ms, uint64_t *from_ms, uint64_t *to_ms, char *out_date);

#endif
