/* SPDX-License-Identifier: ISC */
/*
 * SUBSCRIBE and PUBLISH as sipd passes them: who is it, may it, what is it about. Every request is
 * answered at once. And what a registration means for those who watch. See watch.h.
 */
#include <string.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "featured/watch_impl.h"

#define NOT_SAID    UINT32_MAX
#define JUST_NOW_MS 100 /* a binding that is no older was made by this REGISTER */

/* One request while it is worked on. */
struct work {
	struct watch *w;
	struct ipc_peer *peer;
	uint32_t id;
	uint64_t now_ms;
	const char *what, *source;
	char who[EXT_NUMBER_LEN + 1];
};

static void
refuse(const struct work *k, uint16_t status, const char *reason)
{
	log_limited(&k->w->log, LL_INFO, "request refused", kv_s("request", k->what),
	    kv_u("status", status), kv_s("reason", reason), kv_s("source", k->source));
	ipc_reply_error(k->peer, k->id, status, reason);
}

/*
 * Who asks, into k->who. False: it has been answered. from: taken for true without authentication.
 */
static bool
authenticate(struct work *k, const struct auth_request *req, const char *from)
{
	struct msg_watch_challenge c = { 0 };
	struct auth_verdict v;

	auth_check(k->w->env.auth, req, k->now_ms, &v);
	switch (v.result) {
	case AUTH_OK:
		break;
	case AUTH_CHALLENGE:
		c.stale = v.stale;
		str_copy(c.realm, sizeof(c.realm), v.realm);
		str_copy(c.nonce, sizeof(c.nonce), v.nonce);
		ipc_reply(k->peer, k->id, MSG_watch_challenge, &c);
		return false;
	case AUTH_FORBIDDEN:
		refuse(k, 403, "wrong credentials");
		return false;
	case AUTH_BANNED:
		refuse(k, 403, "banned");
		return false;
	}
	str_copy(k->who, sizeof(k->who), v.user[0] != '\0' ? v.user : from);
	if (settings_extension(k->w->settings, k->who) == NULL) {
		refuse(k, 403, "not an extension");
		return false;
	}
	return true;
}

/* False: too brief, and answered so. */
static bool
agree(const struct work *k, uint32_t *expires_s)
{
	const struct settings *s = k->w->settings;
	struct msg_watch_too_brief brief = { .min_expires_s =
		                                 (uint32_t)s->subscriptions.min_expires_s };

	if (*expires_s == NOT_SAID)
		*expires_s = (uint32_t)s->subscriptions.default_expires_s;
	if (*expires_s > s->subscriptions.max_expires_s)
		*expires_s = (uint32_t)s->subscriptions.max_expires_s;
	if (*expires_s == 0 || *expires_s >= s->subscriptions.min_expires_s)
		return true;
	ipc_reply(k->peer, k->id, MSG_watch_too_brief, &brief);
	return false;
}

static const struct resource_list *
list_of(const struct settings *s, const char *name)
{
	const struct resource_list *l = s->resource_lists.v;

	for (size_t i = 0; i < s->resource_lists.n; i++)
		if (str_eq(l[i].name, name))
			return &l[i];
	return NULL;
}

static void
tell_members(const struct work *k, enum watch_event event, const struct resource_list *list)
{
	for (size_t i = 0; i < list->members.n; i++) {
		const char *user = list->members.v[i];
		const struct extension *x = settings_extension(k->w->settings, user);
		struct msg_sub_member m = { .topic = watch_topic_id(event, user) };

		if (!watch_exists(k->w, event, user))
			continue;
		str_copy(m.user, sizeof(m.user), user);
		str_copy(m.name, sizeof(m.name), x != NULL ? x->name : "");
		ipc_reply_item(k->peer, k->id, MSG_sub_member, &m);
	}
}

