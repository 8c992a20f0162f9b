/* SPDX-License-Identifier: ISC */
/* apid's requests about what users have set; see from_apid.h. Called by from_apid.c, in a turn. */
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/ipc/peer.h"
#include "featured/call/core.h"
#include "featured/from_apid.h"
#include "featured/reg/bindings.h"
#include "featured/reg/userstate.h"
#include "featured/settings.h"

#define BLACKLIST_TEXT 2048
#define SPEED_TEXT     4096

static void
reply_state(const struct api_context *api, struct ipc_peer *peer, uint32_t id,
    const struct extension *ext)
{
	const struct user_state *s = userstates_get(api->users, ext->number);
	const struct user_recent *r = userstates_recent(api->users, ext->number);
	struct buf blacklist = BUF_INIT(BLACKLIST_TEXT), speed = BUF_INIT(SPEED_TEXT);
	const struct binding *contact;
	struct msg_user_state m = { .dnd = s->dnd,
		.reject_anonymous = s->reject_anonymous,
		.call_waiting = !s->no_call_waiting };
	size_t calls = core_user_calls(api->core, ext->number);

	user_blacklist_print(s, &blacklist);
	user_speed_print(s, &speed);
	str_copy(m.number, sizeof(m.number), ext->number);
	str_copy(m.name, sizeof(m.name), ext->name);
	m.registered =
	    bindings_lookup(api->bindings, ext->number, clock_real_ms(), &contact, 1) > 0;
	m.calls = calls > UINT8_MAX ? UINT8_MAX : (uint8_t)calls;
	str_copy(m.forward_all, sizeof(m.forward_all), s->forward[USER_FORWARD_ALL]);
	str_copy(m.forward_busy, sizeof(m.forward_busy), s->forward[USER_FORWARD_BUSY]);
	str_copy(m.forward_noanswer, sizeof(m.forward_noanswer),
	    s->forward[USER_FORWARD_NOANSWER]);
	str_copy(m.forward_unregistered, sizeof(m.forward_unregistered),
	    s->forward[USER_FORWARD_UNREGISTERED]);
	str_copy(m.last_caller, sizeof(m.last_caller), r->last_caller);
	str_copy(m.last_dialled, sizeof(m.last_dialled), r->last_dialled);
	if (!blacklist.failed)
		m.blacklist = ipc_view_str(blacklist.data);
	if (!speed.failed)
		m.speed_dials = ipc_view_str(speed.data);
	ipc_reply(peer, id, MSG_user_state, &m);
	buf_free(&blacklist);
	buf_free(&speed);
}

/* Entries "07=1002 08=" into the speed dials, the others stay. Returns NULL, or what is wrong. */
static const char *
change_speed(struct user_state *s, const struct ipc_view *text)
{
	char copy[SPEED_TEXT + 1], *save = NULL, *word;
	int64_t slot;

	str_ncopy(copy, sizeof(copy), (const char *)text->p, text->len);
	for (word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		if (strlen(word) < 3 || word[2] != '=')
			return "a speed dial is two digits and a number";
		word[2] = '\0';
		if (str_to_i64(word, 0, USER_SPEED_DIALS - 1, &slot) < 0)
			return "a speed dial is two digits and a number";
		if (word[3] != '\0' && !user_number_ok(word + 3, USER_CALLER_LEN))
			return "a speed dial's number has up to 32 digits, letters, +, *, #, ., _ "
			       "and -";
		memset(s->speed_dial[slot], 0, sizeof(s->speed_dial[slot]));
		str_copy(s->speed_dial[slot], sizeof(s->speed_dial[slot]), word + 3);
	}
	return NULL;
}

static const char *
change_blacklist(struct user_state *s, const struct ipc_view *text)
{
	char copy[BLACKLIST_TEXT + 1];

	str_ncopy(copy, sizeof(copy), (const char *)text->p, text->len);
	return user_blacklist_read(s, copy)
	    ? NULL
	    : "a blacklist has up to 32 numbers of up to 32 characters; a * at the end stands for "
	      "all that begin so";
}

static const char *
change_forward(const struct api_context *api, struct user_state *s, enum user_forward kind,
    const char *to)
{
	if (to[0] != '\0' && strcmp(to, s->number) == 0)
		return "an extension cannot forward to itself";
	if (to[0] != '\0' && !core_reachable(api->core, s->number, to))
		return "nobody can be reached at the number to forward to";
	memset(s->forward[kind], 0, sizeof(s->forward[kind]));
	str_copy(s->forward[kind], sizeof(s->forward[kind]), to);
	return NULL;
}

/* Returns NULL, or what is wrong. */
static const char *
change(const struct api_context *api, struct user_state *s, const struct msg_user_set *m)
{
	const char *forwards[USER_FORWARDS] = { m->forward_all, m->forward_busy,
		m->forward_noanswer, m->forward_unregistered };
	const char *wrong = NULL;

	if ((m->what & USER_SET_DND) != 0)
		s->dnd = m->dnd;
	if ((m->what & USER_SET_REJECT_ANONYMOUS) != 0)
		s->reject_anonymous = m->reject_anonymous;
	if ((m->what & USER_SET_CALL_WAITING) != 0)
		s->no_call_waiting = !m->call_waiting;
	for (int i = 0; wrong == NULL && i < USER_FORWARDS; i++)
		if ((m->what & (USER_SET_FORWARD_ALL << i)) != 0)
			wrong = change_forward(api, s, (enum user_forward)i, forwards[i]);
	if (wrong == NULL && (m->what & USER_SET_BLACKLIST) != 0)
		wrong = change_blacklist(s, &m->blacklist);
	if (wrong == NULL && (m->what & USER_SET_SPEED_DIALS) != 0)
		wrong = change_speed(s, &m->speed_dials);
	return wrong;
}

static void
user_set(const struct api_context *api, struct ipc_peer *peer, uint32_t id,
    const struct msg_user_set *m)
{
	const struct extension *ext = settings_extension(api->settings, m->number);
	struct user_state s;
	const char *wrong;

	if (ext == NULL) {
		ipc_reply_error(peer, id, 404, "no such extension");
		return;
	}
	s = *userstates_get(api->users, ext->number);
	str_copy(s.number, sizeof(s.number), ext->number);
	if ((wrong = change(api, &s, m)) != NULL)
		ipc_reply_error(peer, id, 400, wrong);
	else if (userstates_set(api->users, &s, clock_real_ms()) != 0)
		ipc_reply_error(peer, id, 503, "it cannot be stored");
	else
		reply_state(api, peer, id, ext);
}

bool
from_apid_user(struct api_context *api, struct ipc_peer *peer, const struct ipc_msg *msg)
{
	const struct msg_user_get *get = msg->body;
	const struct extension *ext;

	switch (msg->type) {
	case MSG_user_get:
		ext = settings_extension(api->settings, get->number);
		if (ext != NULL)
			reply_state(api, peer, msg->id, ext);
		else
			ipc_reply_error(peer, msg->id, 404, "no such extension");
		return true;
	case MSG_user_set:
		user_set(api, peer, msg->id, msg->body);
		return true;
	}
	return false;
}
