/* SPDX-License-Identifier: ISC */
/*
 * Subscriptions in the checkpoint: subs.ckpt has a record of each, lists.ckpt the members of those
 * that are of a resource list (they do not change). Nothing is sent before it is here.
 */
#include "sipd/sub.h"

#include <errno.h>
#include <string.h>

#include "common/base/ckpt.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/nat.h"

#define SUBS_MAGIC      0x57535531 /* "WSU1" */
#define SUBS_VERSION    1
#define MEMBERS_MAGIC   0x57534d31 /* "WSM1" */
#define MEMBERS_VERSION 1
#define SUB_TEXT        1536

/* Fields are only ever appended (before text's end nothing moves). */
struct sub_rec {
	uint64_t id;
	uint64_t topic; /* 0: a list */
	uint64_t sent;
	uint64_t expires_at; /* monotonic: the same clock as long as the machine is up */
	uint32_t cseq, remote_cseq, version;
	uint32_t min_s, max_s;
	uint32_t members_slot;
	uint16_t text_len;
	uint8_t transport;
	uint8_t list;
	char watcher[65];
	/* NUL after each: call_id, local, remote, target, route, next_hop, contact, bind, event,
	 * event_id, host, user, the topic's user */
	char text[SUB_TEXT];
};

struct members_rec {
	uint64_t sub;
	uint32_t n;
};

struct member {
	uint64_t topic;
	char user[65];
	char name[63];
};

#define MEMBERS_TAIL (SUB_MEMBERS_MAX * sizeof(struct member))

int
sub_store_open(void)
{
	char path[300];
	int r;

	str_format(path, sizeof(path), "%s/subs.ckpt", sipd.d.own_dir);
	r = ckpt_open(&sipd.subs->ck, path, SUBS_MAGIC, SUBS_VERSION, sizeof(struct sub_rec),
	    SUBS_MAX);
	if (r < 0)
		return r;
	str_format(path, sizeof(path), "%s/lists.ckpt", sipd.d.own_dir);
	return ckpt_open_tail(&sipd.subs->ck_members, path, MEMBERS_MAGIC, MEMBERS_VERSION,
	    sizeof(struct members_rec), SUB_LISTS_MAX, MEMBERS_TAIL);
}

static bool
pack(struct sub_rec *rec, const char *s)
{
	size_t len = strlen(s) + 1;

	if (rec->text_len + len > sizeof(rec->text))
		return false;
	memcpy(rec->text + rec->text_len, s, len);
	rec->text_len += (uint16_t)len;
	return true;
}

static bool
put_members(struct sub *sub)
{
	struct ckpt *ck = sipd.subs->ck_members;
	struct member *m;

	if ((sub->members_slot = ckpt_alloc(ck)) == CKPT_NONE)
		return false;
	m = (struct member *)(void *)ckpt_tail(ck, sub->members_slot);
	for (unsigned i = 0; i < sub->nwatches; i++) {
		m[i].topic = sub->watches[i].topic->id;
		str_copy(m[i].user, sizeof(m[i].user), sub->watches[i].topic->user);
		str_copy(m[i].name, sizeof(m[i].name), sub->watches[i].name);
	}
	ckpt_put(ck, sub->members_slot, &(struct members_rec){ .sub = sub->id, .n = sub->nwatches });
	return true;
}

bool
sub_store(struct sub *sub)
{
	struct ckpt *ck = sipd.subs->ck;
	const struct dialog_id *id = &sub->id_text;
	struct sub_rec rec = {
		.id = sub->id,
		.expires_at = sub->expires_at,
		.cseq = sub->cseq,
		.remote_cseq = nta_leg_get_rseq(sub->dialog),
		.version = sub->version,
		.min_s = sub->min_s,
		.max_s = sub->max_s,
		.transport = sub->transport,
		.list = sub->list,
	};

	if (sub->ending != NULL)
		return true;
	if (!sub->list && sub->nwatches == 1) {
		rec.topic = sub->watches[0].topic->id;
		rec.sent = sub->watches[0].sent;
	}
	str_copy(rec.watcher, sizeof(rec.watcher), sub->watcher->name);
	if (!pack(&rec, id->call_id) || !pack(&rec, id->local) || !pack(&rec, id->remote) ||
	    !pack(&rec, id->target) || !pack(&rec, id->route) || !pack(&rec, id->next_hop) ||
	    !pack(&rec, id->contact) || !pack(&rec, sub->bind != NULL ? sub->bind : "") ||
	    !pack(&rec, sub->event) || !pack(&rec, sub->event_id) || !pack(&rec, sub->host) ||
	    !pack(&rec, sub->user) ||
	    !pack(&rec, rec.topic != 0 ? sub->watches[0].topic->user : ""))
		return false;
	if (sub->list && sub->members_slot == CKPT_NONE && !put_members(sub))
		return false;
	rec.members_slot = sub->members_slot;
	if (sub->slot == CKPT_NONE && (sub->slot = ckpt_alloc(ck)) == CKPT_NONE)
		return false;
	ckpt_put(ck, sub->slot, &rec);
	return true;
}

