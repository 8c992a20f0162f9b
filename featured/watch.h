/* SPDX-License-Identifier: ISC */
/*
 * What is watched by subscriptions, and what it looks like: topics (one event package of one user),
 * and the answers to SUBSCRIBE and PUBLISH. sipd has the subscriptions and says which topics there
 * are; here a topic is made into a document once for each change, at the end of the turn. Nothing
 * of this is stored: after a restart sipd names the topics again (common/ipc/schema/watch.def).
 */
#ifndef WARDEN_FEATURED_WATCH_H
#define WARDEN_FEATURED_WATCH_H

#include "common/ipc/peer.h"
#include "featured/lamps.h"
#include "featured/reg/auth.h"
#include "featured/reg/bindings.h"
#include "featured/reg/presence.h"
#include "featured/reg/texts.h"

struct watch;

/* A mailbox's messages: heard (old) and not (fresh), and how many of each are urgent. */
struct watch_mailbox {
	unsigned fresh, old, fresh_urgent, old_urgent;
};

struct watch_env {
	struct auth *auth;
	struct bindings *bindings;
	struct userstates *users; /* may be NULL */
	/* Sends to sipd; what is lost while it is away it asks for again. */
	void (*send)(void *arg, uint16_t type, const void *body);
	/* False: the user has no mailbox. May be NULL: nobody has one. */
	bool (*mailbox)(void *arg, const char *user, struct watch_mailbox *out);
	/* core_leg_ends(). May be NULL: no call is known. */
	uint16_t (*leg_ends)(void *arg, uint64_t leg, char *who, char *other);
	struct texts *texts; /* may be NULL: MESSAGE is refused with 405 */
	void *arg;
};

/* state_dir: for presence; NULL: in memory alone. Returns 0 or -errno. */
int watch_new(struct watch **out, const char *state_dir, const struct settings *settings,
    const struct watch_env *env, uint64_t now_ms);
void watch_free(struct watch **w);
void watch_settings(struct watch *w, const struct settings *settings, uint64_t now_ms);

struct presence *watch_presence(struct watch *w);
struct lamps *watch_lamps(struct watch *w);

/* Messages of sipd. False: none of these. now_ms: Unix time. */
bool watch_sipd(struct watch *w, struct ipc_peer *peer, const struct ipc_msg *msg, uint64_t now_ms);
/* Requests of apid about presence. False: none of these. */
bool watch_apid(struct watch *w, struct ipc_peer *peer, const struct ipc_msg *msg, uint64_t now_ms);
/* The reconciliation begins and ends: topics that were not named are forgotten. */
void watch_sync_begin(struct watch *w);
void watch_sync_end(struct watch *w);

/* What changed. */
void watch_registered(struct watch *w, const char *user, bool registered, uint64_t now_ms);
void watch_mailbox_changed(struct watch *w, const char *user, uint64_t now_ms);

/* Once a second. */
void watch_tick(struct watch *w, uint64_t now_ms);
/* At the end of a turn: sends the documents of topics that changed. */
void watch_flush(struct watch *w, uint64_t now_ms);

size_t watch_topics(const struct watch *w);

#endif
