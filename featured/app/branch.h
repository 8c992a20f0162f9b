/* SPDX-License-Identifier: ISC */
/* What dial and originate share: ringing every contact of a user, and which failure of several
 * counts. */
#ifndef WARDEN_FEATURED_APP_BRANCH_H
#define WARDEN_FEATURED_APP_BRANCH_H

#include "featured/call/call.h"

/* INVITEs to all contacts of user; returns how many. late: as in leg_dial(). */
size_t branch_start(struct core *core, struct call *call, const char *user, uint16_t ring_s,
    const struct leg *like, bool late);
/* Ends every branch but keep (may be NULL). */
void branch_cancel(struct core *core, struct call *call, const struct leg *keep, uint8_t q850);
/* Is any branch still waiting for its answer? */
bool branch_waiting(const struct call *call);
/* Takes a branch's end into the app's state; the better one of two failures stays (RFC 3261
 * section 16.7). */
void branch_failed(struct call *call, const struct leg_arg *arg);
/* Ends the app with what the branches' failures come to. */
void branch_give_up(struct core *core, struct call *call);

#endif
