/* SPDX-License-Identifier: ISC */
/*
 * Reliable 1xx (RFC 3262), with offers and answers in them and in PRACK (section 5). To our INVITE:
 * each early dialog of a forked INVITE has its own RSeq and CSeq spaces, so each has a struct fork
 * with an nta dialog of its own; dialog_confirm() goes on with that of the fork that answers. To a
 * far end's INVITE: its PRACK may answer our offer, or offer anew.
 */
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/checkpoint.h"
#include "sipd/dialog.h"
#include "sipd/invite.h"
#include "sipd/stack.h"
#include "sipd/to_featured.h"

#define RESTART_GAP 100 /* in the CSeq of a fork that had sent PRACKs before a restart */

static struct fork *
fork_of(struct leg *leg, const char *tag)
{
	struct fork *f;

	for (f = leg->forks; f != NULL; f = f->next)
		if (str_ieq(f->tag, tag))
			return f;
	return NULL;
}

static struct fork *
fork_new(struct leg *leg, const sip_t *sip)
{
	size_t len = strlen(sip->sip_to->a_tag);
	struct fork *f = mem_new(sizeof(*f) + len + 1);
	char cseq[24];

	if (f == NULL)
		return NULL;
	memcpy(f->tag, sip->sip_to->a_tag, len + 1);
	str_format(cseq, sizeof(cseq), "%u INVITE",
	    leg->invite_cseq + (leg->restored ? RESTART_GAP : 0));
	f->dialog = nta_leg_tcreate(sipd.agent, stack_in_dialog, leg,
	    SIPTAG_CALL_ID_STR(leg->id_text.call_id), SIPTAG_FROM_STR(leg->id_text.local),
	    SIPTAG_TO(sip->sip_to), SIPTAG_CSEQ_STR(cseq), TAG_END());
	if (f->dialog == NULL ||
	    nta_leg_client_reroute(f->dialog, sip->sip_record_route, sip->sip_contact, 1) < 0) {
		if (f->dialog != NULL)
			nta_leg_destroy(f->dialog);
		free(f);
		return NULL;
	}
	f->next = leg->forks;
	leg->forks = f;
	return f;
}

static int
on_response(struct leg *leg, nta_outgoing_t *orq, const sip_t *sip)
{
	(void)sip;
	if (nta_outgoing_status(orq) < 200)
		return 0;
	for (struct fork *f = leg->forks; f != NULL; f = f->next)
		if (f->prack == orq)
			f->prack = NULL;
	nta_outgoing_destroy(orq);
	return 0;
}

bool
prack_send(struct leg *leg, nta_outgoing_t *orq, const sip_t *sip)
{
	sip_rack_t rack[1];
	struct fork *f;
	uint32_t rseq = sip->sip_rseq->rs_response;

	if (sip->sip_to->a_tag == NULL || sip->sip_contact == NULL || !dialog_uris_ok(sip))
		return false;
	if ((f = fork_of(leg, sip->sip_to->a_tag)) == NULL) {
		if ((f = fork_new(leg, sip)) == NULL)
			return false;
	} else if (f->rseq != 0 && rseq != f->rseq + 1) {
		return false; /* repeated, or one before it was lost */
	}
	if (f->prack != NULL)
		nta_outgoing_destroy(f->prack);
	f->rseq = rseq;
	sip_rack_init(rack);
	rack->ra_response = rseq;
	rack->ra_cseq = nta_outgoing_cseq(orq);
	rack->ra_method = sip_method_invite;
	rack->ra_method_name = "INVITE";
	f->prack = nta_outgoing_tcreate(f->dialog, on_response, leg,
	    sip->sip_record_route == NULL ? dialog_hop(leg) : NULL, SIP_METHOD_PRACK, NULL,
	    DIALOG_BIND(leg), SIPTAG_RACK(rack), SIPTAG_USER_AGENT(sipd.user_agent), TAG_END());
	return true;
}

/*
 * To a far end's INVITE.
 */

enum sip_early_offer
prack_wanted(const sip_t *sip)
{
	if (sip_has_feature((const sip_supported_t *)sip->sip_require, "100rel"))
		return SIP_EARLY_OFFER_MUST;
	return sip_has_feature(sip->sip_supported, "100rel") ? SIP_EARLY_OFFER_CAN
	                                                     : SIP_EARLY_OFFER_NO;
}

/* The PRACK brings the answer to the offer in our 1xx. Returns the status for it. */
static int
take_answer(struct leg *leg, const struct ipc_view *sdp)
{
	if (sdp->len == 0)
		return 400;
	leg->agreed = true;
	leg_told(leg, 0, sdp);
	/* After our 200 the place in the checkpoint is taken; its ACK may be short. */
	if (leg->phase == PHASE_OFFERED)
		checkpoint_open_answer(leg, sdp);
	else
		checkpoint_save(leg);
	tell_acked(leg);
	return 200;
}

