/* SPDX-License-Identifier: ISC */
/*
 * Who is there: the state of each extension's user (CONTRACT section 3), out of what was set (over
 * the API, or by a phone's PUBLISH), of whether a phone is registered, of calls, and of how long
 * nothing has happened. What was set lies in state_dir/presence.ckpt, a checkpoint on disk, so that
 * a change costs a memory copy and survives.
 *
 * Main thread only. No clock of its own: now_ms is Unix time.
 */
#ifndef WARDEN_REG_PRESENCE_H
#define WARDEN_REG_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "featured/settings.h"

#define PRESENCE_MESSAGE_LEN 128
#define PRESENCE_ETAG_LEN    24
#define PRESENCE_MAX         20000

struct presence;
struct userstates;

/* As others see a user now. */
struct presence_view {
	uint8_t status; /* enum presence_status */
	char message[PRESENCE_MESSAGE_LEN + 1];
	bool in_call;
	uint64_t last_activity_ms; /* 0 never */
};

/* state_dir NULL: memory only. settings: until presence_settings(). Returns 0 or -errno. */
int presence_open(struct presence **out, const char *state_dir, const struct settings *settings);
void presence_close(struct presence **p);
/* After a reload: extensions that are gone are forgotten. */
void presence_settings(struct presence *p, const struct settings *settings, uint64_t now_ms);

/* cb is called for each user whose view has changed. */
void presence_watch(struct presence *p, void (*cb)(void *arg, const char *user), void *arg);

/*
 * do_not_disturb is the switch of reg/userstate.h, which calls go by: users may be NULL, then it is
 * only a word.
 */
void presence_users(struct presence *p, struct userstates *users);

/* False: no such extension. */
bool presence_get(struct presence *p, const char *user, uint64_t now_ms, struct presence_view *out);

/* Returns 0, 400 (no such status), 404 or 409 (in_call is automatic). Activity, too. */
uint16_t presence_set(struct presence *p, const char *user, uint8_t status, const char *message,
    uint64_t now_ms);

/* The user did something. */
void presence_activity(struct presence *p, const char *user, uint64_t now_ms);
/* Phones of the user are registered or no longer; a first one is activity. */
void presence_registered(struct presence *p, const char *user, bool registered, uint64_t now_ms);
/* The number of calls that the user is in; a change is activity. */
void presence_calls(struct presence *p, const char *user, unsigned calls, uint64_t now_ms);
/* The user's do-not-disturb switch (reg/userstate.h) was turned. */
void presence_dnd(struct presence *p, const char *user, uint64_t now_ms);

/*
 * A publication (RFC 3903). etag_in: "" a new one; status 0: only refresh. expires_s 0 removes.
 * etag_out has PRESENCE_ETAG_LEN + 1 bytes. Returns 0, 404, or 412. What is published counts until
 * it expires or something else is set.
 */
uint16_t presence_publish(struct presence *p, const char *user, const char *etag_in, uint8_t status,
    const char *note, uint32_t expires_s, char *etag_out, uint64_t now_ms);

/* Away, offline, and publications that have run out. Once a second. */
void presence_tick(struct presence *p, uint64_t now_ms);

/* "available" and so on to enum presence_status; 0: none. */
uint8_t presence_status_of(const char *name);

#endif
