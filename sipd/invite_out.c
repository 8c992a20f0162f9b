/* SPDX-License-Identifier: ISC */
/*
 * Outgoing INVITEs: leg_dial, 1xx of any number of forks, 2xx and its ACK, refusals, CANCEL. Called
 * by from_featured.c and, after a restart, by resync.c, which sends the same INVITE again: the
 * message is a pure function of leg_dial, the leg's ids and its branch, so the far end sees a
 * retransmission.
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/adrift.h"
#include "sipd/checkpoint.h"
#include "sipd/dialog.h"
#include "sipd/flow.h"
#include "sipd/identity.h"
#include "sipd/invite.h"
#include "sipd/nat.h"
#include "sipd/session_timer.h"
#include "sipd/stack.h"
#include "sipd/to_featured.h"

#define RING_S      180
#define CALL_ID_LEN 28

/* What may stand in a user part unescaped, besides what url_escape() lets through anyway. */
static void
print_uri(const struct leg *leg, char *out, size_t size, const char *user, const char *domain)
{
	char escaped[3 * 64 + 1], ours[64];

	/* A user without a domain is one of ours. */
	if (domain[0] == '\0' && user[0] != '\0' && leg->bind != NULL) {
		str_format(ours, sizeof(ours), strchr(leg->bind, ':') != NULL ? "[%s]" : "%s",
		    leg->bind);
		domain = ours;
	}
	url_escape(escaped, user, "\"<>@;?:/ \\");
	str_format(out, size, "sip:%s%s%s", escaped, escaped[0] != '\0' ? "@" : "",
	    domain[0] != '\0' ? domain : "anonymous.invalid");
}

/* An INVITE's strings. Returns 0, or the status to give up with. */
static int
fill_ids(struct leg *leg, const struct msg_leg_dial *m)
{
	struct dialog_id *id = &leg->id_text;
	char name[300], uri[512], text[1024], tag[DIALOG_TAG_LEN + 1], call_id[CALL_ID_LEN + 1];
	char hop[URI_HOP_LEN] = "", contact[URI_HOP_LEN + 2];
	su_home_t home[1] = { SU_HOME_INIT(home) };
	union addr to;
	url_t *url = url_make(home, m->request_uri);
	bool ok = url != NULL && nat_uri_ok(url), known;
	const void *conn;
	char param[8];

	leg->transport = m->transport;
	if (ok && leg->transport == SIP_TRANSPORT_ANY) {
		leg->transport = SIP_TRANSPORT_UDP;
		if (url->url_params != NULL &&
		    url_param(url->url_params, "transport", param, sizeof(param)) > 0 &&
		    str_ieq(param, "tcp"))
			leg->transport = SIP_TRANSPORT_TCP;
	}
	known = m->route[0] != '\0' ? addr_parse(&to, m->route, 5060) == 0
	                            : ok && nat_host(&to, url->url_host) == 0;
	su_home_deinit(home);
	if (!ok || (m->route[0] != '\0' && !known))
		return 400;
	if (m->route[0] != '\0')
		nat_hop(hop, &to, leg->transport);
	if (known)
		leg->bind = nat_bind_for(&to);
	nat_contact(contact, leg->bind, leg->transport);
	id_text(tag, DIALOG_TAG_LEN);
	id_text(call_id, CALL_ID_LEN);
	identity_print_name(name, sizeof(name), m->from_name);
	print_uri(leg, uri, sizeof(uri), m->from_user, m->from_domain);
	str_format(text, sizeof(text), "%s<%s>;tag=%s", name, uri, tag);
	free(id->target);
	id->target = mem_strdup(m->request_uri);
	id->local = mem_strdup(text);
	print_uri(leg, uri, sizeof(uri), m->to_user, m->to_domain);
	str_format(text, sizeof(text), "<%s>", uri);
	id->remote = mem_strdup(text);
	id->call_id = mem_strdup(call_id);
	id->contact = mem_strdup(contact);
	conn = known && leg->transport == SIP_TRANSPORT_TCP ? flow_of(&to, m->to_user) : NULL;
	return !dialog_id_set_hop(id, hop, conn) || id->target == NULL || id->local == NULL ||
	        id->remote == NULL || id->call_id == NULL || id->contact == NULL
	    ? 500
	    : 0;
}

static int on_response(struct leg *leg, nta_outgoing_t *orq, const sip_t *sip);

