/* SPDX-License-Identifier: ISC */
/* The SIP dialog of a leg; see dialog.h. Used by all files that send or take requests of a call. */
#include "sipd/dialog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/adrift.h"
#include "sipd/checkpoint.h"
#include "sipd/flow.h"
#include "sipd/nat.h"
#include "sipd/stack.h"

#define HEADER_MAX 2048
#define NOWHERE    "sip:127.0.0.1:1;transport=tcp" /* where nobody listens: the request fails at once */

char *
dialog_header_text(const void *header)
{
	char text[HEADER_MAX];
	issize_t n = sip_header_field_e(text, sizeof(text), header, 0);

	if (n < 0 || (size_t)n >= sizeof(text))
		return NULL;
	text[n] = '\0';
	return mem_strdup(text);
}

char *
dialog_url_text(const url_t *url)
{
	char text[HEADER_MAX];
	url_t copy = *url;
	issize_t n;

	copy.url_headers = NULL; /* not allowed in a request URI */
	n = url_e(text, sizeof(text), &copy);
	if (n < 0 || (size_t)n >= sizeof(text))
		return NULL;
	return mem_strdup(text);
}

static bool
set(char **field, char *text)
{
	if (text == NULL)
		return false;
	free(*field);
	*field = text;
	return true;
}

bool
dialog_uris_ok(const sip_t *sip)
{
	if (sip->sip_contact != NULL && !nat_uri_ok(sip->sip_contact->m_url))
		return false;
	for (const sip_record_route_t *r = sip->sip_record_route; r != NULL; r = r->r_next)
		if (!nat_uri_ok(r->r_url))
			return false;
	return true;
}

/* The route set as nta has it now, for the checkpoint. */
static bool
remember_route(struct leg *leg)
{
	const sip_route_t *route = NULL;
	char text[HEADER_MAX * 6];
	size_t len = 0;
	issize_t n;

	nta_leg_get_route(leg->dialog, &route, NULL);
	for (; route != NULL; route = route->r_next) {
		if (len > 0 && len + 2 < sizeof(text)) {
			memcpy(text + len, ", ", 2);
			len += 2;
		}
		n = sip_header_field_e(text + len, sizeof(text) - len, (const sip_header_t *)route,
		    0);
		if (n < 0 || len + (size_t)n >= sizeof(text))
			return false;
		len += (size_t)n;
	}
	text[len] = '\0';
	return set(&leg->id_text.route, mem_strdup(text));
}

static int
create(struct leg *leg, uint32_t remote_cseq)
{
	struct dialog_id *id = &leg->id_text;
	char cseq[24];

	str_format(cseq, sizeof(cseq), "%u INVITE", leg->cseq);
	leg->dialog = nta_leg_tcreate(sipd.agent, stack_in_dialog, leg,
	    SIPTAG_CALL_ID_STR(id->call_id), SIPTAG_FROM_STR(id->local), SIPTAG_TO_STR(id->remote),
	    SIPTAG_CSEQ_STR(cseq), NTATAG_REMOTE_CSEQ(remote_cseq), TAG_END());
	return leg->dialog != NULL ? 0 : -ENOMEM;
}

