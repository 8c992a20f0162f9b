/* SPDX-License-Identifier: ISC */
/*
 * Rings every contact of an extension, bridges the caller to the first that answers, and stays
 * until one of the two hangs up. The caller may have no answer yet (an INVITE) or be up already (a
 * call that the API started): then it hears a ring-back tone from us.
 */
#include <string.h>

#include "featured/app/app.h"
#include "featured/app/branch.h"
#include "featured/app/dial.h"
#include "featured/call/party.h"
#include "featured/call/session.h"
#include "featured/reg/userstate.h"
#include "featured/settings.h"

#define RINGBACK "tone:ringback"

bool
dial_user(struct core *core, struct call *call, const char *user, uint16_t ring_s)
{
	const struct leg *caller = call_caller(core, call);
	/* A caller whose offer was late has no codec yet. */
	const struct leg *like = caller != NULL && leg_has_codec(caller) ? caller
	                                                                                  : NULL;

	return branch_start(core, call, user, ring_s, like, false) > 0;
}

bool
dial_is_busy(const struct core *core, const struct call *call, const char *user)
{
	const struct extension *ext = settings_extension(core->settings, user);
	int64_t max = userstates_get(core->users, user)->no_call_waiting ? 1
	    : ext != NULL                                                ? ext->max_calls
	                                                                 : 0;

	return max > 0 && user_calls(core, user, call) >= (size_t)max;
}

static void
dial_start(struct core *core, struct call *call, const struct plan_step *step)
{
	if (dial_is_busy(core, call, step->target)) {
		trace_add(core, call, "app", "busy", "%s has as many calls as it may",
		    step->target);
		call_app_done(core, call, OUTCOME_BUSY, 486, 17);
		return;
	}
	if (!dial_user(core, call, step->target, step->seconds) && !call->r.ending)
		branch_give_up(core, call);
}

/* Somebody's loudspeaker is not to be heard in another call of theirs. */
static void
intercom_start(struct core *core, struct call *call, const struct plan_step *step)
{
	if (userstates_get(core->users, step->target)->dnd ||
	    user_calls(core, step->target, call) > 0) {
		call_app_done(core, call, OUTCOME_BUSY, 486, 17);
		return;
	}
	if (!dial_user(core, call, step->target, step->seconds) && !call->r.ending)
		branch_give_up(core, call);
}

/*
 * The caller is to hear that it rings. One that has had SDP of ours listens to us and makes no tone
 * itself, whatever follows: it gets ours.
 */
static void
ring_back(struct core *core, struct leg *caller, uint16_t status)
{
	if (!leg_is_up(caller) && !caller->r.early_sent && !leg_must_offer(caller)) {
		leg_progress(core, caller, status == 183 ? 180 : status, false, NULL);
		return;
	}
	if (leg_must_offer(caller))
		leg_progress(core, caller, status == 183 ? 180 : status, true, NULL);
	if (caller->r.play == 0)
		session_play(core, caller, RINGBACK, 0);
}

static void
ringing(struct core *core, struct call *call, struct leg *leg, const struct leg_arg *arg)
{
	struct leg *caller = call_caller(core, call);
	bool early = arg->sdp.len > 0 &&
	    (call->r.u.dial.early == 0 || call->r.u.dial.early == leg->r.id);

	/* 199 and what nobody has named yet tell a caller nothing. */
	if (call->r.u.dial.bridged || caller == NULL || arg->status > 183)
		return;
	call_set_state(core, call, CALL_RINGING);
	if (call->r.callee == 0)
		call->r.callee = leg->r.id;
	if (early && leg_takes_early(caller)) {
		call->r.u.dial.early = leg->r.id;
		session_join(core, caller, leg);
		if (!leg_is_up(caller))
			leg_progress(core, caller, arg->status, true, leg);
		return;
	}
	/* After early media a 180 without SDP would make some phones (baresip 1.0) stop it and play
	 * silence. */
	if (call->r.u.dial.early != 0)
		return;
	ring_back(core, caller, arg->status);
}

