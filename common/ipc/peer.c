/* SPDX-License-Identifier: ISC */
/*
 * One connection: receiving in batches, sending at the end of the turn, hello, and the rules that a peer must keep. endpoint.c makes
 * connections and hands them here; pending.c has the requests.
 */
#include "common/ipc/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/ipc/peer_impl.h"

/*
 * Those with something to send. What the messages of a turn make us say goes out right behind them (on_io); what comes from elsewhere, a timer
 * say, by the defer source, which costs a turn of the loop of its own.
 */
static TAILQ_HEAD(, ipc_peer) waiting = TAILQ_HEAD_INITIALIZER(waiting);

/* How many batches are read before other work of the loop gets its turn. */
#define BATCHES_A_TURN 4

union fd_control {
	struct cmsghdr	align;
	char		bytes[CMSG_SPACE(sizeof(int))];
};

/* One batch of packets; allocated per call of on_io() from the heap once and kept (main thread only). */
struct batch {
	uint8_t			data[IPC_BATCH][IPC_PACKET_MAX];
	union fd_control	control[IPC_BATCH];
	struct iovec		iov[IPC_BATCH];
	struct mmsghdr		msg[IPC_BATCH];
};

static void
wait_begin(struct ipc_peer *peer)
{
	if (peer->waiting)
		return;
	peer->waiting = true;
	TAILQ_INSERT_TAIL(&waiting, peer, wait);
	sd_event_source_set_enabled(peer->flush, SD_EVENT_ONESHOT);
}

static void
wait_end(struct ipc_peer *peer)
{
	if (!peer->waiting)
		return;
	peer->waiting = false;
	TAILQ_REMOVE(&waiting, peer, wait);
}

static void
packet_free(struct ipc_packet *packet)
{
	if (packet->fd != -1)
		close(packet->fd);
	free(packet);
}

struct ipc_peer *
ipc_ref(struct ipc_peer *peer)
{
	if (peer != NULL)
		peer->refs++;
	return peer;
}

void
ipc_unref(struct ipc_peer **pp)
{
	struct ipc_peer *peer = *pp;
	struct ipc_packet *packet;

	*pp = NULL;
	if (peer == NULL || --peer->refs > 0)
		return;
	wait_end(peer);
	while ((packet = STAILQ_FIRST(&peer->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&peer->queue, next);
		packet_free(packet);
	}
	sd_event_source_disable_unref(peer->io);
	sd_event_source_disable_unref(peer->flush);
	sd_event_source_disable_unref(peer->late);
	sd_event_source_disable_unref(peer->sweep);
	if (peer->fd != -1)
		close(peer->fd);
	free(peer);
}

uint8_t
ipc_peer_role(const struct ipc_peer *peer)
{
	return peer->role;
}

uint64_t
ipc_peer_epoch(const struct ipc_peer *peer)
{
	return peer->epoch;
}

uint16_t
ipc_peer_minor(const struct ipc_peer *peer)
{
	return peer->minor;
}

pid_t
ipc_peer_pid(const struct ipc_peer *peer)
{
	return peer->pid;
}

uid_t
ipc_peer_uid(const struct ipc_peer *peer)
{
	return peer->uid;
}

bool
ipc_congested(const struct ipc_peer *peer)
{
	return peer == NULL || peer->dead || peer->queued > IPC_SOFT_MARK;
}

size_t
ipc_queued(const struct ipc_peer *peer)
{
	return peer != NULL ? peer->queued : 0;
}

bool
ipc_due(const struct ipc_peer *peer)
{
	return peer != NULL && peer->waiting;
}

void
ipc_drop(struct ipc_peer *peer, const char *why)
{
	if (peer->dead)
		return;
	peer->dead = true;
	str_copy(peer->why, sizeof(peer->why), why);
	sd_event_source_set_enabled(peer->io, SD_EVENT_OFF);
	/* The rest happens in on_flush(), outside whatever called us. */
	sd_event_source_set_enabled(peer->flush, SD_EVENT_ONESHOT);
}

static void
finish(struct ipc_peer *peer)
{
	struct ipc_peer *self = ipc_ref(peer);

	ipc_pending_fail_all(peer, 503, "the connection was lost");
	close(peer->fd);
	peer->fd = -1;
	if (peer->told_up && peer->handler.down != NULL)
		peer->handler.down(peer->handler.arg, peer, peer->why);
	else if (!peer->told_up && peer->self == IPC_FEATURED)
		log_warning("connection ended before it was one", kv_u("uid", peer->uid), kv_i("pid", peer->pid),
		    kv_s("why", peer->why));
	peer->gone(peer->owner, peer);
	ipc_unref(&self);
}

static void
set_blocked(struct ipc_peer *peer, bool blocked)
{
	if (peer->blocked == blocked)
		return;
	peer->blocked = blocked;
	sd_event_source_set_io_events(peer->io, EPOLLIN | (blocked ? EPOLLOUT : 0));
}

/* Fills msgs from the queue without taking anything out of it. Returns how many. */
static unsigned
gather(struct ipc_peer *peer, struct mmsghdr *msgs, struct iovec *iov, union fd_control *control)
{
	struct ipc_packet *packet;
	struct cmsghdr *c;
	unsigned n = 0;

	STAILQ_FOREACH(packet, &peer->queue, next) {
		if (n == IPC_BATCH)
			break;
		iov[n] = (struct iovec){ .iov_base = packet->data, .iov_len = packet->len };
		msgs[n].msg_hdr = (struct msghdr){ .msg_iov = &iov[n], .msg_iovlen = 1 };
		if (packet->fd != -1) {
			msgs[n].msg_hdr.msg_control = control[n].bytes;
			msgs[n].msg_hdr.msg_controllen = sizeof(control[n].bytes);
			c = CMSG_FIRSTHDR(&msgs[n].msg_hdr);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(c), &packet->fd, sizeof(int));
		}
		n++;
	}
	return n;
}

