/* SPDX-License-Identifier: ISC */
/*
 * Addresses as 16 bytes (IPv4 as v4-mapped IPv6), networks of them, and what stands for one customer:
 * for whoever counts or allows by source. No name is looked up.
 */
#ifndef WARDEN_NET_H
#define WARDEN_NET_H

#include <stddef.h>

#include "common/base/addr.h"

struct net {
	uint8_t		ip[16];
	unsigned	bits;		/* of the 128 */
};

void net_bytes(const union addr *a, uint8_t ip[16]);

/* An IPv4 address itself; of IPv6 the /64, which is what one customer gets. */
void net_customer(const uint8_t ip[16], uint8_t key[16]);

/* "192.0.2.0/24" or "2001:db8::1". Returns 0 or -EINVAL. */
int net_parse(struct net *net, const char *text);

bool net_has(const struct net *net, const uint8_t ip[16]);
bool net_any_has(const struct net *nets, size_t n, const uint8_t ip[16]);

#endif