static void
answered(struct core *core, struct call *call, struct leg *leg, const struct leg_arg *arg)
{
	struct leg *caller = call_caller(core, call);

	if (caller == NULL || call->r.u.dial.bridged) { /* too late: another one was faster */
		leg_hangup(core, leg, 26);
		return;
	}
	call->r.u.dial.bridged = 1;
	call->r.u.dial.winner = leg->r.id;
	call->r.callee = leg->r.id;
	call_timer(core, call, TIMER_RING, 0);
	branch_cancel(core, call, leg, 26);
	session_join(core, caller, leg);
	call_talks_to(core, call, leg->r.user);
	call_answered(core, call, arg->at_ms);
	if (!leg_is_up(caller)) {
		leg_answer(core, caller, leg);
		return;
	}
	if (call->r.shown_from[0] != '\0' || call->r.diverted_n > 0)
		party_changed(core, caller);
	/* The caller is owed no SDP that would prove that mediad has this answer. */
	session_want(core, leg, WANT_MARK, leg->r.like);
}

/* Whom its phone names in a 302; NULL: nobody, or it is not followed here. */
static const char *
redirected(const struct call *call, const struct leg_arg *arg)
{
	if ((call->r.app != APP_DIAL && call->r.app != APP_FIND_ME) || arg->status / 100 != 3 ||
	    arg->redirect == NULL || arg->redirect[0] == '\0')
		return NULL;
	return arg->redirect;
}

static void
gone(struct core *core, struct call *call, const struct leg *leg, const struct leg_arg *arg)
{
	const char *to = redirected(call, arg);
	uint8_t q850 = arg->q850 != 0 ? arg->q850 : 16;

	if (call->r.u.dial.bridged) {
		if (leg->r.id != call->r.u.dial.winner)
			return;
		if (arg->cause == LEG_END_LOST)
			call_end(core, call, 500, 41, CDR_SIDE_SYSTEM, "lost in a restart");
		else if (arg->cause == LEG_END_TIMEOUT || arg->cause == LEG_END_TRANSPORT)
			call_end(core, call, 480, 27, CDR_SIDE_SYSTEM, "callee does not respond");
		else
			call_end(core, call, 480, q850, CDR_SIDE_CALLEE, NULL);
		return;
	}
	/* The phone's own forwarding (RFC 3261 section 21.3): it speaks for the extension. */
	if (to != NULL && strcmp(leg->r.user, call->r.target) == 0) {
		branch_cancel(core, call, leg, 16);
		call_divert(core, call, to, DIVERT_PHONE);
		return;
	}
	/* Whose early media the caller heard is gone; others ring on. */
	if (call->r.u.dial.early == leg->r.id) {
		struct leg *caller = call_caller(core, call);

		call->r.u.dial.early = 0;
		if (caller != NULL && (branch_waiting(call) || to != NULL)) {
			session_part(core, caller);
			ring_back(core, caller, 180);
		}
	}
	if (to != NULL && rounds_deflected(core, call, leg, to))
		return;
	branch_failed(call, arg);
	if (arg->status >= 600 && call->r.app == APP_DIAL) /* RFC 3261 16.7: it speaks for all */
		branch_cancel(core, call, leg, 16);
	if (!branch_waiting(call) && !rounds_next(core, call) && !call->r.ending)
		branch_give_up(core, call);
}

void
dial_leg_event(struct core *core, struct call *call, struct leg *leg, enum call_leg_event event,
    const struct leg_arg *arg)
{
	switch (event) {
	case CALL_LEG_RINGING:
		ringing(core, call, leg, arg);
		break;
	case CALL_LEG_ANSWERED:
		answered(core, call, leg, arg);
		break;
	case CALL_LEG_UP:
	case CALL_LEG_MARKED:
		break;
	case CALL_LEG_FAILED:
		/* An answer that mediad cannot work with: nobody would hear anything. */
		leg_hangup(core, leg, 88);
		if (leg->r.id == call->r.u.dial.winner)
			call_end(core, call, arg->status, 88, CDR_SIDE_SYSTEM, "media failed");
		else
			gone(core, call, leg, arg);
		break;
	case CALL_LEG_GONE:
		gone(core, call, leg, arg);
		break;
	}
}

void
dial_timer(struct core *core, struct call *call, enum call_timer kind)
{
	if (kind != TIMER_RING || call->r.u.dial.bridged)
		return;
	trace_add(core, call, "timer", "no-answer", "%s", "");
	branch_cancel(core, call, call_caller(core, call), 19);
	call->r.u.dial.best = 408;
	if (!rounds_next(core, call) && !call->r.ending)
		branch_give_up(core, call);
}

const struct app app_intercom = {
	.name = "intercom",
	.start = intercom_start,
	.leg_event = dial_leg_event,
	.timer = dial_timer,
};

const struct app app_dial = {
	.name = "dial",
	.start = dial_start,
	.leg_event = dial_leg_event,
	.timer = dial_timer,
};
