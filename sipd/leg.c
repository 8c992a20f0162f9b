/* SPDX-License-Identifier: ISC */
/* The table of legs, their timers and their ends; see leg.h. */
#include "sipd/leg.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/ckpt.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/adrift.h"
#include "sipd/checkpoint.h"
#include "sipd/dialog.h"
#include "sipd/invite.h"
#include "sipd/refer.h"
#include "sipd/session_timer.h"
#include "sipd/stack.h"
#include "sipd/to_featured.h"

bool
blob_set(struct blob *b, const void *p, size_t len)
{
	uint8_t *copy = NULL;

	if (len > 0) {
		if ((copy = mem_new(len)) == NULL)
			return false;
		memcpy(copy, p, len);
	}
	free(b->p);
	b->p = copy;
	b->len = len;
	return true;
}

void
blob_free(struct blob *b)
{
	mem_free(&b->p);
	b->len = 0;
}

void
leg_told(struct leg *leg, uint16_t status, const struct ipc_view *sdp)
{
	if (!blob_set(&leg->told, sdp->p, sdp->len))
		blob_free(&leg->told);
	leg->told_status = status;
}

void
leg_untold(struct leg *leg)
{
	bool stored = leg->told.len > 0 || leg->told_status != 0;

	blob_free(&leg->told);
	leg->told_status = 0;
	/*
	 * Its place in the checkpoint is not written over: what is cut short would be taken for it.
	 */
	if (stored && leg->open == OPEN_NONE)
		checkpoint_open_done(leg);
}

struct leg *
leg_new(uint64_t id, bool incoming)
{
	struct leg *leg;

	if (HASH_COUNT(sipd.legs) >= (unsigned)sipd.set.max_legs ||
	    (leg = mem_new(sizeof(*leg))) == NULL)
		return NULL;
	leg->id = id;
	leg->incoming = incoming;
	leg->phase = incoming ? PHASE_OFFERED : PHASE_DIALING;
	leg->slot = CKPT_NONE;
	leg->open_slot = CKPT_NONE;
	leg->long_slot = CKPT_NONE;
	if ((leg->id_text.target = mem_strdup("")) == NULL ||
	    (leg->id_text.route = mem_strdup("")) == NULL ||
	    (leg->id_text.next_hop = mem_strdup("")) == NULL) {
		dialog_destroy(leg);
		free(leg);
		return NULL;
	}
	HASH_ADD(hh, sipd.legs, id, sizeof(leg->id), leg);
	if (incoming)
		sipd.setups++;
	return leg;
}

struct leg *
leg_find(uint64_t id)
{
	struct leg *leg;

	HASH_FIND(hh, sipd.legs, &id, sizeof(id), leg);
	return leg;
}

static void
leg_free(struct leg *leg)
{
	HASH_DEL(sipd.legs, leg);
	checkpoint_forget(leg);
	if (leg->timer != NULL)
		su_timer_destroy(leg->timer);
	if (leg->irq != NULL)
		nta_incoming_destroy(leg->irq);
	if (leg->orq != NULL)
		nta_outgoing_destroy(leg->orq);
	if (leg->bye != NULL)
		nta_outgoing_destroy(leg->bye);
	if (leg->early != NULL)
		nta_incoming_destroy(leg->early);
	if (leg->refresh != NULL)
		nta_outgoing_destroy(leg->refresh);
	adrift_free(leg);
	dialog_destroy(leg);
	blob_free(&leg->event);
	blob_free(&leg->told);
	refer_end(leg, SIP_481_NO_TRANSACTION);
	free(leg->party);
	free(leg->user_agent);
	free(leg->gone);
	free(leg);
}

void
leg_reap(struct leg *leg)
{
	if (leg->busy || leg->phase != PHASE_GONE || !leg->forgotten)
		return;
	if (leg->orq != NULL || leg->bye != NULL || leg->bye_wanted || leg->adrift_at != 0)
		return;
	leg_free(leg);
}

/* What both ways of ending share. */
static void
end(struct leg *leg)
{
	overload_heard(leg);
	if (leg->incoming && leg->phase == PHASE_OFFERED && sipd.setups > 0)
		sipd.setups--;
	leg->phase = PHASE_GONE;
	early_refuse(leg, SIP_481_NO_TRANSACTION);
	leg->give_up_at = leg->glare_at = leg->refresh_at = leg->expire_at = 0;
	leg_timer(leg);
	if (leg->open == OPEN_REINVITE_OUT && leg->orq != NULL) {
		nta_outgoing_destroy(leg->orq);
		leg->orq = NULL;
	}
	if (leg->open != OPEN_INVITE_OUT && !leg->bye_wanted)
		leg->open = OPEN_NONE;
	if (leg->irq != NULL && !leg->bye_wanted) {
		nta_incoming_destroy(leg->irq);
		leg->irq = NULL;
	}
	if (leg->refresh != NULL) {
		nta_outgoing_destroy(leg->refresh);
		leg->refresh = NULL;
	}
	blob_free(&leg->event);
}

