/* SPDX-License-Identifier: ISC */
/* Transfers; see transfer.h. What a number means is the dialplan's, how legs move is join.c's. */
#include "featured/call/transfer.h"

#include <string.h>

#include "featured/call/consult.h"
#include "featured/call/join.h"
#include "featured/call/park.h"
#include "featured/call/session.h"
#include "featured/route/dialplan.h"
#include "featured/settings.h"

#define RINGBACK "tone:ringback"

/* Many phones want to hear at once how it ended, and then hang up by themselves. */
static void
tell_success(struct core *core, struct leg *leg)
{
	if (!leg->refer)
		return;
	leg->refer = false;
	core_to_sipd(core, leg, MSG_leg_refer_answer,
	    &(struct msg_leg_refer_answer){
	        .leg = leg->r.id, .serial = leg->refer_serial, .status = 202 });
	core_to_sipd(core, leg, MSG_leg_refer_progress,
	    &(struct msg_leg_refer_progress){
	        .leg = leg->r.id, .serial = leg->refer_serial, .status = 200 });
}

void
transfer_release(struct core *core, struct leg *leg)
{
	tell_success(core, leg);
	if (leg->r.state != LEG_OVER && leg->r.state != LEG_CLOSING)
		leg_hangup(core, leg, 16);
}

/*
 * Blind.
 */

/* What the plan comes to before anybody is rung: 0, or the status with which it would end. */
static uint16_t
plan_refused(const struct core *core, const struct plan *plan)
{
	const struct plan_step *s = &plan->steps[0];
	struct core_contact contact;

	if (s->app == APP_ANNOUNCE && s->next[OUTCOME_DONE] < plan->n)
		s = &plan->steps[s->next[OUTCOME_DONE]];
	if (s->app == APP_REFUSE)
		return s->status;
	if (s->app == APP_PARK)
		return park_refused(core, s->target);
	if (s->app == APP_DIAL && s->next[OUTCOME_UNREGISTERED] == PLAN_END &&
	    core->env.contacts(core->env.arg, s->target, &contact, 1) == 0)
		return 480;
	return 0;
}

/* Where the plan would give up, user is rung. A parked call goes to user's mailbox after that. */
static void
add_recall(const struct core *core, struct plan *plan, const char *user)
{
	uint8_t n = plan->n;
	struct plan_step *recall;

	if (settings_extension(core->settings, user) == NULL ||
	    (recall = plan_add(plan, APP_DIAL, user)) == NULL)
		return;
	recall->seconds = (uint16_t)core->settings->parking.ringback_s;
	for (uint8_t i = 0; i < n; i++)
		for (int o = OUTCOME_BUSY; o < OUTCOMES; o++)
			if (plan->steps[i].next[o] == PLAN_END)
				plan->steps[i].next[o] = n;
	if (plan->steps[0].app != APP_PARK ||
	    !dialplan_has_mailbox(core->settings, settings_extension(core->settings, user)) ||
	    plan_add(plan, APP_LEAVE, user) == NULL)
		return;
	for (int o = OUTCOME_BUSY; o < OUTCOMES; o++)
		plan->steps[n].next[o] = n + 1;
}

/* The one who stays is the caller of whatever comes now. */
static void
becomes_caller(struct core *core, struct call *call, struct leg *stays, const struct leg *by)
{
	const struct extension *ext = settings_extension(core->settings, stays->r.user);

	call->r.caller = stays->r.id;
	call->r.callee = 0;
	call->r.held = 0;
	str_copy(call->r.parker, sizeof(call->r.parker), by->r.user);
	str_copy(call->r.shown_from, sizeof(call->r.shown_from), stays->r.user);
	str_copy(call->r.shown_name, sizeof(call->r.shown_name),
	    strcmp(stays->r.user, call->r.from) == 0 ? call->r.from_name
	        : ext != NULL                        ? ext->name
	                                             : "");
	call_set_state(core, call, CALL_TRANSFERRING);
}

uint16_t
transfer_retarget(struct core *core, struct call *call, struct leg *stays, struct leg *by,
    const char *to)
{
	struct plan plan = { .n = 0 };
	struct route_ask ask = {
		.settings = core->settings,
		.from = by->r.user,
		.to = to,
		.transfer = true,
		.users = core->users,
		.patterns = &core->patterns,
		.bucket = &core->bucket,
	};
	struct buf text = BUF_INIT(1024);
	uint16_t status;
	char why[96], called[65];

	dialplan_route(&ask, &plan, called, why, sizeof(why));
	status = plan_refused(core, &plan);
	trace_add(core, call, "app", "transfer", "by=%s to=%s %s%s", by->r.user, to, why,
	    status != 0 ? ", refused" : "");
	if (status != 0)
		return status;
	add_recall(core, &plan, by->r.user);
	plan_print(&plan, &text);
	trace_add(core, call, "route", "plan", "%s", text.data != NULL ? text.data : "");
	buf_free(&text);
	call_switch(core, call, APP_NONE);
	session_part(core, by);
	session_part(core, stays);
	becomes_caller(core, call, stays, by);
	call->r.plan = plan;
	str_copy(call->r.target, sizeof(call->r.target), called[0] != '\0' ? called : to);
	call_talks_to(core, call, to); /* until somebody answers there */
	call->r.diverted_n = 0; /* it is for somebody else now */
	call_step(core, call, 0);
	if (!park_tells(core, call, by))
		transfer_release(core, by);
	return 0;
}

