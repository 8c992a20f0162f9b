/* SPDX-License-Identifier: ISC */
/*
 * What apid asks about voicemail: a mailbox's messages, marking, moving, deleting, and the sound of
 * one, whose descriptor comes from mediad and is passed on.
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/call/voicefile.h"
#include "featured/from_apid.h"
#include "featured/reg/mailbox.h"
#include "featured/route/dialplan.h"

#define FILE_DEADLINE_MS 3000

struct file_ask {
	struct api_context *api;
	struct ipc_peer *apid;
	uint32_t id;
};

static void
fill(const struct mailbox_item *i, struct msg_voicemail_item *m)
{
	*m = (struct msg_voicemail_item){ .heard = i->heard || i->folder != MAILBOX_NEW,
		.urgent = i->urgent,
		.received_ms = i->received_ms,
		.duration_ms = i->duration_ms,
		.bytes = i->bytes };
	memcpy(m->message, i->id.b, UUID_LEN);
	memcpy(m->call, i->call.b, UUID_LEN);
	str_copy(m->mailbox, sizeof(m->mailbox), i->box);
	str_copy(m->folder, sizeof(m->folder), mailbox_folder_name(i->folder));
	str_copy(m->caller, sizeof(m->caller), i->from);
	str_copy(m->caller_name, sizeof(m->caller_name), i->from_name);
}

static void
list(const struct api_context *api, struct ipc_peer *peer, uint32_t id, const char *box)
{
	struct msg_list_end end = { 0 };
	struct msg_voicemail_item m;
	const struct mailbox_item *item;

	if (!dialplan_has_mailbox(api->settings, settings_extension(api->settings, box))) {
		ipc_reply_error(peer, id, 404, "no such mailbox");
		return;
	}
	for (int f = 0; f < MAILBOX_FOLDERS; f++) {
		for (size_t i = 0; (item = mailbox_nth(api->mailbox, box, f, i)) != NULL; i++) {
			if (item->state != MAILBOX_KEPT)
				continue;
			fill(item, &m);
			ipc_reply_item(peer, id, MSG_voicemail_item, &m);
			end.count++;
		}
	}
	ipc_reply(peer, id, MSG_list_end, &end);
}

/* The message, or NULL and 404 is answered. */
static struct mailbox_item *
message_of(const struct api_context *api, struct ipc_peer *peer, uint32_t id, const uint8_t *uuid)
{
	struct mailbox_item *item;
	struct uuid u;

	memcpy(u.b, uuid, UUID_LEN);
	item = mailbox_find(api->mailbox, &u);
	if (item != NULL && item->kind == MAILBOX_MESSAGE && item->state == MAILBOX_KEPT)
		return item;
	ipc_reply_error(peer, id, 404, "no such message");
	return NULL;
}

static void
set(const struct api_context *api, struct ipc_peer *peer, uint32_t id,
    const struct msg_voicemail_set *m)
{
	struct mailbox_item *item = message_of(api, peer, id, m->message);
	int folder = mailbox_folder_by_name(m->folder);
	struct msg_voicemail_item out;

	if (item == NULL)
		return;
	if ((m->what & 2) != 0 && folder < 0) {
		ipc_reply_error(peer, id, 400, "no such folder");
		return;
	}
	if ((m->what & 2) != 0) {
		item->folder = (uint8_t)folder;
		item->heard = 0;
	}
	if ((m->what & 1) != 0) {
		if (!m->heard)
			item->folder = MAILBOX_NEW;
		else if (item->folder == MAILBOX_NEW)
			item->folder = MAILBOX_OLD;
		item->heard = 0;
	}
	mailbox_changed(api->mailbox, item, clock_real_ms());
	fill(item, &out);
	ipc_reply(peer, id, MSG_voicemail_item, &out);
}

static void
on_file(void *arg, const struct ipc_msg *reply)
{
	struct file_ask *a = arg;
	const struct msg_media_file *file = reply->body;
	struct msg_voicemail_file m;

	/* Another apid than the one that asked knows nothing of it. */
	if (ipc_server_peer(a->api->server, IPC_APID) == a->apid) {
		if (reply->type != MSG_media_file) {
			const struct msg_error *e = reply->body;

			ipc_reply_error(a->apid, a->id, e->status == 404 ? 404 : 503, e->reason);
		} else {
			m.bytes = file->bytes;
			ipc_reply_fd(a->apid, a->id, MSG_voicemail_file, &m, reply->fd);
		}
	}
	mem_free(&a);
}

static void
file_get(struct api_context *api, struct ipc_peer *peer, uint32_t id, const uint8_t *uuid)
{
	const struct mailbox_item *item = message_of(api, peer, id, uuid);
	struct ipc_peer *mediad = ipc_server_peer(api->server, IPC_MEDIAD);
	struct msg_media_file_get m = { .kind = MEDIA_RECORD_VOICEMAIL };
	struct file_ask *a;
	char path[128];

	if (item == NULL)
		return;
	if (mediad == NULL || (a = mem_new(sizeof(*a))) == NULL) {
		ipc_reply_error(peer, id, 503, "mediad is away");
		return;
	}
	*a = (struct file_ask){ .api = api, .apid = peer, .id = id };
	voicefile_path(item->file_box, &item->file, path);
	str_copy(m.path, sizeof(m.path), path);
	if (ipc_request(mediad, MSG_media_file_get, &m, FILE_DEADLINE_MS, on_file, a) != 0) {
		mem_free(&a);
		ipc_reply_error(peer, id, 503, "mediad is away");
	}
}

bool
from_apid_voicemail(struct api_context *api, struct ipc_peer *peer, const struct ipc_msg *msg)
{
	const struct msg_voicemail_get *get = msg->body;
	const struct msg_voicemail_delete *del = msg->body;
	const struct msg_voicemail_file_get *file = msg->body;
	struct mailbox_item *item;

	switch (msg->type) {
	case MSG_voicemail_get:
		list(api, peer, msg->id, get->mailbox);
		return true;
	case MSG_voicemail_set:
		set(api, peer, msg->id, msg->body);
		return true;
	case MSG_voicemail_delete:
		if ((item = message_of(api, peer, msg->id, del->message)) == NULL)
			return true;
		mailbox_gone(api->mailbox, item, clock_real_ms());
		ipc_reply(peer, msg->id, MSG_done, &(struct msg_done){});
		return true;
	case MSG_voicemail_file_get:
		file_get(api, peer, msg->id, file->message);
		return true;
	}
	return false;
}
