/* SPDX-License-Identifier: ISC */
/*
 * Messages of sipd and mediad, made into events of legs. The one place that knows both the schema
 * and leg_fsm.def's events; no decision is taken here but whether an INVITE becomes a call
 * (invite.c).
 */
#include "featured/app/app.h"
#include "featured/call/call.h"
#include "featured/call/incall.h"
#include "featured/call/invite.h"
#include "featured/call/recording.h"
#include "featured/call/session.h"
#include "featured/call/transfer.h"
#include "featured/call/voicefile.h"
#include "featured/settings.h"

/* The leg, or NULL when we do not know it; then what it says is answered so that sipd drops it. */
static struct leg *
leg_of(struct core *core, uint64_t id, uint16_t type)
{
	struct leg *leg = leg_find(core, id);

	if (leg != NULL) {
		leg->heard_sipd = core->sipd.round;
		return leg;
	}
	if (type == MSG_leg_gone)
		core_to_sipd(core, NULL, MSG_leg_forget, &(struct msg_leg_forget){ .leg = id });
	else
		core_to_sipd(core, NULL, MSG_leg_hangup,
		    &(struct msg_leg_hangup){ .leg = id, .q850_cause = 41 });
	return NULL;
}

static void
gone(struct core *core, const struct msg_leg_gone *m)
{
	struct leg *leg = leg_of(core, m->leg, MSG_leg_gone);

	resync_known(core, m->leg);
	if (leg != NULL)
		leg_event(core, leg, LEV_gone,
		    &(struct leg_arg){ .status = m->status,
		        .cause = m->cause,
		        .q850 = m->q850_cause,
		        .at_ms = m->at_ms,
		        .reason = m->reason,
		        .redirect = m->redirect_user });
}

static void
answered(struct core *core, const struct msg_leg_answered *m)
{
	struct leg *leg = leg_of(core, m->leg, MSG_leg_answered);

	if (leg != NULL)
		leg_event(core, leg, LEV_answered,
		    &(struct leg_arg){
		        .at_ms = m->at_ms, .user_agent = m->user_agent, .sdp = m->sdp });
}

/* A key that came by INFO is mediad's to tell and to pass on, like every other. */
static void
info_key(struct core *core, const struct leg *leg, const struct msg_leg_info *m)
{
	if (leg->r.session == SESSION_LIVE)
		core_to_mediad(core, NULL, MSG_media_key,
		    &(struct msg_media_key){ .session = leg->r.id,
		        .digit = m->digit,
		        .duration_ms = m->duration_ms });
}

/* A key for a far end that takes them by INFO. */
static void
key_out(struct core *core, const struct msg_media_key_out *m)
{
	struct leg *leg = leg_find(core, m->session);

	if (leg != NULL && leg->r.state == LEG_UP)
		core_to_sipd(core, leg, MSG_leg_info,
		    &(struct msg_leg_info){ .leg = leg->r.id,
		        .digit = m->digit,
		        .duration_ms = m->duration_ms });
}

/* Other INFO goes on to whoever the leg talks to. */
static void
info(struct core *core, const struct msg_leg_info *m)
{
	struct leg *leg = leg_of(core, m->leg, MSG_leg_info), *peer;
	struct msg_leg_info on = *m;

	if (m->digit != 0) {
		if (leg != NULL)
			info_key(core, leg, m);
		return;
	}
	peer = leg != NULL && leg->r.peer != 0 ? leg_find(core, leg->r.peer) : NULL;
	if (peer == NULL || peer->r.state != LEG_UP)
		return;
	on.leg = peer->r.id;
	core_to_sipd(core, peer, MSG_leg_info, &on);
}

static void
simple(struct core *core, uint64_t id, uint16_t type, enum leg_event event,
    const struct leg_arg *arg)
{
	struct leg *leg = leg_of(core, id, type);

	if (leg != NULL)
		leg_event(core, leg, event, arg);
}