/* Sends the INVITE that leg->cseq, branch and ids name. */
static bool
send_invite(struct leg *leg, const struct msg_leg_dial *m)
{
	char se[SESSION_TIMER_STR], min_se[16], uuid[64], identity[IDENTITY_HEADERS_MAX];
	const char *expires = session_timer_ask(leg, se);
	su_home_t home[1] = { SU_HOME_INIT(home) };
	sip_max_forwards_t mf[1];
	sip_payload_t body[1];
	url_t *uri;

	sip_max_forwards_init(mf);
	mf->mf_count = m->max_forwards;
	sip_payload_init(body);
	body->pl_data = (char *)(uintptr_t)m->sdp.p;
	body->pl_len = m->sdp.len;
	identity_of_dial(identity, sizeof(identity), m);
	str_format(uuid, sizeof(uuid), "X-Warden-Call: %s", m->call_uuid);
	str_format(min_se, sizeof(min_se), "%u", (unsigned)sipd.set.min_se);
	/* sofia would make header fields of what a phone wrote behind a '?' (RFC 3261
	 * section 19.1.5). */
	if ((uri = url_make(home, m->request_uri)) != NULL)
		uri->url_headers = NULL;
	leg->orq = nta_outgoing_tcreate(leg->dialog, on_response, leg, dialog_hop(leg),
	    SIP_METHOD_INVITE, (url_string_t *)uri, DIALOG_BIND(leg),
	    NTATAG_BRANCH_KEY(leg->branch), SIPTAG_MAX_FORWARDS(mf),
	    TAG_IF(m->path[0] != '\0', SIPTAG_ROUTE_STR(m->path)),
	    SIPTAG_CONTACT_STR(leg->id_text.contact), SIPTAG_USER_AGENT(sipd.user_agent),
	    SIPTAG_ALLOW(sipd.allow), SIPTAG_SUPPORTED(sipd.supported),
	    TAG_IF(expires != NULL, SIPTAG_SESSION_EXPIRES_STR(expires)),
	    TAG_IF(expires != NULL, SIPTAG_MIN_SE_STR(min_se)),
	    TAG_IF(m->call_uuid[0] != '\0', SIPTAG_HEADER_STR(uuid)),
	    TAG_IF(identity[0] != '\0', SIPTAG_HEADER_STR(identity)),
	    TAG_IF(m->sdp.len > 0, SIPTAG_CONTENT_TYPE(sipd.sdp_type)),
	    TAG_IF(m->sdp.len > 0, SIPTAG_PAYLOAD(body)), TAG_END());
	su_home_deinit(home);
	return leg->orq != NULL;
}

void
invite_out_dial(const struct msg_leg_dial *m)
{
	struct leg *leg;
	int status;

	if (m->leg == 0 || leg_find(m->leg) != NULL)
		return;
	if ((leg = leg_new(m->leg, false)) == NULL) {
		tell_never(m->leg, 503, LEG_END_TRANSPORT, "too many legs");
		return;
	}
	leg->taken = true;
	leg->session_s = (uint32_t)sipd.set.session_expires;
	leg->cseq = 1;
	if ((status = fill_ids(leg, m)) != 0 || dialog_for_invite(leg) < 0) {
		leg_over(leg, status != 0 ? (uint16_t)status : 500, LEG_END_TRANSPORT, 0,
		    "cannot be routed", "");
		return;
	}
	dialog_new_branch(leg);
	leg->open = OPEN_INVITE_OUT;
	leg->invite_cseq = ++leg->cseq;
	leg->give_up_at = clock_mono_ms() + (m->ring_s != 0 ? m->ring_s : RING_S) * 1000ULL;
	checkpoint_open_dial(leg, m);
	if (!send_invite(leg, m)) {
		leg->open = OPEN_NONE;
		leg_over(leg, 503, LEG_END_TRANSPORT, 0, "cannot be sent", "");
		return;
	}
	leg_timer(leg);
}

/* 422: once more with the interval that the far end wants (RFC 4028 section 7.4). */
static bool
again_with_timer(struct leg *leg, const sip_t *sip)
{
	const sip_min_se_t *min = sip_min_se(sip);
	struct msg_leg_dial m;
	void *hold = NULL;
	bool ok;

	if (min == NULL || min->min_delta <= leg->session_s || min->min_delta > 86400 ||
	    leg->cancelled || !checkpoint_open_dialled(leg, &m, &hold))
		return false;
	leg->session_s = (uint32_t)min->min_delta;
	dialog_new_branch(leg);
	leg->invite_cseq = ++leg->cseq;
	checkpoint_save(leg);
	ok = send_invite(leg, &m);
	free(hold);
	return ok;
}

static void
on_provisional(struct leg *leg, nta_outgoing_t *orq, const sip_t *sip, int status)
{
	bool reliable = sip->sip_rseq != NULL && sip_has_feature(sip->sip_require, "100rel");
	struct ipc_view sdp;

	if (status <= 100 || leg->cancelled || leg->phase == PHASE_GONE)
		return;
	if (reliable && !prack_send(leg, orq, sip))
		return;
	sdp = invite_sdp_of(sip);
	if (reliable && sdp.len > 0)
		leg->agreed = true;
	if (leg->phase != PHASE_RINGING || leg->last_status != status ||
	    (leg->agreed && sdp.len > 0)) {
		leg->phase = PHASE_RINGING;
		leg->last_status = (uint16_t)status;
		checkpoint_save(leg);
	}
	tell_ringing(leg, (uint16_t)status, &sdp);
}

