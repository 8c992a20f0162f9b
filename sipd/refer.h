/* SPDX-License-Identifier: ISC */
/*
 * REFER (RFC 3515, 4488), inside a dialog or with a Target-Dialog that names one, and Replaces
 * (RFC 3891): which of our legs is meant. What comes of it is featured's to decide; the REFER's
 * transaction waits for that.
 */
#ifndef WARDEN_SIPD_REFER_H
#define WARDEN_SIPD_REFER_H

#include "sipd/leg.h"

/* What is kept of a REFER until it is answered. */
struct refer {
	nta_incoming_t *irq;
	struct msg_leg_refer m;
};

#define REFER_NOBODY 1 /* in place of a leg's id: the dialog named is none of ours */

/* Requests. */
int refer_in(struct leg *leg, nta_incoming_t *irq, const sip_t *sip);
void refer_new(msg_t *msg, sip_t *sip);

/* featured's commands. */
void refer_answer(struct leg *leg, const struct msg_leg_refer_answer *m);
void refer_progress(struct leg *leg, const struct msg_leg_refer_progress *m);

/* The leg is over, or featured does not answer: the REFER that waits, if any, gets status. */
void refer_end(struct leg *leg, int status, const char *phrase);

/* The leg that an INVITE's Replaces names: 0 it has none, or REFER_NOBODY. */
uint64_t refer_replaced(const sip_t *sip, uint8_t *early_only);

#endif
