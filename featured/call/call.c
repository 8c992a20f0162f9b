/* SPDX-License-Identifier: ISC */
/*
 * Calls: making, walking the plan, ending, and the end-of-turn check that frees them. Timers are in
 * timers.c, the record in cdr_fill.c.
 */
#include "featured/call/call.h"
#include "featured/call/recording.h"

#include <string.h>

#include "common/base/mem.h"
#include "featured/app/app.h"
#include "featured/call/consult.h"
#include "featured/call/join.h"
#include "featured/call/session.h"
#include "featured/reg/userstate.h"
#include "featured/route/dialplan.h"
#include "featured/settings.h"

#define FIGURES_MS 2000  /* so long the record waits for the legs' figures */
#define OVER_KEPT  16    /* ended legs of a call that goes on */
#define LINGER_MS  70000 /* longer than any SIP transaction of a hang-up */

struct call *
call_find(const struct core *core, const uint8_t uuid[UUID_LEN])
{
	struct call *call;

	HASH_FIND(hh, core->calls, uuid, UUID_LEN, call);
	return call;
}

void
call_dirty(struct core *core, struct call *call)
{
	if (call->dirty)
		return;
	call->dirty = true;
	STAILQ_INSERT_TAIL(&core->dirty, call, next_dirty);
	/* If this call is what kills us twice in a row, the checkpoint drops it. */
	ckpt_enter(core->calls_ck, call->slot);
}

struct call *
call_new(struct core *core, enum call_origin origin)
{
	struct call *call = mem_new(sizeof(*call));

	if (call == NULL)
		return NULL;
	call->slot = ckpt_alloc(core->calls_ck);
	if (call->slot == CKPT_NONE) {
		log_limited(&core->bucket, LL_ERROR, "no room for another call");
		mem_free(&call);
		return NULL;
	}
	call->heap = CORE_NO_HEAP;
	call->r.id = uuid_v7(core->real_ms);
	call->r.key = id_u64();
	call->r.origin = origin;
	call->r.state = CALL_CALLING;
	call->r.start_ms = core->real_ms;
	call->r.max_forwards = 70;
	TAILQ_INIT(&call->legs);
	HASH_ADD(hh, core->calls, r.id, sizeof(call->r.id), call);
	core->live++;
	core->stats.total_calls++;
	call_dirty(core, call);
	return call;
}

static void
forget(struct core *core, struct call *call)
{
	struct leg *leg;

	while ((leg = TAILQ_FIRST(&call->legs)) != NULL)
		leg_free(core, leg);
	store_forget_menu(core, call);
	call_heap_remove(core, call);
	HASH_DEL(core->calls, call);
	ckpt_del(core->calls_ck, call->slot);
	/* The memory goes with the list of dirty ones, in core_end(). */
}

struct leg *
call_caller(const struct core *core, const struct call *call)
{
	return call->r.caller != 0 ? leg_find(core, call->r.caller) : NULL;
}

void
call_set_state(struct core *core, struct call *call, enum call_state state)
{
	/* Who is transferred is not ringing anew. */
	if (call->r.state == state || (call->r.state == CALL_TRANSFERRING && state == CALL_RINGING))
		return;
	call->r.state = state;
	call_dirty(core, call);
}

/*
 * The plan.
 */

/* The question that the dialplan is asked for this call; to may be where it is forwarded to. */
static struct route_ask
question(struct core *core, const struct call *call, const char *to)
{
	return (struct route_ask){
		.settings = core->settings,
		.from = call->r.from,
		.to = to,
		.anonymous = call->r.withheld != 0,
		.users = core->users,
		.patterns = &core->patterns,
		.bucket = &core->bucket,
	};
}

