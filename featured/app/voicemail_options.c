/* SPDX-License-Identifier: ISC */
/*
 * Mailbox options: 1 greeting when unavailable, 2 when busy, 3 one's name, 4 a temporary greeting
 * (recorded anew or removed), 5 the PIN, * back. And announcements: to record one (*77) its number
 * is asked for, then it goes the same way; one that is dialled is played. A recording is reviewed: 1 keeps it, 2 plays it, 3
 * records anew.
 */
#include <string.h>

#include "featured/app/voicemail.h"
#include "featured/settings.h"

#define PIN_MIN 4
#define PIN_MAX 16

static void
options_enter(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	if (mailbox_greeting(core->env.mailbox, vm_of(call)->box, MAILBOX_TEMPORARY) != NULL)
		say_prompt(&say, "vm-tempgreetactive");
	say_prompt(&say, "vm-options");
	vm_ask(core, call, &say, 1, false, 0);
}

static void
record_greeting(struct core *core, struct call *call, enum mailbox_kind kind)
{
	vm_of(call)->kind = (uint8_t)kind;
	vm_go(core, call, VM_GREETING_INTRO);
}

static void
options_input(struct core *core, struct call *call, const char *digits)
{
	switch (digits[0]) {
	case '1':
		record_greeting(core, call, MAILBOX_UNAVAILABLE);
		break;
	case '2':
		record_greeting(core, call, MAILBOX_BUSY);
		break;
	case '3':
		record_greeting(core, call, MAILBOX_NAME);
		break;
	case '4':
		if (mailbox_greeting(core->env.mailbox, vm_of(call)->box, MAILBOX_TEMPORARY) != NULL)
			vm_go(core, call, VM_TEMPORARY);
		else
			record_greeting(core, call, MAILBOX_TEMPORARY);
		break;
	case '5':
		vm_go(core, call, VM_NEW_PIN);
		break;
	case '*':
	case '#':
		vm_go(core, call, VM_MAIN);
		break;
	default:
		vm_again(core, call);
	}
}

static void
options_said(struct core *core, struct call *call)
{
	/* After an announcement there is no mailbox to go back to. */
	if (vm_of(call)->open)
		vm_go(core, call, VM_OPTIONS);
	else
		call_end(core, call, 200, 16, CDR_SIDE_SYSTEM, NULL);
}

static void
temporary_enter(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	say_prompt(&say, "vm-tempgreeting2");
	vm_ask(core, call, &say, 1, false, 0);
}

static void
temporary_input(struct core *core, struct call *call, const char *digits)
{
	struct mailbox_item *old = mailbox_greeting(core->env.mailbox, vm_of(call)->box,
	    MAILBOX_TEMPORARY);
	struct say say;

	if (digits[0] == '1') {
		record_greeting(core, call, MAILBOX_TEMPORARY);
	} else if (digits[0] == '2') {
		if (old != NULL)
			mailbox_gone(core->env.mailbox, old, core->real_ms);
		vm_say(core, call, &say);
		say_prompt(&say, "vm-tempremoved");
		vm_say_then(core, call, &say, VM_OPTIONS_SAID);
	} else if (digits[0] == '*') {
		vm_go(core, call, VM_OPTIONS);
	} else {
		vm_again(core, call);
	}
}

/*
 * Greetings.
 */

static void
intro_enter(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	switch ((enum mailbox_kind)vm_of(call)->kind) {
	case MAILBOX_UNAVAILABLE:
		say_prompt(&say, "vm-rec-unv");
		break;
	case MAILBOX_BUSY:
		say_prompt(&say, "vm-rec-busy");
		break;
	case MAILBOX_NAME:
		say_prompt(&say, "vm-rec-name");
		break;
	case MAILBOX_TEMPORARY:
		say_prompt(&say, "vm-rec-temp");
		break;
	case MAILBOX_MESSAGE:
	case MAILBOX_COMMENT:
	case MAILBOX_ANNOUNCEMENT:
		break;
	}
	say_prompt(&say, "beep");
	vm_ask(core, call, &say, 1, false, 1);
}

