/* SPDX-License-Identifier: ISC */
/*
 * featured's connection to PostgreSQL: libpq, asynchronous, in the event loop. It connects and
 * reconnects for ever (0.1 s, doubling to 5 s), and nobody waits for it: a statement is queued and
 * its callback comes later, also when the database is away.
 *
 * Nothing on a call's path may depend on an answer from here.
 *
 * Main thread only.
 */
#ifndef WARDEN_DB_DB_H
#define WARDEN_DB_DB_H

#include <systemd/sd-event.h>

#include <stdbool.h>
#include <stddef.h>

#include "featured/settings.h"

struct db;
struct pg_result;	/* PGresult */

#define DB_QUEUE_MAX 4096	/* statements waiting */

/*
 * ok: the statement was carried out; then rows can be read by db_rows() and db_value(), during the
 * callback only. Else why says what happened;
 * retry: the database was away or is full or busy (same again later), not a mistake in the
 * statement; values: it is what the statement was given that is refused, other values may do.
 */
struct db_answer {
	bool			 ok;
	bool			 retry;
	bool			 values;
	const char		*why;
	struct pg_result	*result;
};
typedef void db_cb(void *arg, const struct db_answer *answer);

int db_rows(const struct db_answer *answer);
const char *db_value(const struct db_answer *answer, int row, int column);	/* "" for NULL */

/* Starts to connect. Returns 0 or -errno. */
int db_open(struct db **out, sd_event *event, const struct settings *settings);
void db_close(struct db **db);		/* callbacks of what is queued are called with retry */
/* reconnects when they have changed */
void db_settings(struct db *db, const struct settings *settings);

/*
 * No more calls with this arg, neither of watchers nor of statements (these are carried out all the
 * same).
 */
void db_unwatch(struct db *db, void *arg);

/* Connected, and the schema is the one that this program wants. */
bool db_up(const struct db *db);

/* cb is called each time the database becomes usable (up true) or is lost. Up to 8 watchers. */
void db_watch(struct db *db, void (*cb)(void *arg, bool up), void *arg);

/*
 * Queues a statement with n text parameters (NULL is SQL's NULL); all of it is copied. cb may be
 * NULL. It waits while the database is away. Returns 0, -ENOBUFS (the queue is full) or -ENOMEM:
 * then cb is never called.
 */
int db_exec(struct db *db, const char *sql, int n, const char *const *params, db_cb *cb, void *arg);

size_t db_queued(const struct db *db);

/*
 * `featured --migrate [--dry-run]`: connects (waiting), applies the migrations that are missing, or
 * only names them. Returns the exit status.
 */
int db_migrate_main(const struct settings *settings, bool dry_run);

#endif
