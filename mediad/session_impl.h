/* SPDX-License-Identifier: ISC */
/* Between session.c and session_life.c only. */
#ifndef WARDEN_MEDIAD_SESSION_IMPL_H
#define WARDEN_MEDIAD_SESSION_IMPL_H

#include "mediad/session.h"

/*
 * Makes a session with ports, stream and record, and hands the stream to a worker. Returns 0 or a
 * SIP status with *reason.
 */
int session_new(struct mediad *m, uint64_t id, uint64_t call, const union addr *far,
    const union addr *like, struct session **out, const char **reason);

/* Tells the worker what is agreed. */
void session_configure(struct session *s, bool can_wait);

/*
 * To another worker, if it is not there already. Waits for its worker to let go: a millisecond or
 * two.
 */
void session_move(struct session *s, struct worker *to);

/* The worker of a call's sessions, or of a room's. */
struct worker *session_worker(struct mediad *m, uint64_t call);

/* After another worker has taken it: music that it hears. */
void session_music_again(struct session *s);

void session_save(struct mediad *m, const struct session *s);

#endif
