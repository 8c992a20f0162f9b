/* SPDX-License-Identifier: ISC */
/*
 * REGISTER: read it, ask featured, answer. The server transaction waits for featured's reply; each
 * ends with exactly one answer, because every IPC request ends once. Called by stack_event.c.
 */
#include "sipd/register.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/adrift.h"
#include "sipd/asked.h"
#include "sipd/auth.h"
#include "sipd/flow.h"
#include "sipd/nat.h"
#include "sipd/stack.h"

#define NTP_EPOCH    2208988800UL /* sofia's dates count from 1900 */
#define CONTACTS_MAX 16

/* One REGISTER waiting for featured. */
struct reg {
	struct asked a;
	struct buf contacts; /* of the 200, as it comes in */
	char source[57];     /* by TCP; else "" */
	char user[65];
};

static void
finish(struct reg *reg)
{
	asked_end(&reg->a);
	buf_free(&reg->contacts);
	free(reg);
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
	issize_t n;

	if (!asked_user(r->aor_user, sizeof(r->aor_user), sip->sip_to->a_url))
		return 404;
	str_copy(r->aor_domain, sizeof(r->aor_domain), sip->sip_to->a_url->url_host);
	asked_user(r->from_user, sizeof(r->from_user), sip->sip_from->a_url);
	if (!str_copy(r->sip_call_id, sizeof(r->sip_call_id), sip->sip_call_id->i_id))
		return 400;
	r->cseq = sip->sip_cseq->cs_seq;
	r->expires_s = asked_expires(sip);
	asked_source(r->source, &r->transport, sip);
	asked_agent(r->user_agent, sip);
	if (sip->sip_path != NULL) {
		n = sip_header_field_e(r->path, sizeof(r->path),
		    (const sip_header_t *)sip->sip_path, 0);
		if (n < 0 || (size_t)n >= sizeof(r->path) || !nat_uri_ok(sip->sip_path->r_url))
			return 400;
		r->path[n] = '\0';
	}
	return auth_of_register(r, sip) ? 0 : 400;
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
accepted(struct reg *reg, const struct msg_reg_accepted *m)
{
	/* The Date lets phones without a clock of their own have one (RFC 3261 section 10.3). */
	sip_date_t date[1];

	sip_date_init(date);
	date->d_time = (sip_time_t)(clock_real_ms() / 1000 + NTP_EPOCH);
	if (asked_take(&reg->a) == NULL)
		return;
	nta_incoming_treply(reg->a.irq, SIP_200_OK, SIPTAG_DATE(date), SIPTAG_SERVER(sipd.server),
	    TAG_IF(reg->contacts.len > 0, SIPTAG_CONTACT_STR(reg->contacts.data)), TAG_END());
	if (reg->source[0] != '\0' && m->count > 0)
		flow_registered(reg->source, reg->user);
	if (m->moved_from[0] != '\0')
		adrift_moved(reg->user, m->moved_from, reg->source);
}

static void
on_reply(void *arg, const struct ipc_msg *reply)
{
	struct reg *reg = arg;
	const struct msg_reg_binding *b;
	const struct msg_reg_challenge *c;

	switch (reply->type) {
	case MSG_reg_binding:
		b = reply->body;
		buf_fmt(&reg->contacts, "%s<%s>%s%s;expires=%u", reg->contacts.len > 0 ? ", " : "",
		    b->uri, b->params[0] != '\0' ? ";" : "", b->params, b->expires_s);
		return;
	case MSG_reg_accepted:
		accepted(reg, reply->body);
		break;
	case MSG_reg_challenge:
		c = reply->body;
		asked_challenge(&reg->a, c->realm, c->nonce, c->stale != 0);
		break;
	case MSG_reg_too_brief:
		asked_too_brief(&reg->a,
		    ((const struct msg_reg_too_brief *)reply->body)->min_expires_s);
		break;
	case MSG_error:
		asked_failed(&reg->a, reply->body);
		break;
	default:
		if (reply->flags & IPC_MORE)
			return;
		log_error("unexpected reply to reg_request", kv_u("type", reply->type));
		asked_failed(&reg->a, &(struct msg_error){ .status = 500 });
		break;
	}
	finish(reg);
}

void
register_new(msg_t *msg, sip_t *sip)
{
	struct msg_reg_request r = { .txn = id_u64() };
	bool keepalive = false;
	struct reg *reg;
	int status;

	if (!asked_may(msg, sip, "path"))
		return;
	if ((status = read_request(&r, sip)) != 0 || (status = check_contacts(sip, &r)) != 0) {
		sipd.count.bad++;
		stack_refuse(msg, status, NULL, 0);
		return;
	}
	if ((reg = mem_new(sizeof(*reg))) == NULL) {
		stack_refuse(msg, SIP_500_INTERNAL_SERVER_ERROR, ASKED_RETRY_AFTER_S);
		return;
	}
	reg->contacts = (struct buf)BUF_INIT(8192);
	if (r.transport == SIP_TRANSPORT_TCP)
		str_copy(reg->source, sizeof(reg->source), r.source);
	str_copy(reg->user, sizeof(reg->user), r.aor_user);
	if (!asked_begin(&reg->a, msg, sip, r.auth_present)) {
		finish(reg);
		return;
	}
	if (!r.star)
		for (const sip_contact_t *m = sip->sip_contact; m != NULL; m = m->m_next)
			send_contact(m, r.txn, &keepalive);
	r.keepalive = keepalive;
	if (!asked_send(&reg->a, MSG_reg_request, &r, on_reply, reg))
		finish(reg);
}
