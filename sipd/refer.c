/* SPDX-License-Identifier: ISC */
/* REFER and Replaces; see refer.h. Called by stack_event.c, invite_in.c and from_featured.c. */
#include "sipd/refer.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/checkpoint.h"
#include "sipd/dialog.h"
#include "sipd/dialog_ref.h"
#include "sipd/nat.h"
#include "sipd/stack.h"
#include "sipd/to_featured.h"

#define ANSWER_MS 15000 /* featured's time */

/*
 * Which leg.
 */

static struct leg *
by_tags(const struct dialog_ref *ref, const char *ours, const char *theirs)
{
	sip_replaces_t rp[1];
	nta_leg_t *dialog;

	sip_replaces_init(rp);
	rp->rp_call_id = ref->call_id;
	rp->rp_to_tag = ours;
	rp->rp_from_tag = theirs;
	dialog = nta_leg_by_replaces(sipd.agent, rp);
	return dialog != NULL ? nta_leg_magic(dialog, stack_in_dialog) : NULL;
}

/* Phones do not agree on whose tag is which. */
static uint64_t
leg_named(const struct dialog_ref *ref)
{
	struct leg *leg = by_tags(ref, ref->to_tag, ref->from_tag);

	if (leg == NULL)
		leg = by_tags(ref, ref->from_tag, ref->to_tag);
	return leg != NULL && leg->phase != PHASE_GONE ? leg->id : REFER_NOBODY;
}

uint64_t
refer_replaced(const sip_t *sip, uint8_t *early_only)
{
	const sip_replaces_t *rp = sip->sip_replaces;
	struct dialog_ref ref = { .early_only = false };
	const struct leg *leg;
	uint64_t id;

	*early_only = 0;
	if (rp == NULL)
		return 0;
	if (rp->rp_call_id == NULL || rp->rp_to_tag == NULL || rp->rp_from_tag == NULL ||
	    !str_copy(ref.call_id, sizeof(ref.call_id), rp->rp_call_id) ||
	    !str_copy(ref.to_tag, sizeof(ref.to_tag), rp->rp_to_tag) ||
	    !str_copy(ref.from_tag, sizeof(ref.from_tag), rp->rp_from_tag))
		return REFER_NOBODY;
	*early_only = rp->rp_early_only != 0;
	if ((id = dialog_ref_lamp(&ref)) == 0)
		return leg_named(&ref);
	*early_only = 1;
	leg = leg_find(id);
	return leg != NULL && leg->phase != PHASE_GONE ? id : REFER_NOBODY;
}

/*
 * The request.
 */

static int
try_later(nta_incoming_t *irq)
{
	sip_retry_after_t after[1];

	sip_retry_after_init(after);
	after->af_delta = 3;
	nta_incoming_treply(irq, SIP_500_INTERNAL_SERVER_ERROR, SIPTAG_RETRY_AFTER(after),
	    SIPTAG_SERVER(sipd.server), TAG_END());
	nta_incoming_destroy(irq);
	return 0;
}

static bool
wants_no_notify(const sip_t *sip)
{
	const char *sub = stack_header(sip, "Refer-Sub");

	if (sub != NULL && strncasecmp(sub + strspn(sub, " \t"), "false", 5) == 0)
		return true;
	if (sip->sip_require != NULL && sip->sip_require->k_items != NULL)
		for (const msg_param_t *p = sip->sip_require->k_items; *p != NULL; p++)
			if (str_ieq(*p, "norefersub"))
				return true;
	return false;
}

/* What the REFER asks for. 0, or the status to refuse it with. */
static int
understand(struct msg_leg_refer *m, const sip_t *sip)
{
	const sip_refer_to_t *to = sip->sip_refer_to;
	struct dialog_ref ref;
	char text[256];

	if (to == NULL)
		return 400;
	if (to->r_url->url_type != url_sip && to->r_url->url_type != url_sips &&
	    to->r_url->url_type != url_tel)
		return 416;
	if (to->r_url->url_params != NULL && strcasestr(to->r_url->url_params, "method=") != NULL &&
	    strcasestr(to->r_url->url_params, "method=INVITE") == NULL)
		return 400;
	if (to->r_url->url_user != NULL) {
		if (!str_copy(text, sizeof(text), to->r_url->url_user))
			return 400;
		stack_unescape(text);
		if (to->r_url->url_type == url_tel)
			text[strcspn(text, ";")] = '\0';
		if (!str_copy(m->to_user, sizeof(m->to_user), text))
			return 404;
	}
	str_copy(m->to_domain, sizeof(m->to_domain),
	    to->r_url->url_host != NULL ? to->r_url->url_host : "");
	switch (dialog_ref_of_headers(&ref, to->r_url->url_headers)) {
	case 0:
		return m->to_user[0] != '\0' ? 0 : 400;
	case 1:
		m->replaces = leg_named(&ref);
		return 0;
	default:
		return 400;
	}
}

