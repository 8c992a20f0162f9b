/* SPDX-License-Identifier: ISC */
/*
 * Hearing a mailbox: PIN and #, how many messages there are, and the main menu: 1 new messages (the
 * old ones when there are none), 2 folders, 0 options, * help, # leave. The menu of a message is in
 * voicemail_message.c, the options in voicemail_options.c.
 */
#include "featured/app/voicemail.h"

#include <string.h>

#include "featured/settings.h"

#define PIN_MAX 16

static void
say_bye(struct core *core, struct call *call, const char *prompt)
{
	struct say say;

	vm_say(core, call, &say);
	say_prompt(&say, prompt);
	vm_say_then(core, call, &say, VM_BYE);
}

/*
 * PIN.
 */

static void
pin_enter(struct core *core, struct call *call)
{
	struct voicemail_state *v = vm_of(call);
	struct say say;

	if (!vm_has_box(core, v->box)) {
		say_bye(core, call, "wd-no-mailbox");
		return;
	}
	if (mailbox_pin_locked(core->env.mailbox, v->box, core->real_ms)) {
		trace_add(core, call, "app", "locked", "%s", v->box);
		say_bye(core, call, "wd-locked&vm-goodbye");
		return;
	}
	vm_say(core, call, &say);
	say_prompt(&say, v->tries > 0 ? "vm-incorrect&vm-password" : "vm-password");
	vm_ask(core, call, &say, PIN_MAX, true, 10000);
}

static void
pin_input(struct core *core, struct call *call, const char *digits)
{
	struct voicemail_state *v = vm_of(call);
	const struct extension *e = settings_extension(core->settings, v->box);
	const struct settings *s = core->settings;

	if (digits[0] == '*') {
		say_bye(core, call, "vm-goodbye");
		return;
	}
	if (e == NULL || !mailbox_pin_ok(core->env.mailbox, v->box, e->voicemail_pin, digits)) {
		trace_add(core, call, "app", "wrong-pin", "%s", v->box);
		log_limited(&core->bucket, LL_WARNING, "wrong PIN for a mailbox",
		    kv_s("mailbox", v->box), kv_s("from", call->r.from),
		    kv_uuid("call", call->r.id.b));
		mailbox_pin_wrong(core->env.mailbox, v->box,
		    (uint32_t)s->security.max_failed_attempts,
		    (uint64_t)s->security.ban_duration_s * 1000, core->real_ms);
		vm_again(core, call);
		return;
	}
	mailbox_pin_right(core->env.mailbox, v->box);
	v->open = 1;
	vm_go(core, call, VM_MAIN);
}

/*
 * The main menu.
 */

static void
say_count(struct say *say, uint32_t n, const char *kind)
{
	if (n == 0)
		say_prompt(say, "vm-no");
	else
		say_number(say, n);
	say_prompt(say, kind);
	say_prompt(say, n == 1 ? "vm-message" : "vm-messages");
}

static void
main_enter(struct core *core, struct call *call)
{
	struct voicemail_state *v = vm_of(call);
	struct mailbox_counts c;
	uint32_t normal;
	struct say say;

	mailbox_count(core->env.mailbox, v->box, &c);
	memset(&v->message, 0, sizeof(v->message));
	vm_say(core, call, &say);
	say_prompt(&say, "vm-youhave");
	normal = c.fresh - c.fresh_urgent;
	if (c.fresh_urgent > 0 && normal + c.old > 0) {
		say_number(&say, c.fresh_urgent);
		say_prompt(&say, "vm-Urgent&vm-and");
	} else if (c.fresh_urgent > 0) {
		say_count(&say, c.fresh_urgent, "vm-Urgent");
	}
	if (normal > 0 || c.fresh + c.old == 0)
		say_count(&say, normal, "vm-INBOX");
	if (normal > 0 && c.old > 0)
		say_prompt(&say, "vm-and");
	if (c.old > 0)
		say_count(&say, c.old, "vm-Old");
	if (c.fresh > 0 || c.old > 0) {
		say_prompt(&say, "vm-onefor");
		say_prompt(&say, c.fresh > 0 ? "vm-INBOX" : "vm-Old");
		say_prompt(&say, "vm-messages");
	}
	say_prompt(&say, "vm-opts&vm-helpexit");
	vm_ask(core, call, &say, 1, false, 0);
}

static void
open_folder(struct core *core, struct call *call, enum mailbox_folder folder)
{
	struct voicemail_state *v = vm_of(call);

	v->folder = (uint8_t)folder;
	v->at = 0;
	vm_go(core, call, VM_PLAY);
}

static void
main_input(struct core *core, struct call *call, const char *digits)
{
	struct voicemail_state *v = vm_of(call);

	switch (digits[0]) {
	case '1':
		open_folder(core, call,
		    mailbox_folder_size(core->env.mailbox, v->box, MAILBOX_NEW) > 0 ? MAILBOX_NEW
		                                                                    : MAILBOX_OLD);
		break;
	case '2':
		vm_go(core, call, VM_FOLDER);
		break;
	case '0':
		vm_go(core, call, VM_OPTIONS);
		break;
	case '*':
		main_enter(core, call);
		break;
	case '#':
		say_bye(core, call, "vm-goodbye");
		break;
	default:
		vm_again(core, call);
	}
}

