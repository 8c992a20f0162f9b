/* SPDX-License-Identifier: ISC */
/* The tables of subscriptions and topics, who is told when, and expiry; see sub.h. */
#include "sipd/sub.h"

#include <string.h>

#include "common/base/ckpt.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/dialog.h"

#define TICK_US    1000000
#define LATE_US    50000
#define GRACE_MS   1000 /* after expiry: the refresh may be on its way */
#define BURST      6    /* NOTIFYs that may follow each other at once */
#define RATE_MS    500  /* then one in so many */

static struct subs subs;

unsigned
subs_count(void)
{
	return HASH_COUNT(subs.subs);
}

unsigned
subs_topics(void)
{
	return HASH_COUNT(subs.topics);
}

/*
 * Topics.
 */

static struct topic *
topic_find(uint64_t id)
{
	struct topic *t;

	HASH_FIND(hh, subs.topics, &id, sizeof(id), t);
	return t;
}

static void
tell_topic(const struct topic *t)
{
	struct msg_sync_topic m = { .topic = t->id };

	str_copy(m.event, sizeof(m.event), t->event);
	str_copy(m.user, sizeof(m.user), t->user);
	ipc_send(sipd.peer, MSG_sync_topic, &m);
}

static struct topic *
topic_get(uint64_t id, const char *event, const char *user)
{
	struct topic *t = topic_find(id);

	if (t != NULL || (t = mem_new(sizeof(*t))) == NULL)
		return t;
	t->id = id;
	str_copy(t->event, sizeof(t->event), event);
	str_copy(t->user, sizeof(t->user), user);
	TAILQ_INIT(&t->watches);
	HASH_ADD(hh, subs.topics, id, sizeof(t->id), t);
	tell_topic(t);
	return t;
}

static void
topic_leave(struct watch *w)
{
	struct topic *t = w->topic;

	if (t == NULL)
		return;
	w->topic = NULL;
	TAILQ_REMOVE(&t->watches, w, next);
	if (!TAILQ_EMPTY(&t->watches))
		return;
	ipc_send(sipd.peer, MSG_topic_idle, &(struct msg_topic_idle){ .topic = t->id });
	HASH_DEL(subs.topics, t);
	blob_free(&t->body);
	free(t);
}

void
topic_state(const struct msg_topic_state *m)
{
	struct topic *t = topic_find(m->topic);
	struct watch *w, *next;

	if (t == NULL || m->hash == 0)
		return;
	if (!blob_set(&t->body, m->body.p, m->body.len))
		return; /* the next one will do */
	t->hash = m->hash;
	str_copy(t->content_type, sizeof(t->content_type), m->content_type);
	for (w = TAILQ_FIRST(&t->watches); w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		sub_kick(w->sub);
	}
}

void
topic_end(const struct msg_topic_end *m)
{
	struct topic *t = topic_find(m->topic);
	struct watch *w, *next;

	if (t == NULL)
		return;
	for (w = TAILQ_FIRST(&t->watches); w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		/* A list's subscriber finds out by asking again what is left of it. */
		sub_end(w->sub, w->sub->list        ? "deactivated"
		        : str_eq(m->reason, "rejected") ? "rejected"
		        : str_eq(m->reason, "deactivated") ? "deactivated"
		                                        : "noresource");
	}
}

void
list_end_subs(const struct msg_list_end_subs *m)
{
	struct sub *sub, *next;

	HASH_ITER(hh, subs.subs, sub, next)
	if (sub->list && (m->name[0] == '\0' || str_eq(m->name, sub->user)))
		sub_end(sub, "deactivated");
}

unsigned
subs_sync(void)
{
	struct topic *t, *next;

	HASH_ITER(hh, subs.topics, t, next)
	tell_topic(t);
	return HASH_COUNT(subs.topics);
}

/*
 * Subscriptions.
 */

