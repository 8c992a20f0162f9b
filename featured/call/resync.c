/* SPDX-License-Identifier: ISC */
/*
 * Reconciliation with sipd and mediad after either side was away: mark (a new round), hear (what
 * the peer names), sweep (at its sync_end: what it did not name, and what it named and we do not
 * know). Nothing is torn down before sync_end, and nothing because a peer is merely away.
 *
 * A leg that was told something on the present connection counts as heard: the peer composed its
 * list before it read that.
 */
#include "common/ipc/msg.h"
#include "featured/call/call.h"
#include "featured/call/recording.h"
#include "featured/call/session.h"
#include "featured/call/voicefile.h"

#define STRAY_MS 2000 /* leg_offered of an unknown leg follows within this */

void
resync_up(struct core *core, uint8_t role)
{
	struct leg *leg, *tmp;

	HASH_ITER(hh, core->legs, leg, tmp)
	{
		if (role == IPC_SIPD) {
			leg->sip_state = 0;
		} else {
			leg->owed = 0;
			leg->session_named = false;
			leg->session_play = 0;
			leg->session_music = false;
			leg->session_room = 0;
			leg->session_peer = 0;
			leg->session_echo = false;
		}
	}
	if (role == IPC_SIPD)
		core->strays_n = 0;
	else
		recording_sync_begin(core);
}

/*
 * sipd.
 */

void
resync_known(struct core *core, uint64_t id)
{
	for (size_t i = 0; i < core->strays_n; i++)
		if (core->strays[i].leg == id)
			core->strays[i] = core->strays[--core->strays_n];
}

void
resync_strays(struct core *core)
{
	for (size_t i = 0; i < core->strays_n;) {
		if (core->strays[i].due > core->mono_ms) {
			i++;
			continue;
		}
		log_warning("sipd has an incoming leg that nobody knows",
		    kv_x("leg", core->strays[i].leg));
		core_to_sipd(core, NULL, MSG_leg_hangup,
		    &(struct msg_leg_hangup){ .leg = core->strays[i].leg, .q850_cause = 41 });
		core->strays[i] = core->strays[--core->strays_n];
	}
}

static void
unknown_leg(struct core *core, const struct msg_sync_leg *m)
{
	switch ((enum sip_leg_state)m->state) {
	case SIP_LEG_OFFERED:
		for (size_t i = 0; i < CORE_REFUSALS; i++)
			if (core->refusals[i].leg == m->leg) {
				core_to_sipd(core, NULL, MSG_leg_refuse,
				    &(struct msg_leg_refuse){ .leg = m->leg,
				        .status = core->refusals[i].status,
				        .q850_cause = core->refusals[i].q850 });
				return;
			}
		if (core->strays_n < CORE_STRAYS)
			core->strays[core->strays_n++] = (struct stray){ .leg = m->leg,
				.due = core->mono_ms + STRAY_MS };
		break;
	case SIP_LEG_GONE:
		core_to_sipd(core, NULL, MSG_leg_forget, &(struct msg_leg_forget){ .leg = m->leg });
		break;
	case SIP_LEG_DIALING:
	case SIP_LEG_RINGING:
	case SIP_LEG_UP:
		log_warning("sipd has a leg that nobody knows", kv_x("leg", m->leg),
		    kv_u("state", m->state));
		core_to_sipd(core, NULL, MSG_leg_hangup,
		    &(struct msg_leg_hangup){ .leg = m->leg, .q850_cause = 41 });
		break;
	}
}

void
resync_leg(struct core *core, const struct msg_sync_leg *m)
{
	struct leg *leg = leg_find(core, m->leg);

	if (leg == NULL) {
		unknown_leg(core, m);
		return;
	}
	leg->heard_sipd = core->sipd.round;
	leg->sip_state = m->state;
	leg->sip_status = m->last_status;
}

