/* SPDX-License-Identifier: ISC */
/*
 * Choosing the address in our SDP, see where.h: set by hand, or the source address of the kernel's
 * route to the far end.
 */
#include "mediad/where.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The source address that packets to far would have. connect(2) of a UDP socket sends nothing. */
static int
route_source(const union addr *far, union addr *out)
{
	union addr to = *far;
	socklen_t len = sizeof(*out);
	int fd, r = 0;

	if ((fd = socket(far->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return -errno;
	if (addr_port(&to) == 0)
		addr_set_port(&to, 9);
	memset(out, 0, sizeof(*out));
	if (connect(fd, &to.sa, addr_len(&to)) == -1 || getsockname(fd, &out->sa, &len) == -1)
		r = -errno;
	else
		addr_set_port(out, 0);
	close(fd);
	return r;
}

static bool
is_loopback(const union addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohl(a->in.sin_addr.s_addr) >> 24 == 127;
	return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

static void
any_of(int family, union addr *out)
{
	memset(out, 0, sizeof(*out));
	out->sa.sa_family = (sa_family_t)family;
}

/* Nobody said where the far end is: by the default route, or this machine alone. */
static int
default_source(union addr *out)
{
	union addr far;

	addr_from_ip(&far, "192.0.2.1", 9);
	if (route_source(&far, out) == 0 && !addr_is_any(out))
		return 0;
	addr_from_ip(&far, "2001:db8::1", 9);
	if (route_source(&far, out) == 0 && !addr_is_any(out))
		return 0;
	return addr_from_ip(out, "127.0.0.1", 0);
}

static bool
known(const union addr *a)
{
	return a != NULL && a->sa.sa_family != AF_UNSPEC && !addr_is_any(a);
}

int
where_we_are(const struct mediad_settings *set, const union addr *far, const union addr *like,
    union addr *bind, union addr *told)
{
	union addr external;
	int r;

	if (set->server.rtp_host[0] != '\0' && addr_from_ip(bind, set->server.rtp_host, 0) == 0 &&
	    !addr_is_any(bind) && (!known(far) || far->sa.sa_family == bind->sa.sa_family)) {
		*told = *bind;
	} else {
		if (known(far)) {
			/* A phone behind a NAT may name an address that no route leads to. */
			if (route_source(far, told) < 0 && (r = default_source(told)) < 0)
				return r;
		} else if (known(like)) {
			*told = *like;
		} else if ((r = default_source(told)) < 0) {
			return r;
		}
		any_of(told->sa.sa_family, bind);
	}
	addr_set_port(told, 0);
	if (addr_is_any(told))
		return -EADDRNOTAVAIL;
	if (set->server.external_address[0] != '\0' && !is_loopback(told) &&
	    addr_from_ip(&external, set->server.external_address, 0) == 0 &&
	    external.sa.sa_family == told->sa.sa_family)
		*told = external;
	return 0;
}
