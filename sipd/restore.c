/* SPDX-License-Identifier: ISC */
/*
 * Taking up legs from the checkpoint after a restart. Established dialogs are made again silently;
 * INVITEs under way go on with the same transaction ids, so that the far ends see retransmissions
 * at most. Called once, after the stack listens.
 */
#include "sipd/sipd.h"

#include <sofia-sip/msg.h>
#include <sofia-sip/msg_header.h>
#include <sofia-sip/tport.h>
#include <string.h>

#include "common/base/ckpt.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/adrift.h"
#include "sipd/checkpoint.h"
#include "sipd/checkpoint_rec.h"
#include "sipd/dialog.h"
#include "sipd/invite.h"
#include "sipd/nat.h"
#include "sipd/stack.h"

/* The next packed string, a copy; NULL when out of memory or the record is cut. */
static char *
unpack(const char **p, const char *end)
{
	size_t len = strnlen(*p, (size_t)(end - *p));
	char *s;

	if (*p + len >= end)
		return NULL;
	s = mem_strdup(*p);
	*p += len + 1;
	return s;
}

static bool
take(char **field, const char **p, const char *end)
{
	free(*field);
	return (*field = unpack(p, end)) != NULL;
}

static bool
take_texts(struct leg *leg, const struct leg_rec *rec)
{
	const char *p = rec->text,
	           *end = rec->text + (rec->text_len < REC_TEXT ? rec->text_len : REC_TEXT);
	const struct long_rec *more = rec->long_slot != CKPT_NONE
	    ? ckpt_get(sipd.ck_long, rec->long_slot)
	    : NULL;
	struct dialog_id *id = &leg->id_text;
	char *reason = NULL, *redirect = NULL, *bind = NULL;
	bool ok;

	if (more != NULL && more->leg == leg->id && more->len <= LONG_TAIL) {
		leg->long_slot = rec->long_slot;
		p = ckpt_tail(sipd.ck_long, leg->long_slot);
		end = p + more->len;
	}
	ok = take(&id->call_id, &p, end) && take(&id->local, &p, end) &&
	    take(&id->remote, &p, end) && take(&id->target, &p, end) && take(&id->route, &p, end) &&
	    take(&id->next_hop, &p, end) && take(&id->contact, &p, end) && take(&reason, &p, end) &&
	    take(&redirect, &p, end) && take(&bind, &p, end);
	if (ok && bind[0] != '\0')
		leg->bind = nat_bind_find(bind);
	if (ok && rec->phase == PHASE_GONE) {
		ok = (leg->gone = mem_new(sizeof(*leg->gone))) != NULL;
		if (ok) {
			leg->gone->at_ms = rec->gone_ms;
			leg->gone->status = rec->gone_status;
			leg->gone->cause = rec->gone_cause;
			leg->gone->q850 = rec->gone_q850;
			str_copy(leg->gone->reason, sizeof(leg->gone->reason), reason);
			str_copy(leg->gone->redirect, sizeof(leg->gone->redirect), redirect);
		}
	}
	free(reason);
	free(redirect);
	free(bind);
	return ok;
}

static void
take_fields(struct leg *leg, const struct leg_rec *rec)
{
	leg->answered_ms = rec->answered_ms;
	leg->refresh_at = rec->refresh_at;
	leg->expire_at = rec->expire_at;
	leg->give_up_at = rec->give_up_at;
	leg->cseq = rec->cseq;
	leg->invite_cseq = rec->invite_cseq;
	leg->session_s = rec->session_s;
	leg->serial = rec->serial;
	leg->last_status = rec->last_status;
	leg->transport = rec->transport;
	leg->bye_q850 = rec->bye_q850;
	leg->taken = (rec->flags & REC_TAKEN) != 0;
	leg->settled = (rec->flags & REC_SETTLED) != 0;
	leg->forgotten = (rec->flags & REC_FORGOTTEN) != 0;
	leg->late = (rec->flags & REC_LATE) != 0;
	leg->cancelled = (rec->flags & REC_CANCELLED) != 0;
	leg->bye_wanted = (rec->flags & REC_BYE_WANTED) != 0;
	leg->far_update = (rec->flags & REC_FAR_UPDATE) != 0;
	leg->far_timer = (rec->flags & REC_FAR_TIMER) != 0;
	leg->early_sdp = (rec->flags & REC_EARLY_SDP) != 0;
	leg->agreed = (rec->flags & REC_AGREED) != 0;
	leg->moved = (rec->flags & REC_MOVED) != 0;
	leg->restored = true;
	leg->we_refresh = (rec->flags & REC_WE_REFRESH) != 0;
	memcpy(leg->branch, rec->branch, sizeof(leg->branch));
	leg->branch[sizeof(leg->branch) - 1] = '\0';
}

