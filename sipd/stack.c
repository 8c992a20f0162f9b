/* SPDX-License-Identifier: ISC */
/*
 * The nta agent: makes it, binds its sockets, and has the small answers that several files send.
 * Called by main.c and by all that talk SIP; decides nothing about calls.
 */
#include "sipd/stack.h"

#include <errno.h>
#include <sofia-sip/su_log.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/listen.h"

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
	sipd.allow_events = sip_allow_events_make(home, STACK_EVENTS);
	if (sipd.allow_events == NULL || sipd.allow == NULL || sipd.supported == NULL || sipd.accept == NULL ||
	    sipd.server == NULL || sipd.user_agent == NULL || sipd.sdp_type == NULL)
		fatal("out of memory");
}

void
stack_init(void)
{
	union addr a;

	su_log_redirect(NULL, sofia_log, NULL);
	su_log_redirect(su_log_default, sofia_log, NULL);
	if (addr_from_ip(&a, sipd.set.host, (uint16_t)sipd.set.port) < 0)
		fatal("server.sip_host: \"%s\" is not an IP address", sipd.set.host);
	listen_check(&a);
	make_headers();
	sipd.agent = nta_agent_create(sipd.root, (url_string_t *)-1, stack_message, &sipd,
	    NTATAG_UA(1), NTATAG_SERVER_RPORT(2), NTATAG_TCP_RPORT(1), NTATAG_MAXSIZE(65536),
	    NTATAG_UDP_MTU(65535), NTATAG_MERGE_482(1), NTATAG_USE_NAPTR(1), NTATAG_USE_SRV(1),
	    NTATAG_EXTRA_100(1), NTATAG_TIMEOUT_408(1), NTATAG_REL100(0), NTATAG_CANCEL_487(0),
	    TAG_END());
	if (sipd.agent == NULL)
		fatal("cannot make the SIP stack: %s", strerror(errno));
	listen_start(&a);
}

void
stack_done(void)
{
	if (sipd.agent != NULL)
		nta_agent_destroy(sipd.agent);
	sipd.agent = NULL;
}

void
stack_unescape(char *s)
{
	uint8_t c;
	char *to = s;
	char hex[3];

	for (; *s != '\0'; s++) {
		if (*s == '%' && s[1] != '\0' && s[2] != '\0') {
			memcpy(hex, s + 1, 2);
			hex[2] = '\0';
			if (str_unhex(&c, 1, hex) == 0 && c >= ' ' && c != 0x7f) {
				*to++ = (char)c;
				s += 2;
				continue;
			}
		}
		*to++ = *s;
	}
	*to = '\0';
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
	    SIPTAG_ACCEPT(sipd.accept), SIPTAG_SUPPORTED(sipd.supported),
	    SIPTAG_ALLOW_EVENTS(sipd.allow_events), TAG_END());
	nta_incoming_destroy(irq);
}

const char *
stack_unsupported(const sip_t *sip)
{
	const sip_require_t *r = sip->sip_require;

	if (r == NULL || r->k_items == NULL)
		return NULL;
	for (const msg_param_t *p = r->k_items; *p != NULL; p++)
		if (!str_ieq(*p, "100rel") && !str_ieq(*p, "timer") && !str_ieq(*p, "replaces") &&
		    !str_ieq(*p, "norefersub") && !str_ieq(*p, "tdialog"))
			return *p;
	return NULL;
}

const char *
stack_header(const sip_t *sip, const char *name)
{
	for (const sip_unknown_t *u = sip->sip_unknown; u != NULL; u = u->un_next)
		if (u->un_name != NULL && str_ieq(u->un_name, name))
			return u->un_value;
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
