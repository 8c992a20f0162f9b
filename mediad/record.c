/* SPDX-License-Identifier: ISC */
/* Recordings on the main thread, see record.h. */
#include "mediad/record.h"

#include <errno.h>
#include <semaphore.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "mediad/mediad.h"

#define ADRIFT_US 5000000	/* so long a call's recording waits for another session */

/* Fields are only appended. */
struct record_rec {
	uint64_t	id;
	uint64_t	session;
	uint64_t	base_us;	/* when frame 0 was; moves on by what was paused */
	uint64_t	paused_us;	/* since when; 0: not */
	uint64_t	stop_us;	/* when its end was wanted; 0: not yet */
	uint64_t	bytes;
	uint32_t	max_ms, silence_ms, duration_ms;
	uint8_t		kind, flags;
	uint8_t		state;		/* enum record_state */
	uint8_t		outcome;	/* of RECORD_OVER */
	uint8_t		swap;
	uint8_t		gone;		/* its end is the session's */
	uint8_t		pad[2];
};

/* In checkpoints: never renumber. */
enum record_state {
	RECORD_BEEP = 1,	/* the beep is played, then it begins */
	RECORD_ON = 2,
	RECORD_OVER = 3,	/* to be told until it is forgotten */
};

struct record_tail {
	struct tap	tap;
	char		path[RECORD_PATH_MAX + 1];
};

struct recording {
	struct record_rec	 rec;
	UT_hash_handle		 hh;
	struct record_tail	*tail;
	uint32_t		 slot;
	bool			 tapped;	/* a worker writes into the tap */
	bool			 ended;		/* the recorder is done with it */
	bool			 moving;	/* to rec.session, once its worker has let go */
	uint64_t		 adrift_us;	/* since its session ended; 0: it has one */
};

static struct recording *
find(struct mediad *m, uint64_t id)
{
	struct recording *r;

	HASH_FIND(hh, m->records, &id, sizeof(id), r);
	return r;
}

static void
save(struct mediad *m, const struct recording *r)
{
	ckpt_put(m->records_ck, r->slot, &r->rec);
}

bool
record_root(const struct mediad *m, uint8_t kind, char *out, size_t size)
{
	const char *path;

	switch (kind) {
	case MEDIA_RECORD_CALL:
		path = m->settings.recording.path;
		break;
	case MEDIA_RECORD_VOICEMAIL:
		path = m->settings.voicemail.path;
		break;
	case MEDIA_RECORD_ANNOUNCEMENT:
		path = m->settings.sounds.announcements;
		break;
	default:
		return false;
	}
	if (*path == '/')
		return str_copy(out, size, path);
	return str_format(out, size, "%s/%s", m->daemon.state_dir, path);
}

static void
tell_over(struct mediad *m, const struct record_rec *rec)
{
	struct msg_media_recorded out = { .record = rec->id,
		.outcome = rec->outcome,
		.duration_ms = rec->duration_ms,
		.bytes = rec->bytes };

	if (m->featured != NULL)
		ipc_send(ipc_client_peer(m->featured), MSG_media_recorded, &out);
}

static void
discard(struct mediad *m, struct recording **pp)
{
	struct recording *r = *pp;

	*pp = NULL;
	HASH_DEL(m->records, r);
	ckpt_del(m->records_ck, r->slot);
	mem_free(&r);
}

/* Both the worker and the recorder are done with it. */
static void
check_over(struct mediad *m, struct recording *r)
{
	if (!r->ended || r->tapped || r->rec.state == RECORD_OVER)
		return;
	r->rec.state = RECORD_OVER;
	save(m, r);
	/* featured knows whose it is by its path, and by its number */
	log_info("recording ended", kv_x("record", r->rec.id), kv_s("path", r->tail->path),
	    kv_u("ms", r->rec.duration_ms), kv_u("bytes", r->rec.bytes),
	    kv_u("outcome", r->rec.outcome));
	tell_over(m, &r->rec);
}

/* No sound of it was ever written. */
static void
end_at_once(struct mediad *m, struct recording *r, enum media_record_outcome outcome)
{
	r->rec.outcome = (uint8_t)outcome;
	r->ended = true;
	check_over(m, r);
}

