/* SPDX-License-Identifier: ISC */
/* Session timers; see session_timer.h. Called by everything that sees INVITE, UPDATE and their 2xx,
 * and by the leg's timer. */
#include "sipd/session_timer.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "sipd/checkpoint.h"
#include "sipd/dialog.h"
#include "sipd/to_featured.h"

/* The refresher parameter, which may be absent. */
static bool
refresher_is(const sip_session_expires_t *x, const char *who)
{
	return x->x_refresher != NULL && str_ieq(x->x_refresher, who);
}

static void
note_abilities(struct leg *leg, const sip_t *sip)
{
	if (sip->sip_supported != NULL || sip->sip_require != NULL)
		leg->far_timer = sip_has_feature(sip->sip_supported, "timer") ||
		    sip_has_feature(sip->sip_require, "timer");
	if (sip->sip_allow != NULL)
		leg->far_update = sip_is_allowed(sip->sip_allow, SIP_METHOD_UPDATE);
}

unsigned
session_timer_too_short(const sip_t *sip)
{
	const sip_session_expires_t *x = sip_session_expires(sip);

	/* Who does not know the extension cannot make sense of 422: a proxy put the header in, let
	 * it pass. */
	if (x == NULL || !sip_has_feature(sip->sip_supported, "timer"))
		return 0;
	return (int64_t)x->x_delta < sipd.set.min_se ? (unsigned)sipd.set.min_se : 0;
}

void
session_timer_of_request(struct leg *leg, const sip_t *sip)
{
	const sip_session_expires_t *x = sip_session_expires(sip);
	const sip_min_se_t *min = sip_min_se(sip);

	note_abilities(leg, sip);
	leg->session_s = 0;
	leg->we_refresh = false;
	if (x != NULL) {
		leg->session_s = x->x_delta > 86400 ? 86400 : (uint32_t)x->x_delta;
		if (leg->session_s < sipd.set.min_se)
			leg->session_s = (uint32_t)sipd.set.min_se;
		leg->we_refresh = !leg->far_timer || refresher_is(x, "uas");
	} else if (leg->far_timer) {
		leg->session_s = (uint32_t)sipd.set.session_expires;
		if (min != NULL && leg->session_s != 0 && min->min_delta > leg->session_s &&
		    min->min_delta <= 86400)
			leg->session_s = (uint32_t)min->min_delta;
	}
}

const char *
session_timer_answer(const struct leg *leg, char *out)
{
	if (leg->session_s == 0)
		return NULL;
	str_format(out, SESSION_TIMER_STR, "%u;refresher=%s", leg->session_s,
	    leg->we_refresh ? "uas" : "uac");
	return out;
}

const char *
session_timer_ask(const struct leg *leg, char *out)
{
	if (leg->session_s == 0)
		return NULL;
	if (leg->phase == PHASE_UP)
		str_format(out, SESSION_TIMER_STR, "%u;refresher=%s", leg->session_s,
		    leg->we_refresh ? "uac" : "uas");
	else
		str_format(out, SESSION_TIMER_STR, "%u", leg->session_s);
	return out;
}

void
session_timer_of_response(struct leg *leg, const sip_t *sip)
{
	const sip_session_expires_t *x = sip_session_expires(sip);

	note_abilities(leg, sip);
	if (x == NULL) {
		leg->session_s = 0;
		return;
	}
	leg->session_s = x->x_delta > 86400 ? 86400 : x->x_delta < 32 ? 32 : (uint32_t)x->x_delta;
	leg->we_refresh = !refresher_is(x, "uas");
}

void
session_timer_start(struct leg *leg)
{
	uint64_t now = clock_mono_ms(), ms = (uint64_t)leg->session_s * 1000;
	uint64_t early = leg->session_s / 3 < 32 ? leg->session_s / 3 : 32;

	leg->refresh_at = leg->expire_at = 0;
	if (leg->session_s == 0)
		return;
	if (leg->we_refresh)
		leg->refresh_at = now + ms / 2;
	leg->expire_at = now + ms - early * 1000;
	leg_timer(leg);
}

static int
on_response(struct leg *leg, nta_outgoing_t *orq, const sip_t *sip)
{
	int status = nta_outgoing_status(orq);

	if (status < 200 || leg->refresh != orq)
		return 0;
	nta_outgoing_destroy(orq);
	leg->refresh = NULL;
	leg->busy = true;
	if (leg->phase != PHASE_UP) {
		/* It ended meanwhile. */
	} else if (status < 300 && sip != NULL) {
		dialog_refresh_target(leg, sip);
		session_timer_of_response(leg, sip);
		session_timer_start(leg);
		checkpoint_save(leg);
	} else if (status == 408 || status == 481) {
		log_info("session refresh failed", kv_x("leg", leg->id),
		    kv_u("status", (uint64_t)status));
		leg_hangup(leg, LEG_END_TIMEOUT, 0);
	} else if (status == 422 && sip != NULL && sip_min_se(sip) != NULL &&
	    sip_min_se(sip)->min_delta > leg->session_s && sip_min_se(sip)->min_delta <= 86400) {
		leg->session_s = (uint32_t)sip_min_se(sip)->min_delta;
		session_timer_refresh(leg);
	} else if (status == 405 || status == 501) {
		leg->far_update = false;
		tell_refresh(leg);
	} /* else: once more before it runs out */
	if (leg->phase == PHASE_UP && leg->party_due)
		session_timer_tell(leg);
	leg->busy = false;
	leg_reap(leg);
	return 0;
}

static void
update(struct leg *leg)
{
	char se[SESSION_TIMER_STR];
	const char *expires = session_timer_ask(leg, se);

	dialog_next_cseq(leg);
	leg->refresh = nta_outgoing_tcreate(leg->dialog, on_response, leg, dialog_hop(leg),
	    SIP_METHOD_UPDATE, NULL, DIALOG_BIND(leg), SIPTAG_CONTACT_STR(leg->id_text.contact),
	    SIPTAG_USER_AGENT(sipd.user_agent), SIPTAG_SUPPORTED(sipd.supported),
	    TAG_IF(leg->party != NULL, SIPTAG_HEADER_STR(leg->party)),
	    TAG_IF(expires != NULL, SIPTAG_SESSION_EXPIRES_STR(expires)), TAG_END());
}

void
session_timer_tell(struct leg *leg)
{
	leg->party_due = leg->refresh != NULL;
	if (leg->refresh != NULL)
		return;
	if (leg->far_update)
		update(leg);
	else
		tell_refresh(leg);
}

void
session_timer_refresh(struct leg *leg)
{
	if (leg->session_s == 0)
		return;
	/* Until it has come to something: featured may be away, we may be killed, or the INVITE
	 * under way be refused. */
	leg->refresh_at = clock_mono_ms() + (uint64_t)leg->session_s * 1000 / 8;
	leg_timer(leg);
	if (leg->open != OPEN_NONE || leg->refresh != NULL)
		return; /* an INVITE under way refreshes as well */
	if (!leg->far_update) {
		tell_refresh(leg);
		return;
	}
	update(leg);
}
