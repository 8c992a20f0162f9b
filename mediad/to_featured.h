/* SPDX-License-Identifier: ISC */
/* What mediad tells featured by itself: events, figures, gauges. Main thread. */
#ifndef WARDEN_MEDIAD_TO_FEATURED_H
#define WARDEN_MEDIAD_TO_FEATURED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/ipc/peer.h"

struct mediad;

/*
 * A media_stats_get that is to be answered when the worker has answered the tag. False: out of
 * memory.
 */
bool to_featured_wait_stats(struct mediad *m, struct ipc_peer *peer, uint32_t request,
    uint32_t *tag);

#endif
