/* SPDX-License-Identifier: ISC */
/*
 * Parking. A call that was transferred here lies in its slot, hears music, and leaves it when
 * somebody dials the slot (app retrieve, pickup.c) or when its time is over; then the plan goes on:
 * its parker is rung. Who dials the number for "the lowest slot" in a call of its own hears it, and
 * holds it until the transfer comes (call/transfer.c).
 */
#include "featured/app/app.h"
#include "featured/call/join.h"
#include "featured/call/park.h"
#include "featured/call/session.h"
#include "featured/call/transfer.h"
#include "featured/settings.h"

#define HOLD_MS 60000 /* so long a slot is held for a transfer */

/* Nobody has transferred it: the caller has dialled the number itself. */
static bool
dialled(const struct call *call)
{
	return call->r.parker[0] == '\0';
}

static void
lie_down(struct core *core, struct call *call, const struct leg *caller)
{
	const struct extension *e = settings_extension(core->settings, call->r.parker);

	session_music(core, leg_find(core, caller->r.id), e != NULL ? e->music_on_hold : "");
	call->r.u.park.phase = PARK_PARKED;
	call->r.parked_ms = core->real_ms;
	call_set_state(core, call, CALL_HOLD);
	call_timer(core, call, TIMER_APP, (uint64_t)core->settings->parking.timeout_s * 1000);
	trace_add(core, call, "app", "parked", "slot=%u leg=%016llx by=%s", call->r.slot,
	    (unsigned long long)caller->r.id, call->r.parker);
}

static void
park_start(struct core *core, struct call *call, const struct plan_step *step)
{
	struct leg *caller = call_caller(core, call);
	uint32_t slot = 0;
	uint16_t status = park_find(core, step->target, &slot);

	if (status != 0 || caller == NULL) {
		call_app_done(core, call, OUTCOME_FAILED, status != 0 ? status : 500, 0);
		return;
	}
	park_take(core, call, slot);
	if (!dialled(call)) {
		lie_down(core, call, caller);
		return;
	}
	call->r.u.park.phase = PARK_SAYING;
	call_timer(core, call, TIMER_APP, HOLD_MS);
	if (!leg_is_up(caller)) {
		leg_answer(core, caller, NULL);
	} else {
		call_answered(core, call, 0);
		park_say(core, call, caller);
	}
}

static void
park_leg_event(struct core *core, struct call *call, struct leg *leg, enum call_leg_event event,
    const struct leg_arg *arg)
{
	(void)arg;
	if (event == CALL_LEG_UP && leg->r.id == call->r.caller) {
		call_answered(core, call, 0);
		park_say(core, call, leg);
	} else if (event == CALL_LEG_GONE && leg->r.id == call->r.u.park.hearer) {
		call->r.u.park.hearer = 0;
		call_dirty(core, call);
	}
}

static void
release_hearer(struct core *core, struct call *call)
{
	struct leg *leg = leg_find(core, call->r.u.park.hearer);

	call->r.u.park.hearer = 0;
	call_dirty(core, call);
	if (leg != NULL && leg->call == call)
		transfer_release(core, leg);
}

static void
park_media_event(struct core *core, struct call *call, struct leg *leg, enum app_media_event event,
    uint32_t value, uint8_t outcome)
{
	(void)outcome;
	if (event == APP_MEDIA_PLAYED && leg->r.id == call->r.u.park.hearer &&
	    value == call->r.u.park.play)
		release_hearer(core, call);
}

static void
park_timer(struct core *core, struct call *call, enum call_timer kind)
{
	if (kind != TIMER_APP)
		return;
	trace_add(core, call, "timer", "park-timeout", "slot=%u", call->r.slot);
	release_hearer(core, call);
	if (call->r.u.park.phase != PARK_PARKED) {
		call_end(core, call, 480, 31, CDR_SIDE_SYSTEM, "nothing was parked");
		return;
	}
	park_take(core, call, 0);
	if (call_caller(core, call) != NULL)
		session_music(core, call_caller(core, call), NULL);
	call_set_state(core, call, CALL_TRANSFERRING);
	call_app_done(core, call, OUTCOME_NOANSWER, 480, 19);
}

static void
park_stop(struct core *core, struct call *call)
{
	if (call->r.u.park.hearer != 0)
		release_hearer(core, call);
	park_take(core, call, 0);
}

const struct app app_park = {
	.name = "park",
	.start = park_start,
	.leg_event = park_leg_event,
	.media_event = park_media_event,
	.timer = park_timer,
	.stop = park_stop,
};
