/* SPDX-License-Identifier: ISC */
/*
 * The one place where what sofia hands us is sorted by method: requests outside of dialogs, and
 * those inside. What answers belong to our requests goes to the file that sent them. Strangers'
 * mistakes end here with the status that the RFC gives.
 */
#include <string.h>

#include "common/base/str.h"
#include "sipd/checkpoint.h"
#include "sipd/dialog.h"
#include "sipd/gate.h"
#include "sipd/invite.h"
#include "sipd/message.h"
#include "sipd/nat.h"
#include "sipd/publish.h"
#include "sipd/refer.h"
#include "sipd/register.h"
#include "sipd/session_timer.h"
#include "sipd/stack.h"
#include "sipd/sub_in.h"
#include "sipd/to_featured.h"

static void
count(const sip_t *sip)
{
	sip_method_t m = sip->sip_request->rq_method;

	sipd.count.requests[m > sip_method_unknown && m <= sip_method_publish ? m : 0]++;
}

/* With 405 or 501 goes what we can do. */
static void
refuse_method(msg_t *msg, const sip_t *sip, int status)
{
	log_limited(&sipd.noise, LL_INFO, "method not supported",
	    kv_s("method", sip->sip_request->rq_method_name));
	nta_msg_treply(sipd.agent, msg, status, NULL, SIPTAG_ALLOW(sipd.allow),
	    SIPTAG_SERVER(sipd.server), TAG_END());
}

static void
options_new(msg_t *msg, sip_t *sip)
{
	const char *tag = stack_unsupported(sip);

	if (tag != NULL)
		nta_msg_treply(sipd.agent, msg, SIP_420_BAD_EXTENSION, SIPTAG_UNSUPPORTED_STR(tag),
		    SIPTAG_SERVER(sipd.server), TAG_END());
	else if (sip->sip_max_forwards != NULL && sip->sip_max_forwards->mf_count == 0 &&
	    sip->sip_request->rq_url->url_user != NULL)
		stack_refuse(msg, SIP_483_TOO_MANY_HOPS, 0);
	else
		nta_msg_treply(sipd.agent, msg, SIP_200_OK, SIPTAG_SERVER(sipd.server),
		    SIPTAG_ALLOW(sipd.allow), SIPTAG_ACCEPT(sipd.accept),
		    SIPTAG_SUPPORTED(sipd.supported), SIPTAG_ALLOW_EVENTS(sipd.allow_events),
		    TAG_END());
}

/* A request URI that can be meant for us (RFC 3261 section 8.2.2.1). */
static bool
uri_known(const sip_t *sip)
{
	int type = sip->sip_request->rq_url->url_type;

	return type == url_sip || type == url_sips || type == url_tel;
}

/* Those pass gate_look() where they are read. To an ACK there is no answer. */
static bool
has_gate(const sip_t *sip)
{
	switch (sip->sip_request->rq_method) {
	case sip_method_invite:
	case sip_method_register:
	case sip_method_subscribe:
	case sip_method_publish:
	case sip_method_message:
	case sip_method_ack:
		return true;
	default: /* a number of sofia's, not an enum of ours */
		return false;
	}
}

int
stack_message(struct sipd *s, nta_agent_t *agent, msg_t *msg, sip_t *sip)
{
	(void)s;
	if (sip->sip_request == NULL || sip->sip_via == NULL || sip->sip_cseq == NULL ||
	    sip->sip_from == NULL || sip->sip_to == NULL || sip->sip_call_id == NULL) {
		/* A response to nothing that we sent, or hardly a message at all. */
		nta_msg_discard(agent, msg);
		return 0;
	}
	count(sip);
	if (!has_gate(sip) && !gate_stranger(msg, sip))
		return 0;
	if (sip->sip_cseq->cs_method != sip->sip_request->rq_method) {
		stack_refuse(msg, 400, "CSeq Method Does Not Match", 0);
		return 0;
	}
	if (!uri_known(sip) && sip->sip_request->rq_method != sip_method_ack) {
		stack_refuse(msg, SIP_416_UNSUPPORTED_URI, 0);
		return 0;
	}
	switch (sip->sip_request->rq_method) {
	case sip_method_invite:
		invite_in_new(msg, sip);
		break;
	case sip_method_register:
		register_new(msg, sip);
		break;
	case sip_method_options:
		if (sip->sip_to->a_tag != NULL)
			stack_refuse(msg, SIP_481_NO_TRANSACTION, 0);
		else
			options_new(msg, sip);
		break;
	case sip_method_ack:
		/* To a refusal that we sent without a transaction, or too late. */
		nta_msg_discard(agent, msg);
		break;
	case sip_method_cancel:
	case sip_method_bye:
	case sip_method_prack:
	case sip_method_update:
	case sip_method_info:
		stack_refuse(msg, SIP_481_NO_TRANSACTION, 0);
		break;
	case sip_method_notify:
		if (sip->sip_to->a_tag != NULL) {
			stack_refuse(msg, SIP_481_NO_TRANSACTION, 0);
			break;
		}
		refuse_method(msg, sip, 405);
		break;
	case sip_method_refer:
		refer_new(msg, sip);
		break;
	case sip_method_subscribe:
		sub_in_new(msg, sip);
		break;
	case sip_method_publish:
		publish_new(msg, sip);
		break;
	case sip_method_message:
		message_new(msg, sip);
		break;
	case sip_method_unknown:
	case sip_method_invalid:
	default: /* a number of sofia's, not an enum of ours */
		refuse_method(msg, sip, 501);
		break;
	}
	return 0;
}

