/* SPDX-License-Identifier: ISC */
/*
 * What strangers must pass before anything is remembered of them: INVITE, REGISTER and such without
 * credentials, or with such to a nonce that is not ours, get their 401 here, without a transaction, a
 * leg or a message to featured (RFC 3261 sections 8.2.7 and 26.3.2.4), and no source gets more of
 * them than the bucket of its own holds. crowd.c has their connections. Called by invite_in.c, register.c, asked.c and
 * stack_event.c.
 */
#ifndef WARDEN_SIPD_GATE_H
#define WARDEN_SIPD_GATE_H

#include "sipd/sipd.h"

enum gate {
	GATE_PASS,	/* featured may be asked */
	GATE_CHALLENGE, /* gate_challenge() it, if nothing else is wrong with it */
	GATE_TAKEN,	/* answered or dropped; msg is no more */
};

/* For what is answered without being asked who it is from: OPTIONS, what belongs to no dialog, mistakes. False: msg is no more. */
bool gate_stranger(msg_t *msg, const sip_t *sip);
enum gate gate_look(msg_t *msg, const sip_t *sip);
/* Answers msg 401 and takes it; for the request that gate_look() has just said GATE_CHALLENGE of. */
void gate_challenge(msg_t *msg);

/* From featured. */
void gate_policy(const struct msg_auth_policy *m);
void gate_ban(const struct msg_auth_ban *m);

#endif