static void
on_success(struct leg *leg, nta_outgoing_t *orq, const sip_t *sip)
{
	bool bad = sip->sip_contact == NULL || !dialog_uris_ok(sip) || dialog_confirm(leg, sip) < 0;
	bool old;
	struct ipc_view sdp;
	const char *agent = sip->sip_user_agent != NULL ? sip->sip_user_agent->g_string
	    : sip->sip_server != NULL                   ? sip->sip_server->g_string
	                                                : "";

	sipd.count.responses[2]++;
	nta_outgoing_destroy(orq);
	leg->orq = NULL;
	leg->open = OPEN_NONE;
	leg->give_up_at = 0;
	early_refuse(leg, SIP_491_REQUEST_PENDING);
	/* The answer came before, and another agreement after it: this one repeats it (RFC 6337
	 * section 3.1.1), unless another fork has answered. */
	old = leg->moved && (leg->forks == NULL || leg->forks->next == NULL);
	dialog_forks_free(leg);
	if (bad && sip->sip_to->a_tag != NULL)
		nta_leg_rtag(leg->dialog, sip->sip_to->a_tag);
	sdp = invite_sdp_of(sip);
	if (old)
		sdp.len = 0;
	if (bad || leg->phase == PHASE_GONE) {
		/* It crossed our CANCEL, or it names no place to send to: take it and end it. */
		checkpoint_open_done(leg);
		dialog_ack(leg, NULL);
		dialog_bye(leg, 0);
		if (leg->phase != PHASE_GONE)
			leg_over(leg, 502, LEG_END_TRANSPORT, 0, "bad Contact in 2xx", "");
		return;
	}
	leg->phase = PHASE_UP;
	leg->answered_ms = clock_real_ms();
	session_timer_of_response(leg, sip);
	blob_set(&leg->event, sdp.p, sdp.len);
	free(leg->user_agent);
	leg->user_agent = mem_strdup(agent);
	checkpoint_open_answered(leg);
	dialog_ack(leg, NULL);
	session_timer_start(leg);
	tell_answered(leg);
}

static void
on_failure(struct leg *leg, nta_outgoing_t *orq, const sip_t *sip, int status)
{
	char text[129], redirect[256] = "";
	uint8_t q850 = sip != NULL ? stack_reason(sip, text, sizeof(text)) : 0;
	enum leg_end cause = LEG_END_REMOTE;

	nta_outgoing_destroy(orq);
	leg->orq = NULL;
	if (leg->phase != PHASE_GONE && status == 422 && again_with_timer(leg, sip))
		return;
	if (adrift_undialled(leg, status, sip))
		return;
	leg->open = OPEN_NONE;
	sipd.count.responses[status / 100 <= 6 ? status / 100 : 6]++;
	if (sip == NULL || nta_sip_is_internal(sip))
		cause = status == 408 ? LEG_END_TIMEOUT : LEG_END_TRANSPORT;
	if (sip == NULL)
		text[0] = '\0';
	else if (text[0] == '\0' && sip->sip_status != NULL)
		str_copy(text, sizeof(text), sip->sip_status->st_phrase);
	if (status < 400 && sip != NULL && sip->sip_contact != NULL &&
	    nat_uri_ok(sip->sip_contact->m_url)) {
		issize_t n = url_e(redirect, sizeof(redirect), sip->sip_contact->m_url);

		if (n < 0 || (size_t)n >= sizeof(redirect))
			redirect[0] = '\0';
	}
	checkpoint_open_done(leg);
	leg_over(leg, (uint16_t)status, cause, q850, text, redirect);
}

static int
on_response(struct leg *leg, nta_outgoing_t *orq, const sip_t *sip)
{
	int status = nta_outgoing_status(orq);

	if (leg == NULL || leg->orq != orq)
		return 0;
	leg->busy = true;
	checkpoint_enter(leg);
	if (status < 200 && sip != NULL)
		on_provisional(leg, orq, sip, status);
	else if (status < 300 && sip != NULL)
		on_success(leg, orq, sip);
	else if (status >= 300)
		on_failure(leg, orq, sip, status);
	checkpoint_leave();
	leg->busy = false;
	leg_reap(leg);
	return 0;
}

void
invite_out_cancel(struct leg *leg, uint8_t q850)
{
	char reason[32];
	const char *why = stack_reason_str(reason, q850);

	if ((leg->orq == NULL && leg->adrift_at == 0) || leg->cancelled)
		return;
	leg->cancelled = true;
	leg->bye_q850 = q850;
	checkpoint_save(leg);
	if (leg->orq == NULL)
		return; /* adrift: once it has come back */
	/* nta holds it back until a 1xx is here (RFC 3261 section 9.1). */
	nta_outgoing_tcancel(leg->orq, NULL, NULL, TAG_IF(why != NULL, SIPTAG_REASON_STR(why)),
	    TAG_END());
}

bool
invite_out_restore(struct leg *leg, const struct msg_leg_dial *m)
{
	/* nta counts up to the CSeq that the INVITE had. */
	uint32_t cseq = leg->cseq;
	int r;

	leg->cseq = leg->invite_cseq - 1;
	r = dialog_for_invite(leg);
	leg->cseq = cseq;
	leg->open = OPEN_INVITE_OUT;
	if (r < 0 || !send_invite(leg, m))
		return false;
	if (leg->cancelled) {
		leg->cancelled = false;
		invite_out_cancel(leg, leg->bye_q850);
	}
	return true;
}
