/* SPDX-License-Identifier: ISC */
/*
 * Menus for apps: plays a list of prompts and collects keys. The first key stops the prompt (barge-in);
 * input is complete with as many keys as were asked for, with # (which is not part of it) where that
 * ends it, at once with a * pressed first, or by a pause. The state is in the checkpoint (struct
 * menu_rec), so a menu goes on after any kill.
 *
 * An app hands on its media events and TIMER_APP, and acts on what comes out.
 */
#ifndef WARDEN_FEATURED_APP_MENU_H
#define WARDEN_FEATURED_APP_MENU_H

#include "featured/app/app.h"

enum menu_result {
	MENU_NOTHING,
	MENU_SAID,    /* nothing was asked for, and all is said */
	MENU_INPUT,   /* call->menu->m.digits; "" when it was only # */
	MENU_TIMEOUT, /* nobody pressed anything */
};

/* Makes the call's menu record if there is none. False: no memory or no room. */
bool menu_open(struct core *core, struct call *call);

/*
 * Plays list to leg and then waits wait_ms for max keys (0: none are wanted). hash: # ends the input.
 * list "": only waits. After menu_open().
 */
void menu_ask(struct core *core, struct call *call, struct leg *leg, const char *list, uint8_t max,
    bool hash, uint32_t wait_ms);

enum menu_result menu_media_event(struct core *core, struct call *call, struct leg *leg,
    enum app_media_event event, uint32_t value);
enum menu_result menu_timer(struct core *core, struct call *call, enum call_timer kind);

#endif
