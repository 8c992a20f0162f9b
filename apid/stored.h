/* SPDX-License-Identifier: ISC */
/*
 * What stands in PostgreSQL about calls that are over. Each answers the request: later, or at once
 * with 503.
 */
#ifndef WARDEN_APID_STORED_H
#define WARDEN_APID_STORED_H

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

#endif