void
ipc_flush(struct ipc_peer *peer)
{
	struct mmsghdr msgs[IPC_BATCH];
	struct iovec iov[IPC_BATCH];
	union fd_control control[IPC_BATCH];
	struct ipc_packet *packet;
	unsigned n;
	int sent;

	while (peer != NULL && !peer->dead && (n = gather(peer, msgs, iov, control)) > 0) {
		sent = sendmmsg(peer->fd, msgs, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
			set_blocked(peer, true);
			wait_end(peer);
			return;
		}
		if (sent < 0) {
			ipc_drop(peer, strerror(errno));
			return;
		}
		for (int i = 0; i < sent; i++) {
			packet = STAILQ_FIRST(&peer->queue);
			STAILQ_REMOVE_HEAD(&peer->queue, next);
			peer->queued--;
			packet_free(packet);
		}
	}
	if (peer != NULL && !peer->dead) {
		set_blocked(peer, false);
		wait_end(peer);
		/* Whoever flushes by hand spares the loop its turn for it. */
		sd_event_source_set_enabled(peer->flush, SD_EVENT_OFF);
	}
}

static int
on_flush(sd_event_source *source, void *arg)
{
	struct ipc_peer *peer = arg;

	(void)source;
	wait_end(peer);
	if (peer->dead)
		finish(peer);
	else if (!peer->blocked)
		ipc_flush(peer);
	return 0;
}

static int
on_late(sd_event_source *source, uint64_t usec, void *arg)
{
	struct ipc_peer *peer = arg;

	(void)source;
	(void)usec;
	if (!peer->blocked)
		ipc_flush(peer);
	return 0;
}

static int
enqueue(struct ipc_peer *peer, uint16_t type, uint8_t flags, uint32_t id, const void *body, int fd)
{
	uint8_t wire[IPC_PACKET_MAX];
	struct ipc_packet *packet;
	int len;

	if (peer == NULL || peer->dead || peer->fd == -1)
		return -ENOTCONN;
	if ((len = ipc_encode(wire, sizeof(wire), type, flags, id, body, peer->minor)) < 0) {
		if (len != -EPROTONOSUPPORT)
			log_error("message does not fit its schema", kv_u("type", type));
		return len;
	}
	if (peer->queued >= IPC_HARD_MARK) {
		ipc_drop(peer, "it does not read: the queue is full");
		return -ENOBUFS;
	}
	if ((packet = mem_new(sizeof(*packet) + (size_t)len)) == NULL)
		return -ENOMEM;
	memcpy(packet->data, wire, (size_t)len);
	packet->len = (size_t)len;
	packet->fd = fd;
	STAILQ_INSERT_TAIL(&peer->queue, packet, next);
	peer->queued++;
	return 0;
}

int
ipc_post(struct ipc_peer *peer, uint16_t type, uint8_t flags, uint32_t id, const void *body, int fd)
{
	int r = enqueue(peer, type, flags, id, body, fd);

	if (r == 0)
		wait_begin(peer);
	return r;
}

