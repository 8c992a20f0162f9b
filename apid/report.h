/* SPDX-License-Identifier: ISC */
/*
 * The report reader: asynchronous, read-only queries to PostgreSQL as role warden_api, over its
 * Unix socket, in the event loop. One connection, one query at a time, a bounded queue, a deadline
 * for each, reconnection for ever. The only part of apid that knows libpq.
 */
#ifndef WARDEN_APID_REPORT_H
#define WARDEN_APID_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct report;
struct report_rows;

enum report_end {
	REPORT_OK,
	REPORT_AWAY,		/* no connection, or lost, or the queue is full */
	REPORT_LATE,		/* the deadline */
	REPORT_FAILED,		/* PostgreSQL refused the query; logged */
};

#define REPORT_PARAMS 4

/* rows is NULL unless end is REPORT_OK, and valid only during the call. */
typedef void report_cb(void *arg, enum report_end end, const struct report_rows *rows);

/*
 * host: the directory of the Unix socket. Connects in the background. Returns 0 or -ENOMEM or the
 * loop's error.
 */
int report_open(struct report **out, sd_event *event, const char *host, const char *name,
    const char *user);
/* No callback is called. Takes a pointer to NULL. */
void report_close(struct report **report);

/*
 * Queues a query. sql is static text with $1.. for params (copied). cb is called exactly once, out
 * of the loop (never from within this call), unless report_cancel(arg) comes first. Returns 0,
 * -ENOTCONN, -ENOBUFS (queue full) or -ENOMEM.
 */
int report_query(struct report *report, const char *sql, const char *const *params, size_t nparams,
    report_cb *cb, void *arg);
void report_cancel(struct report *report, const void *arg);

bool report_up(const struct report *report);
uint64_t report_count(const struct report *report);	/* queries that ended */
uint64_t report_failures(const struct report *report);	/* not with REPORT_OK */

size_t report_nrows(const struct report_rows *rows);
/* The value as text, or NULL for SQL's. By the order of the select list. */
const char *report_text(const struct report_rows *rows, size_t row, size_t column);
int64_t report_int(const struct report_rows *rows, size_t row, size_t column);	/* 0 for NULL */

#endif