void
sub_store_forget(struct sub *sub)
{
	ckpt_del(sipd.subs->ck, sub->slot);
	ckpt_del(sipd.subs->ck_members, sub->members_slot);
	sub->slot = sub->members_slot = CKPT_NONE;
}

static bool
take(char **field, const char **p, const char *end)
{
	size_t len = strnlen(*p, (size_t)(end - *p));

	if (*p + len >= end || (*field = mem_strdup(*p)) == NULL)
		return false;
	*p += len + 1;
	return true;
}

static bool
take_texts(struct sub *sub, const struct sub_rec *rec, char **topic_user)
{
	const char *p = rec->text,
	           *end = p + (rec->text_len < SUB_TEXT ? rec->text_len : SUB_TEXT);
	struct dialog_id *id = &sub->id_text;
	char *bind = NULL;
	bool ok;

	ok = take(&id->call_id, &p, end) && take(&id->local, &p, end) &&
	    take(&id->remote, &p, end) && take(&id->target, &p, end) && take(&id->route, &p, end) &&
	    take(&id->next_hop, &p, end) && take(&id->contact, &p, end) && take(&bind, &p, end) &&
	    take(&sub->event, &p, end) && take(&sub->event_id, &p, end) &&
	    take(&sub->host, &p, end) && take(&sub->user, &p, end) && take(topic_user, &p, end);
	if (ok)
		sub->bind = nat_bind_find(bind);
	free(bind);
	return ok;
}

static bool
take_watches(struct sub *sub, const struct sub_rec *rec, const char *topic_user)
{
	struct ckpt *ck = sipd.subs->ck_members;
	const struct members_rec *m = NULL;
	const struct member *member;
	unsigned n = 1;

	if (rec->list) {
		m = rec->members_slot != CKPT_NONE ? ckpt_get(ck, rec->members_slot) : NULL;
		if (m == NULL || m->sub != sub->id || m->n > SUB_MEMBERS_MAX)
			return false;
		n = m->n;
		sub->members_slot = rec->members_slot;
	}
	if ((sub->watches = mem_new((n + 1) * sizeof(*sub->watches))) == NULL)
		return false;
	if (!rec->list) {
		if (!sub_watch(sub, rec->topic, topic_user, NULL))
			return false;
		sub->watches[0].sent = rec->sent;
		return true;
	}
	member = (const struct member *)(const void *)ckpt_tail(ck, sub->members_slot);
	for (unsigned i = 0; i < n; i++)
		if (!sub_watch(sub, member[i].topic, member[i].user, member[i].name))
			return false;
	return true;
}

static bool
restore(uint32_t slot, const struct sub_rec *rec)
{
	struct sub *sub = sub_new();
	char *topic_user = NULL;
	bool ok;

	if (sub == NULL)
		return false;
	sub->id = rec->id;
	sub->slot = slot;
	sub->list = rec->list != 0;
	sub->full = sub->list;
	sub->transport = rec->transport;
	sub->cseq = rec->cseq;
	sub->version = rec->version;
	sub->min_s = rec->min_s;
	sub->max_s = rec->max_s;
	sub->expires_at = rec->expires_at;
	ok = take_texts(sub, rec, &topic_user) && sub_add(sub, rec->watcher) &&
	    take_watches(sub, rec, topic_user) && sub_dialog_make(sub, rec->remote_cseq) == 0;
	free(topic_user);
	if (!ok) {
		log_warning("subscription cannot be taken up again", kv_x("sub", rec->id));
		sub->slot = CKPT_NONE;
		sub_free(sub);
		return false;
	}
	return true;
}

void
sub_store_load(void)
{
	struct ckpt *ck = sipd.subs->ck;
	uint64_t from = clock_mono_us();
	struct sub_rec copy;
	const struct sub_rec *rec;
	struct sub *sub;
	unsigned n = 0;

	for (uint32_t slot = ckpt_next(ck, 0); slot != CKPT_NONE; slot = ckpt_next(ck, slot + 1)) {
		if ((rec = ckpt_get(ck, slot)) == NULL)
			continue;
		copy = *rec;
		ckpt_enter(ck, slot);
		if (restore(slot, &copy))
			n++;
		else
			ckpt_del(ck, slot);
		ckpt_leave(ck);
	}
	ck = sipd.subs->ck_members;
	for (uint32_t slot = ckpt_next(ck, 0); slot != CKPT_NONE; slot = ckpt_next(ck, slot + 1)) {
		const struct members_rec *m = ckpt_get(ck, slot);

		sub = NULL;
		if (m != NULL)
			HASH_FIND(hh, sipd.subs->subs, &m->sub, sizeof(m->sub), sub);
		if (sub == NULL || sub->members_slot != slot)
			ckpt_del(ck, slot);
	}
	if (n > 0)
		log_info("subscriptions taken up", kv_u("subscriptions", n),
		    kv_u("us", clock_mono_us() - from));
}
