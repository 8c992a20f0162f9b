/* SPDX-License-Identifier: ISC */
/*
 * Network I/O of the packet path. A session knows ports (struct io_port), never descriptors, so
 * that a backend with one socket for all ports, or with io_uring, can take the place of this one
 * (io_epoll.c: edge-triggered epoll, recvmmsg, connected sends, sendmmsg for runs of packets of one
 * port).
 *
 * A port is opened and closed by the main thread and belongs to at most one struct io, that is one
 * worker thread, at a time; that thread alone calls the functions that take a struct io, except
 * io_wake().
 */
#ifndef WARDEN_MEDIAD_IO_H
#define WARDEN_MEDIAD_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"

#define IO_PACKET_MAX	1600	/* longer ones are dropped and counted */
#define IO_HEADROOM	64	/* writable octets before a received packet, for its next header */

struct io;
struct io_port;

struct io_packet {
	uint8_t			*p;	/* may be changed in place until the callback returns */
	size_t			 len;
	const union addr	*from;	/* NULL: the port is connected, so it was that address */
};

struct io_counts {
	uint64_t	in, out;	/* packets */
	uint64_t	oversize;
	uint64_t	unsent;		/* the kernel took them not */
	uint64_t	wakes;		/* returns from waiting */
};

/*
 * A packet came; arg and tag as given to io_attach(). Called by io_read(); must not attach or
 * detach ports.
 */
typedef void io_recv_cb(void *ctx, void *arg, unsigned tag, struct io_packet *packet,
    uint64_t now_us);

/*
 * Binds a UDP port. Returns 0 or -errno (-EADDRINUSE). *out is the caller's until io_port_close().
 */
int io_port_open(struct io_port **out, const union addr *local);
void io_port_close(struct io_port **port);

/*
 * Only packets of this address are let in from now on, and that is where sends without an address
 * go; NULL: anybody.
 */
int io_port_connect(struct io_port *port, const union addr *far);
bool io_port_connected(const struct io_port *port);

int io_new(struct io **out, io_recv_cb *recv, void *ctx);
void io_free(struct io **io);

int io_attach(struct io *io, struct io_port *port, void *arg, unsigned tag);
void io_detach(struct io *io, struct io_port *port);

/*
 * The same for a port that nobody will use again: its descriptor is closed, io_port_close() is
 * left.
 */
void io_retire(struct io *io, struct io_port *port);

/*
 * Sends len octets to `to` (NULL: the port is connected). The octets are sent, or copied, before
 * io_wait() is called again, and must stay as they are until then or until io_flush() or the
 * callback's return.
 */
void io_send(struct io *io, struct io_port *port, const union addr *to, const uint8_t *p,
    size_t len);
void io_flush(struct io *io);

/*
 * Waits until packets come, somebody calls io_wake(), or until_us (clock_mono_us; 0: no limit) is
 * there. When busy, first lets packets gather for at most a millisecond. Returns the time now.
 * Ports may be attached and detached before the io_read() that follows.
 */
uint64_t io_wait(struct io *io, uint64_t until_us);

/* Hands what has come to the callback. Returns until when all that came has been handed over: now_us, or earlier. */
uint64_t io_read(struct io *io, uint64_t now_us);

/* Any thread: makes io_wait() return soon. */
void io_wake(struct io *io);

const struct io_counts *io_counts(const struct io *io);

#endif
