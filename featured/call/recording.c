/* SPDX-License-Identifier: ISC */
/* Recordings of calls, see recording.h. */
#include "featured/call/recording.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/base/mem.h"
#include "featured/call/session.h"
#include "featured/settings.h"

struct recording *
recording_of(const struct core *core, const struct call *call)
{
	struct recording *r;

	if (call->r.record == 0)
		return NULL;
	HASH_FIND(hh, core->recordings, &call->r.record, sizeof(call->r.record), r);
	return r != NULL && r->r.phase <= RECORDING_ON ? r : NULL;
}

static struct recording *
find(const struct core *core, uint64_t key)
{
	struct recording *r;

	HASH_FIND(hh, core->recordings, &key, sizeof(key), r);
	return r;
}

bool
recording_known(const struct core *core, const struct uuid *row)
{
	for (const struct recording *r = core->recordings; r != NULL; r = r->hh.next)
		if (uuid_cmp(&r->r.row.id, row) == 0)
			return true;
	return false;
}

static void
save(struct core *core, const struct recording *r)
{
	ckpt_put(core->recordings_ck, r->slot, &r->r);
}

static void
forget(struct core *core, struct recording *r)
{
	HASH_DEL(core->recordings, r);
	ckpt_del(core->recordings_ck, r->slot);
	free(r);
}

/* The row as it is, to the spool; recording_durable() follows. */
static void
put_row(struct core *core, struct recording *r, enum recording_state state)
{
	r->r.row.state = state;
	r->r.row.rev++;
	r->rows++;
	save(core, r);
	out_recording(core->out, &r->r.row);
}

static void
set_notice(struct core *core, struct call *call)
{
	const char *notice = core->settings->recording.notice;
	struct leg *leg;

	if (notice[0] == '\0')
		return;
	TAILQ_FOREACH(leg, &call->legs, next)
	if (leg->r.session == SESSION_LIVE && leg_is_up(leg))
		session_play(core, leg, strcmp(notice, "beep") == 0 ? "tone:beep" : notice, 1);
}

/*
 * The leg to record: the caller's, else whose voice there is. NULL: none.
 */
static struct leg *
pick(const struct core *core, const struct call *call, const struct leg *except)
{
	struct leg *leg = leg_find(core, call->r.caller), *found = NULL;

	if (leg != NULL && leg != except && leg->call == call && leg->r.session == SESSION_LIVE &&
	    leg->r.state != LEG_CLOSING && leg->r.state != LEG_OVER)
		return leg;
	TAILQ_FOREACH(leg, &call->legs, next)
	if (leg != except && leg->r.session == SESSION_LIVE && leg_is_up(leg) &&
	    (found == NULL || leg->r.id == call->r.callee))
		found = leg;
	return found;
}

static void
tell_start(struct core *core, struct recording *r)
{
	struct msg_media_record m = { .record = r->r.key,
		.session = r->r.leg,
		.kind = MEDIA_RECORD_CALL,
		.flags = r->r.row.channels == 2 ? MEDIA_RECORD_STEREO : 0 };

	if (r->r.swap != 0) {
		/* It begins there. */
		r->r.swap = 0;
		save(core, r);
	}
	str_copy(m.path, sizeof(m.path), r->r.row.path);
	m.path[strlen(m.path) - strlen(".wav")] = '\0';
	core_to_mediad(core, leg_find(core, r->r.leg), MSG_media_record, &m);
	if (r->r.paused)
		core_to_mediad(core, NULL, MSG_media_record_pause,
		    &(struct msg_media_record_pause){ .record = r->r.key, .on = 1 });
}

static void
tell_stop(struct core *core, struct recording *r)
{
	core_to_mediad(core, NULL, MSG_media_record_stop,
	    &(struct msg_media_record_stop){ .record = r->r.key });
}

/* It is over, and mediad has nothing of it any more. */
static void
end(struct core *core, struct recording *r, bool failed, const char *outcome)
{
	str_copy(r->r.row.outcome, sizeof(r->r.row.outcome), outcome);
	r->r.row.end_ms = core->real_ms;
	r->r.phase = RECORDING_OVER;
	put_row(core, r, failed ? RECORDING_FAILED : RECORDING_DONE);
}

static void
stop(struct core *core, struct recording *r)
{
	if (r->r.phase == RECORDING_ROW) {
		end(core, r, true, "ended before it began");
		return;
	}
	if (r->r.phase != RECORDING_ON)
		return;
	r->r.phase = RECORDING_STOPPING;
	save(core, r);
	tell_stop(core, r);
}

