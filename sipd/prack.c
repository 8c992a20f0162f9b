/* SPDX-License-Identifier: ISC */
/*
 * PRACK for reliable 1xx to our INVITE (RFC 3262). Each early dialog of a forked INVITE has its own
 * RSeq and CSeq spaces, so each has a struct fork with an nta dialog of its own; dialog_confirm()
 * goes on with that of the fork that answers.
 */
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/dialog.h"
#include "sipd/invite.h"

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
	str_format(cseq, sizeof(cseq), "%u INVITE", leg->invite_cseq);
	f->dialog = nta_leg_tcreate(sipd.agent, NULL, NULL,
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
