/* SPDX-License-Identifier: ISC */
/*
 * Ringing several extensions for one call: ring groups by their four strategies, and find-me lists.
 * A round is who is rung at the same time; which members were rung is a mask in the call's
 * checkpoint, so that a kill begins no round twice. A member who is busy, wants not to be disturbed
 * or has blacklisted the caller is passed over, its forwards are not followed; nor is the 302 of a
 * group member's phone. That of a phone in a find-me list is: the list is one person's.
 */
#include <string.h>

#include "common/base/id.h"
#include "featured/app/branch.h"
#include "featured/app/dial.h"
#include "featured/reg/userstate.h"
#include "featured/settings.h"

/* May the member be rung? What speaks against it counts as its answer. */
static bool
willing(struct core *core, struct call *call, const char *number)
{
	const struct user_state *user = userstates_get(core->users, number);
	bool busy = dial_is_busy(core, call, number);

	if (settings_extension(core->settings, number) == NULL ||
	    strcmp(number, call->r.from) == 0)
		return false;
	if (!busy && !user->dnd && !user_blacklisted(user, call->r.from) &&
	    !(call->r.withheld && user->reject_anonymous))
		return true;
	trace_add(core, call, "app", "passed-over", "%s %s", number,
	    busy            ? "is busy"
	        : user->dnd ? "does not want to be disturbed"
	                    : "rejects the caller");
	branch_failed(call, &(struct leg_arg){ .status = 486, .q850 = 17 });
	return false;
}

/* Rings a member; false: it could not be. */
static bool
ring(struct core *core, struct call *call, const char *number, uint16_t seconds)
{
	if (!willing(core, call, number))
		return false;
	userstates_called(core->users, number, call->r.withheld ? "" : call->r.from);
	return dial_user(core, call, number, seconds);
}

/* The member that comes next and was not rung yet; members->n: none is left. */
static size_t
choose(const struct core *core, const struct call *call, const struct conf_strs *members,
    int strategy)
{
	size_t best = members->n, left = 0;
	uint64_t when, best_when = UINT64_MAX;

	for (size_t i = 0; i < members->n && i < MEMBERS_MAX; i++) {
		if ((call->r.u.dial.tried & (UINT64_C(1) << i)) != 0)
			continue;
		left++;
		switch ((enum group_strategy)strategy) {
		case GROUP_ALL:
		case GROUP_IN_ORDER:
			return i;
		case GROUP_RANDOM:
			if (id_u64() % left == 0)
				best = i;
			break;
		case GROUP_LEAST_RECENT:
			when = userstates_recent(core->users, members->v[i])->last_call_ms;
			if (when < best_when) {
				best_when = when;
				best = i;
			}
			break;
		}
	}
	return best;
}

static void
mark(struct core *core, struct call *call, size_t i)
{
	call->r.u.dial.tried |= UINT64_C(1) << i;
	call->r.u.dial.rounds++;
	call_dirty(core, call);
}

static bool
next_of_group(struct core *core, struct call *call, const struct ring_group *group)
{
	size_t i;

	while (!call->r.ending &&
	    (i = choose(core, call, &group->members, group->strategy)) < group->members.n) {
		mark(core, call, i);
		if (ring(core, call, group->members.v[i], (uint16_t)group->ring_time_s))
			return true;
	}
	return false;
}

static bool
next_of_list(struct core *core, struct call *call, const struct extension *ext)
{
	char number[EXT_NUMBER_LEN + 1];
	int64_t seconds;
	size_t i;

	while (!call->r.ending &&
	    (i = choose(core, call, &ext->find_me, GROUP_IN_ORDER)) < ext->find_me.n) {
		mark(core, call, i);
		if (!settings_find_me(ext->find_me.v[i], number, &seconds))
			continue;
		if (ring(core, call, number, seconds > 0 ? (uint16_t)seconds : 20))
			return true;
	}
	return false;
}

bool
rounds_next(struct core *core, struct call *call)
{
	const struct plan_step *step = &call->r.plan.steps[call->r.step];
	const struct ring_group *group;
	const struct extension *ext;

	if (call->r.app == APP_GROUP) {
		group = settings_ring_group(core->settings, step->target);
		return group != NULL && group->strategy != GROUP_ALL &&
		    next_of_group(core, call, group);
	}
	if (call->r.app == APP_FIND_ME) {
		ext = settings_extension(core->settings, step->target);
		return ext != NULL && ext->find_me_strategy == FIND_ME_IN_ORDER &&
		    next_of_list(core, call, ext);
	}
	return false;
}

