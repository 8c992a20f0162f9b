/* SPDX-License-Identifier: ISC */
/* See menu.h: prompts and keys. */
#include "featured/app/menu.h"

#include <string.h>

#include "featured/call/session.h"

#define BETWEEN_MS 3000   /* between two keys */
#define LONGEST_MS 900000 /* of a prompt (a message may be an hour's): then mediad has forgotten it */

bool
menu_open(struct core *core, struct call *call)
{
	return call->menu != NULL || store_menu_new(core, call);
}

void
menu_ask(struct core *core, struct call *call, struct leg *leg, const char *list, uint8_t max,
    bool hash, uint32_t wait_ms)
{
	struct menu_state *m = &call->menu->r.m;

	m->max = max < MENU_DIGITS_MAX ? max : MENU_DIGITS_MAX;
	m->hash = hash;
	m->n = 0;
	m->digits[0] = '\0';
	m->wait_ms = wait_ms;
	m->play = 0;
	if (list[0] != '\0') {
		m->play = session_play(core, leg, list, 1);
		call_timer(core, call, TIMER_APP, LONGEST_MS);
	} else {
		session_play_stop(core, leg);
		call_timer(core, call, TIMER_APP, wait_ms);
	}
	call_menu_dirty(core, call);
}

static enum menu_result
complete(struct core *core, struct call *call)
{
	struct menu_state *m = &call->menu->r.m;

	m->digits[m->n] = '\0';
	m->max = 0;
	call_timer(core, call, TIMER_APP, 0);
	call_menu_dirty(core, call);
	return MENU_INPUT;
}

static enum menu_result
key(struct core *core, struct call *call, struct leg *leg, char digit)
{
	struct menu_state *m = &call->menu->r.m;

	if (m->max == 0)
		return MENU_NOTHING;
	if (m->play != 0) {
		m->play = 0;
		session_play_stop(core, leg);
	}
	call_menu_dirty(core, call);
	if (digit == '#' && m->hash)
		return complete(core, call);
	m->digits[m->n++] = digit;
	if (m->n == m->max || (m->n == 1 && digit == '*'))
		return complete(core, call);
	call_timer(core, call, TIMER_APP, BETWEEN_MS);
	return MENU_NOTHING;
}

enum menu_result
menu_media_event(struct core *core, struct call *call, struct leg *leg, enum app_media_event event,
    uint32_t value)
{
	struct menu_state *m = call->menu != NULL ? &call->menu->r.m : NULL;

	if (m == NULL || leg->r.id != call->r.caller)
		return MENU_NOTHING;
	switch (event) {
	case APP_MEDIA_PLAYED:
		if (value != m->play || m->play == 0)
			break;
		m->play = 0;
		call_menu_dirty(core, call);
		if (m->max == 0) {
			call_timer(core, call, TIMER_APP, 0);
			return MENU_SAID;
		}
		call_timer(core, call, TIMER_APP, m->wait_ms);
		break;
	case APP_MEDIA_DTMF:
		return key(core, call, leg, (char)value);
	case APP_MEDIA_SILENT:
		break;
	}
	return MENU_NOTHING;
}

enum menu_result
menu_timer(struct core *core, struct call *call, enum call_timer kind)
{
	struct menu_state *m = call->menu != NULL ? &call->menu->r.m : NULL;

	if (m == NULL || kind != TIMER_APP)
		return MENU_NOTHING;
	if (m->n > 0)
		return complete(core, call);
	m->play = 0;
	call_menu_dirty(core, call);
	if (m->max == 0)
		return MENU_SAID;
	m->max = 0;
	return MENU_TIMEOUT;
}
