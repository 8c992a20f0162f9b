/* SPDX-License-Identifier: ISC */
/*
 * REGISTER: read it, ask featured, answer. The server transaction waits for featured's reply; each
 * ends with exactly one answer, because every IPC request ends once. Called by stack_event.c.
 */
#include "sipd/register.h"

#include <sofia-sip/tport.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/auth.h"
#include "sipd/gate.h"
#include "sipd/nat.h"
#include "sipd/stack.h"

#define DEADLINE_MS   4000
#define NTP_EPOCH     2208988800UL /* sofia's dates count from 1900 */
#define CONTACTS_MAX  16
#define RETRY_AFTER_S 10
#define PATIENCE_MS   5000 /* while featured is away: how long it may be a restart */

/*
 * One REGISTER waiting for featured. Without credentials it will be challenged, and a challenge is
 * given without a transaction (RFC 3261 section 26.3.2.4): msg is held. Else irq.
 */
struct reg {
	nta_incoming_t *irq;
	msg_t *msg;
	tport_t *tport;      /* by which msg came; a reference */
	struct buf contacts; /* of the 200, as it comes in */
};

static void
finish(struct reg *reg)
{
	if (reg->tport != NULL)
		tport_unref(reg->tport);
	if (reg->msg != NULL)
		nta_msg_discard(sipd.agent, reg->msg);
	buf_free(&reg->contacts);
	free(reg);
}

/* A transaction after all. */
static bool
take_up(struct reg *reg)
{
	if (reg->irq == NULL) {
		reg->irq = nta_incoming_create(sipd.agent, NULL, reg->msg, NULL,
		    NTATAG_TPORT(reg->tport), TAG_END());
		reg->msg = NULL;
	}
	return reg->irq != NULL;
}

static void
challenge(struct reg *reg, const struct msg_reg_challenge *m)
{
	struct auth_challenge c = { m->realm, m->nonce, m->stale != 0 };

	if (reg->msg == NULL) {
		auth_challenge(reg->irq, &c);
		return;
	}
	auth_challenge_msg(reg->msg, reg->tport, &c);
	reg->msg = NULL;
}

static uint32_t
seconds(const char *text)
{
	int64_t v;

	if (text == NULL)
		return UINT32_MAX;
	/* RFC 3261 section 20.19: malformed is taken as 3600; absurdly large as much as there is.
	 */
	if (str_to_i64(text, 0, UINT32_MAX - 1, &v) == 0)
		return (uint32_t)v;
	return text[strspn(text, "0123456789")] == '\0' && text[0] != '\0' ? UINT32_MAX - 1 : 3600;
}

static bool
send_contact(const sip_contact_t *m, uint64_t txn, bool *keepalive)
{
	struct msg_reg_contact c = { .txn = txn, .expires_s = seconds(m->m_expires), .q = 1000 };
	url_t url = *m->m_url;
	size_t len = 0;
	double q;
	issize_t n;

	n = url_e(c.uri, sizeof(c.uri), &url);
	if (n <= 0 || (size_t)n >= sizeof(c.uri) || !nat_uri_ok(&url))
		return false;
	if (m->m_q != NULL && sscanf(m->m_q, "%lf", &q) == 1 && q >= 0 && q <= 1)
		c.q = (uint16_t)(q * 1000 + 0.5);
	for (const msg_param_t *p = m->m_params; p != NULL && *p != NULL; p++) {
		if (strncasecmp(*p, "expires", 7) == 0 && ((*p)[7] == '=' || (*p)[7] == '\0'))
			continue;
		if (strcasecmp(*p, "cisco-keep-alive") == 0) {
			*keepalive = true;
			continue;
		}
		n = snprintf(c.params + len, sizeof(c.params) - len, "%s%s", len > 0 ? ";" : "",
		    *p);
		if (n < 0 || len + (size_t)n >= sizeof(c.params)) {
			c.params[len] = '\0';
			break; /* what does not fit is not worth losing the phone for */
		}
		len += (size_t)n;
	}
	ipc_send(sipd.peer, MSG_reg_contact, &c);
	return true;
}