int
dialog_from_invite(struct leg *leg, const msg_t *msg, const sip_t *sip, const char *to_tag)
{
	struct dialog_id *id = &leg->id_text;
	char text[HEADER_MAX], hop[URI_HOP_LEN], contact[URI_HOP_LEN + 2];
	sip_contact_t target[1];
	union addr source;
	issize_t n;

	/* Without a Contact (RFC 2543 allowed it) the far end is where the request came from, by
	 * the name in From. */
	sip_contact_init(target);
	*target->m_url = sip->sip_contact != NULL ? *sip->sip_contact->m_url
	                                          : *sip->sip_from->a_url;
	if (!nat_uri_ok(target->m_url))
		return -EINVAL;
	n = sip_header_field_e(text, sizeof(text), (const sip_header_t *)sip->sip_to, 0);
	if (n < 0 || (size_t)n + DIALOG_TAG_LEN + 6 >= sizeof(text))
		return -EMSGSIZE;
	str_format(text + n, sizeof(text) - (size_t)n, ";tag=%s", to_tag);
	hop[0] = '\0';
	leg->bind = nat_bind_of(msg);
	nat_contact(contact, leg->bind, leg->transport);
	if (nat_source(&source, sip) == 0 && sip->sip_record_route == NULL &&
	    (sip->sip_contact == NULL || nat_use_source(&source, target->m_url, leg->transport)))
		nat_hop(hop, &source, leg->transport);
	if (!set(&id->local, mem_strdup(text)) ||
	    !set(&id->remote, dialog_header_text(sip->sip_from)) ||
	    !set(&id->call_id, mem_strdup(sip->sip_call_id->i_id)) ||
	    !set(&id->target, dialog_url_text(target->m_url)) || !dialog_id_came_by(id, hop) ||
	    !set(&id->contact, mem_strdup(contact)))
		return -ENOMEM;
	leg->cseq = 1;
	if (create(leg, sip->sip_cseq->cs_seq) < 0 ||
	    nta_leg_server_route(leg->dialog, sip->sip_record_route, target) < 0 ||
	    !remember_route(leg))
		return -ENOMEM;
	return 0;
}

int
dialog_for_invite(struct leg *leg)
{
	return create(leg, 0);
}

int
dialog_confirm(struct leg *leg, const sip_t *response)
{
	struct dialog_id *id = &leg->id_text;
	nta_leg_t *early = NULL;

	if (response->sip_to->a_tag == NULL || response->sip_contact == NULL)
		return -EINVAL;
	for (struct fork *f = leg->forks; f != NULL; f = f->next)
		if (str_ieq(f->tag, response->sip_to->a_tag) && f->dialog != NULL) {
			/* PRACK made this one: its CSeq space goes on. */
			early = f->dialog;
			f->dialog = NULL;
		}
	if (early != NULL) {
		nta_leg_destroy(leg->dialog);
		leg->dialog = early;
		leg->cseq = nta_leg_get_seq(early);
	} else if (nta_leg_rtag(leg->dialog, response->sip_to->a_tag) == NULL) {
		return -ENOMEM;
	}
	if (nta_leg_client_reroute(leg->dialog, response->sip_record_route, response->sip_contact,
	        1) < 0)
		return -ENOMEM;
	if (!set(&id->remote, dialog_header_text(response->sip_to)) ||
	    !set(&id->target, dialog_url_text(response->sip_contact->m_url)) || !remember_route(leg))
		return -ENOMEM;
	if (id->route[0] != '\0' && !dialog_id_set_hop(id, "", NULL))
		return -ENOMEM;
	return 0;
}

void
dialog_refresh_target(struct leg *leg, const sip_t *sip)
{
	const sip_contact_t *m = sip->sip_contact;
	union addr source;
	char hop[URI_HOP_LEN] = "", *text;

	if (m == NULL || !nat_uri_ok(m->m_url) || (text = dialog_url_text(m->m_url)) == NULL)
		return;
	if (sip->sip_request != NULL && leg->id_text.route[0] == '\0' &&
	    nat_source(&source, sip) == 0) {
		if (nat_use_source(&source, m->m_url, leg->transport))
			nat_hop(hop, &source, leg->transport);
		dialog_id_came_by(&leg->id_text, hop);
	}
	if (strcmp(text, leg->id_text.target) != 0)
		nta_leg_server_route(leg->dialog, NULL, m);
	set(&leg->id_text.target, text);
}

int
dialog_restore(struct leg *leg, uint32_t remote_cseq)
{
	struct dialog_id *id = &leg->id_text;
	su_home_t home[1] = { SU_HOME_INIT(home) };
	char text[HEADER_MAX + 2];
	sip_route_t *route = NULL;
	sip_contact_t *target = NULL;
	int r = create(leg, remote_cseq);

	if (r == 0 && id->target[0] != '\0') {
		str_format(text, sizeof(text), "<%s>", id->target);
		target = sip_contact_make(home, text);
		if (id->route[0] != '\0')
			route = sip_route_make(home, id->route);
		if (target == NULL || (id->route[0] != '\0' && route == NULL) ||
		    nta_leg_server_route(leg->dialog, (sip_record_route_t *)route, target) < 0)
			r = -EINVAL;
	}
	su_home_deinit(home);
	return r;
}

