/* SPDX-License-Identifier: ISC */
/* Messages to featured about legs; see to_featured.h. Fills structs, decides nothing. */
#include "sipd/info.h"
#include "sipd/to_featured.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "sipd/auth.h"
#include "sipd/checkpoint.h"
#include "sipd/identity.h"
#include "sipd/invite.h"
#include "sipd/nat.h"
#include "sipd/refer.h"
#include "sipd/stack.h"

static const struct ipc_view nothing = { (const uint8_t *)"", 0 };

static struct ipc_view
view(const struct blob *b)
{
	return b->len > 0 ? (struct ipc_view){ b->p, b->len } : nothing;
}

/* The user part of a URI with its %XX undone. */
static void
user_of(char *dst, size_t size, const url_t *url)
{
	char text[256];

	dst[0] = '\0';
	if (url->url_user != NULL && str_copy(text, sizeof(text), url->url_user)) {
		stack_unescape(text);
		if (!str_copy(dst, size, text))
			dst[0] = '\0';	/* its beginning would be somebody else */
	}
}

static void
domain_of(char *dst, size_t size, const url_t *url)
{
	str_copy(dst, size, url->url_host);
}

/* A display name without its quotes. */
static void
name_of(char *dst, size_t size, const char *display)
{
	size_t n = 0;

	if (display == NULL)
		display = "";
	if (*display != '"') {
		str_copy(dst, size, display);
		return;
	}
	for (display++; *display != '\0' && *display != '"' && n + 1 < size; display++) {
		if (*display == '\\' && display[1] != '\0')
			display++;
		dst[n++] = *display;
	}
	dst[n] = '\0';
}

static void
agent_of(char *dst, size_t size, const sip_t *sip)
{
	const char *s = sip->sip_user_agent != NULL ? sip->sip_user_agent->g_string
	    : sip->sip_server != NULL               ? sip->sip_server->g_string
	                                            : "";

	str_copy(dst, size, s);
}

static void
offer(struct leg *leg, const sip_t *sip)
{
	struct msg_leg_offered m = { .leg = leg->id, .over = leg->phase == PHASE_GONE };
	union addr source;

	m.at_ms = leg->answered_ms;
	str_copy(m.sip_call_id, sizeof(m.sip_call_id), sip->sip_call_id->i_id);
	user_of(m.from_user, sizeof(m.from_user), sip->sip_from->a_url);
	domain_of(m.from_domain, sizeof(m.from_domain), sip->sip_from->a_url);
	name_of(m.from_name, sizeof(m.from_name), sip->sip_from->a_display);
	user_of(m.to_user, sizeof(m.to_user), sip->sip_request->rq_url);
	domain_of(m.to_domain, sizeof(m.to_domain), sip->sip_request->rq_url);
	agent_of(m.user_agent, sizeof(m.user_agent), sip);
	if (nat_source(&source, sip) == 0)
		addr_print(&source, m.source);
	m.transport = leg->transport;
	m.max_forwards = 70;
	if (sip->sip_max_forwards != NULL)
		m.max_forwards = sip->sip_max_forwards->mf_count > 255
		    ? 255
		    : (uint8_t)sip->sip_max_forwards->mf_count;
	m.replaces = refer_replaced(sip, &m.replaces_early);
	auth_of_invite(&m, sip);
	identity_of_request(&m, sip);
	m.sdp = invite_sdp_of(sip);
	if (m.sdp.len == 0)
		m.early_offer = prack_wanted(sip);
	ipc_send(sipd.peer, MSG_leg_offered, &m);
}

void
tell_offered(struct leg *leg)
{
	bool over = leg->phase == PHASE_GONE;
	msg_t *msg;

	if (sipd.peer == NULL || (over && ipc_peer_minor(sipd.peer) < 1))
		return;
	msg = leg->irq != NULL ? nta_incoming_getrequest(leg->irq)
	    : over             ? checkpoint_request(leg)
	                       : NULL;
	if (msg == NULL)
		return;
	if (!over)
		overload_offered(leg);
	offer(leg, sip_object(msg));
	msg_destroy(msg);
}