/* Fills the request. Returns 0 or the status to refuse with. */
static int
read_request(struct msg_reg_request *r, const sip_t *sip)
{
	union addr source;
	char text[256];
	issize_t n;

	if (sip->sip_to->a_url->url_user == NULL ||
	    !str_copy(text, sizeof(text), sip->sip_to->a_url->url_user))
		return 404;
	url_unescape(text, text);
	if (!str_copy(r->aor_user, sizeof(r->aor_user), text))
		return 404;
	str_copy(r->aor_domain, sizeof(r->aor_domain), sip->sip_to->a_url->url_host);
	if (sip->sip_from->a_url->url_user != NULL &&
	    str_copy(text, sizeof(text), sip->sip_from->a_url->url_user)) {
		url_unescape(text, text);
		str_copy(r->from_user, sizeof(r->from_user), text);
	}
	if (!str_copy(r->sip_call_id, sizeof(r->sip_call_id), sip->sip_call_id->i_id))
		return 400;
	r->cseq = sip->sip_cseq->cs_seq;
	r->expires_s = UINT32_MAX;
	if (sip->sip_expires != NULL)
		r->expires_s = sip->sip_expires->ex_delta >= UINT32_MAX
		    ? UINT32_MAX - 1
		    : (uint32_t)sip->sip_expires->ex_delta;
	if (nat_source(&source, sip) == 0)
		addr_print(&source, r->source);
	r->transport = nat_transport(sip->sip_via);
	if (sip->sip_user_agent != NULL)
		str_copy(r->user_agent, sizeof(r->user_agent), sip->sip_user_agent->g_string);
	if (sip->sip_path != NULL) {
		n = sip_header_field_e(r->path, sizeof(r->path),
		    (const sip_header_t *)sip->sip_path, 0);
		if (n < 0 || (size_t)n >= sizeof(r->path) || !nat_uri_ok(sip->sip_path->r_url))
			return 400;
		r->path[n] = '\0';
	}
	return auth_of_register(r, sip) && auth_uri_ok(sip) ? 0 : 400;
}

/* Counts and checks the Contacts before any is sent. Returns 0 or a status. */
static int
check_contacts(const sip_t *sip, struct msg_reg_request *r)
{
	char uri[256];
	issize_t n;

	for (const sip_contact_t *m = sip->sip_contact; m != NULL; m = m->m_next) {
		if (m->m_url->url_type == url_any) {
			/* RFC 3261 section 10.3: alone, and with Expires: 0. */
			if (m->m_next != NULL || m != sip->sip_contact || r->expires_s != 0)
				return 400;
			r->star = 1;
			return 0;
		}
		n = url_e(uri, sizeof(uri), m->m_url);
		if (n <= 0 || (size_t)n >= sizeof(uri) || !nat_uri_ok(m->m_url) ||
		    ++r->contacts > CONTACTS_MAX)
			return 400;
	}
	return 0;
}

static void
accepted(struct reg *reg)
{
	/* The Date lets phones without a clock of their own have one (RFC 3261 section 10.3). */
	sip_date_t date[1];

	sip_date_init(date);
	date->d_time = (sip_time_t)(clock_real_ms() / 1000 + NTP_EPOCH);
	if (!take_up(reg))
		return;
	nta_incoming_treply(reg->irq, SIP_200_OK, SIPTAG_DATE(date), SIPTAG_SERVER(sipd.server),
	    TAG_IF(reg->contacts.len > 0, SIPTAG_CONTACT_STR(reg->contacts.data)), TAG_END());
	nta_incoming_destroy(reg->irq);
}

static void
failed(struct reg *reg, const struct msg_error *e)
{
	sip_retry_after_t after[1];
	int status = e->status;

	/* The daemons' own troubles are one to the phone. */
	if (status < 300 || status > 699 || status == 504)
		status = 503;
	sip_retry_after_init(after);
	after->af_delta = RETRY_AFTER_S;
	if (!take_up(reg))
		return;
	nta_incoming_treply(reg->irq, status, NULL, SIPTAG_SERVER(sipd.server),
	    TAG_IF(status == 503, SIPTAG_RETRY_AFTER(after)), TAG_END());
	nta_incoming_destroy(reg->irq);
}

