/* SPDX-License-Identifier: ISC */
/*
 * Which of our addresses a far end can reach. Main thread; asks the kernel's routing table, nothing
 * else.
 */
#ifndef WARDEN_MEDIAD_WHERE_H
#define WARDEN_MEDIAD_WHERE_H

#include "common/base/addr.h"
#include "mediad/settings.h"

/*
 * far: where the media or the SIP of the far end is; family 0: unknown, then as for like (the
 * address told to another leg), or by the default route. bind: what to bind to; told: what to write
 * into SDP (both without a port). Returns 0, or -errno when there is no route.
 */
int where_we_are(const struct mediad_settings *set, const union addr *far, const union addr *like,
    union addr *bind, union addr *told);

#endif
