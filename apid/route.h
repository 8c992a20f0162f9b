/* SPDX-License-Identifier: ISC */
/*
 * The table of routes (routes.def) and the search in it. Pure: knows a target and nothing of
 * sockets.
 */
#ifndef WARDEN_APID_ROUTE_H
#define WARDEN_APID_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "apid/target.h"

struct request;

enum http_method {
	HTTP_GET = 1,		/* HEAD too */
	HTTP_POST = 2,
	HTTP_DELETE = 4,
	HTTP_OPTIONS = 8,
	HTTP_OTHER = 16,
	HTTP_PUT = 32,
	HTTP_PATCH = 64,
};

enum route_auth {
	AUTH_OPEN,
	AUTH_METRICS,
	AUTH_TOKEN,
	AUTH_ADMIN,
};

/* Answers the request, at once or later; see request.h. */
typedef void route_handler(struct request *);

struct route {
	enum http_method	 method;
	const char		*pattern;
	enum route_auth		 auth;
	route_handler		*handler;
};

enum http_method http_method_of(const char *name);

/*
 * The route of the method and the target's path. *allow gets the set of methods that the path has:
 * 0 when there is no such path, and then NULL is returned; NULL with a set is a wrong method. arg:
 * the segment that {name} matched, if any.
 */
const struct route *route_find(enum http_method method, const struct target *t, unsigned *allow,
    const char **arg);

/* The set as in an Allow header, "GET, HEAD, OPTIONS". out has 64 bytes. */
void route_allow(unsigned allow, char *out);

size_t route_count(void);
const struct route *route_at(size_t i);

#endif
