/* SPDX-License-Identifier: ISC */
/* See userstate.h: the two checkpoints, the tables over them by number, and the lists as text. */
#include "featured/reg/userstate.h"

#include <errno.h>
#include <string.h>

#include <uthash.h>

#include "common/base/buf.h"
#include "common/base/ckpt.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define STATES_MAGIC  0x57555352 /* "WUSR" */
#define RECENTS_MAGIC 0x57524543 /* "WREC" */
#define VERSION       1

/* A number and where its record is. The record itself is read from the map. */
struct entry {
	UT_hash_handle hh;
	uint32_t slot;
	char number[USER_NUMBER_LEN + 1];
};

struct table {
	struct ckpt *ck;
	struct entry *by_number;
};

struct userstates {
	struct table states;
	struct table recents;
	void (*changed)(void *arg, const struct user_state *);
	void (*followed)(void *arg, const struct user_state *);
	void *follow_arg;
	void *arg;
	struct log_bucket bucket;
};

static const struct user_state no_state;
static const struct user_recent no_recent;

/*
 * Tables.
 */

static struct entry *
find(const struct table *t, const char *number)
{
	struct entry *e;

	HASH_FIND_STR(t->by_number, number, e);
	return e;
}

static struct entry *
enter(struct table *t, const char *number, uint32_t slot)
{
	struct entry *e = mem_new(sizeof(*e));

	if (e == NULL)
		return NULL;
	e->slot = slot;
	str_copy(e->number, sizeof(e->number), number);
	HASH_ADD_STR(t->by_number, number, e);
	return e;
}

/* The number is the first field of both kinds of record. */
static int
table_open(struct table *t, const char *dir, const char *name, uint32_t magic, size_t size,
    uint32_t max)
{
	char path[300], number[USER_NUMBER_LEN + 1];
	const char *rec;
	int r;

	if (!str_format(path, sizeof(path), "%s/%s", dir, name))
		return -ENAMETOOLONG;
	r = ckpt_open(&t->ck, path, magic, VERSION, size, max);
	if (r != 0)
		return r;
	for (uint32_t s = ckpt_next(t->ck, 0); s != CKPT_NONE; s = ckpt_next(t->ck, s + 1)) {
		rec = ckpt_get(t->ck, s);
		str_ncopy(number, sizeof(number), rec != NULL ? rec : "",
		    rec != NULL ? strnlen(rec, USER_NUMBER_LEN) : 0);
		if (number[0] == '\0' || find(t, number) != NULL)
			ckpt_del(t->ck, s);
		else if (enter(t, number, s) == NULL)
			return -ENOMEM;
	}
	return 0;
}

static void
table_close(struct table *t)
{
	struct entry *e, *tmp;

	HASH_ITER(hh, t->by_number, e, tmp)
	{
		HASH_DEL(t->by_number, e);
		free(e);
	}
	ckpt_close(&t->ck);
}

static const void *
table_get(const struct table *t, const char *number)
{
	const struct entry *e = find(t, number);

	return e != NULL ? ckpt_get(t->ck, e->slot) : NULL;
}

static int
table_put(struct table *t, const char *number, const void *rec)
{
	struct entry *e = find(t, number);
	uint32_t slot;

	if (e == NULL) {
		slot = ckpt_alloc(t->ck);
		if (slot == CKPT_NONE)
			return -ENOSPC;
		if ((e = enter(t, number, slot)) == NULL) {
			ckpt_del(t->ck, slot);
			return -ENOMEM;
		}
	}
	ckpt_put(t->ck, e->slot, rec);
	return 0;
}

/*
 * The interface.
 */

int
userstates_open(struct userstates **out, const char *state_dir, const char *own_dir)
{
	return userstates_open_for(out, state_dir, own_dir, USERS_MAX);
}

int
userstates_open_for(struct userstates **out, const char *state_dir, const char *own_dir,
    uint32_t max)
{
	struct userstates *u = mem_new(sizeof(*u));
	int r;

	if (u == NULL)
		return -ENOMEM;
	r = table_open(&u->states, state_dir, "users.ckpt", STATES_MAGIC,
	    sizeof(struct user_state), max);
	if (r == 0)
		r = table_open(&u->recents, own_dir, "recents.ckpt", RECENTS_MAGIC,
		    sizeof(struct user_recent), max);
	if (r != 0) {
		userstates_close(&u);
		return r;
	}
	*out = u;
	return 0;
}

