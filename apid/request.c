/* SPDX-License-Identifier: ISC */
/* What handlers do with a request: read it, ask featured, answer. See request.h. */
#include "apid/request.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "apid/apid.h"
#include "apid/text.h"
#include "common/base/str.h"

/*
 * Longer than any query or call set-up that still makes sense to a client; requests end by it with
 * 503.
 */
#define ASK_DEADLINE_MS 3000

void
request_header(struct request *req, const char *name, const char *value)
{
	struct request_header *h;

	assert_that(req->nheaders < REQUEST_HEADERS);
	h = &req->header[req->nheaders++];
	h->name = name;
	str_copy(h->value, sizeof(h->value), value);
}

static int
add_json(const char *p, size_t n, void *out)
{
	buf_add(out, p, n);
	return 0;
}

void
request_json(struct request *req, unsigned status, json_t *doc)
{
	int r = -1;

	assert_that(!req->answered);
	buf_reset(&req->out);
	if (doc != NULL)
		r = json_dump_callback(doc, add_json, &req->out,
		    JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
	json_decref(doc);
	buf_char(&req->out, '\n');
	req->status = status;
	req->content_type = "application/json";
	if (r != 0 || req->out.failed) {
		req->status = 500;
		buf_reset(&req->out);
		buf_str(&req->out, "{\"error\":\"out of memory\"}\n");
	}
	http_answer(req);
}

void
request_error(struct request *req, unsigned status, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (status == 503 || status == 429)
		request_header(req, "Retry-After", "1");
	request_json(req, status, json_pack("{s:o}", "error", text_json(text)));
}

void
request_success(struct request *req)
{
	request_json(req, 200, json_pack("{s:b}", "success", 1));
}

void
request_bytes(struct request *req, unsigned status, const char *content_type, const void *p,
    size_t n)
{
	assert_that(!req->answered);
	buf_reset(&req->out);
	buf_add(&req->out, p, n);
	if (req->out.failed) {
		request_json(req, 500, NULL);
		return;
	}
	req->status = status;
	req->content_type = content_type;
	http_answer(req);
}

void
request_empty(struct request *req, unsigned status)
{
	assert_that(!req->answered);
	buf_reset(&req->out);
	req->status = status;
	req->content_type = NULL;
	http_answer(req);
}

void
request_file(struct request *req, unsigned status, const char *content_type, int fd, uint64_t len)
{
	req->status = status;
	req->content_type = content_type;
	if (len == 0)
		close(fd);
	req->file = fd;
	req->file_len = len;
	http_answer(req);
}

bool
request_query(struct request *req, const char *const *names)
{
	static const char *const none[] = { NULL };
	const char *stranger = target_stranger(&req->target, names != NULL ? names : none);

	if (stranger == NULL)
		return true;
	request_error(req, 400, "the query parameter \"%.64s\" is not known here", stranger);
	return false;
}

bool
request_call_id(struct request *req)
{
	if (req->arg != NULL && uuid_parse(&req->call, req->arg) == 0)
		return true;
	request_error(req, 404, "no such call");
	return false;
}

bool
request_call_of(struct request *req, const char *id, uint8_t call[UUID_LEN])
{
	if (id == NULL) {
		if (!request_call_id(req))
			return false;
	} else if (uuid_parse(&req->call, id) != 0) {
		request_error(req, 404, "no such call");
		return false;
	}
	memcpy(call, req->call.b, UUID_LEN);
	return true;
}

/* application/json, with any parameters. */
static bool
is_json(const char *type)
{
	size_t n = strcspn(type, "; \t");

	return n == strlen("application/json") && strncasecmp(type, "application/json", n) == 0;
}

bool
request_body(struct request *req, const struct text_member *members)
{
	const char *type = request_header_in(req, "Content-Type");
	char err[300];

	if (type != NULL && !is_json(type)) {
		request_error(req, 415, "the body must be application/json");
		return false;
	}
	if (text_body(req->body.data, req->body.len, members, err, sizeof(err)))
		return true;
	request_error(req, 400, "%s", err);
	return false;
}

bool
request_ask(struct request *req, uint16_t type, const void *body, ipc_reply_cb *cb)
{
	struct ipc_peer *featured = ipc_client_peer(req->apid->featured);

	if (featured == NULL)
		request_error(req, 503, "featured is away");
	else if (ipc_congested(featured) ||
	    ipc_request(featured, type, body, ASK_DEADLINE_MS, cb, req) < 0)
		request_error(req, 503, "featured is overloaded");
	else
		return true;
	return false;
}

unsigned
request_reply_error(const struct ipc_msg *reply)
{
	const struct msg_error *error = reply->body;

	if (reply->type != MSG_error)
		return 0;
	return error->status >= 400 && error->status <= 599 ? error->status : 500;
}

const void *
request_reply_body(struct request *req, const struct ipc_msg *reply, uint16_t type)
{
	const struct msg_error *error = reply->body;
	unsigned status = request_reply_error(reply);

	if (status == 0 && reply->type == type)
		return reply->body;
	if (status == 504)
		request_error(req, 503, "featured did not answer in time");
	else if (status != 0)
		request_error(req, status, "%s", error->reason);
	else if ((reply->flags & IPC_MORE) == 0)
		request_error(req, 500, "featured gave an answer of the wrong kind");
	return NULL;
}

void
request_done(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;

	if (request_reply_body(req, reply, MSG_done) != NULL)
		request_success(req);
}

void
request_list(struct request *req, const struct ipc_msg *reply)
{
	json_t *list = req->list;

	if (request_reply_body(req, reply, MSG_list_end) == NULL)
		return;
	req->list = NULL;
	request_json(req, 200, list);
}
