/* SPDX-License-Identifier: ISC */
/* Who is there; see presence.h. Called by watch.c alone. */
#include "featured/reg/presence.h"

#include <errno.h>
#include <string.h>

#include "common/base/ckpt.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/ipc/enums.h"
#include "featured/hash.h"
#include "featured/reg/docs.h"
#include "featured/reg/userstate.h"

#define MAGIC   0x57505231 /* "WPR1" */
#define VERSION 1

/* Fields are only ever appended. */
struct presence_rec {
	char number[EXT_NUMBER_LEN + 1];
	char message[PRESENCE_MESSAGE_LEN + 1];
	char note[PRESENCE_MESSAGE_LEN + 1]; /* published */
	char etag[PRESENCE_ETAG_LEN + 1];    /* "" nothing is published */
	uint8_t set;                         /* enum presence_status */
	uint8_t published;                   /* the same */
	uint64_t set_ms;
	uint64_t published_ms, published_until_ms;
	uint64_t last_activity_ms;
};

struct person {
	UT_hash_handle hh; /* by r.number */
	struct presence_rec r;
	uint32_t slot;
	unsigned calls;
	bool registered;
	uint8_t shown; /* enum presence_status, as told last; 0 not yet */
	char shown_message[PRESENCE_MESSAGE_LEN + 1];
	bool shown_in_call;
};

struct presence {
	const struct settings *settings;
	struct ckpt *ck; /* NULL: memory only */
	struct person *persons;
	struct userstates *users; /* NULL none */
	void (*cb)(void *arg, const char *user);
	void *arg;
	struct log_bucket log;
};

static void
put(struct presence *p, struct person *one)
{
	if (p->ck == NULL)
		return;
	if (one->slot == CKPT_NONE && (one->slot = ckpt_alloc(p->ck)) == CKPT_NONE) {
		log_limited(&p->log, LL_ERROR, "no room for another user's presence",
		    kv_s("user", one->r.number));
		return;
	}
	ckpt_put(p->ck, one->slot, &one->r);
}

static struct person *
find(const struct presence *p, const char *user)
{
	struct person *one;

	HASH_FIND_STR(p->persons, user, one);
	return one;
}

static struct person *
add(struct presence *p, const char *user)
{
	struct person *one = find(p, user);

	if (one != NULL || settings_extension(p->settings, user) == NULL)
		return one;
	if ((one = mem_new(sizeof(*one))) == NULL)
		return NULL;
	str_copy(one->r.number, sizeof(one->r.number), user);
	one->r.set = PRESENCE_AVAILABLE;
	one->slot = CKPT_NONE;
	HASH_ADD_STR(p->persons, r.number, one);
	if (!hash_added(one)) {
		free(one);
		return NULL;
	}
	return one;
}

/* What was set, with the switch in place of what was said about it. */
static uint8_t
base_of(const struct presence *p, const struct person *one, bool published)
{
	uint8_t base = published ? one->r.published : one->r.set;

	if (p->users == NULL)
		return base;
	if (userstates_get(p->users, one->r.number)->dnd)
		return PRESENCE_DND;
	return base == PRESENCE_DND && !published ? PRESENCE_AVAILABLE : base;
}

static void
turn_dnd(struct presence *p, const char *user, bool on, uint64_t now_ms)
{
	struct user_state s;

	if (p->users == NULL)
		return;
	s = *userstates_get(p->users, user);
	if ((s.dnd != 0) == on)
		return;
	str_copy(s.number, sizeof(s.number), user);
	s.dnd = on;
	userstates_set(p->users, &s, now_ms);
}