/* A mailbox is its owner's alone; phones ask for it by their own number, or by what they dial. */
static const char *
own_mailbox(const struct work *k, const char *to)
{
	const char *code = settings_feature_code(k->w->settings, "voicemail");

	if (str_eq(to, k->who) || (code != NULL && str_eq(to, code)))
		return k->who;
	return NULL;
}

static void
subscribe(struct work *k, const struct msg_sub_request *m)
{
	const struct auth_request req = AUTH_REQUEST(m);
	const struct settings *s = k->w->settings;
	struct msg_sub_accepted ok = { .min_s = (uint32_t)s->subscriptions.min_expires_s,
		.max_s = (uint32_t)s->subscriptions.max_expires_s,
		.expires_s = m->expires_s };
	enum watch_event event = watch_event_of(m->event);
	const struct resource_list *list;
	const char *user = m->to_user;

	if (!authenticate(k, &req, m->from_user))
		return;
	if (event == WATCH_NONE || (event == WATCH_PRESENCE && !s->features.presence)) {
		refuse(k, 489, "no such event package");
		return;
	}
	if (!agree(k, &ok.expires_s))
		return;
	list = event == WATCH_SUMMARY ? NULL : list_of(s, user);
	if (list != NULL && !m->lists) {
		refuse(k, 421, "a resource list wants Supported: eventlist");
		return;
	}
	if (event == WATCH_SUMMARY && (user = own_mailbox(k, user)) == NULL) {
		refuse(k, 403, "another one's mailbox");
		return;
	}
	if (list == NULL && !watch_exists(k->w, event, user)) {
		refuse(k, 404, "no such resource");
		return;
	}
	str_copy(ok.watcher, sizeof(ok.watcher), k->who);
	if (list != NULL)
		tell_members(k, event, list);
	else
		ok.topic = watch_topic_id(event, user);
	str_copy(ok.user, sizeof(ok.user), user);
	ipc_reply(k->peer, k->id, MSG_sub_accepted, &ok);
}

static void
publish(struct work *k, const struct msg_publish_request *m)
{
	const struct auth_request req = AUTH_REQUEST(m);
	struct msg_publish_accepted ok = { .expires_s = m->expires_s };
	uint16_t status;

	if (!authenticate(k, &req, m->from_user))
		return;
	if (!k->w->settings->features.presence || watch_event_of(m->event) != WATCH_PRESENCE) {
		refuse(k, 489, "no such event package");
		return;
	}
	if (!str_eq(k->who, m->to_user)) {
		refuse(k, 403, "another one's presence");
		return;
	}
	if (!agree(k, &ok.expires_s))
		return;
	status = presence_publish(k->w->presence, k->who, m->etag, m->status, m->note, ok.expires_s,
	    ok.etag, k->now_ms);
	if (status != 0)
		refuse(k, status, status == 412 ? "no such publication" : "no such extension");
	else
		ipc_reply(k->peer, k->id, MSG_publish_accepted, &ok);
}

/* Inside a call: who knows its dialog's tags was let in when it began. */
static void
message_in_call(struct work *k, const struct msg_message_request *m)
{
	struct msg_message_request to = *m;
	char who[65];
	uint16_t status = k->w->env.leg_ends == NULL
	    ? 481
	    : k->w->env.leg_ends(k->w->env.arg, m->leg, who, to.to_user);

	if (status != 0)
		refuse(k, status, "nobody is meant by it");
	else
		texts_take(k->w->env.texts, k->peer, k->id, &to, who, k->now_ms);
}

static void
message(struct work *k, const struct msg_message_request *m)
{
	const struct auth_request req = AUTH_REQUEST(m);

	if (m->leg == 0 && k->w->env.texts != NULL &&
	    texts_repeated(k->w->env.texts, k->peer, k->id, m, m->from_user))
		return;
	if (m->leg == 0 && !authenticate(k, &req, m->from_user))
		return;
	if (k->w->env.texts == NULL)
		refuse(k, 405, "no texts here");
	else if (m->leg != 0)
		message_in_call(k, m);
	else
		texts_take(k->w->env.texts, k->peer, k->id, m, k->who, k->now_ms);
}