static void
route(struct core *core, struct call *call, const struct route_ask *ask)
{
	struct buf text = BUF_INIT(1024);
	char why[96], called[65] = "";

	memset(&call->r.plan, 0, sizeof(call->r.plan));
	dialplan_route(ask, &call->r.plan, called, why, sizeof(why));
	plan_print(&call->r.plan, &text);
	trace_add(core, call, "route", "plan", "%s: %s", why, text.data != NULL ? text.data : "");
	buf_free(&text);
	str_copy(call->r.target, sizeof(call->r.target), called[0] != '\0' ? called : ask->to);
	if (settings_extension(core->settings, call->r.target) != NULL)
		userstates_called(core->users, call->r.target,
		    call->r.withheld ? "" : call->r.from);
	if (!ask->forwarded && called[0] != '\0') {
		/* What a speed dial or a redial stands for is what was called. */
		str_copy(call->r.to, sizeof(call->r.to), called);
		if (settings_extension(core->settings, call->r.from) != NULL)
			userstates_dialled(core->users, call->r.from, called);
	}
	call_dirty(core, call);
}

void
call_route(struct core *core, struct call *call)
{
	struct route_ask ask = question(core, call, call->r.to);

	route(core, call, &ask);
}

void
call_route_to(struct core *core, struct call *call, const char *to)
{
	struct route_ask ask = question(core, call, to);

	route(core, call, &ask);
}

bool
call_reachable(struct core *core, const struct call *call, const char *to)
{
	struct route_ask ask = question(core, call, to);

	ask.forwarded = true;
	return dialplan_reachable(&ask);
}

bool
call_been_at(const struct call *call, const char *number)
{
	if (strcmp(call->r.target, number) == 0)
		return true;
	for (uint8_t i = 0; i < call->r.diverted_n && i < CALL_DIVERTS_MAX; i++)
		if (strcmp(call->r.diverted[i].number, number) == 0)
			return true;
	return false;
}

void
call_divert(struct core *core, struct call *call, const char *to, enum divert_reason reason)
{
	struct route_ask ask = question(core, call, to);
	struct leg *caller = call_caller(core, call);
	struct divert *d;

	trace_add(core, call, "app", "divert", "from %s to %s: %s", call->r.target, to,
	    divert_reason_name((uint8_t)reason));
	call_timer(core, call, TIMER_APP, 0);
	call_timer(core, call, TIMER_RING, 0);
	if (call_been_at(call, to)) {
		call_end(core, call, 482, 25, CDR_SIDE_SYSTEM, "forwarded in a circle");
		return;
	}
	if (call->r.hops >= CALL_DIVERTS_MAX || call->r.max_forwards == 0) {
		call_end(core, call, 483, 25, CDR_SIDE_SYSTEM, "forwarded too often");
		return;
	}
	call->r.hops++;
	call->r.max_forwards--;
	if (call->r.diverted_n < CALL_DIVERTS_MAX) {
		d = &call->r.diverted[call->r.diverted_n++];
		str_copy(d->number, sizeof(d->number), call->r.target);
		d->reason = (uint8_t)reason;
	}
	if (caller != NULL && !leg_is_up(caller))
		leg_progress(core, caller, 181, false, NULL);
	call->r.callee = 0;
	ask.forwarded = true;
	ask.rights = call->r.diverted_n > 0 ? call->r.diverted[call->r.diverted_n - 1].number
	                                    : NULL;
	route(core, call, &ask);
	call_step(core, call, 0);
}

void
call_step(struct core *core, struct call *call, uint8_t step)
{
	const struct plan_step *s = &call->r.plan.steps[step];
	const struct app *app = app_by_id(s->app);

	call->r.step = step;
	call->r.app = s->app;
	memset(&call->r.u, 0, sizeof(call->r.u));
	call_dirty(core, call);
	if (step >= call->r.plan.n || app == NULL) {
		call_end(core, call, 500, 111, CDR_SIDE_SYSTEM, "no such step");
		return;
	}
	app->start(core, call, s);
}

void
call_switch(struct core *core, struct call *call, enum app_id app)
{
	const struct app *old = app_by_id(call->r.app);

	if (old != NULL && old->stop != NULL)
		old->stop(core, call);
	call_timer(core, call, TIMER_APP, 0);
	call_timer(core, call, TIMER_RING, 0);
	call->r.app = app;
	memset(&call->r.plan, 0, sizeof(call->r.plan));
	call->r.step = 0;
	memset(&call->r.u, 0, sizeof(call->r.u));
	call_dirty(core, call);
}

