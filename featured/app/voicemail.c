/* SPDX-License-Identifier: ISC */
/* See voicemail.h: what all voicemail apps share, and the apps themselves. */
#include "featured/app/voicemail.h"

#include <string.h>

#include "common/base/log.h"
#include "featured/call/session.h"
#include "featured/call/voicefile.h"
#include "featured/settings.h"

#define TRIES       3
#define DIGIT_MS    5000
#define RECORD_LATE_MS 15000 /* the recorder should have said by then that it is over */

struct voicemail_state *
vm_of(struct call *call)
{
	return &call->menu->r.v;
}

static const struct vm_state_def *
def_of(uint8_t state)
{
	if (state >= VM_OPTIONS)
		return &vm_options_states[state - VM_OPTIONS];
	if (state >= VM_PIN)
		return &vm_main_states[state - VM_PIN];
	return &vm_leave_states[state];
}

static void
enter(struct core *core, struct call *call)
{
	const struct vm_state_def *def = def_of(vm_of(call)->state);

	if (def->enter != NULL)
		def->enter(core, call);
	else
		call_end(core, call, 200, 16, CDR_SIDE_SYSTEM, NULL);
}

void
vm_go(struct core *core, struct call *call, enum vm_state state)
{
	struct voicemail_state *v = vm_of(call);

	trace_add(core, call, "app", "voicemail", "%s", def_of(state)->name);
	v->state = (uint8_t)state;
	v->tries = 0;
	call_menu_dirty(core, call);
	enter(core, call);
}

void
vm_say(const struct core *core, const struct call *call, struct say *say)
{
	const struct extension *e = settings_extension(core->settings, call->r.from);
	const char *language = e != NULL && e->language[0] != '\0'
	    ? e->language
	    : core->settings->server.language;

	say_begin(say, language);
}

void
vm_ask(struct core *core, struct call *call, const struct say *say, uint8_t max, bool hash,
    uint32_t wait_ms)
{
	struct leg *caller = call_caller(core, call);

	if (caller == NULL)
		return;
	menu_ask(core, call, caller, say != NULL ? say->list : "", max, hash,
	    wait_ms != 0 ? wait_ms : DIGIT_MS);
}

void
vm_say_then(struct core *core, struct call *call, const struct say *say, enum vm_state then)
{
	struct voicemail_state *v = vm_of(call);

	trace_add(core, call, "app", "voicemail", "%s", def_of(then)->name);
	v->state = (uint8_t)then;
	v->tries = 0;
	call_menu_dirty(core, call);
	/* Who knows what comes need not hear it. */
	if (def_of(then)->input != NULL)
		vm_ask(core, call, say, 1, false, 1);
	else
		vm_ask(core, call, say, 0, false, 0);
}

static void
goodbye(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	say_prompt(&say, "vm-goodbye");
	vm_say_then(core, call, &say, VM_BYE);
}

void
vm_again(struct core *core, struct call *call)
{
	struct voicemail_state *v = vm_of(call);
	struct leg *caller = call_caller(core, call);

	call_menu_dirty(core, call);
	if (++v->tries >= TRIES) {
		goodbye(core, call);
		return;
	}
	if (caller != NULL)
		enter(core, call);
}

bool
vm_has_box(const struct core *core, const char *user)
{
	const struct extension *e = settings_extension(core->settings, user);

	return core->env.mailbox != NULL && core->settings->features.voicemail && e != NULL &&
	    e->voicemail_pin[0] != '\0';
}

bool
vm_is_full(struct core *core, struct call *call, const char *box)
{
	static struct log_bucket bucket;
	size_t n = mailbox_size(core->env.mailbox, box);

	if (n < (size_t)core->settings->voicemail.max_messages)
		return false;
	trace_add(core, call, "app", "full", "%s has %zu messages", box, n);
	log_limited(&bucket, LL_WARNING, "mailbox is full: a message is refused",
	    kv_s("mailbox", box), kv_s("caller", call->r.from), kv_u("messages", n));
	return true;
}

/*
 * Recording.
 */