bool
dialog_id_set_hop(struct dialog_id *id, const char *hop, const void *conn)
{
	id->conn = conn;
	return strcmp(hop, id->next_hop != NULL ? id->next_hop : "") == 0 && id->next_hop != NULL
	    ? true
	    : set(&id->next_hop, mem_strdup(hop));
}

static const void *
connection_of(const char *hop)
{
	union addr to;

	return strstr(hop, ";transport=tcp") != NULL && nat_hop_address(&to, hop) ? nat_connection(&to) : NULL;
}

bool
dialog_id_came_by(struct dialog_id *id, const char *hop)
{
	return dialog_id_set_hop(id, hop, connection_of(hop));
}

bool
dialog_id_connected(const struct dialog_id *id)
{
	return id->conn != NULL && connection_of(id->next_hop) == id->conn;
}

/* Of the far end, as it stands in remote. */
static void
far_user(const struct dialog_id *id, char *out, size_t size)
{
	const char *p = id->remote != NULL ? strstr(id->remote, "sip:") : NULL;

	str_format(out, size, "%.*s", p != NULL ? (int)strcspn(p + 4, "@>;") : 0, p != NULL ? p + 4 : "");
}

/* The target's own address, by TCP. Should another phone be there, nobody is: what is meant for one must not reach the other. */
static url_string_t *
target_by_tcp(const struct dialog_id *id)
{
	static char hop[HEADER_MAX];
	su_home_t home[1] = { SU_HOME_INIT(home) };
	url_t *url = url_make(home, id->target);
	bool ok = url != NULL && nat_uri_ok(url);
	union addr to;
	char user[65];

	if (ok)
		ok = str_format(hop, sizeof(hop), "sip:%s%s%s;transport=tcp", url->url_host,
		    url->url_port != NULL ? ":" : "", url->url_port != NULL ? url->url_port : "");
	su_home_deinit(home);
	far_user(id, user, sizeof(user));
	if (ok && nat_hop_address(&to, hop) && flow_is_anothers(&to, user))
		return URL_STRING_MAKE(NOWHERE);
	return ok ? URL_STRING_MAKE(hop) : NULL;
}

url_string_t *
dialog_id_hop(const struct dialog_id *id, uint8_t transport)
{
	if (id->next_hop[0] == '\0')
		return NULL;
	if (transport == SIP_TRANSPORT_TCP && id->target[0] != '\0' && !dialog_id_connected(id))
		return target_by_tcp(id);
	return URL_STRING_MAKE(id->next_hop);
}

url_string_t *
dialog_hop(const struct leg *leg)
{
	return dialog_id_hop(&leg->id_text, leg->transport);
}

void
dialog_id_free(struct dialog_id *id)
{
	mem_free(&id->call_id);
	mem_free(&id->local);
	mem_free(&id->remote);
	mem_free(&id->target);
	mem_free(&id->route);
	mem_free(&id->next_hop);
	mem_free(&id->contact);
}

bool
dialog_moved(struct leg *leg, const char *user, const char *from, const char *to)
{
	char far[65];

	/* Another phone may have had that address before or after it. */
	far_user(&leg->id_text, far, sizeof(far));
	if (!str_eq(far, user) || leg->transport != SIP_TRANSPORT_TCP || leg->id_text.route[0] != '\0' ||
	    strcmp(leg->id_text.next_hop, from) != 0 || dialog_id_connected(&leg->id_text) ||
	    !dialog_id_came_by(&leg->id_text, to))
		return false;
	checkpoint_save(leg);
	return true;
}