static void
view(const struct presence *p, const struct person *one, uint64_t now_ms, struct presence_view *v)
{
	const struct presence_rec *r = &one->r;
	bool published = r->etag[0] != '\0' && r->published_until_ms > now_ms &&
	    r->published_ms > r->set_ms;
	uint8_t base = base_of(p, one, published);
	uint64_t idle_s = now_ms > r->last_activity_ms ? (now_ms - r->last_activity_ms) / 1000 : 0;

	v->in_call = one->calls > 0;
	v->last_activity_ms = r->last_activity_ms;
	str_copy(v->message, sizeof(v->message), published ? r->note : r->message);
	v->status = base;
	/* Who wants to be left alone or unseen is so in a call, too. */
	if (v->in_call && base != PRESENCE_DND && base != PRESENCE_OFFLINE) {
		v->status = PRESENCE_IN_CALL;
		return;
	}
	if (base != PRESENCE_AVAILABLE)
		return;
	if (!one->registered || idle_s >= (uint64_t)p->settings->presence.auto_offline_timeout_s) {
		v->status = PRESENCE_OFFLINE;
	} else if (idle_s >= (uint64_t)p->settings->presence.auto_away_timeout_s) {
		v->status = PRESENCE_AWAY;
		str_copy(v->message, sizeof(v->message), "Auto-away");
	}
}

/* Tells when the view has changed. */
static void
look(struct presence *p, struct person *one, uint64_t now_ms)
{
	struct presence_view v;

	view(p, one, now_ms, &v);
	if (v.status == one->shown && v.in_call == one->shown_in_call &&
	    str_eq(v.message, one->shown_message))
		return;
	one->shown = v.status;
	one->shown_in_call = v.in_call;
	str_copy(one->shown_message, sizeof(one->shown_message), v.message);
	if (p->cb != NULL)
		p->cb(p->arg, one->r.number);
}

static void
active(struct presence *p, struct person *one, uint64_t now_ms)
{
	one->r.last_activity_ms = now_ms;
	put(p, one);
	look(p, one, now_ms);
}

static void
load(struct presence *p)
{
	const struct presence_rec *rec;
	struct person *one;

	for (uint32_t slot = ckpt_next(p->ck, 0); slot != CKPT_NONE;
	     slot = ckpt_next(p->ck, slot + 1)) {
		if ((rec = ckpt_get(p->ck, slot)) == NULL)
			continue;
		one = memchr(rec->number, '\0', sizeof(rec->number)) != NULL &&
		        find(p, rec->number) == NULL
		    ? add(p, rec->number)
		    : NULL;
		if (one == NULL) { /* no extension any more */
			ckpt_del(p->ck, slot);
			continue;
		}
		one->r = *rec;
		one->r.message[PRESENCE_MESSAGE_LEN] = one->r.note[PRESENCE_MESSAGE_LEN] = '\0';
		one->r.etag[PRESENCE_ETAG_LEN] = '\0';
		if (docs_status_name(one->r.set) == NULL || one->r.set == PRESENCE_IN_CALL)
			one->r.set = PRESENCE_AVAILABLE;
		one->slot = slot;
	}
}

int
presence_open(struct presence **out, const char *state_dir, const struct settings *settings)
{
	struct presence *p = mem_new(sizeof(*p));
	char path[300];
	int r;

	if (p == NULL)
		return -ENOMEM;
	p->settings = settings;
	if (state_dir != NULL) {
		str_format(path, sizeof(path), "%s/presence.ckpt", state_dir);
		r = ckpt_open(&p->ck, path, MAGIC, VERSION, sizeof(struct presence_rec), PRESENCE_MAX);
		if (r < 0) {
			mem_free(&p);
			return r;
		}
		load(p);
	}
	for (size_t i = 0; i < settings->extensions.n; i++)
		add(p, settings_extension_at(settings, i)->number);
	*out = p;
	return 0;
}

void
presence_close(struct presence **pp)
{
	struct presence *p = *pp;
	struct person *one, *next;

	if (p == NULL)
		return;
	HASH_ITER(hh, p->persons, one, next)
	{
		HASH_DEL(p->persons, one);
		free(one);
	}
	ckpt_close(&p->ck);
	mem_free(pp);
}

void
presence_settings(struct presence *p, const struct settings *settings, uint64_t now_ms)
{
	struct person *one, *next;

	p->settings = settings;
	HASH_ITER(hh, p->persons, one, next)
	{
		if (settings_extension(settings, one->r.number) != NULL)
			continue;
		HASH_DEL(p->persons, one);
		if (p->ck != NULL)
			ckpt_del(p->ck, one->slot);
		free(one);
	}
	for (size_t i = 0; i < settings->extensions.n; i++)
		add(p, settings_extension_at(settings, i)->number);
	presence_tick(p, now_ms);
}

