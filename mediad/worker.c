/* SPDX-License-Identifier: ISC */
/*
 * The worker thread, see worker.h: wait for packets, carry out commands, tick what plays, look
 * after a tenth of the streams every tenth of a second.
 */
#include "mediad/worker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/enums.h"

#define CMDS_MAX	65536
#define SLICE_US	(1000000 / WORKER_SLICES)
#define TICK_LATE_US	5000
#define TICKS_MISSED	5	/* after a longer stop the missed ones are not made up for */

static void
on_packet(void *ctx, void *arg, unsigned tag, struct io_packet *p, uint64_t now_us)
{
	struct worker *w = ctx;
	struct stream *s = arg;

	stream_record_soon(s);
	if (s->peer != NULL)
		stream_record_soon(s->peer);
	ckpt_enter(w->conf.streams, s->slot);
	if (tag == STREAM_RTP)
		stream_rtp_in(w, s, p, now_us);
	else
		stream_rtcp_in(w, s, p, now_us);
	ckpt_leave(w->conf.streams);
}

void
worker_event(struct worker *w, const struct ev *ev)
{
	uint64_t one = 1;
	int r = queue_push(w->conf.events, ev);

	/*
	 * The main thread is far behind. The end of a stream must not be lost, of the others
	 * featured hears in time.
	 */
	while (r < 0 && (ev->type == EV_REMOVED || ev->type == EV_UNTAPPED)) {
		usleep(1000);
		r = queue_push(w->conf.events, ev);
	}
	if (r == 1 && write(w->conf.events_fd, &one, sizeof(one)) == -1 && errno != EAGAIN)
		panic("cannot wake the main thread");
}

static void
end_play(struct worker *w, struct stream *s, enum media_played_outcome outcome)
{
	struct ev ev = {
		.type = EV_PLAYED, .session = s->st.id, .number = s->play, .what = (uint8_t)outcome
	};

	if (s->play == 0)
		return;
	sound_unref(&s->sound);
	s->play = 0;
	worker_event(w, &ev);
}

static void
do_play(struct worker *w, const struct cmd *cmd)
{
	struct stream *s = cmd->stream;

	end_play(w, s, MEDIA_PLAYED_STOPPED);
	s->sound = cmd->u.play.sound;
	s->play = cmd->u.play.id;
	if (!cmd->u.play.resume || s->st.play_at > s->sound->n) {
		s->st.play_at = 0;
		s->st.play_left = cmd->u.play.loops;
	}
	worker_tick(w, s);
	s->saved = false;
}

void
worker_played(struct worker *w, struct stream *s)
{
	end_play(w, s, MEDIA_PLAYED_DONE);
}

void
worker_tick(struct worker *w, struct stream *s)
{
	if (s->ticks)
		return;
	s->ticks = true;
	LIST_INSERT_HEAD(&w->ticking, s, ticking);
	if (w->tick_due_us == 0)
		w->tick_due_us = clock_mono_us();
}

static void
untick(struct stream *s)
{
	if (!s->ticks)
		return;
	s->ticks = false;
	LIST_REMOVE(s, ticking);
}

/* The stream hears nobody, nobody hears it. */
static void
unlink_peer(struct stream *s)
{
	stream_forget_frames(s);
	if (s->peer == NULL)
		return;
	rtp_tx_break(&s->peer->st.tx);
	rtp_tx_break(&s->st.tx);
	stream_forget_frames(s->peer);
	s->peer->peer = NULL;
	s->peer = NULL;
}

static void
do_connect(struct stream *a, struct stream *b)
{
	if (a->peer == b)
		return;
	unlink_peer(a);
	unlink_peer(b);
	room_leave(a);
	room_leave(b);
	a->peer = b;
	b->peer = a;
	a->echo = b->echo = false;
}

static void
do_join(struct worker *w, struct stream *s, uint64_t id, uint8_t flags, bool again)
{
	unlink_peer(s);
	s->echo = false;
	if (voice_need_in(s) == NULL ||
	    !room_join(&w->rooms, s, id, again ? flags & (uint8_t)~MEDIA_ROOM_TONE : flags)) {
		log_error("no memory for a room", kv_x("session", s->st.id));
		return;
	}
	s->room_flags = flags;
	worker_tick(w, s);
}

static void
do_add(struct worker *w, struct stream *s)
{
	int r = io_attach(w->io, s->rtp, s, STREAM_RTP);

	if (r == 0 && s->rtcp != NULL)
		r = io_attach(w->io, s->rtcp, s, STREAM_RTCP);
	/* out of memory in the kernel: the session stays deaf, featured will hear of its silence */
	if (r < 0)
		log_error("session cannot receive", kv_x("session", s->st.id),
		    kv_s("error", strerror(-r)));
	LIST_INSERT_HEAD(&w->slices[s->st.id % WORKER_SLICES], s, slice);
	w->nstreams++;
}

static void
take_out(struct worker *w, struct stream *s, void (*leave)(struct io *, struct io_port *))
{
	unlink_peer(s);
	room_leave(s);
	music_listen(w, s, NULL);
	untick(s);
	leave(w->io, s->rtp);
	if (s->rtcp != NULL)
		leave(w->io, s->rtcp);
	LIST_REMOVE(s, slice);
	w->nstreams--;
}

