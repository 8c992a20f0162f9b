/* SPDX-License-Identifier: ISC */
/*
 * Recordings whose time is over (recording.keep_days, recording.keep_mb): found in PostgreSQL once
 * a minute, their files removed by mediad, and only then their rows marked as deleted; what is cut
 * short is done again. Main thread.
 */
#ifndef WARDEN_FEATURED_RETENTION_H
#define WARDEN_FEATURED_RETENTION_H

struct featured;
struct retention;

/* Returns 0 or -errno. */
int retention_open(struct retention **out, struct featured *f);
void retention_close(struct retention **r);

#endif
