/* SPDX-License-Identifier: ISC */
/*
 * What featured may ask of a session: negotiate, connect, play, close; see session.h. Making,
 * moving and restoring them is in session_life.c. Each change is put into the checkpoint before the
 * worker hears of it.
 */
#include "mediad/session.h"

#include <errno.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "mediad/mediad.h"
#include "mediad/session_impl.h"
#include "mediad/where.h"

static const char unknown[] = "no such session";

struct session *
session_find(struct mediad *m, uint64_t id)
{
	struct session *s;

	HASH_FIND(hh, m->sessions, &id, sizeof(id), s);
	return s == NULL || s->closing ? NULL : s;
}

void
session_save(struct mediad *m, const struct session *s)
{
	ckpt_put(m->sessions_ck, s->slot, &s->rec);
}

void
session_configure(struct session *s, bool can_wait)
{
	struct cmd cmd = { .type = CMD_CONFIGURE, .stream = s->stream, .can_wait = can_wait };

	cmd.u.conf.now = s->rec.sdp.now;
	cmd.u.conf.sip = s->rec.sip;
	cmd.u.conf.negotiated = s->rec.sdp.negotiated;
	cmd.u.conf.dtmf = s->rec.dtmf;
	worker_cmd(s->worker, &cmd);
}

static const struct sdp_state *
state_of(struct mediad *m, uint64_t id)
{
	struct session *s = id == 0 ? NULL : session_find(m, id);

	return s == NULL ? NULL : &s->rec.sdp;
}

/* What SIP knows of the far end. Family 0: nothing. */
static void
parse_far(const char *text, union addr *far)
{
	if (*text == '\0' || addr_parse(far, text, 0) < 0)
		memset(far, 0, sizeof(*far));
}

static void
fill_local(const struct session *s, bool mux, struct sdp_local *local)
{
	memset(local, 0, sizeof(*local));
	local->rtp = s->rec.told;
	local->rtcp_port = (uint16_t)(addr_port(&s->rec.told) + 1);
	local->rtcp_mux = mux;
	local->no_events = s->rec.dtmf == MEDIA_DTMF_INFO || s->rec.dtmf == MEDIA_DTMF_INBAND;
	local->norder = s->rec.norder;
	memcpy(local->order, s->rec.order, sizeof(local->order));
}

/* Finds or makes the session. far: where the far end is, family 0 unknown. */
static int
need_session(struct mediad *m, uint64_t id, uint64_t call, const union addr *far,
    const union addr *like, struct session **out, bool *made, const char **reason)
{
	struct session *s;

	*made = false;
	HASH_FIND(hh, m->sessions, &id, sizeof(id), s);
	if (s != NULL && s->closing) {
		*reason = "session is being closed";
		return 500;
	}
	if (id == 0) {
		*reason = "session 0";
		return 500;
	}
	if (s == NULL) {
		int r = session_new(m, id, call, far, like, &s, reason);

		if (r != 0)
			return r;
		*made = true;
	}
	*out = s;
	return 0;
}

static int
parse_sdp(struct mediad *m, uint64_t id, const struct ipc_view *text, struct sdp *sdp,
    const char **reason)
{
	struct sdp_error err = { 0 };

	if (sdp_parse(sdp, text->p, text->len, &err) == 0)
		return 0;
	log_limited(&m->bucket, LL_WARNING, "bad SDP", kv_x("session", id), kv_u("line", err.line),
	    kv_s("reason", err.reason));
	*reason = err.reason != NULL ? err.reason : "bad SDP";
	return 488;
}

/* The address of the first audio line: what the session's own address is chosen by. */
static void
far_address(const struct sdp *sdp, union addr *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < sdp->nmedia; i++) {
		if (sdp->media[i].kind == SDP_KIND_AUDIO) {
			*out = sdp->media[i].addr;
			return;
		}
	}
}

/* Which codecs may be used, and how keys go. */
static void
take_wishes(struct session *s, const char *codecs, uint8_t dtmf)
{
	s->rec.norder = sdp_codec_order(codecs, s->rec.order);
	s->rec.dtmf = dtmf;
}

/* Our sockets are of one family. */
static bool
family_fits(const struct session *s, const union addr *far)
{
	return far->sa.sa_family == AF_UNSPEC || addr_is_any(far) ||
	    far->sa.sa_family == s->rec.bound.sa.sa_family;
}

