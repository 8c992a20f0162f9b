/* SPDX-License-Identifier: ISC */
/* Two legs that talk until one of them hangs up, however they came together (call/join.c). What the
 * caller does is call.c's affair; so only the callee's end comes here. */
#include "featured/app/app.h"

static void
bridge_start(struct core *core, struct call *call, const struct plan_step *step)
{
	(void)step; /* no step of a plan */
	call_end(core, call, 500, 111, CDR_SIDE_SYSTEM, "no such step");
}

static void
bridge_leg_event(struct core *core, struct call *call, struct leg *leg, enum call_leg_event event,
    const struct leg_arg *arg)
{
	if (leg->r.id != call->r.callee)
		return;
	if (event == CALL_LEG_FAILED) {
		leg_hangup(core, leg, 88);
		call_end(core, call, arg->status, 88, CDR_SIDE_SYSTEM, "media failed");
	} else if (event == CALL_LEG_GONE) {
		if (arg->cause == LEG_END_LOST)
			call_end(core, call, 500, 41, CDR_SIDE_SYSTEM, "lost in a restart");
		else if (arg->cause == LEG_END_TIMEOUT || arg->cause == LEG_END_TRANSPORT)
			call_end(core, call, 480, 27, CDR_SIDE_SYSTEM, "callee does not respond");
		else
			call_end(core, call, 480, arg->q850 != 0 ? arg->q850 : 16, CDR_SIDE_CALLEE,
			    NULL);
	}
}

const struct app app_bridge = {
	.name = "bridge",
	.start = bridge_start,
	.leg_event = bridge_leg_event,
};
