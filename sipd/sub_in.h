/* SPDX-License-Identifier: ISC */
/* SUBSCRIBE outside of dialogs (RFC 6665 section 4.2); for stack_event.c. */
#ifndef WARDEN_SIPD_SUB_IN_H
#define WARDEN_SIPD_SUB_IN_H

#include "sipd/sipd.h"

/* Takes msg. */
void sub_in_new(msg_t *msg, sip_t *sip);

#endif
