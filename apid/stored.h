/* SPDX-License-Identifier: ISC */
/*
 * What stands in PostgreSQL about calls that are over. Each answers the request: later, or at once
 * with 503.
 */
#ifndef WARDEN_APID_STORED_H
#define WARDEN_APID_STORED_H

#include <jansson.h>

#include "apid/report.h"

struct request;

/*
 * The call of req->call as GET /api/v1/calls/ID shows it, state "ended"; 404 when there is no
 * record.
 */
void stored_call(struct request *req);

/* Its trace; 404 when there is no record. */
void stored_trace(struct request *req);

/*
 * For handlers that read reports: asks PostgreSQL (or answers 503); whether there are rows to read
 * (else the request has been answered).
 */
void stored_query(struct request *req, const char *sql, const char *const *params, size_t n,
    report_cb *cb);
bool stored_usable(struct request *req, enum report_end end);

/* A time column, to be read by stored_time(). */
#define STORED_MS(column) "(extract(epoch from " column ") * 1000)::bigint"

/* A column as JSON; null where it is NULL. */
json_t *stored_cell(const struct report_rows *rows, size_t row, size_t column);
json_t *stored_time(const struct report_rows *rows, size_t row, size_t column);

/* Answers the request with the list of all rows. */
typedef json_t *stored_row(const struct report_rows *rows, size_t row);
void stored_list(struct request *req, enum report_end end, const struct report_rows *rows,
    stored_row *doc);

/* The query's parameter limit, or its default, as text for the statement. False: it is no good, and
 * the request has been answered. */
#define STORED_LIMIT_LEN 24
bool stored_limit(struct request *req, char *text);

#endif