bool
vm_record(struct core *core, struct call *call, enum mailbox_kind kind, const char *box)
{
	struct voicemail_state *v = vm_of(call);
	struct leg *caller = call_caller(core, call);
	struct mailbox_item *item;

	vm_item_drop(core, call);
	item = caller != NULL
	    ? mailbox_new(core->env.mailbox, kind, box, &call->r.id, core->real_ms)
	    : NULL;
	if (item == NULL)
		return false;
	str_copy(item->from, sizeof(item->from), call->r.from);
	str_copy(item->from_name, sizeof(item->from_name), call->r.from_name);
	mailbox_changed(core->env.mailbox, item, core->real_ms);
	v->item = item->id;
	v->record = voicefile_record_id(item);
	v->kind = (uint8_t)kind;
	voicefile_record(core, caller, item);
	vm_record_wait(core, call);
	trace_add(core, call, "app", "record", "%s %s", mailbox_kind_name(item->kind), box);
	return true;
}

void
vm_record_wait(struct core *core, struct call *call)
{
	/* Keys end it; should the recorder never say that it is over, this does. */
	vm_ask(core, call, NULL, 1, false,
	    voicefile_limit_ms(core, vm_of(call)->kind) + RECORD_LATE_MS);
}

void
vm_record_stop(struct core *core, struct call *call)
{
	struct voicemail_state *v = vm_of(call);

	if (v->record == 0)
		return;
	voicefile_record_stop(core, call_caller(core, call), v->record);
	vm_ask(core, call, NULL, 1, false, RECORD_LATE_MS);
}

struct mailbox_item *
vm_item(const struct core *core, struct call *call)
{
	return mailbox_find(core->env.mailbox, &vm_of(call)->item);
}

static void
forget_item(struct core *core, struct call *call)
{
	struct voicemail_state *v = vm_of(call);

	memset(&v->item, 0, sizeof(v->item));
	v->record = 0;
	call_menu_dirty(core, call);
}

void
vm_item_keep(struct core *core, struct call *call)
{
	struct mailbox_item *item = vm_item(core, call), *old = NULL;

	if (item == NULL)
		return;
	if (item->kind != MAILBOX_MESSAGE && item->kind != MAILBOX_COMMENT)
		old = mailbox_greeting(core->env.mailbox, item->box, item->kind);
	item->state = MAILBOX_KEPT;
	mailbox_changed(core->env.mailbox, item, core->real_ms);
	if (old != NULL)
		mailbox_gone(core->env.mailbox, old, core->real_ms);
	trace_add(core, call, "app", "kept", "%s %s %u ms", mailbox_kind_name(item->kind),
	    item->box, item->duration_ms);
	forget_item(core, call);
}

void
vm_item_drop(struct core *core, struct call *call)
{
	struct mailbox_item *item = vm_item(core, call);

	if (item != NULL) {
		if (item->state == MAILBOX_RECORDING)
			voicefile_record_stop(core, call_caller(core, call), vm_of(call)->record);
		/* One that is still being written goes when it is in. */
		if (item->state == MAILBOX_DRAFT)
			mailbox_gone(core->env.mailbox, item, core->real_ms);
	}
	forget_item(core, call);
}

/* voicefile.c: the recording of this call's item is over. */
void
vm_recorded(struct core *core, struct call *call, struct mailbox_item *item)
{
	struct voicemail_state *v = call->menu != NULL ? vm_of(call) : NULL;
	const struct vm_state_def *def;

	if (v == NULL || uuid_cmp(&v->item, &item->id) != 0)
		return;
	def = def_of(v->state);
	v->record = 0;
	call_menu_dirty(core, call);
	if (item->state == MAILBOX_GONE) {
		forget_item(core, call);
		item = NULL;
	}
	if (def->recorded != NULL)
		def->recorded(core, call, item);
}

/*
 * Going elsewhere.
 */

void
vm_dial(struct core *core, struct call *call, const char *number)
{
	call_timer(core, call, TIMER_APP, 0);
	call_route_to(core, call, number);
	call_step(core, call, 0);
}

/*
 * The apps' functions.
 */

/* A mailbox that takes a message stands in the record by the number under which it is dialled. */
static void
answer(struct core *core, struct call *call)
{
	char number[66];

	str_format(number, sizeof(number), "*%s", vm_of(call)->box);
	if (call->r.app == APP_LEAVE)
		call_talks_to(core, call, number);
	call_answered(core, call, 0);
	enter(core, call);
}

static void
vm_leg_event(struct core *core, struct call *call, struct leg *leg, enum call_leg_event event,
    const struct leg_arg *arg)
{
	(void)arg;
	if (event == CALL_LEG_UP && leg->r.id == call->r.caller && call->menu != NULL)
		answer(core, call);
}

