/* SPDX-License-Identifier: ISC */
/*
 * The SIP daemon's root: the one struct that everything hangs from, its settings and its counters.
 * Every source in sipd/ includes it. sipd parses SIP and nothing else: SDP is bytes, and no
 * password or HA1 ever comes here.
 */
#ifndef WARDEN_SIPD_H
#define WARDEN_SIPD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/log.h"
#include "common/base/net.h"
#include "common/conf/conf.h"
#include "common/daemon/daemon.h"
#include "common/ipc/peer.h"

/* The contexts that nta gives back to our callbacks: legs, unless a source's first header (sub.h,
 * ...) says otherwise. */
struct leg;
struct fork;
#define NTA_AGENT_MAGIC_T struct sipd
#ifndef NTA_LEG_MAGIC_T
#define NTA_LEG_MAGIC_T struct leg
#endif
#ifndef NTA_OUTGOING_MAGIC_T
#define NTA_OUTGOING_MAGIC_T struct leg
#endif
#define NTA_INCOMING_MAGIC_T struct leg
#define NTA_RELIABLE_MAGIC_T struct leg
#define SU_ROOT_MAGIC_T      struct sipd
#define SU_WAKEUP_ARG_T      struct sipd
#define SU_PREPOLL_MAGIC_T   struct sipd
#define SU_TIMER_ARG_T       struct leg

#include <sofia-sip/nta.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_tag.h>
#include <sofia-sip/su_wait.h>
#include <sofia-sip/tport_tag.h>
#include <sofia-sip/url.h>

#define SIPD_BINDS_MAX 64    /* addresses of this machine that we listen on */
#define SIPD_LEGS_MAX  65536 /* what the checkpoint has room for */
#define SIPD_LONG_MAX  2048  /* legs with absurdly long headers that it has room for */
#define SIPD_ALLOW_MAX 64    /* networks in security.allow */
#define SIPD_OPEN_MAX  8192  /* legs with an INVITE under way that the checkpoint has room for */

struct sipd_settings {
	char host[64];
	int64_t port;
	char server_name[64];
	int64_t session_expires; /* s; 0: no session timers */
	int64_t min_se;          /* s */
	int64_t max_setups;      /* calls being set up at once before new ones get 503 */
	int64_t max_legs;
	int64_t challenge_rate;  /* 401s a second for one source; 0: as many as it wants */
	int64_t challenge_burst; /* and how many at once */
	int64_t max_connections; /* TCP, of one source that showed no credentials; 0: any number */
	struct conf_strs allow;  /* sources without those limits */
	struct net allow_nets[SIPD_ALLOW_MAX];
	size_t allow_n;
	int64_t max_subscriptions;
	struct conf_logging logging;
};

/* Told to featured as gauges; see stats.c. */
struct sipd_count {
	uint64_t requests[sip_method_publish + 1]; /* by sip_method_t; [0] is any other */
	uint64_t responses[7];                     /* final answers to INVITE by hundreds */
	uint64_t shed; /* INVITEs answered 503 before any state was made */
	uint64_t bad;  /* messages refused as malformed */
	uint64_t challenged; /* 401 without asking featured */
	uint64_t dropped;    /* strangers that asked too often */
	uint64_t banned;     /* 403 to a banned source */
	uint64_t crowded;    /* connections closed because their source had too many */
	uint64_t reinvites;
	uint64_t restored; /* legs taken up from the checkpoint */
	uint64_t unsaved;  /* legs for which the checkpoint had no room */
	uint64_t notifies;        /* NOTIFYs sent */
	uint64_t notify_failures; /* that got no 2xx */
	uint64_t texts_in, texts_out; /* MESSAGEs taken and sent */
};

struct overload {
	int fds[SIPD_BINDS_MAX]; /* our UDP sockets */
	unsigned nfds;
	unsigned waiting;  /* legs offered to featured that it has not taken */
	uint64_t heard_us; /* when it last took one, or the first of waiting was offered */
	uint64_t late_us;  /* moving average of its time to do so */
	uint64_t looked_us;
	uint64_t probe_us; /* when one was let in to see whether featured is well again */
	bool shedding;
	struct log_bucket bucket;
};

struct sipd {
	struct daemon d;
	struct sipd_settings set;
	su_home_t home[1];
	su_root_t *root;
	nta_agent_t *agent;
	su_wait_t wait; /* sd-event's descriptor in sofia's loop */
	bool draining;  /* inside the loop's end of turn */
	int exit_code;

	char binds[SIPD_BINDS_MAX][48]; /* see nat_bind_add() */
	unsigned nbinds;
	bool listen_any;

	struct ipc_client *client;
	struct ipc_peer *peer; /* NULL while featured is away */
	uint64_t peer_down_ms; /* since when, monotonic */

	struct leg *legs; /* by id (uthash) */
	unsigned setups;  /* incoming legs without a final answer */
	struct ckpt *ck_legs;
	struct ckpt *ck_open;
	struct ckpt *ck_long;

	struct subs *subs; /* sub.c's */

	/* Header objects that go into many messages; made once. */
	sip_allow_t *allow;
	sip_supported_t *supported;
	sip_accept_t *accept;
	sip_server_t *server;
	sip_user_agent_t *user_agent;
	sip_content_type_t *sdp_type;
	sip_allow_events_t *allow_events;

	struct overload overload;
	struct sipd_count count;
	struct log_bucket noise; /* lines that strangers can provoke */
	sd_event_source *stats_timer;
};

extern struct sipd sipd;
extern struct conf sipd_conf; /* settings.c */

/* loop.c: sd-event nested in sofia's loop. loop_init returns 0 or -errno. loop_run returns when
 * loop_stop was called. */
int loop_init(void);
void loop_run(void);
void loop_stop(void);
void loop_done(void);

/* stats.c: gauges to featured every 5 s. Returns 0 or -errno. */
int stats_init(void);

/* overload.c */
/* Finds our sockets. After they were made. */
void overload_init(void);
/* Should a new INVITE be turned away now? Cheap: called before any state is made. Returns seconds
 * for Retry-After, 0: let it in. */
unsigned overload_refuse(void);
/* The leg is offered to featured; featured has acted on that, or the leg is over (both may be said
 * twice). */
void overload_offered(struct leg *leg);
void overload_heard(struct leg *leg);
/* The connection to featured is new. */
void overload_reset(void);

#endif