uint16_t
transfer_blind(struct core *core, struct leg *by, const char *to)
{
	struct leg *stays = join_partner(core, by);

	if (!core->settings->features.call_transfer)
		return 403;
	if (consult_is_three(by->call))
		return 488;
	if (stays == NULL)
		return 480;
	/* Somebody waits for it, and would be brought together with whom it knows nothing of. */
	if (consult_by(by))
		return 403;
	return transfer_retarget(core, by->call, stays, by, to);
}

/*
 * Attended.
 */

/* Everything of old but out goes to call, and its app goes on with stays as its caller. */
static void
take_ringing(struct core *core, struct call *call, struct leg *stays, struct call *old,
    const struct leg *out)
{
	struct leg *leg, *next, *early = NULL;

	call_switch(core, call, APP_NONE);
	session_part(core, stays);
	call->r.app = old->r.app;
	call->r.u = old->r.u;
	call->r.plan = old->r.plan;
	call->r.step = old->r.step;
	str_copy(call->r.target, sizeof(call->r.target), old->r.target);
	call_talks_to(core, call, old->r.to);
	call->r.diverted_n = old->r.diverted_n;
	memcpy(call->r.diverted, old->r.diverted, sizeof(call->r.diverted));
	add_recall(core, &call->r.plan, out->r.user);
	becomes_caller(core, call, stays, out);
	call->r.callee = old->r.callee;
	if (old->r.due[TIMER_RING] > core->mono_ms)
		call_timer(core, call, TIMER_RING, old->r.due[TIMER_RING] - core->mono_ms);
	for (leg = TAILQ_FIRST(&old->legs); leg != NULL; leg = next) {
		next = TAILQ_NEXT(leg, next);
		if (leg == out || leg->r.state == LEG_OVER || leg->r.state == LEG_CLOSING)
			continue;
		if (leg->r.id == old->r.u.dial.early)
			early = leg;
		join_take(core, call, leg, true);
	}
	if (early != NULL)
		session_join(core, stays, early);
	else if (old->r.state == CALL_RINGING)
		session_play(core, stays, RINGBACK, 0);
}

/* Whom out talks to in old, or talked to before it hung up; NULL: nobody. */
static struct leg *
far_of(const struct core *core, const struct call *old, const struct leg *out)
{
	uint64_t id = out->r.peer;
	struct leg *far;

	if (id == 0 && (old->r.app == APP_BRIDGE ||
	                   (app_dials(old->r.app) && old->r.u.dial.bridged)))
		id = out->r.id == old->r.caller ? old->r.callee : old->r.caller;
	far = id != 0 ? leg_find(core, id) : NULL;
	return far != NULL && far->call == old && leg_is_up(far) ? far : NULL;
}

static bool
rings_for(const struct call *old, const struct leg *out)
{
	return app_dials(old->r.app) && !old->r.u.dial.bridged && out->r.id == old->r.caller;
}

bool
transfer_can_take(const struct core *core, const struct call *old, const struct leg *out)
{
	return rings_for(old, out) || far_of(core, old, out) != NULL;
}

void
transfer_take_over(struct core *core, struct call *call, struct leg *stays, struct call *old,
    struct leg *out)
{
	struct leg *far = far_of(core, old, out);

	trace_add(core, call, "app", "transferred", "by=%s to=%s", out->r.user,
	    far != NULL ? far->r.user : old->r.to);
	if (rings_for(old, out)) {
		take_ringing(core, call, stays, old, out);
		return;
	}
	str_copy(call->r.parker, sizeof(call->r.parker), out->r.user);
	call_talks_to(core, call, far->r.user);
	session_part(core, far);
	join_take(core, call, far, true);
	/* Who comes in has the part of who leaves. */
	if (call_caller(core, call) == stays)
		join_bridge(core, call, stays, far);
	else
		join_bridge(core, call, far, stays);
}

