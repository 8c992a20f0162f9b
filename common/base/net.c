/* SPDX-License-Identifier: ISC */
/* Networks of addresses; see net.h. */
#include "common/base/net.h"

#include <errno.h>
#include <string.h>

#include "common/base/str.h"

void
net_bytes(const union addr *a, uint8_t ip[16])
{
	memset(ip, 0, 16);
	if (a->sa.sa_family == AF_INET6) {
		memcpy(ip, a->in6.sin6_addr.s6_addr, 16);
		return;
	}
	ip[10] = ip[11] = 0xff;
	memcpy(ip + 12, &a->in.sin_addr, 4);
}

void
net_customer(const uint8_t ip[16], uint8_t key[16])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	memcpy(key, ip, 16);
	if (memcmp(ip, mapped, sizeof(mapped)) != 0)
		memset(key + 8, 0, 8);
}

int
net_parse(struct net *net, const char *text)
{
	char ip[INET6_ADDRSTRLEN + 1];
	const char *slash = strchr(text, '/');
	union addr a;
	int64_t bits;
	bool v4;

	if (!str_ncopy(ip, sizeof(ip), text, slash != NULL ? (size_t)(slash - text) : strlen(text)) ||
	    addr_from_ip(&a, ip, 0) < 0)
		return -EINVAL;
	v4 = a.sa.sa_family == AF_INET;
	net_bytes(&a, net->ip);
	net->bits = 128;
	if (slash == NULL)
		return 0;
	if (str_to_i64(slash + 1, 0, v4 ? 32 : 128, &bits) < 0)
		return -EINVAL;
	net->bits = (unsigned)bits + (v4 ? 96 : 0);
	return 0;
}

bool
net_has(const struct net *net, const uint8_t ip[16])
{
	unsigned bytes = net->bits / 8, rest = net->bits % 8;

	if (memcmp(ip, net->ip, bytes) != 0)
		return false;
	return rest == 0 || ((ip[bytes] ^ net->ip[bytes]) & (uint8_t)(0xff << (8 - rest))) == 0;
}

bool
net_any_has(const struct net *nets, size_t n, const uint8_t ip[16])
{
	for (size_t i = 0; i < n; i++)
		if (net_has(&nets[i], ip))
			return true;
	return false;
}