msg_t *
checkpoint_request(const struct leg *leg)
{
	const struct open_rec *open = leg->open_slot != CKPT_NONE
	    ? ckpt_get(sipd.ck_open, leg->open_slot)
	    : NULL;
	msg_t *msg;
	sip_t *sip;

	if (open == NULL || open->leg != leg->id || open->kind != OPEN_INVITE_IN ||
	    open->a_len > OPEN_TAIL)
		return NULL;
	msg = msg_make(sip_default_mclass(), 0, ckpt_tail(sipd.ck_open, leg->open_slot),
	    (ssize_t)open->a_len);
	sip = msg != NULL ? sip_object(msg) : NULL;
	if (sip != NULL && sip->sip_request != NULL && sip->sip_via != NULL &&
	    sip->sip_from != NULL && sip->sip_to != NULL && sip->sip_call_id != NULL)
		return msg;
	if (msg != NULL)
		msg_destroy(msg);
	return NULL;
}

/* The UDP socket of ours to answer from. */
static tport_t *
socket_for(const sip_via_t *via)
{
	bool six = strchr(via->v_received != NULL ? via->v_received : via->v_host, ':') != NULL;
	tport_t *tp = tport_primaries(nta_agent_tports(sipd.agent));

	while (tp != NULL && (!tport_is_udp(tp) || six != (tport_has_ip6(tp) != 0)))
		tp = tport_next(tp);
	return tp;
}

nta_incoming_t *
checkpoint_transaction(struct leg *leg, const char *text, size_t len, tport_t *tp)
{
	msg_t *msg = msg_make(sip_default_mclass(), 0, text, (ssize_t)len);
	sip_t *sip = msg != NULL ? sip_object(msg) : NULL;

	if (sip == NULL || sip->sip_request == NULL || sip->sip_via == NULL ||
	    sip->sip_from == NULL || sip->sip_to == NULL || sip->sip_call_id == NULL ||
	    sip->sip_cseq == NULL) {
		if (msg != NULL)
			msg_destroy(msg);
		return NULL;
	}
	/* The connection that it came by is gone. */
	if (tp == NULL && nat_transport(sip->sip_via) == SIP_TRANSPORT_TCP) {
		adrift_caller(leg, sip);
		msg_destroy(msg);
		return NULL;
	}
	/*
	 * RSeq starts anew in a new transaction and the caller would ignore such a 1xx (RFC 3262
	 * section 3), while nta would end the call for want of its PRACK. So from here on 1xx go
	 * unreliably.
	 */
	if (sip->sip_require != NULL)
		sip_header_remove(msg, sip, (sip_header_t *)sip->sip_require);
	if (sip->sip_supported != NULL)
		sip_header_remove(msg, sip, (sip_header_t *)sip->sip_supported);
	if (tp == NULL)
		tp = socket_for(sip->sip_via);
	if (tp == NULL) {
		msg_destroy(msg);
		return NULL;
	}
	return nta_incoming_create(sipd.agent, leg->dialog, msg, sip, NTATAG_TPORT(tp), TAG_END());
}

bool
checkpoint_caller_back(struct leg *leg, tport_t *tport)
{
	const struct open_rec *open = leg->open_slot != CKPT_NONE
	    ? ckpt_get(sipd.ck_open, leg->open_slot)
	    : NULL;
	struct ipc_view b = { NULL, 0 };
	const char *a;

	if (open == NULL || open->leg != leg->id || open->a_len + open->b_len > OPEN_TAIL)
		return false;
	a = ckpt_tail(sipd.ck_open, leg->open_slot);
	b = (struct ipc_view){ (const uint8_t *)a + open->a_len, open->b_len };
	if (open->kind == OPEN_REINVITE_IN && leg->phase == PHASE_UP)
		return reinvite_in_restore(leg, a, open->a_len, open->has_b ? &b : NULL, tport);
	if (open->kind != OPEN_INVITE_IN)
		return false;
	if (!invite_in_restore(leg, a, open->a_len, leg->phase == PHASE_ANSWERED && open->has_b ? &b : NULL, tport))
		return false;
	if (leg->refused != 0) {
		stack_answer(leg->irq, leg->refused, NULL);
		leg->irq = NULL;
		leg->refused = 0;
	} else if (leg->phase == PHASE_OFFERED && leg->last_status > 100) {
		nta_incoming_treply(leg->irq, leg->last_status, NULL, SIPTAG_CONTACT_STR(leg->id_text.contact),
		    SIPTAG_SERVER(sipd.server), TAG_END());
	}
	return true;
}

