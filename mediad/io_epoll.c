/* SPDX-License-Identifier: ISC */
/*
 * The I/O backend of io.h on plain sockets: one descriptor per port, edge-triggered epoll, recvmmsg
 * until the socket is empty. Waking up for each packet is what costs most, so a busy thread first
 * sleeps a little and then finds many sockets ready at once; a quiet one does not, and adds no
 * latency.
 */
#include "mediad/io.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"

#define BATCH		16		/* packets per recvmmsg */
#define EVENTS		512
#define PORT_TURN	128		/* packets of one port before the others have their turn */
#define GATHER_US	1000		/* the longest sleep for the sake of a batch */
#define BUSY_PER_MS	12		/* packets per millisecond from which sleeping pays */
#define GATHER_PACKETS	24		/* what a sleep should bring */
#define RATE_WINDOW_US	20000
#define LINE		64		/* of the cache */
#define AHEAD		(11 * LINE)	/* of what a port belongs to */

struct io_port {
	void		*arg;
	int		 fd;
	uint8_t		 tag;
	bool		 connected;
};

struct io {
	int			 ep, wake_fd;
	io_recv_cb		*recv;
	void			*ctx;
	struct io_counts	 counts;
	uint64_t		 last_us;	/* of the last return from waiting */
	uint64_t		 window_us;	/* the rate is taken over windows */
	uint64_t		 window_in;
	unsigned		 gather_us;	/* 0: not busy */
	struct io_port		*out_port;	/* whose packets wait in out[] */
	unsigned		 nout;
	struct mmsghdr		 out[BATCH];
	struct iovec		 out_iov[BATCH];
	union addr		 out_to[BATCH];
	struct mmsghdr		 in[BATCH];
	struct iovec		 in_iov[BATCH];
	union addr		 in_from[BATCH];
	bool			 names;		/* in[] asks for addresses */
	int			 nready;	/* events[] from the last wait, not read yet */
	bool			 partly;	/* that wait, or its reading, left something */
	unsigned		 nports;
	unsigned		 left;		/* of the ports there were at behind_us, not read yet */
	uint64_t		 behind_us;
	uint64_t		 all_us;	/* what came before is read */
	struct epoll_event	 events[EVENTS];
	uint8_t			 room[BATCH][IO_HEADROOM + IO_PACKET_MAX];
};

int
io_port_open(struct io_port **out, const union addr *local)
{
	struct io_port *port;
	int fd, on = 1, error;

	*out = NULL;
	fd = socket(local->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -errno;
	if (local->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	/*
	 * The default receive buffer (200 KB) is more than a second of G.711: not worth a system
	 * call.
	 */
	if (bind(fd, &local->sa, addr_len(local)) == -1) {
		error = errno;
		close(fd);
		return -error;
	}
	if ((port = mem_new(sizeof(*port))) == NULL) {
		close(fd);
		return -ENOMEM;
	}
	port->fd = fd;
	*out = port;
	return 0;
}

void
io_port_close(struct io_port **port)
{
	if (*port == NULL)
		return;
	if ((*port)->fd != -1)
		close((*port)->fd);
	mem_free(port);
}

int
io_port_connect(struct io_port *port, const union addr *far)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	if (far == NULL) {
		if (port->connected && connect(port->fd, &none, sizeof(none)) == -1)
			return -errno;
		port->connected = false;
		return 0;
	}
	if (connect(port->fd, &far->sa, addr_len(far)) == -1)
		return -errno;
	port->connected = true;
	return 0;
}

bool
io_port_connected(const struct io_port *port)
{
	return port->connected;
}

int
io_new(struct io **out, io_recv_cb *recv, void *ctx)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	struct io *io = mem_new(sizeof(*io));
	int error;

	*out = NULL;
	if (io == NULL)
		return -ENOMEM;
	io->all_us = clock_mono_us();
	io->recv = recv;
	io->ctx = ctx;
	io->ep = epoll_create1(EPOLL_CLOEXEC);
	io->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (io->ep == -1 || io->wake_fd == -1 ||
	    epoll_ctl(io->ep, EPOLL_CTL_ADD, io->wake_fd, &ev) == -1) {
		error = errno;
		io_free(&io);
		return -error;
	}
	for (size_t i = 0; i < BATCH; i++) {
		io->in_iov[i].iov_base = io->room[i] + IO_HEADROOM;
		io->in_iov[i].iov_len = IO_PACKET_MAX;
		io->in[i].msg_hdr.msg_iov = &io->in_iov[i];
		io->in[i].msg_hdr.msg_iovlen = 1;
		io->out[i].msg_hdr.msg_iov = &io->out_iov[i];
		io->out[i].msg_hdr.msg_iovlen = 1;
	}
	*out = io;
	return 0;
}

void
io_free(struct io **io)
{
	if (*io == NULL)
		return;
	if ((*io)->ep != -1)
		close((*io)->ep);
	if ((*io)->wake_fd != -1)
		close((*io)->wake_fd);
	mem_free(io);
}

