/* SPDX-License-Identifier: ISC */
/*
 * Hold and recording of live calls, and the recordings that there are: their rows out of
 * PostgreSQL, their sound by a descriptor that mediad opens and featured passes on.
 */
#include <fcntl.h>
#include <string.h>

#include "apid/apid.h"
#include "apid/request.h"
#include "apid/resources.h"
#include "apid/stored.h"
#include "apid/text.h"
#include "common/base/str.h"

#define COLUMNS                                                                                    \
	"id, call_id, state, from_extension, to_extension, started_by, " STORED_MS("start_time") ", " STORED_MS(  \
	    "end_time") ", duration_ms, bytes, channels, outcome, path"

/* ---- live calls ---- */

static void
hold(struct request *req, bool by_body, bool on)
{
	struct msg_call_hold m = { .on = on };
	char id[UUID_STR_LEN + 1];
	const struct text_member members[] = {
		{ .name = "call_id", .required = true, .out = id, .size = sizeof(id) },
		{ .name = NULL },
	};

	if (request_query(req, NULL) && (!by_body || request_body(req, members)) &&
	    request_call_of(req, by_body ? id : NULL, m.call))
		request_ask(req, MSG_call_hold, &m, request_done);
}

void
res_call_hold(struct request *req)
{
	hold(req, true, true);
}

void
res_call_resume(struct request *req)
{
	hold(req, true, false);
}

void
res_v1_call_hold(struct request *req)
{
	hold(req, false, true);
}

void
res_v1_call_resume(struct request *req)
{
	hold(req, false, false);
}

void
res_v1_call_recording(struct request *req)
{
	static const char *const actions[] = { "start", "stop", "pause", "resume" };
	struct msg_call_record m = { 0 };
	char action[16];
	const struct text_member members[] = {
		{ .name = "action", .required = true, .out = action, .size = sizeof(action) },
		{ .name = NULL },
	};

	if (!request_query(req, NULL) || !request_body(req, members) ||
	    !request_call_of(req, NULL, m.call))
		return;
	for (uint8_t i = 0; i < 4; i++) {
		if (str_eq(action, actions[i]))
			m.action = i + 1;
	}
	if (m.action == 0)
		request_error(req, 400, "action must be start, stop, pause or resume");
	else
		request_ask(req, MSG_call_record, &m, request_done);
}

/* ---- those that there are ---- */

static json_t *
recording(const struct report_rows *rows, size_t i)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o}", "id",
	    stored_cell(rows, i, 0), "call_id", stored_cell(rows, i, 1), "state",
	    stored_cell(rows, i, 2), "from_extension", stored_cell(rows, i, 3), "to_extension",
	    stored_cell(rows, i, 4), "started_by", stored_cell(rows, i, 5), "start_time",
	    stored_time(rows, i, 6), "end_time", stored_time(rows, i, 7), "duration_ms",
	    (json_int_t)report_int(rows, i, 8), "bytes", (json_int_t)report_int(rows, i, 9),
	    "channels", (json_int_t)report_int(rows, i, 10), "outcome", stored_cell(rows, i, 11),
	    "file", stored_cell(rows, i, 12));
}

static void
on_list(void *arg, enum report_end end, const struct report_rows *rows)
{
	stored_list(arg, end, rows, recording);
}

/* The latest, newest first; of one call with call_id=. */
void
res_v1_recordings(struct request *req)
{
	static const char *const names[] = { "call_id", "limit", NULL };
	const char *call = target_param(&req->target, "call_id");
	char limit_text[STORED_LIMIT_LEN], id[UUID_STR_LEN + 1];
	const char *params[] = { limit_text, id };

	if (!request_query(req, names) || !stored_limit(req, limit_text))
		return;
	if (call == NULL) {
		stored_query(req,
		    "select " COLUMNS " from report.recording order by id desc limit $1::int",
		    params, 1, on_list);
		return;
	}
	if (uuid_parse(&req->call, call) != 0) {
		request_error(req, 400, "call_id must be a UUID");
		return;
	}
	uuid_print(&req->call, id);
	stored_query(req,
	    "select " COLUMNS " from report.recording where call_id = $2::uuid "
	    "order by id desc limit $1::int",
	    params, 2, on_list);
}

static void
by_id(struct request *req, report_cb *cb)
{
	char id[UUID_STR_LEN + 1];
	const char *params[] = { id };

	if (!request_query(req, NULL))
		return;
	if (req->arg == NULL || uuid_parse(&req->call, req->arg) != 0) {
		request_error(req, 404, "no such recording");
		return;
	}
	uuid_print(&req->call, id);
	stored_query(req, "select " COLUMNS " from report.recording where id = $1::uuid", params,
	    1, cb);
}

static bool
found(struct request *req, enum report_end end, const struct report_rows *rows)
{
	if (!stored_usable(req, end))
		return false;
	if (report_nrows(rows) == 1)
		return true;
	request_error(req, 404, "no such recording");
	return false;
}

static void
on_one(void *arg, enum report_end end, const struct report_rows *rows)
{
	if (found(arg, end, rows))
		request_json(arg, 200, recording(rows, 0));
}

void
res_v1_recording(struct request *req)
{
	by_id(req, on_one);
}

static void
on_file(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_recording_file *file = request_reply_body(req, reply, MSG_recording_file);
	char name[UUID_STR_LEN + 40], id[UUID_STR_LEN + 1];
	int fd;

	if (file == NULL)
		return;
	fd = reply->fd == -1 ? -1 : fcntl(reply->fd, F_DUPFD_CLOEXEC, 0);
	if (fd == -1) {
		request_error(req, 503, "too many files are open");
		return;
	}
	uuid_print(&req->call, id);
	str_format(name, sizeof(name), "attachment; filename=\"%s.wav\"", id);
	request_header(req, "Content-Disposition", name);
	request_file(req, 200, "audio/wav", fd, file->bytes);
}

static void
on_path(void *arg, enum report_end end, const struct report_rows *rows)
{
	struct msg_recording_file_get m = { 0 };
	struct request *req = arg;
	const char *path;

	if (!found(req, end, rows))
		return;
	path = report_text(rows, 0, 12);
	if (path == NULL || !str_copy(m.path, sizeof(m.path), path)) {
		request_error(req, 404, "no such file");
		return;
	}
	request_ask(req, MSG_recording_file_get, &m, on_file);
}

void
res_v1_recording_audio(struct request *req)
{
	by_id(req, on_path);
}
