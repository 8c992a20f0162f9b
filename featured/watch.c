/* SPDX-License-Identifier: ISC */
/* Topics and their documents; see watch.h. Requests are answered in watch_ask.c. */
#include "featured/watch.h"

#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/reg/userstate.h"
#include "featured/watch_impl.h"

#define DIALOGS_LOOKED_AT 16

static const char *const events[] = {
	[WATCH_PRESENCE] = "presence",
	[WATCH_DIALOG] = "dialog",
	[WATCH_SUMMARY] = "message-summary",
};

enum watch_event
watch_event_of(const char *name)
{
	for (int e = WATCH_PRESENCE; e < WATCH_EVENTS; e++)
		if (str_ieq(events[e], name))
			return e;
	return WATCH_NONE;
}

/* The same whoever asks and in whichever process: sipd's checkpoint has it. */
uint64_t
watch_topic_id(enum watch_event event, const char *user)
{
	uint64_t h = 14695981039346656037ULL ^ (uint64_t)event * 0x9e3779b97f4a7c15ULL;

	for (const char *p = user; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211ULL;
	return h != 0 ? h : 1;
}

static struct topic *
find(const struct watch *w, uint64_t id)
{
	struct topic *t;

	HASH_FIND(hh, w->topics, &id, sizeof(id), t);
	return t;
}

static void
dirty(struct watch *w, struct topic *t)
{
	if (t->dirty)
		return;
	t->dirty = true;
	STAILQ_INSERT_TAIL(&w->dirty, t, next);
}

static void
touch(struct watch *w, enum watch_event event, const char *user)
{
	struct topic *t = find(w, watch_topic_id(event, user));

	if (t != NULL)
		dirty(w, t);
}

static void
drop(struct watch *w, struct topic *t)
{
	if (t->dirty)
		STAILQ_REMOVE(&w->dirty, t, topic, next);
	HASH_DEL(w->topics, t);
	free(t);
}

static bool
is_slot(const struct watch *w, const char *user)
{
	int64_t n;

	return str_to_i64(user, w->settings->parking.range_start, w->settings->parking.range_end, &n) ==
	    0;
}

bool
watch_exists(const struct watch *w, enum watch_event event, const char *user)
{
	struct watch_mailbox box;

	switch (event) {
	case WATCH_PRESENCE:
		return w->settings->features.presence && settings_extension(w->settings, user) != NULL;
	case WATCH_DIALOG:
		return settings_extension(w->settings, user) != NULL || is_slot(w, user);
	case WATCH_SUMMARY:
		return settings_extension(w->settings, user) != NULL && w->env.mailbox != NULL &&
		    w->env.mailbox(w->env.arg, user, &box);
	case WATCH_NONE:
	case WATCH_EVENTS:
		break;
	}
	return false;
}

/*
 * Documents.
 */

static const char *
document(struct watch *w, const struct topic *t, struct buf *out, uint64_t now_ms)
{
	struct docs_dialog dialogs[DIALOGS_LOOKED_AT];
	struct watch_mailbox box = { 0 };
	struct presence_view v;
	size_t n;

	switch (t->event) {
	case WATCH_PRESENCE:
		if (!presence_get(w->presence, t->user, now_ms, &v))
			return NULL;
		docs_pidf(out, t->user, v.status, v.message, v.in_call);
		return DOCS_PIDF;
	case WATCH_DIALOG:
		n = lamps_dialogs(w->lamps, t->user, dialogs, DIALOGS_LOOKED_AT);
		docs_dialog_info(out, t->user, dialogs, n < DIALOGS_LOOKED_AT ? n : DIALOGS_LOOKED_AT);
		return DOCS_DIALOG;
	case WATCH_SUMMARY:
		if (w->env.mailbox == NULL || !w->env.mailbox(w->env.arg, t->user, &box))
			return NULL;
		docs_summary(out, t->user, box.fresh, box.old, box.fresh_urgent, box.old_urgent);
		return DOCS_SUMMARY;
	case WATCH_NONE:
	case WATCH_EVENTS:
		break;
	}
	return NULL;
}

/* again: also when it is what sipd was told before. */
static void
say(struct watch *w, struct topic *t, bool again, uint64_t now_ms)
{
	struct msg_topic_state m = { .topic = t->id };
	struct buf body = BUF_INIT(16384);
	const char *type = document(w, t, &body, now_ms);

	if (type != NULL && !body.failed) {
		m.hash = docs_hash(type, &body);
		m.body = (struct ipc_view){ (const uint8_t *)body.data, body.len };
		str_copy(m.content_type, sizeof(m.content_type), type);
		if (again || m.hash != t->hash) {
			t->hash = m.hash;
			w->env.send(w->env.arg, MSG_topic_state, &m);
		}
	}
	buf_free(&body);
}

void
watch_flush(struct watch *w, uint64_t now_ms)
{
	struct topic *t;

	w->now_ms = now_ms;
	while ((t = STAILQ_FIRST(&w->dirty)) != NULL) {
		STAILQ_REMOVE_HEAD(&w->dirty, next);
		t->dirty = false;
		say(w, t, false, now_ms);
	}
}

/*
 * Topics that sipd has.
 */

static void
end(struct watch *w, uint64_t id, const char *reason)
{
	struct msg_topic_end m = { .topic = id };

	str_copy(m.reason, sizeof(m.reason), reason);
	w->env.send(w->env.arg, MSG_topic_end, &m);
}

void
watch_topic(struct watch *w, const struct msg_sync_topic *m, uint64_t now_ms)
{
	enum watch_event event = watch_event_of(m->event);
	struct topic *t = find(w, m->topic);

	/* Also one that a later version of us would number otherwise: the phone asks again. */
	if (event == WATCH_NONE || !watch_exists(w, event, m->user) ||
	    m->topic != watch_topic_id(event, m->user)) {
		if (t != NULL)
			drop(w, t);
		end(w, m->topic, "noresource");
		return;
	}
	if (t == NULL) {
		if ((t = mem_new(sizeof(*t))) == NULL)
			return;
		t->id = m->topic;
		t->event = event;
		str_copy(t->user, sizeof(t->user), m->user);
		HASH_ADD(hh, w->topics, id, sizeof(t->id), t);
		if (!hash_added(t)) {
			free(t);
			return;
		}
	}
	t->round = w->round;
	say(w, t, true, now_ms);
}

void
watch_idle(struct watch *w, uint64_t id)
{
	struct topic *t = find(w, id);

	if (t != NULL)
		drop(w, t);
}

void
watch_sync_begin(struct watch *w)
{
	w->round++;
}

void
watch_sync_end(struct watch *w)
{
	struct topic *t, *next;

	HASH_ITER(hh, w->topics, t, next)
	if (t->round != w->round)
		drop(w, t);
	/* And sipd can send again. */
	for (size_t i = 0; w->env.texts != NULL && i < w->settings->extensions.n; i++)
		texts_registered(w->env.texts, settings_extension_at(w->settings, i)->number);
}

size_t
watch_topics(const struct watch *w)
{
	return HASH_COUNT(w->topics);
}

/*
 * What changes.
 */

static void
on_presence(void *arg, const char *user)
{
	touch(arg, WATCH_PRESENCE, user);
}

static void
on_lamp(void *arg, const char *user)
{
	struct watch *w = arg;
	struct docs_dialog one[1];

	touch(w, WATCH_DIALOG, user);
	presence_calls(w->presence, user, (unsigned)lamps_dialogs(w->lamps, user, one, 1),
	    w->now_ms);
}

bool
watch_is_watched(const struct watch *w, enum watch_event event, const char *user)
{
	return find(w, watch_topic_id(event, user)) != NULL;
}

void
watch_mailbox_changed(struct watch *w, const char *user, uint64_t now_ms)
{
	touch(w, WATCH_SUMMARY, user);
	watch_notice(w, user, 0, now_ms);
}

static void
on_user_state(void *arg, const struct user_state *state)
{
	struct watch *w = arg;

	presence_dnd(w->presence, state->number, w->now_ms);
}

static void
look_at_registrations(struct watch *w, uint64_t now_ms)
{
	const struct binding *one[1];

	for (size_t i = 0; i < w->settings->extensions.n; i++) {
		const char *user = settings_extension_at(w->settings, i)->number;

		presence_registered(w->presence, user,
		    bindings_lookup(w->env.bindings, user, now_ms, one, 1) > 0, now_ms);
	}
}

void
watch_tick(struct watch *w, uint64_t now_ms)
{
	w->now_ms = now_ms;
	/* Bindings that ran out, and those that the database brought. */
	look_at_registrations(w, now_ms);
	presence_tick(w->presence, now_ms);
	if (w->env.texts != NULL)
		texts_tick(w->env.texts, now_ms);
}

/* Settings are gone when they are replaced: what was in the lists is remembered as a sum. */
static uint64_t
lists_sum(const struct settings *s)
{
	const struct resource_list *l = s->resource_lists.v;
	uint64_t sum = 1;

	for (size_t i = 0; i < s->resource_lists.n; i++) {
		sum = sum * 31 + watch_topic_id(WATCH_NONE, l[i].name);
		for (size_t k = 0; k < l[i].members.n; k++)
			sum = sum * 31 + watch_topic_id(WATCH_DIALOG, l[i].members.v[k]);
	}
	return sum;
}

void
watch_settings(struct watch *w, const struct settings *settings, uint64_t now_ms)
{
	uint64_t lists = lists_sum(settings);
	struct topic *t, *next;

	w->settings = settings;
	presence_settings(w->presence, settings, now_ms);
	if (w->env.texts != NULL)
		texts_settings(w->env.texts, settings);
	HASH_ITER(hh, w->topics, t, next)
	{
		if (watch_exists(w, t->event, t->user)) {
			dirty(w, t);
			continue;
		}
		end(w, t->id, "noresource");
		drop(w, t);
	}
	if (lists != w->lists)
		w->env.send(w->env.arg, MSG_list_end_subs, &(struct msg_list_end_subs){ "" });
	w->lists = lists;
	watch_flush(w, now_ms);
}

int
watch_new(struct watch **out, const char *state_dir, const struct settings *settings,
    const struct watch_env *env, uint64_t now_ms)
{
	struct watch *w = mem_new(sizeof(*w));
	int r;

	if (w == NULL)
		return -ENOMEM;
	w->settings = settings;
	w->env = *env;
	w->now_ms = now_ms;
	w->lists = lists_sum(settings);
	STAILQ_INIT(&w->dirty);
	if ((r = presence_open(&w->presence, state_dir, settings)) < 0 ||
	    (r = lamps_new(&w->lamps, on_lamp, w)) < 0) {
		watch_free(&w);
		return r;
	}
	presence_users(w->presence, env->users);
	if (env->users != NULL)
		userstates_follow(env->users, on_user_state, w);
	look_at_registrations(w, now_ms);
	presence_tick(w->presence, now_ms);
	presence_watch(w->presence, on_presence, w);
	*out = w;
	return 0;
}

void
watch_free(struct watch **pw)
{
	struct watch *w = *pw;
	struct topic *t, *next;

	if (w == NULL)
		return;
	if (w->env.users != NULL)
		userstates_follow(w->env.users, NULL, NULL);
	HASH_ITER(hh, w->topics, t, next)
	drop(w, t);
	lamps_free(&w->lamps);
	presence_close(&w->presence);
	mem_free(pw);
}

struct presence *
watch_presence(struct watch *w)
{
	return w->presence;
}

struct lamps *
watch_lamps(struct watch *w)
{
	return w->lamps;
}
