/* SPDX-License-Identifier: ISC */
/* Calls by number; see lamps.h. */
#include "featured/lamps.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/mem.h"
#include "featured/hash.h"

struct entry {
	TAILQ_ENTRY(entry) next; /* of its user */
	struct lamp_user *user;
	struct core_party party;
};

struct lamp_user {
	UT_hash_handle hh;
	char name[65];
	size_t n;
	TAILQ_HEAD(, entry) entries;
};

struct lamp_call {
	UT_hash_handle hh;
	uint8_t id[UUID_LEN];
	size_t n;
	struct entry entries[];
};

struct lamps {
	struct lamp_user *users;
	struct lamp_call *calls;
	void (*changed)(void *arg, const char *user);
	void *arg;
};

int
lamps_new(struct lamps **out, void (*changed)(void *arg, const char *user), void *arg)
{
	struct lamps *l = mem_new(sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	l->changed = changed;
	l->arg = arg;
	*out = l;
	return 0;
}

static void
leave(struct lamps *l, struct entry *e)
{
	struct lamp_user *u = e->user;

	if (u == NULL)
		return;
	TAILQ_REMOVE(&u->entries, e, next);
	if (--u->n > 0)
		return;
	HASH_DEL(l->users, u);
	free(u);
}

void
lamps_free(struct lamps **pl)
{
	struct lamps *l = *pl;
	struct lamp_call *call, *next;

	if (l == NULL)
		return;
	HASH_ITER(hh, l->calls, call, next)
	{
		for (size_t i = 0; i < call->n; i++)
			leave(l, &call->entries[i]);
		HASH_DEL(l->calls, call);
		free(call);
	}
	mem_free(pl);
}

static struct lamp_user *
user_of(struct lamps *l, const char *name)
{
	struct lamp_user *u;

	HASH_FIND_STR(l->users, name, u);
	if (u != NULL || (u = mem_new(sizeof(*u))) == NULL)
		return u;
	str_copy(u->name, sizeof(u->name), name);
	TAILQ_INIT(&u->entries);
	HASH_ADD_STR(l->users, name, u);
	if (!hash_added(u)) {
		free(u);
		return NULL;
	}
	return u;
}

/* Without memory the lamp stays dark: nothing else depends on it. */
static void
enter(struct lamps *l, struct entry *e, const struct core_party *party)
{
	e->party = *party;
	e->user = user_of(l, party->user);
	if (e->user == NULL)
		return;
	e->user->n++;
	TAILQ_INSERT_TAIL(&e->user->entries, e, next);
}

void
lamps_parties(struct lamps *l, const uint8_t id[UUID_LEN], const struct core_party *parties, size_t n)
{
	struct lamp_call *was, *now = NULL;

	HASH_FIND(hh, l->calls, id, UUID_LEN, was);
	if (was != NULL)
		HASH_DEL(l->calls, was);
	if (n > 0 && (now = mem_new(sizeof(*now) + n * sizeof(now->entries[0]))) != NULL) {
		memcpy(now->id, id, UUID_LEN);
		HASH_ADD(hh, l->calls, id, UUID_LEN, now);
		if (!hash_added(now))
			mem_free(&now);
	}
	for (size_t i = 0; was != NULL && i < was->n; i++)
		leave(l, &was->entries[i]);
	for (size_t i = 0; now != NULL && i < n; i++)
		enter(l, &now->entries[now->n++], &parties[i]);
	for (size_t i = 0; was != NULL && i < was->n; i++)
		l->changed(l->arg, was->entries[i].party.user);
	for (size_t i = 0; now != NULL && i < now->n; i++)
		l->changed(l->arg, now->entries[i].party.user);
	free(was);
}

static void
fill(struct docs_dialog *out, const struct core_party *p)
{
	*out = (struct docs_dialog){
		.leg = p->leg, .state = p->state, .initiator = p->initiator != 0, .held = p->held != 0
	};
	str_copy(out->remote, sizeof(out->remote), p->remote);
	str_copy(out->remote_name, sizeof(out->remote_name), p->remote_name);
}

size_t
lamps_dialogs(const struct lamps *l, const char *user, struct docs_dialog *out, size_t max)
{
	const struct lamp_user *u;
	const struct entry *e;
	size_t n = 0;

	HASH_FIND_STR(l->users, user, u);
	if (u == NULL)
		return 0;
	for (uint8_t state = CORE_PARTY_CONFIRMED; state >= CORE_PARTY_TRYING; state--)
		TAILQ_FOREACH(e, &u->entries, next)
		if (e->party.state == state && n < max)
			fill(&out[n++], &e->party);
	return u->n;
}