static void
on_reply(void *arg, const struct ipc_msg *reply)
{
	struct reg *reg = arg;
	const struct msg_reg_binding *b;
	char min[16];

	switch (reply->type) {
	case MSG_reg_binding:
		b = reply->body;
		buf_fmt(&reg->contacts, "%s<%s>%s%s;expires=%u", reg->contacts.len > 0 ? ", " : "",
		    b->uri, b->params[0] != '\0' ? ";" : "", b->params, b->expires_s);
		return;
	case MSG_reg_accepted:
		accepted(reg);
		break;
	case MSG_reg_challenge:
		challenge(reg, reply->body);
		break;
	case MSG_reg_too_brief:
		str_format(min, sizeof(min), "%u",
		    ((const struct msg_reg_too_brief *)reply->body)->min_expires_s);
		if (!take_up(reg))
			break;
		nta_incoming_treply(reg->irq, SIP_423_INTERVAL_TOO_BRIEF,
		    SIPTAG_MIN_EXPIRES_STR(min), SIPTAG_SERVER(sipd.server), TAG_END());
		nta_incoming_destroy(reg->irq);
		break;
	case MSG_error:
		failed(reg, reply->body);
		break;
	default: {
		struct msg_error e = { .status = 500 };

		if (reply->flags & IPC_MORE)
			return;
		log_error("unexpected reply to reg_request", kv_u("type", reply->type));
		failed(reg, &e);
		break;
	}
	}
	finish(reg);
}

void
register_new(msg_t *msg, sip_t *sip)
{
	struct msg_reg_request r = { .txn = id_u64() };
	const char *tag = stack_unsupported(sip);
	bool keepalive = false;
	enum gate gate = gate_look(msg, sip);
	struct reg *reg;
	int status;

	if (gate == GATE_TAKEN)
		return;
	if (gate == GATE_CHALLENGE && (tag == NULL || str_ieq(tag, "path"))) {
		gate_challenge(msg, sip);
		return;
	}
	if (sipd.peer == NULL && nat_transport(sip->sip_via) == SIP_TRANSPORT_UDP &&
	    clock_mono_ms() - sipd.peer_down_ms < PATIENCE_MS) {
		/* A restart of featured: the phone asks again in 0.5 s and need not know. */
		nta_msg_discard(sipd.agent, msg);
		return;
	}
	if (sipd.peer == NULL || ipc_congested(sipd.peer)) {
		stack_refuse(msg, SIP_503_SERVICE_UNAVAILABLE, RETRY_AFTER_S);
		return;
	}
	if (tag != NULL && !str_ieq(tag, "path")) {
		nta_msg_treply(sipd.agent, msg, SIP_420_BAD_EXTENSION, SIPTAG_UNSUPPORTED_STR(tag),
		    SIPTAG_SERVER(sipd.server), TAG_END());
		return;
	}
	if ((status = read_request(&r, sip)) != 0 || (status = check_contacts(sip, &r)) != 0) {
		sipd.count.bad++;
		stack_refuse(msg, status, NULL, 0);
		return;
	}
	if ((reg = mem_new(sizeof(*reg))) == NULL) {
		stack_refuse(msg, SIP_500_INTERNAL_SERVER_ERROR, RETRY_AFTER_S);
		return;
	}
	reg->contacts = (struct buf)BUF_INIT(8192);
	if (!r.auth_present) {
		reg->msg = msg;
		reg->tport = nta_incoming_transport(sipd.agent, NULL, msg);
	} else if ((reg->irq = nta_incoming_create(sipd.agent, NULL, msg, sip, TAG_END())) ==
	    NULL) {
		finish(reg);
		return;
	}
	if (!r.star)
		for (const sip_contact_t *m = sip->sip_contact; m != NULL; m = m->m_next)
			send_contact(m, r.txn, &keepalive);
	r.keepalive = keepalive;
	if (ipc_request(sipd.peer, MSG_reg_request, &r, DEADLINE_MS, on_reply, reg) < 0) {
		struct msg_error e = { .status = 503 };

		failed(reg, &e);
		finish(reg);
	}
}
