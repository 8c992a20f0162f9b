/* SPDX-License-Identifier: ISC */
/* String helpers, see str.h. Used everywhere; allocates nothing and knows no locale. */
#include "common/base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool
str_ncopy(char *dst, size_t size, const char *src, size_t n)
{
	size_t len = src == NULL ? 0 : strnlen(src, n);
	bool fits = len < size;

	if (size == 0)
		return false;
	if (!fits)
		len = size - 1;
	if (len > 0)
		memmove(dst, src, len);
	dst[len] = '\0';
	return fits;
}

bool
str_copy(char *dst, size_t size, const char *src)
{
	return str_ncopy(dst, size, src, src == NULL ? 0 : strlen(src));
}

bool
str_format(char *dst, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(dst, size, fmt, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < size;
}

bool
str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static unsigned char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : (unsigned char)c;
}

bool
str_ieq(const char *a, const char *b)
{
	while (*a != '\0' && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

bool
str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

int
str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out)
{
	const char *p = s;
	bool neg = *p == '-';
	uint64_t v = 0, limit = neg ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	bool over = false;
	int64_t r;

	if (neg)
		p++;
	if (*p == '\0')
		return -EINVAL;
	for (; *p != '\0'; p++) {
		unsigned d = (unsigned)(*p - '0');

		if (*p < '0' || *p > '9')
			return -EINVAL;
		/* Goes on after an overflow: "99999999999999999999x" is no number at all. */
		if (v > (limit - d) / 10)
			over = true;
		else
			v = v * 10 + d;
	}
	if (over)
		return -ERANGE;
	/* Two's complement without a signed overflow, INT64_MIN included. */
	r = neg ? (int64_t)(0 - v) : (int64_t)v;
	if (r < min || r > max)
		return -ERANGE;
	*out = r;
	return 0;
}

size_t
str_utf8(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

void
str_hex(char *hex, const void *bin, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = bin;

	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = digits[p[i] >> 4];
		hex[2 * i + 1] = digits[p[i] & 15];
	}
	hex[2 * n] = '\0';
}

int
str_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
str_unhex(void *bin, size_t n, const char *s)
{
	uint8_t *out = bin;

	if (strnlen(s, 2 * n + 1) != 2 * n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int hi = str_hex_digit(s[2 * i]), lo = str_hex_digit(s[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EINVAL;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}