void
presence_watch(struct presence *p, void (*cb)(void *arg, const char *user), void *arg)
{
	p->cb = cb;
	p->arg = arg;
}

bool
presence_get(struct presence *p, const char *user, uint64_t now_ms, struct presence_view *out)
{
	const struct person *one = find(p, user);

	if (one == NULL)
		return false;
	view(p, one, now_ms, out);
	return true;
}

uint8_t
presence_status_of(const char *name)
{
	for (uint8_t s = PRESENCE_AVAILABLE; s <= PRESENCE_OFFLINE; s++)
		if (str_eq(docs_status_name(s), name))
			return s;
	return 0;
}

uint16_t
presence_set(struct presence *p, const char *user, uint8_t status, const char *message,
    uint64_t now_ms)
{
	struct person *one = find(p, user);

	if (docs_status_name(status) == NULL)
		return 400;
	if (status == PRESENCE_IN_CALL)
		return 409;
	if (one == NULL)
		return 404;
	one->r.set = status;
	one->r.set_ms = now_ms > one->r.published_ms ? now_ms : one->r.published_ms;
	str_copy(one->r.message, sizeof(one->r.message), message);
	turn_dnd(p, user, status == PRESENCE_DND, now_ms);
	active(p, one, now_ms);
	return 0;
}

void
presence_users(struct presence *p, struct userstates *users)
{
	p->users = users;
}

void
presence_activity(struct presence *p, const char *user, uint64_t now_ms)
{
	struct person *one = find(p, user);

	if (one != NULL)
		active(p, one, now_ms);
}

void
presence_registered(struct presence *p, const char *user, bool registered, uint64_t now_ms)
{
	struct person *one = find(p, user);

	if (one == NULL || one->registered == registered)
		return;
	one->registered = registered;
	if (registered)
		active(p, one, now_ms);
	else
		look(p, one, now_ms);
}

void
presence_calls(struct presence *p, const char *user, unsigned calls, uint64_t now_ms)
{
	struct person *one = find(p, user);

	if (one == NULL || one->calls == calls)
		return;
	one->calls = calls;
	active(p, one, now_ms);
}

void
presence_dnd(struct presence *p, const char *user, uint64_t now_ms)
{
	struct person *one = find(p, user);

	if (one != NULL)
		active(p, one, now_ms);
}

uint16_t
presence_publish(struct presence *p, const char *user, const char *etag_in, uint8_t status,
    const char *note, uint32_t expires_s, char *etag_out, uint64_t now_ms)
{
	struct person *one = find(p, user);
	struct presence_rec *r;

	if (one == NULL)
		return 404;
	r = &one->r;
	if (etag_in[0] != '\0' &&
	    (!str_eq(etag_in, r->etag) || r->published_until_ms <= now_ms))
		return 412;
	if (expires_s == 0) {
		r->etag[0] = '\0';
		etag_out[0] = '\0';
		active(p, one, now_ms);
		return 0;
	}
	/* Two phones of one user: the later one counts, and the other hears 412 and begins anew. */
	id_text(r->etag, PRESENCE_ETAG_LEN);
	str_copy(etag_out, PRESENCE_ETAG_LEN + 1, r->etag);
	r->published_until_ms = now_ms + (uint64_t)expires_s * 1000;
	if (status == 0) { /* a refresh is no activity */
		put(p, one);
		return 0;
	}
	r->published = status;
	r->published_ms = now_ms > r->set_ms ? now_ms : r->set_ms + 1;
	str_copy(r->note, sizeof(r->note), note);
	turn_dnd(p, user, status == PRESENCE_DND, now_ms);
	active(p, one, now_ms);
	return 0;
}

void
presence_tick(struct presence *p, uint64_t now_ms)
{
	struct person *one, *next;

	HASH_ITER(hh, p->persons, one, next)
	{
		if (one->r.etag[0] != '\0' && one->r.published_until_ms <= now_ms) {
			one->r.etag[0] = '\0';
			put(p, one);
		}
		look(p, one, now_ms);
	}
}
