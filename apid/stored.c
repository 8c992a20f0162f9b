/* SPDX-License-Identifier: ISC */
/*
 * What the handlers that read reports share (stored.h): the query, its failures, and rows as JSON.
 * Only views of schema report are used. Times travel as Unix milliseconds, so that their text is
 * made in one place.
 */
#include "apid/stored.h"

#include "apid/apid.h"
#include "apid/request.h"
#include "apid/text.h"
#include "common/base/str.h"

#define LIMIT	  100 /* unless the request says another one */
#define LIMIT_MAX 10000

void
stored_query(struct request *req, const char *sql, const char *const *params, size_t n, report_cb *cb)
{
	if (report_query(req->apid->report, sql, params, n, cb, req) < 0)
		request_error(req, 503,
		    report_up(req->apid->report) ? "too many reports at once"
		                                 : "PostgreSQL is away");
}

bool
stored_usable(struct request *req, enum report_end end)
{
	switch (end) {
	case REPORT_OK:
		return true;
	case REPORT_AWAY:
		request_error(req, 503, "PostgreSQL is away");
		break;
	case REPORT_LATE:
		request_error(req, 503, "PostgreSQL did not answer in time");
		break;
	case REPORT_FAILED:
		request_error(req, 500, "the report's query failed; apid's log has the reason");
		break;
	}
	return false;
}

json_t *
stored_cell(const struct report_rows *rows, size_t row, size_t column)
{
	const char *text = report_text(rows, row, column);

	return text != NULL ? text_json(text) : json_null();
}

json_t *
stored_time(const struct report_rows *rows, size_t row, size_t column)
{
	return text_json_time((uint64_t)report_int(rows, row, column));
}

void
stored_list(struct request *req, enum report_end end, const struct report_rows *rows,
    stored_row *doc)
{
	json_t *list;

	if (!stored_usable(req, end))
		return;
	list = json_array();
	for (size_t i = 0; i < report_nrows(rows); i++)
		json_array_append_new(list, doc(rows, i));
	request_json(req, 200, list);
}

bool
stored_limit(struct request *req, char *text)
{
	const char *limit = target_param(&req->target, "limit");
	int64_t n = LIMIT;

	if (limit != NULL && str_to_i64(limit, 1, LIMIT_MAX, &n) < 0) {
		request_error(req, 400, "limit must be a number from 1 to %d", LIMIT_MAX);
		return false;
	}
	str_format(text, STORED_LIMIT_LEN, "%lld", (long long)n);
	return true;
}
