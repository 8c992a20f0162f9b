/* SPDX-License-Identifier: ISC */
/*
 * IP socket addresses as text "192.0.2.1:5060" or "[2001:db8::1]:5060", and back. No name is looked
 * up.
 */
#ifndef WARDEN_ADDR_H
#define WARDEN_ADDR_H

#include <sys/socket.h>
#include <netinet/in.h>

#include <stdbool.h>
#include <stdint.h>

#define ADDR_STR_LEN 56		/* without the NUL */

union addr {
	struct sockaddr		sa;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
};

/* "IP:PORT" or "[IP6]:PORT"; a bare IP gets default_port. Returns 0 or -EINVAL. */
int addr_parse(union addr *a, const char *s, uint16_t default_port);

/* An IP literal (no brackets, v4 or v6) and a port. Returns 0 or -EINVAL. */
int addr_from_ip(union addr *a, const char *ip, uint16_t port);

/* out has ADDR_STR_LEN + 1 bytes. v4-mapped IPv6 prints as IPv4. */
void addr_print(const union addr *a, char *out);
void addr_print_ip(const union addr *a, char *out);

uint16_t addr_port(const union addr *a);
void addr_set_port(union addr *a, uint16_t port);
socklen_t addr_len(const union addr *a);
bool addr_eq(const union addr *a, const union addr *b);		/* IP and port */
bool addr_ip_eq(const union addr *a, const union addr *b);
bool addr_is_any(const union addr *a);

#endif