int
io_attach(struct io *io, struct io_port *port, void *arg, unsigned tag)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.ptr = port };

	port->arg = arg;
	port->tag = (uint8_t)tag;
	if (epoll_ctl(io->ep, EPOLL_CTL_ADD, port->fd, &ev) == -1)
		return -errno;
	io->nports++;
	return 0;
}

/* It is ready no more, if it was. */
static void
forget(struct io *io, struct io_port *port)
{
	for (int i = 0; i < io->nready; i++) {
		if (io->events[i].data.ptr == port)
			io->events[i].data.ptr = NULL;
	}
	port->arg = NULL;
	io->nports--;
}

void
io_detach(struct io *io, struct io_port *port)
{
	io_flush(io);
	epoll_ctl(io->ep, EPOLL_CTL_DEL, port->fd, NULL);
	forget(io, port);
}

void
io_retire(struct io *io, struct io_port *port)
{
	io_flush(io);
	close(port->fd);	/* leaves the epoll set by that */
	port->fd = -1;
	forget(io, port);
}

/*
 * One packet, the usual case. A connected socket first tells of an ICMP error for an earlier
 * packet: once more, then.
 */
static void
send_one(struct io *io, struct io_port *port)
{
	const struct msghdr *m = &io->out[0].msg_hdr;
	ssize_t n;

	n = m->msg_name == NULL
	    ? send(port->fd, io->out_iov[0].iov_base, io->out_iov[0].iov_len, MSG_NOSIGNAL)
	    : sendmsg(port->fd, m, MSG_NOSIGNAL);
	if (n == -1 && (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH))
		n = sendmsg(port->fd, m, MSG_NOSIGNAL);
	if (n == -1)
		io->counts.unsent++;
	else
		io->counts.out++;
}

void
io_flush(struct io *io)
{
	unsigned done = 0;
	int n;

	if (io->nout == 1) {
		send_one(io, io->out_port);
		done = 1;
	}
	while (done < io->nout) {
		n = sendmmsg(io->out_port->fd, io->out + done, io->nout - done, MSG_NOSIGNAL);
		if (n > 0) {
			io->counts.out += (unsigned)n;
			done += (unsigned)n;
		} else {
			io->counts.unsent++;	/* that one is lost; the others are tried */
			done++;
		}
	}
	io->nout = 0;
	io->out_port = NULL;
}

void
io_send(struct io *io, struct io_port *port, const union addr *to, const uint8_t *p, size_t len)
{
	struct msghdr *m;

	if (io->nout == BATCH || (io->nout > 0 && io->out_port != port))
		io_flush(io);
	io->out_port = port;
	io->out_iov[io->nout].iov_base = (uint8_t *)(uintptr_t)p;
	io->out_iov[io->nout].iov_len = len;
	m = &io->out[io->nout].msg_hdr;
	if (to != NULL && !port->connected) {
		io->out_to[io->nout] = *to;
		m->msg_name = &io->out_to[io->nout];
		m->msg_namelen = addr_len(to);
	} else {
		m->msg_name = NULL;
		m->msg_namelen = 0;
	}
	io->nout++;
}

/* Whether the kernel is to say who a packet is from: a connected port knows. */
static void
want_names(struct io *io, bool names)
{
	if (!names && !io->names)	/* the usual case; the lengths are in and out */
		return;
	for (unsigned i = 0; i < BATCH; i++) {
		io->in[i].msg_hdr.msg_name = names ? &io->in_from[i] : NULL;
		io->in[i].msg_hdr.msg_namelen = names ? sizeof(io->in_from[i]) : 0;
	}
	io->names = names;
}

/* Reads a ready port until it is empty; ET tells of the next packet only then. */
static unsigned
drain(struct io *io, struct io_port *port, uint64_t now_us)
{
	struct io_packet packet;
	unsigned total = 0;
	int i, n;

	do {
		want_names(io, !port->connected);
		n = recvmmsg(port->fd, io->in, BATCH, MSG_DONTWAIT, NULL);
		if (n == -1) {
			if (errno == EAGAIN || errno == EINTR)
				break;
			n = 0;	/* an ICMP error of an earlier send: taken off by this call */
			if (++total > BATCH)
				break;
			continue;
		}
		for (i = 0; i < n; i++) {
			if (io->in[i].msg_hdr.msg_flags & MSG_TRUNC) {
				io->counts.oversize++;
				continue;
			}
			packet.p = io->room[i] + IO_HEADROOM;
			packet.len = io->in[i].msg_len;
			packet.from = io->in[i].msg_hdr.msg_name == NULL ? NULL : &io->in_from[i];
			io->recv(io->ctx, port->arg, port->tag, &packet, now_us);
		}
		io_flush(io);	/* what is sent lies in room[] */
		total += (unsigned)n;
		if (total >= PORT_TURN) {
			struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.ptr = port };

			/* tells again of what is left */
			epoll_ctl(io->ep, EPOLL_CTL_MOD, port->fd, &ev);
			io->partly = true;
			break;
		}
	} while (n == BATCH || n == 0);
	io->counts.in += total;
	return total;
}

