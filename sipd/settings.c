/* SPDX-License-Identifier: ISC */
/*
 * sipd's settings: the table from which parser, defaults, -n and the manual's key list come.
 * Read at start and at SIGHUP; the listening address needs a restart.
 */
#include "common/base/str.h"
#include "sipd/sipd.h"

#define F(field) CONF_F(struct sipd_settings, field)

static const struct conf_key keys[] = {
	{ .path = "server.sip_host",
	    .type = CONF_STR,
	    F(host),
	    .def = "0.0.0.0",
	    .min = 1,
	    .max = 63,
	    .help = "address to listen on; 0.0.0.0 means every one, of IPv6 too" },
	{ .path = "server.sip_port",
	    .type = CONF_INT,
	    F(port),
	    .def = "5060",
	    .min = 1,
	    .max = 65535,
	    .help = "UDP and TCP port" },
	{ .path = "server.server_name",
	    .type = CONF_STR,
	    F(server_name),
	    .def = "Warden",
	    .min = 1,
	    .max = 63,
	    .help = "what Server and User-Agent headers say" },
	{ .path = "server.session_expires",
	    .type = CONF_INT,
	    F(session_expires),
	    .def = "1800",
	    .min = 0,
	    .max = 86400,
	    .help = "session timer (RFC 4028) that we ask for, in seconds; 0 asks for none" },
	{ .path = "server.min_se",
	    .type = CONF_INT,
	    F(min_se),
	    .def = "90",
	    .min = 90,
	    .max = 86400,
	    .help = "shortest session timer that is accepted, in seconds" },
	{ .path = "server.max_setups",
	    .type = CONF_INT,
	    F(max_setups),
	    .def = "4000",
	    .min = 1,
	    .max = 30000,
	    .help = "calls that may be in set-up at once; beyond it new ones get 503" },
	{ .path = "server.max_legs",
	    .type = CONF_INT,
	    F(max_legs),
	    .def = "20000",
	    .min = 2,
	    .max = SIPD_LEGS_MAX,
	    .help = "legs (two a call) that may exist at once" },
	{ .path = "security.challenge_rate",
	    .type = CONF_INT,
	    F(challenge_rate),
	    .def = "50",
	    .min = 0,
	    .max = 100000,
	    .help = "requests without credentials that one source (of IPv6 a /64) gets answered, per "
	            "second; 0: no limit" },
	{ .path = "security.challenge_burst",
	    .type = CONF_INT,
	    F(challenge_burst),
	    .def = "500",
	    .min = 1,
	    .max = 100000,
	    .help = "how many of them at once, after a time of quiet" },
	{ .path = "security.max_connections",
	    .type = CONF_INT,
	    F(max_connections),
	    .def = "100",
	    .min = 0,
	    .max = 100000,
	    .help = "TCP connections of one source (of IPv6 a /64) on which no credentials came; 0: no "
	            "limit" },
	{ .path = "security.allow",
	    .type = CONF_STRS,
	    F(allow),
	    .def = "[127.0.0.1, \"::1\"]",
	    .help = "addresses, ADDRESS or ADDRESS/BITS, without these limits" },
	{ .path = "server.max_subscriptions",
	    .type = CONF_INT,
	    F(max_subscriptions),
	    .def = "20000",
	    .min = 0,
	    .max = 32768,
	    .help = "subscriptions (lamps, presence, message waiting) that may exist at once" },
	CONF_LOGGING(struct sipd_settings, logging),
	{ .path = NULL },
};

static bool
check(struct conf *conf, void *settings)
{
	struct sipd_settings *s = settings;
	union addr addr;
	char path[64];

	if (addr_from_ip(&addr, s->host, (uint16_t)s->port) < 0)
		return conf_error(conf, "server.sip_host", "\"%s\" is not an IP address", s->host);
	if (s->session_expires != 0 && s->session_expires < s->min_se)
		return conf_error(conf, "server.session_expires",
		    "server.session_expires is less than server.min_se (%lld)",
		    (long long)s->min_se);
	if (s->allow.n > SIPD_ALLOW_MAX)
		return conf_error(conf, "security.allow", "more than %d networks", SIPD_ALLOW_MAX);
	s->allow_n = s->allow.n;
	for (size_t i = 0; i < s->allow.n; i++)
		if (net_parse(&s->allow_nets[i], s->allow.v[i]) < 0) {
			str_format(path, sizeof(path), "security.allow[%zu]", i);
			return conf_error(conf, path, "\"%.60s\" is not ADDRESS or ADDRESS/BITS",
			    s->allow.v[i]);
		}
	for (const char *p = s->server_name; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return conf_error(conf, "server.server_name", "has a control character");
	return true;
}

struct conf sipd_conf = {
	.keys = keys,
	.size = sizeof(struct sipd_settings),
	.check = check,
};