static void
order(struct mediad *m, struct recording *r, enum record_order_kind kind, uint64_t at_us)
{
	if (recorder_order(m->recorder, r->rec.id,
	        &(struct record_order){ .kind = kind, .at_us = at_us }) < 0)
		log_error("out of memory: a recording does not stop", kv_x("record", r->rec.id));
}

/* ---- taps ----------------------------------------------------------------------------------- */

static void
tap(struct recording *r, struct session *s)
{
	struct cmd cmd = { .type = CMD_TAP, .stream = s->stream, .can_wait = false };

	cmd.u.tap.tap = &r->tail->tap;
	cmd.u.tap.record = r->rec.id;
	cmd.u.tap.swap = r->rec.swap;
	cmd.u.tap.far_only = r->rec.flags & MEDIA_RECORD_FAR_ONLY;
	worker_cmd(s->worker, &cmd);
	r->tapped = true;
}

/* record_untapped() follows; or, when done is given, done is posted and nothing follows. */
static void
untap(struct mediad *m, struct recording *r, sem_t *done)
{
	struct session *s;
	struct cmd cmd = { .type = CMD_UNTAP };

	HASH_FIND(hh, m->sessions, &r->rec.session, sizeof(r->rec.session), s);
	if (!r->tapped || s == NULL || s->closing) {
		/* a session that closes tells it by itself */
		if (done != NULL)
			sem_post(done);
		return;
	}
	cmd.stream = s->stream;
	cmd.u.tap.record = r->rec.id;
	cmd.u.tap.done = done;
	worker_cmd(s->worker, &cmd);
	if (done != NULL)
		worker_wake(s->worker);
}

/* It ended where its session did. */
static void
gone(struct mediad *m, struct recording *r)
{
	r->rec.gone = 1;
	r->rec.stop_us = r->adrift_us;
	save(m, r);
}

void
record_untapped(struct mediad *m, uint64_t id)
{
	struct recording *r = find(m, id);
	struct session *s;

	if (r == NULL)
		return;
	r->tapped = false;
	if (r->rec.stop_us == 0 && !r->ended) {
		if (r->moving && (s = session_find(m, r->rec.session)) != NULL) {
			r->moving = false;
			tap(r, s);
			return;
		}
		r->adrift_us = clock_mono_us();
		if (r->rec.kind == MEDIA_RECORD_CALL)
			return;		/* it may go on elsewhere: featured says */
		gone(m, r);
	}
	if (!r->ended)
		order(m, r, RECORD_ORDER_STOP, r->rec.stop_us);
	check_over(m, r);
}

/* Nobody wants to go on with it. */
void
record_tick(struct mediad *m)
{
	uint64_t now_us = clock_mono_us();
	struct recording *r, *next;

	HASH_ITER(hh, m->records, r, next) {
		if (r->adrift_us == 0 || r->rec.stop_us != 0 || r->ended ||
		    now_us - r->adrift_us < ADRIFT_US)
			continue;
		gone(m, r);
		order(m, r, RECORD_ORDER_STOP, r->rec.stop_us);
	}
}

/* ---- begin and end -------------------------------------------------------------------------- */

/* A call's file is as wide as its phone when it begins; messages are played to any phone. */
static unsigned
rate_for(struct mediad *m, const struct recording *r)
{
	const struct session *s = session_find(m, r->rec.session);

	return r->rec.kind == MEDIA_RECORD_CALL && s != NULL && s->rec.sdp.negotiated &&
	    codec_wide((enum sdp_codec)s->rec.sdp.now.codec) ? RECORD_RATE_WIDE : RECORD_RATE;
}

static void
add_job(struct mediad *m, struct recording *r, bool again)
{
	struct record_job_conf conf = {
		.rate = rate_for(m, r),
		.record = r->rec.id,
		.tap = &r->tail->tap,
		.flags = r->rec.flags,
		.max_ms = r->rec.max_ms,
		.silence_ms = r->rec.silence_ms,
		.base_us = r->rec.base_us,
		.paused_us = r->rec.paused_us,
		.reserve = (uint64_t)m->settings.recording.min_free_mb << 20,
		.again = again,
	};

	if (!record_root(m, r->rec.kind, conf.root, sizeof(conf.root)) ||
	    !str_format(conf.path, sizeof(conf.path), "%s.wav", r->tail->path) ||
	    recorder_add(m->recorder, &conf) < 0)
		end_at_once(m, r, MEDIA_RECORD_FAILED);
}

