/* SPDX-License-Identifier: ISC */
/*
 * The nta agent: makes it, binds its sockets, and has the small answers that several files send.
 * Called by main.c and by all that talk SIP; decides nothing about calls.
 */
#include "sipd/stack.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sofia-sip/su_log.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/leg.h"
#include "sipd/nat.h"

#define PHRASES_MAX 128

/* sofia's own lines: only of use to who looks for a fault in the stack. */
static void
sofia_log(void *stream, const char *fmt, va_list ap)
{
	char line[512];
	size_t len;

	(void)stream;
	if (!log_enabled(LL_DEBUG))
		return;
	vsnprintf(line, sizeof(line), fmt, ap);
	len = strlen(line);
	if (len > 0 && line[len - 1] == '\n')
		line[len - 1] = '\0';
	log_debug("sofia", kv_s("line", line));
}

/* sofia tells a failed bind in its log alone, so the reason is found out here first. */
static int
try_bind(const union addr *a, int type)
{
	int fd = socket(a->sa.sa_family, type | SOCK_CLOEXEC, 0), on = 1, r = 0;

	if (fd < 0)
		return -errno;
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &a->sa, addr_len(a)) < 0)
		r = -errno;
	else if (type == SOCK_STREAM && listen(fd, 1) < 0)
		r = -errno;
	close(fd);
	return r;
}

static void
check_bind(const union addr *a)
{
	char text[ADDR_STR_LEN + 1];
	int r;

	addr_print(a, text);
	if ((r = try_bind(a, SOCK_DGRAM)) < 0)
		fatal("cannot listen on UDP %s: %s (server.sip_host, server.sip_port)", text,
		    strerror(-r));
	if ((r = try_bind(a, SOCK_STREAM)) < 0)
		fatal("cannot listen on TCP %s: %s (server.sip_host, server.sip_port)", text,
		    strerror(-r));
}

void
stack_names(const char *server_name)
{
	sipd.server = sip_server_make(sipd.home, server_name);
	sipd.user_agent = sip_user_agent_make(sipd.home, server_name);
}

static void
make_headers(void)
{
	su_home_t *home = sipd.home;

	sipd.allow = sip_allow_make(home, STACK_ALLOW);
	sipd.supported = sip_supported_make(home, STACK_SUPPORTED);
	sipd.accept = sip_accept_make(home, "application/sdp");
	stack_names(sipd.set.server_name);
	sipd.sdp_type = sip_content_type_make(home, "application/sdp");
	if (sipd.allow == NULL || sipd.supported == NULL || sipd.accept == NULL ||
	    sipd.server == NULL || sipd.user_agent == NULL || sipd.sdp_type == NULL)
		fatal("out of memory");
}

/* Listens on one address, UDP and TCP. */
static bool
listen_on(const union addr *a)
{
	char text[ADDR_STR_LEN + 1], uri[ADDR_STR_LEN + 8];
	const char *name = nat_bind_add(a);

	if (name == NULL)
		return false;
	addr_print(a, text);
	str_format(uri, sizeof(uri), "sip:%s", text);
	if (nta_agent_add_tport(sipd.agent, URL_STRING_MAKE(uri), TPTAG_IDENT(name),
	        TPTAG_PONG2PING(1), TPTAG_IDLE(7200000), TPTAG_TIMEOUT(64000),
	        TPTAG_UDP_RMEM(4 << 20), TPTAG_UDP_WMEM(4 << 20), TPTAG_QUEUESIZE(1024),
	        TAG_END()) < 0) {
		log_error("cannot listen", kv_s("address", text), kv_s("error", strerror(errno)));
		return false;
	}
	return true;
}

/* Every address of the machine by itself, so that an answer leaves from where the question came in.
 */
static unsigned
listen_on_all(void)
{
	struct ifaddrs *list, *i;
	union addr a;
	unsigned n = 0;

	if (getifaddrs(&list) < 0)
		fatal("cannot list the machine's addresses: %s", strerror(errno));
	for (i = list; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL || (i->ifa_flags & IFF_UP) == 0)
			continue;
		memset(&a, 0, sizeof(a));
		if (i->ifa_addr->sa_family == AF_INET)
			memcpy(&a.in, i->ifa_addr, sizeof(a.in));
		else if (i->ifa_addr->sa_family == AF_INET6)
			memcpy(&a.in6, i->ifa_addr, sizeof(a.in6));
		else
			continue;
		/* A link-local address says nothing without its link. */
		if (a.sa.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a.in6.sin6_addr))
			continue;
		addr_set_port(&a, (uint16_t)sipd.set.port);
		if (listen_on(&a))
			n++;
	}
	freeifaddrs(list);
	return n;
}

