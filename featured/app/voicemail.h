/* SPDX-License-Identifier: ISC */
/*
 * Voicemail: leaving a message, hearing a mailbox, recording and playing an announcement. What a caller hears
 * and may press is a table of states (vm_states); a state's enter() asks by menu_ask(), and what
 * comes of it goes to the state's other functions. All of where a caller is stands in the call's
 * menu record (struct voicemail_state), so that it outlives a kill.
 *
 * voicemail.c runs the table; voicemail_leave.c, _main.c, _message.c, _options.c fill it.
 */
#ifndef WARDEN_FEATURED_APP_VOICEMAIL_H
#define WARDEN_FEATURED_APP_VOICEMAIL_H

#include "featured/app/menu.h"
#include "featured/app/say.h"
#include "featured/call/voicefile.h"
#include "featured/reg/mailbox.h"

/* In the checkpoint: never renumber. */
enum vm_state {
	VM_NONE = 0,
	/* leaving a message */
	VM_GREETING = 1,
	VM_BEEP = 2,
	VM_MESSAGE = 3, /* the caller speaks */
	VM_REVIEW = 4,
	VM_REVIEW_LISTEN = 5,
	VM_TOO_SHORT = 6,
	VM_BYE = 7,  /* something is said, then the call is ended */
	VM_OPERATOR = 8, /* something is said, then the operator is called */
	/* hearing a mailbox */
	VM_PIN = 20,
	VM_MAIN = 21,
	VM_FOLDER = 22,
	VM_PLAY = 23,
	VM_MESSAGE_MENU = 24,
	VM_ADVANCED = 25,
	VM_ENVELOPE = 26,
	VM_FORWARD_TO = 27,
	VM_FORWARD_HOW = 28,
	VM_COMMENT_BEEP = 29,
	VM_COMMENT = 30,
	VM_SAVE = 31,
	VM_SAID = 32, /* what happened is said, then the message's menu comes again */
	VM_CALL = 33, /* the sender is called */
	VM_REPLY = 34, /* a message is left for the sender */
	/* mailbox options */
	VM_OPTIONS = 40,
	VM_TEMPORARY = 41,
	VM_GREETING_INTRO = 42,
	VM_GREETING_RECORD = 43,
	VM_GREETING_REVIEW = 44,
	VM_GREETING_LISTEN = 45,
	VM_NEW_PIN = 46,
	VM_NEW_PIN_AGAIN = 47,
	VM_OPTIONS_SAID = 48, /* what happened is said, then the options come again */
	/* announcements */
	VM_ANNOUNCEMENT_NUMBER = 60,
	VM_ANNOUNCEMENT = 61, /* one is played */
	VM_STATES = 64
};

struct vm_state_def {
	const char *name;
	void (*enter)(struct core *, struct call *);
	void (*input)(struct core *, struct call *, const char *digits);
	void (*said)(struct core *, struct call *);
	/* nobody pressed anything; NULL: the state is entered again, three times, then good-bye */
	void (*timeout)(struct core *, struct call *);
	/* the recording of vm->item is in: kept as a draft, or NULL when nothing came of it */
	void (*recorded)(struct core *, struct call *, struct mailbox_item *);
};

extern const struct vm_state_def vm_leave_states[], vm_main_states[], vm_options_states[];

/* The call's state; the menu record must be there. */
struct voicemail_state *vm_of(struct call *call);
void vm_go(struct core *core, struct call *call, enum vm_state state);
/* Counts a wrong input: the state again, or after three good-bye. */
void vm_again(struct core *core, struct call *call);
/* Says it, then goes on: to the message's menu (VM_SAID), the options, or the call's end. */
void vm_say_then(struct core *core, struct call *call, const struct say *say, enum vm_state then);

/* A list in the language of who hears it. */
void vm_say(const struct core *core, const struct call *call, struct say *say);
void vm_ask(struct core *core, struct call *call, const struct say *say, uint8_t max, bool hash,
    uint32_t wait_ms);

/* Begins to record into a new item of that kind. False: there is no room. */
bool vm_record(struct core *core, struct call *call, enum mailbox_kind kind, const char *box);
/* Asks for a key while it goes on. */
void vm_record_wait(struct core *core, struct call *call);
void vm_record_stop(struct core *core, struct call *call);
/* The item that is recorded or was and is not kept yet; NULL none. */
struct mailbox_item *vm_item(const struct core *core, struct call *call);
/* Keeps it (in place of the one that a greeting replaces), or throws it away. */
void vm_item_keep(struct core *core, struct call *call);
void vm_item_drop(struct core *core, struct call *call);

/* The call goes on to number, as if its caller had dialled it. */
void vm_dial(struct core *core, struct call *call, const char *number);

bool vm_has_box(const struct core *core, const char *user);
/* No message more goes into box; that is logged and stands in the call's trace. */
bool vm_is_full(struct core *core, struct call *call, const char *box);
/* voicemail_message.c: the message that is being heard, NULL none. */
struct mailbox_item *vm_message(const struct core *core, struct call *call);
/* The session is over: what was deleted goes, what was heard is old. */
void vm_main_over(struct core *core, struct call *call);

/* voicemail_message.c: functions of the states in which a message is heard. */
void vm_play_enter(struct core *core, struct call *call);
void vm_play_input(struct core *core, struct call *call, const char *digits);
void vm_play_timeout(struct core *core, struct call *call);
void vm_menu_enter(struct core *core, struct call *call);
void vm_menu_input(struct core *core, struct call *call, const char *digits);
void vm_said_input(struct core *core, struct call *call, const char *digits);
void vm_menu_back(struct core *core, struct call *call);
void vm_advanced_enter(struct core *core, struct call *call);
void vm_advanced_input(struct core *core, struct call *call, const char *digits);
void vm_forward_to_enter(struct core *core, struct call *call);
void vm_forward_to_input(struct core *core, struct call *call, const char *digits);
void vm_forward_how_enter(struct core *core, struct call *call);
void vm_forward_how_input(struct core *core, struct call *call, const char *digits);
void vm_comment_beep_input(struct core *core, struct call *call, const char *digits);
void vm_comment_beep_said(struct core *core, struct call *call);
void vm_comment_enter(struct core *core, struct call *call);
void vm_comment_input(struct core *core, struct call *call, const char *digits);
void vm_comment_recorded(struct core *core, struct call *call, struct mailbox_item *item);
void vm_call_said(struct core *core, struct call *call);
void vm_reply_said(struct core *core, struct call *call);
void vm_reply_input(struct core *core, struct call *call, const char *digits);

#endif
