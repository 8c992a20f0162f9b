/* SPDX-License-Identifier: ISC */
/*
 * Offers inside dialogs, in both directions: re-INVITE and UPDATE (RFC 3261 section 14, RFC 3311),
 * glare and its two retry ranges. featured answers reoffers and orders ours; one INVITE transaction
 * at a time for a leg.
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/str.h"
#include "sipd/checkpoint.h"
#include "sipd/dialog.h"
#include "sipd/invite.h"
#include "sipd/session_timer.h"
#include "sipd/stack.h"
#include "sipd/to_featured.h"

#define ANSWER_MS   20000 /* featured's time for a reoffer */
#define GLARE_TRIES 6

static const struct ipc_view no_sdp = { (const uint8_t *)"", 0 };

static uint32_t
random_below(uint32_t n)
{
	uint32_t r;

	id_random(&r, sizeof(r));
	return r % n;
}

/* 500 with a Retry-After of 0 to 10 s (RFC 3261 section 14.2). */
static int
try_later(nta_incoming_t *irq)
{
	sip_retry_after_t after[1];

	sip_retry_after_init(after);
	after->af_delta = random_below(11);
	nta_incoming_treply(irq, SIP_500_INTERNAL_SERVER_ERROR, SIPTAG_RETRY_AFTER(after),
	    SIPTAG_SERVER(sipd.server), TAG_END());
	nta_incoming_destroy(irq);
	return 0;
}

/* What both re-INVITE and UPDATE may be refused for. Returns true when it was. */
static bool
refused(struct leg *leg, nta_incoming_t *irq, const sip_t *sip, struct ipc_view *sdp)
{
	const char *tag = stack_unsupported(sip);
	char min_se[16];
	unsigned min;
	int status;

	if (leg->phase == PHASE_GONE) {
		stack_answer(irq, SIP_481_NO_TRANSACTION);
		return true;
	}
	if (tag != NULL) {
		nta_incoming_treply(irq, SIP_420_BAD_EXTENSION, SIPTAG_UNSUPPORTED_STR(tag),
		    SIPTAG_SERVER(sipd.server), TAG_END());
		nta_incoming_destroy(irq);
		return true;
	}
	status = !dialog_uris_ok(sip) ? 400 : invite_sdp(sdp, sip);
	if (status != 0) {
		nta_incoming_treply(irq, status, NULL,
		    TAG_IF(status == 415, SIPTAG_ACCEPT(sipd.accept)), SIPTAG_SERVER(sipd.server),
		    TAG_END());
		nta_incoming_destroy(irq);
		return true;
	}
	if ((min = session_timer_too_short(sip)) != 0) {
		str_format(min_se, sizeof(min_se), "%u", min);
		nta_incoming_treply(irq, SIP_422_SESSION_TIMER_TOO_SMALL, SIPTAG_MIN_SE_STR(min_se),
		    SIPTAG_SERVER(sipd.server), TAG_END());
		nta_incoming_destroy(irq);
		return true;
	}
	return false;
}

/* The offer goes to featured; the transaction waits. */
static void
reoffer(struct leg *leg, nta_incoming_t *irq, enum leg_open open, const struct ipc_view *sdp)
{
	leg_untold(leg);
	leg->irq = irq;
	leg->open = (uint8_t)open;
	leg->late = sdp->len == 0;
	leg->reanswered = false;
	leg->serial++;
	blob_set(&leg->event, sdp->p, sdp->len);
	leg->give_up_at = clock_mono_ms() + ANSWER_MS;
	leg_timer(leg);
}

void
early_offer(struct leg *leg, nta_incoming_t *irq, const struct ipc_view *sdp)
{
	/* RFC 3311 section 5.2: not before the first offer has its answer, and one at a time. */
	if (!leg->agreed || leg->early != NULL || !blob_set(&leg->event, sdp->p, sdp->len)) {
		try_later(irq);
		return;
	}
	leg->early = irq;
	leg->serial++;
	leg->early_at = clock_mono_ms() + ANSWER_MS;
	leg_timer(leg);
	checkpoint_save(leg);
	tell_reoffer(leg);
}

