/* SPDX-License-Identifier: ISC */
/* apid's requests about hold and recordings; see from_apid.h. Called by from_apid.c, in a turn. */
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/ipc/peer.h"
#include "featured/call/core.h"
#include "featured/from_apid.h"

#define FILE_MS 3000

static void
answer(struct ipc_peer *peer, uint32_t id, uint16_t status, const char *reason)
{
	if (status != 0)
		ipc_reply_error(peer, id, status, reason);
	else
		ipc_reply(peer, id, MSG_done, &(struct msg_done){});
}

static void
call_record(struct core *core, struct ipc_peer *peer, uint32_t id, const struct msg_call_record *m)
{
	static const enum core_record actions[] = { CORE_RECORD_START, CORE_RECORD_STOP,
		CORE_RECORD_PAUSE, CORE_RECORD_RESUME };
	const char *reason = "no such action";
	uint16_t status = 400;

	if (m->action >= 1 && m->action <= 4)
		status = core_call_record(core, m->call, actions[m->action - 1], &reason);
	answer(peer, id, status, reason);
}

/* mediad opens the file; its descriptor goes on to apid. */
struct wanted {
	struct ipc_peer *peer;
	uint32_t id;
};

static void
on_file(void *arg, const struct ipc_msg *reply)
{
	const struct msg_media_file *file = reply->body;
	const struct msg_error *error = reply->body;
	struct wanted *w = arg;

	if (reply->type == MSG_media_file && reply->fd != -1)
		ipc_reply_fd(w->peer, w->id, MSG_recording_file,
		    &(struct msg_recording_file){ .bytes = file->bytes }, reply->fd);
	else if (reply->type == MSG_error)
		ipc_reply_error(w->peer, w->id, error->status, error->reason);
	else
		ipc_reply_error(w->peer, w->id, 500, "mediad gave no file");
	ipc_unref(&w->peer);
	mem_free(&w);
}

static void
file_get(struct api_context *api, struct ipc_peer *peer, uint32_t id,
    const struct msg_recording_file_get *m)
{
	struct msg_media_file_get out = { .kind = MEDIA_RECORD_CALL };
	size_t len = strlen(m->path), end = strlen(".wav");
	struct wanted *w;

	if (len <= end || strcmp(m->path + len - end, ".wav") != 0) {
		ipc_reply_error(peer, id, 404, "no such file");
		return;
	}
	str_ncopy(out.path, sizeof(out.path), m->path, len - end);
	if ((w = mem_new(sizeof(*w))) == NULL) {
		ipc_reply_error(peer, id, 503, "out of memory");
		return;
	}
	w->peer = ipc_ref(peer);
	w->id = id;
	if (ipc_request(ipc_server_peer(api->server, IPC_MEDIAD), MSG_media_file_get, &out, FILE_MS,
	        on_file, w) == 0)
		return;
	ipc_reply_error(peer, id, 503, "mediad is away");
	ipc_unref(&w->peer);
	mem_free(&w);
}

bool
from_apid_record(struct api_context *api, struct ipc_peer *peer, const struct ipc_msg *msg)
{
	const struct msg_call_hold *hold = msg->body;
	const char *reason = "";
	uint16_t status;

	switch (msg->type) {
	case MSG_call_hold:
		status = core_call_hold(api->core, hold->call, hold->on != 0, &reason);
		answer(peer, msg->id, status, reason);
		return true;
	case MSG_call_record:
		call_record(api->core, peer, msg->id, msg->body);
		return true;
	case MSG_recording_file_get:
		file_get(api, peer, msg->id, msg->body);
		return true;
	default:
		return false;
	}
}
