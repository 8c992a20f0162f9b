/* SPDX-License-Identifier: ISC */
/*
 * The call core's own data: calls, legs, what of them is in the checkpoint, and the one struct
 * core. For featured/call and featured/app alone; the rest of featured sees core.h.
 *
 * A *_rec is what the checkpoint holds: plain data without pointers, fields only ever appended (a
 * newer daemon reads the older one's). Everything outside of the rec can be made again from it,
 * from sipd and from mediad.
 */
#ifndef WARDEN_FEATURED_CALL_MODEL_H
#define WARDEN_FEATURED_CALL_MODEL_H

#include <sys/queue.h>

#include <uthash.h>

#include "common/base/ckpt.h"
#include "common/base/log.h"
#include "featured/call/core.h"
#include "featured/call/plan.h"
#include "featured/route/pattern.h"

#define CORE_MAX_CALLS  20000
#define CORE_MAX_LEGS   60000
#define CORE_MAX_MENUS  4000
#define CORE_TRACE_SIZE 3072
#define CORE_ENDED_KEPT 2000 /* traces of ended calls that are kept in memory */
#define CORE_NO_HEAP    SIZE_MAX

enum leg_state {
	LEG_NONE, /* not made yet; never in the table */
#define STATE(name, text) LEG_##name,
#define EVENT(name, text)
#define ON(from, event, action, to)
#include "featured/call/leg_fsm.def"
#undef STATE
#undef EVENT
#undef ON
	LEG_STATES
};

enum leg_event {
#define STATE(name, text)
#define EVENT(name, text) LEV_##name,
#define ON(from, event, action, to)
#include "featured/call/leg_fsm.def"
#undef STATE
#undef EVENT
#undef ON
	LEG_EVENTS
};

/* Offer/answer of the leg's session (RFC 3264), beside its state. */
enum leg_oa {
	OA_NONE,   /* nothing said yet */
	OA_THEIRS, /* their offer is at mediad, ours is the answer */
	OA_OURS,   /* our offer is made, theirs is the answer */
	OA_EARLY,  /* their provisional answer is in */
	OA_STABLE,
};

/* What the SDP is for that mediad was asked to make. */
enum leg_want {
	WANT_NONE,
	WANT_DIAL,     /* leg_dial */
	WANT_PROGRESS, /* leg_progress */
	WANT_ANSWER,   /* leg_answer */
	WANT_REANSWER, /* leg_reanswer */
	WANT_REINVITE, /* leg_reinvite */
	WANT_MARK,     /* none: only to hear that mediad has taken what came before */
};

enum leg_session {
	SESSION_NONE, /* mediad was not told of it yet */
	SESSION_LIVE,
	SESSION_CLOSING, /* media_close sent */
	SESSION_CLOSED,
};

struct leg_rec {
	uint64_t id;
	struct uuid call;
	uint8_t state;   /* enum leg_state */
	uint8_t oa;      /* enum leg_oa */
	uint8_t want;    /* enum leg_want */
	uint8_t session; /* enum leg_session */
	uint8_t incoming;
	uint8_t late;      /* its INVITE had no SDP */
	uint8_t taken;     /* leg_taken was sent */
	uint8_t direction; /* enum media_direction, as the far end wants it */
	uint8_t echo;
	uint8_t end_cause; /* enum leg_end */
	uint8_t q850;
	uint8_t reinviting;
	uint8_t reoffer_late;   /* the reoffer in work had no SDP */
	uint8_t told_gone;      /* its app knows that it is over */
	uint16_t status;        /* of the final answer to its INVITE */
	uint16_t progress;      /* the latest 1xx sent (incoming) or heard (outgoing) */
	uint16_t want_status;   /* WANT_PROGRESS: 183 */
	uint16_t refuse_status; /* what leg_refuse said */
	uint8_t early_sent;     /* a 1xx with SDP went out */
	uint32_t serial;        /* of the reoffer in work */
	uint64_t peer;          /* connected to this session, 0 none */
	uint64_t like;          /* whose codec it should speak */
	uint32_t play;          /* being played, 0 none */
	uint16_t play_loops;
	uint64_t answered_ms;  /* Unix ms */
	uint64_t want_mono_ms; /* since when want is open */
	char user[65];         /* the extension at the other end, or what was dialled */
	char path[64];         /* of play */
	struct cdr_media figures;
	char far[57]; /* "IP:PORT" that its SIP messages go to or came from, "" unknown */
	uint8_t room_flags;
	uint64_t room; /* that its session is in, 0 none */
	uint8_t music;         /* hears music on hold */
	char music_class[33];  /* "" the default */
	uint8_t early_offer;   /* enum sip_early_offer: late, but it takes our offer in a 1xx */
	uint8_t agreed;        /* and it has answered that: the 200 brings no SDP */
	/* since version 5 */
	char deflected_by[65]; /* whose phone named it by a 302, while others ring; "" nobody's */
};

