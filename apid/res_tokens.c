/* SPDX-License-Identifier: ISC */
/* /api/v1/tokens: administrators only. A token's text is told once, by the answer that made it. */
#include "apid/apid.h"
#include "apid/request.h"
#include "apid/resources.h"
#include "apid/text.h"
#include "common/base/str.h"

static void
on_token(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_token_info *t;

	if ((reply->flags & IPC_MORE) == 0)
		request_list(req, reply);
	else if ((t = request_reply_body(req, reply, MSG_token_info)) != NULL)
		json_array_append_new(req->list,
		    json_pack("{s:I, s:o, s:b, s:o}", "id", (json_int_t)t->id, "name",
		        text_json(t->name), "admin", t->admin, "created",
		        text_json_time(t->created_ms)));
}

void
res_v1_tokens(struct request *req)
{
	if (!request_query(req, NULL))
		return;
	req->list = json_array();
	request_ask(req, MSG_tokens_get, &(struct msg_tokens_get){}, on_token);
}

static void
on_made(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_token_made *made = request_reply_body(req, reply, MSG_token_made);

	if (made != NULL)
		request_json(req, 201,
		    json_pack("{s:I, s:o}", "id", (json_int_t)made->id, "token",
		        text_json(made->token)));
}

void
res_v1_token_create(struct request *req)
{
	struct msg_token_create create = { 0 };
	bool admin = false;
	const struct text_member members[] = {
		{ .name = "name",
		    .required = true,
		    .out = create.name,
		    .size = sizeof(create.name) },
		{ .name = "admin", .flag = &admin },
		{ .name = NULL },
	};

	if (!request_query(req, NULL) || !request_body(req, members))
		return;
	create.admin = admin;
	request_ask(req, MSG_token_create, &create, on_made);
}

static void
on_deleted(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;

	if (request_reply_body(req, reply, MSG_done) == NULL)
		return;
	auth_forget(&req->apid->auth);
	request_success(req);
}

void
res_v1_token_delete(struct request *req)
{
	struct msg_token_delete delete;
	int64_t id;

	if (!request_query(req, NULL))
		return;
	if (str_to_i64(req->arg, 1, UINT32_MAX, &id) < 0) {
		request_error(req, 404, "no such token");
		return;
	}
	delete.id = (uint32_t)id;
	request_ask(req, MSG_token_delete, &delete, on_deleted);
}
