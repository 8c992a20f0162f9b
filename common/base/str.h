/* SPDX-License-Identifier: ISC */
/* Small string helpers. Sizes are always of the whole destination, with its NUL. */
#ifndef WARDEN_STR_H
#define WARDEN_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies src (NULL is "") and always terminates. Returns true when all of it fitted. */
bool str_copy(char *dst, size_t size, const char *src);

/* The same for n bytes of src that need no NUL; stops at an embedded NUL. */
bool str_ncopy(char *dst, size_t size, const char *src, size_t n);

/* snprintf that returns true when all of it fitted. */
bool str_format(char *dst, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

bool str_eq(const char *a, const char *b);
bool str_ieq(const char *a, const char *b);	/* ASCII case */
bool str_starts(const char *s, const char *prefix);

/*
 * A whole decimal number within min..max; nothing else is accepted. Returns 0, -EINVAL or -ERANGE.
 */
int str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out);

/*
 * Length of the well-formed UTF-8 sequence at s (RFC 3629: no surrogates, no overlong forms), or 0.
 * Reads no further than the NUL.
 */
size_t str_utf8(const char *s);

/* The value of a hex digit, or -1. */
int str_hex_digit(char c);

/* Hex, lower case. hex has 2 * n + 1 bytes. */
void str_hex(char *hex, const void *bin, size_t n);
/* Returns 0, or -EINVAL unless s is exactly 2 * n hex digits. */
int str_unhex(void *bin, size_t n, const char *s);

#endif
