/* SPDX-License-Identifier: ISC */
/*
 * Taking a place in somebody else's call: answering an extension's ringing call by its number or
 * the oldest one of the caller's pickup group, dialling a slot in which a call is parked, and an
 * INVITE with Replaces. The caller's offer is judged by mediad first: who has no codec that we know
 * is refused with 488, and the other call goes on as if nothing had been.
 */
#include <string.h>

#include "featured/app/app.h"
#include "featured/call/consult.h"
#include "featured/call/join.h"
#include "featured/call/park.h"
#include "featured/call/session.h"
#include "featured/call/transfer.h"
#include "featured/settings.h"

#define JUDGED_MS 5000

static void take_place(struct core *core, struct call *call, struct leg *leg);

static void
place_start(struct core *core, struct call *call, const struct plan_step *step)
{
	struct leg *leg = call_caller(core, call);

	(void)step;
	if (leg == NULL) {
		call_app_done(core, call, OUTCOME_FAILED, 500, 41);
	} else if (leg_is_up(leg) || leg->r.late || leg->r.taken) {
		take_place(core, call, leg);
	} else {
		session_want(core, leg, WANT_MARK, 0);
		call_timer(core, call, TIMER_APP, JUDGED_MS);
	}
}

static void
place_leg_event(struct core *core, struct call *call, struct leg *leg, enum call_leg_event event,
    const struct leg_arg *arg)
{
	(void)arg;
	if (event != CALL_LEG_MARKED || leg->r.id != call->r.caller)
		return;
	call_timer(core, call, TIMER_APP, 0);
	take_place(core, call, leg);
}

static void
place_timer(struct core *core, struct call *call, enum call_timer kind)
{
	if (kind == TIMER_APP)
		call_end(core, call, 503, 42, CDR_SIDE_SYSTEM, "media failed");
}

/*
 * Pickup.
 */

/* May the call, which rings at leg, be picked up by who has dialled target? */
static bool
wanted(const struct core *core, const struct leg *leg, const char *target, const char *group)
{
	const struct extension *ext;

	if (target[0] != '\0')
		return strcmp(leg->r.user, target) == 0;
	ext = settings_extension(core->settings, leg->r.user);
	return ext != NULL && group[0] != '\0' && strcmp(ext->pickup_group, group) == 0;
}

static struct call *
find_ringing(const struct core *core, const struct call *not, const char *target,
    const char *group)
{
	struct call *best = NULL, *call;
	struct leg *leg, *tmp;

	HASH_ITER(hh, core->legs, leg, tmp)
	{
		call = leg->call;
		if (call == not || call->r.ending || leg->r.incoming || !leg_is_early(leg) ||
		    !app_dials(call->r.app) || call->r.app == APP_INTERCOM ||
		    call->r.u.dial.bridged || call_caller(core, call) == NULL ||
		    !wanted(core, leg, target, group))
			continue;
		if (best == NULL || call->r.start_ms < best->r.start_ms)
			best = call;
	}
	return best;
}

static void
pick_up(struct core *core, struct call *call, struct leg *leg, const char *target)
{
	const struct extension *me = settings_extension(core->settings, call->r.from);
	struct call *ringing =
	    find_ringing(core, call, target, me != NULL ? me->pickup_group : "");

	if (ringing == NULL)
		call_app_done(core, call, OUTCOME_FAILED, 480, 31);
	else
		transfer_pick_up(core, leg, ringing);
}

/*
 * Dialling a slot.
 */

static void
retrieve(struct core *core, struct call *call, struct leg *leg, const char *target)
{
	struct call *other = NULL;
	struct leg *parked;
	int64_t slot;

	if (str_to_i64(target, 1, 99999, &slot) == 0)
		other = park_in(core, (uint32_t)slot);
	parked = other != NULL && other != call && other->r.app == APP_PARK &&
	        other->r.u.park.phase == PARK_PARKED
	    ? call_caller(core, other)
	    : NULL;
	if (parked == NULL || !leg_is_up(parked)) {
		call_app_done(core, call, OUTCOME_FAILED, 404, 1);
		return;
	}
	trace_add(core, other, "app", "retrieved", "slot=%u by=%s", other->r.slot, leg->r.user);
	call_talks_to(core, other, leg->r.user);
	join_take(core, other, leg, true);
	join_bridge(core, other, parked, leg);
	join_over(core, call, other, "retrieved");
}

/*
 * Replaces.
 */

static void
replace(struct core *core, struct call *call, struct leg *leg, const struct plan_step *step)
{
	struct leg *replaced = leg_find(core, strtoull(step->target, NULL, 16));
	uint16_t status = 481;

	if (replaced != NULL && replaced->call != call)
		status = transfer_replace(core, leg, replaced, step->status != 0);
	if (status != 0)
		call_end(core, call, status, 0, CDR_SIDE_SYSTEM, "nothing to replace");
}

static void
take_place(struct core *core, struct call *call, struct leg *leg)
{
	const struct plan_step step = call->r.plan.steps[call->r.step];

	/* Whoever waits meanwhile would wait for somebody in a third call. */
	if (consult_is(call))
		call_app_done(core, call, OUTCOME_FAILED, 403, 21);
	else if (call->r.app == APP_PICKUP)
		pick_up(core, call, leg, step.target);
	else if (call->r.app == APP_RETRIEVE)
		retrieve(core, call, leg, step.target);
	else
		replace(core, call, leg, &step);
}

const struct app app_pickup = {
	.name = "pickup",
	.start = place_start,
	.leg_event = place_leg_event,
	.timer = place_timer,
};

const struct app app_retrieve = {
	.name = "retrieve",
	.start = place_start,
	.leg_event = place_leg_event,
	.timer = place_timer,
};

const struct app app_replace = {
	.name = "replace",
	.start = place_start,
	.leg_event = place_leg_event,
	.timer = place_timer,
};