void
userstates_close(struct userstates **u)
{
	if (*u == NULL)
		return;
	table_close(&(*u)->states);
	table_close(&(*u)->recents);
	mem_free(u);
}

const struct user_state *
userstates_get(const struct userstates *u, const char *number)
{
	const struct user_state *s = u != NULL ? table_get(&u->states, number) : NULL;

	return s != NULL ? s : &no_state;
}

const struct user_recent *
userstates_recent(const struct userstates *u, const char *number)
{
	const struct user_recent *r = u != NULL ? table_get(&u->recents, number) : NULL;

	return r != NULL ? r : &no_recent;
}

int
userstates_take(struct userstates *u, const struct user_state *state)
{
	int r;

	if (u == NULL)
		return -ENOTSUP;
	r = table_put(&u->states, state->number, state);
	if (r != 0)
		log_limited(&u->bucket, LL_ERROR, "a user's state cannot be kept",
		    kv_s("extension", state->number), kv_s("why", strerror(-r)));
	else if (u->followed != NULL)
		u->followed(u->follow_arg, state);
	return r;
}

int
userstates_set(struct userstates *u, const struct user_state *state, uint64_t now_ms)
{
	const struct user_state *before = userstates_get(u, state->number);
	struct user_state s = *state;
	int r;

	s.changed_ms = now_ms > before->changed_ms ? now_ms : before->changed_ms + 1;
	r = userstates_take(u, &s);
	if (r == 0 && u->changed != NULL)
		u->changed(u->arg, &s);
	return r;
}

void
userstates_watch(struct userstates *u, void (*cb)(void *arg, const struct user_state *), void *arg)
{
	u->changed = cb;
	u->arg = arg;
}

void
userstates_follow(struct userstates *u, void (*cb)(void *arg, const struct user_state *), void *arg)
{
	u->followed = cb;
	u->follow_arg = arg;
}

static void
put_recent(struct userstates *u, struct user_recent *r, const char *number)
{
	int e;

	str_copy(r->number, sizeof(r->number), number);
	if ((e = table_put(&u->recents, number, r)) != 0)
		log_limited(&u->bucket, LL_WARNING, "a user's last call cannot be kept",
		    kv_s("extension", number), kv_s("why", strerror(-e)));
}

void
userstates_called(struct userstates *u, const char *number, const char *caller)
{
	struct user_recent r = *userstates_recent(u, number);

	if (u == NULL || strcmp(r.last_caller, caller) == 0)
		return;
	str_copy(r.last_caller, sizeof(r.last_caller), caller);
	put_recent(u, &r, number);
}

void
userstates_dialled(struct userstates *u, const char *number, const char *dialled)
{
	struct user_recent r = *userstates_recent(u, number);

	if (u == NULL || strcmp(r.last_dialled, dialled) == 0)
		return;
	str_copy(r.last_dialled, sizeof(r.last_dialled), dialled);
	put_recent(u, &r, number);
}

void
userstates_ended(struct userstates *u, const char *number, uint64_t now_ms)
{
	struct user_recent r = *userstates_recent(u, number);

	if (u == NULL)
		return;
	r.last_call_ms = now_ms;
	put_recent(u, &r, number);
}

void
userstates_each(const struct userstates *u, void (*cb)(void *arg, const struct user_state *),
    void *arg)
{
	const struct user_state *s;

	for (uint32_t i = ckpt_next(u->states.ck, 0); i != CKPT_NONE;
	     i = ckpt_next(u->states.ck, i + 1))
		if ((s = ckpt_get(u->states.ck, i)) != NULL)
			cb(arg, s);
}

size_t
userstates_count(const struct userstates *u)
{
	return HASH_COUNT(u->states.by_number);
}

/*
 * Lists.
 */

