/* SPDX-License-Identifier: ISC */
/* featured's commands, and the connection to it. */
#ifndef WARDEN_SIPD_FROM_FEATURED_H
#define WARDEN_SIPD_FROM_FEATURED_H

#include "sipd/sipd.h"

/* Connects, for ever. Returns 0 or -errno. */
int from_featured_init(void);

/* resync.c: says what lives here, then what featured may not have heard. */
void resync(void);

#endif