/* ---- what is asked for ---- */

static struct recording *
recording_new(struct core *core, struct call *call, struct leg *leg, const char *by)
{
	struct recording *r = mem_new(sizeof(*r));
	struct recording_row *row;
	char id[UUID_STR_LEN + 1], day[16];
	time_t now = (time_t)(core->real_ms / 1000);
	struct tm tm;

	if (r == NULL || (r->slot = ckpt_alloc(core->recordings_ck)) == CKPT_NONE) {
		free(r);
		return NULL;
	}
	row = &r->r.row;
	r->r.key = id_u64();
	r->r.leg = leg->r.id;
	r->r.by_caller = leg->r.id == call->r.caller;
	r->r.phase = RECORDING_ROW;
	row->id = uuid_v7(core->real_ms);
	row->call = call->r.id;
	row->channels = core->settings->recording.channels == RECORDING_STEREO ? 2 : 1;
	row->start_ms = core->real_ms;
	str_copy(row->from, sizeof(row->from), call->r.from);
	str_copy(row->to, sizeof(row->to), call->r.to);
	str_copy(row->by, sizeof(row->by), by);
	uuid_print(&row->id, id);
	gmtime_r(&now, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	str_format(row->path, sizeof(row->path), "%s/%s.wav", day, id);
	HASH_ADD(hh, core->recordings, r.key, sizeof(r->r.key), r);
	return r;
}

uint16_t
recording_start(struct core *core, struct call *call, const char *by, const char **reason)
{
	struct recording *r = recording_of(core, call);
	struct leg *leg;

	if (!core->settings->features.call_recording) {
		*reason = "recording is switched off";
		return 409;
	}
	if (r != NULL)
		return 0;
	if (call->r.ending || call->r.answer_ms == 0 || (leg = pick(core, call, NULL)) == NULL) {
		*reason = "the call is not answered";
		return 409;
	}
	if ((r = recording_new(core, call, leg, by)) == NULL) {
		*reason = "no room for another recording";
		return 503;
	}
	call->r.record = r->r.key;
	str_copy(call->r.recording, sizeof(call->r.recording), r->r.row.path);
	call_dirty(core, call);
	trace_add(core, call, "app", "record", "%s by %s", r->r.row.path, by);
	put_row(core, r, RECORDING_RUNNING);
	return 0;
}

uint16_t
recording_stop(struct core *core, struct call *call, const char **reason)
{
	struct recording *r = recording_of(core, call);

	if (r == NULL) {
		*reason = "the call is not being recorded";
		return 409;
	}
	trace_add(core, call, "app", "record-stop", "%s", r->r.row.path);
	stop(core, r);
	return 0;
}

uint16_t
recording_pause(struct core *core, struct call *call, bool on, const char **reason)
{
	struct recording *r = recording_of(core, call);

	if (r == NULL) {
		*reason = "the call is not being recorded";
		return 409;
	}
	if (r->r.paused == on)
		return 0;
	r->r.paused = on;
	save(core, r);
	trace_add(core, call, "app", on ? "record-pause" : "record-resume", "%s", r->r.row.path);
	if (r->r.phase == RECORDING_ON)
		core_to_mediad(core, NULL, MSG_media_record_pause,
		    &(struct msg_media_record_pause){ .record = r->r.key, .on = on });
	return 0;
}

static bool
wanted_by(const struct core *core, const char *user, bool caller)
{
	const struct extension *e = settings_extension(core->settings, user);

	if (e == NULL)
		return false;
	switch ((enum auto_record)e->auto_record) {
	case AUTO_RECORD_DEFAULT:
		return core->settings->recording.auto_record;
	case AUTO_RECORD_NONE:
		return false;
	case AUTO_RECORD_INCOMING:
		return !caller;
	case AUTO_RECORD_OUTGOING:
		return caller;
	case AUTO_RECORD_ALL:
		return true;
	}
	return false;
}

/* The caller is alone with it: what it hears, and keys of a PIN, are nobody's conversation. */
static bool
is_service(uint8_t app)
{
	return app == APP_ECHO || app == APP_ANNOUNCE || app == APP_SETTING || app == APP_STATUS ||
	    app == APP_MAILBOX || app == APP_ANNOUNCEMENT;
}

void
recording_auto(struct core *core, struct call *call)
{
	const char *reason = "";

	if (!core->settings->features.call_recording || is_service(call->r.app))
		return;
	if (wanted_by(core, call->r.from, true) || wanted_by(core, call->r.to, false))
		recording_start(core, call, "auto", &reason);
}

/* ---- where it goes ---- */

static void
move(struct core *core, struct recording *r, struct leg *leg)
{
	bool by_caller = leg->r.id == leg->call->r.caller;
	struct msg_media_record_move m = { .record = r->r.key,
		.session = leg->r.id,
		.swap = by_caller != (r->r.by_caller != 0) };

	r->r.leg = leg->r.id;
	r->r.by_caller = by_caller;
	r->r.swap ^= m.swap;
	save(core, r);
	trace_add(core, leg->call, "app", "record-move", "leg=%016llx",
	    (unsigned long long)leg->r.id);
	if (r->r.phase == RECORDING_ON)
		core_to_mediad(core, leg, MSG_media_record_move, &m);
}

void
recording_leave(struct core *core, struct leg *leg)
{
	struct recording *r = recording_of(core, leg->call);

	if (r == NULL || r->r.leg != leg->r.id || r->adrift)
		return;
	r->adrift = true;
	core->recordings_adrift++;
}

static void
settle(struct core *core, struct recording *r)
{
	struct call *call = call_find(core, r->r.row.call.b);
	struct leg *leg = leg_find(core, r->r.leg), *other;

	if (r->r.phase > RECORDING_ON)
		return;
	if (call != NULL && !call->r.ending) {
		if (leg != NULL && leg->call == call && leg->r.session == SESSION_LIVE)
			return;
		if ((other = pick(core, call, leg)) != NULL) {
			move(core, r, other);
			return;
		}
	}
	r->r.call_ended = 1;
	stop(core, r);
}

void
recording_settle(struct core *core)
{
	struct recording *r, *next;

	if (core->recordings_adrift == 0)
		return;
	core->recordings_adrift = 0;
	HASH_ITER(hh, core->recordings, r, next)
	if (r->adrift) {
		r->adrift = false;
		settle(core, r);
	}
}

void
recording_follow(struct core *core, struct call *old, struct call *call, struct leg *leg)
{
	struct recording *r = recording_of(core, old);

	if (r == NULL || recording_of(core, call) != NULL)
		return;
	old->r.record = 0;
	call->r.record = r->r.key;
	str_copy(call->r.recording, sizeof(call->r.recording), r->r.row.path);
	call_dirty(core, old);
	call_dirty(core, call);
	r->r.row.call = call->r.id;
	trace_add(core, call, "app", "record-follow", "%s", r->r.row.path);
	if (r->r.leg != leg->r.id)
		move(core, r, leg);
	put_row(core, r, RECORDING_RUNNING);
}

/* ---- what mediad and the spool say ---- */

static const char *
outcome_text(const struct recording *r, uint8_t outcome)
{
	switch ((enum media_record_outcome)outcome) {
	case MEDIA_RECORD_DONE:
		return r->r.call_ended ? "call ended" : "stopped";
	case MEDIA_RECORD_LIMIT:
		return "limit";
	case MEDIA_RECORD_SILENCE:
		return "silence";
	case MEDIA_RECORD_GONE:
		return "call ended";
	case MEDIA_RECORD_FAILED:
		return "failed";
	case MEDIA_RECORD_DISK_FULL:
		return "disk full";
	}
	return "lost";
}

static void
tell_forget(struct core *core, uint64_t key)
{
	core_to_mediad(core, NULL, MSG_media_record_forget,
	    &(struct msg_media_record_forget){ .record = key });
}

void
recording_got(struct core *core, const struct msg_media_recorded *m)
{
	struct recording *r = find(core, m->record);
	struct call *call;

	if (r == NULL) {
		if (m->outcome != 0)
			tell_forget(core, m->record);
		return;
	}
	r->heard = true;
	if (r->r.phase == RECORDING_OVER)
		return; /* its row is on its way */
	r->r.row.duration_ms = m->duration_ms;
	r->r.row.bytes = m->bytes;
	if ((call = call_find(core, r->r.row.call.b)) != NULL && !call->r.ending)
		trace_add(core, call, "media", "recorded", "%s ms=%u outcome=%s", r->r.row.path,
		    m->duration_ms, outcome_text(r, m->outcome));
	end(core, r, m->outcome == 0 || m->outcome >= MEDIA_RECORD_FAILED,
	    outcome_text(r, m->outcome));
}

void
recording_durable(struct core *core, const uint8_t uuid[UUID_LEN])
{
	struct recording *r, *next;
	struct call *call;
	struct leg *leg;

	HASH_ITER(hh, core->recordings, r, next)
	if (memcmp(r->r.row.id.b, uuid, UUID_LEN) == 0)
		break;
	if (r == NULL)
		return;
	if (r->rows > 0)
		r->rows--;
	if (r->r.phase == RECORDING_OVER && r->rows == 0) {
		tell_forget(core, r->r.key);
		forget(core, r);
		return;
	}
	if (r->r.phase != RECORDING_ROW)
		return;
	call = call_find(core, r->r.row.call.b);
	leg = leg_find(core, r->r.leg);
	if (call == NULL || call->r.ending || leg == NULL || leg->r.session != SESSION_LIVE) {
		end(core, r, true, "ended before it began");
		return;
	}
	r->r.phase = RECORDING_ON;
	save(core, r);
	tell_start(core, r);
	set_notice(core, call);
}

void
recording_again(struct core *core)
{
	struct recording *r, *next;

	HASH_ITER(hh, core->recordings, r, next)
	if (r->rows > 0) {
		r->rows = 1;
		out_recording(core->out, &r->r.row);
	}
}

uint32_t
recording_count(const struct core *core)
{
	const struct recording *r;
	uint32_t n = 0;

	for (r = core->recordings; r != NULL; r = r->hh.next)
		n += r->r.phase <= RECORDING_ON;
	return n;
}

/* ---- reconciliation ---- */

void
recording_sync_begin(struct core *core)
{
	struct recording *r, *next;

	HASH_ITER(hh, core->recordings, r, next)
	r->heard = false;
}

void
recording_sync(struct core *core, const struct msg_sync_record *m)
{
	struct recording *r = find(core, m->record);
	struct leg *leg;

	if (r == NULL || r->r.phase == RECORDING_STOPPING || r->r.phase == RECORDING_OVER) {
		core_to_mediad(core, NULL, MSG_media_record_stop,
		    &(struct msg_media_record_stop){ .record = m->record });
		if (r != NULL)
			r->heard = true;
		return;
	}
	r->heard = true;
	leg = leg_find(core, r->r.leg);
	if (leg != NULL && m->session != r->r.leg)
		core_to_mediad(core, leg, MSG_media_record_move,
		    &(struct msg_media_record_move){ .record = m->record, .session = r->r.leg,
		        .swap = m->swap != r->r.swap });
	if ((m->paused != 0) != (r->r.paused != 0))
		core_to_mediad(core, NULL, MSG_media_record_pause,
		    &(struct msg_media_record_pause){ .record = m->record, .on = r->r.paused });
}

void
recording_sync_end(struct core *core)
{
	struct recording *r, *next;
	struct leg *leg;

	HASH_ITER(hh, core->recordings, r, next)
	{
		leg = leg_find(core, r->r.leg);
		if (r->r.phase == RECORDING_ON &&
		    (leg == NULL || leg->call->r.ending || leg->r.session != SESSION_LIVE))
			settle(core, r);
		else if (r->r.phase == RECORDING_ON && !r->heard)
			tell_start(core, r); /* mediad never got it */
		else if (r->r.phase == RECORDING_STOPPING && !r->heard)
			tell_stop(core, r);
	}
}

/* ---- life ---- */

static void
take_up(struct core *core, uint32_t slot)
{
	const struct recording_rec *rec = ckpt_get(core->recordings_ck, slot);
	struct recording *r;

	if (rec == NULL || rec->key == 0 || find(core, rec->key) != NULL) {
		ckpt_del(core->recordings_ck, slot);
		return;
	}
	r = mem_must(sizeof(*r));
	r->r = *rec;
	r->slot = slot;
	HASH_ADD(hh, core->recordings, r.key, sizeof(r->r.key), r);
	/* The row may not have reached the disk; a repeat is harmless. */
	if (r->r.phase == RECORDING_ROW || r->r.phase == RECORDING_OVER) {
		r->rows = 1;
		out_recording(core->out, &r->r.row);
	}
}

void
recording_load(struct core *core)
{
	for (uint32_t s = ckpt_next(core->recordings_ck, 0); s != CKPT_NONE;
	     s = ckpt_next(core->recordings_ck, s + 1))
		take_up(core, s);
}

void
recording_close(struct core *core)
{
	struct recording *r, *next;

	HASH_ITER(hh, core->recordings, r, next)
	{
		HASH_DEL(core->recordings, r);
		free(r);
	}
}