/* Goes on with the INVITE under way. False: the leg cannot go on. */
static bool
restore_open(struct leg *leg, const struct leg_rec *rec)
{
	const struct open_rec *open = rec->open_slot != CKPT_NONE
	    ? ckpt_get(sipd.ck_open, rec->open_slot)
	    : NULL;
	struct ipc_view b = { NULL, 0 };
	struct msg_leg_dial dial;
	const char *a;
	void *hold = NULL;
	size_t n;
	bool ok;

	if (open == NULL || open->leg != leg->id || open->a_len + open->b_len > OPEN_TAIL)
		return leg->phase == PHASE_UP || leg->phase == PHASE_ANSWERED ||
		    leg->phase == PHASE_GONE;
	leg->open_slot = rec->open_slot;
	a = ckpt_tail(sipd.ck_open, leg->open_slot);
	if (open->has_b)
		b = (struct ipc_view){ (const uint8_t *)a + open->a_len, open->b_len };
	if (open->kind == REC_TOLD) {
		leg_told(leg, open->status, &b);
		return true;
	}
	switch ((enum leg_open)open->kind) {
	case OPEN_INVITE_IN:
		if (leg->phase == PHASE_GONE && !leg->bye_wanted)
			return true;
		if (leg->phase == PHASE_OFFERED && open->has_b)
			leg_told(leg, 0, &b);
		ok = invite_in_restore(leg, a, open->a_len,
		    leg->phase != PHASE_OFFERED && open->has_b ? &b : NULL, NULL);
		return ok || leg->phase != PHASE_OFFERED;
	case OPEN_INVITE_OUT:
		if (open->has_b && leg->phase == PHASE_UP) {
			n = strnlen((const char *)b.p, b.len);
			leg->user_agent = mem_strdup((const char *)b.p);
			if (n < b.len)
				blob_set(&leg->event, b.p + n + 1, b.len - n - 1);
			/* Nobody knows whether the ACK went out: a second one does no harm. */
			dialog_ack(leg, NULL);
			return true;
		}
		ok = checkpoint_open_dialled(leg, &dial, &hold) && invite_out_restore(leg, &dial);
		free(hold);
		return ok;
	case OPEN_REINVITE_IN:
		return reinvite_in_restore(leg, a, open->a_len, open->has_b ? &b : NULL, NULL) ||
		    leg->phase == PHASE_UP;
	case OPEN_REINVITE_OUT:
		blob_set(&leg->event, a, open->a_len);
		return reinvite_out_restore(leg) || leg->phase == PHASE_UP;
	case OPEN_UPDATE_IN:
	case OPEN_NONE:
		break;
	}
	return true;
}

static bool
restore_leg(uint32_t slot, const struct leg_rec *rec)
{
	struct leg *leg;
	bool ok;

	if (rec->id == 0 || leg_find(rec->id) != NULL ||
	    (leg = leg_new(rec->id, (rec->flags & REC_INCOMING) != 0)) == NULL)
		return false;
	leg->slot = slot;
	leg->busy = true;
	take_fields(leg, rec);
	ok = take_texts(leg, rec);
	leg->phase = rec->phase;
	if (leg->incoming && leg->phase != PHASE_OFFERED && sipd.setups > 0)
		sipd.setups--;
	/* An INVITE of ours under way makes its dialog by itself, with the CSeq that it had. */
	if (ok && rec->open != OPEN_INVITE_OUT)
		ok = dialog_restore(leg, rec->remote_cseq) == 0;
	if (ok)
		ok = restore_open(leg, rec);
	if (ok && leg->phase == PHASE_ANSWERED && leg->irq == NULL)
		leg->phase = PHASE_UP;
	if (!ok) {
		log_warning("leg cannot be taken up again", kv_x("leg", rec->id),
		    kv_u("phase", rec->phase));
		leg->forgotten = true;
		leg->phase = PHASE_GONE;
		leg->bye_wanted = false;
	} else if (rec->flags & REC_BYE_OPEN) {
		dialog_bye(leg, leg->bye_q850);
		if (leg->phase != PHASE_GONE)
			leg_over(leg, 200, LEG_END_LOCAL, leg->bye_q850, "", "");
	}
	leg->busy = false;
	leg_timer(leg);
	leg_reap(leg);
	return ok;
}

void
checkpoint_load(void)
{
	const struct leg_rec *rec;
	struct leg_rec copy;
	uint32_t slot;
	uint64_t from = clock_mono_us();

	for (slot = ckpt_next(sipd.ck_legs, 0); slot != CKPT_NONE;
	     slot = ckpt_next(sipd.ck_legs, slot + 1)) {
		if ((rec = ckpt_get(sipd.ck_legs, slot)) == NULL)
			continue;
		copy = *rec;
		ckpt_enter(sipd.ck_legs, slot);
		if (restore_leg(slot, &copy))
			sipd.count.restored++;
		else if (ckpt_get(sipd.ck_legs, slot) != NULL)
			ckpt_del(sipd.ck_legs, slot);
		ckpt_leave(sipd.ck_legs);
	}
	for (slot = ckpt_next(sipd.ck_open, 0); slot != CKPT_NONE;
	     slot = ckpt_next(sipd.ck_open, slot + 1)) {
		const struct open_rec *open = ckpt_get(sipd.ck_open, slot);
		struct leg *leg = open != NULL ? leg_find(open->leg) : NULL;

		if (leg == NULL || leg->open_slot != slot)
			ckpt_del(sipd.ck_open, slot);
	}
	for (slot = ckpt_next(sipd.ck_long, 0); slot != CKPT_NONE;
	     slot = ckpt_next(sipd.ck_long, slot + 1)) {
		const struct long_rec *text = ckpt_get(sipd.ck_long, slot);
		struct leg *leg = text != NULL ? leg_find(text->leg) : NULL;

		if (leg == NULL || leg->long_slot != slot)
			ckpt_del(sipd.ck_long, slot);
	}
	if (sipd.count.restored > 0)
		log_info("legs taken up", kv_u("legs", sipd.count.restored),
		    kv_u("us", clock_mono_us() - from));
}
