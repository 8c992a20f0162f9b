/* SPDX-License-Identifier: ISC */
/* See branch.h. The branches' figures are in call->r.u.dial, for both apps. */
#include "featured/app/branch.h"

size_t
branch_start(struct core *core, struct call *call, const char *user, uint16_t ring_s,
    const struct leg *like, bool late)
{
	struct core_contact contacts[CORE_CONTACTS_MAX];
	size_t n = core->env.contacts(core->env.arg, user, contacts, CORE_CONTACTS_MAX), made = 0;
	struct leg *legs[CORE_CONTACTS_MAX];
	uint64_t guard;

	trace_add(core, call, "route", "contacts", "%s: %zu", user, n);
	for (size_t i = 0; i < n; i++) {
		legs[made] = leg_new(core, call, 0, false);
		if (legs[made] == NULL)
			break;
		leg_set_user(core, legs[made], user);
		made++;
	}
	/* All of them exist before the first can fail. */
	for (size_t i = 0; i < made; i++) {
		leg_dial(core, legs[i], &contacts[i], ring_s, like, late);
		if (legs[i]->dial != NULL)
			legs[i]->dial->auto_answer = call->r.app == APP_INTERCOM ||
			    call->r.app == APP_PAGE;
	}
	/* Of several who ring at once the guard is for the longest. */
	guard = (uint64_t)ring_s * 1000 + 5000;
	if (made > 0 && call->r.due[TIMER_RING] < core->mono_ms + guard)
		call_timer(core, call, TIMER_RING, guard);
	return made;
}

void
branch_cancel(struct core *core, struct call *call, const struct leg *keep, uint8_t q850)
{
	struct leg *leg;

	TAILQ_FOREACH(leg, &call->legs, next)
	if (leg != keep && leg_is_early(leg))
		leg_hangup(core, leg, q850);
}

bool
branch_waiting(const struct call *call)
{
	const struct leg *leg;

	TAILQ_FOREACH(leg, &call->legs, next)
	if (leg->r.id != call->r.caller && leg_is_early(leg))
		return true;
	return false;
}

/* Smaller is better: 6xx speaks for all devices, then what the callee itself said, then what went
 * wrong on the way. */
static int
rank(uint16_t status)
{
	if (status >= 600)
		return 0;
	if (status == 486)
		return 1;
	if (status == 480)
		return 2;
	if (status == 408 || status == 487)
		return 4;
	if (status >= 400 && status < 500)
		return 3;
	if (status >= 500)
		return 5;
	return status >= 300 ? 6 : 7;
}

void
branch_failed(struct call *call, const struct leg_arg *arg)
{
	uint16_t status = arg->status;
	uint8_t q850 = arg->q850;

	/* What concerns the way to the phone is not the caller's affair. */
	if (arg->cause == LEG_END_TRANSPORT) {
		status = 480;
		q850 = 27;
	} else if (arg->cause == LEG_END_TIMEOUT || status == 408) {
		status = 408;
		q850 = 19;
	} else if (status == 401 || status == 407 || status / 100 == 3) {
		status = 480;
	} else if (status == 503 && arg->cause == LEG_END_REMOTE) {
		status = 500; /* RFC 3261 16.7: it does not speak of us */
	}
	if (call->r.u.dial.best != 0 && rank(call->r.u.dial.best) <= rank(status))
		return;
	call->r.u.dial.best = status;
	call->r.u.dial.best_q850 = q850;
}

void
branch_give_up(struct core *core, struct call *call)
{
	uint16_t status = call->r.u.dial.best;
	uint8_t q850 = call->r.u.dial.best_q850;

	if (status == 0)
		call_app_done(core, call, OUTCOME_UNREGISTERED, 480, 20);
	else if (status == 486 || status == 600 || status == 603)
		call_app_done(core, call, OUTCOME_BUSY, status, q850);
	else if (status == 408 || status == 487)
		call_app_done(core, call, OUTCOME_NOANSWER, 480, 19);
	else if (status == 480)
		call_app_done(core, call, OUTCOME_NOANSWER, status, q850);
	else
		call_app_done(core, call, OUTCOME_FAILED, status, q850);
}
