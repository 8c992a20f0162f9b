/* SPDX-License-Identifier: ISC */
/* Which addresses sipd listens on: one, or all that the machine has and gets. For stack.c and
 * stats.c. */
#ifndef WARDEN_SIPD_LISTEN_H
#define WARDEN_SIPD_LISTEN_H

#include "sipd/sipd.h"

/* fatal() with the reason when a cannot be bound; before sofia tries, which tells no reason. */
void listen_check(const union addr *a);

/* Listens on a, or if it is "any" on each of the machine's addresses; fatal() when on none. */
void listen_start(const union addr *a);

/* Listens on addresses that have come since: a floating one, or DHCP's. Cheap; nothing unless
 * server.sip_host is "any". */
void listen_again(void);

#endif