/* As many recordings of it as there can be go on already. */
static void
do_untap_refused(struct worker *w, uint64_t record)
{
	struct ev ev = { .type = EV_UNTAPPED, .session = record };

	worker_event(w, &ev);
}

static void
do_untap(struct worker *w, struct stream *s, uint64_t record, sem_t *done)
{
	struct ev ev = { .type = EV_UNTAPPED, .session = record };

	if (stream_untap(s, record) && done == NULL)
		worker_event(w, &ev);
	if (done != NULL)
		sem_post(done);
}

static void
do_remove(struct worker *w, struct stream *s, uint64_t now_us)
{
	struct ev ev = { .type = EV_REMOVED, .session = s->st.id, .stream = s };

	end_play(w, s, MEDIA_PLAYED_STOPPED);
	if (s->rtcp_sent > 0)
		stream_rtcp_send(w, s, true, now_us);
	while (s->ntaps > 0)
		do_untap(w, s, s->taps[0].record, NULL);
	take_out(w, s, io_retire);
	stream_stats(s, &ev.stats);
	worker_event(w, &ev);
}

static void
do_detach(struct worker *w, struct stream *s, sem_t *done)
{
	take_out(w, s, io_detach);
	sem_post(done);
}

static void
do_readd(struct worker *w, struct stream *s)
{
	do_add(w, s);
	if (s->play != 0 || s->voice != NULL)	/* moved here */
		worker_tick(w, s);
}

static void
do_stats(struct worker *w, const struct stream *s, uint32_t tag)
{
	struct ev ev = { .type = EV_STATS, .session = s->st.id, .number = tag };

	stream_stats(s, &ev.stats);
	worker_event(w, &ev);
}

static void
run_cmd(struct worker *w, const struct cmd *cmd, uint64_t now_us)
{
	struct stream *s = cmd->stream;

	switch (cmd->type) {
	case CMD_ADD:
		do_readd(w, s);
		break;
	case CMD_CONFIGURE:
		stream_configure(w, s, &cmd->u.conf, now_us);
		break;
	case CMD_CONNECT:
		do_connect(s, cmd->u.other);
		break;
	case CMD_DISCONNECT:
		unlink_peer(s);
		break;
	case CMD_ECHO:
		if (s->echo != cmd->u.on)
			rtp_tx_break(&s->st.tx);
		stream_forget_frames(s);
		s->echo = cmd->u.on;
		break;
	case CMD_JOIN:
		do_join(w, s, cmd->u.room.id, cmd->u.room.flags, cmd->u.room.again);
		break;
	case CMD_LEAVE:
		room_leave(s);
		break;
	case CMD_KEY:
		stream_key_info(w, s, cmd->u.key.digit, cmd->u.key.ms);
		break;
	case CMD_PLAY:
		do_play(w, cmd);
		break;
	case CMD_PLAY_STOP:
		end_play(w, s, MEDIA_PLAYED_STOPPED);
		break;
	case CMD_MUSIC:
		music_listen(w, s, cmd->u.music[0] == '\0' ? NULL : cmd->u.music);
		break;
	case CMD_MUSIC_SOUND:
		music_loaded(w, cmd->u.song.class, cmd->u.song.sound, cmd->u.song.index);
		break;
	case CMD_TAP:
		if (!stream_tap(s, cmd->u.tap.tap, cmd->u.tap.record, cmd->u.tap.swap,
		        cmd->u.tap.far_only))
			do_untap_refused(w, cmd->u.tap.record);
		break;
	case CMD_UNTAP:
		do_untap(w, s, cmd->u.tap.record, cmd->u.tap.done);
		break;
	case CMD_STATS:
		do_stats(w, s, cmd->u.tag);
		break;
	case CMD_REMOVE:
		do_remove(w, s, now_us);
		break;
	case CMD_DETACH:
		do_detach(w, s, cmd->u.done);
		break;
	case CMD_STOP:
		w->stop = true;
		break;
	}
}

static void
run_cmds(struct worker *w, uint64_t now_us)
{
	struct cmd cmd;

	while (queue_pop(&w->cmds, &cmd)) {
		if (cmd.stream != NULL)
			ckpt_enter(w->conf.streams, cmd.stream->slot);
		run_cmd(w, &cmd, now_us);
		ckpt_leave(w->conf.streams);
	}
}

/* 20 ms of every stream that is not merely relayed. */
static void
tick(struct worker *w, uint64_t now_us)
{
	uint64_t late_us = now_us - w->tick_due_us;
	struct stream *s, *next;
	struct room *room;

	if (late_us > TICK_LATE_US)
		w->late++;
	w->ticks++;
	LIST_FOREACH(s, &w->ticking, ticking)
		stream_tick_hear(w, s, now_us);
	LIST_FOREACH(room, &w->rooms, next)
		room_mix(room);
	for (s = LIST_FIRST(&w->ticking); s != NULL; s = next) {
		next = LIST_NEXT(s, ticking);
		if (!stream_tick_say(w, s, now_us))
			untick(s);
	}
	w->tick_due_us += WORKER_TICK_US;
	if (late_us > TICKS_MISSED * WORKER_TICK_US)
		w->tick_due_us = now_us + WORKER_TICK_US;
	if (LIST_EMPTY(&w->ticking))
		w->tick_due_us = 0;
}

