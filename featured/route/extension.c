/* SPDX-License-Identifier: ISC */
/*
 * A call for an extension, as a plan: who is turned away, do not disturb, the four forwards, its
 * phones, its find-me list. Read by dialplan.c; what the user has set comes from reg/userstate.
 */
#include <string.h>

#include "common/base/str.h"
#include "featured/reg/userstate.h"
#include "featured/route/dialplan.h"
#include "featured/settings.h"

bool
caller_refused(const struct route_ask *ask, struct plan *plan, char *why, size_t why_size)
{
	const struct conf_strs *list = &ask->settings->dialplan.blacklist;

	for (size_t i = 0; i < list->n; i++) {
		if (!user_entry_matches(list->v[i], ask->from))
			continue;
		str_format(why, why_size, "%s is blacklisted for all", ask->from);
		plan_refuse(plan, 603, 21);
		return true;
	}
	return false;
}

bool
extension_screened(const struct route_ask *ask, struct plan *plan, char *why, size_t why_size)
{
	const struct user_state *user = userstates_get(ask->users, ask->to);

	if (caller_refused(ask, plan, why, why_size))
		return true;
	if (user_blacklisted(user, ask->from)) {
		str_format(why, why_size, "%s has blacklisted %s", ask->to, ask->from);
		plan_refuse(plan, 603, 21);
		return true;
	}
	if (ask->anonymous && user->reject_anonymous) {
		str_format(why, why_size, "%s rejects anonymous calls", ask->to);
		plan_refuse(plan, 433, 21);
		return true;
	}
	return false;
}

/*
 * Appends the forward and returns its step's index; PLAN_END: not set. Whom the calls go to still
 * gets through to the extension itself.
 */
static uint8_t
forward(const struct route_ask *ask, const struct user_state *user, enum user_forward kind,
    enum divert_reason reason, struct plan *plan)
{
	const char *target = user->forward[kind];
	struct plan_step *step;

	if (target[0] == '\0' || strcmp(target, ask->from) == 0 ||
	    (step = plan_add(plan, APP_FORWARD, target)) == NULL)
		return PLAN_END;
	step->status = (uint16_t)reason;
	return (uint8_t)(plan->n - 1);
}

static uint8_t
find_me(const struct extension *to, struct plan *plan)
{
	if (to->find_me.n == 0 || to->find_me_strategy != FIND_ME_IN_ORDER ||
	    plan_add(plan, APP_FIND_ME, to->number) == NULL)
		return PLAN_END;
	return (uint8_t)(plan->n - 1);
}

/* A message can be left there; PLAN_END: it cannot. busy: its owner is on the phone. */
static uint8_t
voicemail(const struct route_ask *ask, const struct extension *to, bool busy, struct plan *plan)
{
	struct plan_step *step;

	if (!dialplan_has_mailbox(ask->settings, to) ||
	    (step = plan_add(plan, APP_LEAVE, to->number)) == NULL)
		return PLAN_END;
	step->status = busy ? 486 : 0;
	return (uint8_t)(plan->n - 1);
}

static void
lead(struct plan *plan, uint8_t step, enum outcome outcome, uint8_t next)
{
	if (step != PLAN_END)
		plan->steps[step].next[outcome] = next;
}

void
extension_plan(const struct route_ask *ask, const struct extension *to, struct plan *plan,
    char *why, size_t why_size)
{
	const struct user_state *user = userstates_get(ask->users, to->number);
	bool together = to->find_me.n > 0 && to->find_me_strategy == FIND_ME_ALL;
	uint8_t first = plan->n, busy, find, noanswer, unregistered;
	struct plan_step *step;

	if (extension_screened(ask, plan, why, why_size))
		return;
	if (forward(ask, user, USER_FORWARD_ALL, DIVERT_ALL, plan) != PLAN_END) {
		str_format(why, why_size, "extension %s forwards all calls", to->number);
		return;
	}
	if (user->dnd) {
		str_format(why, why_size, "extension %s does not want to be disturbed",
		    to->number);
		if (forward(ask, user, USER_FORWARD_BUSY, DIVERT_DND, plan) == PLAN_END &&
		    voicemail(ask, to, true, plan) == PLAN_END)
			plan_refuse(plan, 486, 17);
		return;
	}
	step = plan_add(plan, together ? APP_FIND_ME : APP_DIAL, to->number);
	step->seconds = (uint16_t)(to->ring_time_s > 0 ? to->ring_time_s
	                                               : ask->settings->dialplan.ring_time_s);
	busy = forward(ask, user, USER_FORWARD_BUSY, DIVERT_BUSY, plan);
	find = find_me(to, plan);
	noanswer = forward(ask, user, USER_FORWARD_NOANSWER, DIVERT_NOANSWER, plan);
	unregistered = forward(ask, user, USER_FORWARD_UNREGISTERED, DIVERT_UNREGISTERED, plan);
	if (busy == PLAN_END)
		busy = voicemail(ask, to, true, plan);
	if (noanswer == PLAN_END)
		noanswer = voicemail(ask, to, false, plan);
	if (unregistered == PLAN_END)
		unregistered = find != PLAN_END ? find : noanswer;
	lead(plan, first, OUTCOME_BUSY, busy);
	lead(plan, first, OUTCOME_NOANSWER, find != PLAN_END ? find : noanswer);
	lead(plan, first, OUTCOME_UNREGISTERED, unregistered);
	if (plan->n > first && dialplan_has_mailbox(ask->settings, to))
		lead(plan, first, OUTCOME_FAILED, noanswer);
	for (int o = OUTCOME_BUSY; o < OUTCOMES; o++)
		lead(plan, find, o, noanswer);
}