int
session_offer(struct mediad *m, const struct msg_media_offer *msg, const char **reason)
{
	uint8_t order[SDP_CODEC_SLOTS], norder = sdp_codec_order(msg->codecs, order);
	struct sdp_state trial;
	struct session *s;
	union addr far, sip;
	struct sdp sdp;
	bool made;
	int r;

	if ((r = parse_sdp(m, msg->session, &msg->sdp, &sdp, reason)) != 0)
		return r;
	sdp_keep_codecs(&sdp, order, norder);
	sdp_state_init(&trial, 1);	/* what nobody could answer does not cost a port */
	if (session_find(m, msg->session) == NULL &&
	    (r = sdp_take_offer(&trial, &sdp, reason)) != 0)
		return r;
	parse_far(msg->far, &sip);
	far_address(&sdp, &far);
	if (far.sa.sa_family == AF_UNSPEC || addr_is_any(&far))
		far = sip;	/* held from the start, or no audio */
	if ((r = need_session(m, msg->session, msg->call, &far, NULL, &s, &made, reason)) != 0)
		return r;
	s->rec.sip = sip;
	take_wishes(s, msg->codecs, msg->dtmf);
	if (!family_fits(s, &far)) {
		*reason = "address family changed";
		return 488;
	}
	if ((r = sdp_take_offer(&s->rec.sdp, &sdp, reason)) != 0) {
		if (made)
			session_close(m, msg->session, NULL);
		return r;
	}
	session_save(m, s);
	return 0;
}

int
session_answer(struct mediad *m, const struct msg_media_answer *msg, const char **reason)
{
	struct session *s = session_find(m, msg->session);
	union addr far;
	struct sdp sdp;
	int r;

	*reason = unknown;
	if (s == NULL)
		return 500;
	if ((r = parse_sdp(m, msg->session, &msg->sdp, &sdp, reason)) != 0)
		return r;
	far_address(&sdp, &far);
	if (!family_fits(s, &far)) {
		*reason = "answer of another address family";
		return 488;
	}
	if ((r = sdp_take_answer(&s->rec.sdp, &sdp, reason)) != 0)
		return r;
	session_save(m, s);
	session_configure(s, false);
	return 0;
}

int
session_make_answer(struct mediad *m, uint64_t id, uint64_t like, char *out, size_t *len,
    const char **reason)
{
	struct session *s = session_find(m, id);
	struct sdp_local local;
	int n;

	*reason = unknown;
	if (s == NULL)
		return 500;
	fill_local(s, true, &local);
	n = sdp_make_answer(&s->rec.sdp, &local, state_of(m, like), out, SDP_TEXT_MAX);
	if (n < 0) {
		*reason = n == -EINVAL ? "no offer to answer" : "answer is too long";
		return n == -EINVAL ? 500 : 488;
	}
	*len = (size_t)n;
	session_save(m, s);
	session_configure(s, false);
	return 0;
}

int
session_make_offer(struct mediad *m, const struct msg_media_make_offer *msg, char *out, size_t *len,
    const char **reason)
{
	struct session *s, *like = msg->like == 0 ? NULL : session_find(m, msg->like);
	const struct sdp_state *like_sdp = NULL;
	struct sdp_local local;
	union addr far;
	bool made;
	int r, n;

	parse_far(msg->far, &far);
	r = need_session(m, msg->session, msg->call, &far, like == NULL ? NULL : &like->rec.told,
	    &s, &made, reason);
	if (r != 0)
		return r;
	s->rec.sip = far;
	take_wishes(s, msg->codecs, msg->dtmf);
	if (like != NULL && !(msg->flags & MEDIA_FLAG_LATE))
		like_sdp = &like->rec.sdp;
	fill_local(s, s->rec.sdp.negotiated && s->rec.sdp.now.rtcp_mux, &local);
	n = sdp_make_offer(&s->rec.sdp, &local, like_sdp, out, SDP_TEXT_MAX);
	if (n < 0) {
		if (made)
			session_close(m, msg->session, NULL);
		*reason = "offer is too long";
		return 500;
	}
	*len = (size_t)n;
	session_save(m, s);
	session_configure(s, true);	/* nothing is agreed by it */
	return 0;
}

