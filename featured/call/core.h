/* SPDX-License-Identifier: ISC */
/*
 * The call core as the rest of featured sees it: events in, commands out. It opens no socket, asks
 * no database and reads no clock; what it needs of the world it is told (core_begin, core_sipd,
 * ...) or asks through struct core_env. What lives in it is in a checkpoint of its own
 * (RUN_DIR/featured/calls.ckpt, legs.ckpt, dials.ckpt, counts.ckpt), written at the end of each
 * turn before a command leaves.
 *
 * A turn: core_begin(), any number of events and API calls, core_end(); then the commands are taken
 * from core_out() and sent.
 */
#ifndef WARDEN_FEATURED_CALL_CORE_H
#define WARDEN_FEATURED_CALL_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/id.h"
#include "common/base/str.h"
#include "common/ipc/schema.h"
#include "featured/call/cdr.h"
#include "featured/call/out.h"

struct core;
struct mailbox;
struct settings;
struct userstates;

#define CORE_CONTACTS_MAX 10

/* Where a user can be reached: one binding, ready for leg_dial. */
struct core_contact {
	char uri[256];
	char route[57];
	char path[256];
	uint8_t transport;
};

enum core_auth {
	CORE_AUTH_OK,        /* user holds who it is ("" when nobody asked for credentials) */
	CORE_AUTH_CHALLENGE, /* realm, nonce, stale */
	CORE_AUTH_FORBIDDEN, /* wrong credentials */
	CORE_AUTH_BANNED,    /* too many wrong ones came from there */
};

struct core_auth_reply {
	char user[65];
	char realm[129];
	char nonce[129];
	uint8_t stale;
};

/* A user's phone in a call, as lamps show it. */
enum core_party_state {
	CORE_PARTY_TRYING = 1,
	CORE_PARTY_EARLY = 2,
	CORE_PARTY_CONFIRMED = 3,
};

#define CORE_PARTIES_MAX 24 /* of a call that are told */

struct core_party {
	uint64_t leg;
	uint8_t state;     /* enum core_party_state */
	uint8_t initiator; /* its phone called us */
	uint8_t held;      /* it holds the other */
	char user[65];     /* the extension, or the number outside */
	char remote[65];
	char remote_name[129];
};

/* What the core asks of the world. None of these may block, or call back into the core. */
struct core_env {
	/* Contacts of user (at most max) into out; returns how many. 0: not registered. */
	size_t (*contacts)(void *arg, const char *user, struct core_contact *out, size_t max);
	enum core_auth (*auth)(void *arg, const struct msg_leg_offered *, struct core_auth_reply *);
	/*
	 * The call's parties from now on; n 0: none (any more). At the end of a turn. May be NULL.
	 */
	void (*parties)(void *arg, const uint8_t call[UUID_LEN], const struct core_party *parties,
	    size_t n);
	void *arg;
	struct mailbox *mailbox; /* NULL: no voicemail */
	uint32_t max_calls;      /* that there is room for; 0: as many as there may be */
};

/*
 * Opens (or makes) the checkpoint in dir and takes up what lives there. settings: must stay until
 * core_set_settings(). mono_ms and real_ms as in core_begin. Returns 0 or -errno.
 */
int core_new(struct core **out, const char *dir, const struct settings *settings,
    const struct core_env *env, uint64_t mono_ms, uint64_t real_ms);
void core_free(struct core **core); /* leaves the checkpoint for the next start */
void core_set_settings(struct core *core, const struct settings *settings);
/* What users have set by codes and over the API; read and changed. NULL: there is no such thing. */
void core_set_users(struct core *core, struct userstates *users);

/* A turn. mono_ms: monotonic clock, for timers; real_ms: Unix time, for records. */
void core_begin(struct core *core, uint64_t mono_ms, uint64_t real_ms);
void core_end(struct core *core);
/* The turn's commands, in order; valid until the next core_begin(). */
struct out *core_out(struct core *core);

/* A peer said hello (up), or its connection is gone. Between up and sync_end it is not swept. */
void core_peer(struct core *core, uint8_t role, bool up);
bool core_synced(const struct core *core, uint8_t role); /* up, and its sync_end has come */
/* True: so much is queued for sipd or mediad that no new call is taken (503). */
void core_congested(struct core *core, bool yes);

/* A statement of sipd or mediad. Returns false when the message is none of the core's. */
bool core_sipd(struct core *core, uint16_t type, const void *body);
bool core_mediad(struct core *core, uint16_t type, const void *body);

/* Messages that settings no longer keep; each minute or so, in a turn. */
void core_mailbox_tick(struct core *core);