void
call_app_done(struct core *core, struct call *call, enum outcome outcome, uint16_t status,
    uint8_t q850)
{
	uint8_t next = call->r.plan.steps[call->r.step].next[outcome];

	if (call->r.ending)
		return;
	trace_add(core, call, "app", "done", "%s %s status=%u", app_name(call->r.app),
	    outcome_name(outcome), status);
	call_timer(core, call, TIMER_APP, 0);
	call_timer(core, call, TIMER_RING, 0);
	/* Only forward, so that no plan runs in a circle. */
	if (next != PLAN_END && next > call->r.step && next < call->r.plan.n)
		call_step(core, call, next);
	else
		call_end(core, call, status, q850, CDR_SIDE_SYSTEM, NULL);
}

void
call_talks_to(struct core *core, struct call *call, const char *user)
{
	if (call->r.answer_ms == 0)
		str_copy(call->r.answered_by, sizeof(call->r.answered_by), user);
	else
		str_copy(call->r.transferred_to, sizeof(call->r.transferred_to), user);
	call_dirty(core, call);
}

void
call_answered(struct core *core, struct call *call, uint64_t at_ms)
{
	struct cdr cdr;

	if (call->r.answer_ms != 0) {
		/* once more, by another one: after a transfer, or a service */
		call_set_state(core, call, CALL_CONNECTED);
		if (call->r.recording[0] == '\0')
			recording_auto(core, call);
		return;
	}
	call->r.answer_ms = at_ms != 0 ? at_ms : core->real_ms;
	/* Should the machine die in the call, its record can still say that it was answered. */
	cdr_fill(core, call, &cdr);
	cdr.trace = NULL;
	out_cdr(core->out, OUT_CDR_ANSWERED, &cdr);
	core->stats.answered_calls++;
	call_set_state(core, call, CALL_CONNECTED);
	if (core->settings->features.max_call_duration_s > 0)
		call_timer(core, call, TIMER_MAX,
		    (uint64_t)core->settings->features.max_call_duration_s * 1000);
	call_dirty(core, call);
	recording_auto(core, call);
}

static bool
holds(const struct leg *leg)
{
	return leg->r.state == LEG_UP &&
	    (leg->r.direction == MEDIA_SENDONLY || leg->r.direction == MEDIA_INACTIVE);
}

/* Whoever is connected to one that holds hears music of that one's class. */
static void
hold_music(struct core *core, struct call *call)
{
	const struct extension *e;
	struct leg *leg, *peer;

	TAILQ_FOREACH(leg, &call->legs, next)
	{
		peer = leg->r.peer != 0 ? leg_find(core, leg->r.peer) : NULL;
		if (peer == NULL)
			continue;
		e = settings_extension(core->settings, peer->r.user);
		session_music(core, leg,
		    !holds(peer) && !call->r.held ? NULL
		        : e != NULL               ? e->music_on_hold
		                                  : "");
	}
}

void
call_check_hold(struct core *core, struct call *call)
{
	const struct leg *leg;
	bool hold = false;

	if ((call->r.state != CALL_CONNECTED && call->r.state != CALL_HOLD) || call->r.slot != 0)
		return;
	TAILQ_FOREACH(leg, &call->legs, next)
	if (holds(leg))
		hold = true;
	hold = hold || call->r.held;
	if (hold != (call->r.state == CALL_HOLD))
		trace_add(core, call, "sip", hold ? "hold" : "resume", "%s", "");
	call_set_state(core, call, hold ? CALL_HOLD : CALL_CONNECTED);
	hold_music(core, call);
}

/*
 * The end.
 */

/* For groups that ring first who has been free longest. */
static void
note_parties(struct core *core, const struct call *call)
{
	const struct leg *callee = call->r.callee != 0 ? leg_find(core, call->r.callee) : NULL;

	if (call->r.answer_ms == 0)
		return;
	if (settings_extension(core->settings, call->r.from) != NULL)
		userstates_ended(core->users, call->r.from, core->real_ms);
	if (callee != NULL && settings_extension(core->settings, callee->r.user) != NULL)
		userstates_ended(core->users, callee->r.user, core->real_ms);
}

