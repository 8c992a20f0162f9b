/* SPDX-License-Identifier: ISC */
/* PUBLISH (RFC 3903) of presence; for stack_event.c. */
#ifndef WARDEN_SIPD_PUBLISH_H
#define WARDEN_SIPD_PUBLISH_H

#include "sipd/sipd.h"

/* Takes msg. */
void publish_new(msg_t *msg, sip_t *sip);

#endif