/* The thread's own counters are plain; the main thread sees them a tenth of a second later. */
static void
publish(struct worker *w)
{
	const struct io_counts *c = io_counts(w->io);

	atomic_store_explicit(&w->counts.in, c->in, memory_order_relaxed);
	atomic_store_explicit(&w->counts.out, c->out, memory_order_relaxed);
	atomic_store_explicit(&w->counts.unsent, c->unsent, memory_order_relaxed);
	atomic_store_explicit(&w->counts.wakes, c->wakes, memory_order_relaxed);
	atomic_store_explicit(&w->counts.invalid, w->invalid + c->oversize, memory_order_relaxed);
	atomic_store_explicit(&w->counts.dropped, w->dropped, memory_order_relaxed);
	atomic_store_explicit(&w->counts.strangers, w->strangers, memory_order_relaxed);
	atomic_store_explicit(&w->counts.flooded, w->flooded, memory_order_relaxed);
	atomic_store_explicit(&w->counts.late_ticks, w->late, memory_order_relaxed);
}

static void
slice(struct worker *w, uint64_t now_us)
{
	struct stream *s;

	LIST_FOREACH(s, &w->slices[w->slice], slice)
		stream_second(w, s, now_us);
	w->slice = (w->slice + 1) % WORKER_SLICES;
	w->slice_due_us = now_us + SLICE_US;
	publish(w);
}

/*
 * Nothing will wake the thread but the main thread: says so, and then looks once more. Who pushes a
 * command after that look sees asleep, so no command is left lying.
 */
static bool
may_sleep(struct worker *w)
{
	atomic_store(&w->asleep, true);
	return queue_empty(&w->cmds);
}

static void *
run(void *arg)
{
	struct worker *w = arg;
	uint64_t now_us = clock_mono_us(), until_us, read_us;

	while (!w->stop) {
		until_us = w->nstreams > 0 ? w->slice_due_us : 0;
		if (w->tick_due_us != 0 && (until_us == 0 || w->tick_due_us < until_us))
			until_us = w->tick_due_us;
		if (until_us == 0 && !may_sleep(w))
			until_us = 1;
		now_us = io_wait(w->io, until_us);
		atomic_store(&w->asleep, false);
		run_cmds(w, now_us);	/* first: what featured was told as done is done */
		read_us = io_read(w->io, now_us);
		atomic_store_explicit(&w->read_us, read_us, memory_order_release);
		while (w->tick_due_us != 0 && now_us >= w->tick_due_us)
			tick(w, now_us);
		if (now_us >= w->slice_due_us)
			slice(w, now_us);
	}
	publish(w);
	return NULL;
}

int
worker_start(struct worker *w, const struct worker_conf *conf)
{
	sigset_t all, old;
	int r;

	memset(w, 0, sizeof(*w));
	w->conf = *conf;
	w->rand = (uint32_t)clock_mono_us();
	w->read_us = clock_mono_us();
	LIST_INIT(&w->ticking);
	LIST_INIT(&w->rooms);
	LIST_INIT(&w->music);
	w->number = conf->number;
	for (size_t i = 0; i < WORKER_SLICES; i++)
		LIST_INIT(&w->slices[i]);
	if ((r = io_new(&w->io, on_packet, w)) < 0)
		return r;
	queue_init(&w->cmds, sizeof(struct cmd), CMDS_MAX);
	sigfillset(&all);	/* signals are the main thread's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r < 0) {
		io_free(&w->io);
		queue_destroy(&w->cmds);
	}
	return r;
}

void
worker_stop(struct worker *w)
{
	struct cmd cmd = { .type = CMD_STOP };
	struct room *room;

	worker_cmd(w, &cmd);
	worker_wake(w);
	pthread_join(w->thread, NULL);
	music_free_all(w);
	while ((room = LIST_FIRST(&w->rooms)) != NULL) {
		LIST_REMOVE(room, next);
		mem_free(&room);
	}
	io_free(&w->io);
	queue_destroy(&w->cmds);
}

void
worker_cmd(struct worker *w, const struct cmd *cmd)
{
	while (queue_push(&w->cmds, cmd) < 0) {
		io_wake(w->io);
		usleep(200);
	}
	if ((cmd->can_wait && !atomic_load(&w->asleep)) || w->wake_due)
		return;
	w->wake_due = true;
	if (w->conf.work != NULL)
		w->conf.work(w->conf.work_arg);
}

uint64_t
worker_read_us(const struct worker *w)
{
	return atomic_load(&w->asleep) ? UINT64_MAX : atomic_load(&w->read_us);
}

void
worker_wake(struct worker *w)
{
	if (w->wake_due)
		io_wake(w->io);
	w->wake_due = false;
}
