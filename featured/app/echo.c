/* SPDX-License-Identifier: ISC */
/* The echo test (*43): answers and sends back what it hears, until the caller hangs up. */
#include "featured/app/app.h"
#include "featured/call/session.h"

static void
echo_start(struct core *core, struct call *call, const struct plan_step *step)
{
	struct leg *caller = call_caller(core, call);

	(void)step;
	if (caller == NULL) {
		call_app_done(core, call, OUTCOME_FAILED, 500, 41);
		return;
	}
	if (leg_is_up(caller))
		call_answered(core, call, 0);
	else
		leg_answer(core, caller, NULL);
	session_echo(core, caller);
}

static void
echo_leg_event(struct core *core, struct call *call, struct leg *leg, enum call_leg_event event,
    const struct leg_arg *arg)
{
	(void)arg;
	if (event == CALL_LEG_UP && leg->r.id == call->r.caller)
		call_answered(core, call, 0);
}

const struct app app_echo = {
	.name = "echo",
	.start = echo_start,
	.leg_event = echo_leg_event,
};