void
stack_init(void)
{
	union addr a;
	unsigned n;

	su_log_redirect(NULL, sofia_log, NULL);
	su_log_redirect(su_log_default, sofia_log, NULL);
	if (addr_from_ip(&a, sipd.set.host, (uint16_t)sipd.set.port) < 0)
		fatal("server.sip_host: \"%s\" is not an IP address", sipd.set.host);
	check_bind(&a);
	make_headers();
	sipd.agent = nta_agent_create(sipd.root, (url_string_t *)-1, stack_message, &sipd,
	    NTATAG_UA(1), NTATAG_SERVER_RPORT(2), NTATAG_TCP_RPORT(1), NTATAG_MAXSIZE(65536),
	    NTATAG_UDP_MTU(65535), NTATAG_MERGE_482(1), NTATAG_USE_NAPTR(1), NTATAG_USE_SRV(1),
	    NTATAG_EXTRA_100(1), NTATAG_TIMEOUT_408(1), NTATAG_REL100(0), NTATAG_CANCEL_487(0),
	    TAG_END());
	if (sipd.agent == NULL)
		fatal("cannot make the SIP stack: %s", strerror(errno));
	n = addr_is_any(&a) ? listen_on_all() : listen_on(&a);
	if (n == 0)
		fatal("cannot listen on any address (server.sip_host, server.sip_port)");
	log_info("listening", kv_s("address", sipd.set.host), kv_u("port", (uint64_t)sipd.set.port),
	    kv_u("addresses", n));
}

void
stack_done(void)
{
	if (sipd.agent != NULL)
		nta_agent_destroy(sipd.agent);
	sipd.agent = NULL;
}

const char *
stack_phrase(const char *phrase)
{
	static char *known[PHRASES_MAX];

	if (phrase == NULL || phrase[0] == '\0')
		return NULL;
	for (unsigned i = 0; i < PHRASES_MAX; i++) {
		if (known[i] == NULL)
			known[i] = mem_strdup(phrase);
		if (known[i] == NULL || strcmp(known[i], phrase) == 0)
			return known[i];
	}
	return NULL;
}

void
stack_refuse(msg_t *msg, int status, const char *phrase, unsigned retry_after)
{
	sip_retry_after_t after[1];

	sip_retry_after_init(after);
	after->af_delta = retry_after;
	nta_msg_treply(sipd.agent, msg, status, phrase,
	    TAG_IF(retry_after > 0, SIPTAG_RETRY_AFTER(after)), SIPTAG_SERVER(sipd.server),
	    TAG_END());
}

void
stack_answer(nta_incoming_t *irq, int status, const char *phrase)
{
	nta_incoming_treply(irq, status, phrase, SIPTAG_SERVER(sipd.server), TAG_END());
	nta_incoming_destroy(irq);
}

void
stack_options(nta_incoming_t *irq)
{
	nta_incoming_treply(irq, SIP_200_OK, SIPTAG_SERVER(sipd.server), SIPTAG_ALLOW(sipd.allow),
	    SIPTAG_ACCEPT(sipd.accept), SIPTAG_SUPPORTED(sipd.supported), TAG_END());
	nta_incoming_destroy(irq);
}

const char *
stack_unsupported(const sip_t *sip)
{
	const sip_require_t *r = sip->sip_require;

	if (r == NULL || r->k_items == NULL)
		return NULL;
	for (const msg_param_t *p = r->k_items; *p != NULL; p++)
		if (!str_ieq(*p, "100rel") && !str_ieq(*p, "timer"))
			return *p;
	return NULL;
}

uint8_t
stack_reason(const sip_t *sip, char *text, size_t size)
{
	int64_t cause = 0;

	if (text != NULL)
		str_copy(text, size, "");
	for (const sip_reason_t *re = sip->sip_reason; re != NULL; re = re->re_next) {
		if (re->re_protocol == NULL || re->re_cause == NULL)
			continue;
		if (text != NULL && text[0] == '\0' && re->re_text != NULL)
			str_copy(text, size, re->re_text);
		if (str_ieq(re->re_protocol, "Q.850") &&
		    str_to_i64(re->re_cause, 1, 127, &cause) == 0)
			return (uint8_t)cause;
	}
	return 0;
}

const char *
stack_reason_str(char *out, uint8_t q850)
{
	if (q850 == 0)
		return NULL;
	str_format(out, 32, "Q.850;cause=%u", q850);
	return out;
}
