/* SPDX-License-Identifier: ISC */
/*
 * What is read from PostgreSQL: GET /api/cdr, /api/statistics, and (stored.h) one ended call and
 * its trace. Only views of schema report are used. Times travel as Unix milliseconds, so that their
 * text is made in one place.
 */
#include <stdlib.h>
#include <string.h>

#include "apid/apid.h"
#include "apid/request.h"
#include "apid/resources.h"
#include "apid/stored.h"
#include "apid/text.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#define CDR_COLUMNS                                                                                \
	"call_id, from_extension, to_extension, " STORED_MS("start_time") ", " STORED_MS(          \
	    "answer_time") ", " STORED_MS("end_time") ", disposition, duration, billsec, "         \
	                                              "recording_file, hangup_cause, user_agent, " \
	                                              "answered_by, transferred_by, "              \
	                                              "transferred_to"

static json_t *
cdr_doc(const struct report_rows *rows, size_t i)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, "
	                 "s:o}",
	    "call_id", stored_cell(rows, i, 0), "from_extension", stored_cell(rows, i, 1),
	    "to_extension", stored_cell(rows, i, 2), "start_time", stored_time(rows, i, 3),
	    "answer_time", stored_time(rows, i, 4), "end_time", stored_time(rows, i, 5),
	    "disposition", stored_cell(rows, i, 6), "duration", (json_int_t)report_int(rows, i, 7),
	    "billsec", (json_int_t)report_int(rows, i, 8), "recording_file",
	    stored_cell(rows, i, 9), "hangup_cause", stored_cell(rows, i, 10), "user_agent",
	    stored_cell(rows, i, 11), "answered_by", stored_cell(rows, i, 12), "transferred_by",
	    stored_cell(rows, i, 13), "transferred_to", stored_cell(rows, i, 14));
}

static void
on_cdr(void *arg, enum report_end end, const struct report_rows *rows)
{
	stored_list(arg, end, rows, cdr_doc);
}

/* A day's or, without a date, the latest records, newest first. */
void
res_cdr(struct request *req)
{
	static const char *const names[] = { "date", "limit", NULL };
	const char *date = target_param(&req->target, "date");
	char from_text[24], to_text[24], limit_text[STORED_LIMIT_LEN], day[11];
	const char *params[] = { limit_text, from_text, to_text };
	uint64_t from, to;

	if (!request_query(req, names) || !stored_limit(req, limit_text))
		return;
	if (date != NULL && (*date == '\0' || text_day(date, 0, &from, &to, day) < 0)) {
		request_error(req, 400, "date must be a day, YYYY-MM-DD");
		return;
	}
	if (date == NULL) {
		stored_query(req,
		    "select " CDR_COLUMNS " from report.cdr order by start_time desc limit $1::int",
		    params, 1, on_cdr);
		return;
	}
	str_format(from_text, sizeof(from_text), "%llu", (unsigned long long)from / 1000);
	str_format(to_text, sizeof(to_text), "%llu", (unsigned long long)to / 1000);
	stored_query(req,
	    "select " CDR_COLUMNS
	    " from report.cdr where start_time >= to_timestamp($2::bigint) and start_time < "
	    "to_timestamp($3::bigint) order by start_time desc limit $1::int",
	    params, 3, on_cdr);
}

/* a / b, rounded to two places; 0 when there is nothing to divide by. */
static double
ratio(int64_t a, int64_t b)
{
	return b > 0 ? (double)((a * 100 + b / 2) / b) / 100 : 0;
}

static void
on_statistics(void *arg, enum report_end end, const struct report_rows *rows)
{
	struct request *req = arg;
	int64_t total, answered, duration, billsec;

	if (!stored_usable(req, end))
		return;
	total = report_int(rows, 0, 0);
	answered = report_int(rows, 0, 1);
	duration = report_int(rows, 0, 2);
	billsec = report_int(rows, 0, 3);
	request_json(req, 200,
	    json_pack("{s:s, s:I, s:I, s:I, s:f, s:I, s:I, s:f}", "date", req->day, "total_calls",
	        (json_int_t)total, "answered_calls", (json_int_t)answered, "failed_calls",
	        (json_int_t)(total - answered), "answer_rate", ratio(answered * 100, total),
	        "total_duration", (json_int_t)duration, "total_billsec", (json_int_t)billsec,
	        "average_duration", ratio(duration, total)));
}

