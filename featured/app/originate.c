/* SPDX-License-Identifier: ISC */
/*
 * A call that the API asked for: rings every contact of an extension; the first that answers
 * becomes the caller, and what it is to be connected to is routed as if it had dialled it.
 */
#include "featured/app/app.h"
#include "featured/app/branch.h"
#include "featured/call/session.h"

static void
originate_start(struct core *core, struct call *call, const struct plan_step *step)
{
	if (branch_start(core, call, step->target, step->seconds, NULL, true) == 0 &&
	    !call->r.ending)
		branch_give_up(core, call);
}

static void
answered(struct core *core, struct call *call, struct leg *leg)
{
	if (call->r.caller != 0) {
		leg_hangup(core, leg, 26);
		return;
	}
	call->r.caller = leg->r.id;
	call_timer(core, call, TIMER_RING, 0);
	branch_cancel(core, call, leg, 26);
	session_want(core, leg, WANT_MARK, leg->r.like);
	call_set_state(core, call, CALL_CALLING);
	call_route(core, call);
	call_step(core, call, 0);
}

static void
originate_leg_event(struct core *core, struct call *call, struct leg *leg,
    enum call_leg_event event, const struct leg_arg *arg)
{
	switch (event) {
	case CALL_LEG_RINGING:
		call_set_state(core, call, CALL_RINGING);
		break;
	case CALL_LEG_ANSWERED:
		answered(core, call, leg);
		break;
	case CALL_LEG_UP:
	case CALL_LEG_MARKED:
		break;
	case CALL_LEG_FAILED:
		leg_hangup(core, leg, 88);
		/* fallthrough */
	case CALL_LEG_GONE:
		branch_failed(call, arg);
		if (!branch_waiting(call))
			branch_give_up(core, call);
		break;
	}
}

static void
originate_timer(struct core *core, struct call *call, enum call_timer kind)
{
	if (kind != TIMER_RING)
		return;
	branch_cancel(core, call, NULL, 19);
	call->r.u.dial.best = 408;
	branch_give_up(core, call);
}

const struct app app_originate = {
	.name = "originate",
	.start = originate_start,
	.leg_event = originate_leg_event,
	.timer = originate_timer,
};