enum media_direction
session_direction(const struct session *s)
{
	return s->rec.sdp.negotiated ? (enum media_direction)s->rec.sdp.now.far_dir
	                             : MEDIA_SENDRECV;
}

/* Whoever the session was connected to is so no longer. */
static void
leave_peer(struct mediad *m, struct session *s)
{
	struct session *peer = s->rec.peer == 0 ? NULL : session_find(m, s->rec.peer);

	s->rec.peer = 0;
	if (peer != NULL && peer->rec.peer == s->rec.id) {
		peer->rec.peer = 0;
		session_save(m, peer);
	}
}

static void
leave_room(struct mediad *m, struct session *s)
{
	struct cmd cmd = { .type = CMD_LEAVE, .stream = s->stream };

	if (s->rec.room == 0)
		return;
	s->rec.room = 0;
	session_save(m, s);
	worker_cmd(s->worker, &cmd);
}

int
session_join(struct mediad *m, const struct msg_media_join *msg, const char **reason)
{
	struct session *s = session_find(m, msg->session);
	struct cmd cmd = { .type = CMD_JOIN };

	*reason = msg->room == 0 ? "room 0" : unknown;
	if (s == NULL || msg->room == 0)
		return 500;
	if (s->rec.room == msg->room && s->rec.room_flags == msg->flags)
		return 0;
	if (s->rec.room != msg->room)
		leave_room(m, s);
	leave_peer(m, s);
	s->rec.echo = 0;
	s->rec.room = msg->room;
	s->rec.room_flags = msg->flags;
	session_save(m, s);
	session_move(s, session_worker(m, msg->room));
	cmd.stream = s->stream;
	cmd.u.room.id = msg->room;
	cmd.u.room.flags = msg->flags;
	worker_cmd(s->worker, &cmd);
	return 0;
}

int
session_leave(struct mediad *m, uint64_t id, const char **reason)
{
	struct session *s = session_find(m, id);

	*reason = unknown;
	if (s == NULL)
		return 500;
	leave_room(m, s);
	return 0;
}

int
session_key(struct mediad *m, const struct msg_media_key *msg, const char **reason)
{
	struct session *s = session_find(m, msg->session);
	struct cmd cmd = { .type = CMD_KEY };

	*reason = strchr("0123456789*#ABCD", msg->digit) == NULL ? "no key" : unknown;
	if (s == NULL || msg->digit == 0 || strchr("0123456789*#ABCD", msg->digit) == NULL)
		return 500;
	cmd.stream = s->stream;
	cmd.u.key.digit = (char)msg->digit;
	cmd.u.key.ms = msg->duration_ms;
	worker_cmd(s->worker, &cmd);
	return 0;
}

int
session_connect(struct mediad *m, uint64_t a_id, uint64_t b_id, const char **reason)
{
	struct session *a = session_find(m, a_id), *b = session_find(m, b_id);
	struct cmd cmd = { .type = CMD_CONNECT };

	*reason = a == b ? "a session cannot be connected to itself" : unknown;
	if (a == NULL || b == NULL || a == b)
		return 500;
	if (a->rec.peer == b_id && b->rec.peer == a_id)
		return 0;
	leave_room(m, a);
	leave_room(m, b);
	leave_peer(m, a);
	leave_peer(m, b);
	a->rec.peer = b_id;
	b->rec.peer = a_id;
	a->rec.echo = b->rec.echo = 0;
	session_save(m, a);
	session_save(m, b);
	session_move(b, a->worker);
	cmd.stream = a->stream;
	cmd.u.other = b->stream;
	worker_cmd(a->worker, &cmd);
	return 0;
}

int
session_disconnect(struct mediad *m, uint64_t id, const char **reason)
{
	struct session *s = session_find(m, id);
	struct cmd cmd = { .type = CMD_DISCONNECT };

	*reason = unknown;
	if (s == NULL)
		return 500;
	leave_peer(m, s);
	session_save(m, s);
	cmd.stream = s->stream;
	worker_cmd(s->worker, &cmd);
	return 0;
}

int
session_echo(struct mediad *m, uint64_t id, bool on, const char **reason)
{
	struct session *s = session_find(m, id);
	struct cmd cmd = { .type = CMD_ECHO, .u.on = on };

	*reason = unknown;
	if (s == NULL)
		return 500;
	s->rec.echo = on;
	session_save(m, s);
	cmd.stream = s->stream;
	worker_cmd(s->worker, &cmd);
	return 0;
}