static void
start(struct mediad *m, struct recording *r, struct session *s)
{
	r->rec.state = RECORD_ON;
	r->rec.base_us = clock_mono_us();
	save(m, r);
	tap(r, s);
	add_job(m, r, false);
}

/* A slot, if need be that of the oldest end that nobody took. */
static uint32_t
take_slot(struct mediad *m)
{
	struct recording *r, *next;

	if (HASH_COUNT(m->records) >= RECORDS_MAX) {
		HASH_ITER(hh, m->records, r, next) {
			if (r->rec.state == RECORD_OVER) {
				discard(m, &r);
				break;
			}
		}
	}
	return ckpt_alloc(m->records_ck);
}

static struct recording *
recording_new(struct mediad *m, const struct msg_media_record *msg)
{
	struct recording *r = mem_new(sizeof(*r));

	if (r == NULL || (r->slot = take_slot(m)) == CKPT_NONE) {
		mem_free(&r);
		return NULL;
	}
	r->tail = (struct record_tail *)(void *)ckpt_tail(m->records_ck, r->slot);
	r->rec.id = msg->record;
	r->rec.session = msg->session;
	r->rec.kind = msg->kind;
	r->rec.flags = msg->flags;
	r->rec.max_ms = msg->max_ms;
	r->rec.silence_ms = msg->silence_ms;
	str_copy(r->tail->path, sizeof(r->tail->path), msg->path);
	HASH_ADD(hh, m->records, rec.id, sizeof(r->rec.id), r);
	return r;
}

void
record_begin(struct mediad *m, const struct msg_media_record *msg)
{
	struct record_rec failed = { .id = msg->record, .outcome = MEDIA_RECORD_FAILED };
	struct msg_media_play beep = {
		.session = msg->session, .play = RECORD_BEEP_PLAY, .loops = 1, .path = "tone:beep"
	};
	struct recording *r = find(m, msg->record);
	struct session *s = session_find(m, msg->session);
	const char *reason;
	char root[512];

	if (r != NULL) {
		if (r->rec.state == RECORD_OVER)
			tell_over(m, &r->rec);
		return;
	}
	if (!record_path_ok(msg->path) || !record_root(m, msg->kind, root, sizeof(root)) ||
	    (r = recording_new(m, msg)) == NULL) {
		log_limited(&m->bucket, LL_ERROR, "recording refused",
		    kv_x("record", msg->record), kv_s("path", msg->path));
		tell_over(m, &failed);
		return;
	}
	if (s == NULL) {
		end_at_once(m, r, MEDIA_RECORD_GONE);
	} else if (msg->flags & MEDIA_RECORD_BEEP) {
		r->rec.state = RECORD_BEEP;
		save(m, r);
		if (session_play(m, &beep, &reason) != 0)
			start(m, r, s);
	} else {
		start(m, r, s);
	}
}

void
record_beeped(struct mediad *m, uint64_t session)
{
	struct session *s = session_find(m, session);
	struct recording *r, *next;

	HASH_ITER(hh, m->records, r, next) {
		if (r->rec.session == session && r->rec.state == RECORD_BEEP && s != NULL &&
		    r->rec.stop_us == 0)
			start(m, r, s);
	}
}

void
record_move(struct mediad *m, const struct msg_media_record_move *msg)
{
	struct recording *r = find(m, msg->record);
	struct session *s = session_find(m, msg->session), *old;
	sem_t done;

	if (r == NULL || r->rec.state == RECORD_OVER || r->rec.stop_us != 0 ||
	    r->rec.session == msg->session)
		return;
	if (s == NULL) {
		log_limited(&m->bucket, LL_WARNING, "recording cannot move: no such session",
		    kv_x("record", msg->record), kv_x("session", msg->session));
		return;
	}
	/* Two workers never write into one tap. */
	HASH_FIND(hh, m->sessions, &r->rec.session, sizeof(r->rec.session), old);
	if (r->tapped && old != NULL && old->closing) {
		r->moving = true;	/* the end of that session tells when */
	} else if (r->tapped) {
		sem_init(&done, 0, 0);
		untap(m, r, &done);
		while (sem_wait(&done) == -1 && errno == EINTR)
			;
		sem_destroy(&done);
		r->tapped = false;
	}
	r->adrift_us = 0;
	r->rec.session = msg->session;
	r->rec.swap ^= msg->swap != 0;
	save(m, r);
	if (r->moving)
		return;
	if (r->rec.state == RECORD_ON)
		tap(r, s);
	else
		record_beeped(m, msg->session);	/* no second beep */
}

