/* SPDX-License-Identifier: ISC */
/*
 * What featured says, to be done at once and in order; failures are answered by media_failed, SDP
 * by media_sdp. The protocol is told in common/ipc/schema/media.def. Decides nothing: session.c
 * does.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "mediad/mediad.h"
#include "mediad/to_featured.h"

static void
failed(struct mediad *m, struct ipc_peer *peer, uint64_t session, uint16_t command, int status,
    const char *reason)
{
	struct msg_media_failed out = {
		.session = session, .command = command, .status = (uint16_t)status
	};
	const struct ipc_def *def = ipc_def(command);

	str_copy(out.reason, sizeof(out.reason), reason);
	log_limited(&m->bucket, LL_WARNING, "command refused", kv_x("session", session),
	    kv_s("command", def == NULL ? "" : def->name), kv_i("status", status),
	    kv_s("reason", reason));
	ipc_send(peer, MSG_media_failed, &out);
}

static void
send_sdp(struct mediad *m, struct ipc_peer *peer, uint64_t id, enum media_sdp_kind kind,
    const char *text, size_t len)
{
	struct msg_media_sdp out = { .session = id, .kind = (uint8_t)kind };
	struct session *s = session_find(m, id);

	out.direction = s == NULL ? MEDIA_SENDRECV : (uint8_t)session_direction(s);
	out.sdp.p = (const uint8_t *)text;
	out.sdp.len = len;
	ipc_send(peer, MSG_media_sdp, &out);
}

static void
do_make_answer(struct mediad *m, struct ipc_peer *peer, const struct msg_media_make_answer *msg)
{
	char text[SDP_TEXT_MAX];
	const char *reason;
	size_t len;
	int r = session_make_answer(m, msg->session, msg->like, text, &len, &reason);

	if (r != 0)
		failed(m, peer, msg->session, MSG_media_make_answer, r, reason);
	else
		send_sdp(m, peer, msg->session, MEDIA_SDP_ANSWER, text, len);
}

static void
do_make_offer(struct mediad *m, struct ipc_peer *peer, const struct msg_media_make_offer *msg)
{
	char text[SDP_TEXT_MAX];
	const char *reason;
	size_t len;
	int r = session_make_offer(m, msg, text, &len, &reason);

	if (r != 0)
		failed(m, peer, msg->session, MSG_media_make_offer, r, reason);
	else
		send_sdp(m, peer, msg->session, MEDIA_SDP_OFFER, text, len);
}

static void
do_close(struct mediad *m, uint64_t id)
{
	bool closing;

	if (!session_close(m, id, &closing) && !closing)
		to_featured_gone(m, id);
}

static void
do_stats(struct mediad *m, struct ipc_peer *peer, uint64_t id, uint32_t request)
{
	struct session *s = session_find(m, id);
	struct cmd cmd = { .type = CMD_STATS };
	struct msg_media_closed none = { .session = id };

	if (request == 0)	/* a statement: nobody waits for it */
		return;
	if (s == NULL) {
		ipc_reply(peer, request, MSG_media_closed, &none);
		return;
	}
	if (!to_featured_wait_stats(m, peer, request, &cmd.u.tag)) {
		ipc_reply_error(peer, request, 503, "out of memory");
		return;
	}
	cmd.stream = s->stream;
	worker_cmd(s->worker, &cmd);
}

static void
do_reload(struct mediad *m, struct ipc_peer *peer, uint32_t request)
{
	char why[512];
	int r = daemon_reload(&m->daemon, why, sizeof(why));

	if (request == 0)
		return;
	if (r < 0)
		ipc_reply_error(peer, request, 400, why);
	else
		ipc_reply(peer, request, MSG_done, &(struct msg_done){});
}

static void
do_file_get(struct mediad *m, struct ipc_peer *peer, const struct msg_media_file_get *msg,
    uint32_t request)
{
	struct msg_media_file out = { 0 };
	int fd;

	if (request == 0)
		return;
	fd = record_file_get(m, msg->kind, msg->path, &out.bytes);
	if (fd < 0) {
		ipc_reply_error(peer, request, fd == -EINVAL ? 400 : fd == -ENOENT ? 404 : 500,
		    fd == -ENOENT ? "no such file" : strerror(-fd));
		return;
	}
	ipc_reply_fd(peer, request, MSG_media_file, &out, fd);
	close(fd);
}

static void
do_file_remove(struct mediad *m, struct ipc_peer *peer, const struct msg_media_file_remove *msg,
    uint32_t request)
{
	int r = record_file_remove(m, msg->kind, msg->path);

	if (r < 0)
		log_error("a file cannot be removed", kv_s("path", msg->path),
		    kv_s("error", strerror(-r)));
	if (request == 0)
		return;
	if (r < 0)
		ipc_reply_error(peer, request, r == -EINVAL ? 400 : 500, strerror(-r));
	else
		ipc_reply(peer, request, MSG_done, &(struct msg_done){});
}

/* Recordings: they end in media_recorded, whatever happens. False: msg is about something else. */
static bool
record_command(struct mediad *m, const struct ipc_msg *msg)
{
	const union ipc_any *b = msg->body;

	switch (msg->type) {
	case MSG_media_record:
		record_begin(m, &b->media_record);
		return true;
	case MSG_media_record_move:
		record_move(m, &b->media_record_move);
		return true;
	case MSG_media_record_pause:
		record_pause(m, b->media_record_pause.record, b->media_record_pause.on != 0);
		return true;
	case MSG_media_record_stop:
		record_stop(m, b->media_record_stop.record);
		return true;
	case MSG_media_record_forget:
		record_forget(m, b->media_record_forget.record);
		return true;
	}
	return false;
}