int
ipc_send_lazily(struct ipc_peer *peer, uint16_t type, const void *body)
{
	int armed, r = enqueue(peer, type, 0, 0, body, -1);

	if (r != 0 || peer->waiting)
		return r;
	if (sd_event_source_get_enabled(peer->late, &armed) < 0 || armed == SD_EVENT_OFF) {
		sd_event_source_set_time_relative(peer->late, IPC_LAZY_US);
		sd_event_source_set_enabled(peer->late, SD_EVENT_ONESHOT);
	}
	return 0;
}

int
ipc_send(struct ipc_peer *peer, uint16_t type, const void *body)
{
	return ipc_post(peer, type, 0, 0, body, -1);
}

static int
post_fd(struct ipc_peer *peer, uint16_t type, uint8_t flags, uint32_t id, const void *body, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), r;

	if (copy < 0)
		return -errno;
	if ((r = ipc_post(peer, type, flags, id, body, copy)) < 0)
		close(copy);
	return r;
}

int
ipc_send_fd(struct ipc_peer *peer, uint16_t type, const void *body, int fd)
{
	return post_fd(peer, type, 0, 0, body, fd);
}

int
ipc_reply_fd(struct ipc_peer *peer, uint32_t id, uint16_t type, const void *body, int fd)
{
	return post_fd(peer, type, IPC_REPLY, id, body, fd);
}

int
ipc_reply(struct ipc_peer *peer, uint32_t id, uint16_t type, const void *body)
{
	return ipc_post(peer, type, IPC_REPLY, id, body, -1);
}

int
ipc_reply_item(struct ipc_peer *peer, uint32_t id, uint16_t type, const void *body)
{
	return ipc_post(peer, type, IPC_REPLY | IPC_MORE, id, body, -1);
}

int
ipc_reply_error(struct ipc_peer *peer, uint32_t id, uint16_t status, const char *reason)
{
	struct msg_error body = { .status = status };

	str_copy(body.reason, sizeof(body.reason), reason);
	return ipc_post(peer, MSG_error, IPC_REPLY | IPC_ERROR, id, &body, -1);
}

void
ipc_peer_hello(struct ipc_peer *peer)
{
	struct msg_hello body = { .major = IPC_MAJOR, .minor = IPC_MINOR, .role = peer->self };
	static uint64_t epoch;

	if (epoch == 0)
		epoch = clock_real_ms();
	body.epoch = epoch;
	ipc_post(peer, MSG_hello, 0, 0, &body, -1);
}

static void
got_hello(struct ipc_peer *peer, const struct msg_hello *hello)
{
	const uint16_t ours = IPC_MINOR;

	if (hello->major != IPC_MAJOR) {
		ipc_drop(peer, "it speaks another major version");
		return;
	}
	if ((hello->role & peer->allowed) == 0 || (hello->role & (hello->role - 1)) != 0 || peer->said_hello) {
		ipc_drop(peer, "it may not have that role");
		return;
	}
	peer->said_hello = true;
	peer->role = hello->role;
	peer->minor = hello->minor;
	if (peer->minor > ours)
		peer->minor = ours;
	peer->epoch = hello->epoch;
	peer->hello(peer->owner, peer);
	if (peer->dead)
		return;
	peer->told_up = true;
	if (peer->handler.up != NULL)
		peer->handler.up(peer->handler.arg, peer);
}

static void
got_message(struct ipc_peer *peer, struct ipc_msg *msg)
{
	const struct ipc_def *def = ipc_def(msg->type);

	if (msg->type == MSG_hello) {
		got_hello(peer, msg->body);
		return;
	}
	if (!peer->said_hello) {
		ipc_drop(peer, "it did not say hello first");
		return;
	}
	if ((def->from & peer->role) == 0 || (def->to & peer->self) == 0) {
		log_error("a peer may not say this", kv_s("role", ipc_role_name(peer->role)), kv_s("message", def->name));
		ipc_drop(peer, "it said what it may not");
		return;
	}
	if (msg->flags & IPC_REPLY)
		ipc_pending_end(peer, msg);
	else if (peer->handler.message != NULL)
		peer->handler.message(peer->handler.arg, peer, msg);
}

/*
 * The descriptor that came along, or -1. The control buffer's padding has room for a second one, which no peer of ours sends: *extra is
 * true, and it is closed.
 */
static int
packet_fd(struct msghdr *hdr, bool *extra)
{
	int fd = -1, got;

	*extra = false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c != NULL; c = CMSG_NXTHDR(hdr, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
			memcpy(&got, (uint8_t *)c + at, sizeof(int));
			if (fd == -1) {
				fd = got;
			} else {
				*extra = true;
				close(got);
			}
		}
	}
	return fd;
}