void
dialog_connection(struct leg *leg, const char *route)
{
	char hop[URI_HOP_LEN], user[65];
	union addr to;
	const void *conn;

	far_user(&leg->id_text, user, sizeof(user));
	if (leg->transport != SIP_TRANSPORT_TCP || leg->id_text.route[0] != '\0' ||
	    route[0] == '\0' || dialog_id_connected(&leg->id_text) || addr_parse(&to, route, 5060) < 0 ||
	    (conn = flow_of(&to, user)) == NULL)
		return;
	nat_hop(hop, &to, leg->transport);
	dialog_id_set_hop(&leg->id_text, hop, conn);
}

void
dialog_next_cseq(struct leg *leg)
{
	leg->cseq++;
	checkpoint_save(leg);
}

void
dialog_ack(struct leg *leg, const struct ipc_view *sdp)
{
	sip_cseq_t cseq[1];
	sip_payload_t body[1];
	nta_outgoing_t *ack;

	sip_cseq_init(cseq);
	cseq->cs_seq = leg->invite_cseq;
	cseq->cs_method = sip_method_ack;
	cseq->cs_method_name = "ACK";
	sip_payload_init(body);
	if (sdp != NULL) {
		body->pl_data = (char *)(uintptr_t)sdp->p;
		body->pl_len = sdp->len;
	}
	ack = nta_outgoing_tcreate(leg->dialog, NULL, NULL, dialog_hop(leg), SIP_METHOD_ACK, NULL,
	    DIALOG_BIND(leg), SIPTAG_CSEQ(cseq), NTATAG_ACK_BRANCH(leg->branch),
	    SIPTAG_USER_AGENT(sipd.user_agent),
	    TAG_IF(sdp != NULL, SIPTAG_CONTENT_TYPE(sipd.sdp_type)),
	    TAG_IF(sdp != NULL, SIPTAG_PAYLOAD(body)), TAG_END());
	if (ack == NULL)
		log_limited(&sipd.noise, LL_WARNING, "cannot send ACK", kv_x("leg", leg->id));
	else
		nta_outgoing_destroy(ack); /* it goes on answering repeated 2xx by itself */
}

static int
on_bye_response(struct leg *leg, nta_outgoing_t *orq, const sip_t *sip)
{
	int status = nta_outgoing_status(orq);

	if (status < 200)
		return 0;
	nta_outgoing_destroy(orq);
	leg->bye = NULL;
	if (adrift_unsent(leg, status, sip, ADRIFT_UP_MS))
		return 0;
	leg->bye_open = false;
	checkpoint_save(leg);
	leg_reap(leg);
	return 0;
}

void
dialog_bye(struct leg *leg, uint8_t q850)
{
	char reason[32];
	const char *why = stack_reason_str(reason, q850);

	if (leg->dialog == NULL || leg->bye != NULL)
		return;
	leg->bye_q850 = q850;
	leg->bye_open = true;
	dialog_next_cseq(leg);
	leg->bye = nta_outgoing_tcreate(leg->dialog, on_bye_response, leg, dialog_hop(leg),
	    SIP_METHOD_BYE, NULL, DIALOG_BIND(leg), SIPTAG_USER_AGENT(sipd.user_agent),
	    TAG_IF(why != NULL, SIPTAG_REASON_STR(why)), TAG_END());
	if (leg->bye == NULL) {
		leg->bye_open = false;
		log_limited(&sipd.noise, LL_WARNING, "cannot send BYE", kv_x("leg", leg->id));
	}
}

void
dialog_forks_free(struct leg *leg)
{
	struct fork *f;

	while ((f = leg->forks) != NULL) {
		leg->forks = f->next;
		if (f->prack != NULL)
			nta_outgoing_destroy(f->prack);
		if (f->dialog != NULL)
			nta_leg_destroy(f->dialog);
		free(f);
	}
}

void
dialog_destroy(struct leg *leg)
{
	dialog_forks_free(leg);
	if (leg->dialog != NULL)
		nta_leg_destroy(leg->dialog);
	leg->dialog = NULL;
	dialog_id_free(&leg->id_text);
}

void
dialog_new_branch(struct leg *leg)
{
	memcpy(leg->branch, "z9hG4bK-", 8);
	id_text(leg->branch + 8, 20);
}