bool
watch_sipd(struct watch *w, struct ipc_peer *peer, const struct ipc_msg *msg, uint64_t now_ms)
{
	struct work k = { .w = w, .peer = peer, .id = msg->id, .now_ms = now_ms };

	w->now_ms = now_ms;
	switch (msg->type) {
	case MSG_sub_request:
		k.what = "SUBSCRIBE";
		k.source = ((const struct msg_sub_request *)msg->body)->source;
		subscribe(&k, msg->body);
		return true;
	case MSG_publish_request:
		k.what = "PUBLISH";
		k.source = ((const struct msg_publish_request *)msg->body)->source;
		publish(&k, msg->body);
		return true;
	case MSG_message_request:
		k.what = "MESSAGE";
		k.source = ((const struct msg_message_request *)msg->body)->source;
		message(&k, msg->body);
		return true;
	case MSG_sync_topic:
		watch_topic(w, msg->body, now_ms);
		return true;
	case MSG_topic_idle:
		watch_idle(w, ((const struct msg_topic_idle *)msg->body)->topic);
		return true;
	}
	return false;
}

/*
 * Registrations.
 */

/*
 * Message waiting to each contact that has just come, asked for or not (RFC 3842 as phones know
 * it).
 */
static void
notice(struct watch *w, const struct binding *b, const char *user, const struct watch_mailbox *box)
{
	struct buf body = BUF_INIT(2048);
	struct msg_notice m = { .transport = b->transport };

	docs_summary(&body, user, box->fresh, box->old, box->fresh_urgent, box->old_urgent);
	str_copy(m.request_uri, sizeof(m.request_uri), b->uri);
	str_copy(m.route, sizeof(m.route), b->path[0] != '\0' ? "" : b->source);
	str_copy(m.path, sizeof(m.path), b->path);
	str_copy(m.user, sizeof(m.user), user);
	str_copy(m.domain, sizeof(m.domain), w->settings->server.domain);
	str_copy(m.event, sizeof(m.event), "message-summary");
	str_copy(m.content_type, sizeof(m.content_type), DOCS_SUMMARY);
	m.body = (struct ipc_view){ (const uint8_t *)body.data, body.len };
	if (!body.failed)
		w->env.send(w->env.arg, MSG_notice, &m);
	buf_free(&body);
}

void
watch_notice(struct watch *w, const char *user, uint64_t since_ms, uint64_t now_ms)
{
	const struct binding *found[16];
	struct watch_mailbox box;
	bool empty;
	size_t n;

	if (w->env.mailbox == NULL || !w->env.mailbox(w->env.arg, user, &box))
		return;
	empty = box.fresh == 0 && box.old == 0;
	n = bindings_lookup(w->env.bindings, user, now_ms, found, 16);
	for (size_t i = 0; i < n && since_ms == 0; i++)
		bindings_set_told_empty(found[i], false);
	if (n == 1 && watch_is_watched(w, WATCH_SUMMARY, user))
		return;
	for (size_t i = 0; i < n; i++) {
		if ((w->settings->voicemail.notify_refresh ? found[i]->updated_ms
		                                           : found[i]->anew_ms) < since_ms)
			continue;
		if (empty && bindings_told_empty(found[i]))
			continue;
		bindings_set_told_empty(found[i], empty && since_ms > 0);
		notice(w, found[i], user, &box);
	}
}

void
watch_registered(struct watch *w, const char *user, bool registered, uint64_t now_ms)
{
	presence_registered(w->presence, user, registered, now_ms);
	if (!registered)
		return;
	if (w->env.texts != NULL)
		texts_registered(w->env.texts, user);
	watch_notice(w, user, now_ms - JUST_NOW_MS, now_ms);
}