/*
 * Commands that make nothing and fail with one status and reason. Returns false when msg is none of
 * them.
 */
static bool
plain_command(struct mediad *m, const struct ipc_msg *msg, uint64_t *id, int *r,
    const char **reason)
{
	const union ipc_any *b = msg->body;

	switch (msg->type) {
	case MSG_media_offer:
		*id = b->media_offer.session;
		*r = session_offer(m, &b->media_offer, reason);
		return true;
	case MSG_media_answer:
		*id = b->media_answer.session;
		*r = session_answer(m, &b->media_answer, reason);
		return true;
	case MSG_media_connect:
		*id = b->media_connect.a;
		*r = session_connect(m, b->media_connect.a, b->media_connect.b, reason);
		return true;
	case MSG_media_disconnect:
		*id = b->media_disconnect.session;
		*r = session_disconnect(m, *id, reason);
		return true;
	case MSG_media_echo:
		*id = b->media_echo.session;
		*r = session_echo(m, *id, b->media_echo.on != 0, reason);
		return true;
	case MSG_media_join:
		*id = b->media_join.session;
		*r = session_join(m, &b->media_join, reason);
		return true;
	case MSG_media_leave:
		*id = b->media_leave.session;
		*r = session_leave(m, *id, reason);
		return true;
	case MSG_media_key:
		*id = b->media_key.session;
		*r = session_key(m, &b->media_key, reason);
		return true;
	case MSG_media_play:
		*id = b->media_play.session;
		*r = session_play(m, &b->media_play, reason);
		return true;
	case MSG_media_music:
		*id = b->media_music.session;
		*r = session_music(m, *id, b->media_music.on != 0, b->media_music.class, reason);
		return true;
	case MSG_media_play_stop:
		*id = b->media_play_stop.session;
		*r = session_play_stop(m, *id, reason);
		return true;
	}
	return false;
}

/* The session that the message is about; every one about sessions begins with its id. */
static void
enter(struct mediad *m, const struct ipc_msg *msg)
{
	const struct ipc_def *def = ipc_def(msg->type);
	struct session *s;
	uint64_t id;

	if (def == NULL || def->nfields == 0 || def->fields[0].kind != IPC_K_U64)
		return;
	memcpy(&id, (const char *)msg->body + def->fields[0].off, sizeof(id));
	if ((s = session_find(m, id)) != NULL)
		ckpt_enter(m->sessions_ck, s->slot);
}

void
from_featured(void *arg, struct ipc_peer *peer, const struct ipc_msg *msg)
{
	struct mediad *m = arg;
	const union ipc_any *b = msg->body;
	const char *reason = "";
	uint64_t id = 0;
	int r = 0;

	if (record_command(m, msg))
		return;
	enter(m, msg);
	if (plain_command(m, msg, &id, &r, &reason)) {
		if (r != 0)
			failed(m, peer, id, msg->type, r, reason);
	} else {
		switch (msg->type) {
		case MSG_media_make_answer:
			do_make_answer(m, peer, &b->media_make_answer);
			break;
		case MSG_media_make_offer:
			do_make_offer(m, peer, &b->media_make_offer);
			break;
		case MSG_media_close:
			do_close(m, b->media_close.session);
			break;
		case MSG_media_stats_get:
			do_stats(m, peer, b->media_stats_get.session,
			    msg->flags & IPC_REQUEST ? msg->id : 0);
			break;
		case MSG_media_mark:
			ipc_send(peer, MSG_media_marked,
			    &(struct msg_media_marked){ .session = b->media_mark.session });
			break;
		case MSG_media_file_get:
			do_file_get(m, peer, &b->media_file_get,
			    msg->flags & IPC_REQUEST ? msg->id : 0);
			break;
		case MSG_media_file_remove:
			do_file_remove(m, peer, &b->media_file_remove,
			    msg->flags & IPC_REQUEST ? msg->id : 0);
			break;
		case MSG_reload:
			do_reload(m, peer, msg->flags & IPC_REQUEST ? msg->id : 0);
			break;
		default:	/* a number, not an enum: of a newer featured */
			log_limited(&m->bucket, LL_WARNING, "message not known",
			    kv_u("type", msg->type));
			break;
		}
	}
	ckpt_leave(m->sessions_ck);
}

void
featured_up(void *arg, struct ipc_peer *peer)
{
	struct mediad *m = arg;
	struct msg_sync_end end = { 0 };
	struct msg_sync_session out;
	struct session *s, *next;

	ipc_send(peer, MSG_sync_begin, &(struct msg_sync_begin){});
	HASH_ITER(hh, m->sessions, s, next) {
		if (s->closing)
			continue;
		memset(&out, 0, sizeof(out));
		out.session = s->rec.id;
		out.peer = s->rec.peer;
		out.echo = s->rec.echo;
		out.play = s->rec.play == RECORD_BEEP_PLAY ? 0 : s->rec.play;
		out.negotiated = s->rec.sdp.negotiated;
		out.music = s->rec.music[0] != '\0';
		out.room = s->rec.room;
		out.room_flags = s->rec.room_flags;
		ipc_send(peer, MSG_sync_session, &out);
		end.count++;
	}
	record_sync(m);
	ipc_send(peer, MSG_sync_end, &end);
	log_info("featured is there", kv_u("sessions", end.count));
}

void
featured_down(void *arg, struct ipc_peer *peer, const char *why)
{
	(void)arg;
	(void)peer;
	log_warning("featured is away: calls go on", kv_s("reason", why));
}
