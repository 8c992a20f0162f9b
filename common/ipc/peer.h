/* SPDX-License-Identifier: ISC */
/*
 * Connections between daemons: AF_UNIX SOCK_SEQPACKET, hello, permissions, requests with deadlines, bounded queues, reconnection for ever.
 *
 * featured listens (ipc_listen), the others connect (ipc_connect). What is sent while messages are read goes out right behind them, what is sent
 * elsewhere at the end of the loop's turn (sd_event defer source), in one system call each; ipc_flush() sends at once. A peer that breaks a rule (unknown number, wrong
 * direction, bad body, hello missing) loses its connection with a log line, never the daemon its life.
 *
 * Main thread only.
 */
#ifndef WARDEN_IPC_PEER_H
#define WARDEN_IPC_PEER_H

#include <systemd/sd-event.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/ipc/msg.h"

struct ipc_peer;	/* one connection */
struct ipc_server;
struct ipc_client;

struct ipc_handler {
	/* hello went both ways: the peer may be spoken to. */
	void	(*up)(void *arg, struct ipc_peer *peer);
	/* The connection is gone; its requests have been ended with error 503 just before. The peer is freed afterwards. */
	void	(*down)(void *arg, struct ipc_peer *peer, const char *why);
	/* A statement or a request of the peer. (Replies to our requests go to their callbacks.) */
	void	(*message)(void *arg, struct ipc_peer *peer, const struct ipc_msg *msg);
	void	*arg;
};

/* uid may be role (a set). The list ends with roles 0. */
struct ipc_identity {
	uid_t	uid;
	uint8_t	roles;
};

/*
 * Listens on path (an old socket there is replaced; mode 0660), or on the socket fd if it is not -1. Only peers of the identities are
 * let in, each only in its roles; a second connection of a role replaces the first. self: our role. Returns 0 or -errno.
 */
int ipc_listen(struct ipc_server **out, sd_event *event, uint8_t self, const char *path, int fd,
    const struct ipc_identity *identities, const struct ipc_handler *handler);
void ipc_server_free(struct ipc_server **server);
/* The connected peer of that role after its hello, or NULL. */
struct ipc_peer *ipc_server_peer(const struct ipc_server *server, uint8_t role);

/* Connects, and again whenever the connection is lost, for ever. Returns 0 or -errno (out of memory). */
int ipc_connect(struct ipc_client **out, sd_event *event, uint8_t self, const char *path,
    const struct ipc_handler *handler);
void ipc_client_free(struct ipc_client **client);
struct ipc_peer *ipc_client_peer(const struct ipc_client *client);	/* NULL while not connected */

uint8_t ipc_peer_role(const struct ipc_peer *peer);
/* The minor version that both speak: a message newer than that is not for this peer. */
uint16_t ipc_peer_minor(const struct ipc_peer *peer);
uint64_t ipc_peer_epoch(const struct ipc_peer *peer);	/* from its hello */
pid_t ipc_peer_pid(const struct ipc_peer *peer);
uid_t ipc_peer_uid(const struct ipc_peer *peer);

/*
 * Sends a statement. body is encoded now, nothing of it is kept. A NULL peer is allowed (-ENOTCONN). Returns 0; -EMSGSIZE (does not fit the schema);
 * -EPROTONOSUPPORT (the peer is of an older version that does not know it); -ENOBUFS: the hard mark was reached, the connection will be dropped.
 */
int ipc_send(struct ipc_peer *peer, uint16_t type, const void *body);
/*
 * The same for what nobody waits for: it goes out with the next message to this peer, or after IPC_LAZY_US alone. Waking a daemon costs more than
 * all that it does with such a message.
 */
#define IPC_LAZY_US 100000
int ipc_send_lazily(struct ipc_peer *peer, uint16_t type, const void *body);
/* The same with a file descriptor, which is duplicated. */
int ipc_send_fd(struct ipc_peer *peer, uint16_t type, const void *body, int fd);

/*
 * Sends a request. cb gets each item (flag more) and then exactly one end: a reply without more, or msg_error (status 504 deadline, 503
 * connection lost). If this returns an error, cb is never called.
 */
typedef void ipc_reply_cb(void *arg, const struct ipc_msg *reply);
int ipc_request(struct ipc_peer *peer, uint16_t type, const void *body, unsigned deadline_ms, ipc_reply_cb *cb, void *arg);
/* Forgets the requests with this arg: their callbacks will not be called. */
void ipc_cancel(struct ipc_peer *peer, void *arg);

/*
 * Answers a request; more: an item. To answer later keep peer's reference (ipc_ref) and the request's id: a struct ipc_later.
 */
int ipc_reply(struct ipc_peer *peer, uint32_t id, uint16_t type, const void *body);
/* The same with a file descriptor, which is duplicated. */
int ipc_reply_fd(struct ipc_peer *peer, uint32_t id, uint16_t type, const void *body, int fd);
int ipc_reply_item(struct ipc_peer *peer, uint32_t id, uint16_t type, const void *body);
int ipc_reply_error(struct ipc_peer *peer, uint32_t id, uint16_t status, const char *reason);

/* For answers that come later: holds the peer's memory (sends to a lost one return -ENOTCONN). */
struct ipc_peer *ipc_ref(struct ipc_peer *peer);
void ipc_unref(struct ipc_peer **peer);

/* More than the soft mark is queued for the peer: the source of work should shed load (503). NULL: true. */
bool ipc_congested(const struct ipc_peer *peer);
size_t ipc_queued(const struct ipc_peer *peer);
bool ipc_due(const struct ipc_peer *peer);	/* something is queued that does not wait */

/* Writes what is queued, as far as the socket takes it. */
void ipc_flush(struct ipc_peer *peer);

/* Closes the connection; a client connects again. */
void ipc_drop(struct ipc_peer *peer, const char *why);

#endif
