/* SPDX-License-Identifier: ISC */
/* Presence over the API: messages of apid, each answered at once. See watch.h. */
#include <string.h>

#include "common/base/str.h"
#include "featured/watch_impl.h"

static void
item(struct watch *w, const struct extension *x, uint64_t now_ms, struct msg_presence_item *m)
{
	struct presence_view v = { 0 };

	presence_get(w->presence, x->number, now_ms, &v);
	*m = (struct msg_presence_item){ .status = v.status,
		.in_call = v.in_call,
		.last_activity_ms = v.last_activity_ms };
	str_copy(m->extension, sizeof(m->extension), x->number);
	str_copy(m->name, sizeof(m->name), x->name);
	str_copy(m->message, sizeof(m->message), v.message);
}

static void
get(struct watch *w, struct ipc_peer *peer, uint32_t id, const struct msg_presence_get *m,
    uint64_t now_ms)
{
	const struct settings *s = w->settings;
	const struct extension *one = settings_extension(s, m->extension);
	struct msg_list_end end = { 0 };
	struct msg_presence_item out;

	if (m->extension[0] != '\0' && one == NULL) {
		ipc_reply_error(peer, id, 404, "no such extension");
		return;
	}
	for (size_t i = 0; i < s->extensions.n; i++) {
		if (one != NULL && settings_extension_at(s, i) != one)
			continue;
		item(w, settings_extension_at(s, i), now_ms, &out);
		ipc_reply_item(peer, id, MSG_presence_item, &out);
		end.count++;
	}
	ipc_reply(peer, id, MSG_list_end, &end);
}

bool
watch_apid(struct watch *w, struct ipc_peer *peer, const struct ipc_msg *msg, uint64_t now_ms)
{
	const struct msg_presence_set *set = msg->body;
	uint16_t status;

	switch (msg->type) {
	case MSG_presence_get:
		get(w, peer, msg->id, msg->body, now_ms);
		return true;
	case MSG_presence_set:
		if (!w->settings->features.presence)
			status = 409;
		else
			status = presence_set(w->presence, set->extension, set->status, set->message,
			    now_ms);
		if (status == 0)
			ipc_reply(peer, msg->id, MSG_done, &(struct msg_done){});
		else
			ipc_reply_error(peer, msg->id, status,
			    !w->settings->features.presence ? "presence is turned off"
			        : status == 409             ? "in_call is set by calls alone"
			        : status == 404             ? "no such extension"
			                                    : "no such status");
		return true;
	}
	return false;
}
