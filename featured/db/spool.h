/* SPDX-License-Identifier: ISC */
/*
 * Call records, and rows of other tables that must not get lost (spool_row()). Each call has an intent when it starts and a final record when it is over; both are
 * lines of JSON in state_dir/spool/NNNN.jsonl, written and synced by a thread of its own, and
 * carried from there into PostgreSQL (table cdr, one row a call, by the call's UUID). So a record
 * exists on disk before the database hears of it, and the database may be away for hours.
 *
 * Main thread only (the writer thread is inside). Nothing waits for the disk: records are queued.
 * When the disk is full they stay in memory up to SPOOL_MEMORY_MAX and a log line says so.
 */
#ifndef WARDEN_DB_SPOOL_H
#define WARDEN_DB_SPOOL_H

#include <systemd/sd-event.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/id.h"
#include "featured/call/cdr.h"
#include "featured/settings.h"

#define SPOOL_MEMORY_MAX (64u << 20)	/* bytes of records that wait for the disk */

struct spool;
struct db;

/*
 * Makes state_dir/spool (0700), reads what an earlier process left there, starts the writer. db is
 * borrowed; NULL: nothing is drained. Returns 0 or -errno.
 */
int spool_open(struct spool **out, sd_event *event, const char *state_dir, struct db *db);
/* Waits (up to 5 s) until what is queued is on disk. */
void spool_close(struct spool **s);

/*
 * A call has started: cdr has what is known then. Again when it is answered (answer_ms set), so
 * that a machine that dies in the call leaves a record that says so. Returns as spool_final().
 */
int spool_intent(struct spool *s, const struct cdr *cdr);

/*
 * A call is over. All of cdr is copied. A repeat is harmless. Returns 0, or -ENOBUFS / -ENOMEM: not
 * taken, try again later.
 */
int spool_final(struct spool *s, const struct cdr *cdr);

/*
 * A row of another table as it is now. Rows are told apart by their id; the newest state of one (by
 * its rev, which goes up) is what the table ends up with, whatever is repeated. Durable before the
 * database hears of it, as call records are. Returns as spool_final().
 */
int spool_recording(struct spool *s, const struct recording_row *row);

/* cb is called on the main thread when a row is on disk. */
void spool_watch_rows(struct spool *s, void (*cb)(void *arg, const struct uuid *id), void *arg);

/*
 * cb is called on the main thread when the call's final record has been written to disk: from then
 * on no kill loses it, and the call's checkpoint may be deleted. Before, it must not be.
 */
void spool_watch(struct spool *s, void (*cb)(void *arg, const struct uuid *call), void *arg);

/*
 * After a start, mark and sweep: spool_keep() for each call that the checkpoint still has, then
 * spool_sweep(), which writes a final record with the cause "system restart" for every call that
 * has an intent and neither a final record nor life. Returns how many.
 */
void spool_keep(struct spool *s, const struct uuid *call);
uint32_t spool_sweep(struct spool *s, uint64_t now_ms);

/* Final records that are not in PostgreSQL yet. */
uint32_t spool_count(const struct spool *s);
/* The disk refused a record and has not taken one since. */
bool spool_failing(const struct spool *s);

#endif