static int
prack_in(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	struct ipc_view sdp;
	int status = invite_sdp(&sdp, sip);

	if (status == 0 && leg->late && leg->early_sdp && !leg->agreed) {
		status = take_answer(leg, &sdp);
	} else if (status == 0) {
		if (leg->early_sdp && !leg->late && !leg->agreed) {
			leg->agreed = true;
			checkpoint_save(leg);
		}
		if (sdp.len > 0 && leg->phase == PHASE_OFFERED) {
			early_offer(leg, irq, &sdp);
			return 0;
		}
		/* Our 200 was quicker: it is a matter for a re-INVITE now. */
		status = sdp.len > 0 ? 491 : 200;
	}
	nta_incoming_treply(irq, status, status == 400 ? "No Answer to Our Offer" : NULL,
	    TAG_IF(status == 415, SIPTAG_ACCEPT(sipd.accept)), SIPTAG_SERVER(sipd.server),
	    TAG_END());
	nta_incoming_destroy(irq);
	return 0;
}

static struct leg *
leg_of(const sip_t *sip)
{
	sip_replaces_t rp[1];
	nta_leg_t *dialog;

	sip_replaces_init(rp);
	rp->rp_call_id = sip->sip_call_id->i_id;
	rp->rp_to_tag = sip->sip_to->a_tag;
	rp->rp_from_tag = sip->sip_from->a_tag;
	dialog = nta_leg_by_replaces(sipd.agent, rp);
	return dialog != NULL ? nta_leg_magic(dialog, stack_in_dialog) : NULL;
}

/* irq is NULL when nobody waits for the PRACK any more. The leg may be gone, so it is looked up. */
static int
on_prack(nta_reliable_magic_t *none, nta_reliable_t *rel, nta_incoming_t *irq, const sip_t *sip)
{
	struct leg *leg = irq != NULL ? leg_of(sip) : NULL;
	int r = 200;

	(void)none;
	nta_reliable_destroy(rel);
	if (leg == NULL || leg->phase == PHASE_GONE)
		return r;
	sipd.count.requests[sip_method_prack]++;
	leg->busy = true;
	checkpoint_enter(leg);
	r = prack_in(leg, irq, sip);
	checkpoint_leave();
	leg->busy = false;
	leg_reap(leg);
	return r;
}

void
prack_progress(struct leg *leg, uint16_t status, const char *headers, const struct ipc_view *sdp)
{
	msg_t *msg = nta_incoming_getrequest(leg->irq);
	enum sip_early_offer wanted = msg != NULL ? prack_wanted(sip_object(msg))
	                                          : SIP_EARLY_OFFER_NO;
	bool with = sdp->len > 0, reliable = wanted == SIP_EARLY_OFFER_MUST;
	sip_payload_t body[1];

	if (msg != NULL)
		msg_destroy(msg);
	/* Our offer goes once and not without a PRACK that answers it: then the 200 brings it. */
	if (leg->late) {
		with = with && wanted != SIP_EARLY_OFFER_NO && !leg->early_sdp && !leg->agreed;
		reliable = reliable || with;
	}
	sip_payload_init(body);
	body->pl_data = (char *)(uintptr_t)sdp->p;
	body->pl_len = sdp->len;
	if (reliable && with) {
		leg->early_sdp = true;
		checkpoint_save(leg);
	}
	if (reliable &&
	    nta_reliable_treply(leg->irq, on_prack, NULL, status, NULL,
	        SIPTAG_CONTACT_STR(leg->id_text.contact), SIPTAG_SERVER(sipd.server),
	        SIPTAG_ALLOW(sipd.allow), TAG_IF(headers[0] != '\0', SIPTAG_HEADER_STR(headers)),
	        TAG_IF(with, SIPTAG_CONTENT_TYPE(sipd.sdp_type)),
	        TAG_IF(with, SIPTAG_PAYLOAD(body)), TAG_END()) != NULL)
		return;
	nta_incoming_treply(leg->irq, status, NULL, SIPTAG_CONTACT_STR(leg->id_text.contact),
	    SIPTAG_SERVER(sipd.server), TAG_IF(headers[0] != '\0', SIPTAG_HEADER_STR(headers)),
	    TAG_IF(with, SIPTAG_CONTENT_TYPE(sipd.sdp_type)), TAG_IF(with, SIPTAG_PAYLOAD(body)),
	    TAG_END());
}