int
refer_in(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	struct msg_leg_refer m = { .leg = leg->id, .serial = sip->sip_cseq->cs_seq };
	const char *tag = stack_unsupported(sip);
	int status;

	if (leg->phase == PHASE_GONE) {
		stack_answer(irq, SIP_481_NO_TRANSACTION);
		return 0;
	}
	if (tag != NULL) {
		nta_incoming_treply(irq, SIP_420_BAD_EXTENSION, SIPTAG_UNSUPPORTED_STR(tag),
		    SIPTAG_SERVER(sipd.server), TAG_END());
		nta_incoming_destroy(irq);
		return 0;
	}
	if ((status = understand(&m, sip)) != 0) {
		nta_incoming_treply(irq, status, NULL, SIPTAG_SERVER(sipd.server), TAG_END());
		nta_incoming_destroy(irq);
		return 0;
	}
	if (leg->refer != NULL) {
		stack_answer(irq, SIP_491_REQUEST_PENDING);
		return 0;
	}
	if ((leg->phase != PHASE_UP && leg->phase != PHASE_ANSWERED) ||
	    (leg->refer = mem_new(sizeof(*leg->refer))) == NULL)
		return try_later(irq);
	leg->refer->irq = irq;
	leg->refer->m = m;
	leg->refer_quiet = wants_no_notify(sip);
	leg->refer_id = sip->sip_cseq->cs_seq;
	leg->refer_at = clock_mono_ms() + ANSWER_MS;
	leg_timer(leg);
	checkpoint_save(leg); /* the far end's CSeq */
	tell_refer(leg);
	return 0;
}

/* Outside of any dialog: who can name a dialog by its tags is a party of it. */
void
refer_new(msg_t *msg, sip_t *sip)
{
	const char *target = stack_header(sip, "Target-Dialog");
	struct dialog_ref ref;
	nta_incoming_t *irq;
	struct leg *leg;

	if (sip->sip_to->a_tag != NULL) {
		stack_refuse(msg, SIP_481_NO_TRANSACTION, 0);
		return;
	}
	if (target == NULL) {
		stack_refuse(msg, 403, "Target-Dialog Needed", 0);
		return;
	}
	if (!dialog_ref_parse(&ref, target, strlen(target))) {
		stack_refuse(msg, 400, "Bad Target-Dialog", 0);
		return;
	}
	leg = leg_find(leg_named(&ref));
	if (leg == NULL) {
		stack_refuse(msg, SIP_481_NO_TRANSACTION, 0);
		return;
	}
	if ((irq = nta_incoming_create(sipd.agent, NULL, msg, sip, TAG_END())) == NULL)
		return;
	nta_incoming_tag(irq, NULL);
	leg->busy = true;
	checkpoint_enter(leg);
	refer_in(leg, irq, sip);
	/* Its NOTIFYs would need a dialog of their own. */
	if (leg->refer != NULL && leg->refer->irq == irq)
		leg->refer_quiet = true;
	checkpoint_leave();
	leg->busy = false;
	leg_reap(leg);
}

/*
 * featured's commands.
 */

void
refer_end(struct leg *leg, int status, const char *phrase)
{
	struct refer *refer = leg->refer;

	if (refer == NULL)
		return;
	leg->refer = NULL;
	leg->refer_at = 0;
	nta_incoming_treply(refer->irq, status, phrase, SIPTAG_SERVER(sipd.server),
	    TAG_IF(status < 300, SIPTAG_CONTACT_STR(leg->id_text.contact)),
	    TAG_IF(status < 300 && leg->refer_quiet, SIPTAG_HEADER_STR("Refer-Sub: false")),
	    TAG_END());
	nta_incoming_destroy(refer->irq);
	free(refer);
}

void
refer_answer(struct leg *leg, const struct msg_leg_refer_answer *m)
{
	if (leg->refer == NULL || leg->refer->m.serial != m->serial)
		return;
	refer_end(leg, m->status >= 200 && m->status <= 699 ? m->status : 500, NULL);
}

void
refer_progress(struct leg *leg, const struct msg_leg_refer_progress *m)
{
	char event[32], frag[96];
	sip_payload_t body[1];
	nta_outgoing_t *orq;
	const char *phrase = sip_status_phrase(m->status);

	if (leg->phase != PHASE_UP || leg->refer_quiet || m->serial != leg->refer_id)
		return;
	str_format(event, sizeof(event), "refer;id=%u", leg->refer_id);
	str_format(frag, sizeof(frag), "SIP/2.0 %u %s\r\n", m->status,
	    phrase != NULL ? phrase : "Unknown");
	sip_payload_init(body);
	body->pl_data = frag;
	body->pl_len = strlen(frag);
	dialog_next_cseq(leg);
	orq = nta_outgoing_tcreate(leg->dialog, NULL, NULL, dialog_hop(leg), SIP_METHOD_NOTIFY,
	    NULL, DIALOG_BIND(leg), SIPTAG_CONTACT_STR(leg->id_text.contact),
	    SIPTAG_USER_AGENT(sipd.user_agent), SIPTAG_EVENT_STR(event),
	    SIPTAG_SUBSCRIPTION_STATE_STR(m->status < 200 ? "active;expires=60"
	                                                  : "terminated;reason=noresource"),
	    SIPTAG_CONTENT_TYPE_STR("message/sipfrag;version=2.0"), SIPTAG_PAYLOAD(body),
	    TAG_END());
	if (orq != NULL)
		nta_outgoing_destroy(orq); /* it goes on by itself */
}
