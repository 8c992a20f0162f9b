/* SPDX-License-Identifier: ISC */
/*
 * What the apps share that ring somebody and bridge the caller to who answers: dial, intercom, find-me
 * and ring groups. Their state is call->r.u.dial. The latter two ring in rounds (rounds.c).
 */
#ifndef WARDEN_FEATURED_APP_DIAL_H
#define WARDEN_FEATURED_APP_DIAL_H

#include "featured/app/app.h"

/* Rings all contacts of user for the caller; false: there is none. */
bool dial_user(struct core *core, struct call *call, const char *user, uint16_t ring_s);
/* Has user as many calls, not counting this one, as it may have? */
bool dial_is_busy(const struct core *core, const struct call *call, const char *user);

void dial_leg_event(struct core *core, struct call *call, struct leg *leg,
    enum call_leg_event event, const struct leg_arg *arg);
void dial_timer(struct core *core, struct call *call, enum call_timer kind);

/*
 * find-me: leg's phone has answered 302 and names to. Rings that extension in its user's place, once;
 * false: it does not, and the 302 is a refusal.
 */
bool rounds_deflected(struct core *core, struct call *call, const struct leg *leg, const char *to);
/* Rings who comes next; false: nobody is left, or the app has no rounds. */
bool rounds_next(struct core *core, struct call *call);

#endif
