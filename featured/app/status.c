/* SPDX-License-Identifier: ISC */
/*
 * *28N: says what extension N has set: its forwards with their targets, and do not disturb. The
 * call ends when all is said, or by any key.
 */
#include "featured/app/menu.h"
#include "featured/app/say.h"
#include "featured/reg/userstate.h"
#include "featured/settings.h"

static void
say_forward(struct say *say, const struct user_state *user, enum user_forward kind)
{
	static const char *const prompts[USER_FORWARDS] = { "call-fwd-unconditional",
		"call-fwd-on-busy", "call-fwd-no-ans", "wd-forward-unregistered" };

	if (user->forward[kind][0] == '\0')
		return;
	say_prompt(say, prompts[kind]);
	say_prompt(say, "wd-forwarded-to");
	say_digits(say, user->forward[kind]);
}

static void
say_all(struct core *core, struct call *call)
{
	const struct plan_step *step = &call->r.plan.steps[call->r.step];
	const struct user_state *user = userstates_get(core->users, step->target);
	const struct extension *from = settings_extension(core->settings, call->r.from);
	struct leg *caller = call_caller(core, call);
	bool any = false;
	struct say say;

	say_begin(&say, from != NULL && from->language[0] != '\0' ? from->language
	                                                          : core->settings->server.language);
	say_prompt(&say, "extension");
	say_digits(&say, step->target);
	for (int i = 0; i < USER_FORWARDS; i++) {
		say_forward(&say, user, i);
		any = any || user->forward[i][0] != '\0';
	}
	if (!any)
		say_prompt(&say, "call-forwarding&wd-off");
	say_prompt(&say, user->dnd ? "do-not-disturb&enabled" : "do-not-disturb&disabled");
	if (caller != NULL)
		menu_ask(core, call, caller, say.list, 1, false, 1);
}

static void
status_start(struct core *core, struct call *call, const struct plan_step *step)
{
	struct leg *caller = call_caller(core, call);

	(void)step;
	if (caller == NULL || !menu_open(core, call)) {
		call_app_done(core, call, OUTCOME_FAILED, 503, 42);
		return;
	}
	if (leg_is_up(caller)) {
		call_answered(core, call, 0);
		say_all(core, call);
	} else {
		leg_answer(core, caller, NULL);
	}
}

static void
status_leg_event(struct core *core, struct call *call, struct leg *leg, enum call_leg_event event,
    const struct leg_arg *arg)
{
	(void)arg;
	if (event != CALL_LEG_UP || leg->r.id != call->r.caller || call->menu == NULL)
		return;
	call_answered(core, call, 0);
	say_all(core, call);
}

static void
act(struct core *core, struct call *call, enum menu_result result)
{
	if (result != MENU_NOTHING)
		call_end(core, call, 200, 16, CDR_SIDE_SYSTEM, NULL);
}

static void
status_media_event(struct core *core, struct call *call, struct leg *leg, enum app_media_event event,
    uint32_t value, uint8_t outcome)
{
	(void)outcome;
	act(core, call, menu_media_event(core, call, leg, event, value));
}

static void
status_timer(struct core *core, struct call *call, enum call_timer kind)
{
	act(core, call, menu_timer(core, call, kind));
}

const struct app app_status = {
	.name = "status",
	.start = status_start,
	.leg_event = status_leg_event,
	.media_event = status_media_event,
	.timer = status_timer,
};
