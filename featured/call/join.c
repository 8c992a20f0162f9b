/* SPDX-License-Identifier: ISC */
/* Legs that go from one call into another; see join.h. Decides nothing: transfer.c, consult.c and
 * the apps park and pickup do. */
#include "featured/call/join.h"

#include "featured/call/party.h"
#include "featured/call/recording.h"
#include "featured/call/session.h"

void
join_take(struct core *core, struct call *call, struct leg *leg, bool ends)
{
	struct call *old = leg->call;

	if (old == call)
		return;
	trace_add(core, call, "app", "joined", "leg=%016llx %s", (unsigned long long)leg->r.id,
	    leg->r.user);
	if (ends)
		recording_follow(core, old, call, leg);
	recording_leave(core, leg);
	TAILQ_REMOVE(&old->legs, leg, next);
	TAILQ_INSERT_TAIL(&call->legs, leg, next);
	leg->call = call;
	leg->r.call = call->r.id;
	leg_dirty(core, leg);
	call_dirty(core, old);
	/* No play of the one may be taken for one of the other. */
	if (call->r.plays < old->r.plays)
		call->r.plays = old->r.plays;
	if (leg->r.want != WANT_NONE && call->r.due[TIMER_WANT] == 0)
		call_timer(core, call, TIMER_WANT, 5000);
}

/* The two hear each other and nothing else. */
static void
connect_two(struct core *core, struct leg *a, struct leg *b)
{
	if (a->r.peer != b->r.id)
		session_part(core, a);
	if (b->r.peer != a->r.id)
		session_part(core, b);
	session_play_stop(core, a);
	session_play_stop(core, b);
	session_join(core, a, b);
}

/* What app bridge takes for given. */
static void
bridge_up(struct core *core, struct call *call, struct leg *caller, struct leg *callee)
{
	struct leg *leg;

	TAILQ_FOREACH(leg, &call->legs, next)
	if (leg != caller && leg != callee && leg->r.state != LEG_OVER &&
	    leg->r.state != LEG_CLOSING)
		leg_hangup(core, leg, 26);
	connect_two(core, caller, callee);
	party_changed(core, caller);
	party_changed(core, callee);
	if (callee->r.state == LEG_OFFERED)
		leg_answer(core, callee, leg_has_codec(caller) ? caller : NULL);
	if (caller->r.state == LEG_OFFERED)
		leg_answer(core, caller, callee);
}

void
join_bridge(struct core *core, struct call *call, struct leg *caller, struct leg *callee)
{
	call_switch(core, call, APP_BRIDGE);
	call->r.caller = caller->r.id;
	call->r.callee = callee->r.id;
	call->r.held = 0;
	call_answered(core, call, 0);
	bridge_up(core, call, caller, callee);
	call_check_hold(core, call);
}

void
join_room(struct core *core, struct call *call)
{
	const uint64_t ids[] = { call->r.u.consult.by, call->r.u.consult.other,
		call->r.u.consult.third };
	struct leg *leg;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		leg = leg_find(core, ids[i]);
		if (leg == NULL || leg->call != call)
			continue;
		session_part(core, leg);
		session_room(core, leg, call->r.key, 0);
	}
}

void
join_over(struct core *core, struct call *old, const struct call *call, const char *how)
{
	char text[UUID_STR_LEN + 1], cause[64];

	uuid_print(&call->r.id, text);
	str_format(cause, sizeof(cause), "%s, call %s", how, text);
	if (leg_find(core, old->r.caller) == NULL || leg_find(core, old->r.caller)->call != old)
		old->r.caller = 0;
	old->r.app = APP_NONE;
	call_answered(core, old, 0);
	call_end(core, old, 200, 16, CDR_SIDE_SYSTEM, cause);
}

struct leg *
join_partner(const struct core *core, const struct leg *leg)
{
	struct leg *peer = leg->r.peer != 0 ? leg_find(core, leg->r.peer) : NULL;

	if (peer == NULL || peer->call != leg->call || peer->r.peer != leg->r.id ||
	    !leg_is_up(peer) || !leg_is_up(leg) || leg->call->r.ending)
		return NULL;
	return peer;
}
