/* SPDX-License-Identifier: ISC */
/*
 * Addresses of both ends of a dialog; see nat.h. Called for each new dialog, so the kernel's answer
 * to "from where would I send there" is remembered for some seconds.
 */
#include "sipd/nat.h"

#include <errno.h>
#include <sofia-sip/tport.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/str.h"

#define CACHE_SLOTS 256
#define CACHE_MS    10000

uint8_t
nat_transport(const sip_via_t *via)
{
	const char *slash;

	if (via == NULL || (slash = strrchr(via->v_protocol, '/')) == NULL)
		return SIP_TRANSPORT_UDP;
	slash++;
	slash += strspn(slash, " ");
	if (strcasecmp(slash, "TCP") == 0)
		return SIP_TRANSPORT_TCP;
	if (strcasecmp(slash, "TLS") == 0)
		return SIP_TRANSPORT_TLS;
	return SIP_TRANSPORT_UDP;
}

/* An IP literal as it stands in a Via or URI, brackets or not. */
static int
from_host(union addr *a, const char *host, uint16_t port)
{
	char ip[64];
	size_t len;

	if (host == NULL)
		return -EINVAL;
	if (host[0] == '[') {
		len = strcspn(host + 1, "]");
		if (len >= sizeof(ip))
			return -EINVAL;
		memcpy(ip, host + 1, len);
		ip[len] = '\0';
		return addr_from_ip(a, ip, port);
	}
	return addr_from_ip(a, host, port);
}

int
nat_host(union addr *a, const char *host)
{
	return from_host(a, host, 5060);
}

int
nat_source(union addr *source, const sip_t *sip)
{
	const sip_via_t *v = sip->sip_via;
	const char *host = v->v_received != NULL ? v->v_received : v->v_host;
	int64_t port = 5060;

	if (v->v_rport != NULL && v->v_rport[0] != '\0')
		str_to_i64(v->v_rport, 1, 65535, &port);
	else if (v->v_port != NULL)
		str_to_i64(v->v_port, 1, 65535, &port);
	return from_host(source, host, (uint16_t)port);
}

static const char *
transport_param(uint8_t transport)
{
	return transport == SIP_TRANSPORT_TCP ? ";transport=tcp"
	    : transport == SIP_TRANSPORT_UDP  ? ";transport=udp"
	                                      : "";
}

void
nat_hop(char *out, const union addr *to, uint8_t transport)
{
	char text[ADDR_STR_LEN + 1];

	addr_print(to, text);
	str_format(out, URI_HOP_LEN, "sip:%s%s", text, transport_param(transport));
}

/* Asks the kernel which address it would send from. */
static bool
ask_kernel(union addr *ours, const union addr *to)
{
	socklen_t len = sizeof(*ours);
	int fd = socket(to->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return false;
	ok = connect(fd, &to->sa, addr_len(to)) == 0 && getsockname(fd, &ours->sa, &len) == 0;
	close(fd);
	return ok;
}

static bool
local_for(union addr *ours, const union addr *to)
{
	static struct {
		union addr to, ours;
		uint64_t until_ms;
	} cache[CACHE_SLOTS];
	uint64_t now = clock_mono_ms();
	unsigned h = 0;

	if (to->sa.sa_family == AF_INET)
		h = to->in.sin_addr.s_addr * 2654435761U >> 24;
	else
		for (unsigned i = 0; i < 16; i++)
			h = h * 31 + to->in6.sin6_addr.s6_addr[i];
	h %= CACHE_SLOTS;
	if (cache[h].until_ms > now && cache[h].to.sa.sa_family == to->sa.sa_family &&
	    addr_ip_eq(&cache[h].to, to)) {
		*ours = cache[h].ours;
		return true;
	}
	if (!ask_kernel(ours, to))
		return false;
	addr_set_port(ours, (uint16_t)sipd.set.port);
	cache[h].to = *to;
	cache[h].ours = *ours;
	cache[h].until_ms = now + CACHE_MS;
	return true;
}

const char *
nat_bind_find(const char *name)
{
	for (unsigned i = 0; i < sipd.nbinds; i++)
		if (strcmp(sipd.binds[i], name) == 0)
			return sipd.binds[i];
	return NULL;
}

const char *
nat_bind_add(const union addr *ours)
{
	char ip[ADDR_STR_LEN + 1];
	const char *known;

	addr_print_ip(ours, ip);
	if ((known = nat_bind_find(ip)) != NULL)
		return known;
	if (sipd.nbinds == SIPD_BINDS_MAX)
		return NULL;
	str_copy(sipd.binds[sipd.nbinds], sizeof(sipd.binds[0]), ip);
	return sipd.binds[sipd.nbinds++];
}

const char *
nat_bind_of(const msg_t *msg)
{
	const tport_t *tp = tport_delivered_by(nta_agent_tports(sipd.agent), msg);

	return tp != NULL && (tp = tport_parent(tp)) != NULL
	    ? nat_bind_find(tport_name(tp)->tpn_ident)
	    : NULL;
}

const char *
nat_bind_for(const union addr *to)
{
	char ip[ADDR_STR_LEN + 1];
	union addr ours;

	if (!local_for(&ours, to))
		return NULL;
	addr_print_ip(&ours, ip);
	return nat_bind_find(ip);
}

void
nat_contact(char *out, const char *bind, uint8_t transport)
{
	bool six;

	if (bind == NULL)
		bind = sipd.nbinds > 0 ? sipd.binds[0] : "invalid.invalid";
	six = strchr(bind, ':') != NULL;
	str_format(out, URI_HOP_LEN + 2, "<sip:%s%s%s:%u%s>", six ? "[" : "", bind, six ? "]" : "",
	    (unsigned)sipd.set.port, transport == SIP_TRANSPORT_TCP ? ";transport=tcp" : "");
}

bool
nat_use_source(const union addr *source, const url_t *contact, uint8_t transport)
{
	union addr said;

	if (transport != SIP_TRANSPORT_UDP)
		return true;
	if (from_host(&said, contact->url_host, 5060) < 0)
		return false; /* a name: it says where it wants to be found */
	return !addr_ip_eq(&said, source);
}

bool
nat_uri_ok(const url_t *url)
{
	return (url->url_type == url_sip || url->url_type == url_sips) && url->url_host != NULL &&
	    url->url_host[0] != '\0' && strlen(url->url_host) < 256;
}

bool
nat_hop_address(union addr *a, const char *hop)
{
	char text[URI_HOP_LEN];

	if (!str_starts(hop, "sip:") || !str_copy(text, sizeof(text), hop + 4))
		return false;
	text[strcspn(text, ";")] = '\0';
	return addr_parse(a, text, 5060) == 0;
}

tport_t *
nat_connection(const union addr *to)
{
	char host[ADDR_STR_LEN + 1], port[8];
	tp_name_t name = {
		.tpn_proto = "tcp", .tpn_canon = host, .tpn_host = host, .tpn_port = port
	};
	tport_t *tp;

	addr_print_ip(to, host);
	str_format(port, sizeof(port), "%u", addr_port(to));
	/* Each of our addresses has its own connections. */
	for (unsigned i = 0; i < sipd.nbinds; i++) {
		if ((strchr(sipd.binds[i], ':') != NULL) != (to->sa.sa_family == AF_INET6))
			continue;
		name.tpn_ident = sipd.binds[i];
		tp = tport_by_name(nta_agent_tports(sipd.agent), &name);
		if (tp != NULL && tport_is_secondary(tp) && tport_is_connected(tp))
			return tp;
	}
	return NULL;
}
