/* SPDX-License-Identifier: ISC */
/*
 * The life of a session, see session.h: made with its ports, moved between workers, closed, and
 * taken up again by the process that comes after one that was killed.
 */
#include <errno.h>
#include <semaphore.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "mediad/mediad.h"
#include "mediad/session_impl.h"
#include "mediad/where.h"

/* Sessions of one call have the same worker from the start. */
struct worker *
session_worker(struct mediad *m, uint64_t call)
{
	uint64_t h = (call ^ call >> 32) * UINT64_C(0x9e3779b97f4a7c15);

	return &m->workers[(h >> 32) % m->nworkers];
}

static void
give_to_worker(struct session *s)
{
	struct cmd cmd = { .type = CMD_ADD, .stream = s->stream, .can_wait = true };

	worker_cmd(s->worker, &cmd);
}

static struct stream *
stream_new(uint64_t id)
{
	struct stream *st = mem_new(sizeof(*st));
	struct {
		uint32_t ssrc, ts;
		uint64_t cname;
		uint16_t seq;
	} chance;

	if (st == NULL)
		return NULL;
	id_random(&chance, sizeof(chance));
	st->st.id = id;
	st->st.cname = chance.cname;
	rtp_tx_init(&st->st.tx, chance.ssrc, chance.seq & 0x7fff, chance.ts);
	memset(st->rx, RX_UNKNOWN, sizeof(st->rx));
	st->slot = CKPT_NONE;
	return st;
}

static struct stream_live *
live_of(struct mediad *m, uint32_t slot)
{
	return (struct stream_live *)(void *)ckpt_tail(m->streams_ck, slot);
}

static int
open_ports(struct mediad *m, struct session *s, const union addr *far, const union addr *like,
    const char **reason)
{
	int r = where_we_are(&m->settings, far, like, &s->rec.bound, &s->rec.told);

	if (r < 0) {
		*reason = "no route to the far end";
		log_limited(&m->bucket, LL_WARNING, *reason, kv_x("session", s->rec.id),
		    kv_s("error", strerror(-r)));
		return 503;
	}
	if ((r = port_take(m->ports, &s->rec.bound, &s->ports)) < 0) {
		m->ports_exhausted++;
		*reason = r == -EADDRINUSE ? "no free RTP port" : "cannot open an RTP port";
		log_limited(&m->bucket, LL_ERROR, *reason, kv_s("error", strerror(-r)),
		    kv_u("used", port_line_used(m->ports)));
		return 503;
	}
	addr_set_port(&s->rec.bound, s->ports.number);
	addr_set_port(&s->rec.told, s->ports.number);
	return 0;
}

static void
discard(struct mediad *m, struct session **pp)
{
	struct session *s = *pp;

	*pp = NULL;
	port_give_back(m->ports, &s->ports);
	ckpt_del(m->sessions_ck, s->slot);
	ckpt_del(m->streams_ck, s->rec.stream_slot);
	if (s->stream != NULL)
		voice_free(&s->stream->voice);
	mem_free(&s->stream);
	mem_free(&s);
}

int
session_new(struct mediad *m, uint64_t id, uint64_t call, const union addr *far,
    const union addr *like, struct session **out, const char **reason)
{
	struct session *s = mem_new(sizeof(*s));
	uint64_t sdp_id;
	int r;

	*reason = "out of memory";
	if (s == NULL)
		return 503;
	s->rec.id = id;
	s->rec.call = call;
	s->slot = ckpt_alloc(m->sessions_ck);
	s->rec.stream_slot = ckpt_alloc(m->streams_ck);
	s->stream = stream_new(id);
	r = 503;
	if (s->slot == CKPT_NONE || s->rec.stream_slot == CKPT_NONE || s->stream == NULL ||
	    (r = open_ports(m, s, far, like, reason)) != 0) {
		discard(m, &s);
		return r;
	}
	s->stream->slot = s->rec.stream_slot;
	s->stream->live = live_of(m, s->rec.stream_slot);
	s->stream->rtp = s->ports.rtp;
	s->stream->rtcp = s->ports.rtcp;
	id_random(&sdp_id, sizeof(sdp_id));
	sdp_state_init(&s->rec.sdp, sdp_id);
	ckpt_put(m->streams_ck, s->stream->slot, &s->stream->st);
	session_save(m, s);
	s->worker = session_worker(m, call);
	HASH_ADD(hh, m->sessions, rec.id, sizeof(s->rec.id), s);
	give_to_worker(s);
	*out = s;
	return 0;
}