/* A key: no more words, only the beep. */
static void
intro_input(struct core *core, struct call *call, const char *digits)
{
	struct say say;

	(void)digits;
	vm_say(core, call, &say);
	say_prompt(&say, "beep");
	vm_ask(core, call, &say, 0, false, 0);
}

static void
intro_said(struct core *core, struct call *call)
{
	vm_go(core, call, VM_GREETING_RECORD);
}

static void
sorry(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	say_prompt(&say, "vm-sorry");
	vm_say_then(core, call, &say, VM_OPTIONS_SAID);
}

static void
record_enter(struct core *core, struct call *call)
{
	const struct voicemail_state *v = vm_of(call);

	if (!vm_record(core, call, v->kind, v->kind == MAILBOX_ANNOUNCEMENT ? v->number : v->box))
		sorry(core, call);
}

static void
record_input(struct core *core, struct call *call, const char *digits)
{
	if (digits[0] == '#')
		vm_record_stop(core, call);
	else
		vm_record_wait(core, call);
}

static void
record_recorded(struct core *core, struct call *call, struct mailbox_item *item)
{
	struct say say;

	if (item != NULL) {
		vm_go(core, call, VM_GREETING_REVIEW);
		return;
	}
	vm_say(core, call, &say);
	say_prompt(&say, "vm-tooshort");
	vm_say_then(core, call, &say, VM_OPTIONS_SAID);
}

static void
review_enter(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	say_prompt(&say, "vm-review");
	vm_ask(core, call, &say, 1, false, 0);
}

static void
review_input(struct core *core, struct call *call, const char *digits)
{
	struct say say;

	switch (digits[0]) {
	case '1':
	case '#':
		vm_item_keep(core, call);
		vm_say(core, call, &say);
		say_prompt(&say, "vm-msgsaved");
		vm_say_then(core, call, &say, VM_OPTIONS_SAID);
		break;
	case '2':
		vm_go(core, call, VM_GREETING_LISTEN);
		break;
	case '3':
		vm_item_drop(core, call);
		vm_go(core, call, VM_GREETING_INTRO);
		break;
	case '*':
		vm_item_drop(core, call);
		vm_go(core, call, vm_of(call)->open ? VM_OPTIONS : VM_ANNOUNCEMENT_NUMBER);
		break;
	default:
		vm_again(core, call);
	}
}

static void
say_announcement(struct say *say, const struct mailbox_item *item)
{
	char text[128], path[160];

	voicefile_path(item->file_box, &item->file, text);
	str_format(path, sizeof(path), "announcement:%s", text);
	say_prompt(say, path);
}

static void
listen_enter(struct core *core, struct call *call)
{
	const struct mailbox_item *item = vm_item(core, call);
	struct say say;

	vm_say(core, call, &say);
	if (item != NULL && item->kind == MAILBOX_ANNOUNCEMENT)
		say_announcement(&say, item);
	else if (item != NULL)
		say_voicemail(&say, item->file_box, &item->file);
	vm_ask(core, call, &say, 1, false, 1);
}

static void
to_review(struct core *core, struct call *call)
{
	vm_go(core, call, VM_GREETING_REVIEW);
}

/*
 * The PIN.
 */

static void
new_pin_enter(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	if (vm_of(call)->tries > 0)
		say_prompt(&say, "vm-invalid-password");
	say_prompt(&say, "vm-newpassword");
	vm_ask(core, call, &say, PIN_MAX, true, 10000);
}

static void
new_pin_input(struct core *core, struct call *call, const char *digits)
{
	if (digits[0] == '*') {
		vm_go(core, call, VM_OPTIONS);
		return;
	}
	if (strlen(digits) < PIN_MIN || digits[strspn(digits, "0123456789")] != '\0') {
		vm_again(core, call);
		return;
	}
	str_copy(vm_of(call)->number, sizeof(vm_of(call)->number), digits);
	vm_go(core, call, VM_NEW_PIN_AGAIN);
}

