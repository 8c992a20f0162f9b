/* SPDX-License-Identifier: ISC */
/*
 * Leaving a message: greeting, beep, recording until # or the end of the call, of silence or of the
 * time; then, after #, review: 1 keeps it, 2 plays it, 3 records anew, 4 marks it urgent. 0 leads to
 * the operator (voicemail.operator) at any time, * in the greeting to the mailbox's own menu. Who
 * hangs up has left what was recorded until then.
 */
#include "featured/app/voicemail.h"

#include "featured/settings.h"

static bool
has_operator(const struct core *core)
{
	return core->settings->voicemail.operator_number[0] != '\0';
}

static void
greeting_enter(struct core *core, struct call *call)
{
	struct voicemail_state *v = vm_of(call);
	const struct mailbox *mb = core->env.mailbox;
	const struct mailbox_item *greeting, *name;
	struct say say;

	vm_say(core, call, &say);
	if (!vm_has_box(core, v->box)) {
		say_prompt(&say, "wd-no-mailbox");
		vm_say_then(core, call, &say, VM_BYE);
		return;
	}
	if (vm_is_full(core, call, v->box)) {
		say_prompt(&say, "vm-mailboxfull&vm-goodbye");
		vm_say_then(core, call, &say, VM_BYE);
		return;
	}
	greeting = mailbox_greeting(mb, v->box, MAILBOX_TEMPORARY);
	if (greeting == NULL)
		greeting = mailbox_greeting(mb, v->box,
		    v->busy ? MAILBOX_BUSY : MAILBOX_UNAVAILABLE);
	if (greeting != NULL) {
		say_voicemail(&say, greeting->file_box, &greeting->file);
	} else if ((name = mailbox_greeting(mb, v->box, MAILBOX_NAME)) != NULL) {
		say_voicemail(&say, name->file_box, &name->file);
		say_prompt(&say, v->busy ? "vm-isonphone" : "vm-isunavail");
	} else {
		say_prompt(&say, "vm-theperson");
		say_digits(&say, v->box);
		say_prompt(&say, v->busy ? "vm-isonphone" : "vm-isunavail");
	}
	say_prompt(&say, "vm-intro&beep");
	vm_ask(core, call, &say, 1, false, 1);
}

static void
to_operator(struct core *core, struct call *call)
{
	struct say say;

	vm_item_keep(core, call);
	vm_say(core, call, &say);
	say_prompt(&say, "pls-hold-while-try");
	vm_say_then(core, call, &say, VM_OPERATOR);
}

static void
greeting_input(struct core *core, struct call *call, const char *digits)
{
	if (digits[0] == '0' && has_operator(core))
		to_operator(core, call);
	else if (digits[0] == '*')
		vm_go(core, call, VM_PIN);
	else
		vm_go(core, call, VM_BEEP);
}

static void
to_message(struct core *core, struct call *call)
{
	vm_go(core, call, VM_MESSAGE);
}

static void
beep_enter(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	say_prompt(&say, "beep");
	vm_ask(core, call, &say, 0, false, 0);
}

static void
message_enter(struct core *core, struct call *call)
{
	struct say say;
	bool full;

	vm_item_drop(core, call);
	/* Others may have filled it since the greeting. */
	full = vm_is_full(core, call, vm_of(call)->box);
	if (!full && vm_record(core, call, MAILBOX_MESSAGE, vm_of(call)->box))
		return;
	vm_say(core, call, &say);
	say_prompt(&say, full ? "vm-mailboxfull&vm-goodbye" : "vm-sorry");
	vm_say_then(core, call, &say, VM_BYE);
}

static void
message_input(struct core *core, struct call *call, const char *digits)
{
	struct voicemail_state *v = vm_of(call);

	if (digits[0] == '#' || (digits[0] == '0' && has_operator(core))) {
		v->then = digits[0] == '0';
		vm_record_stop(core, call);
	} else {
		vm_record_wait(core, call);
	}
}

/* The recorder has lost it, or # was pressed and nothing came. */
static void
message_timeout(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	say_prompt(&say, "vm-sorry");
	vm_say_then(core, call, &say, VM_BYE);
}

