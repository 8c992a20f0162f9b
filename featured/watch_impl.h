/* SPDX-License-Identifier: ISC */
/* Between watch.c (topics) and watch_ask.c (requests). */
#ifndef WARDEN_FEATURED_WATCH_IMPL_H
#define WARDEN_FEATURED_WATCH_IMPL_H

#include <sys/queue.h>

#include "common/base/log.h"
#include "featured/hash.h"
#include "featured/watch.h"

enum watch_event {
	WATCH_NONE,
	WATCH_PRESENCE,
	WATCH_DIALOG,
	WATCH_SUMMARY,
	WATCH_EVENTS,
};

struct topic {
	UT_hash_handle hh;
	STAILQ_ENTRY(topic) next; /* while dirty */
	uint64_t id;
	uint64_t hash; /* of what sipd was told */
	enum watch_event event;
	uint32_t round; /* of reconciliations, when sipd named it last */
	bool dirty;
	char user[65];
};

struct watch {
	const struct settings *settings;
	struct watch_env env;
	struct presence *presence;
	struct lamps *lamps;
	struct topic *topics;
	STAILQ_HEAD(, topic) dirty;
	uint32_t round;
	uint64_t now_ms; /* as told last, at most a second ago */
	uint64_t lists; /* what was in the resource lists */
	struct log_bucket log;
};

enum watch_event watch_event_of(const char *name);
uint64_t watch_topic_id(enum watch_event event, const char *user);
bool watch_exists(const struct watch *w, enum watch_event event, const char *user);
void watch_topic(struct watch *w, const struct msg_sync_topic *m, uint64_t now_ms);
bool watch_is_watched(const struct watch *w, enum watch_event event, const char *user);
/*
 * Message waiting, not asked for, to the user's phones that have registered since (Unix ms; 0: all, as something has
 * changed). An empty mailbox is told when it becomes that and when a phone registers, but not at each refresh after.
 * One that has asked for it is told by its subscription: a user's only phone is not told twice.
 */
void watch_notice(struct watch *w, const char *user, uint64_t since_ms, uint64_t now_ms);
void watch_idle(struct watch *w, uint64_t id);

#endif
