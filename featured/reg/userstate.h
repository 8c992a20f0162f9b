/* SPDX-License-Identifier: ISC */
/*
 * What an extension's user has set by feature codes or over the API (do not disturb, forwards,
 * blacklist, speed dials), and whom it spoke to last. All of it is in memory; what is set lies in
 * state_dir/users.ckpt, a checkpoint on disk (common/base/ckpt.h), so that a change costs a memory
 * copy and survives a kill, and the table user_state is a copy (userstate_db.c). Who called last is
 * in own_dir/recents.ckpt alone: it changes with each call, and a reboot may forget it.
 *
 * What is set in featured.yml is not here. Read by the dialplan and the call core, changed by the
 * core (feature codes) and from_apid.c. Main thread only.
 */
#ifndef WARDEN_REG_USERSTATE_H
#define WARDEN_REG_USERSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USER_NUMBER_LEN    64
#define USER_CALLER_LEN    32 /* of a number in a blacklist or behind a speed dial */
#define USER_BLACKLIST_MAX 32
#define USER_SPEED_DIALS   100 /* 00 to 99 */
#define USERS_MAX          20000

enum user_forward {
	USER_FORWARD_ALL,
	USER_FORWARD_BUSY,
	USER_FORWARD_NOANSWER,
	USER_FORWARD_UNREGISTERED,
	USER_FORWARDS,
};

/* In users.ckpt: fields are only ever appended. */
struct user_state {
	char number[USER_NUMBER_LEN + 1]; /* the extension */
	uint8_t dnd;
	uint8_t reject_anonymous;
	uint8_t no_call_waiting; /* one call at a time */
	uint64_t changed_ms;     /* Unix ms: the later of two copies counts */
	char forward[USER_FORWARDS][USER_NUMBER_LEN + 1]; /* "" off */
	char blacklist[USER_BLACKLIST_MAX][USER_CALLER_LEN + 1]; /* "" free */
	char speed_dial[USER_SPEED_DIALS][USER_CALLER_LEN + 1];  /* "" not set */
};

/* In recents.ckpt. */
struct user_recent {
	char number[USER_NUMBER_LEN + 1];
	char last_caller[USER_NUMBER_LEN + 1]; /* "" none, or anonymous */
	char last_dialled[USER_NUMBER_LEN + 1];
	uint64_t last_call_ms; /* when its last answered call ended; 0 never */
};

struct userstates;
struct db;

/* Opens (or makes) the two files. Returns 0 or -errno. */
int userstates_open(struct userstates **out, const char *state_dir, const char *own_dir);
/* With room for max users alone. */
int userstates_open_for(struct userstates **out, const char *state_dir, const char *own_dir,
    uint32_t max);
void userstates_close(struct userstates **u);

/* Never NULL: who has set nothing has zeros. Valid until the next change. u may be NULL. */
const struct user_state *userstates_get(const struct userstates *u, const char *number);
const struct user_recent *userstates_recent(const struct userstates *u, const char *number);

/*
 * Takes the place of what was set for state->number; changed_ms is set here to now_ms, or later
 * when the copy before was. Returns 0, or -ENOSPC when there are too many, -ENOTSUP without u.
 */
int userstates_set(struct userstates *u, const struct user_state *state, uint64_t now_ms);

/* Remembers the caller ("" anonymous), the number dialled, the end of an answered call. */
void userstates_called(struct userstates *u, const char *number, const char *caller);
void userstates_dialled(struct userstates *u, const char *number, const char *dialled);
void userstates_ended(struct userstates *u, const char *number, uint64_t now_ms);

/* Each one that has set something. */
void userstates_each(const struct userstates *u,
    void (*cb)(void *arg, const struct user_state *), void *arg);
size_t userstates_count(const struct userstates *u);

/* Entries of a blacklist are numbers; one that ends in '*' stands for all that begin so. */
bool user_entry_matches(const char *entry, const char *caller);
bool user_blacklisted(const struct user_state *s, const char *caller);

/* False: there is no room, or it is too long. Adding twice is once. */
bool user_blacklist_add(struct user_state *s, const char *caller);
bool user_blacklist_remove(struct user_state *s, const char *caller); /* false: not there */

/*
 * Lists as text, for IPC and the database: "0123 +4930*", and "00=1002 17=004930". Reading checks
 * what it reads; false leaves the state half changed.
 */
struct buf;
void user_blacklist_print(const struct user_state *s, struct buf *out);
bool user_blacklist_read(struct user_state *s, const char *text);
void user_speed_print(const struct user_state *s, struct buf *out);
bool user_speed_read(struct user_state *s, const char *text);
/* A number that can be dialled or called from: digits, letters, '+', '*', '#', '.', '_', '-'. */
bool user_number_ok(const char *number, size_t max);

const char *user_forward_name(enum user_forward kind); /* "forward_all", as in feature_codes */

/* Called after each change; userstate_db.c's. */
void userstates_watch(struct userstates *u, void (*cb)(void *arg, const struct user_state *),
    void *arg);
/* The same for one more: presence, whose do-not-disturb this is. Also told of userstates_take(). */
void userstates_follow(struct userstates *u, void (*cb)(void *arg, const struct user_state *),
    void *arg);
/* As userstates_set(), but with its own changed_ms, and the watcher is not told. */
int userstates_take(struct userstates *u, const struct user_state *state);

/* userstate_db.c: keeps the table user_state like this, and reads it at the start. */
struct userstates_db;
int userstates_db_open(struct userstates_db **out, struct userstates *u, struct db *db);
void userstates_db_close(struct userstates_db **d);

#endif