void
early_refuse(struct leg *leg, int status, const char *phrase)
{
	nta_incoming_t *irq = leg->early;

	leg->early = NULL;
	leg->early_at = 0;
	if (irq == NULL)
		return;
	nta_incoming_treply(irq, status, phrase, SIPTAG_SERVER(sipd.server), TAG_END());
	nta_incoming_destroy(irq);
}

int
reinvite_in(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	struct ipc_view sdp;
	msg_t *msg;

	if (refused(leg, irq, sip, &sdp))
		return 0;
	if (leg->open == OPEN_REINVITE_OUT || leg->phase == PHASE_DIALING ||
	    leg->phase == PHASE_RINGING) {
		stack_answer(irq, SIP_491_REQUEST_PENDING);
		return 0;
	}
	if (leg->open != OPEN_NONE || leg->phase != PHASE_UP || !leg->taken || blob_pending(leg))
		return try_later(irq);
	sipd.count.reinvites++;
	nta_incoming_bind(irq, invite_on_ack, leg);
	session_timer_of_request(leg, sip);
	reoffer(leg, irq, OPEN_REINVITE_IN, &sdp);
	if ((msg = nta_incoming_getrequest(irq)) != NULL) {
		checkpoint_open_request(leg, msg, sip);
		msg_destroy(msg);
	}
	tell_reoffer(leg);
	return 0;
}

int
update_in(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	char se[SESSION_TIMER_STR];
	const char *expires;
	struct ipc_view sdp;

	if (refused(leg, irq, sip, &sdp))
		return 0;
	if (sdp.len == 0) {
		dialog_refresh_target(leg, sip);
		session_timer_of_request(leg, sip);
		expires = session_timer_answer(leg, se);
		nta_incoming_treply(irq, SIP_200_OK, SIPTAG_CONTACT_STR(leg->id_text.contact),
		    SIPTAG_SERVER(sipd.server), SIPTAG_ALLOW(sipd.allow),
		    SIPTAG_SUPPORTED(sipd.supported),
		    TAG_IF(expires != NULL, SIPTAG_SESSION_EXPIRES_STR(expires)),
		    TAG_IF(expires != NULL && leg->far_timer && !leg->we_refresh,
		        SIPTAG_REQUIRE_STR("timer")),
		    TAG_END());
		nta_incoming_destroy(irq);
		if (leg->phase == PHASE_UP)
			session_timer_start(leg);
		checkpoint_save(leg);
		return 0;
	}
	if (leg->open == OPEN_REINVITE_OUT) {
		stack_answer(irq, SIP_491_REQUEST_PENDING);
		return 0;
	}
	if (leg->open == OPEN_INVITE_OUT ||
	    (leg->open == OPEN_INVITE_IN && leg->phase == PHASE_OFFERED)) {
		early_offer(leg, irq, &sdp);
		return 0;
	}
	if (leg->open != OPEN_NONE || leg->phase != PHASE_UP || blob_pending(leg))
		return try_later(irq);
	session_timer_of_request(leg, sip);
	reoffer(leg, irq, OPEN_UPDATE_IN, &sdp);
	checkpoint_save(leg);
	tell_reoffer(leg);
	return 0;
}

static void
send_answer(struct leg *leg, const struct ipc_view *sdp)
{
	char se[SESSION_TIMER_STR];
	const char *expires = session_timer_answer(leg, se);
	sip_payload_t body[1];

	sip_payload_init(body);
	body->pl_data = (char *)(uintptr_t)sdp->p;
	body->pl_len = sdp->len;
	nta_incoming_treply(leg->irq, SIP_200_OK, SIPTAG_CONTACT_STR(leg->id_text.contact),
	    SIPTAG_SERVER(sipd.server), SIPTAG_ALLOW(sipd.allow), SIPTAG_SUPPORTED(sipd.supported),
	    TAG_IF(expires != NULL, SIPTAG_SESSION_EXPIRES_STR(expires)),
	    TAG_IF(expires != NULL && leg->far_timer && !leg->we_refresh,
	        SIPTAG_REQUIRE_STR("timer")),
	    TAG_IF(sdp->len > 0, SIPTAG_CONTENT_TYPE(sipd.sdp_type)),
	    TAG_IF(sdp->len > 0, SIPTAG_PAYLOAD(body)), TAG_END());
}