/* Decides how long the next sleep is, by what came in the last window. */
static void
take_rate(struct io *io, uint64_t now_us)
{
	uint64_t passed = now_us - io->window_us, per_ms;

	if (passed < RATE_WINDOW_US)
		return;
	per_ms = (io->counts.in - io->window_in) * 1000 / passed;
	io->gather_us = per_ms < BUSY_PER_MS ? 0 : (unsigned)(GATHER_PACKETS * 1000 / per_ms);
	if (io->gather_us > GATHER_US)
		io->gather_us = GATHER_US;
	io->window_us = now_us;
	io->window_in = io->counts.in;
}

static void
gather(struct io *io, uint64_t until_us)
{
	uint64_t now_us = clock_mono_us(), wake_us = io->last_us + io->gather_us;
	struct timespec ts;

	if (until_us != 0 && until_us < wake_us)
		wake_us = until_us;
	if (wake_us <= now_us + 20)	/* a sleep would take longer than that */
		return;
	ts.tv_sec = (time_t)(wake_us / 1000000);
	ts.tv_nsec = (long)(wake_us % 1000000) * 1000;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static int
poll_ready(struct io *io, uint64_t until_us)
{
	struct timespec ts, *tp = NULL;
	uint64_t now_us, left_us = 0;
	int n;

	if (until_us != 0) {
		now_us = clock_mono_us();
		left_us = until_us > now_us ? until_us - now_us : 0;
		ts.tv_sec = (time_t)(left_us / 1000000);
		ts.tv_nsec = (long)(left_us % 1000000) * 1000;
		tp = &ts;
	}
	n = epoll_pwait2(io->ep, io->events, EVENTS, tp, NULL);
	if (n == -1 && errno == ENOSYS)		/* a kernel before 5.11 */
		n = epoll_wait(io->ep, io->events, EVENTS,
		    until_us == 0 ? -1 : (int)((left_us + 999) / 1000));
	return n;
}

uint64_t
io_wait(struct io *io, uint64_t until_us)
{
	uint64_t now_us, value;
	int i, n;

	io_flush(io);
	if (io->gather_us > 0)
		gather(io, until_us);
	n = poll_ready(io, until_us);
	now_us = clock_mono_us();
	io->nready = n > 0 ? n : 0;
	io->partly = n < 0 || n == EVENTS; /* < 0: EINTR, after a standstill say */
	/*
	 * Before the caller looks for what it was woken for: a wake-up after this is for the next
	 * wait.
	 */
	for (i = 0; i < io->nready; i++) {
		if (io->events[i].data.ptr == NULL &&
		    read(io->wake_fd, &value, sizeof(value)) == -1)
			break;
	}
	io->last_us = now_us;
	io->counts.wakes++;
	return now_us;
}

/*
 * With hundreds of streams each packet finds nothing of its own in the caches: what the next one
 * needs is fetched while the kernel works on this one.
 */
static void
look_ahead(const struct io *io, int i)
{
	const struct io_port *next = i < io->nready ? io->events[i].data.ptr : NULL;
	const char *arg = next == NULL ? NULL : next->arg;

	if (i + 1 < io->nready)
		__builtin_prefetch(io->events[i + 1].data.ptr);
	for (unsigned at = 0; arg != NULL && at < AHEAD; at += LINE)
		__builtin_prefetch(arg + at, 1);
}

/*
 * After a wait that could not tell of all, the kernel's list goes round: once as many ports have had
 * their turn as there are, all that came before it is read.
 */
static void
note_all(struct io *io, unsigned nread, uint64_t now_us)
{
	if (!io->partly) {
		io->all_us = now_us;
		io->left = 0;
	} else if (io->left > nread) {
		io->left -= nread;
	} else {
		if (io->left > 0)
			io->all_us = io->behind_us;
		io->behind_us = now_us;
		io->left = io->nports + 1;
	}
}

uint64_t
io_read(struct io *io, uint64_t now_us)
{
	unsigned nread = (unsigned)io->nready;

	for (int i = 0; i < io->nready; i++) {
		look_ahead(io, i + 1);
		if (io->events[i].data.ptr != NULL)
			drain(io, io->events[i].data.ptr, now_us);
	}
	io->nready = 0;
	note_all(io, nread, now_us);
	take_rate(io, now_us);
	return io->all_us;
}

void
io_wake(struct io *io)
{
	uint64_t one = 1;
	ssize_t n = write(io->wake_fd, &one, sizeof(one));

	(void)n;	/* EAGAIN: it is awake for sure */
}

const struct io_counts *
io_counts(const struct io *io)
{
	return &io->counts;
}
