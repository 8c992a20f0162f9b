/* SPDX-License-Identifier: ISC */
/*
 * Caller identity: what a leg's far end is shown of whom it talks to. Numbers and names are those of the
 * settings; a caller who does not want to be known is "anonymous" to phones, and itself in the record.
 */
#ifndef WARDEN_FEATURED_CALL_PARTY_H
#define WARDEN_FEATURED_CALL_PARTY_H

#include "featured/call/call.h"

struct party {
	char user[65]; /* "" not to be told */
	char name[129];
	uint8_t headers; /* enum sip_party_headers */
};

/*
 * Whom the leg talks to, or is about to: its peer, else the call's other side. False: nobody, or it is
 * not to be told.
 */
bool party_of(const struct core *core, const struct leg *leg, struct party *out);

/* From, identity, privacy and the call's past, for the INVITE to a callee. */
void party_dial(const struct core *core, struct leg *leg, struct msg_leg_dial *m);

/*
 * The leg, which is up, talks to somebody else than before (its peer has changed: a transfer, a pickup,
 * a parked call): its phone is told.
 */
void party_changed(struct core *core, struct leg *leg);

#endif
