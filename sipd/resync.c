/* SPDX-License-Identifier: ISC */
/*
 * Reconciliation with featured after each (re)connection: every leg is named between sync_begin and
 * sync_end; then what featured may not have heard is said again. Called by from_featured.c.
 */
#include "sipd/from_featured.h"
#include "sipd/leg.h"
#include "sipd/refer.h"
#include "sipd/sub_words.h"
#include "sipd/to_featured.h"

static void
untold(struct leg *leg)
{
	if (leg->phase == PHASE_OFFERED && !leg->taken)
		tell_offered(leg);
	if (leg->phase == PHASE_UP && !leg->incoming && !leg->settled)
		tell_answered(leg);
	if ((leg->open == OPEN_REINVITE_IN || leg->open == OPEN_UPDATE_IN) && leg->irq != NULL &&
	    !leg->reanswered)
		tell_reoffer(leg);
	if (leg->early != NULL)
		tell_reoffer(leg);
	if (leg->refer != NULL)
		tell_refer(leg);
	if (leg->phase == PHASE_UP && leg->told_status != 0)
		tell_reinvited(leg);
	else if (leg->phase == PHASE_UP || leg->phase == PHASE_OFFERED ||
	    leg->phase == PHASE_ANSWERED)
		tell_acked(leg);
	/*
	 * The caller gave up before featured had heard of the call: there is to be a record of it.
	 */
	if (leg->phase == PHASE_GONE && leg->incoming && !leg->taken && !leg->forgotten)
		tell_offered(leg);
	if (leg->phase == PHASE_GONE)
		tell_gone(leg);
}

void
resync(void)
{
	struct msg_sync_end end = { 0 };
	struct leg *leg, *next;
	unsigned topics;

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
	topics = subs_sync();
	ipc_send(sipd.peer, MSG_sync_end, &end);
	HASH_ITER(hh, sipd.legs, leg, next)
	untold(leg);
	log_info("told featured what lives here", kv_u("legs", end.count), kv_u("topics", topics));
}