void
session_move(struct session *s, struct worker *to)
{
	struct cmd cmd = { .type = CMD_DETACH, .stream = s->stream };
	sem_t done;

	if (s->worker == to)
		return;
	sem_init(&done, 0, 0);
	cmd.u.done = &done;
	worker_cmd(s->worker, &cmd);
	worker_wake(s->worker);
	while (sem_wait(&done) == -1 && errno == EINTR)
		;
	sem_destroy(&done);
	s->worker = to;
	give_to_worker(s);
	session_music_again(s);
}

bool
session_close(struct mediad *m, uint64_t id, bool *closing)
{
	struct cmd cmd = { .type = CMD_REMOVE };
	struct session *s, *peer;

	HASH_FIND(hh, m->sessions, &id, sizeof(id), s);
	if (closing != NULL)
		*closing = s != NULL && s->closing;
	if (s == NULL || s->closing)
		return false;
	peer = s->rec.peer == 0 ? NULL : session_find(m, s->rec.peer);
	if (peer != NULL && peer->rec.peer == id) {
		peer->rec.peer = 0;
		session_save(m, peer);
	}
	if (s->loading) {
		struct ev ev = { .type = EV_PLAYED,
			.session = id,
			.number = s->rec.play,
			.what = MEDIA_PLAYED_STOPPED };

		s->loading = false;
		to_featured_event(m, &ev);
	}
	record_session_gone(m, id);
	s->closing = true;
	cmd.stream = s->stream;
	cmd.can_wait = port_line_used(m->ports) < port_line_total(m->ports) / 10 * 9;
	worker_cmd(s->worker, &cmd);
	return true;
}

void
session_removed(struct mediad *m, struct stream *stream)
{
	uint64_t id = stream->st.id;
	struct session *s;

	HASH_FIND(hh, m->sessions, &id, sizeof(id), s);
	if (s == NULL || s->stream != stream)
		panic("a worker gave back a stream that nobody lent it");
	HASH_DEL(m->sessions, s);
	discard(m, &s);
}

/* The ports and the stream of a record. Returns 0 or -errno. */
static int
take_up_stream(struct mediad *m, struct session *s)
{
	const struct stream_state *state = ckpt_get(m->streams_ck, s->rec.stream_slot);
	int r;

	/* Written before the session's own: if it is not there, it was dropped as poison. */
	if (state == NULL || state->id != s->rec.id) {
		s->rec.stream_slot = CKPT_NONE;
		return -ENOENT;
	}
	if ((s->stream = stream_new(s->rec.id)) == NULL)
		return -ENOMEM;
	r = port_take_again(m->ports, &s->rec.bound, addr_port(&s->rec.bound), &s->ports);
	if (r < 0)
		return r;
	s->stream->st = *state;
	s->stream->slot = s->rec.stream_slot;
	s->stream->live = live_of(m, s->rec.stream_slot);
	s->stream->rtp = s->ports.rtp;
	s->stream->rtcp = s->ports.rtcp;
	stream_take_live(s->stream);
	return 0;
}

/* One record of the process before us. Returns NULL when its ports or memory cannot be had. */
static struct session *
take_up(struct mediad *m, uint32_t slot)
{
	struct session *s = mem_new(sizeof(*s));
	int r;

	if (s == NULL)
		return NULL;
	s->rec = *(const struct session_rec *)ckpt_get(m->sessions_ck, slot);
	s->slot = slot;
	if ((r = take_up_stream(m, s)) < 0) {
		log_error("session is lost", kv_x("session", s->rec.id),
		    kv_u("port", addr_port(&s->rec.bound)), kv_s("error", strerror(-r)));
		discard(m, &s);
		return NULL;
	}
	s->worker = session_worker(m, s->rec.call);
	HASH_ADD(hh, m->sessions, rec.id, sizeof(s->rec.id), s);
	return s;
}

