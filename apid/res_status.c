/* SPDX-License-Identifier: ISC */
/* GET /api/status, /api/v1/status, /api/extensions, /api/v1/extensions; POST /api/v1/reload. */
#include "apid/apid.h"
#include "apid/request.h"
#include "apid/resources.h"
#include "apid/text.h"
#include "common/base/mem.h"

static json_t *
status_doc(const struct msg_status *s)
{
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "running", 1,
	    "registered_extensions", (json_int_t)s->registered_extensions, "active_calls",
	    (json_int_t)s->active_calls, "total_calls", (json_int_t)s->total_calls,
	    "active_recordings", (json_int_t)s->active_recordings, "active_conferences",
	    (json_int_t)s->active_conferences, "parked_calls", (json_int_t)s->parked_calls,
	    "queued_calls", (json_int_t)s->queued_calls);
}

static void
on_status(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_status *s = request_reply_body(req, reply, MSG_status);

	if (s != NULL)
		request_json(req, 200, status_doc(s));
}

void
res_status(struct request *req)
{
	bool running;

	if (!request_query(req, NULL))
		return;
	if (req->asker.known) {
		request_ask(req, MSG_status_get, &(struct msg_status_get){}, on_status);
		return;
	}
	/* A stranger learns only whether the system runs. */
	running = ipc_client_peer(req->apid->featured) != NULL;
	if (!running)
		request_header(req, "Retry-After", "1");
	request_json(req, running ? 200 : 503, json_pack("{s:b}", "running", running));
}

static void
on_v1_status(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_status *s = request_reply_body(req, reply, MSG_status);
	json_t *doc;

	if (s == NULL)
		return;
	doc = status_doc(s);
	if (doc != NULL)
		json_object_update_new(doc,
		    json_pack("{s:s, s:b, s:b, s:b, s:b, s:I, s:o, s:o}", "version", WARDEN_VERSION,
		        "sipd_up", s->sipd_up, "mediad_up", s->mediad_up, "database_up",
		        s->database_up, "reports_up", report_up(req->apid->report), "spooled_cdrs",
		        (json_int_t)s->spooled_cdrs, "started", text_json_time(s->started_ms),
		        "api_started", text_json_time(req->apid->started_ms)));
	request_json(req, 200, doc);
}

void
res_v1_status(struct request *req)
{
	if (request_query(req, NULL))
		request_ask(req, MSG_status_get, &(struct msg_status_get){}, on_v1_status);
}

/* ---- extensions ---- */

static void
ask_extensions(struct request *req, ipc_reply_cb *cb)
{
	if (!request_query(req, NULL))
		return;
	req->list = json_array();
	request_ask(req, MSG_extensions_get, &(struct msg_extensions_get){}, cb);
}

/* The next item of the list; NULL: that was all, or it is none. */
static const struct msg_extension_item *
next_extension(struct request *req, const struct ipc_msg *reply)
{
	if (reply->flags & IPC_MORE)
		return request_reply_body(req, reply, MSG_extension_item);
	request_list(req, reply);
	return NULL;
}

static void
on_extension(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_extension_item *e = next_extension(req, reply);

	if (e != NULL)
		json_array_append_new(req->list,
		    json_pack("{s:o, s:o, s:b}", "number", text_json(e->number), "name",
		        text_json(e->name), "registered", e->registered));
}

void
res_extensions(struct request *req)
{
	ask_extensions(req, on_extension);
}

static void
on_v1_extension(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_extension_item *e = next_extension(req, reply);

	if (e != NULL)
		json_array_append_new(req->list,
		    json_pack("{s:o, s:o, s:b, s:i, s:o, s:o, s:o}", "number", text_json(e->number),
		        "name", text_json(e->name), "registered", e->registered, "contacts",
		        (int)e->contacts, "contact", text_json(e->contact), "user_agent",
		        text_json(e->user_agent), "expires", text_json_time(e->expires_ms)));
}

void
res_v1_extensions(struct request *req)
{
	ask_extensions(req, on_v1_extension);
}

/* ---- reload ---- */

static void
on_reloaded(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	char why[512];

	if (request_reply_body(req, reply, MSG_done) == NULL)
		return;
	if (daemon_reload(&req->apid->daemon, why, sizeof(why)) < 0)
		request_error(req, 409, "%s", why);
	else
		request_success(req);
}

/* Our own file first: when it is bad nothing is reloaded anywhere. */
void
res_v1_reload(struct request *req)
{
	const struct daemon *d = &req->apid->daemon;
	struct apid_settings *fresh;
	struct conf conf = apid_conf;

	if (!request_query(req, NULL))
		return;
	if ((fresh = mem_new(sizeof(*fresh))) == NULL) {
		request_error(req, 500, "out of memory");
		return;
	}
	if (conf_load(&conf, d->file, d->overrides, fresh) < 0) {
		request_error(req, 409, "%s", conf.error);
	} else {
		conf_free(&conf, fresh);
		request_ask(req, MSG_reload, &(struct msg_reload){}, on_reloaded);
	}
	mem_free(&fresh);
}
