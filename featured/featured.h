/* SPDX-License-Identifier: ISC */
/* featured's root struct, and the turns in which its call core is fed. For the files of featured/
 * itself; what lies below knows nothing of it. */
#ifndef WARDEN_FEATURED_FEATURED_H
#define WARDEN_FEATURED_FEATURED_H

#include "common/daemon/daemon.h"
#include "common/ipc/peer.h"
#include "featured/call/core.h"
#include "featured/db/db.h"
#include "featured/db/spool.h"
#include "featured/db/tokens.h"
#include "featured/from_apid.h"
#include "featured/reg/auth.h"
#include "featured/reg/bindings.h"
#include "featured/reg/mailbox.h"
#include "featured/reg/register.h"
#include "featured/reg/userstate.h"
#include "featured/settings.h"
#include "featured/watch.h"

struct featured {
	struct daemon d;
	struct conf conf;
	struct settings settings;
	struct ipc_server *server;
	struct core *core;
	struct auth *auth;
	struct bindings *bindings;
	struct registrar *registrar;
	struct db *db;
	struct spool *spool;
	struct mailbox *mailbox;
	unsigned removing; /* files of messages that mediad is asked to remove */
	struct retention *retention;
	struct tokens *tokens;
	struct userstates *users;
	struct userstates_db *users_db;
	struct gauges *gauges;
	struct watch *watch;
	struct keep *keep;
	struct texts *texts;
	struct api_context api;
	sd_event_source *timer; /* the core's next deadline */
	uint64_t armed_ms;      /* when it goes off; UINT64_MAX not at all */
	sd_event_source *tick;  /* each few seconds: gauges, refused records */
	sd_event_source *taken; /* after a reload */
	unsigned ticks;
	bool spool_refused;     /* a final record was not taken: offered again later */
	bool swept;             /* the spool's sweep has been done */
};

/* from_sipd.c, from_mediad.c: messages of those peers. Within a turn. */
void from_sipd(struct featured *f, struct ipc_peer *peer, const struct ipc_msg *msg);
void from_mediad(struct featured *f, const struct ipc_msg *msg);
/* from_sipd.c: sipd is told how to deal with strangers: when it comes, and after a reload. */
void from_sipd_policy(struct featured *f);
/* from_sipd.c: what the core asks of the world, answered by reg/. */
struct core_env from_sipd_env(struct featured *f);
struct watch_env from_sipd_watch_env(struct featured *f);
void from_sipd_mailbox(struct featured *f); /* message waiting, once watch is there */
struct texts_env from_sipd_texts_env(struct featured *f);

/* voicefiles.c: files of messages that nobody needs any more; each second. */
void voicefiles_tick(struct featured *f);

/* turn.c */
void turn_begin(struct featured *f);
void turn_end(struct featured *f); /* sends what the core wants sent, and sets the timer */
int turn_init(struct featured *f); /* timers; 0 or -errno */

#endif