uint16_t
transfer_attended(struct core *core, struct leg *by, struct leg *other)
{
	struct leg *stays = join_partner(core, by), *far = join_partner(core, other), *swap;
	struct call *old, *call;
	char to[65];
	uint16_t status;

	if (!core->settings->features.call_transfer)
		return 403;
	if (consult_is_three(by->call) || consult_is_three(other->call))
		return 488; /* it would end the call of two others, or leave one of them out */
	if (by->call == other->call || stays == NULL || other->call->r.ending)
		return 481;
	if (consult_by(by) || consult_by(other) ||
	    (consult_is(other->call) && (far == NULL || consult_is(by->call))))
		return 403;
	/*
	 * The older call goes on; when nobody answers yet in the other one, the one that talks; and one
	 * that somebody waits for in any case.
	 */
	if (far != NULL && !consult_is(by->call) &&
	    (consult_is(other->call) || other->call->r.start_ms < by->call->r.start_ms)) {
		swap = by;
		by = other;
		other = swap;
		stays = far;
	}
	call = by->call;
	old = other->call;
	if (!transfer_can_take(core, old, other)) {
		/* An announcement, a mailbox, a slot: what the other call was for. */
		str_copy(to, sizeof(to), old->r.to);
		park_held(core, old, to, sizeof(to));
		status = transfer_retarget(core, call, stays, by, to);
		if (status != 0)
			return status;
	} else {
		tell_success(core, by); /* before its leg ends */
		transfer_take_over(core, call, stays, old, other);
		transfer_release(core, by);
	}
	transfer_release(core, other);
	join_over(core, old, call, "transferred");
	return 0;
}

/*
 * REFER and Replaces.
 */

static void
refer_answer(struct core *core, const struct msg_leg_refer *m, uint16_t status)
{
	core_to_sipd(core, NULL, MSG_leg_refer_answer,
	    &(struct msg_leg_refer_answer){
	        .leg = m->leg, .serial = m->serial, .status = status });
}

void
transfer_refer(struct core *core, const struct msg_leg_refer *m)
{
	struct leg *leg = leg_find(core, m->leg), *other;
	uint16_t status;

	if (leg == NULL) {
		refer_answer(core, m, 481);
		return;
	}
	leg->heard_sipd = core->sipd.round;
	if (leg->refer && leg->refer_serial == m->serial)
		return; /* repeated, and it will be told */
	leg->refer = true;
	leg->refer_serial = m->serial;
	if (leg->r.state == LEG_CLOSING) { /* done before we died */
		transfer_release(core, leg);
		return;
	}
	other = m->replaces != 0 ? leg_find(core, m->replaces) : NULL;
	trace_add(core, leg->call, "sip", "refer", "leg=%016llx to=%s%s",
	    (unsigned long long)leg->r.id, m->to_user, m->replaces != 0 ? " replaces" : "");
	if (m->replaces != 0 && other == NULL)
		status = 481;
	else if (other != NULL)
		status = transfer_attended(core, leg, other);
	else
		status = m->to_user[0] != '\0' ? transfer_blind(core, leg, m->to_user) : 400;
	if (status == 0)
		return;
	leg->refer = false;
	trace_add(core, leg->call, "app", "refer-refused", "status=%u", status);
	refer_answer(core, m, status);
}

void
transfer_pick_up(struct core *core, struct leg *leg, struct call *ringing)
{
	struct leg *caller = call_caller(core, ringing);
	struct call *old = leg->call;

	trace_add(core, ringing, "app", "picked-up", "by=%s", leg->r.user);
	call_talks_to(core, ringing, leg->r.user);
	join_take(core, ringing, leg, true);
	join_bridge(core, ringing, caller, leg);
	join_over(core, old, ringing, "picked up");
}

uint16_t
transfer_replace(struct core *core, struct leg *leg, struct leg *replaced, bool early_only)
{
	struct call *call = replaced->call, *old = leg->call;
	struct leg *stays = join_partner(core, replaced), *caller = call_caller(core, call);

	trace_add(core, old, "sip", "replaces", "leg=%016llx", (unsigned long long)replaced->r.id);
	if (call->r.ending)
		return 481;
	if (leg_is_early(replaced) && caller != NULL && app_dials(call->r.app) &&
	    !call->r.u.dial.bridged) {
		transfer_pick_up(core, leg, call);
		return 0;
	}
	if (stays == NULL)
		return 481;
	if (early_only)
		return 486;
	transfer_release(core, replaced);
	call_talks_to(core, call, leg->r.user);
	join_take(core, call, leg, true);
	if (caller == stays)
		join_bridge(core, call, stays, leg);
	else
		join_bridge(core, call, leg, stays);
	join_over(core, old, call, "replaced");
	return 0;
}

uint16_t
core_call_transfer(struct core *core, const uint8_t uuid[UUID_LEN], const char *to,
    const char **reason)
{
	struct call *call = call_find(core, uuid);
	struct leg *caller = call != NULL ? call_caller(core, call) : NULL, *by;
	uint16_t status;

	*reason = "no such call";
	if (call == NULL || call->r.ending)
		return 404;
	*reason = "destination is needed";
	if (to[0] == '\0')
		return 400;
	*reason = consult_is_three(call) ? "three talk in this call: nobody of them can be transferred"
	                                 : "the call's parties do not talk to each other";
	by = caller != NULL ? join_partner(core, caller) : NULL;
	if (by == NULL)
		return 409;
	trace_add(core, call, "api", "transfer", "to=%s", to);
	status = transfer_blind(core, by, to);
	*reason = status == 404 ? "no such destination"
	    : status == 480     ? "destination is not registered"
	    : status == 403     ? "this is not allowed"
	    : status == 486     ? "destination is taken"
	                        : "destination cannot be called";
	return status == 0 || status == 404 ? status : 409;
}