void
leg_over(struct leg *leg, uint16_t status, enum leg_end cause, uint8_t q850, const char *reason,
    const char *redirect)
{
	if (leg->phase == PHASE_GONE)
		return;
	/* Ended by us it was most likely transferred. */
	if (cause == LEG_END_LOCAL)
		refer_end(leg, SIP_202_ACCEPTED);
	else
		refer_end(leg, SIP_481_NO_TRANSACTION);
	end(leg);
	if (leg->gone == NULL && (leg->gone = mem_new(sizeof(*leg->gone))) == NULL) {
		/* featured hears of it by the next reconciliation: the leg is not named. */
		leg->forgotten = true;
		return;
	}
	leg->gone->at_ms = clock_real_ms();
	leg->gone->status = status;
	leg->gone->cause = (uint8_t)cause;
	leg->gone->q850 = q850;
	str_copy(leg->gone->reason, sizeof(leg->gone->reason), reason);
	str_copy(leg->gone->redirect, sizeof(leg->gone->redirect), redirect);
	checkpoint_save(leg);
	tell_gone(leg);
}

void
leg_drop(struct leg *leg)
{
	if (leg->phase != PHASE_GONE)
		end(leg);
	leg->forgotten = true;
	checkpoint_save(leg);
}

void
leg_hangup(struct leg *leg, enum leg_end cause, uint8_t q850)
{
	switch ((enum leg_phase)leg->phase) {
	case PHASE_OFFERED:
		invite_in_refuse(leg, q850 == 17 ? 486 : 480, NULL, 0, q850, "");
		leg_over(leg, 480, cause, q850, "", "");
		break;
	case PHASE_ANSWERED:
		/* RFC 3261 section 15: no BYE before the ACK. */
		leg->bye_wanted = true;
		leg->bye_q850 = q850;
		leg_over(leg, 200, cause, q850, "", "");
		break;
	case PHASE_DIALING:
	case PHASE_RINGING:
		invite_out_cancel(leg, q850);
		leg_over(leg, cause == LEG_END_TIMEOUT ? 408 : 487, cause, q850, "", "");
		break;
	case PHASE_UP:
		dialog_bye(leg, q850);
		leg_over(leg, 200, cause, q850, "", "");
		break;
	case PHASE_GONE:
		break;
	}
}

static bool
due(uint64_t *at, uint64_t now)
{
	if (*at == 0 || *at > now)
		return false;
	*at = 0;
	return true;
}

static void
on_timer(struct sipd *s, su_timer_t *timer, struct leg *leg)
{
	uint64_t now = clock_mono_ms() + 1;

	(void)s;
	(void)timer;
	leg->timer_at = 0;
	leg->busy = true;
	if (due(&leg->give_up_at, now)) {
		if (leg->phase == PHASE_UP)
			reinvite_give_up(leg);
		else if (leg->incoming)
			invite_in_give_up(leg);
		else
			leg_hangup(leg, LEG_END_TIMEOUT, 0);
	}
	if (due(&leg->glare_at, now) && leg->phase == PHASE_UP)
		reinvite_again(leg);
	if (due(&leg->refresh_at, now) && leg->phase == PHASE_UP)
		session_timer_refresh(leg);
	if (due(&leg->expire_at, now) && leg->phase == PHASE_UP) {
		log_info("session timer ran out", kv_x("leg", leg->id));
		leg_hangup(leg, LEG_END_TIMEOUT, 0);
	}
	if (due(&leg->early_at, now))
		early_refuse(leg, SIP_504_GATEWAY_TIME_OUT);
	if (due(&leg->refer_at, now))
		refer_end(leg, SIP_503_SERVICE_UNAVAILABLE);
	if (due(&leg->adrift_at, now))
		adrift_given_up(leg);
	leg->busy = false;
	leg_timer(leg);
	leg_reap(leg);
}

static uint64_t
earliest(const struct leg *leg)
{
	const uint64_t at[] = { leg->give_up_at, leg->glare_at, leg->refresh_at, leg->expire_at,
		leg->early_at, leg->refer_at, leg->adrift_at };
	uint64_t best = 0;

	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		if (at[i] != 0 && (best == 0 || at[i] < best))
			best = at[i];
	return best;
}

void
leg_timer(struct leg *leg)
{
	uint64_t at = earliest(leg), now;

	/* One that fires too early finds nothing due and is set again: cheaper than setting it at
	 * each change. */
	if (at == 0 || (leg->timer_at != 0 && leg->timer_at <= at))
		return;
	if (leg->timer == NULL &&
	    (leg->timer = su_timer_create(su_root_task(sipd.root), 0)) == NULL) {
		log_error("out of memory for a timer", kv_x("leg", leg->id));
		return;
	}
	now = clock_mono_ms();
	leg->timer_at = at;
	su_timer_set_interval(leg->timer, on_timer, leg, at > now ? (su_duration_t)(at - now) : 1);
}

uint8_t
leg_wire_state(const struct leg *leg)
{
	switch ((enum leg_phase)leg->phase) {
	case PHASE_OFFERED:
		return SIP_LEG_OFFERED;
	case PHASE_DIALING:
		return SIP_LEG_DIALING;
	case PHASE_RINGING:
		return SIP_LEG_RINGING;
	case PHASE_ANSWERED:
	case PHASE_UP:
		return SIP_LEG_UP;
	case PHASE_GONE:
		return SIP_LEG_GONE;
	}
	return SIP_LEG_GONE;
}

bool
blob_pending(const struct leg *leg)
{
	return !leg->incoming && !leg->settled;
}
