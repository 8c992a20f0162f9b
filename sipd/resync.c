/* SPDX-License-Identifier: ISC */
/*
 * Reconciliation with featured after each (re)connection: every leg is named between sync_begin and
 * sync_end; then what featured may not have heard is said again. Called by from_featured.c.
 */
#include "sipd/from_featured.h"
#include "sipd/leg.h"
#include "sipd/refer.h"
#include "sipd/to_featured.h"

static void
untold(struct leg *leg)
{
	struct ipc_view v;

	if (leg->phase == PHASE_OFFERED && !leg->taken)
		tell_offered(leg);
	if (leg->phase == PHASE_UP && !leg->incoming && !leg->settled)
		tell_answered(leg);
	if ((leg->open == OPEN_REINVITE_IN || leg->open == OPEN_UPDATE_IN) && leg->irq != NULL &&
	    !leg->reanswered)
		tell_reoffer(leg);
	if (leg->refer != NULL)
		tell_refer(leg);
	if (leg->acked.len > 0 && leg->phase == PHASE_UP) {
		v = (struct ipc_view){ leg->acked.p, leg->acked.len };
		tell_acked(leg, &v);
	}
	if (leg->reinvited_untold != 0) {
		struct blob b = leg->event;

		leg->event = (struct blob){ 0 };
		v = (struct ipc_view){ b.len > 0 ? b.p : (const uint8_t *)"", b.len };
		tell_reinvited(leg, leg->reinvited_untold, &v);
		free(b.p);
	}
	if (leg->phase == PHASE_GONE)
		tell_gone(leg);
}

void
resync(void)
{
	struct msg_sync_end end = { 0 };
	struct leg *leg, *next;

	ipc_send(sipd.peer, MSG_sync_begin, &(struct msg_sync_begin){});
	HASH_ITER(hh, sipd.legs, leg, next)
	{
		struct msg_sync_leg m = { .leg = leg->id,
			.state = leg_wire_state(leg),
			.last_status = leg->last_status };

		if (leg->phase == PHASE_GONE && leg->forgotten)
			continue;
		ipc_send(sipd.peer, MSG_sync_leg, &m);
		end.count++;
	}
	ipc_send(sipd.peer, MSG_sync_end, &end);
	HASH_ITER(hh, sipd.legs, leg, next)
	untold(leg);
	log_info("told featured what lives here", kv_u("legs", end.count));
}
