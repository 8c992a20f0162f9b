/* SPDX-License-Identifier: ISC */
/* Requests that wait for their end. Each ends exactly once: reply, error, deadline, or the loss of its peer. */
#include <errno.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/ipc/peer_impl.h"

#define SWEEP_US 50000

static void
end_with_error(struct ipc_pending *p, uint16_t status, const char *reason)
{
	struct msg_error body = { .status = status };
	struct ipc_msg msg = { .type = MSG_error, .flags = IPC_REPLY | IPC_ERROR, .id = p->id, .body = &body, .fd = -1 };

	str_copy(body.reason, sizeof(body.reason), reason);
	p->cb(p->arg, &msg);
	free(p);
}

static int
on_sweep(sd_event_source *source, uint64_t usec, void *arg)
{
	struct ipc_peer *peer = ipc_ref(arg);
	struct ipc_pendings late = TAILQ_HEAD_INITIALIZER(late);
	struct ipc_pending *p, *next;
	uint64_t now = clock_mono_ms();

	(void)usec;
	for (p = TAILQ_FIRST(&peer->pending); p != NULL; p = next) {
		next = TAILQ_NEXT(p, next);
		if (p->deadline_ms <= now) {
			TAILQ_REMOVE(&peer->pending, p, next);
			TAILQ_INSERT_TAIL(&late, p, next);
		}
	}
	if (!TAILQ_EMPTY(&peer->pending)) {
		sd_event_source_set_time_relative(source, SWEEP_US);
		sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	while ((p = TAILQ_FIRST(&late)) != NULL) {
		TAILQ_REMOVE(&late, p, next);
		end_with_error(p, 504, "no reply before the deadline");
	}
	ipc_unref(&peer);
	return 0;
}

static int
arm_sweep(struct ipc_peer *peer)
{
	if (peer->sweep == NULL)
		return sd_event_add_time_relative(peer->event, &peer->sweep, CLOCK_MONOTONIC, SWEEP_US, 0, on_sweep, peer);
	sd_event_source_set_time_relative(peer->sweep, SWEEP_US);
	return sd_event_source_set_enabled(peer->sweep, SD_EVENT_ONESHOT);
}

int
ipc_request(struct ipc_peer *peer, uint16_t type, const void *body, unsigned deadline_ms, ipc_reply_cb *cb, void *arg)
{
	struct ipc_pending *p;
	int r;

	if (peer == NULL || peer->dead)
		return -ENOTCONN;
	if ((p = mem_new(sizeof(*p))) == NULL)
		return -ENOMEM;
	if (++peer->last_id == 0)
		peer->last_id = 1;
	p->id = peer->last_id;
	p->cb = cb;
	p->arg = arg;
	p->deadline_ms = clock_mono_ms() + deadline_ms;
	if ((r = ipc_post(peer, type, IPC_REQUEST, p->id, body, -1)) < 0) {
		free(p);
		return r;
	}
	if (TAILQ_EMPTY(&peer->pending) && (r = arm_sweep(peer)) < 0)
		log_error("cannot arm a deadline", kv_i("errno", -r));
	TAILQ_INSERT_TAIL(&peer->pending, p, next);
	return 0;
}

void
ipc_cancel(struct ipc_peer *peer, void *arg)
{
	struct ipc_pending *p, *next;

	if (peer == NULL)
		return;
	for (p = TAILQ_FIRST(&peer->pending); p != NULL; p = next) {
		next = TAILQ_NEXT(p, next);
		if (p->arg == arg) {
			TAILQ_REMOVE(&peer->pending, p, next);
			free(p);
		}
	}
}

bool
ipc_pending_end(struct ipc_peer *peer, const struct ipc_msg *reply)
{
	struct ipc_pending *p;

	TAILQ_FOREACH(p, &peer->pending, next)
		if (p->id == reply->id)
			break;
	if (p == NULL)
		return false;
	if (reply->flags & IPC_MORE) {
		p->cb(p->arg, reply);
		return true;
	}
	TAILQ_REMOVE(&peer->pending, p, next);
	p->cb(p->arg, reply);
	free(p);
	return true;
}

void
ipc_pending_fail_all(struct ipc_peer *peer, uint16_t status, const char *reason)
{
	struct ipc_pending *p;

	while ((p = TAILQ_FIRST(&peer->pending)) != NULL) {
		TAILQ_REMOVE(&peer->pending, p, next);
		end_with_error(p, status, reason);
	}
}