static void
act(struct core *core, struct call *call, enum menu_result result)
{
	const struct vm_state_def *def = def_of(vm_of(call)->state);
	char digits[MENU_DIGITS_MAX + 1];

	switch (result) {
	case MENU_NOTHING:
		break;
	case MENU_SAID:
		if (def->said != NULL)
			def->said(core, call);
		break;
	case MENU_INPUT:
		str_copy(digits, sizeof(digits), call->menu->r.m.digits);
		if (def->input != NULL)
			def->input(core, call, digits);
		break;
	case MENU_TIMEOUT:
		if (def->timeout != NULL)
			def->timeout(core, call);
		else
			vm_again(core, call);
		break;
	}
}

static void
vm_media_event(struct core *core, struct call *call, struct leg *leg, enum app_media_event event,
    uint32_t value, uint8_t outcome)
{
	(void)outcome;
	if (call->menu != NULL)
		act(core, call, menu_media_event(core, call, leg, event, value));
}

static void
vm_timer(struct core *core, struct call *call, enum call_timer kind)
{
	if (call->menu != NULL)
		act(core, call, menu_timer(core, call, kind));
}

/* The call ends: a message is kept, also one that is still being recorded; a greeting that was not
 * accepted is not. */
static void
vm_stop(struct core *core, struct call *call)
{
	struct mailbox_item *item;

	if (call->menu == NULL)
		return;
	if ((item = vm_item(core, call)) != NULL) {
		if (item->state == MAILBOX_RECORDING)
			voicefile_record_stop(core, call_caller(core, call), vm_of(call)->record);
		else if (item->state == MAILBOX_DRAFT && item->kind == MAILBOX_MESSAGE)
			vm_item_keep(core, call);
		else if (item->state == MAILBOX_DRAFT)
			mailbox_gone(core->env.mailbox, item, core->real_ms);
	}
	if (vm_of(call)->open)
		vm_main_over(core, call);
}

static void
begin(struct core *core, struct call *call, const char *box, enum vm_state state)
{
	struct leg *caller = call_caller(core, call);

	if (caller == NULL || !menu_open(core, call)) {
		call_app_done(core, call, OUTCOME_FAILED, 503, 42);
		return;
	}
	memset(vm_of(call), 0, sizeof(*vm_of(call)));
	str_copy(vm_of(call)->box, sizeof(vm_of(call)->box), box);
	vm_of(call)->state = (uint8_t)state;
	vm_of(call)->busy = call->r.plan.steps[call->r.step].status == 486;
	call_menu_dirty(core, call);
	trace_add(core, call, "app", "voicemail", "%s", def_of(vm_of(call)->state)->name);
	if (leg_is_up(caller))
		answer(core, call);
	else
		leg_answer(core, caller, NULL);
}

static void
leave_start(struct core *core, struct call *call, const struct plan_step *step)
{
	begin(core, call, step->target, VM_GREETING);
}

static void
mailbox_start(struct core *core, struct call *call, const struct plan_step *step)
{
	begin(core, call, step->target, VM_PIN);
}

static void
announcement_start(struct core *core, struct call *call, const struct plan_step *step)
{
	begin(core, call, step->target, VM_ANNOUNCEMENT_NUMBER);
}

static void
recorded_start(struct core *core, struct call *call, const struct plan_step *step)
{
	if (mailbox_greeting(core->env.mailbox, step->target, MAILBOX_ANNOUNCEMENT) != NULL)
		begin(core, call, step->target, VM_ANNOUNCEMENT);
	else
		call_app_done(core, call, OUTCOME_FAILED, 404, 1);
}

const struct app app_leave = {
	.name = "voicemail",
	.start = leave_start,
	.leg_event = vm_leg_event,
	.media_event = vm_media_event,
	.timer = vm_timer,
	.stop = vm_stop,
};

const struct app app_mailbox = {
	.name = "mailbox",
	.start = mailbox_start,
	.leg_event = vm_leg_event,
	.media_event = vm_media_event,
	.timer = vm_timer,
	.stop = vm_stop,
};

const struct app app_announcement = {
	.name = "announcement",
	.start = announcement_start,
	.leg_event = vm_leg_event,
	.media_event = vm_media_event,
	.timer = vm_timer,
	.stop = vm_stop,
};

const struct app app_recorded = {
	.name = "recorded",
	.start = recorded_start,
	.leg_event = vm_leg_event,
	.media_event = vm_media_event,
	.timer = vm_timer,
	.stop = vm_stop,
};
