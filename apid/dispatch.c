/* SPDX-License-Identifier: ISC */
/*
 * From a complete request to its handler: target, route, method, who asks, what that one may.
 * Everything that is refused before a handler is refused here. Files of the web panel are answered
 * from memory (files.h).
 */
#include <string.h>

#include "apid/apid.h"
#include "apid/request.h"
#include "common/base/str.h"

static void
cors(struct request *req)
{
	/*
	 * Any origin: there are no cookies, so a foreign page gets nothing that its own script does
	 * not hold a token for.
	 */
	if (req->apid->settings.enable_cors && req->http->tcp)
		request_header(req, "Access-Control-Allow-Origin", "*");
}

static void
options(struct request *req, unsigned allow)
{
	char methods[64];

	route_allow(allow, methods);
	request_header(req, "Allow", methods);
	if (req->apid->settings.enable_cors && req->http->tcp) {
		request_header(req, "Access-Control-Allow-Methods", methods);
		request_header(req, "Access-Control-Allow-Headers", "Authorization, Content-Type");
		request_header(req, "Access-Control-Max-Age", "600");
	}
	request_empty(req, 204);
}

static bool
on_this_machine(const struct request *req)
{
	const union addr *a = &req->from;

	if (a->sa.sa_family == AF_INET)
		return ntohl(a->in.sin_addr.s_addr) >> 24 == 127;
	if (a->sa.sa_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr) ||
	    (IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr) && a->in6.sin6_addr.s6_addr[12] == 127);
}

/* Who asks is known (or known to be nobody): may it? */
static void
authorized(struct request *req)
{
	bool may = req->asker.known;

	switch (req->route->auth) {
	case AUTH_OPEN:
		may = true;
		break;
	case AUTH_METRICS:
		may = may || (req->apid->settings.metrics_on_loopback && on_this_machine(req));
		break;
	case AUTH_TOKEN:
		break;
	case AUTH_ADMIN:
		if (may && !req->asker.admin) {
			request_error(req, 403, "this needs an administrator's token");
			return;
		}
		break;
	}
	if (!may) {
		request_header(req, "WWW-Authenticate", "Bearer realm=\"warden\"");
		request_error(req, 401, "a token is needed (Authorization: Bearer TOKEN)");
		return;
	}
	if (req->method != HTTP_GET)
		log_info("change over the API", kv_s("by", req->asker.name),
		    kv_s("method", req->method == HTTP_DELETE   ? "DELETE"
		            : req->method == HTTP_PUT   ? "PUT"
		            : req->method == HTTP_PATCH ? "PATCH"
		                                        : "POST"),
		    kv_s("route", req->route->pattern), kv_s("argument", req->arg));
	req->route->handler(req);
}

static bool
serve_file(struct request *req)
{
	const struct file *file;

	if (str_eq(req->target.segment[0], "api") ||
	    (file = files_find(req->apid->www, &req->target)) == NULL)
		return false;
	if (req->method == HTTP_OPTIONS) {
		options(req, HTTP_GET);
		return true;
	}
	if (req->method != HTTP_GET) {
		request_header(req, "Allow", "GET, HEAD, OPTIONS");
		request_error(req, 405, "a file can only be read");
		return true;
	}
	request_header(req, "Content-Security-Policy",
	    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "
	    "'self'; "
	    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	request_header(req, "Referrer-Policy", "no-referrer");
	request_bytes(req, 200, file->content_type, file->data, file->size);
	return true;
}

void
request_dispatch(struct request *req)
{
	unsigned allow;
	char methods[64];

	cors(req);
	if (req->bad_target != NULL) {
		request_error(req, 400, "%s", req->bad_target);
		return;
	}
	if (req->too_large) {
		request_error(req, 413, "the body is larger than %lld bytes",
		    (long long)req->apid->settings.max_body);
		return;
	}
	if (req->target.asterisk) {
		if (req->method == HTTP_OPTIONS)
			options(req,
			    HTTP_GET | HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE);
		else
			request_error(req, 400, "only OPTIONS has the target *");
		return;
	}
	req->route = route_find(req->method, &req->target, &allow, &req->arg);
	if (allow == 0) {
		if (!serve_file(req))
			request_error(req, 404, "no such path");
	} else if (req->method == HTTP_OPTIONS) {
		options(req, allow);
	} else if (req->route == NULL) {
		route_allow(allow, methods);
		request_header(req, "Allow", methods);
		request_error(req, 405, "this path has only %s", methods);
	} else {
		auth_check(req, authorized);
	}
}
