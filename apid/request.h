/* SPDX-License-Identifier: ISC */
/*
 * One HTTP request, as its handler sees it. A handler is called once, with a target, a route and an
 * authorised asker, and answers exactly once by one of the request_* answers below: before it
 * returns, or later out of the event loop, while the connection is suspended. The request lives
 * until it was answered; after that the handler must not touch it. libmicrohttpd is http_server.c's
 * affair.
 */
#ifndef WARDEN_APID_REQUEST_H
#define WARDEN_APID_REQUEST_H

#include <sys/queue.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "apid/route.h"
#include "apid/target.h"
#include "common/base/addr.h"
#include "common/base/buf.h"
#include "common/base/id.h"
#include "common/ipc/peer.h"

struct apid;
struct gauges;
struct http;
struct MHD_Connection;

/* Who asks. */
struct asker {
	bool		 known;		/* a valid token, or an administrator on the Unix socket */
	bool		 admin;
	char		 name[65];	/* the token's, or "uid 0" */
};

#define REQUEST_HEADERS 6

struct request_header {
	const char	*name;		/* static text */
	char		 value[160];
};

struct request {
	TAILQ_ENTRY(request)	 next;		/* in http->held, while suspended */
	struct apid		*apid;
	struct http		*http;
	struct MHD_Connection	*connection;
	uint64_t		 began_us;	/* monotonic */

	/* what came */
	const char		*bad_target;	/* reason of a 400, or NULL */
	struct target		 target;
	enum http_method	 method;
	bool			 head;
	const struct route	*route;
	const char		*arg;		/* what {name} in the route's pattern matched */
	struct buf		 body;
	bool			 too_large;
	union addr		 from;		/* unspecified family on the Unix socket */
	struct asker		 asker;

	/* for the handler's and auth.c's own use between call and answer */
	void			(*authorized)(struct request *);
	uint8_t			 token_hash[32];
	struct uuid		 call;
	json_t			*list;	/* of what is being collected; dropped with the request */
	struct buf		 text;		/* the same for text */
	struct gauges		*gauges;	/* the same for figures */
	char			 day[11];

	/* the answer */
	bool			 started;	/* the handler was called */
	bool			 answered;
	bool			 suspended;
	unsigned		 status;
	const char		*content_type;
	struct buf		 out;
	int			 file;		/* in place of out, when file_len is not 0; ours */
	uint64_t		 file_len;
	struct request_header	 header[REQUEST_HEADERS];
	size_t			 nheaders;
};

/*
 * Looks up the route, checks who asks, calls the handler: dispatch.c. Called by http_server.c once
 * the body is there.
 */
void request_dispatch(struct request *req);

/* Answers. doc is taken over; NULL (out of memory while making it) answers 500. */
void request_json(struct request *req, unsigned status, json_t *doc);
/* {"error": "..."}; printf-like. 503 and 429 carry Retry-After: 1. */
void request_error(struct request *req, unsigned status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* {"success": true} */
void request_success(struct request *req);
/* Bytes, copied. content_type is static text. */
void request_bytes(struct request *req, unsigned status, const char *content_type, const void *p,
    size_t n);
/* A file, len octets of it; fd is taken over. */
void request_file(struct request *req, unsigned status, const char *content_type, int fd,
    uint64_t len);
/* No body. */
void request_empty(struct request *req, unsigned status);

/* Adds a header to the answer, before it is given. name is static text. */
void request_header(struct request *req, const char *name, const char *value);

/*
 * Checks that the query has no other parameters than names (NULL-terminated; NULL: none at all).
 * Returns true, or answers 400 and returns false.
 */
bool request_query(struct request *req, const char *const *names);

/* Reads the route's {call_id} into req->call. Returns true, or answers 404 and returns false. */
bool request_call_id(struct request *req);
/*
 * The same into call. The documented paths name the call in the body: id is what stands there; NULL: the route's.
 */
bool request_call_of(struct request *req, const char *id, uint8_t call[UUID_LEN]);

struct text_member;
/* Reads the JSON body (text.h). Returns true, or answers 400 or 415 and returns false. */
bool request_body(struct request *req, const struct text_member *members);

/* The value of a header of the request, or NULL: http_server.c. */
const char *request_header_in(const struct request *req, const char *name);

/* http_server.c: the answer is complete; it goes out. Called by the answers only. */
void http_answer(struct request *req);

/*
 * Asks featured. cb gets what ipc_request()'s callback gets, with the request in arg. When featured
 * is away or congested, 503 is answered here and false returned.
 */
bool request_ask(struct request *req, uint16_t type, const void *body, ipc_reply_cb *cb);

/*
 * For the callback: NULL when reply is the end with an error and the request has been answered with
 * it, or when reply is of another type than expected (500). Else its body.
 */
const void *request_reply_body(struct request *req, const struct ipc_msg *reply, uint16_t type);

/* A callback for what has nothing to tell: {"success": true}, or the error. */
void request_done(void *arg, const struct ipc_msg *reply);

/* The end of a list: answers with req->list, or with the error that reply is. */
void request_list(struct request *req, const struct ipc_msg *reply);

/* The status of an error reply, 0 if it is none. */
unsigned request_reply_error(const struct ipc_msg *reply);

#endif
