/* SPDX-License-Identifier: ISC */
/*
 * What the rows of leg_fsm.def do. An action tells sipd (core_to_sipd), tells mediad (session_*),
 * and tells the call's app (call_leg_event); it never sets the leg's state. Each may run twice for
 * the same event, because sipd repeats events after a reconnection.
 */
#include "featured/call/leg_do.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/ipc/msg.h"
#include "featured/call/call.h"
#include "featured/call/party.h"
#include "featured/call/session.h"
#include "featured/settings.h"

#define TELL(core, leg, name, ...)                                                                 \
	core_to_sipd(core, leg, MSG_##name,                                                        \
	    &(struct msg_##name){ .leg = (leg)->r.id __VA_OPT__(, ) __VA_ARGS__ })

void
do_nothing(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	(void)core;
	(void)leg;
	(void)arg;
}

/*
 * Towards the caller.
 */

void
do_send_taken(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	(void)arg;
	leg->r.taken = 1;
	TELL(core, leg, leg_taken);
}

/* We died, or sipd did, before leg_taken: mediad may or may not have the offer, so it gets it
 * again, and then what hung on it. */
void
do_offer_again(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	if (leg->r.taken) {
		do_send_taken(core, leg, arg);
		return;
	}
	if (arg->sdp.len > 0)
		session_keep(core, leg, arg->sdp, COPY_OFFER);
	session_replay(core, leg->call);
}

static void
say_progress(struct core *core, struct leg *leg, uint16_t status, struct ipc_view sdp)
{
	struct msg_leg_progress m = { .leg = leg->r.id, .status = status, .sdp = sdp };
	struct party party;

	if (status != 181 && party_of(core, leg, &party)) {
		str_copy(m.party_user, sizeof(m.party_user), party.user);
		str_copy(m.party_name, sizeof(m.party_name), party.name);
		m.party_headers = party.headers;
	}
	core_to_sipd(core, leg, MSG_leg_progress, &m);
}

static void
say_answer(struct core *core, struct leg *leg, struct ipc_view sdp)
{
	struct msg_leg_answer m = { .leg = leg->r.id, .sdp = sdp };
	struct party party;

	if (party_of(core, leg, &party)) {
		str_copy(m.party_user, sizeof(m.party_user), party.user);
		str_copy(m.party_name, sizeof(m.party_name), party.name);
		str_copy(leg->party_told, sizeof(leg->party_told), party.user);
		m.party_headers = party.headers;
	}
	core_to_sipd(core, leg, MSG_leg_answer, &m);
}

void
do_send_progress(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	/* arg->kind: with early media, which is sent when mediad has made the SDP. */
	if (arg->kind || leg->r.progress == arg->status)
		return;
	leg->r.progress = arg->status;
	say_progress(core, leg, arg->status, (struct ipc_view){ .p = NULL, .len = 0 });
}

void
do_send_early(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	enum leg_want want = leg->r.want;

	leg->r.want = WANT_NONE;
	if (want == WANT_REANSWER) {
		leg->r.oa = OA_STABLE;
		TELL(core, leg, leg_reanswer, .serial = leg->r.serial, .status = 200,
		    .sdp = arg->sdp);
		return;
	}
	leg->r.progress = leg->r.want_status;
	leg->r.early_sent = 1;
	leg->r.oa = leg->r.late ? OA_OURS : OA_STABLE;
	say_progress(core, leg, leg->r.want_status, arg->sdp);
}

void
do_want_answer(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	(void)arg;
	session_want(core, leg, WANT_ANSWER, leg->r.like);
}

void
do_send_answer(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	leg->r.want = WANT_NONE;
	leg->r.oa = leg->r.late && !leg->r.agreed ? OA_OURS : OA_STABLE;
	leg->r.status = 200;
	leg->r.answered_ms = core->real_ms;
	trace_add(core, leg->call, "sip", "answer", "leg=%016llx", (unsigned long long)leg->r.id);
	say_answer(core, leg, arg->sdp);
	call_leg_event(core, leg, CALL_LEG_UP, arg);
}

static void
say_refuse(struct core *core, struct leg *leg)
{
	TELL(core, leg, leg_refuse, .status = leg->r.refuse_status, .q850_cause = leg->r.q850);
}

void
do_send_refuse(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	leg->r.status = arg->status;
	leg->r.end_cause = LEG_END_LOCAL;
	leg->r.want = WANT_NONE;
	trace_add(core, leg->call, "sip", "refuse", "leg=%016llx status=%u q850=%u",
	    (unsigned long long)leg->r.id, leg->r.refuse_status, leg->r.q850);
	say_refuse(core, leg);
	session_close(core, leg);
}

void
do_refuse_again(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	(void)arg;
	if (leg->r.refuse_status != 0)
		say_refuse(core, leg);
	else
		TELL(core, leg, leg_hangup, .q850_cause = leg->r.q850);
}

/*
 * Towards a callee.
 */

void
do_send_dial(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	const struct call_rec *call = &leg->call->r;
	struct msg_leg_dial m = { .leg = leg->r.id };

	leg->r.want = WANT_NONE;
	leg->r.oa = OA_OURS;
	if (leg->dial == NULL) { /* lost with an old checkpoint */
		leg_event(core, leg, LEV_failed,
		    &(struct leg_arg){ .status = 500, .reason = "no contact" });
		return;
	}
	str_copy(m.request_uri, sizeof(m.request_uri), leg->dial->contact.uri);
	str_copy(m.route, sizeof(m.route), leg->dial->contact.route);
	str_copy(m.path, sizeof(m.path), leg->dial->contact.path);
	m.transport = leg->dial->contact.transport;
	party_dial(core, leg, &m);
	str_copy(m.to_user, sizeof(m.to_user), leg->r.user);
	str_copy(m.to_domain, sizeof(m.to_domain), core->settings->server.domain);
	uuid_print(&call->id, m.call_uuid);
	m.max_forwards = call->max_forwards;
	m.ring_s = leg->dial->ring_s;
	m.auto_answer = leg->dial->auto_answer;
	m.sdp = arg->sdp;
	trace_add(core, leg->call, "sip", "dial", "leg=%016llx to=%s uri=%s",
	    (unsigned long long)leg->r.id, leg->r.user, m.request_uri);
	core_to_sipd(core, leg, MSG_leg_dial, &m);
}

/* The INVITE never got to sipd. mediad makes the same offer a second time. */
void
do_make_again(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	(void)arg;
	core->stats.repeated_commands++;
	trace_add(core, leg->call, "sync", "dial-again", "leg=%016llx",
	    (unsigned long long)leg->r.id);
	session_want(core, leg, WANT_DIAL, leg->r.like);
}

void
do_ring(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	if (arg->status == leg->r.progress && arg->sdp.len == 0)
		return;
	leg->r.progress = arg->status;
	trace_add(core, leg->call, "sip", "ringing", "leg=%016llx status=%u%s",
	    (unsigned long long)leg->r.id, arg->status, arg->sdp.len > 0 ? " early media" : "");
	if (arg->sdp.len > 0) {
		session_answer(core, leg, arg->sdp, true);
		leg->r.oa = OA_EARLY;
	}
	call_leg_event(core, leg, CALL_LEG_RINGING, arg);
}

void
do_take_answer(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	leg->r.status = 200;
	leg->r.answered_ms = arg->at_ms != 0 ? arg->at_ms : core->real_ms;
	leg->r.want = WANT_NONE;
	store_forget_dial(core, leg);
	trace_add(core, leg->call, "sip", "answered", "leg=%016llx by=%s",
	    (unsigned long long)leg->r.id, leg->r.user);
	if (arg->sdp.len > 0)
		session_answer(core, leg, arg->sdp, false);
	else if (leg->r.oa == OA_OURS) {
		/* RFC 3261 13.2.2.4: a 2xx to our offer without an answer. */
		trace_add(core, leg->call, "sip", "no-answer-sdp", "leg=%016llx",
		    (unsigned long long)leg->r.id);
		call_leg_event(core, leg, CALL_LEG_FAILED, &(struct leg_arg){ .status = 488 });
		return;
	}
	leg->r.oa = OA_STABLE;
	call_leg_event(core, leg, CALL_LEG_ANSWERED, arg);
}

/* Repeated, because leg_settled has not been sent: mediad may lack the answer, and the caller may
 * lack its 200. */
void
do_answer_again(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	struct leg *other;

	if (arg->sdp.len > 0)
		session_keep(core, leg, arg->sdp, COPY_ANSWER);
	session_replay(core, leg->call);
	TAILQ_FOREACH(other, &leg->call->legs, next)
	if (other->r.want != WANT_NONE)
		return; /* its SDP will prove that mediad has all */
	session_want(core, leg, WANT_MARK, leg->r.like);
}

void
do_send_settled(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	(void)arg;
	TELL(core, leg, leg_settled);
}

void
do_settle_again(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	do_send_settled(core, leg, arg);
}

void
do_give_up(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	leg->r.status = arg->status;
	leg->r.end_cause = LEG_END_LOCAL;
	TELL(core, leg, leg_hangup, .q850_cause = 47);
	session_close(core, leg);
	call_leg_event(core, leg, CALL_LEG_GONE, arg);
}

/*
 * While it is up.
 */

void
do_take_acked(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	if (leg->r.oa != OA_OURS)
		return;
	leg->r.oa = OA_STABLE;
	if (arg->sdp.len > 0)
		session_answer(core, leg, arg->sdp, false);
}

/* The answer to our offer in a 1xx. The 200 has to bring none any more. */
void
do_take_early(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	if (leg->r.oa != OA_OURS || arg->sdp.len == 0)
		return;
	leg->r.oa = OA_STABLE;
	leg->r.agreed = 1;
	trace_add(core, leg->call, "sip", "early-answer", "leg=%016llx",
	    (unsigned long long)leg->r.id);
	session_answer(core, leg, arg->sdp, false);
	if (leg->r.state == LEG_ANSWERING)
		session_want(core, leg, WANT_ANSWER, leg->r.like);
}

/* SDP for something else than an INVITE's first answer. */
void
do_take_sdp(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	enum leg_want want = leg->r.want;

	leg->r.want = WANT_NONE;
	switch (want) {
	case WANT_REANSWER:
		leg->r.oa = leg->r.reoffer_late ? OA_OURS : OA_STABLE;
		TELL(core, leg, leg_reanswer, .serial = leg->r.serial, .status = 200,
		    .sdp = arg->sdp);
		trace_add(core, leg->call, "sip", "reanswer", "leg=%016llx direction=%u",
		    (unsigned long long)leg->r.id, leg->r.direction);
		call_check_hold(core, leg->call);
		break;
	case WANT_REINVITE:
		leg->r.reinviting = 1;
		leg->r.oa = OA_OURS;
		TELL(core, leg, leg_reinvite, .sdp = arg->sdp);
		break;
	case WANT_ANSWER: /* the 200 was lost with sipd: again */
		say_answer(core, leg, arg->sdp);
		break;
	case WANT_NONE:
	case WANT_DIAL:
	case WANT_PROGRESS:
	case WANT_MARK:
		break;
	}
}

void
do_take_reoffer(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	leg->r.serial = arg->serial;
	leg->r.reoffer_late = arg->sdp.len == 0;
	trace_add(core, leg->call, "sip", "reoffer", "leg=%016llx%s", (unsigned long long)leg->r.id,
	    leg->r.reoffer_late ? " without SDP" : "");
	if (!leg->r.reoffer_late)
		session_offer(core, leg, arg->sdp);
	session_want(core, leg, WANT_REANSWER, leg->r.peer);
}

void
do_refuse_reoffer(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	TELL(core, leg, leg_reanswer, .serial = arg->serial,
	    .status = leg->r.state == LEG_ANSWERING ? 491 : 481);
}

void
do_fail_reoffer(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	enum leg_want want = leg->r.want;

	if (want == WANT_NONE) {
		/* Only a late offer's answer is worth the call; a tone that cannot be played is
		 * not. */
		if (arg->command == MSG_media_answer && !leg->r.reinviting)
			call_leg_event(core, leg, CALL_LEG_FAILED, arg);
		return;
	}
	leg->r.want = WANT_NONE;
	if (want == WANT_REANSWER) {
		leg->r.oa = OA_STABLE;
		TELL(core, leg, leg_reanswer, .serial = leg->r.serial, .status = arg->status);
	}
}

void
do_fail_early(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	if (leg->r.want == WANT_REANSWER)
		do_fail_reoffer(core, leg, arg);
}

void
do_refresh(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	(void)arg;
	if (leg->r.want == WANT_NONE && !leg->r.reinviting)
		session_want(core, leg, WANT_REINVITE, leg->r.peer);
}

void
do_take_reinvited(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	/* sipd says it again after each reconnection. */
	if (!leg->r.reinviting && leg->r.oa != OA_OURS)
		return;
	leg->r.reinviting = 0;
	leg->r.oa = OA_STABLE;
	trace_add(core, leg->call, "sip", "reinvited", "leg=%016llx status=%u",
	    (unsigned long long)leg->r.id, arg->status);
	if (arg->status / 100 == 2 && arg->sdp.len > 0)
		session_answer(core, leg, arg->sdp, false);
}

void
do_tell_failed(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	enum leg_want want = leg->r.want;

	/* A reoffer or an early answer that cannot be had is not the end of the call. */
	leg->r.want = WANT_NONE;
	if (want == WANT_REANSWER) {
		TELL(core, leg, leg_reanswer, .serial = leg->r.serial, .status = arg->status);
		return;
	}
	if (want == WANT_PROGRESS && arg->command == MSG_media_make_answer)
		return;
	if (arg->command == MSG_media_play || arg->command == MSG_media_connect ||
	    arg->command == MSG_media_echo || arg->command == MSG_media_play_stop ||
	    arg->command == MSG_media_disconnect) {
		leg->r.want = want;
		return;
	}
	call_leg_event(core, leg, CALL_LEG_FAILED, arg);
}

/*
 * The end.
 */

/*
 * A phone that lost its TCP connection has registered over another one: the BYE can go there.
 * route: size 57.
 */
static void
where_now(struct core *core, const struct leg *leg, char *route)
{
	struct core_contact contacts[CORE_CONTACTS_MAX];
	size_t n;

	if (leg->r.user[0] == '\0')
		return;
	n = core->env.contacts(core->env.arg, leg->r.user, contacts, CORE_CONTACTS_MAX);
	for (size_t i = n; i-- > 0;)
		if (contacts[i].transport == SIP_TRANSPORT_TCP && contacts[i].path[0] == '\0')
			str_copy(route, 57, contacts[i].route);
}

void
do_send_hangup(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	struct msg_leg_hangup m = { .leg = leg->r.id, .q850_cause = arg->q850 };

	leg->r.end_cause = LEG_END_LOCAL;
	leg->r.want = WANT_NONE;
	trace_add(core, leg->call, "sip", "hangup", "leg=%016llx q850=%u",
	    (unsigned long long)leg->r.id, arg->q850);
	where_now(core, leg, m.route);
	core_to_sipd(core, leg, MSG_leg_hangup, &m);
	session_close(core, leg);
}

void
do_hangup_again(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	(void)arg;
	TELL(core, leg, leg_hangup, .q850_cause = leg->r.q850);
}

static void
over(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	leg->r.want = WANT_NONE;
	store_forget_dial(core, leg);
	session_close(core, leg);
	if (!leg->r.told_gone) {
		leg->r.told_gone = 1;
		/* We may have been away when it happened. */
		core->happened_ms = arg->at_ms;
		call_leg_event(core, leg, CALL_LEG_GONE, arg);
		core->happened_ms = 0;
	}
}

void
do_forget(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	if (leg->r.status < 200 || leg->r.answered_ms == 0)
		leg->r.status = arg->status;
	if (leg->r.end_cause == 0)
		leg->r.end_cause = arg->cause;
	trace_add(core, leg->call, "sip", "gone", "leg=%016llx status=%u by=%s%s%s",
	    (unsigned long long)leg->r.id, arg->status, ipc_leg_end_name(arg->cause),
	    arg->reason != NULL && arg->reason[0] != '\0' ? " " : "",
	    arg->reason != NULL ? arg->reason : "");
	TELL(core, leg, leg_forget);
	over(core, leg, arg);
}

void
do_forget_again(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	(void)arg;
	TELL(core, leg, leg_forget);
}

void
do_drop(struct core *core, struct leg *leg, const struct leg_arg *arg)
{
	if (leg->r.end_cause == 0)
		leg->r.end_cause = arg->cause;
	if (leg->r.answered_ms == 0)
		leg->r.status = arg->status;
	over(core, leg, arg);
}