void
tell_ringing(struct leg *leg, uint16_t status, const struct ipc_view *sdp)
{
	struct msg_leg_ringing m = { .leg = leg->id, .status = status, .sdp = *sdp };

	ipc_send(sipd.peer, MSG_leg_ringing, &m);
}

void
tell_answered(struct leg *leg)
{
	struct msg_leg_answered m = {
		.leg = leg->id, .at_ms = leg->answered_ms, .sdp = view(&leg->event)
	};

	str_copy(m.user_agent, sizeof(m.user_agent), leg->user_agent);
	ipc_send(sipd.peer, MSG_leg_answered, &m);
}

void
tell_acked(struct leg *leg)
{
	struct msg_leg_acked m = { .leg = leg->id, .sdp = view(&leg->told) };

	/* An ACK that answers nothing is sipd's own affair: telling it would wake featured once in
	 * each call for nothing. */
	if (leg->told.len > 0)
		ipc_send(sipd.peer, MSG_leg_acked, &m);
}

static void
redirect_user(char *dst, size_t size, const char *uri)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	url_t *url = uri[0] != '\0' ? url_make(home, uri) : NULL;

	if (url != NULL)
		user_of(dst, size, url);
	su_home_deinit(home);
}

void
tell_gone(struct leg *leg)
{
	struct msg_leg_gone m = { .leg = leg->id };

	if (leg->gone == NULL || leg->forgotten)
		return;
	m.at_ms = leg->gone->at_ms;
	m.status = leg->gone->status;
	m.cause = leg->gone->cause;
	m.q850_cause = leg->gone->q850;
	str_copy(m.reason, sizeof(m.reason), leg->gone->reason);
	str_copy(m.redirect_uri, sizeof(m.redirect_uri), leg->gone->redirect);
	redirect_user(m.redirect_user, sizeof(m.redirect_user), leg->gone->redirect);
	/* The end that featured asked for is no news. */
	if (m.cause == LEG_END_LOCAL)
		ipc_send_lazily(sipd.peer, MSG_leg_gone, &m);
	else
		ipc_send(sipd.peer, MSG_leg_gone, &m);
}

void
tell_never(uint64_t leg, uint16_t status, enum leg_end cause, const char *reason)
{
	struct msg_leg_gone m = {
		.leg = leg, .at_ms = clock_real_ms(), .status = status, .cause = (uint8_t)cause
	};

	str_copy(m.reason, sizeof(m.reason), reason);
	ipc_send(sipd.peer, MSG_leg_gone, &m);
}

void
tell_reoffer(struct leg *leg)
{
	struct msg_leg_reoffer m = {
		.leg = leg->id, .serial = leg->serial, .sdp = view(&leg->event)
	};

	ipc_send(sipd.peer, MSG_leg_reoffer, &m);
}

void
tell_reinvited(struct leg *leg)
{
	struct msg_leg_reinvited m = {
		.leg = leg->id, .status = leg->told_status, .sdp = view(&leg->told)
	};

	ipc_send(sipd.peer, MSG_leg_reinvited, &m);
}

void
tell_refer(struct leg *leg)
{
	ipc_send(sipd.peer, MSG_leg_refer, &leg->refer->m);
}

void
tell_refresh(struct leg *leg)
{
	struct msg_leg_refresh m = { .leg = leg->id };

	ipc_send(sipd.peer, MSG_leg_refresh, &m);
}

void
tell_info(struct leg *leg, const char *type, const struct ipc_view *body)
{
	struct msg_leg_info m = { .leg = leg->id, .body = *body };

	str_copy(m.content_type, sizeof(m.content_type), type);
	m.digit = (uint8_t)info_key(m.content_type, (const char *)body->p, body->len,
	    &m.duration_ms);
	ipc_send(sipd.peer, MSG_leg_info, &m);
}
