/* SPDX-License-Identifier: ISC */
/* See adrift.h. Called by the files that send (invite_in.c, invite_out.c, dialog.c), the leg's timer, restore.c and register.c. */
#include "sipd/adrift.h"

#include <sofia-sip/tport.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/checkpoint.h"
#include "sipd/dialog.h"
#include "sipd/invite.h"
#include "sipd/nat.h"
#include "sipd/stack.h"
#include "sipd/to_featured.h"

#define RESENT_MAX 3

static uint64_t up_ms;

void
adrift_init(void)
{
	up_ms = clock_mono_ms();
}

static void
wait_for_it(struct leg *leg, uint64_t ms)
{
	leg->adrift_at = clock_mono_ms() + ms;
	leg_timer(leg);
}

/* The requests of ours that wait, to where the leg's next hop is now. */
static void
resend(struct leg *leg)
{
	struct msg_leg_dial m;
	void *hold = NULL;

	leg->adrift_at = 0;
	if (leg->open == OPEN_INVITE_OUT) {
		if (leg->dialog != NULL)
			nta_leg_destroy(leg->dialog);
		leg->dialog = NULL;
		if (!checkpoint_open_dialled(leg, &m, &hold) || !invite_out_restore(leg, &m))
			adrift_given_up(leg);
		free(hold);
	} else if (leg->bye_open) {
		dialog_bye(leg, leg->bye_q850);
	}
}

bool
adrift_unsent(struct leg *leg, int status, const sip_t *sip, uint64_t ms)
{
	if (status != 503 || (sip != NULL && !nta_sip_is_internal(sip)) ||
	    leg->transport != SIP_TRANSPORT_TCP || leg->id_text.route[0] != '\0' ||
	    leg->id_text.next_hop[0] == '\0')
		return false;
	/* It has come back between our sending and the error: not for ever, should that connection be of no use. */
	if (dialog_id_connected(&leg->id_text)) {
		if (leg->resent++ >= RESENT_MAX)
			return false;
		resend(leg);
		return true;
	}
	wait_for_it(leg, ms);
	return true;
}

bool
adrift_undialled(struct leg *leg, int status, const sip_t *sip)
{
	bool rings = leg->phase == PHASE_RINGING;

	/* Who was not rung is unreachable, unless it has lost its connection only now, with all others. */
	if (!rings && clock_mono_ms() > up_ms + ADRIFT_NEW_MS)
		return false;
	return adrift_unsent(leg, status, sip, rings ? ADRIFT_UP_MS : ADRIFT_NEW_MS);
}

/* The answers that wait: to the caller's INVITE, or to a re-INVITE, of which featured hears only now. */
static void
answer(struct leg *leg, tport_t *tport)
{
	bool up = leg->phase == PHASE_UP;

	leg->adrift_at = 0;
	if (!checkpoint_caller_back(leg, tport))
		adrift_given_up(leg);
	else if (up && leg->irq != NULL && !leg->reanswered)
		tell_reoffer(leg);
}

/*
 * Whether a phone can be connected to shows when something is sent to it: an OPTIONS in its dialog, of which no phone makes anything. Whatever it
 * answers has come over a connection that the INVITE's answers can take, too.
 */
static int
on_probe(struct leg *leg, nta_outgoing_t *orq, const sip_t *sip)
{
	int status = nta_outgoing_status(orq);
	tport_t *tport = NULL;
	union addr to;

	if (status < 200)
		return 0;
	if (sip != NULL && !nta_sip_is_internal(sip) && nat_hop_address(&to, leg->probe_hop))
		tport = nat_connection(&to);
	nta_outgoing_destroy(orq);
	leg->probe = NULL;
	if (tport == NULL || leg->adrift_at == 0)
		return 0;
	leg->busy = true;
	checkpoint_enter(leg);
	answer(leg, tport);
	checkpoint_leave();
	leg->busy = false;
	leg_reap(leg);
	return 0;
}

void
adrift_caller(struct leg *leg, const sip_t *sip)
{
	char hop[URI_HOP_LEN];
	union addr to;
	int64_t port = 5060;

	wait_for_it(leg, ADRIFT_UP_MS);
	if (leg->probe != NULL || nat_source(&to, sip) < 0 ||
	    (sip->sip_via->v_port != NULL && str_to_i64(sip->sip_via->v_port, 1, 65535, &port) < 0))
		return;
	addr_set_port(&to, (uint16_t)port);
	nat_hop(hop, &to, SIP_TRANSPORT_TCP);
	mem_free(&leg->probe_hop);
	if ((leg->probe_hop = mem_strdup(hop)) == NULL)
		return;
	dialog_next_cseq(leg);
	leg->probe = nta_outgoing_tcreate(leg->dialog, on_probe, leg, URL_STRING_MAKE(leg->probe_hop), SIP_METHOD_OPTIONS, NULL,
	    DIALOG_BIND(leg), SIPTAG_USER_AGENT(sipd.user_agent), TAG_END());
}

static void
back(struct leg *leg, tport_t *tport)
{
	bool waits = leg->adrift_at != 0;

	log_info("the phone has another connection", kv_x("leg", leg->id), kv_u("phase", leg->phase), kv_u("waits", waits));
	leg->busy = true;
	checkpoint_enter(leg);
	if (waits && (leg->open == OPEN_INVITE_OUT || leg->bye_open))
		resend(leg);
	else if (waits)
		answer(leg, tport);
	checkpoint_leave();
	leg->busy = false;
	leg_reap(leg);
}

void
adrift_moved(const char *user, const char *from, const char *to)
{
	char old[URI_HOP_LEN], new[URI_HOP_LEN];
	struct leg *leg, *next;
	union addr was, is;
	tport_t *tport;

	if (addr_parse(&was, from, 5060) < 0 || addr_parse(&is, to, 5060) < 0 ||
	    (tport = nat_connection(&is)) == NULL)
		return;
	nat_hop(old, &was, SIP_TRANSPORT_TCP);
	nat_hop(new, &is, SIP_TRANSPORT_TCP);
	HASH_ITER(hh, sipd.legs, leg, next)
	if (dialog_moved(leg, user, old, new))
		back(leg, tport);
}

void
adrift_given_up(struct leg *leg)
{
	leg->adrift_at = 0;
	leg->refused = 0;
	switch ((enum leg_phase)leg->phase) {
	case PHASE_OFFERED:
	case PHASE_DIALING:
	case PHASE_RINGING:
		leg_over(leg, 503, LEG_END_TRANSPORT, 0, "the phone has not come back", "");
		break;
	case PHASE_ANSWERED:
		leg_over(leg, 408, LEG_END_TRANSPORT, 102, "the phone has not come back", "");
		break;
	case PHASE_UP:
	case PHASE_GONE:
		break;
	}
	if (leg->bye_open && leg->bye == NULL) {
		leg->bye_open = false;
		checkpoint_save(leg);
	}
	if (leg->open == OPEN_INVITE_OUT && leg->orq == NULL) {
		leg->open = OPEN_NONE;
		checkpoint_open_done(leg);
	}
}

void
adrift_free(struct leg *leg)
{
	if (leg->probe != NULL)
		nta_outgoing_destroy(leg->probe);
	leg->probe = NULL;
	mem_free(&leg->probe_hop);
}