static int
bye_in(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	char text[129];
	uint8_t q850 = stack_reason(sip, text, sizeof(text));

	/* BYE in an early dialog of an INVITE of theirs ends that too (RFC 3261 section 15.1.2). */
	if (leg->phase == PHASE_OFFERED)
		invite_in_refuse(leg, SIP_487_REQUEST_TERMINATED, 0, 0, "");
	if (leg->orq != NULL && leg->open == OPEN_INVITE_OUT)
		invite_out_cancel(leg, 0);
	if (leg->irq != NULL && (leg->open == OPEN_REINVITE_IN || leg->open == OPEN_UPDATE_IN) &&
	    !leg->reanswered) {
		stack_answer(leg->irq, SIP_487_REQUEST_TERMINATED);
		leg->irq = NULL;
	}
	leg->bye_wanted = false;
	/*
	 * On record before the far end hears that it is over: or it would be up again after a kill.
	 */
	leg_over(leg, 200, LEG_END_REMOTE, q850, text, "");
	stack_answer(irq, SIP_200_OK);
	return 0;
}

static int
info_in(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	const sip_payload_t *pl = sip->sip_payload;
	struct ipc_view body = { (const uint8_t *)"", 0 };

	if (leg->phase == PHASE_GONE) {
		stack_answer(irq, SIP_481_NO_TRANSACTION);
		return 0;
	}
	if (pl != NULL && pl->pl_len > 2048) {
		stack_answer(irq, SIP_413_REQUEST_TOO_LARGE);
		return 0;
	}
	if (pl != NULL && pl->pl_data != NULL)
		body = (struct ipc_view){ (const uint8_t *)pl->pl_data, pl->pl_len };
	/*
	 * RFC 6086 section 4.2.2: we take no package; what phones send without naming one goes on.
	 */
	if (stack_header(sip, "Info-Package") != NULL) {
		nta_incoming_treply(irq, 469, "Bad Info Package", SIPTAG_HEADER_STR("Recv-Info:"),
		    SIPTAG_SERVER(sipd.server), TAG_END());
		nta_incoming_destroy(irq);
		return 0;
	}
	/* The answer goes out first; the transaction keeps the message until it is destroyed. */
	nta_incoming_treply(irq, SIP_200_OK, SIPTAG_SERVER(sipd.server), TAG_END());
	tell_info(leg, sip->sip_content_type != NULL ? sip->sip_content_type->c_type : "", &body);
	nta_incoming_destroy(irq);
	return 0;
}

static int
in_dialog(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	switch (sip->sip_request->rq_method) {
	case sip_method_invite:
		return reinvite_in(leg, irq, sip);
	case sip_method_update:
		return update_in(leg, irq, sip);
	case sip_method_bye:
		return bye_in(leg, irq, sip);
	case sip_method_info:
		return info_in(leg, irq, sip);
	case sip_method_refer:
		return refer_in(leg, irq, sip);
	case sip_method_options:
		stack_options(irq);
		return 0;
	case sip_method_ack:
		nta_incoming_destroy(irq);
		return 0;
	case sip_method_cancel:
	case sip_method_prack:
		stack_answer(irq, SIP_481_NO_TRANSACTION);
		return 0;
	case sip_method_message:
		if (leg->phase == PHASE_UP)
			return message_in_dialog(leg->id, irq, sip);
		stack_answer(irq, SIP_480_TEMPORARILY_UNAVAILABLE);
		return 0;
	case sip_method_subscribe:
	case sip_method_notify:
	case sip_method_publish:
	case sip_method_register:
	default: /* a number of sofia's, not an enum of ours */
		log_limited(&sipd.noise, LL_INFO, "method not supported in a dialog",
		    kv_s("method", sip->sip_request->rq_method_name), kv_x("leg", leg->id));
		nta_incoming_treply(irq,
		    sip->sip_request->rq_method == sip_method_unknown ? 501 : 405, NULL,
		    SIPTAG_ALLOW(sipd.allow), SIPTAG_SERVER(sipd.server), TAG_END());
		nta_incoming_destroy(irq);
		return 0;
	}
}

int
stack_in_dialog(struct leg *leg, nta_leg_t *dialog, nta_incoming_t *irq, const sip_t *sip)
{
	int r;

	(void)dialog;
	count(sip);
	leg->busy = true;
	checkpoint_enter(leg);
	r = in_dialog(leg, irq, sip);
	checkpoint_leave();
	leg->busy = false;
	leg_reap(leg);
	return r;
}