/* Runs the timers that are due. */
void core_timers(struct core *core);
/* When the next one is due (monotonic ms), UINT64_MAX for none. */
uint64_t core_next_ms(const struct core *core);

/* The call's final record is on disk: its checkpoint may go. */
void core_cdr_durable(struct core *core, const uint8_t uuid[UUID_LEN]);
/* A row that was put out (OUT_RECORDING) is on disk. */
void core_row_durable(struct core *core, const uint8_t uuid[UUID_LEN]);
/* Says the final records again of all calls whose record is not known to be on disk (the spool was
 * full; or we have just started). */
void core_cdr_again(struct core *core);
/* Is there a live call (or one whose record is still to be written) with this id? */
bool core_has_call(const struct core *core, const uint8_t uuid[UUID_LEN]);

/*
 * For the API. The two that change something belong into a turn.
 */

/* Rings from; when it answers, calls to as if it had dialled it. Returns 0, or the error's status
 * with *reason set. */
uint16_t core_call_start(struct core *core, const char *from, const char *to, struct uuid *call,
    const char **reason);
/* Connects the call's caller to `to` in place of its callee. Returns 0, or the error's status with
 * *reason set. */
uint16_t core_call_transfer(struct core *core, const uint8_t uuid[UUID_LEN], const char *to,
    const char **reason);
/* Parks whom the extension from talks to in the lowest free slot, *slot. Returns as above. */
uint16_t core_call_park(struct core *core, const uint8_t uuid[UUID_LEN], const char *from,
    uint32_t *slot, const char **reason);
/* Each parked call; the one in a slot (false: it is free). */
void core_parked(const struct core *core, void (*cb)(void *arg, const struct msg_parked_item *),
    void *arg);
bool core_parked_in(const struct core *core, uint32_t slot, struct msg_parked_item *item);
/* Another number each time that a slot was taken or left: for who shows slots as lamps. */
uint32_t core_park_changes(const struct core *core);
/* Nobody in the call hears another, but music; and back. Returns as above. */
uint16_t core_call_hold(struct core *core, const uint8_t uuid[UUID_LEN], bool on,
    const char **reason);
enum core_record { CORE_RECORD_START, CORE_RECORD_STOP, CORE_RECORD_PAUSE, CORE_RECORD_RESUME };
/* Recording of the call, wanted by the API. Returns as above. */
uint16_t core_call_record(struct core *core, const uint8_t uuid[UUID_LEN], enum core_record what,
    const char **reason);
/* Returns 0, or 404. */
uint16_t core_call_hangup(struct core *core, const uint8_t uuid[UUID_LEN]);
/* Each live call. (Not one that is over and only waits for its figures.) */
void core_calls(const struct core *core, void (*cb)(void *arg, const struct msg_call_item *),
    void *arg);
/* The same for everything in the checkpoint, also what is over and waits for its record to be on
 * disk. */
void core_all_calls(const struct core *core, void (*cb)(void *arg, const struct msg_call_item *),
    void *arg);
bool core_call_get(const struct core *core, const uint8_t uuid[UUID_LEN],
    struct msg_call_item *item);
/* Each line of a live or just ended call's trace, in order. Returns false: not known here (any
 * more). */
bool core_trace(const struct core *core, const uint8_t uuid[UUID_LEN],
    void (*cb)(void *arg, const struct msg_trace_item *), void *arg);
/* Would a call that `from` forwards to number find somebody? */
bool core_reachable(struct core *core, const char *from, const char *to);
/* The number of live calls in which user is one of the parties. */
size_t core_user_calls(const struct core *core, const char *user);
/*
 * The user of that leg and whom it is connected with, 65 octets each. Returns 0, 403 (a caller who
 * shows nobody its number), 480 (connected with nobody) or 481.
 */
uint16_t core_leg_ends(const struct core *core, uint64_t leg, char *who, char *other);

/* Tells the parties of all calls by env.parties: after a start. */
void core_parties(struct core *core);

struct core_stats {
	uint32_t active_calls;
	uint32_t legs;
	uint32_t parked_calls;
	uint32_t recordings; /* that go on */
	uint64_t total_calls; /* since the checkpoint was made */
	uint64_t answered_calls;
	uint64_t failed_calls;
	uint64_t shed_calls;        /* refused with 503 before they became calls */
	uint64_t impossible_events; /* should stay 0 */
	uint64_t swept_legs;        /* not named by sipd after a reconnection */
	uint64_t repeated_commands; /* after a reconnection */
};
void core_stats(const struct core *core, struct core_stats *out);

/* The leg's state machine as a Graphviz digraph, made from leg_fsm.def. */
void leg_fsm_print(void (*line)(void *arg, const char *text), void *arg);

#endif