/* What leg_dial needs; kept until the leg is answered, so that it can be dialled again. */
struct dial_rec {
	uint64_t leg;
	struct core_contact contact;
	uint16_t ring_s;
	uint8_t auto_answer; /* the phone is asked to answer by itself */
};

enum call_timer {
	TIMER_RING,    /* nobody answered; a guard behind sipd's own */
	TIMER_MAX,     /* max_call_duration */
	TIMER_APP,     /* the app's own */
	TIMER_WANT,    /* mediad owes us SDP */
	TIMER_FIGURES, /* the legs' figures may come until then */
	TIMER_LINGER,  /* sipd has not confirmed a hang-up */
	CALL_TIMERS
};

enum call_origin {
	CALL_FROM_SIP,
	CALL_FROM_API,
};

enum call_cdr {
	CALL_CDR_NONE,
	CALL_CDR_INTENT, /* the intent is out */
	CALL_CDR_FINAL,  /* the final record is out */
	CALL_CDR_DURABLE,
};

enum park_phase {
	PARK_SAYING = 1, /* dialled: the slot is held, and its number said to the caller */
	PARK_PARKED = 2,
};

enum consult_phase {
	CONSULT_DIGITS = 1, /* the number is being keyed */
	CONSULT_AWAY = 2,   /* the one who keyed it is in another call */
	CONSULT_SORRY = 3,  /* hears that there is no such number */
	CONSULT_THREE = 4,  /* all three in a room */
};

/* The running app's state. */
union app_state {
	struct {
		uint64_t early; /* the branch whose early media the caller hears */
		uint64_t winner;
		uint16_t best; /* best final status so far */
		uint8_t bridged;
		uint8_t best_q850;
		uint8_t no_answer; /* ring time is over */
		uint8_t rounds;    /* find-me and groups: how many were rung */
		uint64_t tried;    /* the members that were, by their place in the list */
	} dial;
	struct {
		uint64_t hearer; /* the parker who is told the slot, 0 none */
		uint32_t play;
		uint8_t phase; /* enum park_phase */
	} park;
	struct {
		uint64_t by;    /* who keys */
		uint64_t other; /* who waits meanwhile */
		uint64_t third; /* CONSULT_THREE */
		uint8_t phase;  /* enum consult_phase */
		uint8_t blind;
		uint8_t n;
		char digits[25];
	} consult;
	struct {
		uint32_t play;
		uint8_t playing;
	} announce;
	struct {
		uint32_t play;
		char prompt[52];
	} setting;
	uint8_t room[64];
};

#define CALL_DIVERTS_MAX 5

/* One that the call was for before it went on to somebody else. */
struct divert {
	char number[65];
	uint8_t reason; /* enum divert_reason */
};

