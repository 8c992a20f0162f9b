/* SPDX-License-Identifier: ISC */
/*
 * Incoming INVITEs outside of dialogs: our own checks, the leg, its offer to featured, 1xx, 2xx,
 * refusals, CANCEL and ACK. Called by stack_event.c (requests) and from_featured.c (commands). What
 * the callee is and whether it may be called is featured's to decide.
 */
#include <errno.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/str.h"
#include "sipd/auth.h"
#include "sipd/body.h"
#include "sipd/checkpoint.h"
#include "sipd/dialog.h"
#include "sipd/gate.h"
#include "sipd/identity.h"
#include "sipd/invite.h"
#include "sipd/nat.h"
#include "sipd/refer.h"
#include "sipd/session_timer.h"
#include "sipd/stack.h"
#include "sipd/to_featured.h"

#define HOLD_MS       5000  /* featured away: how long an INVITE waits for it */
#define STUCK_MS      15000 /* featured here, but it does not take the leg */
#define RETRY_AFTER_S 5

int
invite_sdp(struct ipc_view *sdp, const sip_t *sip)
{
	const sip_content_type_t *c = sip->sip_content_type;
	const sip_payload_t *pl = sip->sip_payload;
	const sip_content_encoding_t *ce = sip->sip_content_encoding;
	bool encoded = ce != NULL && ce->k_items != NULL && ce->k_items[0] != NULL &&
	    !str_ieq(ce->k_items[0], "identity");

	return body_sdp(sdp, c != NULL ? c->c_type : NULL,
	    c != NULL ? msg_params_find(c->c_params, "boundary=") : NULL, encoded,
	    pl != NULL ? pl->pl_data : NULL, pl != NULL ? pl->pl_len : 0);
}

struct ipc_view
invite_sdp_of(const sip_t *sip)
{
	struct ipc_view sdp;

	return invite_sdp(&sdp, sip) == 0 ? sdp : (struct ipc_view){ (const uint8_t *)"", 0 };
}

int
invite_check(const sip_t *sip)
{
	struct ipc_view sdp;

	if (!dialog_uris_ok(sip))
		return 400;
	return invite_sdp(&sdp, sip);
}

static const char *
check_phrase(int status)
{
	return status == 400 ? "Bad Contact, Record-Route, Credentials or Body" : NULL;
}

/* What the RFC lets us refuse without asking anybody. Takes msg when it does. */
static bool
refused(msg_t *msg, const sip_t *sip)
{
	sip_unsupported_t *unsupported;
	struct msg_leg_offered fields;
	const char *tag;
	uint8_t early_only;
	unsigned retry;
	int status;

	if ((retry = overload_refuse()) != 0) {
		sipd.count.shed++;
		stack_refuse(msg, SIP_503_SERVICE_UNAVAILABLE, retry);
		return true;
	}
	if (sip->sip_to->a_tag != NULL) {
		stack_refuse(msg, SIP_481_NO_TRANSACTION, 0);
		return true;
	}
	if (sip->sip_max_forwards != NULL && sip->sip_max_forwards->mf_count == 0) {
		stack_refuse(msg, SIP_483_TOO_MANY_HOPS, 0);
		return true;
	}
	if ((tag = stack_unsupported(sip)) != NULL) {
		unsupported = sip_unsupported_make(msg_home(msg), tag);
		nta_msg_treply(sipd.agent, msg, SIP_420_BAD_EXTENSION,
		    SIPTAG_UNSUPPORTED(unsupported), SIPTAG_SERVER(sipd.server), TAG_END());
		return true;
	}
	if (refer_replaced(sip, &early_only) == REFER_NOBODY) {
		stack_refuse(msg, SIP_481_NO_TRANSACTION, 0);
		return true;
	}
	status = invite_check(sip);
	if (status == 415) {
		nta_msg_treply(sipd.agent, msg, SIP_415_UNSUPPORTED_MEDIA,
		    SIPTAG_ACCEPT(sipd.accept), SIPTAG_ACCEPT_ENCODING_STR("identity"),
		    SIPTAG_SERVER(sipd.server), TAG_END());
		return true;
	}
	if (status == 0 && !auth_of_invite(&fields, sip))
		status = 400;
	if (status != 0) {
		sipd.count.bad++;
		stack_refuse(msg, status, check_phrase(status), 0);
		return true;
	}
	if ((retry = session_timer_too_short(sip)) != 0) {
		char min_se[16];

		str_format(min_se, sizeof(min_se), "%u", retry);
		nta_msg_treply(sipd.agent, msg, SIP_422_SESSION_TIMER_TOO_SMALL,
		    SIPTAG_MIN_SE_STR(min_se), SIPTAG_SERVER(sipd.server), TAG_END());
		return true;
	}
	return false;
}

