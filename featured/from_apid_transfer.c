/* SPDX-License-Identifier: ISC */
/* apid's requests about transfer and parking; see from_apid.h. Called by from_apid.c, in a turn. */
#include "common/ipc/peer.h"
#include "featured/call/core.h"
#include "featured/from_apid.h"

struct listing {
	struct ipc_peer *peer;
	uint32_t id;
	uint32_t items;
};

static void
on_parked(void *arg, const struct msg_parked_item *m)
{
	struct listing *l = arg;

	ipc_reply_item(l->peer, l->id, MSG_parked_item, m);
	l->items++;
}

static void
parked_get(const struct core *core, struct ipc_peer *peer, uint32_t id)
{
	struct listing l = { .peer = peer, .id = id };

	core_parked(core, on_parked, &l);
	ipc_reply(peer, id, MSG_list_end, &(struct msg_list_end){ .count = l.items });
}

static void
call_transfer(struct core *core, struct ipc_peer *peer, uint32_t id,
    const struct msg_call_transfer *m)
{
	const char *reason = "";
	uint16_t status = core_call_transfer(core, m->call, m->destination, &reason);

	if (status != 0)
		ipc_reply_error(peer, id, status, reason);
	else
		ipc_reply(peer, id, MSG_done, &(struct msg_done){});
}

static void
call_park(struct core *core, struct ipc_peer *peer, uint32_t id, const struct msg_call_park *m)
{
	struct msg_call_parked parked = { 0 };
	const char *reason = "";
	uint16_t status = core_call_park(core, m->call, m->from, &parked.park_number, &reason);

	if (status != 0)
		ipc_reply_error(peer, id, status, reason);
	else
		ipc_reply(peer, id, MSG_call_parked, &parked);
}

bool
from_apid_transfer(struct api_context *api, struct ipc_peer *peer, const struct ipc_msg *msg)
{
	switch (msg->type) {
	case MSG_call_transfer:
		call_transfer(api->core, peer, msg->id, msg->body);
		return true;
	case MSG_call_park:
		call_park(api->core, peer, msg->id, msg->body);
		return true;
	case MSG_parked_get:
		parked_get(api->core, peer, msg->id);
		return true;
	default:
		return false;
	}
}
