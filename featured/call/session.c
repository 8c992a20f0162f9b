/* SPDX-License-Identifier: ISC */
/*
 * Media sessions, as featured sees them. mediad carries out the commands of one connection in
 * order, so a media_sdp proves that it has taken everything that was sent before the request for
 * it; until then their SDP is kept here (and sipd keeps the event that brought it), so that no kill
 * of a single daemon loses it.
 */
#include "featured/call/session.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/ipc/msg.h"
#include "featured/app/app.h"
#include "featured/call/call.h"
#include "featured/settings.h"
#include "featured/call/recording.h"

#define WANT_MS    5000  /* set-up: then 503 */
#define WANT_UP_MS 30000 /* somebody has answered already: patience */
#define PATH_IN_MENU "&"  /* the list is in the call's menu record, being long */

#define TELL(core, leg, name, ...)                                                                 \
	core_to_mediad(core, leg, MSG_##name,                                                      \
	    &(struct msg_##name){ .session = (leg)->r.id __VA_OPT__(, ) __VA_ARGS__ })

void
session_drop_copy(struct leg *leg)
{
	mem_free(&leg->sdp);
	leg->sdp_len = 0;
	leg->copy = COPY_NONE;
}

/* Without memory for the copy the call goes on all the same, only less protected. */
static void
keep_copy(struct core *core, struct leg *leg, struct ipc_view sdp, enum copy_kind kind)
{
	if (leg->sdp != sdp.p) {
		session_drop_copy(leg);
		leg->sdp = mem_new(sdp.len + 1);
		if (leg->sdp != NULL) {
			memcpy(leg->sdp, sdp.p, sdp.len);
			leg->sdp_len = sdp.len;
		}
	}
	leg->copy = leg->sdp != NULL ? kind : COPY_NONE;
	leg->unproven = false;
	leg->copy_seq = core->media_seq;
	leg_dirty(core, leg);
}

/* What its extension wishes of media. */
static void
wishes(struct core *core, const struct leg *leg, char codecs[65], uint8_t *dtmf)
{
	const struct extension *ext = settings_extension(core->settings, leg->r.user);

	if (ext == NULL)
		return;
	*dtmf = (uint8_t)ext->dtmf;
	for (size_t i = 0; i < ext->codecs.n; i++) {
		size_t at = strlen(codecs);

		str_format(codecs + at, 65 - at, "%s%s", i > 0 ? "," : "", ext->codecs.v[i]);
	}
}

void
session_offer(struct core *core, struct leg *leg, struct ipc_view sdp)
{
	struct msg_media_offer m = { .session = leg->r.id, .call = leg->call->r.key, .sdp = sdp };

	leg->r.session = SESSION_LIVE;
	leg->r.oa = OA_THEIRS;
	str_copy(m.far, sizeof(m.far), leg->r.far);
	wishes(core, leg, m.codecs, &m.dtmf);
	core_to_mediad(core, leg, MSG_media_offer, &m);
	keep_copy(core, leg, sdp, COPY_OFFER);
}

void
session_answer(struct core *core, struct leg *leg, struct ipc_view sdp, bool early)
{
	TELL(core, leg, media_answer, .early = early, .sdp = sdp);
	keep_copy(core, leg, sdp, early ? COPY_EARLY : COPY_ANSWER);
}

void
session_keep(struct core *core, struct leg *leg, struct ipc_view sdp, enum copy_kind kind)
{
	leg->r.session = SESSION_LIVE;
	if (kind == COPY_OFFER)
		leg->r.oa = OA_THEIRS;
	keep_copy(core, leg, sdp, kind);
}

static bool
wants_offer(const struct leg *leg)
{
	switch ((enum leg_want)leg->r.want) {
	case WANT_DIAL:
	case WANT_REINVITE:
		return true;
	case WANT_PROGRESS:
	case WANT_ANSWER:
		return leg->r.late && !leg->r.agreed;
	case WANT_REANSWER:
		return leg->r.reoffer_late;
	case WANT_NONE:
	case WANT_MARK:
		break;
	}
	return false;
}

static void
ask(struct core *core, struct leg *leg)
{
	bool late = leg->r.late && leg->r.want != WANT_REANSWER && leg->r.want != WANT_REINVITE;
	struct msg_media_make_offer m = { .session = leg->r.id,
		.call = leg->call->r.key,
		.like = leg->r.like,
		.flags = late ? MEDIA_FLAG_LATE : MEDIA_FLAG_NONE };

	str_copy(m.far, sizeof(m.far), leg->r.far);
	wishes(core, leg, m.codecs, &m.dtmf);
	if (leg->r.want == WANT_MARK || (leg->r.want == WANT_ANSWER && leg->r.agreed))
		TELL(core, leg, media_mark);
	else if (wants_offer(leg))
		core_to_mediad(core, leg, MSG_media_make_offer, &m);
	else
		TELL(core, leg, media_make_answer, .like = leg->r.like);
	if (core->mediad.up)
		leg->owed++;
	leg->want_seq = core->media_seq;
}

static void
say_room(struct core *core, struct leg *leg)
{
	TELL(core, leg, media_join, .room = leg->r.room, .flags = leg->r.room_flags);
}

static void
connect_legs(struct core *core, struct leg *a, const struct leg *b)
{
	core_to_mediad(core, a, MSG_media_connect,
	    &(struct msg_media_connect){ .a = a->r.id, .b = b->r.id });
}

void
session_want(struct core *core, struct leg *leg, enum leg_want want, uint64_t like)
{
	bool fresh = leg->r.session != SESSION_LIVE;
	const struct leg *peer;

	leg->r.want = want;
	leg->r.like = like;
	leg->r.want_mono_ms = core->mono_ms;
	leg->r.session = SESSION_LIVE;
	leg_dirty(core, leg);
	ask(core, leg);
	/*
	 * The session of a caller without SDP is made by our offer: joined before, connected now.
	 */
	if (fresh && leg->r.room != 0)
		say_room(core, leg);
	if (fresh && leg->r.peer != 0 && (peer = leg_find(core, leg->r.peer)) != NULL)
		connect_legs(core, leg, peer);
	if (leg->call->r.due[TIMER_WANT] == 0)
		call_timer(core, leg->call, TIMER_WANT, WANT_MS);
}

void
session_room(struct core *core, struct leg *leg, uint64_t room, uint8_t flags)
{
	struct leg *peer = leg->r.peer != 0 ? leg_find(core, leg->r.peer) : NULL;

	session_play_stop(core, leg);
	leg->r.echo = 0;
	leg->r.peer = 0;
	leg->r.room = room;
	leg->r.room_flags = flags;
	leg_dirty(core, leg);
	if (peer != NULL && peer->r.peer == leg->r.id) {
		peer->r.peer = 0;
		leg_dirty(core, peer);
	}
	if (leg->r.session == SESSION_LIVE)
		say_room(core, leg);
}

void
session_join(struct core *core, struct leg *a, struct leg *b)
{
	/* A ring-back tone would go on over the other's voice. */
	session_play_stop(core, a);
	session_music(core, a, NULL);
	session_music(core, b, NULL);
	a->r.peer = b->r.id;
	b->r.peer = a->r.id;
	a->r.room = b->r.room = 0; /* media_connect takes them out */
	leg_dirty(core, a);
	leg_dirty(core, b);
	if (a->r.session == SESSION_LIVE && b->r.session == SESSION_LIVE)
		connect_legs(core, a, b);
}

void
session_part(struct core *core, struct leg *leg)
{
	struct leg *peer = leg->r.peer != 0 ? leg_find(core, leg->r.peer) : NULL;

	session_play_stop(core, leg);
	session_music(core, leg, NULL);
	if (leg->r.echo) {
		leg->r.echo = 0;
		leg_dirty(core, leg);
		TELL(core, leg, media_echo, .on = 0);
	}
	if (leg->r.room != 0) {
		leg->r.room = 0;
		leg_dirty(core, leg);
		if (leg->r.session == SESSION_LIVE)
			TELL(core, leg, media_leave);
	}
	if (leg->r.peer == 0)
		return;
	leg->r.peer = 0;
	leg_dirty(core, leg);
	if (peer != NULL && peer->r.peer == leg->r.id) {
		peer->r.peer = 0;
		leg_dirty(core, peer);
	}
	if (leg->r.session == SESSION_LIVE)
		TELL(core, leg, media_disconnect);
}

void
session_echo(struct core *core, struct leg *leg)
{
	leg->r.echo = 1;
	leg_dirty(core, leg);
	TELL(core, leg, media_echo, .on = 1);
}

uint32_t
session_play(struct core *core, struct leg *leg, const char *path, uint16_t loops)
{
	leg->r.play = ++leg->call->r.plays;
	leg->r.play_loops = loops;
	if (!str_copy(leg->r.path, sizeof(leg->r.path), path)) {
		str_copy(leg->r.path, sizeof(leg->r.path), PATH_IN_MENU);
		if (leg->call->menu != NULL) {
			str_copy(leg->call->menu->r.list, sizeof(leg->call->menu->r.list), path);
			call_menu_dirty(core, leg->call);
		}
	}
	leg_dirty(core, leg);
	struct msg_media_play m = { .session = leg->r.id, .play = leg->r.play, .loops = loops };
	str_copy(m.path, sizeof(m.path), path);
	core_to_mediad(core, leg, MSG_media_play, &m);
	return leg->r.play;
}

void
session_play_stop(struct core *core, struct leg *leg)
{
	if (leg->r.play == 0)
		return;
	leg->r.play = 0;
	leg_dirty(core, leg);
	TELL(core, leg, media_play_stop);
}

void
session_music(struct core *core, struct leg *leg, const char *class)
{
	struct msg_media_music m = { .session = leg->r.id, .on = class != NULL };

	if (!core->settings->features.music_on_hold)
		class = NULL;
	m.on = class != NULL;
	if (m.on == leg->r.music && (class == NULL || strcmp(class, leg->r.music_class) == 0))
		return;
	leg->r.music = m.on;
	str_copy(leg->r.music_class, sizeof(leg->r.music_class), class != NULL ? class : "");
	leg_dirty(core, leg);
	if (leg->r.session != SESSION_LIVE)
		return;
	str_copy(m.class, sizeof(m.class), leg->r.music_class);
	core_to_mediad(core, leg, MSG_media_music, &m);
}

void
session_close(struct core *core, struct leg *leg)
{
	session_drop_copy(leg);
	leg->r.peer = 0;
	leg->r.room = 0;
	if (leg->r.session != SESSION_LIVE)
		return;
	recording_leave(core, leg);
	leg->r.session = SESSION_CLOSING;
	leg_dirty(core, leg);
	TELL(core, leg, media_close);
}

/*
 * What mediad says.
 */

/* mediad has taken all that was sent before seq: sipd need no longer keep the events that brought
 * it. */
static void
proven(struct core *core, struct call *call, uint32_t seq)
{
	struct leg *leg;

	TAILQ_FOREACH(leg, &call->legs, next)
	{
		if (leg->copy != COPY_NONE && (int32_t)(seq - leg->copy_seq) >= 0)
			session_drop_copy(leg);
		if (leg->copy != COPY_NONE || leg->unproven)
			continue;
		if (leg->r.state == LEG_SETTLING ||
		    ((leg->r.state == LEG_OFFERED || leg->r.state == LEG_ANSWERING) &&
		        !leg->r.taken))
			leg_event(core, leg, LEV_settled, NULL);
	}
}

void
session_got_sdp(struct core *core, const struct msg_media_sdp *m)
{
	struct leg *leg = leg_find(core, m->session);

	if (leg == NULL || leg->owed == 0)
		return;
	if (m->kind == MEDIA_SDP_ANSWER && leg->r.direction != m->direction) {
		leg->r.direction = m->direction;
		leg_dirty(core, leg);
	}
	/* An earlier one that was overtaken by another wish says nothing any more. */
	if (--leg->owed > 0 || leg->r.want == WANT_NONE)
		return;
	if ((m->kind == MEDIA_SDP_OFFER) != wants_offer(leg)) {
		log_limited(&core->bucket, LL_WARNING, "mediad made the wrong kind of SDP",
		    kv_x("leg", leg->r.id));
		return;
	}
	proven(core, leg->call, leg->want_seq);
	leg_event(core, leg, LEV_sdp, &(struct leg_arg){ .kind = m->kind, .sdp = m->sdp });
}

void
session_got_marked(struct core *core, const struct msg_media_marked *m)
{
	struct leg *leg = leg_find(core, m->session);

	if (leg == NULL || leg->owed == 0)
		return;
	/* As with SDP: only the answer to the last wish counts. */
	if (--leg->owed > 0)
		return;
	if (leg->r.want == WANT_ANSWER && leg->r.agreed) {
		proven(core, leg->call, leg->want_seq);
		leg_event(core, leg, LEV_sdp, NULL);
	}
	/* A restart has lost the offer; sipd repeats it, and then this is asked once more. */
	if (leg->r.want != WANT_MARK || (leg->unproven && leg->r.state == LEG_OFFERED))
		return;
	leg->r.want = WANT_NONE;
	leg_dirty(core, leg);
	proven(core, leg->call, leg->want_seq);
	call_leg_event(core, leg, CALL_LEG_MARKED, NULL);
}

void
session_got_failed(struct core *core, const struct msg_media_failed *m)
{
	struct leg *leg = leg_find(core, m->session);
	bool makes = m->command == MSG_media_make_answer || m->command == MSG_media_make_offer;

	if (leg == NULL)
		return;
	trace_add(core, leg->call, "media", "failed", "leg=%016llx command=%s status=%u %s",
	    (unsigned long long)leg->r.id,
	    ipc_def(m->command) != NULL ? ipc_def(m->command)->name : "?", m->status, m->reason);
	if (makes && leg->owed > 0 && --leg->owed > 0)
		return;
	if (makes && leg->r.want == WANT_NONE)
		return; /* what it was for has failed before it */
	if (m->command == MSG_media_offer || m->command == MSG_media_answer)
		session_drop_copy(leg);
	leg_event(core, leg, LEV_failed,
	    &(struct leg_arg){ .status = m->status, .command = m->command, .reason = m->reason });
}

void
session_got_closed(struct core *core, const struct msg_media_closed *m)
{
	struct leg *leg = leg_find(core, m->session);
	struct cdr_media *f;

	if (leg == NULL || leg->r.session != SESSION_CLOSING)
		return;
	f = &leg->r.figures;
	str_copy(f->codec, sizeof(f->codec), m->codec);
	str_copy(f->remote, sizeof(f->remote), m->remote);
	f->packets_in = m->packets_in;
	f->packets_out = m->packets_out;
	f->lost_in = m->lost_in;
	f->jitter_us = m->jitter_us;
	f->far_lost = m->far_lost;
	f->far_jitter_us = m->far_jitter_us;
	f->rtt_us = m->rtt_us;
	leg->r.session = SESSION_CLOSED;
	leg_dirty(core, leg);
	trace_add(core, leg->call, "media", "closed",
	    "leg=%016llx codec=%s in=%llu out=%llu lost=%u jitter_us=%u",
	    (unsigned long long)leg->r.id, f->codec, (unsigned long long)f->packets_in,
	    (unsigned long long)f->packets_out, f->lost_in, f->jitter_us);
}

/*
 * After mediad was away.
 */

static void
replay_sdp(struct core *core, struct leg *leg)
{
	struct ipc_view sdp = { .p = leg->sdp, .len = leg->sdp_len };

	switch ((enum copy_kind)leg->copy) {
	case COPY_OFFER:
		session_offer(core, leg, sdp);
		break;
	case COPY_EARLY:
	case COPY_ANSWER:
		session_answer(core, leg, sdp, leg->copy == COPY_EARLY);
		break;
	case COPY_NONE:
		break;
	}
}

void
session_replay(struct core *core, struct call *call)
{
	struct leg *leg, *peer;

	TAILQ_FOREACH(leg, &call->legs, next)
	if (leg->r.session == SESSION_LIVE)
		replay_sdp(core, leg);
	else if (leg->r.session == SESSION_CLOSING && !leg->session_named)
		TELL(core, leg, media_close);
	TAILQ_FOREACH(leg, &call->legs, next)
	{
		if (leg->r.session != SESSION_LIVE)
			continue;
		peer = leg->r.peer != 0 ? leg_find(core, leg->r.peer) : NULL;
		if (peer != NULL && (leg->r.id < peer->r.id || peer->r.peer != leg->r.id))
			core_to_mediad(core, leg, MSG_media_connect,
			    &(struct msg_media_connect){ .a = leg->r.id, .b = peer->r.id });
		/* What it still does though it was told to stop. */
		if (leg->session_peer != 0 && leg->r.peer == 0)
			TELL(core, leg, media_disconnect);
		if (leg->session_echo && !leg->r.echo)
			TELL(core, leg, media_echo, .on = 0);
		if (leg->session_play != 0 && leg->r.play == 0)
			TELL(core, leg, media_play_stop);
		if (leg->session_room != 0 && leg->r.room == 0 && leg->r.peer == 0)
			TELL(core, leg, media_leave);
		if (leg->session_music && !leg->r.music)
			TELL(core, leg, media_music, .on = 0);
		if (leg->r.music) {
			struct msg_media_music mm = { .session = leg->r.id, .on = 1 };

			str_copy(mm.class, sizeof(mm.class), leg->r.music_class);
			core_to_mediad(core, leg, MSG_media_music, &mm);
		}
		leg->session_peer = leg->session_room = 0;
		leg->session_echo = leg->session_music = false;
		if (leg->r.room != 0)
			say_room(core, leg);
		if (leg->r.echo)
			TELL(core, leg, media_echo, .on = 1);
		if (leg->r.play != 0 && leg->session_play != leg->r.play) {
			struct msg_media_play m = { .session = leg->r.id,
				.play = leg->r.play,
				.loops = leg->r.play_loops };

			str_copy(m.path, sizeof(m.path),
			    strcmp(leg->r.path, PATH_IN_MENU) == 0 && call->menu != NULL
			        ? call->menu->r.list
			        : leg->r.path);
			core_to_mediad(core, leg, MSG_media_play, &m);
		}
	}
	TAILQ_FOREACH(leg, &call->legs, next)
	if (leg->r.session == SESSION_LIVE && leg->r.want != WANT_NONE)
		ask(core, leg);
}

void
session_overdue(struct core *core, struct call *call)
{
	struct leg *leg;
	uint64_t limit, waited, again = 0;

	TAILQ_FOREACH(leg, &call->legs, next)
	{
		if (leg->r.want == WANT_NONE || leg->r.want == WANT_MARK)
			continue;
		limit = leg->r.want == WANT_ANSWER || leg_is_up(leg) ? WANT_UP_MS : WANT_MS;
		waited = core->mono_ms - leg->r.want_mono_ms;
		if (waited < limit) {
			again = again == 0 || limit - waited < again ? limit - waited : again;
			continue;
		}
		trace_add(core, call, "timer", "media-overdue", "leg=%016llx",
		    (unsigned long long)leg->r.id);
		leg->owed = 0;
		leg_event(core, leg, LEV_failed,
		    &(struct leg_arg){ .status = 503,
		        .command = MSG_media_make_answer,
		        .reason = "no answer from mediad" });
		if (call->r.ending)
			return;
	}
	if (again != 0)
		call_timer(core, call, TIMER_WANT, again);
}
