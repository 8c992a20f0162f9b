/* SPDX-License-Identifier: ISC */
/*
 * Which phone is at the other end of a TCP connection. Ports are used again, behind one NAT by another phone, and after a restart of ours by dozens
 * at once: that there is a connection with an address does not make it the one that a registration or a dialog was about. Known of this process's
 * connections alone; those of another are gone.
 */
#ifndef WARDEN_SIPD_FLOW_H
#define WARDEN_SIPD_FLOW_H

#include "sipd/sipd.h"

/* A request outside of dialogs has come over TCP: until somebody has registered by it, the connection is whose its From says. */
void flow_seen(const sip_t *sip);

/* user has registered over the connection from source ("IP:PORT"). */
void flow_registered(const char *source, const char *user);

/* The connection with that address, if it is the one by which user has registered; NULL: it is not. */
struct tport_s *flow_of(const union addr *to, const char *user);

/* Is there a connection with that address, and another one than user at its end? */
bool flow_is_anothers(const union addr *to, const char *user);

void flow_done(void);

#endif
