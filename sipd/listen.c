/* SPDX-License-Identifier: ISC */
/*
 * Which addresses sipd listens on; see listen.h. Every address has sockets of its own, so that an
 * answer leaves from where the question came in. Called by stack.c at the start and by stats.c
 * every few seconds.
 */
#include "sipd/listen.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/str.h"
#include "sipd/nat.h"
#include "sipd/stack.h"

/* sofia tells a failed bind in its log alone, so the reason is found out here first. */
static int
try_bind(const union addr *a, int type)
{
	int fd = socket(a->sa.sa_family, type | SOCK_CLOEXEC, 0), on = 1, r = 0;

	if (fd < 0)
		return -errno;
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &a->sa, addr_len(a)) < 0)
		r = -errno;
	else if (type == SOCK_STREAM && listen(fd, 1) < 0)
		r = -errno;
	close(fd);
	return r;
}

void
listen_check(const union addr *a)
{
	char text[ADDR_STR_LEN + 1];
	int r;

	addr_print(a, text);
	if ((r = try_bind(a, SOCK_DGRAM)) < 0)
		fatal("cannot listen on UDP %s: %s (server.sip_host, server.sip_port)", text,
		    strerror(-r));
	if ((r = try_bind(a, SOCK_STREAM)) < 0)
		fatal("cannot listen on TCP %s: %s (server.sip_host, server.sip_port)", text,
		    strerror(-r));
}

/* Listens on one address, UDP and TCP. False: it cannot be, or is so already. */
static bool
listen_on(const union addr *a)
{
	char text[ADDR_STR_LEN + 1], uri[ADDR_STR_LEN + 8];
	unsigned known = sipd.nbinds;
	const char *name = nat_bind_add(a);

	if (name == NULL || sipd.nbinds == known)
		return false;
	addr_print(a, text);
	str_format(uri, sizeof(uri), "sip:%s", text);
	if (nta_agent_add_tport(sipd.agent, URL_STRING_MAKE(uri), TPTAG_IDENT(name),
	        TPTAG_PONG2PING(1), TPTAG_IDLE(STACK_IDLE_MS), TPTAG_TIMEOUT(64000),
	        TPTAG_UDP_RMEM(4 << 20), TPTAG_UDP_WMEM(4 << 20), TPTAG_QUEUESIZE(1024),
	        TAG_END()) < 0) {
		sipd.nbinds = known;
		log_error("cannot listen", kv_s("address", text), kv_s("error", strerror(errno)));
		return false;
	}
	return true;
}

/* One of the machine's addresses. */
static bool
consider(const struct sockaddr *sa)
{
	union addr a;

	memset(&a, 0, sizeof(a));
	if (sa->sa_family == AF_INET)
		memcpy(&a.in, sa, sizeof(a.in));
	else if (sa->sa_family == AF_INET6)
		memcpy(&a.in6, sa, sizeof(a.in6));
	else
		return false;
	/* A link-local address says nothing without its link. */
	if (sa->sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a.in6.sin6_addr))
		return false;
	addr_set_port(&a, (uint16_t)sipd.set.port);
	return listen_on(&a);
}

void
listen_start(const union addr *a)
{
	struct ifaddrs *list, *i;
	unsigned n = 0;

	sipd.listen_any = addr_is_any(a);
	if (!sipd.listen_any) {
		n = listen_on(a);
	} else {
		if (getifaddrs(&list) < 0)
			fatal("cannot list the machine's addresses: %s", strerror(errno));
		for (i = list; i != NULL; i = i->ifa_next)
			if (i->ifa_addr != NULL && (i->ifa_flags & IFF_UP) != 0)
				n += consider(i->ifa_addr);
		freeifaddrs(list);
	}
	if (n == 0)
		fatal("cannot listen on any address (server.sip_host, server.sip_port)");
	overload_init();
	log_info("listening", kv_s("address", sipd.set.host), kv_u("port", (uint64_t)sipd.set.port),
	    kv_u("addresses", n));
}

/* IPv4, without netlink, which the sandbox forbids. */
static unsigned
new_ip4(void)
{
	static struct ifreq list[128];
	struct ifconf conf = { .ifc_len = sizeof(list), .ifc_req = list };
	unsigned n = 0;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return 0;
	if (ioctl(fd, SIOCGIFCONF, &conf) == 0)
		for (size_t i = 0; i < (size_t)conf.ifc_len / sizeof(list[0]); i++)
			n += consider(&list[i].ifr_addr);
	close(fd);
	return n;
}

static unsigned
new_ip6(void)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	FILE *f = fopen("/proc/net/if_inet6", "re");
	char line[128], hex[33];
	unsigned flags, n = 0;

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		/* address, index, prefix, scope, flags; 0x40: still tentative */
		if (sscanf(line, "%32s %*x %*x %*x %x", hex, &flags) == 2 && (flags & 0x40) == 0 &&
		    str_unhex(&in6.sin6_addr, sizeof(in6.sin6_addr), hex) == 0)
			n += consider((const struct sockaddr *)&in6);
	fclose(f);
	return n;
}

void
listen_again(void)
{
	unsigned n;

	if (!sipd.listen_any || (n = new_ip4() + new_ip6()) == 0)
		return;
	overload_init();
	log_info("listening on addresses that are new", kv_u("addresses", n));
}
