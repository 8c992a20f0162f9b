/* SPDX-License-Identifier: ISC */
/*
 * Small files that are made durable and removed by a thread of its own, so that nobody waits for the
 * disk: one directory, one file for each thing kept. Jobs are done in order; each is answered once,
 * out of the event loop. Used by reg/texts.c.
 */
#ifndef WARDEN_DB_KEEP_H
#define WARDEN_DB_KEEP_H

#include <systemd/sd-event.h>

#include <stddef.h>

struct keep;

#define KEEP_QUEUE_MAX 2000 /* jobs waiting */

/* r: 0 or -errno. arg: the job's. */
typedef void keep_cb(void *arg, int r);

/*
 * Makes dir/name if it is not there, and starts the thread: before the sandbox closes. Returns 0 or
 * -errno.
 */
int keep_open(struct keep **out, sd_event *event, const char *dir, const char *name);
/* Does what is queued; callbacks that have not come do not come any more. */
void keep_close(struct keep **keep);

/* Writes file with a copy of p, whole and synced, then calls cb. Returns 0, -ENOBUFS or -ENOMEM. */
int keep_write(struct keep *keep, const char *file, const void *p, size_t len, keep_cb *cb, void *arg);
/* Removes it. cb may be NULL. */
int keep_remove(struct keep *keep, const char *file, keep_cb *cb, void *arg);

/* Each file there is, with what it holds, at most max bytes: at the start, on the caller's thread. */
int keep_read(struct keep *keep, size_t max,
    void (*cb)(void *arg, const char *file, const char *p, size_t len), void *arg);

#endif
