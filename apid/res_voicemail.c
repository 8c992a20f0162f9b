/* SPDX-License-Identifier: ISC */
/*
 * /api/v1/voicemail: a mailbox's messages, marked, moved, deleted, and heard: the file comes as a
 * descriptor from mediad by way of featured, as apid may not read mediad's storage.
 */
#include <fcntl.h>
#include <string.h>

#include "apid/apid.h"
#include "apid/request.h"
#include "apid/resources.h"
#include "apid/text.h"
#include "common/base/str.h"

static json_t *
message_doc(const struct msg_voicemail_item *m)
{
	char id[UUID_STR_LEN + 1], call[UUID_STR_LEN + 1];
	struct uuid u;

	memcpy(u.b, m->message, UUID_LEN);
	uuid_print(&u, id);
	memcpy(u.b, m->call, UUID_LEN);
	uuid_print(&u, call);
	return json_pack("{s:s, s:o, s:s, s:b, s:b, s:o, s:o, s:s, s:o, s:f, s:I}", "message_id", id,
	    "mailbox", text_json(m->mailbox), "folder", m->folder, "heard", (int)m->heard, "urgent",
	    (int)m->urgent, "caller", text_json(m->caller), "caller_name",
	    text_json(m->caller_name), "call_id", call, "received", text_json_time(m->received_ms),
	    "seconds", m->duration_ms / 1000.0, "bytes", (json_int_t)m->bytes);
}

static void
on_item(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;

	if (reply->type == MSG_voicemail_item && (reply->flags & IPC_MORE) != 0) {
		json_array_append_new(req->list, message_doc(reply->body));
		return;
	}
	if (request_reply_body(req, reply, MSG_list_end) == NULL)
		return;
	request_json(req, 200, json_incref(req->list));
}

void
res_v1_voicemail(struct request *req)
{
	struct msg_voicemail_get m = { 0 };

	if (!request_query(req, NULL))
		return;
	if (!str_copy(m.mailbox, sizeof(m.mailbox), req->arg)) {
		request_error(req, 404, "no such mailbox");
		return;
	}
	req->list = json_array();
	request_ask(req, MSG_voicemail_get, &m, on_item);
}

/* The route's {message_id}. False: answered 404. */
static bool
message_of(struct request *req, uint8_t *out)
{
	struct uuid u;

	if (uuid_parse(&u, req->arg) != 0) {
		request_error(req, 404, "no such message");
		return false;
	}
	memcpy(out, u.b, UUID_LEN);
	return true;
}

static void
on_changed(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_voicemail_item *m = request_reply_body(req, reply, MSG_voicemail_item);

	if (m != NULL)
		request_json(req, 200, message_doc(m));
}

void
res_v1_voicemail_change(struct request *req)
{
	struct msg_voicemail_set m = { 0 };
	json_t *heard = NULL, *folder = NULL;
	const struct text_member members[] = {
		{ .name = "heard", .json = &heard },
		{ .name = "folder", .json = &folder },
		{ .name = NULL },
	};

	if (request_query(req, NULL) && message_of(req, m.message) && request_body(req, members)) {
		m.what = (uint8_t)((heard != NULL ? 1 : 0) | (folder != NULL ? 2 : 0));
		m.heard = json_is_true(heard);
		if (heard != NULL && !json_is_boolean(heard))
			request_error(req, 400, "\"heard\" must be true or false");
		else if (folder != NULL &&
		    (!json_is_string(folder) ||
		        !str_copy(m.folder, sizeof(m.folder), json_string_value(folder))))
			request_error(req, 400, "\"folder\" must be the name of one");
		else if (m.what == 0)
			request_error(req, 400, "nothing is to be changed");
		else
			request_ask(req, MSG_voicemail_set, &m, on_changed);
	}
	json_decref(heard);
	json_decref(folder);
}

void
res_v1_voicemail_delete(struct request *req)
{
	struct msg_voicemail_delete m = { 0 };

	if (request_query(req, NULL) && message_of(req, m.message))
		request_ask(req, MSG_voicemail_delete, &m, request_done);
}

static void
on_file(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_voicemail_file *m = request_reply_body(req, reply, MSG_voicemail_file);
	int fd;

	if (m == NULL)
		return;
	if (reply->fd == -1 || (fd = fcntl(reply->fd, F_DUPFD_CLOEXEC, 0)) == -1)
		request_error(req, 503, "the file cannot be read");
	else
		request_file(req, 200, "audio/wav", fd, m->bytes);
}

void
res_v1_voicemail_audio(struct request *req)
{
	struct msg_voicemail_file_get m = { 0 };

	if (request_query(req, NULL) && message_of(req, m.message))
		request_ask(req, MSG_voicemail_file_get, &m, on_file);
}
