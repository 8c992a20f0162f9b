/* SPDX-License-Identifier: ISC */
/*
 * The table of apid.yml's keys: parser, ranges, defaults, -n, the manual's list. Used by main.c and
 * POST /api/v1/reload.
 */
#include "apid/apid.h"
#include "common/base/addr.h"

#define S struct apid_settings

static bool
check(struct conf *conf, void *settings)
{
	const S *s = settings;
	union addr addr;

	if (addr_from_ip(&addr, s->host, 0) < 0)
		return conf_error(conf, "api.host",
		    "api.host must be an IPv4 or IPv6 address, not \"%s\"", s->host);
	if (s->db_host[0] != '/')
		return conf_error(conf, "database.host",
		    "database.host must be the directory of PostgreSQL's Unix socket");
	return true;
}

static const struct conf_key keys[] = {
	{ .path = "api.host",
	    .type = CONF_STR,
	    CONF_F(S, host),
	    .def = "0.0.0.0",
	    .min = 1,
	    .max = 63,
	    .help = "address to listen on; :: takes IPv6 and IPv4" },
	{ .path = "api.port",
	    .type = CONF_INT,
	    CONF_F(S, port),
	    .def = "8080",
	    .min = 1,
	    .max = 65535,
	    .help = "TCP port" },
	{ .path = "api.enable_cors",
	    .type = CONF_BOOL,
	    CONF_F(S, enable_cors),
	    .def = "true",
	    .help = "let scripts of other web sites use the API, with a token of their own" },
	{ .path = "api.www_directory",
	    .type = CONF_STR,
	    CONF_F(S, www_directory),
	    .def = "/usr/share/warden/www",
	    .max = 255,
	    .help = "files of the web panel; empty: no panel" },
	{ .path = "api.metrics_on_loopback",
	    .type = CONF_BOOL,
	    CONF_F(S, metrics_on_loopback),
	    .def = "false",
	    .help = "GET /metrics needs no token from 127.0.0.0/8 and ::1 (not behind a proxy)" },
	{ .path = "api.max_connections",
	    .type = CONF_INT,
	    CONF_F(S, max_connections),
	    .def = "256",
	    .min = 4,
	    .max = 4000,
	    .help = "HTTP connections at once; more wait" },
	{ .path = "api.max_connections_per_address",
	    .type = CONF_INT,
	    CONF_F(S, max_connections_per_address),
	    .def = "128",
	    .min = 1,
	    .max = 4000,
	    .help = "of them from one address; more are closed" },
	{ .path = "api.max_body",
	    .type = CONF_INT,
	    CONF_F(S, max_body),
	    .def = "65536",
	    .min = 1024,
	    .max = 1 << 20,
	    .help = "bytes of a request's body" },
	{ .path = "api.request_timeout",
	    .type = CONF_INT,
	    CONF_F(S, request_timeout),
	    .def = "15",
	    .min = 1,
	    .max = 300,
	    .help = "seconds for a client to send a request or read an answer" },
	{ .path = "database.host",
	    .type = CONF_STR,
	    CONF_F(S, db_host),
	    .def = "/var/run/postgresql",
	    .min = 1,
	    .max = 99,
	    .help = "directory of PostgreSQL's Unix socket" },
	{ .path = "database.name",
	    .type = CONF_STR,
	    CONF_F(S, db_name),
	    .def = "warden",
	    .min = 1,
	    .max = 63,
	    .help = "database" },
	{ .path = "database.user",
	    .type = CONF_STR,
	    CONF_F(S, db_user),
	    .def = "warden_api",
	    .min = 1,
	    .max = 63,
	    .help = "role; it needs no more than to read the views of schema report" },
	CONF_LOGGING(S, logging),
	{ .path = NULL },
};

struct conf apid_conf = {
	.keys = keys,
	.size = sizeof(S),
	.check = check,
};