void
invite_in_new(msg_t *msg, sip_t *sip)
{
	char tag[DIALOG_TAG_LEN + 1];
	enum gate gate = gate_look(msg, sip);
	struct leg *leg;
	int r;

	if (gate == GATE_TAKEN || refused(msg, sip))
		return;
	if (gate == GATE_CHALLENGE) {
		sipd.count.responses[4]++;
		gate_challenge(msg);
		return;
	}
	if ((leg = leg_new(id_u64(), true)) == NULL) {
		sipd.count.shed++;
		stack_refuse(msg, SIP_503_SERVICE_UNAVAILABLE, RETRY_AFTER_S);
		return;
	}
	leg->transport = nat_transport(sip->sip_via);
	leg->answered_ms = clock_real_ms();
	id_text(tag, DIALOG_TAG_LEN);
	if ((r = dialog_from_invite(leg, msg, sip, tag)) < 0) {
		leg_drop(leg);
		leg_reap(leg);
		if (r == -ENOMEM)
			stack_refuse(msg, SIP_500_INTERNAL_SERVER_ERROR, RETRY_AFTER_S);
		else
			stack_refuse(msg, 400, check_phrase(400), 0);
		return;
	}
	if ((leg->irq = nta_incoming_create(sipd.agent, leg->dialog, msg, sip, TAG_END())) ==
	    NULL) {
		leg_drop(leg);
		leg_reap(leg);
		return;
	}
	leg->open = OPEN_INVITE_IN;
	leg->late = invite_sdp_of(sip).len == 0;
	nta_incoming_bind(leg->irq, invite_on_ack, leg);
	session_timer_of_request(leg, sip);
	checkpoint_open_request(leg, msg, sip);
	leg->give_up_at = clock_mono_ms() + (sipd.peer == NULL ? HOLD_MS : STUCK_MS);
	leg_timer(leg);
	tell_offered(leg);
}

void
invite_in_give_up(struct leg *leg)
{
	if (leg->phase != PHASE_OFFERED || leg->taken)
		return;
	log_limited(&sipd.noise, LL_WARNING, "nobody took the call", kv_x("leg", leg->id),
	    kv_s("featured", sipd.peer == NULL ? "away" : "here"));
	invite_in_refuse(leg, SIP_503_SERVICE_UNAVAILABLE, RETRY_AFTER_S, 0, "");
	leg_over(leg, 503, LEG_END_TIMEOUT, 0, "featured was away", "");
	if (!leg->taken)
		leg->forgotten = sipd.peer == NULL;
}

/* No final answer yet, and somebody to have it; who is adrift, later. */
static bool
waits_for_answer(const struct leg *leg)
{
	return leg->phase == PHASE_OFFERED && (leg->irq != NULL || leg->adrift_at != 0);
}

void
invite_in_progress(struct leg *leg, const struct msg_leg_progress *m)
{
	char party[IDENTITY_PARTY_MAX];
	uint16_t status = m->status;

	if (!waits_for_answer(leg) || status <= 100 || status >= 200)
		return;
	leg->last_status = status;
	checkpoint_save(leg);
	if (leg->irq == NULL)
		return; /* adrift */
	identity_of_party(party, sizeof(party), leg, m->party_user, m->party_name,
	    m->party_headers);
	prack_progress(leg, status, party, &m->sdp);
}

/* Our 2xx to the INVITE under way, first or again after a restart. */
static void
send_answer(struct leg *leg, const struct ipc_view *sdp)
{
	char se[SESSION_TIMER_STR];
	sip_payload_t body[1];
	const char *expires = session_timer_answer(leg, se);

	sip_payload_init(body);
	body->pl_data = (char *)(uintptr_t)sdp->p;
	body->pl_len = sdp->len;
	nta_incoming_treply(leg->irq, SIP_200_OK, SIPTAG_CONTACT_STR(leg->id_text.contact),
	    SIPTAG_SERVER(sipd.server), SIPTAG_ALLOW(sipd.allow), SIPTAG_SUPPORTED(sipd.supported),
	    TAG_IF(leg->party != NULL, SIPTAG_HEADER_STR(leg->party)),
	    TAG_IF(expires != NULL, SIPTAG_SESSION_EXPIRES_STR(expires)),
	    TAG_IF(expires != NULL && leg->far_timer && !leg->we_refresh,
	        SIPTAG_REQUIRE_STR("timer")),
	    TAG_IF(sdp->len > 0, SIPTAG_CONTENT_TYPE(sipd.sdp_type)),
	    TAG_IF(sdp->len > 0, SIPTAG_PAYLOAD(body)), TAG_END());
}

void
invite_in_answer(struct leg *leg, const struct msg_leg_answer *m)
{
	char party[IDENTITY_PARTY_MAX];

	if (!waits_for_answer(leg))
		return;
	early_refuse(leg, SIP_491_REQUEST_PENDING);
	leg->phase = PHASE_ANSWERED;
	leg->give_up_at = 0;
	if (sipd.setups > 0)
		sipd.setups--;
	sipd.count.responses[2]++;
	identity_of_party(party, sizeof(party), leg, m->party_user, m->party_name,
	    m->party_headers);
	identity_keep(leg, party);
	checkpoint_open_answer(leg, &m->sdp);
	if (leg->irq != NULL)
		send_answer(leg, &m->sdp);
	session_timer_start(leg);
}

