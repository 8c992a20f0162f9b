/* SPDX-License-Identifier: ISC */
/*
 * What is done once a minute with rows in PostgreSQL. Recordings whose time is over
 * (recording.keep_days, recording.keep_mb): their files are removed by mediad, and only then their
 * rows marked as deleted; what is cut short is done again. Recordings that were running when the
 * machine died, and that no call knows any more: finished with what is in their file, or marked as
 * failed. Once an hour, events in the outbox and rows of messages that are gone: 30 days. Main thread.
 */
#ifndef WARDEN_FEATURED_RETENTION_H
#define WARDEN_FEATURED_RETENTION_H

struct featured;
struct retention;

/* Returns 0 or -errno. */
int retention_open(struct retention **out, struct featured *f);
void retention_close(struct retention **r);

#endif
