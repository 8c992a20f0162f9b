/* SPDX-License-Identifier: ISC */
/* Answering somebody else's ringing call: an extension's by its number, or the oldest one of the
 * caller's pickup group. */
#include <string.h>

#include "featured/app/app.h"
#include "featured/call/transfer.h"
#include "featured/settings.h"

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
pickup_start(struct core *core, struct call *call, const struct plan_step *step)
{
	const struct extension *me = settings_extension(core->settings, call->r.from);
	struct leg *leg = call_caller(core, call);
	struct call *ringing;

	ringing = find_ringing(core, call, step->target, me != NULL ? me->pickup_group : "");
	if (leg == NULL || ringing == NULL) {
		call_app_done(core, call, OUTCOME_FAILED, 480, 31);
		return;
	}
	transfer_pick_up(core, leg, ringing);
}

const struct app app_pickup = {
	.name = "pickup",
	.start = pickup_start,
};
