/* SPDX-License-Identifier: ISC */
/*
 * Legs in the checkpoint, so that a kill -9 at any instruction costs no call.
 *
 * legs.ckpt has a small record for each leg: its dialog. open.ckpt has, for a leg with an INVITE
 * under way, what is needed to go on with that transaction: an incoming request's text and our 2xx
 * to it, an outgoing one's leg_dial or SDP, or a 2xx that featured has not settled. Everything here
 * is written before what depends on it is sent.
 */
#ifndef WARDEN_SIPD_CHECKPOINT_H
#define WARDEN_SIPD_CHECKPOINT_H

#include "sipd/leg.h"

/* Opens the files in the daemon's own directory; fatal() if that cannot be. */
void checkpoint_init(void);
void checkpoint_close(void);

/* Takes up all legs again. After stack_init(). */
void checkpoint_load(void);

void checkpoint_save(struct leg *leg);
/* Both records go. */
void checkpoint_forget(struct leg *leg);

/* An incoming INVITE or re-INVITE (leg->open says which). Saves the leg too. */
void checkpoint_open_request(struct leg *leg, msg_t *msg, const sip_t *sip);
/* Our 2xx to it, with this SDP. */
void checkpoint_open_answer(struct leg *leg, const struct ipc_view *sdp);
/* An INVITE that we are about to send. */
void checkpoint_open_dial(struct leg *leg, const struct msg_leg_dial *m);
/* The same read back; *hold is to be freed after the last use of m. False: it is not there. */
bool checkpoint_open_dialled(struct leg *leg, struct msg_leg_dial *m, void **hold);
/* The 2xx to it: leg->event, answered_ms and user_agent, kept until leg_settled. */
void checkpoint_open_answered(struct leg *leg);
/* A re-INVITE that we are about to send, with leg->event. */
void checkpoint_open_offer(struct leg *leg);
/* The transaction is over, or the 2xx settled: leaves leg->told at most. Saves the leg too. */
void checkpoint_open_done(struct leg *leg);

/* The INVITE of a leg whose transaction is over, as it was saved; NULL: it was not. */
msg_t *checkpoint_request(const struct leg *leg);

/*
 * A server transaction out of a saved request, NULL when it cannot be made. tport: the TCP connection to answer by, NULL: none is
 * known, and the leg may be adrift after this.
 */
nta_incoming_t *checkpoint_transaction(struct leg *leg, const char *text, size_t len,
    struct tport_s *tport);
/* That of the caller's INVITE, and our last answer again, over that connection. */
bool checkpoint_caller_back(struct leg *leg, struct tport_s *tport);

/* The leg that the next steps work on, for the poison guard of ckpt.h. */
void checkpoint_enter(const struct leg *leg);
void checkpoint_leave(void);

#endif
