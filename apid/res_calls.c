/* SPDX-License-Identifier: ISC */
/*
 * Calls: the list, one call, starting and ending one, its trace. What featured does not know any
 * more is looked up in the database.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apid/apid.h"
#include "apid/request.h"
#include "apid/resources.h"
#include "apid/stored.h"
#include "apid/text.h"
#include "common/base/clock.h"
#include "common/base/str.h"

/* ---- lists ---- */

static void
ask_calls(struct request *req, ipc_reply_cb *cb)
{
	if (!request_query(req, NULL))
		return;
	req->list = json_array();
	request_ask(req, MSG_calls_get, &(struct msg_calls_get){}, cb);
}

static void
on_call(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_call_item *c;
	char id[UUID_STR_LEN + 1], line[256];
	struct uuid uuid;

	if ((reply->flags & IPC_MORE) == 0) {
		request_list(req, reply);
		return;
	}
	if ((c = request_reply_body(req, reply, MSG_call_item)) == NULL)
		return;
	memcpy(uuid.b, c->call, UUID_LEN);
	uuid_print(&uuid, id);
	str_format(line, sizeof(line), "Call %s: %s -> %s (%s)", id, c->from, c->to,
	    ipc_call_state_name(c->state));
	json_array_append_new(req->list, text_json(line));
}

void
res_calls(struct request *req)
{
	ask_calls(req, on_call);
}

static json_t *
call_doc(const struct msg_call_item *c)
{
	char id[UUID_STR_LEN + 1];
	struct uuid uuid;
	uint64_t now = clock_real_ms();

	memcpy(uuid.b, c->call, UUID_LEN);
	uuid_print(&uuid, id);
	return json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:I}", "call_id", id, "from",
	    text_json(c->from), "from_name", text_json(c->from_name), "to", text_json(c->to),
	    "state", ipc_call_state_name(c->state), "start_time", text_json_time(c->start_ms),
	    "answer_time", text_json_time(c->answer_ms), "duration",
	    (json_int_t)(now > c->start_ms ? (now - c->start_ms) / 1000 : 0));
}

static void
on_v1_call(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_call_item *c;

	if ((reply->flags & IPC_MORE) == 0)
		request_list(req, reply);
	else if ((c = request_reply_body(req, reply, MSG_call_item)) != NULL)
		json_array_append_new(req->list, call_doc(c));
}

void
res_v1_calls(struct request *req)
{
	ask_calls(req, on_v1_call);
}

/* ---- one ---- */

static void
on_one(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_call_item *c;

	if (request_reply_error(reply) == 404)
		stored_call(req);
	else if ((c = request_reply_body(req, reply, MSG_call_item)) != NULL)
		request_json(req, 200, call_doc(c));
}

void
res_v1_call(struct request *req)
{
	struct msg_call_get get;

	if (!request_query(req, NULL) || !request_call_id(req))
		return;
	memcpy(get.call, req->call.b, UUID_LEN);
	request_ask(req, MSG_call_get, &get, on_one);
}

static void
on_started(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_call_started *started = request_reply_body(req, reply, MSG_call_started);
	char id[UUID_STR_LEN + 1];
	struct uuid uuid;

	if (started == NULL)
		return;
	memcpy(uuid.b, started->call, UUID_LEN);
	uuid_print(&uuid, id);
	request_json(req, 200, json_pack("{s:b, s:s}", "success", 1, "call_id", id));
}

void
res_call_start(struct request *req)
{
	struct msg_call_start start = { 0 };
	const struct text_member members[] = {
		{ .name = "from", .required = true, .out = start.from, .size = sizeof(start.from) },
		{ .name = "to", .required = true, .out = start.to, .size = sizeof(start.to) },
		{ .name = NULL },
	};

	if (request_query(req, NULL) && request_body(req, members))
		request_ask(req, MSG_call_start, &start, on_started);
}

void
res_v1_call_start(struct request *req)
{
	res_call_start(req);
}

void
res_v1_call_hangup(struct request *req)
{
	struct msg_call_hangup hangup;

	if (!request_query(req, NULL) || !request_call_id(req))
		return;
	memcpy(hangup.call, req->call.b, UUID_LEN);
	request_ask(req, MSG_call_hangup, &hangup, request_done);
}

/* ---- trace ---- */

static void
on_trace(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_trace_item *t;
	char id[UUID_STR_LEN + 1];
	json_t *lines = req->list;

	if (request_reply_error(reply) == 404) {
		stored_trace(req);
		return;
	}
	if ((reply->flags & IPC_MORE) == 0) {
		if (request_reply_body(req, reply, MSG_list_end) == NULL)
			return;
		req->list = NULL;
		uuid_print(&req->call, id);
		request_json(req, 200, json_pack("{s:s, s:o}", "call_id", id, "trace", lines));
		return;
	}
	if ((t = request_reply_body(req, reply, MSG_trace_item)) != NULL)
		json_array_append_new(req->list,
		    json_pack("{s:o, s:o, s:o, s:o}", "time", text_json_time(t->at_ms), "source",
		        text_json(t->source), "event", text_json(t->event), "detail",
		        text_json(t->detail)));
}

void
res_v1_call_trace(struct request *req)
{
	struct msg_trace_get get;

	if (!request_query(req, NULL) || !request_call_id(req))
		return;
	req->list = json_array();
	memcpy(get.call, req->call.b, UUID_LEN);
	request_ask(req, MSG_trace_get, &get, on_trace);
}
