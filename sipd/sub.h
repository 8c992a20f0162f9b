/* SPDX-License-Identifier: ISC */
/*
 * Subscriptions (RFC 6665): one dialog each, with a watch on one topic, or on many when it is of a
 * resource list. What a topic's document says is featured's; here it is bytes, of which each
 * subscription gets the newest.
 *
 * There is no queue: a topic has its latest document, a subscription has at most one NOTIFY under
 * way, and when that is answered it gets the then latest one, if that is another. Documents in
 * between are left out; so is, by a bucket of BURST, what comes faster than RATE_MS.
 *
 * subs.ckpt has all of it, written before the NOTIFY is sent: CSeq and version only go up, whatever
 * dies. The first header of its users: it says what sofia's callbacks get.
 */
#ifndef WARDEN_SIPD_SUB_H
#define WARDEN_SIPD_SUB_H

#define NTA_LEG_MAGIC_T      struct sub
#define NTA_OUTGOING_MAGIC_T struct sub

#include <sys/queue.h>

#include "sipd/leg.h"
#include "sipd/sub_words.h"

#define SUBS_MAX        32768 /* that the checkpoint has room for */
#define SUB_LISTS_MAX   1024
#define SUB_MEMBERS_MAX 256
#define SUB_PER_WATCHER 1000 /* subscriptions of one extension */

struct sub;
struct topic;

/* A subscription's eye on a topic. */
struct watch {
	TAILQ_ENTRY(watch) next; /* in its topic */
	struct sub *sub;
	struct topic *topic;
	uint64_t sent; /* hash of the document that the far end is known to have, 0 none */
	uint64_t sending;
	char *name;    /* in a list */
};

struct topic {
	UT_hash_handle hh;
	uint64_t id;
	char event[33];
	char user[65];
	uint64_t hash; /* of the document, 0: featured has not said it yet */
	char content_type[65];
	struct blob body;
	TAILQ_HEAD(, watch) watches;
};

/* How many subscriptions an extension has. */
struct watcher {
	UT_hash_handle hh;
	unsigned n;
	char name[65];
};

struct sub {
	UT_hash_handle hh; /* in sipd.subs->subs */
	uint64_t id;
	struct dialog_id id_text;
	const char *bind;
	nta_leg_t *dialog;
	nta_outgoing_t *orq; /* the NOTIFY under way */
	struct watcher *watcher;
	struct watch *watches;
	unsigned nwatches;
	bool list;
	bool full;     /* the next NOTIFY of a list names all of its members */
	bool fetch;    /* it wants one document and ends: waits for that */
	bool force;    /* a NOTIFY is due, news or not: the answer to a SUBSCRIBE */
	bool by_udp;   /* too long for a packet, but TCP was tried in vain */
	bool by_tcp;   /* the NOTIFY under way goes by TCP for its length */
	bool busy;     /* inside a callback: do not free */
	bool gone;     /* free it */
	uint8_t transport;
	const char *ending; /* reason of the last NOTIFY, "" without; NULL: goes on */
	uint32_t cseq;
	uint32_t version;
	uint32_t min_s, max_s;
	uint64_t expires_at; /* monotonic ms */
	uint64_t retry_at;   /* no NOTIFY before: the far end did not answer */
	uint8_t failures;
	uint8_t tokens; /* of the bucket */
	uint64_t token_at;
	TAILQ_ENTRY(sub) next_late; /* in subs->late, while is_late */
	bool is_late;
	char *event;    /* "dialog" */
	char *event_id; /* the parameter, "" none */
	char *host;     /* of the URI that was subscribed to */
	char *user;     /* the same's user: the topic's, or the list's name */
	uint32_t slot, members_slot;
};

struct subs {
	struct sub *subs;
	struct topic *topics;
	struct watcher *watchers;
	TAILQ_HEAD(, sub) late; /* have news that they may not be told yet */
	struct ckpt *ck, *ck_members;
	sd_event_source *tick, *late_timer;
	bool late_armed;
};

/* sub.c; what others call is in sub_words.h */
struct sub *sub_new(void); /* NULL: out of memory */
void sub_free(struct sub *sub);
/* Frees it if that is due and nobody is inside; call last in a callback. */
void sub_reap(struct sub *sub);
/* Into the table; false: no room, or too many of this watcher. */
bool sub_add(struct sub *sub, const char *watcher);
/* Gives the subscription a watch on the topic, which may be new (then featured is asked for its
 * document). watches has room. */
bool sub_watch(struct sub *sub, uint64_t topic, const char *user, const char *name);

/* Sends a NOTIFY if there is news and one may be sent; else sees to it that it is sent later. */
void sub_kick(struct sub *sub);
/* The last NOTIFY, then the end. reason: of RFC 6665, a literal. */
void sub_end(struct sub *sub, const char *reason);

/* sub_dialog.c: the dialog of a SUBSCRIBE. to_tag: ours. Returns 0 or -errno. */
int sub_dialog_of(struct sub *sub, const msg_t *msg, const sip_t *sip, const char *to_tag);
/* Makes sofia's leg out of id_text and cseq. */
int sub_dialog_make(struct sub *sub, uint32_t remote_cseq);
void sub_dialog_refresh(struct sub *sub, const sip_t *sip);
url_string_t *sub_dialog_hop(const struct sub *sub);
/* sub_in.c: a request inside the dialog. */
int sub_in_dialog(struct sub *sub, nta_leg_t *dialog, nta_incoming_t *irq, const sip_t *sip);

/* sub_store.c */
int sub_store_open(void);
bool sub_store(struct sub *sub); /* false: it does not fit; then it is not kept */
void sub_store_forget(struct sub *sub);
void sub_store_load(void);

/* notify.c: one NOTIFY now, with all that is new. */
void notify_send(struct sub *sub);

#endif
