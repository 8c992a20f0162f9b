/* SPDX-License-Identifier: ISC */
/*
 * Digest fields between SIP headers and messages (RFC 7616, 8760). sipd only carries them: featured
 * alone knows secrets and decides.
 */
#ifndef WARDEN_SIPD_AUTH_H
#define WARDEN_SIPD_AUTH_H

#include "sipd/sipd.h"

/*
 * Fill the auth_* fields; all empty without an Authorization header. False: a field is too long to
 * be ours, or the answer was made for another request URI (RFC 7616 section 3.4.6).
 */
bool auth_of_invite(struct msg_leg_offered *m, const sip_t *sip);
bool auth_of_register(struct msg_reg_request *m, const sip_t *sip);
bool auth_of_subscribe(struct msg_sub_request *m, const sip_t *sip);
bool auth_of_publish(struct msg_publish_request *m, const sip_t *sip);
bool auth_of_message(struct msg_message_request *m, const sip_t *sip);

/* What an Authorization says that one can judge without knowing any user. */
struct auth_claim {
	char realm[129];
	char nonce[129];
};

/* False: there is no such header, or one that nobody could take for an answer (RFC 7616). */
bool auth_claim(struct auth_claim *c, const sip_t *sip);

struct auth_challenge {
	const char *realm;
	const char *nonce;
	bool stale;
};

/* Sends 401 with a challenge for each algorithm and lets go of the transaction. */
void auth_challenge(nta_incoming_t *irq, const struct auth_challenge *c);

/* The same without a transaction; takes msg, which came by tport (NULL: find out). */
void auth_challenge_msg(msg_t *msg, tport_t *tport, const struct auth_challenge *c);

#endif