static enum cdr_disposition
disposition(const struct call *call, uint16_t status, uint8_t q850, enum cdr_side by)
{
	if (call->r.answer_ms != 0)
		return CDR_ANSWERED;
	if (by == CDR_SIDE_CALLER)
		return CDR_CANCELLED;
	if (status == 486 || status == 600 || status == 603)
		return CDR_BUSY;
	if ((status == 480 && q850 != 20) || status == 408)
		return CDR_NO_ANSWER;
	return CDR_FAILED;
}

static void
end_legs(struct core *core, struct call *call, uint16_t status, uint8_t q850)
{
	struct leg *leg;

	TAILQ_FOREACH(leg, &call->legs, next)
	{
		if (leg->r.id == call->r.caller &&
		    (leg->r.state == LEG_OFFERED || leg->r.state == LEG_ANSWERING)) {
			core->refusals[core->refusals_next++ % CORE_REFUSALS] = (struct refusal){
				.leg = leg->r.id,
				.mono_ms = core->mono_ms,
				.status = status,
				.q850 = q850
			};
			leg_refuse(core, leg, status, q850);
		} else if (leg->r.state != LEG_OVER && leg->r.state != LEG_CLOSING) {
			leg_hangup(core, leg, q850);
		}
	}
}

/* Who hangs up while it hears why the call fails did not give it up: it had failed, with the status
 * that the words were about. */
static bool
failed_in_words(const struct call *call, enum cdr_side by, uint16_t *status, uint8_t *q850)
{
	const struct plan_step *step = &call->r.plan.steps[call->r.step];
	uint8_t next = step->next[OUTCOME_DONE];

	if (by != CDR_SIDE_CALLER || call->r.answer_ms != 0 || call->r.app != APP_ANNOUNCE ||
	    next >= call->r.plan.n || call->r.plan.steps[next].app != APP_REFUSE)
		return false;
	*status = call->r.plan.steps[next].status;
	*q850 = call->r.plan.steps[next].q850;
	return true;
}

/* When what ends it happened; that a daemon says, so only if it can be. */
static uint64_t
ended_at(const struct core *core, const struct call *call)
{
	uint64_t at = core->happened_ms;

	return at >= call->r.start_ms && at >= call->r.answer_ms && at < core->real_ms
	    ? at
	    : core->real_ms;
}

void
call_end(struct core *core, struct call *call, uint16_t status, uint8_t q850, enum cdr_side by,
    const char *cause)
{
	const struct app *app = app_by_id(call->r.app);
	bool in_words;

	if (call->r.ending)
		return;
	call->r.ending = 1;
	in_words = failed_in_words(call, by, &status, &q850);
	consult_over(core, call);
	if (app != NULL && app->stop != NULL)
		app->stop(core, call);
	if (q850 == 0)
		q850 = cdr_q850_of_status(status);
	call->r.end_ms = ended_at(core, call);
	note_parties(core, call);
	call->r.status = call->r.answer_ms != 0 ? 200 : status;
	call->r.q850 = q850;
	call->r.hangup_by = by;
	call->r.disposition =
	    disposition(call, status, q850, in_words ? CDR_SIDE_SYSTEM : by);
	str_copy(call->r.cause, sizeof(call->r.cause),
	    cause != NULL && !in_words ? cause : cdr_cause_text(q850));
	call->r.state = CALL_ENDED;
	core->live--;
	if (call->r.disposition == CDR_FAILED)
		core->stats.failed_calls++;
	trace_add(core, call, "app", "end", "%s status=%u q850=%u by=%s %s",
	    cdr_disposition_name(call->r.disposition), call->r.status, q850, cdr_side_name(by),
	    call->r.cause);
	for (int i = 0; i < CALL_TIMERS; i++)
		call_timer(core, call, i, 0);
	end_legs(core, call, status >= 300 ? status : 480, q850);
	call_timer(core, call, TIMER_FIGURES, FIGURES_MS);
	call_timer(core, call, TIMER_LINGER, LINGER_MS);
	call_dirty(core, call);
}

/*
 * What was transferred often has many: the record needs two of them, and sipd has forgotten the
 * rest.
 */
