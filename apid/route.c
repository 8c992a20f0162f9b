/* SPDX-License-Identifier: ISC */
/* The search in the table of routes: see route.h. */
#include "apid/route.h"

#include <string.h>

#include "apid/resources.h"
#include "common/base/str.h"

static const struct route routes[] = {
#define ROUTE(m, p, a, h) { .method = HTTP_##m, .pattern = p, .auth = AUTH_##a, .handler = h },
#include "apid/routes.def"
#undef ROUTE
};

#define NROUTES (sizeof(routes) / sizeof(routes[0]))

enum http_method
http_method_of(const char *name)
{
	if (str_eq(name, "GET") || str_eq(name, "HEAD"))
		return HTTP_GET;
	if (str_eq(name, "POST"))
		return HTTP_POST;
	if (str_eq(name, "PUT"))
		return HTTP_PUT;
	if (str_eq(name, "DELETE"))
		return HTTP_DELETE;
	if (str_eq(name, "PATCH"))
		return HTTP_PATCH;
	if (str_eq(name, "OPTIONS"))
		return HTTP_OPTIONS;
	return HTTP_OTHER;
}

static bool
matches(const char *pattern, const struct target *t, const char **arg)
{
	const char *found = NULL;
	size_t i = 0, n;

	for (const char *p = pattern + 1;; p += n + 1) {
		n = strcspn(p, "/");
		if (i == t->nsegments)
			return false;
		if (*p == '{') {
			if (*t->segment[i] == '\0')
				return false;
			found = t->segment[i];
		} else if (strlen(t->segment[i]) != n || memcmp(t->segment[i], p, n) != 0) {
			return false;
		}
		i++;
		if (p[n] == '\0')
			break;
	}
	if (i != t->nsegments)
		return false;
	*arg = found;
	return true;
}

const struct route *
route_find(enum http_method method, const struct target *t, unsigned *allow, const char **arg)
{
	const struct route *found = NULL;

	*allow = 0;
	*arg = NULL;
	for (size_t i = 0; i < NROUTES; i++) {
		if (!matches(routes[i].pattern, t, arg))
			continue;
		*allow |= routes[i].method;
		if (routes[i].method == method)
			found = &routes[i];
	}
	return found;
}

void
route_allow(unsigned allow, char *out)
{
	str_format(out, 64, "%s%s%s%s%sOPTIONS", allow & HTTP_GET ? "GET, HEAD, " : "",
	    allow & HTTP_POST ? "POST, " : "", allow & HTTP_PUT ? "PUT, " : "",
	    allow & HTTP_PATCH ? "PATCH, " : "", allow & HTTP_DELETE ? "DELETE, " : "");
}

size_t
route_count(void)
{
	return NROUTES;
}

const struct route *
route_at(size_t i)
{
	return &routes[i];
}
