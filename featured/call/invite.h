/* SPDX-License-Identifier: ISC */
/* An INVITE becomes a call, or does not: shedding, credentials, identity, and then the dialplan. */
#ifndef WARDEN_FEATURED_CALL_INVITE_H
#define WARDEN_FEATURED_CALL_INVITE_H

#include "featured/call/model.h"

/* leg_offered, the first time or repeated after a reconnection. */
void invite_offered(struct core *core, const struct msg_leg_offered *m);

#endif
