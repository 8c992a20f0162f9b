/* SPDX-License-Identifier: ISC */
/* Messages to featured about legs; see to_featured.h. Fills structs, decides nothing. */
#include "sipd/to_featured.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "sipd/auth.h"
#include "sipd/invite.h"
#include "sipd/nat.h"
#include "sipd/refer.h"

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
		url_unescape(text, text);
		str_copy(dst, size, text);
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

void
tell_offered(struct leg *leg)
{
	struct msg_leg_offered m = { .leg = leg->id };
	union addr source;
	msg_t *msg;
	sip_t *sip;

	if (sipd.peer == NULL || leg->irq == NULL ||
	    (msg = nta_incoming_getrequest(leg->irq)) == NULL)
		return;
	sip = sip_object(msg);
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
	auth_of_invite(&m, sip);
	if (invite_sdp(&m.sdp, sip) != 0)
		m.sdp = nothing;
	m.replaces = refer_replaced(sip, &m.replaces_early);
	overload_offered(leg);
	ipc_send(sipd.peer, MSG_leg_offered, &m);
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
tell_acked(struct leg *leg, const struct ipc_view *sdp)
{
	struct msg_leg_acked m = { .leg = leg->id, .sdp = *sdp };

	/* An ACK that answers nothing is sipd's own affair: telling it would wake featured once in
	 * each call for nothing. */
	if (sdp->len == 0)
		return;
	/* Nobody confirms it, so it may be lost with featured. */
	if (sdp->p != leg->acked.p)
		blob_set(&leg->acked, sdp->p, sdp->len);
	ipc_send(sipd.peer, MSG_leg_acked, &m);
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
tell_reinvited(struct leg *leg, uint16_t status, const struct ipc_view *sdp)
{
	struct msg_leg_reinvited m = {
		.leg = leg->id, .status = status, .sdp = sdp != NULL ? *sdp : nothing
	};

	leg->reinvited_untold = sipd.peer == NULL ? status : 0;
	if (sipd.peer == NULL)
		blob_set(&leg->event, m.sdp.p, m.sdp.len);
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
	ipc_send(sipd.peer, MSG_leg_info, &m);
}
