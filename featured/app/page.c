/* SPDX-License-Identifier: ISC */
/*
 * A paging group: the caller is answered at once and heard on the loudspeakers of all members whose
 * phones answer by themselves. One-way: they are muted in the room that all of them share. Who is
 * in a call, does not want to be disturbed or has blacklisted the caller is left alone. It lasts
 * until the caller hangs up or nobody listens any more.
 */
#include <string.h>

#include "featured/app/app.h"
#include "featured/app/branch.h"
#include "featured/call/session.h"
#include "featured/reg/userstate.h"
#include "featured/settings.h"

#define RING_S 15
#define READY  "tone:beep"

static bool
willing(const struct core *core, const struct call *call, const char *number)
{
	const struct user_state *user = userstates_get(core->users, number);

	return settings_extension(core->settings, number) != NULL &&
	    strcmp(number, call->r.from) != 0 && !user->dnd &&
	    !user_blacklisted(user, call->r.from) && user_calls(core, number, call) == 0;
}

static void
page_start(struct core *core, struct call *call, const struct plan_step *step)
{
	const struct paging_group *group = settings_paging_group(core->settings, step->target);
	struct leg *caller = call_caller(core, call);
	const struct leg *like = caller != NULL && leg_has_codec(caller) ? caller
	                                                                                  : NULL;
	size_t rung = 0;

	for (size_t i = 0; group != NULL && i < group->members.n && !call->r.ending; i++) {
		if (willing(core, call, group->members.v[i]))
			rung += branch_start(core, call, group->members.v[i], RING_S, like, false);
		else
			trace_add(core, call, "app", "passed-over", "%s", group->members.v[i]);
	}
	if (call->r.ending)
		return;
	if (rung == 0 || caller == NULL) {
		branch_give_up(core, call);
	} else if (leg_is_up(caller)) {
		call_answered(core, call, 0);
		session_room(core, caller, call->r.key, 0);
	} else {
		leg_answer(core, caller, NULL);
	}
}

/* Does anybody listen, or may somebody still? */
static bool
heard(const struct call *call)
{
	const struct leg *leg;

	TAILQ_FOREACH(leg, &call->legs, next)
	if (leg->r.id != call->r.caller && (leg_is_up(leg) || leg_is_early(leg)))
		return true;
	return false;
}

static void
answered(struct core *core, struct call *call, struct leg *leg)
{
	if (call->r.callee == 0)
		call->r.callee = leg->r.id;
	session_room(core, leg, call->r.key, MEDIA_ROOM_MUTE);
	/* Nothing else would prove that mediad has this answer. */
	session_want(core, leg, WANT_MARK, leg->r.like);
	trace_add(core, call, "app", "listens", "%s", leg->r.user);
}

static void
page_leg_event(struct core *core, struct call *call, struct leg *leg, enum call_leg_event event,
    const struct leg_arg *arg)
{
	(void)arg;
	switch (event) {
	case CALL_LEG_UP:
		if (leg->r.id != call->r.caller)
			return;
		call_answered(core, call, 0);
		session_room(core, leg, call->r.key, 0);
		session_play(core, leg, READY, 1);
		return;
	case CALL_LEG_ANSWERED:
		answered(core, call, leg);
		return;
	case CALL_LEG_MARKED:
	case CALL_LEG_RINGING:
		return;
	case CALL_LEG_FAILED:
		leg_hangup(core, leg, 88);
		break;
	case CALL_LEG_GONE:
		break;
	}
	if (!heard(call))
		call_end(core, call, 480, 16, CDR_SIDE_CALLEE, "nobody listens");
}

/* Phones that have not answered by themselves by now are not going to. */
static void
page_timer(struct core *core, struct call *call, enum call_timer kind)
{
	if (kind != TIMER_RING)
		return;
	branch_cancel(core, call, call_caller(core, call), 19);
	if (!heard(call))
		call_end(core, call, 480, 19, CDR_SIDE_SYSTEM, "nobody listens");
}

const struct app app_page = {
	.name = "page",
	.start = page_start,
	.leg_event = page_leg_event,
	.timer = page_timer,
};
