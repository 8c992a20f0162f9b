/* SPDX-License-Identifier: ISC */
/* Transfer by keys; see consult.h. The keys of the number come by app/consult.c. */
#include "featured/call/consult.h"

#include <string.h>

#include "featured/call/join.h"
#include "featured/call/park.h"
#include "featured/call/session.h"
#include "featured/call/transfer.h"
#include "featured/settings.h"

#define PROMPT_NUMBER  "pbx-transfer" /* "transfer" */
#define PROMPT_INVALID "pbx-invalid"  /* "that is not a valid extension" */
#define SORRY_MS       8000

bool
consult_is(const struct call *call)
{
	static const struct uuid none;

	return uuid_cmp(&call->r.consults, &none) != 0;
}

bool
consult_by(const struct leg *leg)
{
	return consult_is(leg->call) && leg->r.id == leg->call->r.caller;
}

static void
not_any_more(struct core *core, struct call *call)
{
	memset(&call->r.consults, 0, sizeof(call->r.consults));
	call_dirty(core, call);
}

/* The call in which somebody waits, NULL: it is over. */
static struct call *
waiting_call(const struct core *core, const struct call *call)
{
	struct call *waiting = consult_is(call) ? call_find(core, call->r.consults.b) : NULL;

	return waiting != NULL && !waiting->r.ending && waiting->r.app == APP_CONSULT ? waiting
	                                                                              : NULL;
}

static struct leg *
leg_in(const struct core *core, const struct call *call, uint64_t id)
{
	struct leg *leg = leg_find(core, id);

	return leg != NULL && leg->call == call ? leg : NULL;
}

void
consult_start(struct core *core, struct leg *by, bool blind)
{
	struct leg *other = join_partner(core, by);
	const struct extension *e = settings_extension(core->settings, by->r.user);
	struct call *call = by->call;

	if (other == NULL)
		return;
	call_switch(core, call, APP_CONSULT);
	call->r.u.consult.by = by->r.id;
	call->r.u.consult.other = other->r.id;
	call->r.u.consult.blind = blind;
	call->r.u.consult.phase = CONSULT_DIGITS;
	call_set_state(core, call, CALL_TRANSFERRING);
	session_part(core, by);
	session_part(core, other);
	session_music(core, other, e != NULL ? e->music_on_hold : "");
	session_play(core, by, PROMPT_NUMBER, 1);
	call_timer(core, call, TIMER_APP,
	    2 * (uint64_t)core->settings->dialplan.digit_timeout_s * 1000);
}

void
consult_resume(struct core *core, struct call *call)
{
	struct leg *by = leg_in(core, call, call->r.u.consult.by),
	           *other = leg_in(core, call, call->r.u.consult.other);

	if (by == NULL || other == NULL || !leg_is_up(by) || !leg_is_up(other)) {
		call_end(core, call, 480, 16, CDR_SIDE_SYSTEM, NULL);
		return;
	}
	trace_add(core, call, "app", "back", "%s", by->r.user);
	if (call->r.caller == by->r.id)
		join_bridge(core, call, by, other);
	else
		join_bridge(core, call, other, by);
}

static void
sorry(struct core *core, struct call *call, struct leg *by)
{
	call->r.u.consult.phase = CONSULT_SORRY;
	session_play(core, by, PROMPT_INVALID, 1);
	call_timer(core, call, TIMER_APP, SORRY_MS);
}

/* A call of by's to number, with by's own leg. */
static void
consult(struct core *core, struct call *call, struct leg *by, const char *number)
{
	const struct extension *ext = settings_extension(core->settings, by->r.user);
	struct call *other = call_new(core, CALL_FROM_SIP);
	struct cdr cdr;

	if (other == NULL) {
		sorry(core, call, by);
		return;
	}
	str_copy(other->r.from, sizeof(other->r.from), by->r.user);
	str_copy(other->r.from_name, sizeof(other->r.from_name), ext != NULL ? ext->name : "");
	str_copy(other->r.to, sizeof(other->r.to), number);
	other->r.consults = call->r.id;
	other->r.caller = by->r.id;
	other->r.cdr = CALL_CDR_INTENT;
	cdr_fill(core, other, &cdr);
	out_cdr(core->out, OUT_CDR_INTENT, &cdr);
	trace_add(core, other, "app", "consultation", "by=%s to=%s", by->r.user, number);
	call->r.u.consult.phase = CONSULT_AWAY;
	call_timer(core, call, TIMER_APP, 0);
	session_play_stop(core, by);
	join_take(core, other, by, false);
	call_route(core, other);
	call_step(core, other, 0);
}