static void
got_packet(struct ipc_peer *peer, struct mmsghdr *m, const uint8_t *data)
{
	/* A reply's views point into data and the struct is on this stack: both live until the handler returns. */
	union ipc_any store;
	struct ipc_msg msg;
	bool extra;
	int fd = packet_fd(&m->msg_hdr, &extra);

	if (peer->dead) {
		if (fd != -1)
			close(fd);
		return;
	}
	if (m->msg_len == 0) {
		ipc_drop(peer, "it closed the connection");
	} else if (extra || (m->msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    ipc_decode(&msg, &store, data, m->msg_len, peer->said_hello ? peer->minor : IPC_MINOR) != 0) {
		log_error("a peer sent a malformed message", kv_s("role", ipc_role_name(peer->role)),
		    kv_u("length", m->msg_len));
		ipc_drop(peer, "it sent a malformed message");
	} else {
		msg.fd = fd;
		got_message(peer, &msg);
		fd = msg.fd;
	}
	if (fd != -1)
		close(fd);
}

/* Returns how many packets came; 0 when there are none for now or the peer is lost. */
static int
read_batch(struct ipc_peer *peer, struct batch *b)
{
	int n;

	for (unsigned i = 0; i < IPC_BATCH; i++) {
		b->iov[i] = (struct iovec){ .iov_base = b->data[i], .iov_len = IPC_PACKET_MAX };
		b->msg[i].msg_hdr = (struct msghdr){ .msg_iov = &b->iov[i], .msg_iovlen = 1,
			.msg_control = b->control[i].bytes, .msg_controllen = sizeof(b->control[i].bytes) };
	}
	n = recvmmsg(peer->fd, b->msg, IPC_BATCH, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			ipc_drop(peer, strerror(errno));
		return 0;
	}
	for (int i = 0; i < n; i++)
		got_packet(peer, &b->msg[i], b->data[i]);
	return peer->dead ? 0 : n;
}

/* What the messages just read made us say, to whomever. */
static void
flush_waiting(void)
{
	struct ipc_peer *peer, *next;

	for (peer = TAILQ_FIRST(&waiting); peer != NULL; peer = next) {
		next = TAILQ_NEXT(peer, wait);
		if (!peer->dead && !peer->blocked)
			ipc_flush(peer);
		wait_end(peer);
	}
}

static int
on_io(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	static struct batch *batch;	/* 330 kB, shared by all connections: handlers never come back here */
	struct ipc_peer *peer = ipc_ref(arg);

	(void)source;
	(void)fd;
	if (batch == NULL)
		batch = mem_must(sizeof(*batch));
	if (revents & EPOLLOUT)
		ipc_flush(peer);
	if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
		for (int i = 0; i < BATCHES_A_TURN && !peer->dead && read_batch(peer, batch) == IPC_BATCH; i++)
			continue;
	flush_waiting();
	ipc_unref(&peer);
	return 0;
}

struct ipc_peer *
ipc_peer_new(sd_event *event, int fd, uint8_t self, uint8_t allowed, const struct ipc_handler *handler)
{
	struct ipc_peer *peer = mem_new(sizeof(*peer));
	int size = 1 << 20;

	if (peer == NULL) {
		close(fd);
		return NULL;
	}
	peer->refs = 1;
	peer->fd = fd;
	peer->self = self;
	peer->allowed = allowed;
	peer->handler = *handler;
	peer->event = event;
	peer->minor = IPC_MINOR;
	STAILQ_INIT(&peer->queue);
	TAILQ_INIT(&peer->pending);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (sd_event_add_io(event, &peer->io, fd, EPOLLIN, on_io, peer) < 0 ||
	    sd_event_add_defer(event, &peer->flush, on_flush, peer) < 0 ||
	    sd_event_source_set_priority(peer->flush, SD_EVENT_PRIORITY_NORMAL + 10) < 0 ||
	    sd_event_source_set_enabled(peer->flush, SD_EVENT_OFF) < 0 ||
	    sd_event_add_time_relative(event, &peer->late, CLOCK_MONOTONIC, IPC_LAZY_US, IPC_LAZY_US / 2, on_late, peer) < 0 ||
	    sd_event_source_set_enabled(peer->late, SD_EVENT_OFF) < 0) {
		ipc_unref(&peer);
		return NULL;
	}
	return peer;
}