/* Where number is in ext's list, find_me.n: nowhere; and how long it rings. */
static size_t
place_of(const struct extension *ext, const char *number, int64_t *seconds)
{
	char member[EXT_NUMBER_LEN + 1];
	size_t i;

	for (i = 0; i < ext->find_me.n && i < MEMBERS_MAX; i++)
		if (settings_find_me(ext->find_me.v[i], member, seconds) &&
		    strcmp(member, number) == 0)
			return i;
	*seconds = 0;
	return ext->find_me.n;
}

/* Was number rung already, or does it ring? */
static bool
was_rung(const struct call *call, const struct extension *ext, const char *number)
{
	const struct leg *leg;
	int64_t seconds;
	size_t i = place_of(ext, number, &seconds);

	if (call_been_at(call, number) ||
	    (i < ext->find_me.n && (call->r.u.dial.tried & (UINT64_C(1) << i)) != 0))
		return true;
	TAILQ_FOREACH(leg, &call->legs, next)
	if (strcmp(leg->r.user, number) == 0)
		return true;
	return false;
}

bool
rounds_deflected(struct core *core, struct call *call, const struct leg *leg, const char *to)
{
	const struct plan_step *step = &call->r.plan.steps[call->r.step];
	const struct extension *ext = settings_extension(core->settings, step->target);
	struct leg *other;
	int64_t seconds;
	size_t i;

	if (call->r.app != APP_FIND_ME || ext == NULL)
		return false;
	trace_add(core, call, "app", "deflected", "from %s to %s", leg->r.user, to);
	if (leg->r.deflected_by[0] != '\0' || was_rung(call, ext, to)) {
		trace_add(core, call, "app", "deflected-in-vain", "%s", "twice, or in a circle");
		return false;
	}
	place_of(ext, leg->r.user, &seconds);
	if (seconds <= 0)
		seconds = ext->find_me_strategy == FIND_ME_ALL ? step->seconds : 20;
	if (!ring(core, call, to, (uint16_t)seconds))
		return false;
	if (call->r.ending || call->r.app != APP_FIND_ME) /* that failed at once */
		return true;
	i = place_of(ext, to, &seconds);
	if (i < ext->find_me.n)
		mark(core, call, i);
	TAILQ_FOREACH(other, &call->legs, next)
	if (leg_is_early(other) && strcmp(other->r.user, to) == 0) {
		str_copy(other->r.deflected_by, sizeof(other->r.deflected_by), leg->r.user);
		leg_dirty(core, other);
	}
	TAILQ_FOREACH(other, &call->legs, next)
	if (leg_is_early(other) && strcmp(other->r.user, leg->r.user) == 0)
		leg_hangup(core, other, 16);
	return true;
}

static void
group_start(struct core *core, struct call *call, const struct plan_step *step)
{
	const struct ring_group *group = settings_ring_group(core->settings, step->target);
	bool rung = false;

	if (group != NULL && group->strategy != GROUP_ALL) {
		rung = rounds_next(core, call);
	} else if (group != NULL) {
		for (size_t i = 0; i < group->members.n && !call->r.ending; i++)
			rung = ring(core, call, group->members.v[i], step->seconds) || rung;
	}
	if (!rung && !call->r.ending)
		branch_give_up(core, call);
}

static void
find_me_start(struct core *core, struct call *call, const struct plan_step *step)
{
	const struct extension *ext = settings_extension(core->settings, step->target);
	char number[EXT_NUMBER_LEN + 1];
	int64_t seconds;
	bool rung = false;

	if (ext != NULL && ext->find_me_strategy == FIND_ME_ALL) {
		if (dial_is_busy(core, call, ext->number)) {
			call_app_done(core, call, OUTCOME_BUSY, 486, 17);
			return;
		}
		rung = dial_user(core, call, ext->number, step->seconds);
		for (size_t i = 0; i < ext->find_me.n && !call->r.ending; i++)
			if (settings_find_me(ext->find_me.v[i], number, &seconds))
				rung = ring(core, call, number,
				           seconds > 0 ? (uint16_t)seconds : step->seconds) ||
				    rung;
	} else {
		rung = rounds_next(core, call);
	}
	if (!rung && !call->r.ending)
		branch_give_up(core, call);
}

const struct app app_group = {
	.name = "group",
	.start = group_start,
	.leg_event = dial_leg_event,
	.timer = dial_timer,
};

const struct app app_find_me = {
	.name = "find-me",
	.start = find_me_start,
	.leg_event = dial_leg_event,
	.timer = dial_timer,
};
