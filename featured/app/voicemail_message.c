/* SPDX-License-Identifier: ISC */
/*
 * The menu of a message that is heard: 3 envelope, reply and call back, 4 the one before, 5 again,
 * 6 the next, 7 delete or undelete, 8 forward (with a comment before it or without), 9 save into a
 * folder, * help, # leave. The keys count while the message is played, too.
 */
#include <string.h>

#include "featured/app/voicemail.h"
#include "featured/settings.h"

struct mailbox_item *
vm_message(const struct core *core, struct call *call)
{
	return mailbox_find(core->env.mailbox, &vm_of(call)->message);
}

static size_t
folder_size(const struct core *core, struct call *call)
{
	return mailbox_folder_size(core->env.mailbox, vm_of(call)->box, vm_of(call)->folder);
}

/* "First message", "message 3", "last message". */
static void
say_place(struct say *say, size_t at, size_t n)
{
	if (at == 0)
		say_prompt(say, "vm-first");
	else if (at + 1 == n)
		say_prompt(say, "vm-last");
	say_prompt(say, "vm-message");
	if (at > 0 && at + 1 < n)
		say_number(say, (uint32_t)at + 1);
}

void
vm_play_enter(struct core *core, struct call *call)
{
	struct voicemail_state *v = vm_of(call);
	struct mailbox_item *item;
	size_t n = folder_size(core, call);
	struct say say;

	if (v->at >= n && n > 0)
		v->at = (uint16_t)(n - 1);
	item = mailbox_nth(core->env.mailbox, v->box, v->folder, v->at);
	vm_say(core, call, &say);
	if (item == NULL) {
		memset(&v->message, 0, sizeof(v->message));
		say_prompt(&say, "vm-youhave&vm-no&vm-messages");
		vm_say_then(core, call, &say, VM_SAID);
		return;
	}
	v->message = item->id;
	call_menu_dirty(core, call);
	if (item->urgent)
		say_prompt(&say, "vm-Urgent");
	say_place(&say, v->at, n);
	if (item->comment_box[0] != '\0')
		say_voicemail(&say, item->comment_box, &item->comment);
	say_voicemail(&say, item->file_box, &item->file);
	vm_ask(core, call, &say, 1, false, 1);
}

static void
mark_heard(struct core *core, struct call *call)
{
	struct mailbox_item *item = vm_message(core, call);

	if (item == NULL || item->folder != MAILBOX_NEW || item->heard)
		return;
	item->heard = 1;
	mailbox_changed(core->env.mailbox, item, core->real_ms);
}

void
vm_play_timeout(struct core *core, struct call *call)
{
	mark_heard(core, call);
	vm_go(core, call, VM_MESSAGE_MENU);
}

void
vm_play_input(struct core *core, struct call *call, const char *digits)
{
	mark_heard(core, call);
	vm_of(call)->state = VM_MESSAGE_MENU;
	vm_menu_input(core, call, digits);
}

void
vm_menu_back(struct core *core, struct call *call)
{
	/* Nothing is left to hear in this folder. */
	vm_go(core, call, folder_size(core, call) > 0 && vm_message(core, call) != NULL
	        ? VM_MESSAGE_MENU
	        : VM_MAIN);
}

void
vm_menu_enter(struct core *core, struct call *call)
{
	const struct mailbox_item *item = vm_message(core, call);
	const struct voicemail_state *v = vm_of(call);
	struct say say;

	if (item == NULL) {
		vm_go(core, call, VM_MAIN);
		return;
	}
	vm_say(core, call, &say);
	say_prompt(&say, "vm-advopts");
	if (v->at > 0)
		say_prompt(&say, "vm-prev");
	say_prompt(&say, "vm-repeat");
	if ((size_t)v->at + 1 < folder_size(core, call))
		say_prompt(&say, "vm-next");
	say_prompt(&say, item->state == MAILBOX_DELETED ? "vm-undelete" : "vm-delete");
	say_prompt(&say, "vm-toforward&vm-savemessage&vm-helpexit");
	vm_ask(core, call, &say, 1, false, 0);
}

static void
move(struct core *core, struct call *call, int by)
{
	struct voicemail_state *v = vm_of(call);
	size_t n = folder_size(core, call);
	struct say say;

	if ((by < 0 && v->at == 0) || (by > 0 && (size_t)v->at + 1 >= n)) {
		vm_say(core, call, &say);
		say_prompt(&say, "vm-nomore");
		vm_say_then(core, call, &say, VM_SAID);
		return;
	}
	v->at = (uint16_t)(v->at + by);
	vm_go(core, call, VM_PLAY);
}

