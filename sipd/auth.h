/* SPDX-License-Identifier: ISC */
/*
 * Digest fields between SIP headers and messages (RFC 7616, 8760). sipd only carries them: featured alone knows
 * secrets and decides.
 */
#ifndef WARDEN_SIPD_AUTH_H
#define WARDEN_SIPD_AUTH_H

#include "sipd/sipd.h"

/* Fill the auth_* fields; all empty without an Authorization header. False: a field is too long to be ours. */
bool auth_of_invite(struct msg_leg_offered *m, const sip_t *sip);
bool auth_of_register(struct msg_reg_request *m, const sip_t *sip);

/* Sends 401 with a challenge for each algorithm and lets go of the transaction. */
void auth_challenge(nta_incoming_t *irq, const char *realm, const char *nonce, bool stale);

#endif