void
consult_number(struct core *core, struct call *call)
{
	struct leg *by = leg_in(core, call, call->r.u.consult.by),
	           *other = leg_in(core, call, call->r.u.consult.other);
	char number[sizeof(call->r.u.consult.digits) + 1];

	str_ncopy(number, sizeof(number), call->r.u.consult.digits, call->r.u.consult.n);
	if (by == NULL || other == NULL || number[0] == '\0') {
		consult_resume(core, call);
		return;
	}
	if (!call->r.u.consult.blind)
		consult(core, call, by, number);
	else if (transfer_retarget(core, call, other, by, number) != 0)
		sorry(core, call, by);
}

void
consult_back(struct core *core, struct leg *leg)
{
	call_end(core, leg->call, 480, 16, CDR_SIDE_CALLER, NULL);
}

bool
consult_is_three(const struct call *call)
{
	return call->r.app == APP_CONSULT && call->r.u.consult.phase == CONSULT_THREE;
}

void
consult_three(struct core *core, struct leg *leg)
{
	struct call *call = leg->call, *waiting = waiting_call(core, call);
	struct leg *far = join_partner(core, leg), *stays;

	stays = waiting != NULL ? leg_in(core, waiting, waiting->r.u.consult.other) : NULL;
	if (far == NULL || stays == NULL || !leg_is_up(stays))
		return;
	not_any_more(core, call);
	join_take(core, waiting, leg, true);
	join_take(core, waiting, far, true);
	waiting->r.u.consult.phase = CONSULT_THREE;
	waiting->r.u.consult.third = far->r.id;
	call_set_state(core, waiting, CALL_CONNECTED);
	trace_add(core, waiting, "app", "three", "%s, %s, %s", leg->r.user, stays->r.user,
	    far->r.user);
	join_room(core, waiting);
	join_over(core, call, waiting, "joined");
}

void
consult_left(struct core *core, struct call *call, const struct leg *gone)
{
	const uint64_t ids[] = { call->r.u.consult.by, call->r.u.consult.other,
		call->r.u.consult.third };
	struct leg *left[2], *leg;
	size_t n = 0;

	for (size_t i = 0; i < 3; i++) {
		leg = leg_in(core, call, ids[i]);
		if (leg != NULL && leg != gone && leg_is_up(leg) && n < 2)
			left[n++] = leg;
	}
	if (gone->r.id == ids[0] && leg_in(core, call, ids[2]) != NULL) {
		/* Who brought the third one in has left it to the other. */
		str_copy(call->r.parker, sizeof(call->r.parker), gone->r.user);
		call_talks_to(core, call, leg_in(core, call, ids[2])->r.user);
	}
	if (n < 2)
		call_end(core, call, 480, 16, CDR_SIDE_SYSTEM, NULL);
	else if (left[1]->r.id == call->r.caller)
		join_bridge(core, call, left[1], left[0]);
	else
		join_bridge(core, call, left[0], left[1]);
}

bool
consult_complete(struct core *core, struct call *call)
{
	struct call *waiting = waiting_call(core, call);
	struct leg *by = call_caller(core, call), *stays;
	char to[sizeof(call->r.to)];

	if (waiting == NULL || by == NULL)
		return false;
	not_any_more(core, call);
	stays = leg_in(core, waiting, waiting->r.u.consult.other);
	if (stays != NULL && leg_is_up(stays) && transfer_can_take(core, call, by)) {
		transfer_take_over(core, waiting, stays, call, by);
		join_over(core, call, waiting, "transferred");
		return true;
	}
	/* It talked to no party but, say, to a mailbox: then the other one goes there. */
	str_copy(to, sizeof(to), call->r.to);
	park_held(core, call, to, sizeof(to));
	if (stays == NULL || !leg_is_up(stays) || call->r.answer_ms == 0 ||
	    transfer_retarget(core, waiting, stays, by, to) != 0)
		call_end(core, waiting, 480, 16,
		    waiting->r.caller == by->r.id ? CDR_SIDE_CALLER : CDR_SIDE_CALLEE, NULL);
	return false;
}

void
consult_over(struct core *core, struct call *call)
{
	struct call *waiting = waiting_call(core, call);
	struct leg *by = call_caller(core, call);

	if (!consult_is(call))
		return;
	not_any_more(core, call);
	if (waiting == NULL || waiting->r.u.consult.phase != CONSULT_AWAY ||
	    leg_in(core, waiting, waiting->r.u.consult.by) != NULL)
		return;
	/* Gone, or in a third call: whoever waits would do so for ever. */
	if (by == NULL || by->call != call || !leg_is_up(by)) {
		call_end(core, waiting, 480, 16, CDR_SIDE_SYSTEM, NULL);
		return;
	}
	join_take(core, waiting, by, true);
	consult_resume(core, waiting);
}

void
consult_alone(struct core *core, struct call *call)
{
	struct leg *by = leg_find(core, call->r.u.consult.by);

	/* The consultation goes on as an ordinary call. */
	if (by != NULL && by->call != call && consult_is(by->call) &&
	    uuid_cmp(&by->call->r.consults, &call->r.id) == 0)
		not_any_more(core, by->call);
}
