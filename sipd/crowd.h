/* SPDX-License-Identifier: ISC */
/*
 * TCP connections of strangers: one source may hold only so many on which nothing has come that
 * passed the gate, or it would take every descriptor that sipd has, and no phone could connect. Once
 * a second they are counted, and those beyond security.max_connections are closed.
 */
#ifndef WARDEN_SIPD_CROWD_H
#define WARDEN_SIPD_CROWD_H

#include "sipd/sipd.h"

/* Before the sandbox closes. Returns 0 or -errno. */
int crowd_init(void);

/* msg, which is being delivered, has passed the gate: its connection is no stranger's any more. */
void crowd_known(const msg_t *msg, const sip_t *sip);

#endif