/* The reoffer is over without a session change. */
static void
reoffer_done(struct leg *leg)
{
	leg->irq = NULL;
	leg->open = OPEN_NONE;
	leg->reanswered = false;
	leg->give_up_at = 0;
	blob_free(&leg->event);
	checkpoint_open_done(leg);
}

/* 200 to UPDATE or PRACK before the answer, or the refusal. */
static void
answer_early(struct leg *leg, const struct msg_leg_reanswer *m)
{
	nta_incoming_t *irq = leg->early;
	sip_payload_t body[1];

	if (m->status < 200 || m->status >= 300) {
		early_refuse(leg, m->status >= 300 && m->status <= 699 ? m->status : 500, NULL);
		return;
	}
	leg->early = NULL;
	leg->early_at = 0;
	leg->moved = true;
	blob_free(&leg->event);
	checkpoint_save(leg);
	sip_payload_init(body);
	body->pl_data = (char *)(uintptr_t)m->sdp.p;
	body->pl_len = m->sdp.len;
	nta_incoming_treply(irq, SIP_200_OK, SIPTAG_CONTACT_STR(leg->id_text.contact),
	    SIPTAG_SERVER(sipd.server), SIPTAG_CONTENT_TYPE(sipd.sdp_type), SIPTAG_PAYLOAD(body),
	    TAG_END());
	nta_incoming_destroy(irq);
}

void
reinvite_answer(struct leg *leg, const struct msg_leg_reanswer *m)
{
	msg_t *msg;

	if (leg->early != NULL && m->serial == leg->serial) {
		answer_early(leg, m);
		return;
	}
	if ((leg->open != OPEN_REINVITE_IN && leg->open != OPEN_UPDATE_IN) || leg->irq == NULL ||
	    leg->reanswered || m->serial != leg->serial)
		return;
	leg->give_up_at = 0;
	if (m->status < 200 || m->status >= 300) {
		nta_incoming_treply(leg->irq,
		    m->status >= 300 && m->status <= 699 ? m->status : 500, NULL,
		    SIPTAG_SERVER(sipd.server), TAG_END());
		nta_incoming_destroy(leg->irq);
		reoffer_done(leg);
		return;
	}
	if ((msg = nta_incoming_getrequest(leg->irq)) != NULL) {
		dialog_refresh_target(leg, sip_object(msg));
		msg_destroy(msg);
	}
	blob_free(&leg->event);
	if (leg->open == OPEN_UPDATE_IN) {
		send_answer(leg, &m->sdp);
		nta_incoming_destroy(leg->irq);
		reoffer_done(leg);
	} else {
		leg->reanswered = true;
		checkpoint_open_answer(leg, &m->sdp);
		send_answer(leg, &m->sdp);
	}
	session_timer_start(leg);
}

void
reinvite_give_up(struct leg *leg)
{
	if ((leg->open != OPEN_REINVITE_IN && leg->open != OPEN_UPDATE_IN) || leg->irq == NULL ||
	    leg->reanswered)
		return;
	log_limited(&sipd.noise, LL_WARNING, "no answer to a reoffer", kv_x("leg", leg->id));
	try_later(leg->irq);
	reoffer_done(leg);
}

