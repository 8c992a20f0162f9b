/* SPDX-License-Identifier: ISC */
/*
 * A call: its legs, its plan and the app at work, its timers and its record. Made by an INVITE
 * (in_sip.c) or by the API (api.c); ended by call_end() alone; freed at the end of a turn when
 * nothing of it lives at sipd and its record is on disk.
 */
#ifndef WARDEN_FEATURED_CALL_CALL_H
#define WARDEN_FEATURED_CALL_CALL_H

#include "featured/call/leg.h"

struct call *call_new(struct core *core, enum call_origin origin); /* NULL: no memory or no room */
struct call *call_find(const struct core *core, const uint8_t uuid[UUID_LEN]);
void call_dirty(struct core *core, struct call *call);
struct leg *call_caller(const struct core *core, const struct call *call); /* NULL: none (yet) */

/* Routes r.to for r.from and starts the plan. */
void call_route(struct core *core, struct call *call);
/* The plan for another number than was dialled; call_step() is to follow. */
void call_route_to(struct core *core, struct call *call, const char *to);
/* Would the call, forwarded to that number, find somebody? */
bool call_reachable(struct core *core, const struct call *call, const char *to);
/*
 * The call goes on to another number: a new plan, whose first step starts. A circle ends it with
 * 482, too many forwards with 483. Ends what the app at work was: nothing of it may be touched
 * afterwards. Its early legs must be ended before.
 */
void call_divert(struct core *core, struct call *call, const char *to, enum divert_reason reason);
/* Is the call for that number, or was it forwarded from there? */
bool call_been_at(const struct call *call, const char *number);
/* Starts the plan's step. */
void call_step(struct core *core, struct call *call, uint8_t step);
/* From an app: it is done. The plan's next step starts; without one the call ends with that status.
 */
void call_app_done(struct core *core, struct call *call, enum outcome outcome, uint16_t status,
    uint8_t q850);

/*
 * The app gives way to another one, which finds its state all zero and whose start() is not run;
 * the plan is over.
 */
void call_switch(struct core *core, struct call *call, enum app_id app);

/*
 * user comes into the call: as the one who answers it, later as whom it went on to; for the record.
 * To be said before call_answered().
 */
void call_talks_to(struct core *core, struct call *call, const char *user);
/* The caller or a callee has answered: the time for the record, max_call_duration starts. */
void call_answered(struct core *core, struct call *call, uint64_t at_ms);
void call_set_state(struct core *core, struct call *call, enum call_state state);

/*
 * Ends the call: the caller is refused with status if it has no answer yet, everybody else is hung
 * up. cause: words for the record, NULL: those of q850. Nothing when it is ending already.
 */
void call_end(struct core *core, struct call *call, uint16_t status, uint8_t q850, enum cdr_side by,
    const char *cause);

/* What happened to a leg, for the call's app. */
enum call_leg_event {
	CALL_LEG_RINGING,  /* status; sdp when it has early media */
	CALL_LEG_ANSWERED, /* at_ms */
	CALL_LEG_UP,       /* an incoming leg: our 200 is out */
	CALL_LEG_MARKED,   /* mediad has taken what came before session_want(WANT_MARK) */
	CALL_LEG_FAILED,   /* mediad could not: status */
	CALL_LEG_GONE,     /* status, cause, q850 */
};
void call_leg_event(struct core *core, struct leg *leg, enum call_leg_event event,
    const struct leg_arg *arg);

/* Holds and resumes follow from what the far ends said. */
void call_check_hold(struct core *core, struct call *call);

/* Timers: at most one of a kind; ms from now, 0 turns it off. */
void call_timer(struct core *core, struct call *call, enum call_timer kind, uint64_t ms);
void call_heap_remove(struct core *core, struct call *call);
void call_heap_add(struct core *core, struct call *call);

/* At the end of the turn: the record when it is time for it; true when nothing of the call is left
 * but its memory. */
bool call_settle(struct core *core, struct call *call);

/* cdr_fill.c */
void cdr_fill(const struct core *core, const struct call *call, struct cdr *cdr);
const char *cdr_cause_text(uint8_t q850);
uint8_t cdr_q850_of_status(uint16_t status);

/* trace.c: one line of the call's story. source: "sip", "media", "route", "app", "api", "timer",
 * "sync". */
void trace_add(struct core *core, struct call *call, const char *source, const char *event,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void trace_keep(struct core *core,
    const struct call *call); /* it is over: into the ring of ended ones */
void trace_free_all(struct core *core);

/* parties.c: tells who is in the call, if that has changed; again: in any case. */
void parties_look(struct core *core, struct call *call, bool again);

/* store.c: the checkpoint. */
int store_open(struct core *core, const char *dir);
void store_close(struct core *core);
void store_load(struct core *core); /* makes calls and legs out of what is there */
void store_save(struct core *core, struct call *call);
void store_save_counts(struct core *core);
void store_commit(struct core *core); /* the turn is whole: the next start finds all of it */
void store_forget_leg(struct core *core, struct leg *leg);
void store_forget_dial(struct core *core, struct leg *leg);
bool store_menu_new(struct core *core, struct call *call); /* false: no memory or no room */
void store_forget_menu(struct core *core, struct call *call);
void call_menu_dirty(struct core *core, struct call *call);

/* resync.c: mark, hear, sweep. */
void resync_up(struct core *core, uint8_t role);
void resync_leg(struct core *core, const struct msg_sync_leg *m);
void resync_session(struct core *core, const struct msg_sync_session *m);
void resync_sipd_end(struct core *core);
void resync_mediad_end(struct core *core);
void resync_known(struct core *core, uint64_t leg); /* its leg_offered came: no stray */
void resync_strays(struct core *core);

#endif
