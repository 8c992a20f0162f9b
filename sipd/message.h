/* SPDX-License-Identifier: ISC */
/*
 * Requests that make no dialog, both ways: MESSAGE (RFC 3428, also inside a call's) and the NOTIFY
 * that nobody asked for (RFC 3842 as phones know it). For stack_event.c and from_featured.c.
 */
#ifndef WARDEN_SIPD_MESSAGE_H
#define WARDEN_SIPD_MESSAGE_H

/* What sofia gives to our callbacks here; so this is a source's first header, or none of sofia's
 * callbacks are used. */
#include "sipd/sipd.h"

#define MESSAGE_MAX 8192

/* Takes msg. */
void message_new(msg_t *msg, sip_t *sip);
/* Inside leg's dialog; takes irq. featured says who is meant. */
int message_in_dialog(uint64_t leg, nta_incoming_t *irq, const sip_t *sip);
/* featured's request message_send: replied to when the phone has answered. */
void message_send(struct ipc_peer *peer, uint32_t id, const struct msg_message_send *m);
void notice_send(const struct msg_notice *m);

#endif
