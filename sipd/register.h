/* SPDX-License-Identifier: ISC */
/* The registrar's SIP side (RFC 3261 section 10): featured decides and keeps the bindings. */
#ifndef WARDEN_SIPD_REGISTER_H
#define WARDEN_SIPD_REGISTER_H

#include "sipd/sipd.h"

/* A REGISTER outside any transaction; takes msg. */
void register_new(msg_t *msg, sip_t *sip);

#endif