/* Says again what sipd, as it named the leg, cannot have got. */
static void
repeat_to_sipd(struct core *core, struct leg *leg)
{
	bool offered = leg->sip_state == SIP_LEG_OFFERED;

	switch ((enum leg_state)leg->r.state) {
	case LEG_OFFERED:
		if (!offered || leg->r.progress <= leg->sip_status)
			return;
		if (leg->r.early_sent && !leg->r.agreed) {
			leg->r.want_status = leg->r.progress;
			session_want(core, leg, WANT_PROGRESS, leg->r.like);
		} else {
			core_to_sipd(core, leg, MSG_leg_progress,
			    &(struct msg_leg_progress){
			        .leg = leg->r.id, .status = leg->r.progress });
		}
		break;
	case LEG_UP:
		leg->r.reinviting = 0;
		if (!leg->r.incoming || !offered)
			return;
		session_want(core, leg, WANT_ANSWER, leg->r.like);
		break;
	case LEG_DIALING:
		if (leg->sip_state == SIP_LEG_RINGING)
			leg_event(core, leg, LEV_ringing,
			    &(struct leg_arg){ .status = leg->sip_status });
		return;
	case LEG_CLOSING:
		if (leg->sip_state == SIP_LEG_GONE)
			return;
		core_to_sipd(core, leg, MSG_leg_hangup,
		    &(struct msg_leg_hangup){ .leg = leg->r.id, .q850_cause = leg->r.q850 });
		break;
	case LEG_OVER:
		if (leg->sip_state == SIP_LEG_GONE)
			core_to_sipd(core, leg, MSG_leg_forget,
			    &(struct msg_leg_forget){ .leg = leg->r.id });
		else if (leg->r.refuse_status != 0)
			core_to_sipd(core, leg, MSG_leg_refuse,
			    &(struct msg_leg_refuse){ .leg = leg->r.id,
			        .status = leg->r.refuse_status,
			        .q850_cause = leg->r.q850 });
		else
			core_to_sipd(core, leg, MSG_leg_hangup,
			    &(struct msg_leg_hangup){
			        .leg = leg->r.id, .q850_cause = leg->r.q850 });
		break;
	case LEG_NONE:
	case LEG_STATES:
	case LEG_ANSWERING:
	case LEG_MAKING:
	case LEG_RINGING:
	case LEG_SETTLING:
		return;
	}
	core->stats.repeated_commands++;
	trace_add(core, leg->call, "sync", "repeat-to-sipd", "leg=%016llx %s",
	    (unsigned long long)leg->r.id, leg_state_name(leg->r.state));
}

void
resync_sipd_end(struct core *core)
{
	struct leg *leg, *tmp;

	core->sipd.synced = true;
	HASH_ITER(hh, core->legs, leg, tmp)
	{
		if (leg->heard_sipd == core->sipd.round) {
			if (leg->sip_state != 0)
				repeat_to_sipd(core, leg);
			continue;
		}
		if (leg->r.state == LEG_OVER || leg->r.state == LEG_MAKING)
			continue;
		core->stats.swept_legs++;
		trace_add(core, leg->call, "sync", "not-at-sipd", "leg=%016llx %s",
		    (unsigned long long)leg->r.id, leg_state_name(leg->r.state));
		leg_event(core, leg, LEV_lost,
		    &(struct leg_arg){ .cause = LEG_END_LOST, .status = 500 });
	}
}

/*
 * mediad.
 */

void
resync_session(struct core *core, const struct msg_sync_session *m)
{
	struct leg *leg = leg_find(core, m->session);

	if (leg == NULL || leg->r.session == SESSION_NONE || leg->r.session == SESSION_CLOSED) {
		core_to_mediad(core, NULL, MSG_media_close,
		    &(struct msg_media_close){ .session = m->session });
		return;
	}
	/* Now, because the call may be gone before sync_end. */
	if (leg->r.session == SESSION_CLOSING)
		core_to_mediad(core, leg, MSG_media_close,
		    &(struct msg_media_close){ .session = m->session });
	leg->session_named = true;
	leg->session_play = m->play;
	leg->session_music = m->music != 0;
	leg->session_room = m->room;
	leg->session_peer = m->peer;
	leg->session_echo = m->echo != 0;
}

/* mediad has lost a session that was in use: its far end is offered a new one. */
static void
heal(struct core *core, struct leg *leg)
{
	if (leg->r.session != SESSION_LIVE || leg->session_named ||
	    leg->heard_mediad == core->mediad.round || leg->copy != COPY_NONE ||
	    leg->r.state != LEG_UP || leg->r.want != WANT_NONE)
		return;
	trace_add(core, leg->call, "sync", "not-at-mediad", "leg=%016llx offered anew",
	    (unsigned long long)leg->r.id);
	log_warning("mediad has lost a session; offering anew", kv_x("leg", leg->r.id));
	session_want(core, leg, WANT_REINVITE, leg->r.peer);
}

void
resync_mediad_end(struct core *core)
{
	struct call *call, *tmp;
	struct leg *leg;

	core->mediad.synced = true;
	HASH_ITER(hh, core->calls, call, tmp)
	{
		TAILQ_FOREACH(leg, &call->legs, next)
		heal(core, leg);
		session_replay(core, call);
	}
	recording_sync_end(core);
	voicefile_sync(core);
}