bool
core_sipd(struct core *core, uint16_t type, const void *body)
{
	const struct msg_leg_ringing *ringing = body;
	const struct msg_leg_acked *acked = body;
	const struct msg_leg_reoffer *reoffer = body;
	const struct msg_leg_reinvited *reinvited = body;
	const struct msg_leg_refresh *refresh = body;

	switch (type) {
	case MSG_leg_offered:
		resync_known(core, ((const struct msg_leg_offered *)body)->leg);
		invite_offered(core, body);
		return true;
	case MSG_leg_ringing:
		simple(core, ringing->leg, type, LEV_ringing,
		    &(struct leg_arg){ .status = ringing->status, .sdp = ringing->sdp });
		return true;
	case MSG_leg_answered:
		answered(core, body);
		return true;
	case MSG_leg_acked:
		simple(core, acked->leg, type, LEV_acked, &(struct leg_arg){ .sdp = acked->sdp });
		return true;
	case MSG_leg_gone:
		gone(core, body);
		return true;
	case MSG_leg_reoffer:
		simple(core, reoffer->leg, type, LEV_reoffer,
		    &(struct leg_arg){ .serial = reoffer->serial, .sdp = reoffer->sdp });
		return true;
	case MSG_leg_reinvited:
		simple(core, reinvited->leg, type, LEV_reinvited,
		    &(struct leg_arg){ .status = reinvited->status, .sdp = reinvited->sdp });
		return true;
	case MSG_leg_refresh:
		simple(core, refresh->leg, type, LEV_refresh, NULL);
		return true;
	case MSG_leg_info:
		info(core, body);
		return true;
	case MSG_leg_refer:
		transfer_refer(core, body);
		return true;
	case MSG_sync_begin:
		core->sipd.synced = false;
		return true;
	case MSG_sync_leg:
		resync_leg(core, body);
		return true;
	case MSG_sync_end:
		resync_sipd_end(core);
		return true;
	default:
		return false; /* a registration, or a figure */
	}
}

static void
media_event(struct core *core, uint64_t session, enum app_media_event event, uint32_t value,
    uint8_t outcome)
{
	struct leg *leg = leg_find(core, session);
	const struct app *app;

	if (leg == NULL || leg->call->r.ending)
		return;
	if (event == APP_MEDIA_PLAYED) {
		if (leg->r.play != value)
			return; /* of an earlier one */
		leg->r.play = 0;
		leg_dirty(core, leg);
	}
	if (event == APP_MEDIA_DTMF && incall_digit(core, leg, (char)value))
		return;
	app = app_by_id(leg->call->r.app);
	if (app != NULL && app->media_event != NULL)
		app->media_event(core, leg->call, leg, event, value, outcome);
}

/* A phone that has stopped sending without hold: told in the trace; the call ends only when it
 * stays so. */
static void
silent(struct core *core, const struct msg_media_silent *m)
{
	struct leg *leg = leg_find(core, m->session);
	int64_t limit = core->settings->media.rtp_timeout_s;

	if (leg == NULL) {
		/* Nobody's: what was left behind by mistake costs a port no longer than this. */
		log_limited(&core->bucket, LL_WARNING, "mediad has a session that nobody knows",
		    kv_x("session", m->session));
		core_to_mediad(core, NULL, MSG_media_close,
		    &(struct msg_media_close){ .session = m->session });
		return;
	}
	if (leg->call->r.ending)
		return;
	trace_add(core, leg->call, "media", m->silent_ms > 0 ? "silent" : "heard-again",
	    "leg=%016llx ms=%u", (unsigned long long)leg->r.id, m->silent_ms);
	media_event(core, m->session, APP_MEDIA_SILENT, m->silent_ms, 0);
	if (limit == 0 || m->silent_ms < (uint64_t)limit * 1000 ||
	    leg->call->r.state != CALL_CONNECTED || leg->call->r.ending)
		return;
	call_end(core, leg->call, 200, 31, CDR_SIDE_SYSTEM, "no RTP");
}

bool
core_mediad(struct core *core, uint16_t type, const void *body)
{
	const struct msg_media_played *played = body;
	const struct msg_media_dtmf *dtmf = body;

	switch (type) {
	case MSG_media_sdp:
		session_got_sdp(core, body);
		return true;
	case MSG_media_marked:
		session_got_marked(core, body);
		return true;
	case MSG_media_failed:
		session_got_failed(core, body);
		return true;
	case MSG_media_closed:
		session_got_closed(core, body);
		return true;
	case MSG_media_played:
		media_event(core, played->session, APP_MEDIA_PLAYED, played->play, played->outcome);
		return true;
	case MSG_media_dtmf:
		media_event(core, dtmf->session, APP_MEDIA_DTMF, dtmf->digit, 0);
		return true;
	case MSG_media_key_out:
		key_out(core, body);
		return true;
	case MSG_media_silent:
		silent(core, body);
		return true;
	case MSG_media_recorded:
		if (!voicefile_recorded(core, body))
			recording_got(core, body);
		return true;
	case MSG_sync_record:
		if (!voicefile_known(core, ((const struct msg_sync_record *)body)->record))
			recording_sync(core, body);
		return true;
	case MSG_sync_begin:
		core->mediad.synced = false;
		return true;
	case MSG_sync_session:
		resync_session(core, body);
		return true;
	case MSG_sync_end:
		resync_mediad_end(core);
		return true;
	default:
		return false;
	}
}