void
invite_in_challenge(struct leg *leg, const struct msg_leg_challenge *m)
{
	if (leg->phase == PHASE_OFFERED && leg->adrift_at != 0) {
		/* It has to ask anew anyway: that it was challenged is of no use behind another connection. */
		leg->refused = 503;
		leg_drop(leg);
		return;
	}
	if (leg->phase != PHASE_OFFERED || leg->irq == NULL)
		return;
	sipd.count.responses[4]++;
	auth_challenge(leg->irq, &(struct auth_challenge){ m->realm, m->nonce, m->stale != 0 });
	leg->irq = NULL;
	leg_drop(leg);
}

void
invite_in_refuse(struct leg *leg, int status, const char *phrase, unsigned retry_after,
    uint8_t q850, const char *warning)
{
	sip_retry_after_t after[1];
	char reason[32], warn[200];
	const char *why = stack_reason_str(reason, q850);

	if (!waits_for_answer(leg))
		return;
	if (status < 300 || status > 699)
		status = 500;
	sipd.count.responses[status / 100]++;
	if (leg->irq == NULL) {
		leg->refused = (uint16_t)status;
		return;
	}
	sip_retry_after_init(after);
	after->af_delta = retry_after;
	str_format(warn, sizeof(warn), "399 warden \"%s\"", warning);
	nta_incoming_treply(leg->irq, status, stack_phrase(phrase), SIPTAG_SERVER(sipd.server),
	    TAG_IF(retry_after > 0, SIPTAG_RETRY_AFTER(after)),
	    TAG_IF(why != NULL, SIPTAG_REASON_STR(why)),
	    TAG_IF(warning[0] != '\0' && strpbrk(warning, "\"\\\r\n") == NULL,
	        SIPTAG_WARNING_STR(warn)),
	    TAG_END());
	nta_incoming_destroy(leg->irq);
	leg->irq = NULL;
}

static void
on_cancel(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	char text[129];
	uint8_t q850 = stack_reason(sip, text, sizeof(text));

	sipd.count.responses[4]++;
	leg->irq = NULL;
	if (leg->open == OPEN_INVITE_IN) {
		leg_over(leg, 487, LEG_END_REMOTE, q850, text, "");
	} else {
		/* A re-INVITE was taken back: the session stays as it was. */
		leg->open = OPEN_NONE;
		blob_free(&leg->event);
		checkpoint_open_done(leg);
	}
	stack_answer(irq, SIP_487_REQUEST_TERMINATED);
}

static void
on_ack(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	struct ipc_view sdp;

	nta_incoming_destroy(irq);
	leg->irq = NULL;
	leg->open = OPEN_NONE;
	if (leg->bye_wanted) {
		checkpoint_open_done(leg);
		leg->bye_wanted = false;
		dialog_bye(leg, leg->bye_q850);
		return;
	}
	leg->phase = PHASE_UP;
	sdp = invite_sdp_of(sip);
	if (sdp.len > 0 && !leg->agreed)
		leg_told(leg, 0, &sdp);
	checkpoint_open_done(leg);
	if (!leg->agreed)
		tell_acked(leg);
}

/* No ACK for 64*T1, or no PRACK. */
static void
on_silence(struct leg *leg, nta_incoming_t *irq)
{
	nta_incoming_destroy(irq);
	leg->irq = NULL;
	leg->open = OPEN_NONE;
	checkpoint_open_done(leg);
	if (leg->phase == PHASE_OFFERED) {
		leg_over(leg, 504, LEG_END_TIMEOUT, 0, "no PRACK", "");
		return;
	}
	leg->bye_wanted = false;
	dialog_bye(leg, 102);
	leg_over(leg, 408, LEG_END_TIMEOUT, 102, "no ACK", "");
}

int
invite_on_ack(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	if (leg == NULL || leg->irq != irq)
		return 0;
	leg->busy = true;
	checkpoint_enter(leg);
	if (sip != NULL && sip->sip_request->rq_method == sip_method_cancel)
		on_cancel(leg, irq, sip);
	else if (leg->open == OPEN_REINVITE_IN)
		reinvite_acked(leg, sip);
	else if (sip != NULL)
		on_ack(leg, irq, sip);
	else
		on_silence(leg, irq);
	checkpoint_leave();
	leg->busy = false;
	leg_reap(leg);
	return 0;
}

bool
invite_in_restore(struct leg *leg, const char *text, size_t len, const struct ipc_view *answered, tport_t *tport)
{
	leg->irq = checkpoint_transaction(leg, text, len, tport);
	if (leg->irq == NULL && leg->adrift_at == 0)
		return false;
	leg->open = OPEN_INVITE_IN;
	if (leg->irq == NULL)
		return true;
	nta_incoming_bind(leg->irq, invite_on_ack, leg);
	if (answered != NULL)
		send_answer(leg, answered);
	return true;
}
