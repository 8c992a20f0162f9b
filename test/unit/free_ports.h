/* SPDX-License-Identifier: ISC */
/*
 * A row of UDP ports that nobody uses now, below those that the kernel gives out by itself. For
 * tests that need certain ports in a row; whoever else looks for some begins elsewhere.
 */
#ifndef WARDEN_TEST_FREE_PORTS_H
#define WARDEN_TEST_FREE_PORTS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

static inline bool
port_is_free(unsigned port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is = bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0;

	close(fd);
	return is;
}

/* The first of n free ports, a multiple of 40; 0: none found. */
static inline unsigned
free_ports(unsigned n)
{
	for (unsigned i = 0; i < 500; i++) {
		unsigned first = 12000 + ((unsigned)getpid() * 7 + i) % 500 * 40, k = 0;

		while (k < n && port_is_free(first + k))
			k++;
		if (k == n)
			return first;
	}
	return 0;
}

#endif