struct call_rec {
	struct uuid id;
	uint64_t key;        /* the sessions' `call` at mediad */
	uint8_t origin;      /* enum call_origin */
	uint8_t state;       /* enum call_state */
	uint8_t ending;      /* everything was told to end */
	uint8_t cdr;         /* enum call_cdr */
	uint8_t app;         /* enum app_id */
	uint8_t step;        /* of the plan */
	uint8_t disposition; /* enum cdr_disposition, 0 not decided */
	uint8_t hangup_by;   /* enum cdr_side */
	uint8_t q850;
	uint8_t max_forwards;
	uint8_t
	    orphan; /* its app could not go on after a restart: bridged until someone hangs up */
	uint16_t status;
	uint32_t plays; /* to number media_play */
	uint32_t trace_len;
	uint64_t start_ms, answer_ms, end_ms; /* Unix ms */
	uint64_t due[CALL_TIMERS];            /* monotonic ms, 0 off */
	uint64_t caller, callee;              /* leg ids */
	char from[65];
	char from_name[129];
	char to[65];
	char user_agent[129];
	char sip_call_id[256];
	char cause[64];
	struct plan_v1 plan_v1; /* of a record that the first version wrote */
	union app_state u;
	/* since version 2 */
	uint64_t pad_joining; /* was in use before turns were written as a whole */
	uint8_t pad_joining_ends;
	/* this call is a consultation, and in that one somebody waits; all 0 no */
	struct uuid consults;
	uint32_t slot;         /* of the parking range, held or lain in; 0 none */
	uint64_t parked_ms;    /* Unix ms */
	char parker[65];       /* who parked it, or transferred it last */
	char shown_from[65];   /* whom those who are rung see as the caller after a transfer */
	char shown_name[129];
	struct plan plan;
	char target[65];       /* who is called at the moment */
	uint8_t hops;          /* times that the call was forwarded, before it came to us too */
	uint8_t withheld;      /* the caller does not want to be known */
	uint8_t diverted_n;    /* of diverted; the later ones are the last */
	struct divert diverted[CALL_DIVERTS_MAX];
	char diversion[256];   /* Diversion and History-Info as they came, "" none */
	char history[256];
	/* since version 3: recording.h */
	uint64_t record;    /* mediad's number of the recording, 0 none */
	char recording[97]; /* path of the last one, for the call's record */
	uint8_t held;       /* by the API: nobody hears another */
	/* since version 4 */
	char answered_by[65];    /* who answered first; "" nobody, or a service of ours */
	char transferred_to[65]; /* whom it went on to after that; "" it did not */
};
_Static_assert(sizeof(union app_state) == 64, "what follows u would move");

#define MENU_DIGITS_MAX 31

/* A prompt and the keys that it asks for (app/menu.h). */
struct menu_state {
	uint32_t play; /* being played; 0: all is said */
	uint32_t wait_ms;
	uint8_t max; /* keys wanted; 0: none are */
	uint8_t n;
	uint8_t hash; /* # ends the input */
	uint8_t pad;
	char digits[MENU_DIGITS_MAX + 1];
};

/* Where a caller is in a mailbox (app/voicemail.h). */
struct voicemail_state {
	uint8_t state;  /* enum vm_state */
	uint8_t tries;  /* inputs that were wrong or did not come */
	uint8_t folder; /* enum mailbox_folder that is being heard */
	uint8_t kind;   /* enum mailbox_kind that is being recorded */
	uint8_t busy;   /* the greeting is that of who is on the phone */
	uint8_t open;   /* the PIN was right */
	uint8_t then;   /* 1: to the operator when the recording is in */
	uint8_t pad;
	uint16_t at;    /* which message of the folder */
	uint16_t pad2;
	uint32_t pad3;
	uint64_t record;     /* the recorder's number, 0 none */
	struct uuid item;    /* being recorded, or recorded and not kept yet; all 0 none */
	struct uuid message; /* being heard */
	char box[65];
	char number[33]; /* that was keyed: to whom it is forwarded; a new PIN */
};

/* What a call has whose app speaks; in a checkpoint of its own, as few calls have one. */
struct menu_rec {
	struct uuid call;
	struct menu_state m;
	struct voicemail_state v;
	char list[256]; /* being played, when it is too long for leg_rec.path */
};

struct menu {
	struct menu_rec r;
	uint32_t slot;
	bool dirty;
};

enum copy_kind {
	COPY_NONE,
	COPY_OFFER,
	COPY_EARLY, /* a provisional answer */
	COPY_ANSWER,
};

struct call;

