/* SPDX-License-Identifier: ISC */
/*
 * Feature codes that change what the caller has set (*72N, *78...): the change is made, answered and
 * said. What is wrong is said, too, and changes nothing. A repeat after a kill sets the same again.
 */
#include <string.h>

#include "featured/app/app.h"
#include "featured/call/session.h"
#include "featured/reg/userstate.h"
#include "featured/settings.h"

#define LONGEST_MS 15000
#define INVALID    "pbx-invalid"

struct change {
	struct core *core;
	struct call *call;
	struct user_state state;
	const char *value; /* "" none */
};

/* One for each code: makes the change and returns the prompt; NULL: the value is no good. */
typedef const char *setter(struct change *c, int which);

static const char *
forward_on(struct change *c, int which)
{
	static const char *const said[USER_FORWARDS] = { "call-fwd-unconditional&enabled",
		"call-fwd-on-busy&enabled", "call-fwd-no-ans&enabled",
		"call-forwarding&enabled" };

	if (strcmp(c->value, c->state.number) == 0 ||
	    !call_reachable(c->core, c->call, c->value) ||
	    !str_copy(c->state.forward[which], sizeof(c->state.forward[which]), c->value))
		return NULL;
	return said[which];
}

static const char *
forward_off(struct change *c, int which)
{
	static const char *const said[USER_FORWARDS] = { "call-fwd-unconditional&disabled",
		"call-fwd-on-busy&disabled", "call-fwd-no-ans&disabled",
		"call-forwarding&disabled" };

	memset(c->state.forward[which], 0, sizeof(c->state.forward[which]));
	return said[which];
}

static const char *
dnd(struct change *c, int on)
{
	c->state.dnd = (uint8_t)on;
	return on ? "do-not-disturb&enabled" : "do-not-disturb&disabled";
}

static const char *
anonymous(struct change *c, int on)
{
	c->state.reject_anonymous = (uint8_t)on;
	return on ? "from-unknown-caller&disabled" : "from-unknown-caller&enabled";
}

static const char *
waiting(struct change *c, int on)
{
	c->state.no_call_waiting = !on;
	return on ? "call-waiting&enabled" : "call-waiting&disabled";
}

static const char *
blacklist(struct change *c, int add)
{
	if (!add)
		return user_blacklist_remove(&c->state, c->value) ? "num-was-successfully&removed"
		                                                  : NULL;
	return user_blacklist_add(&c->state, c->value) ? "num-was-successfully&added" : NULL;
}

static const char *
blacklist_last(struct change *c, int which)
{
	const struct user_recent *recent = userstates_recent(c->core->users, c->state.number);

	(void)which;
	if (recent->last_caller[0] == '\0')
		return "privacy-unident";
	return user_blacklist_add(&c->state, recent->last_caller) ? "num-was-successfully&added"
	                                                          : NULL;
}

/* Two digits of the entry, then the number; without one the entry is emptied. */
static const char *
speed_dial(struct change *c, int which)
{
	char *entry;

	(void)which;
	if (strspn(c->value, "0123456789") < 2)
		return NULL;
	entry = c->state.speed_dial[(c->value[0] - '0') * 10 + c->value[1] - '0'];
	if (c->value[2] == '\0') {
		memset(entry, 0, USER_CALLER_LEN + 1);
		return "speed-dial&removed";
	}
	if (!user_number_ok(c->value + 2, USER_CALLER_LEN))
		return NULL;
	str_copy(entry, USER_CALLER_LEN + 1, c->value + 2);
	return "speed-dial&added";
}