struct sub *
sub_new(void)
{
	struct sub *sub = mem_new(sizeof(*sub));

	if (sub == NULL)
		return NULL;
	sub->id = id_u64();
	sub->slot = sub->members_slot = CKPT_NONE;
	sub->tokens = BURST;
	sub->cseq = 1; /* 0 would mean "any" to sofia */
	return sub;
}

static struct watcher *
watcher_of(const char *name)
{
	struct watcher *w;

	HASH_FIND_STR(subs.watchers, name, w);
	if (w != NULL || (w = mem_new(sizeof(*w))) == NULL)
		return w;
	str_copy(w->name, sizeof(w->name), name);
	HASH_ADD_STR(subs.watchers, name, w);
	return w;
}

bool
sub_add(struct sub *sub, const char *watcher)
{
	struct watcher *w = watcher_of(watcher);

	if (w == NULL)
		return false;
	if (w->n >= SUB_PER_WATCHER || HASH_COUNT(subs.subs) >= sipd.set.max_subscriptions) {
		log_limited(&sipd.noise, LL_WARNING, "too many subscriptions",
		    kv_s("watcher", watcher), kv_u("of_watcher", w->n),
		    kv_u("all", HASH_COUNT(subs.subs)));
		return false;
	}
	w->n++;
	sub->watcher = w;
	HASH_ADD(hh, subs.subs, id, sizeof(sub->id), sub);
	return true;
}

bool
sub_watch(struct sub *sub, uint64_t topic, const char *user, const char *name)
{
	struct watch *w = &sub->watches[sub->nwatches];
	struct topic *t = topic_get(topic, sub->event, user);

	if (t == NULL)
		return false;
	*w = (struct watch){ .sub = sub, .topic = t };
	if (name != NULL && (w->name = mem_strdup(name)) == NULL) {
		TAILQ_INSERT_TAIL(&t->watches, w, next);
		topic_leave(w);
		return false;
	}
	TAILQ_INSERT_TAIL(&t->watches, w, next);
	sub->nwatches++;
	return true;
}

void
sub_free(struct sub *sub)
{
	if (sub->watcher != NULL) {
		HASH_DEL(subs.subs, sub);
		if (--sub->watcher->n == 0) {
			HASH_DEL(subs.watchers, sub->watcher);
			free(sub->watcher);
		}
	}
	if (sub->is_late)
		TAILQ_REMOVE(&subs.late, sub, next_late);
	for (unsigned i = 0; i < sub->nwatches; i++) {
		topic_leave(&sub->watches[i]);
		free(sub->watches[i].name);
	}
	free(sub->watches);
	sub_store_forget(sub);
	if (sub->orq != NULL)
		nta_outgoing_destroy(sub->orq);
	if (sub->dialog != NULL)
		nta_leg_destroy(sub->dialog);
	dialog_id_free(&sub->id_text);
	free(sub->event);
	free(sub->event_id);
	free(sub->host);
	free(sub->user);
	free(sub);
}

void
sub_reap(struct sub *sub)
{
	if (sub->gone && !sub->busy)
		sub_free(sub);
}

/*
 * When to tell.
 */

static bool
has_news(const struct sub *sub)
{
	for (unsigned i = 0; i < sub->nwatches; i++)
		if (sub->watches[i].topic->hash != 0 &&
		    sub->watches[i].topic->hash != sub->watches[i].sent)
			return true;
	return false;
}

/* RFC 6665 wants a NOTIFY at once after each SUBSCRIBE, but not one without a document when that
 * is just being asked for. */
static bool
has_state(const struct sub *sub)
{
	for (unsigned i = 0; i < sub->nwatches; i++)
		if (sub->watches[i].topic->hash == 0)
			return false;
	return true;
}

static void
be_late(struct sub *sub)
{
	if (!sub->is_late) {
		sub->is_late = true;
		TAILQ_INSERT_TAIL(&subs.late, sub, next_late);
	}
	if (subs.late_armed)
		return;
	subs.late_armed = true;
	sd_event_source_set_time(subs.late_timer, clock_mono_us() + LATE_US);
	sd_event_source_set_enabled(subs.late_timer, SD_EVENT_ONESHOT);
}

