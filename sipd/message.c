/* SPDX-License-Identifier: ISC */
/*
 * MESSAGE in: featured says whether it is taken. MESSAGE and unsolicited NOTIFY out: to one contact
 * by a dialog of their own that ends with the answer. See message.h.
 */
#define NTA_OUTGOING_MAGIC_T struct sending
struct sending;

#include "sipd/message.h"

#include <string.h>
#include <uthash.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/asked.h"
#include "sipd/auth.h"
#include "sipd/dialog.h"
#include "sipd/doc.h"
#include "sipd/flow.h"
#include "sipd/nat.h"
#include "sipd/stack.h"

#define NTP_EPOCH   2208988800UL /* sofia's dates count from 1900 */
#define SENDING_MAX 2000         /* at once */

/*
 * In.
 */

static void
on_reply(void *arg, const struct ipc_msg *reply)
{
	struct asked *a = arg;
	nta_incoming_t *irq;

	switch (reply->type) {
	case MSG_message_accepted:
		if ((irq = asked_take(a)) != NULL)
			nta_incoming_treply(irq,
			    ((const struct msg_message_accepted *)reply->body)->status == 202 ? 202
			                                                                      : 200,
			    NULL, SIPTAG_SERVER(sipd.server), TAG_END());
		break;
	case MSG_watch_challenge:
		asked_watch_challenge(a, reply->body);
		break;
	case MSG_error:
		asked_failed(a, reply->body);
		break;
	default:
		log_error("unexpected reply to message_request", kv_u("type", reply->type));
		asked_failed(a, &(struct msg_error){ .status = 500 });
		break;
	}
	asked_end(a);
	free(a);
}

/* "text/plain;charset=utf-8", as the header has it. */
static bool
type_text(char *out, size_t size, const sip_content_type_t *c)
{
	issize_t n;

	if (c == NULL)
		return str_copy(out, size, "text/plain");
	n = sip_header_field_e(out, size, (const sip_header_t *)c, 0);
	return n > 0 && (size_t)n < size;
}

static int
read_request(struct msg_message_request *r, const sip_t *sip)
{
	const sip_payload_t *pl = sip->sip_payload;
	char name[256];

	/* In a dialog the request URI is our own Contact. */
	if (!asked_users(r->to_user, r->from_user, sip) && r->leg == 0)
		return 404;
	if (sip->sip_from->a_display != NULL &&
	    str_copy(name, sizeof(name), sip->sip_from->a_display)) {
		size_t len = strlen(name);

		if (len >= 2 && name[0] == '"' && name[len - 1] == '"') {
			name[len - 1] = '\0';
			memmove(name, name + 1, len - 1);
		}
		str_copy(r->from_name, sizeof(r->from_name), name);
	}
	if (!str_copy(r->sip_call_id, sizeof(r->sip_call_id), sip->sip_call_id->i_id))
		return 400;
	r->cseq = sip->sip_cseq->cs_seq;
	if (pl != NULL && pl->pl_len > MESSAGE_MAX)
		return 413;
	if (!type_text(r->content_type, sizeof(r->content_type), sip->sip_content_type))
		return 415;
	if (pl != NULL && pl->pl_data != NULL)
		r->body = (struct ipc_view){ (const uint8_t *)pl->pl_data, pl->pl_len };
	asked_source(r->source, &r->transport, sip);
	asked_agent(r->user_agent, sip);
	return auth_of_message(r, sip) ? 0 : 400;
}

void
message_new(msg_t *msg, sip_t *sip)
{
	struct msg_message_request r = { 0 };
	struct asked *a;
	int status;

	if (!asked_may_user(msg, sip, NULL))
		return;
	if ((status = read_request(&r, sip)) != 0) {
		sipd.count.bad++;
		stack_refuse(msg, status, NULL, 0);
		return;
	}
	if ((a = mem_new(sizeof(*a))) == NULL) {
		stack_refuse(msg, SIP_500_INTERNAL_SERVER_ERROR, ASKED_RETRY_AFTER_S);
		return;
	}
	if (!asked_begin(a, msg, sip, r.auth_present)) {
		free(a);
		return;
	}
	/* The body is the transaction's now and stays where it is until that ends. */
	sipd.count.texts_in++;
	if (!asked_send(a, MSG_message_request, &r, on_reply, a))
		free(a);
}

int
message_in_dialog(uint64_t leg, nta_incoming_t *irq, const sip_t *sip)
{
	struct msg_message_request r = { .leg = leg };
	struct asked *a;
	int status = 503;

	if (sipd.peer != NULL && ipc_peer_minor(sipd.peer) < 2)
		status = 405;
	else if (sipd.peer != NULL && !ipc_congested(sipd.peer))
		status = read_request(&r, sip);
	if (status == 0 && (a = mem_new(sizeof(*a))) != NULL) {
		a->irq = irq;
		sipd.count.texts_in++;
		if (!asked_send(a, MSG_message_request, &r, on_reply, a))
			free(a);
		return 0;
	}
	stack_answer(irq, status != 0 ? status : 500, NULL);
	return 0;
}