struct leg {
	UT_hash_handle hh; /* in core.legs, by r.id */
	struct leg_rec r;
	TAILQ_ENTRY(leg) next; /* in its call, in order of making */
	struct call *call;
	uint32_t slot;
	bool dirty;
	uint32_t heard_sipd; /* core.sipd.round in which sipd named it or was told of it */
	uint32_t heard_mediad;
	uint32_t owed; /* media_sdp (or failures instead) still to come on this connection */
	/* Their SDP, until mediad has surely taken it: it would be lost with mediad otherwise. */
	uint8_t copy;  /* enum copy_kind */
	bool unproven; /* after our restart: its event comes again, and mediad may lack its SDP */
	uint32_t copy_seq; /* core.media_seq when it was sent */
	uint32_t want_seq;
	size_t sdp_len;
	uint8_t *sdp;
	struct dial_rec *dial;
	uint32_t dial_slot;
	bool session_named; /* during a reconciliation */
	uint64_t session_peer; /* as sync_session named them */
	uint64_t session_room;
	bool session_echo;
	uint32_t session_play;
	bool session_music;
	uint8_t session_negotiated;
	bool refer;        /* a REFER of its far end waits for its end */
	uint32_t refer_serial;
	char keys[8]; /* pressed of late, for incall.c */
	uint8_t keys_n;
	uint64_t keys_ms;
	char party_told[65]; /* whom its phone shows; after a restart not known */
	struct user_calls *of_user; /* busy.c */
	TAILQ_ENTRY(leg) next_of_user;
	uint8_t sip_state; /* as sync_leg named it */
	uint16_t sip_status;
};
TAILQ_HEAD(leg_list, leg);

struct call {
	UT_hash_handle hh; /* in core.calls, by r.id */
	struct call_rec r;
	uint32_t slot;
	size_t heap;  /* index in core.heap, or CORE_NO_HEAP */
	uint64_t due; /* the earliest of r.due */
	bool dirty;
	STAILQ_ENTRY(call) next_dirty;
	struct leg_list legs;
	uint64_t parties; /* what lamps were told of it (parties.c), 0 nothing */
	struct menu *menu; /* NULL: nothing is asked */
};
STAILQ_HEAD(call_list, call);

/* Counts over all restarts. */
struct count_rec {
	uint64_t total, answered, failed, shed;
};

/* The trace of a call that is over. */
struct ended {
	UT_hash_handle hh;
	TAILQ_ENTRY(ended) next;
	struct uuid id;
	char *trace;
};
TAILQ_HEAD(ended_list, ended);

/* An OFFERED leg that sipd named and we do not know: leg_offered should follow; else it is refused.
 */
struct stray {
	uint64_t leg;
	uint64_t due;
};
/* As many INVITEs as sipd can hold while nobody takes them. */
#define CORE_STRAYS 32768

/* A refusal that sipd may not have got: if the INVITE is offered again, it is refused again, and is
 * no second call. */
struct refusal {
	uint64_t leg;
	uint64_t mono_ms;
	uint16_t status;
	uint8_t q850;
};
#define CORE_REFUSALS 512 /* a ring */

struct core_peer {
	bool up;
	bool synced;
	uint32_t round; /* of connections, from 1 */
};


struct core {
	const struct settings *settings;
	struct core_env env;
	uint64_t mono_ms;
	uint64_t real_ms;
	uint64_t happened_ms; /* while an end is dealt with that was told late: when it was; 0 now */
	struct out *out;
	struct ckpt *calls_ck;
	struct ckpt *legs_ck;
	struct ckpt *dials_ck;
	struct ckpt *menus_ck;
	struct ckpt *counts_ck;
	struct ckpt *recordings_ck;
	struct recording *recordings; /* by key */
	uint32_t recordings_adrift;
	uint32_t counts_slot;
	struct count_rec counts; /* as in the checkpoint */
	struct call *calls;
	struct leg *legs;
	struct call **heap; /* by due */
	size_t heap_n;
	size_t heap_cap;
	struct call_list dirty;
	uint32_t park_changes; /* counts what happens to slots, for who watches them */
	struct core_peer sipd;
	struct core_peer mediad;
	uint32_t media_seq;
	bool congested;
	struct ended *ended;
	struct ended_list ended_order;
	size_t ended_n;
	struct stray strays[CORE_STRAYS];
	size_t strays_n;
	struct refusal refusals[CORE_REFUSALS];
	size_t refusals_next;
	struct userstates *users; /* what users have set; NULL: nothing is */
	struct user_calls *by_user;
	uint32_t announcing; /* calls that hear an announcement */
	uint32_t live;       /* calls that are not ending */
	struct core_stats stats;
	struct patterns patterns;
	struct log_bucket bucket;
};

/* out.c, as used here: a command to sipd or mediad; lost when the peer is away, which the
 * reconciliation makes good. */
void core_to_sipd(struct core *core, struct leg *leg, uint16_t type, const void *body);
void core_to_mediad(struct core *core, struct leg *leg, uint16_t type, const void *body);

#endif
