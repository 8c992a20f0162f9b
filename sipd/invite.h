/* SPDX-License-Identifier: ISC */
/* INVITE: incoming (invite_in.c), outgoing (invite_out.c) and inside dialogs (reinvite.c, with
 * UPDATE). */
#ifndef WARDEN_SIPD_INVITE_H
#define WARDEN_SIPD_INVITE_H

#include "sipd/leg.h"

/* The SDP of a message. Returns 0 or the status to refuse with. */
int invite_sdp(struct ipc_view *sdp, const sip_t *sip);
/* The same; nothing when there is none that can be read. */
struct ipc_view invite_sdp_of(const sip_t *sip);

/* Reason of a refusal of the request as such, or 0. For requests that are to make or change a
 * session. */
int invite_check(const sip_t *sip);

/* ---- incoming ---- */
void invite_in_new(msg_t *msg, sip_t *sip);
void invite_in_progress(struct leg *leg, const struct msg_leg_progress *m);
void invite_in_answer(struct leg *leg, const struct msg_leg_answer *m);
void invite_in_challenge(struct leg *leg, const struct msg_leg_challenge *m);
/* Sends the final answer; the caller says leg_drop() or leg_over(). */
void invite_in_refuse(struct leg *leg, int status, const char *phrase, unsigned retry_after,
    uint8_t q850, const char *warning);
void invite_in_give_up(struct leg *leg);
/* After a restart: the server transaction out of the INVITE's text. answered: our 200 had gone out
 * with that SDP (NULL: not yet). tport: the connection that the caller has now, NULL: none is known. */
bool invite_in_restore(struct leg *leg, const char *text, size_t len,
    const struct ipc_view *answered, struct tport_s *tport);
/* ACK, CANCEL or their absence; for invite_in.c and reinvite.c. */
int invite_on_ack(struct leg *leg, nta_incoming_t *irq, const sip_t *sip);

/* ---- outgoing ---- */
void invite_out_dial(const struct msg_leg_dial *m);
void invite_out_cancel(struct leg *leg, uint8_t q850);
/* After a restart: the same INVITE again, with the same branch, so that the far end takes it for a
 * retransmission. */
bool invite_out_restore(struct leg *leg, const struct msg_leg_dial *m);
/* PRACK for a reliable 1xx (prack.c). False: a repeat, or one that came too early; ignore it. */
bool prack_send(struct leg *leg, nta_outgoing_t *orq, const sip_t *sip);
/* Can this INVITE's 1xx go reliably: the caller requires it, or supports it? */
enum sip_early_offer prack_wanted(const sip_t *sip);
/*
 * Sends a 1xx to the INVITE under way; with SDP (len > 0), and reliably when the caller requires it
 * or SDP is our offer.
 */
void prack_progress(struct leg *leg, uint16_t status, const char *headers,
    const struct ipc_view *sdp);

/* ---- in dialogs ---- */
int reinvite_in(struct leg *leg, nta_incoming_t *irq, const sip_t *sip);
int update_in(struct leg *leg, nta_incoming_t *irq, const sip_t *sip);
void reinvite_answer(struct leg *leg, const struct msg_leg_reanswer *m);
void reinvite_send(struct leg *leg, const struct ipc_view *sdp);
void reinvite_again(struct leg *leg);
/* An offer by UPDATE or PRACK while an INVITE is open. Takes irq. */
void early_offer(struct leg *leg, nta_incoming_t *irq, const struct ipc_view *sdp);
/* Such an offer, if there is one, is not taken: the INVITE has come to its end before. */
void early_refuse(struct leg *leg, int status, const char *phrase);
/* featured does not answer a reoffer. */
void reinvite_give_up(struct leg *leg);
/* The ACK of a re-INVITE came (sip), or never did (NULL). */
void reinvite_acked(struct leg *leg, const sip_t *sip);
bool reinvite_in_restore(struct leg *leg, const char *text, size_t len,
    const struct ipc_view *answered, struct tport_s *tport);
bool reinvite_out_restore(struct leg *leg);

#endif