static void
pin_again_enter(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	say_prompt(&say, "vm-reenterpassword");
	vm_ask(core, call, &say, PIN_MAX, true, 10000);
}

static void
pin_again_input(struct core *core, struct call *call, const char *digits)
{
	struct voicemail_state *v = vm_of(call);
	bool same = strcmp(digits, v->number) == 0;
	struct say say;

	vm_say(core, call, &say);
	if (same && mailbox_pin_set(core->env.mailbox, v->box, digits)) {
		trace_add(core, call, "app", "pin-changed", "%s", v->box);
		say_prompt(&say, "vm-passchanged");
	} else {
		say_prompt(&say, same ? "vm-sorry" : "vm-mismatch");
	}
	explicit_bzero(v->number, sizeof(v->number));
	vm_say_then(core, call, &say, VM_OPTIONS_SAID);
}

/*
 * Announcements.
 */

static void
number_enter(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	if (vm_of(call)->tries > 0)
		say_prompt(&say, "pbx-invalid");
	say_prompt(&say, "wd-announcement-number");
	vm_ask(core, call, &say, ANNOUNCEMENT_LEN, true, 10000);
}

static void
number_input(struct core *core, struct call *call, const char *digits)
{
	struct voicemail_state *v = vm_of(call);

	if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0') {
		vm_again(core, call);
		return;
	}
	if (!settings_may_announce(core->settings, digits, call->r.from)) {
		trace_add(core, call, "app", "forbidden", "announcement %s", digits);
		vm_again(core, call);
		return;
	}
	str_copy(v->number, sizeof(v->number), digits);
	record_greeting(core, call, MAILBOX_ANNOUNCEMENT);
}

static void
announcement_enter(struct core *core, struct call *call)
{
	const struct mailbox_item *item = mailbox_greeting(core->env.mailbox, vm_of(call)->box,
	    MAILBOX_ANNOUNCEMENT);
	struct say say;

	vm_say(core, call, &say);
	if (item != NULL)
		say_announcement(&say, item);
	vm_ask(core, call, &say, 0, false, 0);
}

static void
announcement_said(struct core *core, struct call *call)
{
	call_app_done(core, call, OUTCOME_DONE, 200, 16);
}

const struct vm_state_def vm_options_states[VM_STATES - VM_OPTIONS] = {
#define AT(state) [(state) - VM_OPTIONS]
	AT(VM_OPTIONS) = { .name = "options", .enter = options_enter, .input = options_input },
	AT(VM_TEMPORARY) = { .name = "temporary",
	    .enter = temporary_enter,
	    .input = temporary_input },
	AT(VM_GREETING_INTRO) = { .name = "greeting-intro",
	    .enter = intro_enter,
	    .input = intro_input,
	    .timeout = intro_said,
	    .said = intro_said },
	AT(VM_GREETING_RECORD) = { .name = "greeting-record",
	    .enter = record_enter,
	    .input = record_input,
	    .timeout = sorry,
	    .recorded = record_recorded },
	AT(VM_GREETING_REVIEW) = { .name = "greeting-review",
	    .enter = review_enter,
	    .input = review_input },
	AT(VM_GREETING_LISTEN) = { .name = "greeting-listen",
	    .enter = listen_enter,
	    .input = review_input,
	    .timeout = to_review },
	AT(VM_NEW_PIN) = { .name = "new-pin", .enter = new_pin_enter, .input = new_pin_input },
	AT(VM_NEW_PIN_AGAIN) = { .name = "new-pin-again",
	    .enter = pin_again_enter,
	    .input = pin_again_input },
	AT(VM_OPTIONS_SAID) = { .name = "options-said", .said = options_said },
	AT(VM_ANNOUNCEMENT_NUMBER) = { .name = "announcement-number",
	    .enter = number_enter,
	    .input = number_input },
	AT(VM_ANNOUNCEMENT) = { .name = "announcement",
	    .enter = announcement_enter,
	    .timeout = announcement_said,
	    .said = announcement_said },
#undef AT
};
