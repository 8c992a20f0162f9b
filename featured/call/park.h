/* SPDX-License-Identifier: ISC */
/*
 * Parking slots: which are taken, and by which call. A call lies in one (state PARK_PARKED of app
 * park), or holds one for a call that is going to be transferred there (PARK_SAYING). The slot stands
 * in the call's record, so a restart knows it. core.h has what the API and lamps ask.
 */
#ifndef WARDEN_FEATURED_CALL_PARK_H
#define WARDEN_FEATURED_CALL_PARK_H

#include "featured/call/call.h"

/* The call in slot, whatever it does there; NULL: free. */
struct call *park_in(const struct core *core, uint32_t slot);
/* A slot for target ("" or "71"): 0, or the status why not; *slot when 0. */
uint16_t park_find(const struct core *core, const char *target, uint32_t *slot);
/* The same without taking anything. */
uint16_t park_refused(const struct core *core, const char *target);
/* The call takes or leaves a slot (0). */
void park_take(struct core *core, struct call *call, uint32_t slot);
/* by parked the call by a number that does not say the slot, and can hear: it is told, and released
 * by the app. false: it is not. */
bool park_tells(struct core *core, struct call *call, struct leg *by);
/* If call holds a slot for another one, gives it up, and its number into to. */
void park_held(struct core *core, struct call *call, char *to, size_t size);
/* Says the call's slot to leg; returns the play's number. */
uint32_t park_say(struct core *core, struct call *call, struct leg *leg);

#endif
