/* SPDX-License-Identifier: ISC */
/* Transferring and parking a live call, and the list of those that are parked. */
#include <string.h>

#include "apid/apid.h"
#include "apid/request.h"
#include "apid/resources.h"
#include "apid/text.h"
#include "common/base/clock.h"
#include "common/base/str.h"

/* A request about one call with one more member, which goes to value; the call is the path's, or
 * the body's. call: its UUID. False: the request has been answered. */
static bool
call_and(struct request *req, bool by_body, const char *name, char *value, size_t size,
    uint8_t *call)
{
	char id[UUID_STR_LEN + 1];
	const struct text_member members[] = {
		{ .name = name, .required = true, .out = value, .size = size },
		{ .name = by_body ? "call_id" : NULL,
		    .required = true,
		    .out = id,
		    .size = sizeof(id) },
		{ .name = NULL },
	};

	return request_query(req, NULL) && request_body(req, members) &&
	    request_call_of(req, by_body ? id : NULL, call);
}

static void
transfer(struct request *req, bool by_body)
{
	struct msg_call_transfer m = { 0 };

	if (call_and(req, by_body, "destination", m.destination, sizeof(m.destination), m.call))
		request_ask(req, MSG_call_transfer, &m, request_done);
}

void
res_call_transfer(struct request *req)
{
	transfer(req, true);
}

void
res_v1_call_transfer(struct request *req)
{
	transfer(req, false);
}

static void
on_call_parked(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_call_parked *parked = request_reply_body(req, reply, MSG_call_parked);

	if (parked != NULL)
		request_json(req, 200,
		    json_pack("{s:b, s:I}", "success", 1, "park_number",
		        (json_int_t)parked->park_number));
}

static void
park(struct request *req, bool by_body)
{
	struct msg_call_park m = { 0 };

	if (call_and(req, by_body, "from_extension", m.from, sizeof(m.from), m.call))
		request_ask(req, MSG_call_park, &m, on_call_parked);
}

void
res_call_park(struct request *req)
{
	park(req, true);
}

void
res_v1_call_park(struct request *req)
{
	park(req, false);
}

static void
on_parked(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_parked_item *p;
	uint64_t now = clock_real_ms();
	char id[UUID_STR_LEN + 1];
	struct uuid uuid;

	if ((reply->flags & IPC_MORE) == 0) {
		request_list(req, reply);
		return;
	}
	if ((p = request_reply_body(req, reply, MSG_parked_item)) == NULL)
		return;
	memcpy(uuid.b, p->call, UUID_LEN);
	uuid_print(&uuid, id);
	json_array_append_new(req->list,
	    json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:I}", "call_id", id, "park_number",
	        (json_int_t)p->park_number, "from_extension", text_json(p->from),
	        "original_destination", text_json(p->to), "parker", text_json(p->parker),
	        "park_time", text_json_time(p->park_ms), "duration",
	        (json_int_t)(now > p->park_ms ? (now - p->park_ms) / 1000 : 0)));
}

void
res_parked(struct request *req)
{
	if (!request_query(req, NULL))
		return;
	req->list = json_array();
	request_ask(req, MSG_parked_get, &(struct msg_parked_get){}, on_parked);
}

void
res_v1_parked(struct request *req)
{
	res_parked(req);
}