static void
toggle_deleted(struct core *core, struct call *call)
{
	struct mailbox_item *item = vm_message(core, call);
	bool deleted = item->state == MAILBOX_DELETED;
	struct say say;

	item->state = deleted ? MAILBOX_KEPT : MAILBOX_DELETED;
	mailbox_changed(core->env.mailbox, item, core->real_ms);
	vm_say(core, call, &say);
	say_prompt(&say, deleted ? "vm-undeleted" : "vm-deleted");
	vm_say_then(core, call, &say, VM_SAID);
}

void
vm_menu_input(struct core *core, struct call *call, const char *digits)
{
	struct say say;

	if (vm_message(core, call) == NULL) {
		vm_go(core, call, VM_MAIN);
		return;
	}
	switch (digits[0]) {
	case '3':
		vm_go(core, call, VM_ADVANCED);
		break;
	case '4':
		move(core, call, -1);
		break;
	case '5':
		vm_go(core, call, VM_PLAY);
		break;
	case '6':
		move(core, call, 1);
		break;
	case '7':
		toggle_deleted(core, call);
		break;
	case '8':
		vm_go(core, call, VM_FORWARD_TO);
		break;
	case '9':
		vm_go(core, call, VM_SAVE);
		break;
	case '*':
		vm_go(core, call, VM_MESSAGE_MENU);
		break;
	case '#':
		vm_say(core, call, &say);
		say_prompt(&say, "vm-goodbye");
		vm_say_then(core, call, &say, VM_BYE);
		break;
	default:
		vm_again(core, call);
	}
}

/* A key while it is said what happened. */
void
vm_said_input(struct core *core, struct call *call, const char *digits)
{
	vm_of(call)->state = VM_MESSAGE_MENU;
	vm_menu_input(core, call, digits);
}

/*
 * Envelope, reply, call back.
 */

void
vm_advanced_enter(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	say_prompt(&say, "vm-toreply&vm-tocallback&vm-tohearenv&vm-starmain");
	vm_ask(core, call, &say, 1, false, 0);
}

static void
envelope(struct core *core, struct call *call, const struct mailbox_item *item)
{
	struct say say;

	vm_say(core, call, &say);
	say_prompt(&say, "vm-received");
	say_moment(&say, item->received_ms, core->real_ms);
	if (item->from[0] == '\0' || item->from[strspn(item->from, "0123456789*#+")] != '\0') {
		say_prompt(&say, "vm-from&vm-unknown-caller");
	} else {
		say_prompt(&say, settings_extension(core->settings, item->from) != NULL
		        ? "vm-from-extension"
		        : "vm-from-phonenumber");
		say_digits(&say, item->from);
	}
	say_prompt(&say, "vm-duration");
	say_duration(&say, item->duration_ms);
	vm_say_then(core, call, &say, VM_ENVELOPE);
}

void
vm_advanced_input(struct core *core, struct call *call, const char *digits)
{
	const struct mailbox_item *item = vm_message(core, call);
	struct say say;

	vm_say(core, call, &say);
	if (item == NULL || digits[0] == '*') {
		vm_menu_back(core, call);
	} else if (digits[0] == '3') {
		envelope(core, call, item);
	} else if (digits[0] == '1' && !vm_has_box(core, item->from)) {
		say_prompt(&say, "wd-no-mailbox");
		vm_say_then(core, call, &say, VM_SAID);
	} else if (digits[0] == '1' && vm_is_full(core, call, item->from)) {
		say_prompt(&say, "vm-mailboxfull");
		vm_say_then(core, call, &say, VM_SAID);
	} else if (digits[0] == '2' &&
	    (item->from[0] == '\0' || item->from[strspn(item->from, "0123456789+")] != '\0')) {
		say_prompt(&say, "vm-nonumber");
		vm_say_then(core, call, &say, VM_SAID);
	} else if (digits[0] == '1' || digits[0] == '2') {
		str_copy(vm_of(call)->number, sizeof(vm_of(call)->number), item->from);
		say_prompt(&say, digits[0] == '2' ? "pls-hold-while-try" : "vm-intro");
		vm_say_then(core, call, &say, digits[0] == '2' ? VM_CALL : VM_REPLY);
	} else {
		vm_again(core, call);
	}
}

void
vm_call_said(struct core *core, struct call *call)
{
	char number[33];

	str_copy(number, sizeof(number), vm_of(call)->number);
	vm_main_over(core, call);
	vm_of(call)->open = 0;
	vm_dial(core, call, number);
}