static bool
take_token(struct sub *sub, uint64_t now)
{
	uint64_t fresh = (now - sub->token_at) / RATE_MS;

	if (sub->tokens < BURST && fresh > 0) {
		sub->tokens = fresh + sub->tokens > BURST ? BURST : (uint8_t)(sub->tokens + fresh);
		sub->token_at = now;
	}
	if (sub->tokens == 0)
		return false;
	if (sub->tokens == BURST)
		sub->token_at = now;
	sub->tokens--;
	return true;
}

void
sub_kick(struct sub *sub)
{
	uint64_t now;

	if (sub->orq != NULL || sub->dialog == NULL || sub->gone)
		return;
	if (sub->ending != NULL ? sub->fetch && !has_state(sub)
	                        : !(sub->force && has_state(sub)) && !has_news(sub))
		return;
	now = clock_mono_ms();
	if (sub->ending == NULL && now < sub->retry_at)
		return; /* the tick */
	if (sub->ending == NULL && !take_token(sub, now)) {
		be_late(sub);
		return;
	}
	sub->busy = true;
	notify_send(sub);
	sub->busy = false;
	/* Not freed here: the caller may be in the middle of a list. The tick does it. */
}

void
sub_end(struct sub *sub, const char *reason)
{
	if (sub->ending != NULL)
		return;
	sub->ending = reason;
	/* From now on the phone's SUBSCRIBE gets 481: nothing of it comes back after a restart. */
	sub_store_forget(sub);
	sub_kick(sub);
}

static int
on_late(sd_event_source *source, uint64_t usec, void *arg)
{
	TAILQ_HEAD(, sub) late = TAILQ_HEAD_INITIALIZER(late);
	struct sub *sub;

	(void)source;
	(void)usec;
	(void)arg;
	subs.late_armed = false;
	while ((sub = TAILQ_FIRST(&subs.late)) != NULL) {
		TAILQ_REMOVE(&subs.late, sub, next_late);
		TAILQ_INSERT_TAIL(&late, sub, next_late);
	}
	while ((sub = TAILQ_FIRST(&late)) != NULL) {
		TAILQ_REMOVE(&late, sub, next_late);
		sub->is_late = false;
		sub_kick(sub);
	}
	return 0;
}

static int
on_tick(sd_event_source *source, uint64_t usec, void *arg)
{
	uint64_t now = clock_mono_ms();
	struct sub *sub, *next;

	(void)arg;
	(void)usec;
	HASH_ITER(hh, subs.subs, sub, next)
	{
		if (sub->gone) {
			sub_reap(sub);
		} else if (sub->expires_at + GRACE_MS <= now) {
			sub_end(sub, "timeout");
			sub->fetch = false;
			sub_kick(sub);
		} else if (sub->retry_at != 0 && sub->retry_at <= now) {
			sub->retry_at = 0;
			sub_kick(sub);
		}
	}
	sd_event_source_set_time(source, clock_mono_us() + TICK_US);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

int
subs_init(void)
{
	int r;

	TAILQ_INIT(&subs.late);
	sipd.subs = &subs;
	if ((r = sub_store_open()) < 0)
		return r;
	if ((r = sd_event_add_time(sipd.d.event, &subs.late_timer, CLOCK_MONOTONIC, UINT64_MAX, 5000,
	         on_late, NULL)) < 0 ||
	    (r = sd_event_source_set_enabled(subs.late_timer, SD_EVENT_OFF)) < 0 ||
	    (r = sd_event_add_time(sipd.d.event, &subs.tick, CLOCK_MONOTONIC,
	         clock_mono_us() + TICK_US, 100000, on_tick, NULL)) < 0)
		return r;
	sub_store_load();
	return 0;
}

void
subs_close(void)
{
	ckpt_close(&subs.ck);
	ckpt_close(&subs.ck_members);
}
