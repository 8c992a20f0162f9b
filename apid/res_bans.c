/* SPDX-License-Identifier: ISC */
/* /api/v1/bans: addresses that sent too many wrong SIP credentials, and lifting their bans. */
#include "apid/apid.h"
#include "apid/request.h"
#include "apid/resources.h"
#include "apid/text.h"
#include "common/base/str.h"

static void
on_ban(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_ban_item *b;

	if ((reply->flags & IPC_MORE) == 0)
		request_list(req, reply);
	else if ((b = request_reply_body(req, reply, MSG_ban_item)) != NULL)
		json_array_append_new(req->list,
		    json_pack("{s:o, s:I, s:o}", "address", text_json(b->address), "failures",
			(json_int_t)b->failures, "until", text_json_time(b->until_ms)));
}

void
res_v1_bans(struct request *req)
{
	if (!request_query(req, NULL))
		return;
	req->list = json_array();
	request_ask(req, MSG_bans_get, &(struct msg_bans_get){}, on_ban);
}

void
res_v1_ban_delete(struct request *req)
{
	struct msg_ban_delete delete = { 0 };
	union addr addr;

	if (!request_query(req, NULL))
		return;
	if (addr_from_ip(&addr, req->arg, 0) < 0) {
		request_error(req, 404, "this is no IP address");
		return;
	}
	addr_print_ip(&addr, delete.address);
	request_ask(req, MSG_ban_delete, &delete, request_done);
}