void
record_pause(struct mediad *m, uint64_t id, bool on)
{
	struct recording *r = find(m, id);
	uint64_t now_us = clock_mono_us();

	if (r == NULL || r->rec.state != RECORD_ON || r->rec.stop_us != 0 ||
	    (r->rec.paused_us != 0) == on)
		return;
	if (on) {
		r->rec.paused_us = now_us;
	} else {
		r->rec.base_us += now_us - r->rec.paused_us;
		r->rec.paused_us = 0;
	}
	save(m, r);
	order(m, r, on ? RECORD_ORDER_PAUSE : RECORD_ORDER_RESUME, now_us);
}

void
record_stop(struct mediad *m, uint64_t id)
{
	struct record_rec unknown = { .id = id };
	struct recording *r = find(m, id);

	if (r == NULL || r->rec.state == RECORD_OVER) {
		tell_over(m, r == NULL ? &unknown : &r->rec);
		return;
	}
	if (r->rec.stop_us != 0)
		return;
	r->rec.stop_us = r->adrift_us != 0 ? r->adrift_us : clock_mono_us();
	save(m, r);
	if (r->rec.state == RECORD_BEEP)
		end_at_once(m, r, MEDIA_RECORD_DONE);
	else if (r->tapped)
		untap(m, r, NULL);
	else if (!r->ended)
		order(m, r, RECORD_ORDER_STOP, r->rec.stop_us);
}

void
record_forget(struct mediad *m, uint64_t id)
{
	struct recording *r = find(m, id);

	if (r != NULL && r->rec.state == RECORD_OVER)
		discard(m, &r);
}

void
record_ended(struct mediad *m, const struct recorder_result *result)
{
	struct recording *r = find(m, result->record);

	if (r == NULL || r->ended)
		return;
	r->ended = true;
	r->rec.outcome = (uint8_t)result->outcome;
	if (r->rec.gone && result->outcome == MEDIA_RECORD_DONE)
		r->rec.outcome = MEDIA_RECORD_GONE;
	r->rec.duration_ms = result->duration_ms;
	r->rec.bytes = result->bytes;
	if (result->outcome == MEDIA_RECORD_FAILED || result->outcome == MEDIA_RECORD_DISK_FULL)
		m->records_failed++;
	if (r->rec.stop_us == 0)	/* it ended by itself */
		r->rec.stop_us = clock_mono_us();
	save(m, r);
	untap(m, r, NULL);
	check_over(m, r);
}

void
record_session_gone(struct mediad *m, uint64_t session)
{
	struct recording *r, *next;

	HASH_ITER(hh, m->records, r, next) {
		if (r->rec.session == session && r->rec.state == RECORD_BEEP)
			end_at_once(m, r, MEDIA_RECORD_GONE);
	}
}

/* ---- restarts ------------------------------------------------------------------------------- */

void
record_sync(struct mediad *m)
{
	struct msg_sync_record out;
	struct recording *r, *next;
	uint64_t until_us;

	HASH_ITER(hh, m->records, r, next) {
		if (r->rec.state == RECORD_OVER) {
			tell_over(m, &r->rec);
			continue;
		}
		until_us = r->rec.paused_us != 0 ? r->rec.paused_us : clock_mono_us();
		memset(&out, 0, sizeof(out));
		out.record = r->rec.id;
		out.session = r->rec.session;
		out.paused = r->rec.paused_us != 0;
		out.swap = r->rec.swap;
		if (r->rec.state == RECORD_ON)
			out.duration_ms = (uint32_t)((until_us - r->rec.base_us) / 1000);
		ipc_send(ipc_client_peer(m->featured), MSG_sync_record, &out);
	}
}

bool
record_goes_on(const struct mediad *m, uint8_t kind, const char *path)
{
	for (const struct recording *r = m->records; r != NULL; r = r->hh.next)
		if (r->rec.state != RECORD_OVER && r->rec.kind == kind &&
		    str_eq(r->tail->path, path))
			return true;
	return false;
}

