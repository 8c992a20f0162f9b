/* SPDX-License-Identifier: ISC */
/*
 * Requests that wait for featured; see asked.h. Used by register.c, sub_in.c, publish.c and
 * message.c.
 */
#include "sipd/asked.h"

#include <sofia-sip/tport.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "sipd/auth.h"
#include "sipd/gate.h"
#include "sipd/nat.h"
#include "sipd/stack.h"

#define PATIENCE_MS 5000 /* while featured is away: how long it may be a restart */

bool
asked_may(msg_t *msg, const sip_t *sip, const char *also)
{
	const char *tag = stack_unsupported(sip);
	enum gate gate = gate_look(msg, sip);

	if (gate == GATE_TAKEN)
		return false;
	if (tag != NULL && (also == NULL || !str_ieq(tag, also))) {
		nta_msg_treply(sipd.agent, msg, SIP_420_BAD_EXTENSION, SIPTAG_UNSUPPORTED_STR(tag),
		    SIPTAG_SERVER(sipd.server), TAG_END());
		return false;
	}
	if (gate == GATE_CHALLENGE) {
		gate_challenge(msg);
		return false;
	}
	if (sipd.peer == NULL && nat_transport(sip->sip_via) == SIP_TRANSPORT_UDP &&
	    clock_mono_ms() - sipd.peer_down_ms < PATIENCE_MS) {
		nta_msg_discard(sipd.agent, msg);
		return false;
	}
	if (sipd.peer == NULL || ipc_congested(sipd.peer)) {
		stack_refuse(msg, SIP_503_SERVICE_UNAVAILABLE, ASKED_RETRY_AFTER_S);
		return false;
	}
	return true;
}

bool
asked_may_user(msg_t *msg, const sip_t *sip, const char *also)
{
	if (sip->sip_to->a_tag != NULL) {
		stack_refuse(msg, SIP_481_NO_TRANSACTION, 0);
		return false;
	}
	if (sip->sip_max_forwards != NULL && sip->sip_max_forwards->mf_count == 0) {
		stack_refuse(msg, SIP_483_TOO_MANY_HOPS, 0);
		return false;
	}
	return asked_may(msg, sip, also);
}

bool
asked_begin(struct asked *a, msg_t *msg, sip_t *sip, bool credentials)
{
	*a = (struct asked){ 0 };
	if (credentials) {
		a->irq = nta_incoming_create(sipd.agent, NULL, msg, sip, TAG_END());
		return a->irq != NULL;
	}
	a->tport = nta_incoming_transport(sipd.agent, NULL, msg);
	a->msg = msg;
	return true;
}

bool
asked_send(struct asked *a, uint16_t type, const void *body, ipc_reply_cb *cb, void *arg)
{
	if (ipc_request(sipd.peer, type, body, ASKED_DEADLINE_MS, cb, arg) >= 0)
		return true;
	asked_failed(a, &(struct msg_error){ .status = 503 });
	asked_end(a);
	return false;
}

nta_incoming_t *
asked_take(struct asked *a)
{
	if (a->irq == NULL && a->msg != NULL) {
		a->irq = nta_incoming_create(sipd.agent, NULL, a->msg, NULL, NTATAG_TPORT(a->tport),
		    TAG_END());
		a->msg = NULL;
	}
	return a->irq;
}

void
asked_end(struct asked *a)
{
	if (a->irq != NULL)
		nta_incoming_destroy(a->irq);
	if (a->msg != NULL)
		nta_msg_discard(sipd.agent, a->msg);
	if (a->tport != NULL)
		tport_unref(a->tport);
	*a = (struct asked){ 0 };
}

void
asked_challenge(struct asked *a, const char *realm, const char *nonce, bool stale)
{
	struct auth_challenge c = { realm, nonce, stale };

	if (a->msg != NULL) {
		auth_challenge_msg(a->msg, a->tport, &c);
		a->msg = NULL;
	} else if (a->irq != NULL) {
		auth_challenge(a->irq, &c);
		a->irq = NULL;
	}
}

void
asked_watch_challenge(struct asked *a, const struct msg_watch_challenge *m)
{
	asked_challenge(a, m->realm, m->nonce, m->stale != 0);
}

void
asked_too_brief(struct asked *a, uint32_t min_expires_s)
{
	char min[16];

	str_format(min, sizeof(min), "%u", min_expires_s);
	if (asked_take(a) != NULL)
		nta_incoming_treply(a->irq, SIP_423_INTERVAL_TOO_BRIEF, SIPTAG_MIN_EXPIRES_STR(min),
		    SIPTAG_SERVER(sipd.server), TAG_END());
}

void
asked_failed(struct asked *a, const struct msg_error *e)
{
	sip_retry_after_t after[1];
	int status = e->status;

	/* The daemons' own troubles are one to the phone. */
	if (status < 300 || status > 699 || status == 504)
		status = 503;
	sip_retry_after_init(after);
	after->af_delta = ASKED_RETRY_AFTER_S;
	if (asked_take(a) != NULL)
		nta_incoming_treply(a->irq, status, NULL, SIPTAG_SERVER(sipd.server),
		    TAG_IF(status == 489, SIPTAG_ALLOW_EVENTS(sipd.allow_events)),
		    TAG_IF(status == 503, SIPTAG_RETRY_AFTER(after)), TAG_END());
}

bool
asked_user(char *out, size_t size, const url_t *url)
{
	char text[256];

	if (url->url_user == NULL || !str_copy(text, sizeof(text), url->url_user))
		return false;
	stack_unescape(text);
	return str_copy(out, size, text);
}

bool
asked_users(char to[65], char from[65], const sip_t *sip)
{
	asked_user(from, 65, sip->sip_from->a_url);
	return asked_user(to, 65, sip->sip_request->rq_url);
}

void
asked_source(char source[57], uint8_t *transport, const sip_t *sip)
{
	union addr from;

	if (nat_source(&from, sip) == 0)
		addr_print(&from, source);
	*transport = nat_transport(sip->sip_via);
}

void
asked_agent(char agent[129], const sip_t *sip)
{
	if (sip->sip_user_agent != NULL)
		str_copy(agent, 129, sip->sip_user_agent->g_string);
}

uint32_t
asked_expires(const sip_t *sip)
{
	if (sip->sip_expires == NULL)
		return UINT32_MAX;
	return sip->sip_expires->ex_delta >= UINT32_MAX ? UINT32_MAX - 1
	                                                : (uint32_t)sip->sip_expires->ex_delta;
}