static void
message_recorded(struct core *core, struct call *call, struct mailbox_item *item)
{
	struct voicemail_state *v = vm_of(call);

	if (v->then)
		to_operator(core, call);
	else if (item != NULL)
		vm_go(core, call, VM_REVIEW);
	else if (v->at++ < 2)
		vm_go(core, call, VM_TOO_SHORT);
	else
		message_timeout(core, call);
}

static void
too_short_enter(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	say_prompt(&say, "vm-tooshort&beep");
	vm_ask(core, call, &say, 0, false, 0);
}

static void
review_ask(struct core *core, struct call *call, const char *first)
{
	const struct mailbox_item *item = vm_item(core, call);
	struct say say;

	vm_say(core, call, &say);
	if (first != NULL)
		say_prompt(&say, first);
	say_prompt(&say, "vm-review");
	say_prompt(&say, item != NULL && item->urgent ? "vm-review-nonurgent" : "vm-review-urgent");
	if (has_operator(core))
		say_prompt(&say, "vm-reachoper");
	vm_ask(core, call, &say, 1, false, 0);
}

static void
review_enter(struct core *core, struct call *call)
{
	review_ask(core, call, NULL);
}

static void
accept(struct core *core, struct call *call)
{
	struct say say;

	vm_item_keep(core, call);
	vm_say(core, call, &say);
	say_prompt(&say, "vm-msgsaved&vm-goodbye");
	vm_say_then(core, call, &say, VM_BYE);
}

static void
toggle_urgent(struct core *core, struct call *call)
{
	struct mailbox_item *item = vm_item(core, call);

	if (item == NULL)
		return;
	item->urgent = !item->urgent;
	mailbox_changed(core->env.mailbox, item, core->real_ms);
	review_ask(core, call, item->urgent ? "vm-marked-urgent" : "vm-marked-nonurgent");
}

static void
review_input(struct core *core, struct call *call, const char *digits)
{
	switch (digits[0]) {
	case '1':
	case '#':
		accept(core, call);
		break;
	case '2':
		vm_go(core, call, VM_REVIEW_LISTEN);
		break;
	case '3':
		vm_item_drop(core, call);
		vm_go(core, call, VM_BEEP);
		break;
	case '4':
		toggle_urgent(core, call);
		break;
	case '0':
		if (has_operator(core)) {
			to_operator(core, call);
			break;
		}
		/* fallthrough */
	default:
		if (vm_of(call)->tries >= 2)
			accept(core, call);
		else
			vm_again(core, call);
	}
}

static void
review_timeout(struct core *core, struct call *call)
{
	review_input(core, call, "?");
}

static void
listen_enter(struct core *core, struct call *call)
{
	const struct mailbox_item *item = vm_item(core, call);
	struct say say;

	vm_say(core, call, &say);
	if (item != NULL)
		say_voicemail(&say, item->file_box, &item->file);
	vm_ask(core, call, &say, 1, false, 1);
}

static void
to_review(struct core *core, struct call *call)
{
	vm_go(core, call, VM_REVIEW);
}

static void
bye_said(struct core *core, struct call *call)
{
	call_end(core, call, 200, 16, CDR_SIDE_SYSTEM, NULL);
}

static void
operator_said(struct core *core, struct call *call)
{
	vm_dial(core, call, core->settings->voicemail.operator_number);
}

const struct vm_state_def vm_leave_states[VM_PIN] = {
	[VM_NONE] = { .name = "none" },
	[VM_GREETING] = { .name = "greeting",
	    .enter = greeting_enter,
	    .input = greeting_input,
	    .timeout = to_message },
	[VM_BEEP] = { .name = "beep", .enter = beep_enter, .said = to_message },
	[VM_MESSAGE] = { .name = "message",
	    .enter = message_enter,
	    .input = message_input,
	    .timeout = message_timeout,
	    .recorded = message_recorded },
	[VM_REVIEW] = { .name = "review",
	    .enter = review_enter,
	    .input = review_input,
	    .timeout = review_timeout },
	[VM_REVIEW_LISTEN] = { .name = "review-listen",
	    .enter = listen_enter,
	    .input = review_input,
	    .timeout = to_review },
	[VM_TOO_SHORT] = { .name = "too-short", .enter = too_short_enter, .said = to_message },
	[VM_BYE] = { .name = "bye", .said = bye_said },
	[VM_OPERATOR] = { .name = "operator", .said = operator_said },
};