/*
 * Out.
 */

/* What is common to both. */
struct target {
	const char *user, *request_uri, *route, *path;
	uint8_t transport;
	const char *from, *to; /* header values */
	sip_method_t method;
	const char *method_name, *content_type;
	const char *event; /* NULL none */
	uint64_t at_ms;    /* 0: no Date */
	const char *name;  /* NULL or "": Call-ID, tag and branch at random */
	uint8_t tries;
	struct ipc_view body;
};

struct sending {
	UT_hash_handle hh; /* in by_name if it has one */
	char name[65];
	struct ipc_peer *peer; /* who waits for the answer; NULL nobody */
	uint32_t id;
};

static unsigned under_way;
static struct sending *by_name;

/* Who waits for it hears no more from it; it is not under way. */
static void
end_sending(struct sending *s)
{
	under_way--;
	if (s->name[0] != '\0')
		HASH_DEL(by_name, s);
	ipc_unref(&s->peer);
	free(s);
}

static int
on_response(struct sending *s, nta_outgoing_t *orq, const sip_t *sip)
{
	int status = nta_outgoing_status(orq);

	(void)sip;
	if (status < 200)
		return 0;
	nta_outgoing_destroy(orq);
	if (s->peer != NULL && status < 300)
		ipc_reply(s->peer, s->id, MSG_done, &(struct msg_done){});
	else if (s->peer != NULL)
		ipc_reply_error(s->peer, s->id, (uint16_t)status, "the phone did not take it");
	end_sending(s);
	return 0;
}

/* Where to: the route of the binding, by the socket that the kernel would use. false: another phone has that address now. */
static bool
hop_of(const struct target *t, char hop[URI_HOP_LEN], const char **bind)
{
	union addr to;

	hop[0] = '\0';
	*bind = NULL;
	if (t->route[0] == '\0' || addr_parse(&to, t->route, 5060) < 0)
		return true;
	nat_hop(hop, &to, t->transport);
	*bind = nat_bind_for(&to);
	return t->transport != SIP_TRANSPORT_TCP || !flow_is_anothers(&to, t->user);
}

/* The same for each repeat of a message that has a name. */
static void
make_ids(const struct target *t, char call_id[80], char tag[80], char branch[100])
{
	if (t->name == NULL || t->name[0] == '\0') {
		id_text(tag, DIALOG_TAG_LEN);
		id_text(call_id, 24);
		branch[0] = '\0';
		return;
	}
	str_format(call_id, 80, "%s", t->name);
	str_format(tag, 80, "%s", t->name);
	str_format(branch, 100, "z9hG4bK-%s-%u", t->name, t->tries);
}

static bool
send_target(const struct target *t, struct sending *s)
{
	char hop[URI_HOP_LEN], contact[URI_HOP_LEN + 2], from[400], tag[80];
	char call_id[80], branch[100];
	const char *bind;
	sip_payload_t payload[1];
	sip_date_t date[1];
	nta_leg_t *leg;
	nta_outgoing_t *orq = NULL;

	if (!hop_of(t, hop, &bind))
		return false;
	nat_contact(contact, bind, t->transport);
	make_ids(t, call_id, tag, branch);
	str_format(from, sizeof(from), "%s;tag=%s", t->from, tag);
	sip_payload_init(payload);
	payload->pl_data = (char *)(uintptr_t)t->body.p;
	payload->pl_len = t->body.len;
	sip_date_init(date);
	date->d_time = (sip_time_t)(t->at_ms / 1000 + NTP_EPOCH);
	leg = nta_leg_tcreate(sipd.agent, NULL, NULL, SIPTAG_CALL_ID_STR(call_id),
	    SIPTAG_FROM_STR(from), SIPTAG_TO_STR(t->to), SIPTAG_CSEQ_STR("100 MESSAGE"), TAG_END());
	if (leg != NULL)
		orq = nta_outgoing_tcreate(leg, on_response, s,
		    hop[0] != '\0' ? URL_STRING_MAKE(hop) : NULL, t->method, t->method_name,
		    URL_STRING_MAKE(t->request_uri), TAG_IF(bind != NULL, TPTAG_IDENT(bind)),
		    TAG_IF(t->path[0] != '\0', SIPTAG_ROUTE_STR(t->path)),
		    TAG_IF(branch[0] != '\0', NTATAG_BRANCH_KEY(branch)),
		    SIPTAG_USER_AGENT(sipd.user_agent),
		    TAG_IF(t->event != NULL, SIPTAG_CONTACT_STR(contact)),
		    TAG_IF(t->event != NULL, SIPTAG_EVENT_STR(t->event)),
		    TAG_IF(t->event != NULL,
		        SIPTAG_SUBSCRIPTION_STATE_STR("terminated;reason=noresource")),
		    TAG_IF(t->at_ms != 0, SIPTAG_DATE(date)),
		    TAG_IF(t->body.len > 0, SIPTAG_CONTENT_TYPE_STR(t->content_type)),
		    TAG_IF(t->body.len > 0, SIPTAG_PAYLOAD(payload)), TAG_END());
	if (leg != NULL)
		nta_leg_destroy(leg);
	return orq != NULL;
}