static const struct {
	const char *key;
	setter *set;
	int which;
} setters[] = {
	{ "forward_all", forward_on, USER_FORWARD_ALL },
	{ "forward_all_off", forward_off, USER_FORWARD_ALL },
	{ "forward_busy", forward_on, USER_FORWARD_BUSY },
	{ "forward_busy_off", forward_off, USER_FORWARD_BUSY },
	{ "forward_noanswer", forward_on, USER_FORWARD_NOANSWER },
	{ "forward_noanswer_off", forward_off, USER_FORWARD_NOANSWER },
	{ "forward_unregistered", forward_on, USER_FORWARD_UNREGISTERED },
	{ "forward_unregistered_off", forward_off, USER_FORWARD_UNREGISTERED },
	{ "dnd_on", dnd, 1 },
	{ "dnd_off", dnd, 0 },
	{ "reject_anonymous_on", anonymous, 1 },
	{ "reject_anonymous_off", anonymous, 0 },
	{ "call_waiting_on", waiting, 1 },
	{ "call_waiting_off", waiting, 0 },
	{ "blacklist_add", blacklist, 1 },
	{ "blacklist_remove", blacklist, 0 },
	{ "blacklist_last", blacklist_last, 0 },
	{ "speed_dial_set", speed_dial, 0 },
};

/* Returns the prompt. */
static const char *
change(struct core *core, struct call *call, const char *target)
{
	size_t n = strcspn(target, "=");
	struct change c = { .core = core,
		.call = call,
		.state = *userstates_get(core->users, call->r.from),
		.value = target[n] == '=' ? target + n + 1 : "" };
	const char *prompt = NULL;

	str_copy(c.state.number, sizeof(c.state.number), call->r.from);
	for (size_t i = 0; i < sizeof(setters) / sizeof(setters[0]); i++)
		if (strlen(setters[i].key) == n && strncmp(setters[i].key, target, n) == 0)
			prompt = setters[i].set(&c, setters[i].which);
	if (prompt != NULL && userstates_set(core->users, &c.state, core->real_ms) != 0)
		prompt = "something-terribly-wrong";
	trace_add(core, call, "app", "setting", "%s %s", target,
	    prompt != NULL ? prompt : "is not possible");
	return prompt != NULL ? prompt : INVALID;
}

static void
say(struct core *core, struct call *call)
{
	struct leg *caller = call_caller(core, call);

	if (caller == NULL)
		return;
	call->r.u.setting.play = session_play(core, caller, call->r.u.setting.prompt, 1);
	call_timer(core, call, TIMER_APP, LONGEST_MS);
}

static void
setting_start(struct core *core, struct call *call, const struct plan_step *step)
{
	struct leg *caller = call_caller(core, call);

	str_copy(call->r.u.setting.prompt, sizeof(call->r.u.setting.prompt),
	    change(core, call, step->target));
	if (caller == NULL) {
		call_app_done(core, call, OUTCOME_FAILED, 500, 41);
	} else if (leg_is_up(caller)) {
		call_answered(core, call, 0);
		say(core, call);
	} else {
		leg_answer(core, caller, NULL);
	}
}

static void
setting_leg_event(struct core *core, struct call *call, struct leg *leg, enum call_leg_event event,
    const struct leg_arg *arg)
{
	(void)arg;
	if (event != CALL_LEG_UP || leg->r.id != call->r.caller)
		return;
	call_answered(core, call, 0);
	say(core, call);
}

static void
over(struct core *core, struct call *call)
{
	call_end(core, call, 200, 16, CDR_SIDE_SYSTEM, NULL);
}

static void
setting_media_event(struct core *core, struct call *call, struct leg *leg,
    enum app_media_event event, uint32_t value, uint8_t outcome)
{
	if (event != APP_MEDIA_PLAYED || value != call->r.u.setting.play)
		return;
	/* Without the voices installed there is a beep still. */
	if (outcome == MEDIA_PLAYED_FAILED &&
	    strcmp(call->r.u.setting.prompt, "tone:beep") != 0) {
		trace_add(core, call, "media", "no-prompt", "%s", leg->r.path);
		str_copy(call->r.u.setting.prompt, sizeof(call->r.u.setting.prompt), "tone:beep");
		say(core, call);
		return;
	}
	over(core, call);
}

static void
setting_timer(struct core *core, struct call *call, enum call_timer kind)
{
	if (kind == TIMER_APP)
		over(core, call);
}

const struct app app_setting = {
	.name = "setting",
	.start = setting_start,
	.leg_event = setting_leg_event,
	.media_event = setting_media_event,
	.timer = setting_timer,
};