unsigned
record_count(const struct mediad *m)
{
	struct recording *r, *next;
	unsigned n = 0;

	HASH_ITER(hh, m->records, r, next)
		n += r->rec.state != RECORD_OVER;
	return n;
}

/* One of the process before us goes on, or ends where its session did. */
static void
take_up(struct mediad *m, uint32_t slot)
{
	struct recording *r = mem_new(sizeof(*r));
	struct session *s;

	if (r == NULL) {
		ckpt_del(m->records_ck, slot);
		return;
	}
	r->rec = *(const struct record_rec *)ckpt_get(m->records_ck, slot);
	r->slot = slot;
	r->tail = (struct record_tail *)(void *)ckpt_tail(m->records_ck, slot);
	HASH_ADD(hh, m->records, rec.id, sizeof(r->rec.id), r);
	if (r->rec.state == RECORD_OVER) {
		r->ended = true;
		return;
	}
	s = session_find(m, r->rec.session);
	if (r->rec.state == RECORD_BEEP) {
		if (s == NULL)
			end_at_once(m, r, MEDIA_RECORD_GONE);
		else if (s->rec.play != RECORD_BEEP_PLAY)
			start(m, r, s);
		return;
	}
	if (s != NULL && r->rec.stop_us == 0) {
		tap(r, s);
	} else if (r->rec.stop_us == 0) {
		r->adrift_us = clock_mono_us();
		if (r->rec.kind != MEDIA_RECORD_CALL)
			gone(m, r);
	}
	add_job(m, r, true);
	if (r->rec.stop_us != 0 && !r->ended)
		order(m, r, RECORD_ORDER_STOP, r->rec.stop_us);
}

void
record_restore(struct mediad *m)
{
	const struct record_rec *rec;
	uint32_t slot;

	for (slot = ckpt_next(m->records_ck, 0); slot != CKPT_NONE;
	     slot = ckpt_next(m->records_ck, slot + 1)) {
		rec = ckpt_get(m->records_ck, slot);
		if (find(m, rec->id) != NULL) {
			ckpt_del(m->records_ck, slot);
			continue;
		}
		ckpt_enter(m->records_ck, slot);
		take_up(m, slot);
		ckpt_leave(m->records_ck);
	}
	for (unsigned i = 0; i < m->nworkers; i++)
		worker_wake(&m->workers[i]);
	if (HASH_COUNT(m->records) > 0)
		log_info("recordings taken up", kv_u("recordings", record_count(m)));
}

/* On a thread of the recorder. */
static void
done(void *arg, const struct recorder_result *result)
{
	struct mediad *m = arg;
	struct ev ev = { .type = EV_RECORDED,
		.session = result->record,
		.number = result->duration_ms,
		.what = (uint8_t)result->outcome,
		.bytes = result->bytes };

	mediad_event(m, &ev);
}

/* On a thread of the recorder. */
static uint64_t
read_until(void *arg)
{
	const struct mediad *m = arg;
	uint64_t us = clock_mono_us(), read_us;

	for (unsigned i = 0; i < m->nworkers; i++) {
		read_us = worker_read_us(&m->workers[i]);
		us = read_us < us ? read_us : us;
	}
	return us;
}

void
record_open(struct mediad *m)
{
	struct recorder_conf conf = { .done = done, .now = read_until, .arg = m };
	char path[300];
	int r;

	str_format(path, sizeof(path), "%s/records.ckpt", m->daemon.own_dir);
	r = ckpt_open_tail(&m->records_ck, path, RECORD_CK_MAGIC, RECORD_CK_VERSION,
	    sizeof(struct record_rec), RECORDS_MAX, sizeof(struct record_tail));
	if (r < 0)
		fatal("%s: cannot open: %s", path, strerror(-r));
	if ((r = recorder_start(&m->recorder, &conf)) < 0)
		fatal("cannot start the threads of recordings: %s", strerror(-r));
}

void
record_close(struct mediad *m)
{
	struct recording *r, *next;

	recorder_stop(&m->recorder);
	HASH_ITER(hh, m->records, r, next) {
		HASH_DEL(m->records, r);
		mem_free(&r);
	}
	ckpt_close(&m->records_ck);
}