static void
forget_over(struct core *core, struct call *call)
{
	struct leg *leg, *next;
	size_t over = 0;

	TAILQ_FOREACH(leg, &call->legs, next)
	over += leg->r.state == LEG_OVER;
	for (leg = TAILQ_FIRST(&call->legs); leg != NULL && over > OVER_KEPT; leg = next) {
		next = TAILQ_NEXT(leg, next);
		if (leg->r.state != LEG_OVER || leg->r.id == call->r.caller ||
		    leg->r.id == call->r.callee || leg->r.session == SESSION_LIVE ||
		    leg->r.session == SESSION_CLOSING)
			continue;
		leg_free(core, leg);
		over--;
	}
}

bool
call_settle(struct core *core, struct call *call)
{
	bool over = true, figures = true;
	struct leg *leg;
	struct cdr cdr;

	TAILQ_FOREACH(leg, &call->legs, next)
	{
		over = over && leg->r.state == LEG_OVER;
		figures = figures && leg->r.session != SESSION_LIVE &&
		    leg->r.session != SESSION_CLOSING;
	}
	if (!call->r.ending) {
		if (!over || TAILQ_EMPTY(&call->legs)) {
			forget_over(core, call);
			return false;
		}
		call_end(core, call, 500, 41, CDR_SIDE_SYSTEM, "no leg left");
	}
	if (call->r.cdr < CALL_CDR_FINAL && (figures || call->r.due[TIMER_FIGURES] == 0)) {
		call->r.cdr = CALL_CDR_FINAL;
		call_timer(core, call, TIMER_FIGURES, 0);
		cdr_fill(core, call, &cdr);
		out_cdr(core->out, OUT_CDR_FINAL, &cdr);
		trace_keep(core, call);
	}
	if (!over || call->r.cdr != CALL_CDR_DURABLE)
		return false;
	forget(core, call);
	return true;
}

/*
 * What happens to legs.
 */

static void
caller_gone(struct core *core, struct call *call, const struct leg_arg *arg)
{
	switch ((enum leg_end)arg->cause) {
	case LEG_END_REMOTE:
		if (arg->status == 487) { /* the CANCEL was faster than the callee's answer */
			call->r.answer_ms = 0;
			call->r.answered_by[0] = '\0';
		}
		call_end(core, call, 487, arg->q850 != 0 ? arg->q850 : 16, CDR_SIDE_CALLER, NULL);
		break;
	case LEG_END_LOCAL:
		call_end(core, call, 487, 16, CDR_SIDE_SYSTEM, NULL);
		break;
	case LEG_END_TIMEOUT:
		call_end(core, call, 408, 102, CDR_SIDE_SYSTEM, "caller does not respond");
		break;
	case LEG_END_TRANSPORT:
		call_end(core, call, 408, 41, CDR_SIDE_SYSTEM, "connection to the caller lost");
		break;
	case LEG_END_LOST:
		call_end(core, call, 500, 41, CDR_SIDE_SYSTEM, "lost in a restart");
		break;
	}
	if (!call->r.ending)
		call_end(core, call, 500, 41, CDR_SIDE_SYSTEM, NULL);
}

void
call_leg_event(struct core *core, struct leg *leg, enum call_leg_event event,
    const struct leg_arg *arg)
{
	struct call *call = leg->call;
	const struct app *app = app_by_id(call->r.app);
	bool caller = leg->r.id == call->r.caller;

	if (call->r.ending)
		return;
	if (caller && event == CALL_LEG_GONE && consult_is_three(call)) {
		consult_left(core, call, leg);
		return;
	}
	if (caller && event == CALL_LEG_GONE && consult_complete(core, call))
		return;
	if (caller && event == CALL_LEG_GONE)
		caller_gone(core, call, arg);
	else if (caller && event == CALL_LEG_FAILED)
		call_end(core, call, arg->status != 0 ? arg->status : 500, 0, CDR_SIDE_SYSTEM,
		    arg->status == 488 ? "no common codec" : "media failed");
	else if (app != NULL && app->leg_event != NULL)
		app->leg_event(core, call, leg, event, arg);
	else if (app == NULL && event ==
	    CALL_LEG_GONE) /* an app of a newer version: bridged until someone hangs up */
		call_end(core, call, 480, 16, CDR_SIDE_CALLEE, NULL);
}