/* A session is known: hand it over with all that it did. */
static void
set_going(struct mediad *m, struct session *s)
{
	struct cmd cmd = { .stream = s->stream };
	struct session *peer = s->rec.peer == 0 ? NULL : session_find(m, s->rec.peer);

	if (peer != NULL && peer->rec.peer == s->rec.id && s->rec.id > peer->rec.id)
		/* of one call, or moved there: together, in any case */
		s->worker = peer->worker;
	if (s->rec.room != 0)
		s->worker = session_worker(m, s->rec.room);
	give_to_worker(s);
	session_configure(s, false);
	if (s->rec.echo) {
		cmd.type = CMD_ECHO;
		cmd.u.on = true;
		worker_cmd(s->worker, &cmd);
	}
	session_music_again(s);
	if (s->rec.play != 0) {
		s->loading = true;
		s->resume = true;
		if (loader_ask(m->loader, s->rec.id, s->rec.play,
		        ckpt_tail(m->sessions_ck, s->slot)) < 0)
			s->loading = false;
	}
}

static void
connect_again(struct mediad *m, struct session *s)
{
	struct session *peer = s->rec.peer == 0 ? NULL : session_find(m, s->rec.peer);
	struct cmd cmd = { .type = CMD_CONNECT, .stream = s->stream };

	if (s->rec.room != 0) {
		cmd.type = CMD_JOIN;
		cmd.u.room.id = s->rec.room;
		cmd.u.room.flags = s->rec.room_flags;
		cmd.u.room.again = true;
		worker_cmd(s->worker, &cmd);
		return;
	}
	if (peer == NULL || peer->rec.peer != s->rec.id) {
		/* killed between two records; featured connects again after sync */
		s->rec.peer = 0;
		return;
	}
	if (s->rec.id > peer->rec.id)
		return;			/* once for the two */
	cmd.u.other = peer->stream;
	worker_cmd(s->worker, &cmd);
}

/* Records of streams whose session's record was not written any more. */
static void
drop_orphans(struct mediad *m)
{
	const struct stream_state *state;
	struct session *s;
	uint32_t slot;

	for (slot = ckpt_next(m->streams_ck, 0); slot != CKPT_NONE;
	     slot = ckpt_next(m->streams_ck, slot + 1)) {
		state = ckpt_get(m->streams_ck, slot);
		HASH_FIND(hh, m->sessions, &state->id, sizeof(state->id), s);
		if (s == NULL || s->rec.stream_slot != slot)
			ckpt_del(m->streams_ck, slot);
	}
}

void
session_restore(struct mediad *m)
{
	struct session *s, *next, *twin;
	const struct session_rec *rec;
	unsigned lost = 0;
	uint32_t slot;

	for (slot = ckpt_next(m->sessions_ck, 0); slot != CKPT_NONE;
	     slot = ckpt_next(m->sessions_ck, slot + 1)) {
		rec = ckpt_get(m->sessions_ck, slot);
		HASH_FIND(hh, m->sessions, &rec->id, sizeof(rec->id), twin);
		if (twin != NULL) {
			ckpt_del(m->sessions_ck, slot);
			continue;
		}
		ckpt_enter(m->sessions_ck, slot);
		if (take_up(m, slot) == NULL)
			lost++;
		ckpt_leave(m->sessions_ck);
	}
	port_line_settle(m->ports);
	drop_orphans(m);
	/* The one with the smaller id first: the other goes to its worker. */
	for (int round = 0; round < 2; round++) {
		HASH_ITER(hh, m->sessions, s, next) {
			if ((s->rec.peer != 0 && s->rec.id > s->rec.peer) == (round == 1)) {
				ckpt_enter(m->sessions_ck, s->slot);
				set_going(m, s);
				ckpt_leave(m->sessions_ck);
			}
		}
	}
	HASH_ITER(hh, m->sessions, s, next)
		connect_again(m, s);
	for (unsigned i = 0; i < m->nworkers; i++)
		worker_wake(&m->workers[i]);
	if (m->sessions != NULL || lost > 0)
		log_info("sessions taken up", kv_u("sessions", HASH_COUNT(m->sessions)),
		    kv_u("lost", lost));
}

void
session_free_all(struct mediad *m)
{
	struct session *s, *next;

	HASH_ITER(hh, m->sessions, s, next) {
		HASH_DEL(m->sessions, s);
		sound_unref(&s->stream->sound);
		io_port_close(&s->ports.rtp);
		io_port_close(&s->ports.rtcp);
		voice_free(&s->stream->voice);
		mem_free(&s->stream);
		mem_free(&s);
	}
}
