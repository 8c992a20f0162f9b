/* SPDX-License-Identifier: ISC */
/* Socket addresses as text and back, see addr.h. Numeric only: nothing here asks a resolver. */
#include "common/base/addr.h"

#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"

int
addr_from_ip(union addr *a, const char *ip, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, ip, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons(port);
		return 0;
	}
	if (inet_pton(AF_INET6, ip, &a->in6.sin6_addr) == 1) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons(port);
		return 0;
	}
	memset(a, 0, sizeof(*a));
	return -EINVAL;
}

int
addr_parse(union addr *a, const char *s, uint16_t default_port)
{
	char ip[INET6_ADDRSTRLEN + 1];
	const char *end, *port = NULL;
	int64_t n = default_port;

	memset(a, 0, sizeof(*a));
	if (*s == '[') {
		s++;
		if ((end = strchr(s, ']')) == NULL)
			return -EINVAL;
		if (end[1] == ':')
			port = end + 2;
		else if (end[1] != '\0')
			return -EINVAL;
		if (memchr(s, ':', (size_t)(end - s)) == NULL)
			return -EINVAL;
	} else {
		/* One colon parts the port; more of them are a bare IPv6 address. */
		end = strchr(s, ':');
		if (end != NULL && strchr(end + 1, ':') == NULL)
			port = end + 1;
		else
			end = s + strlen(s);
	}
	if (!str_ncopy(ip, sizeof(ip), s, (size_t)(end - s)))
		return -EINVAL;
	if (port != NULL && (strlen(port) > 5 || str_to_i64(port, 0, UINT16_MAX, &n) < 0))
		return -EINVAL;
	return addr_from_ip(a, ip, (uint16_t)n);
}

static bool
is_mapped(const union addr *a)
{
	return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr);
}

/* In decimal; returns the end. */
static char *
put_number(char *out, unsigned n)
{
	char digits[10];
	unsigned len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	while (len > 0)
		*out++ = digits[--len];
	return out;
}

/* By hand, as each request's source is printed several times and inet_ntop() and snprintf() took a tenth of sipd's
 * instructions. */
static char *
put_ipv4(char *out, const uint8_t ip[4])
{
	for (unsigned i = 0; i < 4; i++) {
		out = put_number(out, ip[i]);
		*out++ = '.';
	}
	return out - 1;
}

/* Returns the end, where there is no 0 yet. */
static char *
put_ip(char *out, const union addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return put_ipv4(out, (const uint8_t *)&a->in.sin_addr);
	if (is_mapped(a))
		return put_ipv4(out, a->in6.sin6_addr.s6_addr + 12);
	if (a->sa.sa_family == AF_INET6 && inet_ntop(AF_INET6, &a->in6.sin6_addr, out, INET6_ADDRSTRLEN) != NULL)
		return out + strlen(out);
	*out = '-';
	return out + 1;
}

void
addr_print_ip(const union addr *a, char *out)
{
	*put_ip(out, a) = '\0';
}

void
addr_print(const union addr *a, char *out)
{
	bool brackets = a->sa.sa_family == AF_INET6 && !is_mapped(a);

	if (brackets)
		*out++ = '[';
	out = put_ip(out, a);
	if (brackets)
		*out++ = ']';
	*out++ = ':';
	*put_number(out, addr_port(a)) = '\0';
}

uint16_t
addr_port(const union addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohs(a->in.sin_port);
	if (a->sa.sa_family == AF_INET6)
		return ntohs(a->in6.sin6_port);
	return 0;
}

void
addr_set_port(union addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET)
		a->in.sin_port = htons(port);
	else if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
}

socklen_t
addr_len(const union addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return sizeof(a->in);
	if (a->sa.sa_family == AF_INET6)
		return sizeof(a->in6);
	return 0;
}

/*
 * The 4 or 16 bytes of the address; a v4-mapped one is its IPv4 address, so that both forms are
 * equal.
 */
static const void *
ip_bytes(const union addr *a, size_t *n)
{
	if (a->sa.sa_family == AF_INET) {
		*n = 4;
		return &a->in.sin_addr;
	}
	if (is_mapped(a)) {
		*n = 4;
		return a->in6.sin6_addr.s6_addr + 12;
	}
	if (a->sa.sa_family == AF_INET6) {
		*n = 16;
		return &a->in6.sin6_addr;
	}
	*n = 0;
	return "";
}

bool
addr_ip_eq(const union addr *a, const union addr *b)
{
	size_t na, nb;
	const void *pa = ip_bytes(a, &na), *pb = ip_bytes(b, &nb);

	return na == nb && memcmp(pa, pb, na) == 0;
}

bool
addr_eq(const union addr *a, const union addr *b)
{
	return addr_ip_eq(a, b) && addr_port(a) == addr_port(b);
}

bool
addr_is_any(const union addr *a)
{
	static const uint8_t zero[16];
	size_t n;
	const void *p = ip_bytes(a, &n);

	return memcmp(p, zero, n) == 0;
}