/* A day's figures; without a date, today's. */
void
res_statistics(struct request *req)
{
	static const char *const names[] = { "date", NULL };
	const char *date = target_param(&req->target, "date");
	char from_text[24], to_text[24];
	const char *params[] = { from_text, to_text };
	uint64_t from, to;

	if (!request_query(req, names))
		return;
	if ((date != NULL && *date == '\0') ||
	    text_day(date, clock_real_ms(), &from, &to, req->day) < 0) {
		request_error(req, 400, "date must be a day, YYYY-MM-DD");
		return;
	}
	str_format(from_text, sizeof(from_text), "%llu", (unsigned long long)from / 1000);
	str_format(to_text, sizeof(to_text), "%llu", (unsigned long long)to / 1000);
	stored_query(req,
	    "select count(*), count(*) filter (where disposition = 'answered'), "
	    "coalesce(sum(duration), 0)::bigint, "
	    "coalesce(sum(billsec), 0)::bigint from report.cdr where start_time >= "
	    "to_timestamp($1::bigint) and "
	    "start_time < to_timestamp($2::bigint)",
	    params, 2, on_statistics);
}

/* ---- one call that is over ---- */

static void
on_stored_call(void *arg, enum report_end end, const struct report_rows *rows)
{
	struct request *req = arg;
	json_t *doc;

	if (!stored_usable(req, end))
		return;
	if (report_nrows(rows) == 0) {
		request_error(req, 404, "no such call");
		return;
	}
	doc = cdr_doc(rows, 0);
	if (doc != NULL)
		json_object_update_new(doc,
		    json_pack("{s:s, s:o, s:o}", "state", "ended", "from", stored_cell(rows, 0, 1),
		        "to", stored_cell(rows, 0, 2)));
	request_json(req, 200, doc);
}

static void
by_id(struct request *req, const char *sql, report_cb *cb)
{
	char id[UUID_STR_LEN + 1];
	const char *params[] = { id };

	uuid_print(&req->call, id);
	stored_query(req, sql, params, 1, cb);
}

void
stored_call(struct request *req)
{
	by_id(req, "select " CDR_COLUMNS " from report.cdr where call_id = $1::uuid",
	    on_stored_call);
}

/* One line of a stored trace: at_ms TAB source TAB event TAB detail. line is cut up. */
static json_t *
trace_line(char *line)
{
	char *part[4] = { line, NULL, NULL, NULL };

	for (int i = 1; i < 4; i++) {
		char *tab = strchr(part[i - 1], '\t');

		if (tab == NULL)
			return NULL;
		*tab = '\0';
		part[i] = tab + 1;
	}
	return json_pack("{s:o, s:o, s:o, s:o}", "time",
	    text_json_time(strtoull(part[0], NULL, 10)), "source", text_json(part[1]), "event",
	    text_json(part[2]), "detail", text_json(part[3]));
}

static void
on_stored_trace(void *arg, enum report_end end, const struct report_rows *rows)
{
	struct request *req = arg;
	char id[UUID_STR_LEN + 1], *line, *next;
	const char *text;
	json_t *lines;

	if (!stored_usable(req, end))
		return;
	if (report_nrows(rows) == 0) {
		request_error(req, 404, "no such call");
		return;
	}
	text = report_text(rows, 0, 0);
	buf_str(&req->text, text != NULL ? text : "");
	lines = json_array();
	for (line = req->text.data; line != NULL && *line != '\0'; line = next) {
		if ((next = strchr(line, '\n')) != NULL)
			*next++ = '\0';
		json_array_append_new(lines, trace_line(line));
	}
	uuid_print(&req->call, id);
	request_json(req, 200, json_pack("{s:s, s:o}", "call_id", id, "trace", lines));
}

void
stored_trace(struct request *req)
{
	by_id(req, "select trace from report.call_trace where call_id = $1::uuid", on_stored_trace);
}