/* A user in a URI: percent escapes for what may not stand there. */
static void
address(char *out, size_t size, const char *name, const char *user, const char *domain)
{
	struct buf b = BUF_INIT(size - 1);

	if (name[0] != '\0') {
		buf_char(&b, '"');
		for (const char *p = name; *p != '\0'; p++) {
			if (*p == '"' || *p == '\\')
				buf_char(&b, '\\');
			buf_char(&b, (unsigned char)*p < ' ' ? ' ' : *p);
		}
		buf_str(&b, "\" ");
	}
	buf_str(&b, "<sip:");
	for (const char *p = user; *p != '\0'; p++)
		if (strchr("-_.!~*'()&=+$,;?/", *p) != NULL || (*p >= '0' && *p <= '9') ||
		    (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
			buf_char(&b, *p);
		else
			buf_fmt(&b, "%%%02X", (unsigned char)*p);
	buf_fmt(&b, "@%s>", domain);
	str_copy(out, size, b.failed || b.data == NULL ? "<sip:anonymous@invalid>" : b.data);
	buf_free(&b);
}

/* We route only by what we have looked at (see nat_uri_ok). */
static bool
target_ok(const char *uri, const char *path)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	url_t *url = url_make(home, uri);
	sip_route_t *route = path[0] != '\0' ? sip_route_make(home, path) : NULL;
	bool ok = url != NULL && nat_uri_ok(url) &&
	    (path[0] == '\0' || (route != NULL && nat_uri_ok(route->r_url)));

	su_home_deinit(home);
	return ok;
}

void
message_send(struct ipc_peer *peer, uint32_t id, const struct msg_message_send *m)
{
	char from[330], to[330];
	struct target t = {
		.user = m->to_user,
		.request_uri = m->request_uri,
		.route = m->route,
		.path = m->path,
		.transport = m->transport,
		.from = from,
		.to = to,
		.method = sip_method_message,
		.method_name = "MESSAGE",
		.content_type = m->content_type,
		.at_ms = m->at_ms,
		.name = m->name,
		.tries = m->tries,
		.body = m->body,
	};
	struct sending *s;

	HASH_FIND_STR(by_name, m->name, s);
	if (m->name[0] != '\0' && s != NULL) {
		/* featured was away and asks again: the one under way answers that. */
		ipc_unref(&s->peer);
		s->peer = ipc_ref(peer);
		s->id = id;
		return;
	}
	if (under_way >= SENDING_MAX || (s = mem_new(sizeof(*s))) == NULL) {
		ipc_reply_error(peer, id, 503, "too many at once");
		return;
	}
	address(from, sizeof(from), m->from_name, m->from_user, m->domain);
	address(to, sizeof(to), "", m->to_user, m->domain);
	s->peer = ipc_ref(peer);
	s->id = id;
	str_copy(s->name, sizeof(s->name), m->name);
	if (s->name[0] != '\0')
		HASH_ADD_STR(by_name, name, s);
	under_way++;
	sipd.count.texts_out++;
	if (target_ok(m->request_uri, m->path) && send_target(&t, s))
		return;
	ipc_reply_error(peer, id, 503, "it cannot be sent");
	end_sending(s);
}

/* The host by which the phone knows us is not known here: the domain of its address of record. */
void
notice_send(const struct msg_notice *m)
{
	struct doc_holes holes = { .host = m->domain };
	struct buf body = BUF_INIT(8192);
	char us[330];
	struct target t = {
		.user = m->user,
		.request_uri = m->request_uri,
		.route = m->route,
		.path = m->path,
		.transport = m->transport,
		.from = us,
		.to = us,
		.method = sip_method_notify,
		.method_name = "NOTIFY",
		.content_type = m->content_type,
		.event = m->event,
	};
	struct sending *s;

	if (under_way >= SENDING_MAX || (s = mem_new(sizeof(*s))) == NULL)
		return;
	doc_fill(&body, &m->body, &holes);
	t.body = (struct ipc_view){ (const uint8_t *)body.data, body.len };
	address(us, sizeof(us), "", m->user, m->domain);
	under_way++;
	sipd.count.notifies++;
	if (!target_ok(m->request_uri, m->path) || !send_target(&t, s)) {
		under_way--;
		free(s);
	}
	buf_free(&body);
}