void
vm_reply_said(struct core *core, struct call *call)
{
	struct voicemail_state *v = vm_of(call);

	vm_main_over(core, call);
	v->open = 0;
	v->at = 0;
	str_copy(v->box, sizeof(v->box), v->number);
	vm_go(core, call, VM_BEEP);
}

void
vm_reply_input(struct core *core, struct call *call, const char *digits)
{
	(void)digits;
	vm_reply_said(core, call);
}

/*
 * Forwarding.
 */

void
vm_forward_to_enter(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	if (vm_of(call)->tries > 0)
		say_prompt(&say, "pbx-invalid");
	say_prompt(&say, "vm-extension&vm-then-pound");
	vm_ask(core, call, &say, 20, true, 10000);
}

void
vm_forward_to_input(struct core *core, struct call *call, const char *digits)
{
	if (digits[0] == '*' || digits[0] == '\0') {
		vm_menu_back(core, call);
		return;
	}
	if (!vm_has_box(core, digits)) {
		vm_again(core, call);
		return;
	}
	str_copy(vm_of(call)->number, sizeof(vm_of(call)->number), digits);
	vm_go(core, call, VM_FORWARD_HOW);
}

void
vm_forward_how_enter(struct core *core, struct call *call)
{
	struct say say;

	vm_say(core, call, &say);
	say_prompt(&say, "vm-forwardoptions");
	vm_ask(core, call, &say, 1, false, 0);
}

static void
forward(struct core *core, struct call *call, struct mailbox_item *comment)
{
	const struct mailbox_item *item = vm_message(core, call);
	struct voicemail_state *v = vm_of(call);
	struct say say;
	bool ok;

	ok = item != NULL && !vm_is_full(core, call, v->number) &&
	    mailbox_forward(core->env.mailbox, item, comment, v->number, core->real_ms) != NULL;
	/* The comment lives as long as a message that it stands before. */
	if (ok)
		vm_item_keep(core, call);
	else
		vm_item_drop(core, call);
	if (ok)
		trace_add(core, call, "app", "forwarded", "to %s", v->number);
	vm_say(core, call, &say);
	say_prompt(&say, ok ? "vm-msgforwarded" : "vm-mailboxfull");
	vm_say_then(core, call, &say, VM_SAID);
}

void
vm_forward_how_input(struct core *core, struct call *call, const char *digits)
{
	struct say say;

	if (digits[0] == '1') {
		vm_say(core, call, &say);
		say_prompt(&say, "vm-record-prepend&beep");
		vm_say_then(core, call, &say, VM_COMMENT_BEEP);
	} else if (digits[0] == '2') {
		forward(core, call, NULL);
	} else if (digits[0] == '*') {
		vm_menu_back(core, call);
	} else {
		vm_again(core, call);
	}
}

/* A key: no more words, only the beep. */
void
vm_comment_beep_input(struct core *core, struct call *call, const char *digits)
{
	struct say say;

	(void)digits;
	vm_say(core, call, &say);
	say_prompt(&say, "beep");
	vm_ask(core, call, &say, 0, false, 0);
}

void
vm_comment_beep_said(struct core *core, struct call *call)
{
	vm_go(core, call, VM_COMMENT);
}

void
vm_comment_enter(struct core *core, struct call *call)
{
	if (!vm_record(core, call, MAILBOX_COMMENT, vm_of(call)->number))
		vm_menu_back(core, call);
}

void
vm_comment_input(struct core *core, struct call *call, const char *digits)
{
	if (digits[0] == '#')
		vm_record_stop(core, call);
	else
		vm_record_wait(core, call);
}

void
vm_comment_recorded(struct core *core, struct call *call, struct mailbox_item *item)
{
	forward(core, call, item);
}

/*
 * The end of a session.
 */

void
vm_main_over(struct core *core, struct call *call)
{
	struct mailbox *mb = core->env.mailbox;
	const struct voicemail_state *v = vm_of(call);
	struct mailbox_item *item;

	for (int f = 0; f < MAILBOX_FOLDERS; f++) {
		for (size_t i = mailbox_folder_size(mb, v->box, f); i-- > 0;) {
			if ((item = mailbox_nth(mb, v->box, f, i)) == NULL)
				continue;
			if (item->state == MAILBOX_DELETED) {
				mailbox_gone(mb, item, core->real_ms);
			} else if (f == MAILBOX_NEW && item->heard) {
				item->folder = MAILBOX_OLD;
				item->heard = 0;
				mailbox_changed(mb, item, core->real_ms);
			}
		}
	}
}
