/* SPDX-License-Identifier: ISC */
/*
 * Phones whose Contact is the address of their TCP connection, as it is behind NAT, cannot be reached once that is gone (sipd was killed) until
 * they have registered over another. What they are to be sent meanwhile waits here: INVITEs and BYEs of ours, answers to theirs. A leg of which
 * something waits has adrift_at set; its INVITE under way has no transaction then.
 */
#ifndef WARDEN_SIPD_ADRIFT_H
#define WARDEN_SIPD_ADRIFT_H

#include "sipd/leg.h"

#define ADRIFT_NEW_MS 15000 /* a call that has only begun; also how long after its own start sipd waits for phones */
#define ADRIFT_UP_MS  30000 /* a phone that rings, or is in a call */

/* When sipd has come up: its phones are to come back. */
void adrift_init(void);

/*
 * A request of ours ended with status, sip (NULL: none came). True: it was not sent at all for want of a connection and will be, as soon as there
 * is one, for ms. The transaction must be destroyed already, and the leg in a state in which it can be made again.
 */
bool adrift_unsent(struct leg *leg, int status, const sip_t *sip, uint64_t ms);

/* As above, for an INVITE of ours: whether the phone can be expected to come back. */
bool adrift_undialled(struct leg *leg, int status, const sip_t *sip);

/*
 * The far end of a leg that was taken up again, over TCP: its INVITE or re-INVITE (sip) can be answered as soon as it has another connection. One
 * that listens on the port in its Via (RFC 3261 section 18.2.2) is connected to at once.
 */
void adrift_caller(struct leg *leg, const sip_t *sip);

/* The phone of user that was at from ("IP:PORT") has registered over the connection to. What waits for it is sent. */
void adrift_moved(const char *user, const char *from, const char *to);

/* adrift_at is over. */
void adrift_given_up(struct leg *leg);
/* The leg is going. */
void adrift_free(struct leg *leg);

#endif