/* A sound that was asked for and has not reached the worker yet ends here. */
static void
end_loading(struct mediad *m, struct session *s, enum media_played_outcome outcome)
{
	struct ev ev = { .type = EV_PLAYED,
		.session = s->rec.id,
		.number = s->rec.play,
		.what = (uint8_t)outcome };

	if (!s->loading)
		return;
	s->loading = false;
	to_featured_event(m, &ev);
}

int
session_play(struct mediad *m, const struct msg_media_play *msg, const char **reason)
{
	struct session *s = session_find(m, msg->session);

	*reason = unknown;
	if (s == NULL)
		return 500;
	if (msg->play == 0) {
		*reason = "play 0";
		return 500;
	}
	if (s->rec.play == msg->play)	/* repeated */
		return 0;
	end_loading(m, s, MEDIA_PLAYED_STOPPED);
	str_copy(ckpt_tail(m->sessions_ck, s->slot), SESSION_PATH_MAX + 1, msg->path);
	s->rec.play = msg->play;
	s->rec.loops = msg->loops;
	s->loading = true;
	s->resume = false;
	session_save(m, s);
	if (loader_ask(m->loader, msg->session, msg->play, msg->path) < 0)
		end_loading(m, s, MEDIA_PLAYED_FAILED);
	return 0;
}

int
session_play_stop(struct mediad *m, uint64_t id, const char **reason)
{
	struct session *s = session_find(m, id);
	struct cmd cmd = { .type = CMD_PLAY_STOP };

	*reason = unknown;
	if (s == NULL)
		return 500;
	end_loading(m, s, MEDIA_PLAYED_STOPPED);
	cmd.stream = s->stream;		/* tells EV_PLAYED if it was playing */
	worker_cmd(s->worker, &cmd);
	return 0;
}

void
session_loaded(struct mediad *m, const struct loader_result *result)
{
	struct session *s = session_find(m, result->session);
	struct cmd cmd = { .type = CMD_PLAY };
	struct sound *sound = result->sound;

	if (s == NULL || !s->loading || s->rec.play != result->play) {
		sound_unref(&sound);
		return;
	}
	if (sound == NULL) {
		m->plays_failed++;
		end_loading(m, s, MEDIA_PLAYED_FAILED);
		return;
	}
	s->loading = false;
	cmd.stream = s->stream;
	cmd.u.play.sound = sound;	/* the worker's now */
	cmd.u.play.id = s->rec.play;
	cmd.u.play.loops = s->rec.loops;
	cmd.u.play.resume = s->resume;
	worker_cmd(s->worker, &cmd);
}

bool
session_played(struct mediad *m, uint64_t id, uint32_t play)
{
	struct session *s = session_find(m, id);

	if (s != NULL && s->rec.play == play) {
		s->rec.play = 0;
		session_save(m, s);
	}
	return s != NULL;
}

static void
tell_music(struct session *s)
{
	struct cmd cmd = { .type = CMD_MUSIC, .stream = s->stream };

	str_copy(cmd.u.music, sizeof(cmd.u.music), s->rec.music);
	worker_cmd(s->worker, &cmd);
}

int
session_music(struct mediad *m, uint64_t id, bool on, const char *class, const char **reason)
{
	struct session *s = session_find(m, id);

	*reason = unknown;
	if (s == NULL)
		return 500;
	if (on && *class == '\0')
		class = m->settings.music.default_class;
	str_copy(s->rec.music, sizeof(s->rec.music), on ? class : "");
	session_save(m, s);
	tell_music(s);
	return 0;
}

void
session_music_again(struct session *s)
{
	if (s->rec.music[0] != '\0')
		tell_music(s);
}

void
session_music_loaded(struct mediad *m, const struct ev *ev)
{
	struct cmd cmd = { .type = CMD_MUSIC_SOUND };
	struct worker *w = &m->workers[ev->session % m->nworkers];

	cmd.u.song.sound = ev->sound;
	cmd.u.song.index = ev->number;
	str_copy(cmd.u.song.class, sizeof(cmd.u.song.class), ev->text);
	worker_cmd(w, &cmd);
}
