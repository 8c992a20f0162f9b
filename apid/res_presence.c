/* SPDX-License-Identifier: ISC */
/* Who is there: the list, one extension's, and setting it. */
#include <string.h>

#include "apid/request.h"
#include "apid/resources.h"
#include "apid/text.h"
#include "common/base/clock.h"
#include "common/base/str.h"

static const char *const names[] = {
	[PRESENCE_AVAILABLE] = "available",
	[PRESENCE_BUSY] = "busy",
	[PRESENCE_AWAY] = "away",
	[PRESENCE_DND] = "do_not_disturb",
	[PRESENCE_IN_CALL] = "in_call",
	[PRESENCE_IN_MEETING] = "in_meeting",
	[PRESENCE_OFFLINE] = "offline",
};

#define NAMES "available, busy, away, do_not_disturb, in_meeting, offline"

static json_t *
doc(const struct msg_presence_item *p)
{
	uint64_t now = clock_real_ms();
	const char *status = p->status < sizeof(names) / sizeof(names[0]) ? names[p->status] : NULL;

	return json_pack("{s:o, s:o, s:s, s:o, s:b, s:o, s:o}", "extension", text_json(p->extension),
	    "name", text_json(p->name), "status", status != NULL ? status : "offline",
	    "custom_message", text_json(p->message), "in_call", p->in_call, "last_activity",
	    text_json_time(p->last_activity_ms), "idle_time",
	    p->last_activity_ms == 0
	        ? json_null()
	        : json_integer(now > p->last_activity_ms
	                  ? (json_int_t)((now - p->last_activity_ms) / 1000)
	                  : 0));
}

static void
on_item(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_presence_item *p;

	if ((reply->flags & IPC_MORE) == 0)
		request_list(req, reply);
	else if ((p = request_reply_body(req, reply, MSG_presence_item)) != NULL)
		json_array_append_new(req->list, doc(p));
}

void
res_presence(struct request *req)
{
	if (!request_query(req, NULL))
		return;
	req->list = json_array();
	request_ask(req, MSG_presence_get, &(struct msg_presence_get){}, on_item);
}

void
res_v1_presence(struct request *req)
{
	res_presence(req);
}

static void
on_one(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_presence_item *p;
	json_t *one;

	if ((reply->flags & IPC_MORE) != 0) {
		if ((p = request_reply_body(req, reply, MSG_presence_item)) != NULL)
			json_array_append_new(req->list, doc(p));
		return;
	}
	if (request_reply_body(req, reply, MSG_list_end) == NULL)
		return;
	one = json_array_get(req->list, 0);
	if (one == NULL)
		request_error(req, 404, "no such extension");
	else
		request_json(req, 200, json_incref(one));
}

void
res_v1_presence_one(struct request *req)
{
	struct msg_presence_get get = { 0 };

	if (!request_query(req, NULL))
		return;
	if (req->arg[0] == '\0' || !str_copy(get.extension, sizeof(get.extension), req->arg)) {
		request_error(req, 404, "no such extension");
		return;
	}
	req->list = json_array();
	request_ask(req, MSG_presence_get, &get, on_one);
}

static void
set(struct request *req, struct msg_presence_set *m, const char *status)
{
	for (size_t i = PRESENCE_AVAILABLE; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq(names[i], status))
			m->status = (uint8_t)i;
	if (m->status == 0)
		request_error(req, 400, "status is none of " NAMES);
	else
		request_ask(req, MSG_presence_set, m, request_done);
}

void
res_presence_set(struct request *req)
{
	struct msg_presence_set m = { 0 };
	char status[32];
	const struct text_member members[] = {
		{ .name = "extension", .required = true, .out = m.extension, .size = sizeof(m.extension) },
		{ .name = "status", .required = true, .out = status, .size = sizeof(status) },
		{ .name = "message", .out = m.message, .size = sizeof(m.message) },
		{ .name = NULL },
	};

	if (request_query(req, NULL) && request_body(req, members))
		set(req, &m, status);
}

void
res_v1_presence_set(struct request *req)
{
	struct msg_presence_set m = { 0 };
	char status[32];
	const struct text_member members[] = {
		{ .name = "status", .required = true, .out = status, .size = sizeof(status) },
		{ .name = "message", .out = m.message, .size = sizeof(m.message) },
		{ .name = NULL },
	};

	if (!request_query(req, NULL) || !request_body(req, members))
		return;
	if (!str_copy(m.extension, sizeof(m.extension), req->arg))
		request_error(req, 404, "no such extension");
	else
		set(req, &m, status);
}