void
reinvite_acked(struct leg *leg, const sip_t *sip)
{
	struct ipc_view sdp;
	bool late = leg->late, answered = leg->reanswered;

	nta_incoming_destroy(leg->irq);
	if (late && answered && sip != NULL) {
		sdp = invite_sdp_of(sip);
		leg_told(leg, 0, &sdp);
	}
	reoffer_done(leg);
	if (!answered)
		return;
	if (sip == NULL) {
		/* RFC 3261 section 13.3.1.4: a 2xx without ACK ends the session. */
		leg_hangup(leg, LEG_END_TIMEOUT, 102);
		return;
	}
	if (late)
		tell_acked(leg);
}

bool
reinvite_in_restore(struct leg *leg, const char *text, size_t len, const struct ipc_view *answered,
    tport_t *tport)
{
	struct ipc_view sdp = no_sdp;
	msg_t *msg;

	if ((leg->irq = checkpoint_transaction(leg, text, len, tport)) == NULL)
		return false;
	leg->open = OPEN_REINVITE_IN;
	nta_incoming_bind(leg->irq, invite_on_ack, leg);
	if (answered != NULL) {
		leg->reanswered = true;
		send_answer(leg, answered);
		return true;
	}
	if ((msg = nta_incoming_getrequest(leg->irq)) != NULL) {
		sdp = invite_sdp_of(sip_object(msg));
		blob_set(&leg->event, sdp.p, sdp.len);
		msg_destroy(msg);
	}
	leg->give_up_at = clock_mono_ms() + ANSWER_MS;
	return true;
}

/* ---- ours ---- */

static int on_response(struct leg *leg, nta_outgoing_t *orq, const sip_t *sip);

static bool
send_offer(struct leg *leg)
{
	char se[SESSION_TIMER_STR], min_se[16];
	const char *expires = session_timer_ask(leg, se);
	sip_payload_t body[1];

	sip_payload_init(body);
	body->pl_data = (char *)leg->event.p;
	body->pl_len = leg->event.len;
	str_format(min_se, sizeof(min_se), "%u", (unsigned)sipd.set.min_se);
	leg->orq = nta_outgoing_tcreate(leg->dialog, on_response, leg, dialog_hop(leg),
	    SIP_METHOD_INVITE, NULL, DIALOG_BIND(leg), NTATAG_BRANCH_KEY(leg->branch),
	    SIPTAG_CONTACT_STR(leg->id_text.contact), SIPTAG_USER_AGENT(sipd.user_agent),
	    SIPTAG_ALLOW(sipd.allow), SIPTAG_SUPPORTED(sipd.supported),
	    TAG_IF(leg->party != NULL, SIPTAG_HEADER_STR(leg->party)),
	    TAG_IF(expires != NULL, SIPTAG_SESSION_EXPIRES_STR(expires)),
	    TAG_IF(expires != NULL, SIPTAG_MIN_SE_STR(min_se)),
	    TAG_IF(leg->event.len > 0, SIPTAG_CONTENT_TYPE(sipd.sdp_type)),
	    TAG_IF(leg->event.len > 0, SIPTAG_PAYLOAD(body)), TAG_END());
	return leg->orq != NULL;
}

/* How our offer ended is on record before it is told. */
static void
end_offer(struct leg *leg, uint16_t status, const struct ipc_view *sdp)
{
	if (leg->open == OPEN_NONE) {
		leg_told(leg, status, sdp != NULL ? sdp : &no_sdp);
		checkpoint_open_done(leg);
	} else {
		/* Another transaction is under way and has the checkpoint's place. */
		leg->told_status = status;
		blob_free(&leg->told);
	}
	tell_reinvited(leg);
}

/* Starts a new transaction with leg->event. */
static void
start(struct leg *leg)
{
	leg_untold(leg);
	leg->open = OPEN_REINVITE_OUT;
	dialog_new_branch(leg);
	leg->invite_cseq = ++leg->cseq;
	checkpoint_open_offer(leg);
	if (!send_offer(leg)) {
		leg->open = OPEN_NONE;
		blob_free(&leg->event);
		end_offer(leg, 503, NULL);
	}
}