bool
user_number_ok(const char *number, size_t max)
{
	size_t n = strspn(number,
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+*#._-");

	return n > 0 && n <= max && number[n] == '\0';
}

bool
user_entry_matches(const char *entry, const char *caller)
{
	size_t n = strlen(entry);

	if (n > 1 && entry[n - 1] == '*')
		return strncmp(entry, caller, n - 1) == 0;
	return n > 0 && strcmp(entry, caller) == 0;
}

bool
user_blacklisted(const struct user_state *s, const char *caller)
{
	for (size_t i = 0; i < USER_BLACKLIST_MAX; i++)
		if (user_entry_matches(s->blacklist[i], caller))
			return true;
	return false;
}

static char *
blacklist_find(struct user_state *s, const char *entry)
{
	for (size_t i = 0; i < USER_BLACKLIST_MAX; i++)
		if (strcmp(s->blacklist[i], entry) == 0)
			return s->blacklist[i];
	return NULL;
}

bool
user_blacklist_add(struct user_state *s, const char *caller)
{
	char *free_one;

	if (!user_number_ok(caller, USER_CALLER_LEN))
		return false;
	if (blacklist_find(s, caller) != NULL)
		return true;
	free_one = blacklist_find(s, "");
	return free_one != NULL && str_copy(free_one, USER_CALLER_LEN + 1, caller);
}

bool
user_blacklist_remove(struct user_state *s, const char *caller)
{
	char *entry = caller[0] != '\0' ? blacklist_find(s, caller) : NULL;

	if (entry == NULL)
		return false;
	memset(entry, 0, USER_CALLER_LEN + 1);
	return true;
}

void
user_blacklist_print(const struct user_state *s, struct buf *out)
{
	bool first = true;

	for (size_t i = 0; i < USER_BLACKLIST_MAX; i++) {
		if (s->blacklist[i][0] == '\0')
			continue;
		buf_fmt(out, "%s%s", first ? "" : " ", s->blacklist[i]);
		first = false;
	}
	buf_str(out, "");
}

void
user_speed_print(const struct user_state *s, struct buf *out)
{
	bool first = true;

	for (size_t i = 0; i < USER_SPEED_DIALS; i++) {
		if (s->speed_dial[i][0] == '\0')
			continue;
		buf_fmt(out, "%s%02zu=%s", first ? "" : " ", i, s->speed_dial[i]);
		first = false;
	}
	buf_str(out, "");
}

/* The next word of *text into word (size bytes); false at the end, or when it is too long. */
static bool
next_word(const char **text, char *word, size_t size, bool *bad)
{
	size_t n;

	*text += strspn(*text, " ");
	n = strcspn(*text, " ");
	if (n == 0)
		return false;
	if (!str_ncopy(word, size, *text, n)) {
		*bad = true;
		return false;
	}
	*text += n;
	return true;
}

bool
user_blacklist_read(struct user_state *s, const char *text)
{
	char word[USER_CALLER_LEN + 1];
	bool bad = false;

	memset(s->blacklist, 0, sizeof(s->blacklist));
	while (next_word(&text, word, sizeof(word), &bad))
		if (!user_blacklist_add(s, word))
			return false;
	return !bad;
}

bool
user_speed_read(struct user_state *s, const char *text)
{
	char word[USER_CALLER_LEN + 4];
	bool bad = false;
	int64_t slot;

	memset(s->speed_dial, 0, sizeof(s->speed_dial));
	while (next_word(&text, word, sizeof(word), &bad)) {
		if (strlen(word) < 4 || word[2] != '=')
			return false;
		word[2] = '\0';
		if (str_to_i64(word, 0, USER_SPEED_DIALS - 1, &slot) < 0 ||
		    !user_number_ok(word + 3, USER_CALLER_LEN))
			return false;
		str_copy(s->speed_dial[slot], USER_CALLER_LEN + 1, word + 3);
	}
	return !bad;
}

const char *
user_forward_name(enum user_forward kind)
{
	switch (kind) {
	case USER_FORWARD_ALL:
		return "forward_all";
	case USER_FORWARD_BUSY:
		return "forward_busy";
	case USER_FORWARD_NOANSWER:
		return "forward_noanswer";
	case USER_FORWARD_UNREGISTERED:
		return "forward_unregistered";
	case USER_FORWARDS:
		break;
	}
	return "?";
}
