/* SPDX-License-Identifier: ISC */
/* A number is keyed in a call, and whoever is not keying waits; see call/consult.h, which has what
 * comes of it. */
#include "featured/app/app.h"
#include "featured/call/consult.h"
#include "featured/call/session.h"
#include "featured/settings.h"

static void
consult_app_start(struct core *core, struct call *call, const struct plan_step *step)
{
	(void)step; /* no step of a plan */
	call_end(core, call, 500, 111, CDR_SIDE_SYSTEM, "no such step");
}

static void
consult_leg_event(struct core *core, struct call *call, struct leg *leg, enum call_leg_event event,
    const struct leg_arg *arg)
{
	if (event == CALL_LEG_FAILED)
		leg_hangup(core, leg, 88);
	if ((event == CALL_LEG_FAILED || event == CALL_LEG_GONE) && consult_is_three(call))
		consult_left(core, call, leg);
	else if (event == CALL_LEG_FAILED || event == CALL_LEG_GONE)
		call_end(core, call, 480, arg->q850 != 0 ? arg->q850 : 16, CDR_SIDE_CALLEE, NULL);
}

/* A digit of the number; # ends it, and so does the last one of an extension's number. */
static void
digit(struct core *core, struct call *call, struct leg *leg, char d)
{
	char number[sizeof(call->r.u.consult.digits) + 1];
	uint8_t n = call->r.u.consult.n;

	if (n == 0)
		session_play_stop(core, leg);
	if (d != '#' && n < sizeof(call->r.u.consult.digits)) {
		call->r.u.consult.digits[n++] = d;
		call->r.u.consult.n = n;
		call_dirty(core, call);
	}
	str_ncopy(number, sizeof(number), call->r.u.consult.digits, n);
	if (d == '#' || settings_extension(core->settings, number) != NULL) {
		consult_number(core, call);
		return;
	}
	call_timer(core, call, TIMER_APP,
	    (uint64_t)core->settings->dialplan.digit_timeout_s * 1000);
}

static void
consult_media_event(struct core *core, struct call *call, struct leg *leg,
    enum app_media_event event, uint32_t value, uint8_t outcome)
{
	(void)outcome;
	if (leg->r.id != call->r.u.consult.by)
		return;
	if (event == APP_MEDIA_DTMF && call->r.u.consult.phase == CONSULT_DIGITS)
		digit(core, call, leg, (char)value);
	else if (event == APP_MEDIA_PLAYED && call->r.u.consult.phase == CONSULT_SORRY)
		consult_resume(core, call);
}

static void
consult_timer(struct core *core, struct call *call, enum call_timer kind)
{
	if (kind != TIMER_APP)
		return;
	if (call->r.u.consult.phase == CONSULT_DIGITS)
		consult_number(core, call);
	else if (call->r.u.consult.phase == CONSULT_SORRY)
		consult_resume(core, call);
}

static void
consult_stop(struct core *core, struct call *call)
{
	consult_alone(core, call);
}

const struct app app_consult = {
	.name = "consult",
	.start = consult_app_start,
	.leg_event = consult_leg_event,
	.media_event = consult_media_event,
	.timer = consult_timer,
	.stop = consult_stop,
};