void
reinvite_send(struct leg *leg, const struct ipc_view *sdp)
{
	if (leg->phase == PHASE_GONE || leg->open == OPEN_REINVITE_OUT || leg->glare_at != 0)
		return; /* repeated after a reconnection */
	if (leg->phase != PHASE_UP || leg->open != OPEN_NONE || blob_pending(leg)) {
		end_offer(leg, 491, NULL);
		return;
	}
	leg->glare_tries = 0;
	if (!blob_set(&leg->event, sdp->p, sdp->len)) {
		end_offer(leg, 500, NULL);
		return;
	}
	start(leg);
}

void
reinvite_again(struct leg *leg)
{
	if (leg->open != OPEN_NONE) {
		/* The far end's own re-INVITE has come in between and is not done. */
		leg->glare_at = clock_mono_ms() + 500;
		leg_timer(leg);
		return;
	}
	start(leg);
}

/* RFC 3261 section 14.1: who made the Call-ID waits longer. */
static void
wait_out_glare(struct leg *leg)
{
	uint64_t ms = leg->incoming ? 10 * random_below(201) : 2100 + 10 * random_below(191);

	leg->glare_tries++;
	leg->glare_at = clock_mono_ms() + ms;
	leg_timer(leg);
}

static void
on_success(struct leg *leg, const sip_t *sip)
{
	struct ipc_view sdp;

	sdp = invite_sdp_of(sip);
	leg->open = OPEN_NONE;
	blob_free(&leg->event);
	dialog_refresh_target(leg, sip);
	dialog_ack(leg, NULL);
	session_timer_of_response(leg, sip);
	session_timer_start(leg);
	end_offer(leg, 200, &sdp);
}

static void
on_failure(struct leg *leg, const sip_t *sip, int status)
{
	const sip_min_se_t *min = sip != NULL ? sip_min_se(sip) : NULL;
	const sip_retry_after_t *after = sip != NULL ? sip->sip_retry_after : NULL;
	bool internal = sip == NULL || nta_sip_is_internal(sip);

	leg->open = OPEN_NONE;
	if (leg->glare_tries < GLARE_TRIES &&
	    (status == 491 || (status == 500 && after != NULL && after->af_delta <= 10))) {
		wait_out_glare(leg);
		checkpoint_save(leg);
		return;
	}
	if (status == 422 && min != NULL && min->min_delta > leg->session_s &&
	    min->min_delta <= 86400) {
		leg->session_s = (uint32_t)min->min_delta;
		start(leg);
		return;
	}
	blob_free(&leg->event);
	end_offer(leg, (uint16_t)status, NULL);
	if (status == 481 || (status == 408 && !internal) || (status == 408 && internal)) {
		/* The far end has no such call any more (RFC 3261 section 12.2.1.2). */
		leg_hangup(leg, LEG_END_TIMEOUT, 0);
	}
}

static int
on_response(struct leg *leg, nta_outgoing_t *orq, const sip_t *sip)
{
	int status = nta_outgoing_status(orq);

	if (leg == NULL || leg->orq != orq || status < 200)
		return 0;
	leg->busy = true;
	checkpoint_enter(leg);
	nta_outgoing_destroy(orq);
	leg->orq = NULL;
	if (status < 300 && sip != NULL)
		on_success(leg, sip);
	else
		on_failure(leg, sip, status);
	checkpoint_leave();
	leg->busy = false;
	leg_reap(leg);
	return 0;
}

bool
reinvite_out_restore(struct leg *leg)
{
	/* nta has counted on from leg->cseq; go back to the CSeq that the INVITE had. */
	uint32_t cseq = leg->cseq;

	nta_leg_destroy(leg->dialog);
	leg->cseq = leg->invite_cseq - 1;
	if (dialog_restore(leg, 0) < 0)
		return false;
	leg->cseq = cseq;
	leg->open = OPEN_REINVITE_OUT;
	return send_offer(leg);
}
