/* SPDX-License-Identifier: ISC */
/* What peer.c, pending.c and endpoint.c share about a connection. Nobody else includes this. */
#ifndef WARDEN_IPC_PEER_IMPL_H
#define WARDEN_IPC_PEER_IMPL_H

#include <sys/queue.h>

#include "common/base/log.h"
#include "common/ipc/peer.h"

#define IPC_SOFT_MARK 2000
#define IPC_HARD_MARK 40000
#define IPC_BATCH 16

struct ipc_packet {
	STAILQ_ENTRY(ipc_packet) next;
	int	fd;		/* to pass along, ours; or -1 */
	size_t	len;
	uint8_t	data[];
};
STAILQ_HEAD(ipc_packets, ipc_packet);

struct ipc_pending {
	TAILQ_ENTRY(ipc_pending) next;
	uint32_t	 id;
	uint64_t	 deadline_ms;	/* monotonic */
	ipc_reply_cb	*cb;
	void		*arg;
};
TAILQ_HEAD(ipc_pendings, ipc_pending);

struct ipc_peer {
	unsigned		 refs;
	int			 fd;
	bool			 dead;		/* lost: told by down() at the end of the turn */
	bool			 said_hello;	/* the other side did */
	bool			 told_up;
	uint8_t			 self;		/* our role */
	uint8_t			 role;		/* its role, 0 before hello */
	uint8_t			 allowed;	/* roles it may have */
	uint16_t		 minor;
	uint64_t		 epoch;
	pid_t			 pid;
	uid_t			 uid;
	char			 why[96];
	struct ipc_handler	 handler;
	void			(*gone)(void *owner, struct ipc_peer *);	/* endpoint: forget it (and reconnect) */
	void			 (*hello)(void *owner, struct ipc_peer *);	/* endpoint: it said who it is */
	void			*owner;
	sd_event		*event;
	sd_event_source		*io;
	sd_event_source		*flush;		/* at the end of the turn */
	sd_event_source		*late;		/* what was sent lazily goes out then at the latest */
	struct ipc_packets	 queue;
	size_t			 queued;
	bool			 waiting;	/* in the list of those with something to send */
	TAILQ_ENTRY(ipc_peer)	 wait;
	bool			 blocked;	/* waiting for EPOLLOUT */
	uint32_t		 last_id;
	struct ipc_pendings	 pending;
	sd_event_source		*sweep;		/* looks for deadlines while something is pending */
	struct log_bucket	 bucket;
};

/* Takes fd. Returns NULL when out of memory (fd is closed then). */
struct ipc_peer *ipc_peer_new(sd_event *event, int fd, uint8_t self, uint8_t allowed, const struct ipc_handler *handler);
void ipc_peer_hello(struct ipc_peer *peer);	/* says ours */

int ipc_post(struct ipc_peer *peer, uint16_t type, uint8_t flags, uint32_t id, const void *body, int fd);

/* pending.c: a reply for a request of ours. False: nobody waits for it (its deadline passed). */
bool ipc_pending_end(struct ipc_peer *peer, const struct ipc_msg *reply);
void ipc_pending_fail_all(struct ipc_peer *peer, uint16_t status, const char *reason);

#endif