/*
 * Folders.
 */

static const char *const folder_prompts[MAILBOX_FOLDERS] = { "vm-INBOX", "vm-Old", "vm-Work",
	"vm-Family", "vm-Friends" };

/* "Press 0 for new messages, press 1 for old messages, ..." */
static void
ask_folder(struct core *core, struct call *call, const char *first)
{
	struct say say;
	char key[2] = "0";

	vm_say(core, call, &say);
	say_prompt(&say, first);
	for (int f = 0; f < MAILBOX_FOLDERS; f++, key[0]++) {
		say_prompt(&say, "vm-press");
		say_digits(&say, key);
		say_prompt(&say, "vm-for");
		say_prompt(&say, folder_prompts[f]);
	}
	say_prompt(&say, "vm-messages&vm-tocancel");
	vm_ask(core, call, &say, 1, false, 0);
}

static void
folder_enter(struct core *core, struct call *call)
{
	ask_folder(core, call, "vm-changeto");
}

static void
folder_input(struct core *core, struct call *call, const char *digits)
{
	if (digits[0] >= '0' && digits[0] < '0' + MAILBOX_FOLDERS)
		open_folder(core, call, digits[0] - '0');
	else if (digits[0] == '#' || digits[0] == '*')
		vm_go(core, call, VM_MAIN);
	else
		vm_again(core, call);
}

/*
 * Saving the message into a folder.
 */

static void
save_enter(struct core *core, struct call *call)
{
	ask_folder(core, call, "vm-savefolder");
}

static void
save_input(struct core *core, struct call *call, const char *digits)
{
	struct voicemail_state *v = vm_of(call);
	struct mailbox_item *item = vm_message(core, call);
	struct say say;

	if (item == NULL || digits[0] == '#' || digits[0] == '*') {
		vm_go(core, call, VM_MESSAGE_MENU);
		return;
	}
	if (digits[0] < '0' || digits[0] >= '0' + MAILBOX_FOLDERS) {
		vm_again(core, call);
		return;
	}
	vm_say(core, call, &say);
	say_prompt(&say, "vm-message");
	say_number(&say, (uint32_t)v->at + 1);
	say_prompt(&say, "vm-savedto");
	say_prompt(&say, folder_prompts[digits[0] - '0']);
	say_prompt(&say, "vm-messages");
	/* It leaves this folder: the next one takes its place. */
	if (item->folder != digits[0] - '0' && v->at > 0)
		v->at--;
	item->folder = (uint8_t)(digits[0] - '0');
	item->heard = item->folder != MAILBOX_NEW ? 0 : item->heard;
	if (item->state == MAILBOX_DELETED)
		item->state = MAILBOX_KEPT;
	mailbox_changed(core->env.mailbox, item, core->real_ms);
	vm_say_then(core, call, &say, VM_SAID);
}


const struct vm_state_def vm_main_states[VM_OPTIONS - VM_PIN] = {
#define AT(state) [(state) - VM_PIN]
	AT(VM_PIN) = { .name = "pin", .enter = pin_enter, .input = pin_input },
	AT(VM_MAIN) = { .name = "main", .enter = main_enter, .input = main_input },
	AT(VM_FOLDER) = { .name = "folder", .enter = folder_enter, .input = folder_input },
	AT(VM_PLAY) = { .name = "play",
	    .enter = vm_play_enter,
	    .input = vm_play_input,
	    .timeout = vm_play_timeout },
	AT(VM_MESSAGE_MENU) = { .name = "message-menu",
	    .enter = vm_menu_enter,
	    .input = vm_menu_input },
	AT(VM_ADVANCED) = { .name = "advanced",
	    .enter = vm_advanced_enter,
	    .input = vm_advanced_input },
	AT(VM_ENVELOPE) = { .name = "envelope", .input = vm_said_input, .timeout = vm_menu_back },
	AT(VM_FORWARD_TO) = { .name = "forward-to",
	    .enter = vm_forward_to_enter,
	    .input = vm_forward_to_input },
	AT(VM_FORWARD_HOW) = { .name = "forward-how",
	    .enter = vm_forward_how_enter,
	    .input = vm_forward_how_input },
	AT(VM_COMMENT_BEEP) = { .name = "comment-beep",
	    .input = vm_comment_beep_input,
	    .timeout = vm_comment_beep_said,
	    .said = vm_comment_beep_said },
	AT(VM_COMMENT) = { .name = "comment",
	    .enter = vm_comment_enter,
	    .input = vm_comment_input,
	    .timeout = vm_menu_back,
	    .recorded = vm_comment_recorded },
	AT(VM_SAVE) = { .name = "save", .enter = save_enter, .input = save_input },
	AT(VM_SAID) = { .name = "said", .input = vm_said_input, .timeout = vm_menu_back },
	AT(VM_CALL) = { .name = "call", .said = vm_call_said },
	AT(VM_REPLY) = { .name = "reply",
	    .input = vm_reply_input,
	    .timeout = vm_reply_said },
#undef AT
};
