/* SPDX-License-Identifier: ISC */
/*
 * Plays calls against the call core with small models of sipd, mediad and two phones, and kills
 * daemons at random moments with what was in flight between them: thousands of games, each from
 * a seed. Afterwards nothing may be left anywhere, each INVITE has exactly one record, and where
 * the phones were patient the call must stand, whatever died. In half of the games featured is also
 * killed between two records of one turn. Usage: callsim_test [SEED [GAMES]]
 *
 * links: featured/call/ featured/app/ featured/route/ featured/reg/userstate.c
 * featured/reg/mailbox.c featured/reg/mailbox_pins.c featured/reg/mailbox_sync.c
 * featured/reg/digest.c featured/settings.c featured/settings_keys.c featured/settings_codes.c
 * common/conf/conf.c common/conf/bind.c common/conf/node.c common/conf/value.c
 * common/conf/print.c common/base/ckpt_file.c common/base/log.c common/base/mem.c
 * common/base/buf.c common/base/str.c common/base/id.c common/base/clock.c common/base/addr.c
 * common/base/net.c common/ipc/msg.c common/ipc/wire.c
 * libs: yaml-0.1 libcrypto
 */
#include <sys/queue.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/ckpt_torn.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/msg.h"
#include "featured/call/core.h"
#include "featured/reg/userstate.h"
#include "featured/settings.h"

#define LEGS_MAX 64
#define STEPS    120
#define REAL     UINT64_C(1700000000000)

/* A message on its way. */
struct flight {
	STAILQ_ENTRY(flight) next;
	uint16_t type;
	_Alignas(16) uint8_t body[];
};
STAILQ_HEAD(flights, flight);

struct sip_leg {
	uint64_t id;
	uint8_t state;   /* enum sip_leg_state, 0 free */
	uint16_t status; /* last 1xx */
	bool caller;
	bool offer_due;  /* leg_offered is kept until leg_taken or a refusal */
	bool answer_due; /* leg_answered until leg_settled */
	uint32_t refer;  /* serial of a REFER without an answer, 0 none */
	uint64_t replaces;
	const char *refer_to;
	const char *to;
	uint16_t gone_status;
	uint8_t gone_cause;
};

struct media_session {
	uint64_t id; /* 0 free */
	bool theirs, ours, negotiated;
	uint64_t peer;
};

struct game {
	unsigned seed;
	uint32_t random;
	bool patient; /* phones ring, answer and stay */
	bool mover;   /* they answer, stay a while, and transfer */
	bool log;
	bool failed;
	char dir[48];
	struct settings settings;
	struct extension extensions[4];
	struct ring_group groups[2];
	struct paging_group page;
	struct userstates *users;
	size_t contacts;
	struct core *core;
	uint64_t mono_ms;
	struct flights to_sipd, from_sipd, to_mediad, from_mediad;
	bool sipd_up, mediad_up; /* connected */
	struct sip_leg legs[LEGS_MAX];
	struct media_session sessions[LEGS_MAX];
	unsigned invites;
	uint64_t heard[8]; /* the legs of those that featured has heard of */
	unsigned nheard;
	struct uuid records[256];
	size_t nrecords;
	struct uuid intents[256]; /* of calls that featured knew */
	size_t nintents;
	bool tear;       /* featured is killed while it writes, too */
	bool moved;      /* somebody was transferred or the like: who is with whom is open */
	uint32_t serial; /* of REFERs */
	bool quiet; /* no more kills and no more of the phones' moods */
	bool ended; /* some phone has ended something, so hanging up is right */
	unsigned kills;
};

static unsigned
chance(struct game *g, unsigned n)
{
	g->random = g->random * 1664525u + 1013904223u;
	return (g->random >> 8) % n;
}

static void
fail(struct game *g, const char *what)
{
	fprintf(stderr, "seed %u: %s\n", g->seed, what);
	g->failed = true;
}

/*
 * Flights.
 */

static void
fly(struct flights *q, uint16_t type, const void *body)
{
	size_t size = ipc_def(type)->size;
	struct flight *f = mem_must(sizeof(*f) + size);

	f->type = type;
	memcpy(f->body, body, size);
	for (size_t i = 0; i < ipc_def(type)->nfields; i++) /* SDP is but a word here */
		if (ipc_def(type)->fields[i].kind == IPC_K_VIEW) {
			struct ipc_view *v = (struct ipc_view *)(f->body +
			    ipc_def(type)->fields[i].off);

			if (v->len > 0)
				*v = ipc_view_str("sdp");
		}
	STAILQ_INSERT_TAIL(q, f, next);
}

static struct flight *
land(struct flights *q)
{
	struct flight *f = STAILQ_FIRST(q);

	if (f != NULL)
		STAILQ_REMOVE_HEAD(q, next);
	return f;
}

static void
lose(struct flights *q)
{
	struct flight *f;

	while ((f = land(q)) != NULL)
		free(f);
}

static void
say(const struct game *g, const char *way, uint16_t type, const void *body)
{
	struct buf text = BUF_INIT(4000);

	if (!g->log)
		return;
	ipc_print(&text, type, body);
	printf("%6" PRIu64 " %s %s\n", g->mono_ms, way, text.data);
	buf_free(&text);
}

#define FROM_SIPD(g, name, ...)                                                                    \
	do {                                                                                       \
		if ((g)->sipd_up)                                                                  \
			fly(&(g)->from_sipd, MSG_##name, &(struct msg_##name){ __VA_ARGS__ });     \
	} while (0)
#define FROM_MEDIAD(g, name, ...)                                                                  \
	do {                                                                                       \
		if ((g)->mediad_up)                                                                \
			fly(&(g)->from_mediad, MSG_##name, &(struct msg_##name){ __VA_ARGS__ });   \
	} while (0)

/*
 * sipd.
 */

static struct sip_leg *
sip_leg(struct game *g, uint64_t id)
{
	for (size_t i = 0; i < LEGS_MAX; i++)
		if (g->legs[i].state != 0 && g->legs[i].id == id)
			return &g->legs[i];
	return NULL;
}

static struct sip_leg *
sip_leg_new(struct game *g, uint64_t id, uint8_t state)
{
	for (size_t i = 0; i < LEGS_MAX; i++)
		if (g->legs[i].state == 0) {
			g->legs[i] = (struct sip_leg){ .id = id, .state = state };
			return &g->legs[i];
		}
	fail(g, "too many legs at sipd");
	exit(1);
}

static void
tell_offered(struct game *g, const struct sip_leg *leg)
{
	struct msg_leg_offered m = {
		.leg = leg->id, .max_forwards = 70, .sdp = ipc_view_str("sdp")
	};

	str_copy(m.from_user, sizeof(m.from_user), "1001");
	str_copy(m.to_user, sizeof(m.to_user), leg->to);
	m.replaces = leg->replaces;
	if (g->sipd_up)
		fly(&g->from_sipd, MSG_leg_offered, &m);
}

static void
tell_answered(struct game *g, const struct sip_leg *leg)
{
	FROM_SIPD(g, leg_answered, .leg = leg->id, .at_ms = REAL + g->mono_ms,
	    .sdp = ipc_view_str("sdp"));
}

static void
tell_gone(struct game *g, const struct sip_leg *leg)
{
	FROM_SIPD(g, leg_gone, .leg = leg->id, .status = leg->gone_status,
	    .cause = leg->gone_cause);
}

static void
tell_refer(struct game *g, const struct sip_leg *leg)
{
	struct msg_leg_refer m = { .leg = leg->id,
		.serial = leg->refer,
		.replaces = leg->replaces };

	str_copy(m.to_user, sizeof(m.to_user), leg->refer_to);
	if (g->sipd_up)
		fly(&g->from_sipd, MSG_leg_refer, &m);
}

static void
sip_gone(struct game *g, struct sip_leg *leg, uint16_t status, uint8_t cause)
{
	leg->state = SIP_LEG_GONE;
	leg->refer = 0;
	leg->offer_due = leg->answer_due = false;
	leg->gone_status = status;
	leg->gone_cause = cause;
	tell_gone(g, leg);
}

/* What sipd does with a command; every one may come twice. */
static void
sipd_does(struct game *g, uint16_t type, const void *body)
{
	uint64_t id = ((const struct msg_leg_taken *)body)->leg; /* the first field of all */
	struct sip_leg *leg = sip_leg(g, id);

	if (type == MSG_leg_dial) {
		if (leg == NULL)
			sip_leg_new(g, id, SIP_LEG_DIALING)->caller =
			    strcmp(((const struct msg_leg_dial *)body)->to_user, "1001") == 0;
		return;
	}
	if (leg == NULL)
		return;
	switch (type) {
	case MSG_leg_taken:
		leg->offer_due = false;
		break;
	case MSG_leg_refuse:
		if (leg->state == SIP_LEG_OFFERED)
			leg->state = 0;
		leg->offer_due = false;
		if (g->patient && !g->ended)
			fail(g, "a patient caller was refused");
		break;
	case MSG_leg_progress:
		leg->status = ((const struct msg_leg_progress *)body)->status;
		break;
	case MSG_leg_answer:
		if (leg->state != SIP_LEG_OFFERED)
			break;
		leg->state = SIP_LEG_UP;
		leg->offer_due = false;
		FROM_SIPD(g, leg_acked, .leg = id);
		break;
	case MSG_leg_settled:
		leg->answer_due = false;
		break;
	case MSG_leg_refer_answer:
		leg->refer = 0;
		break;
	case MSG_leg_hangup:
		if (g->patient && !g->ended && g->contacts == 1)
			fail(g, "a leg of patient phones was hung up");
		if (leg->state != SIP_LEG_GONE)
			sip_gone(g, leg, leg->state == SIP_LEG_UP ? 200 : 487, LEG_END_LOCAL);
		break;
	case MSG_leg_forget:
		leg->state = 0;
		break;
	default:
		break;
	}
}

static void
sipd_connects(struct game *g)
{
	uint32_t n = 0;

	g->sipd_up = true;
	FROM_SIPD(g, sync_begin);
	for (size_t i = 0; i < LEGS_MAX; i++)
		if (g->legs[i].state != 0) {
			n++;
			FROM_SIPD(g, sync_leg, .leg = g->legs[i].id, .state = g->legs[i].state,
			    .last_status = g->legs[i].status);
		}
	FROM_SIPD(g, sync_end, .count = n);
	for (size_t i = 0; i < LEGS_MAX; i++) {
		if (g->legs[i].offer_due)
			tell_offered(g, &g->legs[i]);
		if (g->legs[i].answer_due)
			tell_answered(g, &g->legs[i]);
		if (g->legs[i].refer != 0)
			tell_refer(g, &g->legs[i]);
		if (g->legs[i].state == SIP_LEG_GONE)
			tell_gone(g, &g->legs[i]);
	}
}

/*
 * mediad.
 */

static struct media_session *
session(struct game *g, uint64_t id, bool make)
{
	struct media_session *free_one = NULL;

	for (size_t i = 0; i < LEGS_MAX; i++) {
		if (g->sessions[i].id == id)
			return &g->sessions[i];
		if (g->sessions[i].id == 0)
			free_one = &g->sessions[i];
	}
	if (!make)
		return NULL;
	if (free_one == NULL) {
		fail(g, "too many sessions at mediad");
		exit(1);
	}
	*free_one = (struct media_session){ .id = id };
	return free_one;
}

static void
media_fails(struct game *g, uint64_t id, uint16_t command)
{
	FROM_MEDIAD(g, media_failed, .session = id, .command = command, .status = 500);
}

static void
connects(struct game *g, uint64_t a, uint64_t b)
{
	struct media_session *sa = session(g, a, false), *sb = session(g, b, false);

	if (sa == NULL || sb == NULL) {
		media_fails(g, a, MSG_media_connect);
		return;
	}
	sa->peer = b;
	sb->peer = a;
}

static void
mediad_does(struct game *g, uint16_t type, const void *body)
{
	uint64_t id = ((const struct msg_media_close *)body)->session; /* the first field of all */
	struct media_session *s = session(g, id,
	    type == MSG_media_offer || type == MSG_media_make_offer);

	switch (type) {
	case MSG_media_offer:
		s->theirs = true;
		break;
	case MSG_media_make_offer:
		s->ours = true;
		FROM_MEDIAD(g, media_sdp, .session = id, .kind = MEDIA_SDP_OFFER,
		    .sdp = ipc_view_str("sdp"));
		break;
	case MSG_media_make_answer:
		if (s == NULL || !s->theirs) {
			media_fails(g, id, type);
			break;
		}
		s->negotiated = true;
		FROM_MEDIAD(g, media_sdp, .session = id, .kind = MEDIA_SDP_ANSWER,
		    .sdp = ipc_view_str("sdp"));
		break;
	case MSG_media_answer:
		if (s == NULL || !s->ours)
			media_fails(g, id, type);
		else
			s->negotiated = true;
		break;
	case MSG_media_connect:
		connects(g, id, ((const struct msg_media_connect *)body)->b);
		break;
	case MSG_media_disconnect:
		if (s != NULL && s->peer != 0 && session(g, s->peer, false) != NULL)
			session(g, s->peer, false)->peer = 0;
		if (s != NULL)
			s->peer = 0;
		break;
	case MSG_media_play:
		if (((const struct msg_media_play *)body)->loops > 0)
			FROM_MEDIAD(g, media_played, .session = id,
			    .play = ((const struct msg_media_play *)body)->play,
			    .outcome = MEDIA_PLAYED_DONE);
		break;
	case MSG_media_mark:
		FROM_MEDIAD(g, media_marked, .session = id);
		break;
	case MSG_media_close:
		if (s != NULL)
			s->id = 0;
		FROM_MEDIAD(g, media_closed, .session = id);
		break;
	default:
		break;
	}
}

static void
mediad_connects(struct game *g)
{
	uint32_t n = 0;

	g->mediad_up = true;
	FROM_MEDIAD(g, sync_begin);
	for (size_t i = 0; i < LEGS_MAX; i++)
		if (g->sessions[i].id != 0) {
			n++;
			FROM_MEDIAD(g, sync_session, .session = g->sessions[i].id,
			    .peer = g->sessions[i].peer, .negotiated = g->sessions[i].negotiated);
		}
	FROM_MEDIAD(g, sync_end, .count = n);
}

/*
 * featured.
 */

static size_t
env_contacts(void *arg, const char *user, struct core_contact *out, size_t max)
{
	const struct game *g = arg;

	(void)user;
	for (size_t i = 0; i < g->contacts && i < max; i++) {
		memset(&out[i], 0, sizeof(out[i]));
		str_copy(out[i].uri, sizeof(out[i].uri), "sip:1002@192.0.2.2");
	}
	return g->contacts;
}

static enum core_auth
env_auth(void *arg, const struct msg_leg_offered *m, struct core_auth_reply *reply)
{
	(void)arg;
	str_copy(reply->user, sizeof(reply->user), m->from_user);
	return CORE_AUTH_OK;
}

static void
record(struct uuid *records, size_t *n, const struct cdr *cdr)
{
	for (size_t i = 0; i < *n; i++)
		if (uuid_cmp(&records[i], &cdr->call) == 0)
			return; /* said again, because it was not known to be on disk */
	if (*n < 256)
		records[(*n)++] = cdr->call;
}

/* What the turn said goes on its way; or nothing of it does, because we die at this moment. */
static void
flush(struct game *g)
{
	struct out *out = core_out(g->core);
	struct uuid durable[64];
	size_t n = 0;

	for (size_t i = 0; i < out_count(out); i++) {
		const struct out_item *item = out_at(out, i);

		if (item->kind == OUT_SIPD && g->sipd_up)
			fly(&g->to_sipd, item->type, item->body);
		else if (item->kind == OUT_MEDIAD && g->mediad_up)
			fly(&g->to_mediad, item->type, item->body);
		else if (item->kind == OUT_CDR_INTENT)
			record(g->intents, &g->nintents, item->body);
		else if (item->kind == OUT_CDR_FINAL) {
			/* Its intent may have been lost with a turn. */
			record(g->intents, &g->nintents, item->body);
			record(g->records, &g->nrecords, item->body);
			if (n < 64)
				durable[n++] = ((const struct cdr *)item->body)->call;
		}
	}
	/* The spool has written it now or, sometimes, only after the next kill. */
	if (n == 0 || (!g->quiet && chance(g, 3) == 0))
		return;
	core_begin(g->core, g->mono_ms, REAL + g->mono_ms);
	for (size_t i = 0; i < n; i++)
		core_cdr_durable(g->core, durable[i].b);
	core_end(g->core);
}

static void
featured_starts(struct game *g)
{
	struct core_env env = { .contacts = env_contacts, .auth = env_auth, .arg = g };

	if (core_new(&g->core, g->dir, &g->settings, &env, g->mono_ms, REAL + g->mono_ms) != 0) {
		perror("core_new");
		exit(1);
	}
	core_set_users(g->core, g->users);
	core_begin(g->core, g->mono_ms, REAL + g->mono_ms);
	core_cdr_again(g->core);
	core_end(g->core);
	flush(g);
}

static void
tell_peer(struct game *g, uint8_t role, bool up)
{
	core_begin(g->core, g->mono_ms, REAL + g->mono_ms);
	core_peer(g->core, role, up);
	core_end(g->core);
	flush(g);
}

/* A caller who gave up while featured was away leaves no record: nobody knew of it. */
static void
hear(struct game *g, uint64_t leg)
{
	for (unsigned i = 0; i < g->nheard; i++)
		if (g->heard[i] == leg)
			return;
	g->heard[g->nheard++ % 8] = leg;
}

static void kill_featured(struct game *g);

/* Moves one message of a queue, if there is one. One that comes to featured may find it killed
 * while it writes what the message changed: nothing of that turn leaves it. */
static bool
deliver(struct game *g, unsigned which)
{
	static const char *const ways[] = { "-> sipd", "-> mediad", "<- sipd", "<- mediad" };
	struct flights *queues[] = { &g->to_sipd, &g->to_mediad, &g->from_sipd, &g->from_mediad };
	struct flight *f = land(queues[which]);

	if (f == NULL)
		return false;
	say(g, ways[which], f->type, f->body);
	if (which == 0) {
		sipd_does(g, f->type, f->body);
	} else if (which == 1) {
		mediad_does(g, f->type, f->body);
	} else {
		torn_writes = g->tear && !g->quiet && g->kills < 8 && chance(g, 12) == 0
		    ? chance(g, 8)
		    : TORN_NEVER;
		core_begin(g->core, g->mono_ms, REAL + g->mono_ms);
		if (which == 2)
			core_sipd(g->core, f->type, f->body);
		else
			core_mediad(g->core, f->type, f->body);
		core_end(g->core);
		if (!torn && f->type == MSG_leg_offered)
			hear(g, ((const struct msg_leg_offered *)f->body)->leg);
		if (!torn)
			flush(g);
		torn_writes = TORN_NEVER;
	}
	free(f);
	if (torn) {
		g->kills++;
		kill_featured(g);
	}
	return true;
}

/*
 * Kills. Of what was in flight towards a dead process nothing arrives; what it had sent arrives, up
 * to a point.
 */

static void
cut_short(struct game *g, struct flights *q, unsigned which)
{
	while (!STAILQ_EMPTY(q) && chance(g, 4) != 0)
		deliver(g, which);
	lose(q);
}

static void
kill_featured(struct game *g)
{
	if (g->log)
		printf("%6" PRIu64 " kill featured%s\n", g->mono_ms, torn ? " while it wrote" : "");
	core_free(&g->core);
	torn_mend();
	g->sipd_up = g->mediad_up = false;
	lose(&g->from_sipd);
	lose(&g->from_mediad);
	cut_short(g, &g->to_sipd, 0);
	cut_short(g, &g->to_mediad, 1);
	g->mono_ms += chance(g, 500);
	featured_starts(g);
}

static void
kill_sipd(struct game *g)
{
	if (g->log)
		printf("%6" PRIu64 " kill sipd\n", g->mono_ms);
	if (!g->sipd_up)
		return;
	lose(&g->to_sipd);
	cut_short(g, &g->from_sipd, 2);
	lose(&g->to_sipd);
	g->sipd_up = false;
	tell_peer(g, IPC_SIPD, false);
}

static void
kill_mediad(struct game *g)
{
	if (g->log)
		printf("%6" PRIu64 " kill mediad\n", g->mono_ms);
	if (!g->mediad_up)
		return;
	lose(&g->to_mediad);
	cut_short(g, &g->from_mediad, 3);
	lose(&g->to_mediad);
	g->mediad_up = false;
	tell_peer(g, IPC_MEDIAD, false);
}

static void
reconnect(struct game *g)
{
	if (!g->sipd_up) {
		tell_peer(g, IPC_SIPD, true);
		sipd_connects(g);
	}
	if (!g->mediad_up) {
		tell_peer(g, IPC_MEDIAD, true);
		mediad_connects(g);
	}
}

static void
kill_someone(struct game *g)
{
	g->kills++;
	switch (chance(g, 4)) {
	case 0:
		kill_featured(g);
		break;
	case 1:
		kill_sipd(g);
		break;
	case 2:
		kill_mediad(g);
		break;
	case 3:
		kill_mediad(g);
		kill_featured(g);
		break;
	}
	/* The other ones may die before they are back. */
	if (chance(g, 4) != 0)
		reconnect(g);
}

/*
 * Phones.
 */

static void
callee_does(struct game *g, struct sip_leg *leg)
{
	unsigned what = chance(g, g->patient ? 2 : g->mover ? 4 : 8);

	if (what == 0 && leg->state == SIP_LEG_DIALING) {
		leg->state = SIP_LEG_RINGING;
		leg->status = chance(g, 2) == 0 ? 180 : 183;
		FROM_SIPD(g, leg_ringing, .leg = leg->id, .status = leg->status,
		    .sdp = leg->status == 183 ? ipc_view_str("sdp")
		                              : (struct ipc_view){ .len = 0 });
	} else if (what <= 3) {
		leg->state = SIP_LEG_UP;
		leg->answer_due = true;
		tell_answered(g, leg);
	} else if (what == 4) {
		sip_gone(g, leg, 486, LEG_END_REMOTE);
	} else if (what == 5) {
		sip_gone(g, leg, 408, LEG_END_TIMEOUT);
	}
}

static void
settle(struct game *g)
{
	bool moved = true;

	while (moved) {
		moved = false;
		for (unsigned i = 0; i < 4; i++)
			while (deliver(g, i))
				moved = true;
	}
}

static void
all_answer(struct game *g)
{
	/* Twice: who answers the API has another one rung. */
	for (size_t i = 0; i < 2 * LEGS_MAX; i++) {
		struct sip_leg *leg = &g->legs[i % LEGS_MAX];

		if (leg->state == SIP_LEG_DIALING || leg->state == SIP_LEG_RINGING) {
			leg->state = SIP_LEG_UP;
			leg->answer_due = true;
			tell_answered(g, leg);
			settle(g);
		}
	}
	settle(g);
}

/* The user of a leg that is up presses the transfer key, or keys a code. */
static void
transfers(struct game *g, struct sip_leg *leg)
{
	static const char *const to[] = { "1002", "1001", "70", "700", "1777", "" };
	static const char *const keys[] = { "##1002", "*21002", "*2", "##70#", "*271" };
	const char *code = keys[chance(g, 5)];
	const struct sip_leg *other = &g->legs[chance(g, LEGS_MAX)];

	/* Mostly in a call that stands. */
	if (chance(g, 4) != 0) {
		reconnect(g);
		settle(g);
		all_answer(g);
		if (leg->state != SIP_LEG_UP)
			return;
	}
	g->moved = g->ended = true;
	if (chance(g, 2) == 0) {
		for (; *code != '\0'; code++)
			FROM_MEDIAD(g, media_dtmf, .session = leg->id, .digit = (uint8_t)*code);
		return;
	}
	if (leg->refer != 0)
		return;
	for (size_t i = 0; i < LEGS_MAX && other->state != SIP_LEG_UP; i++)
		other = &g->legs[i];
	leg->refer = ++g->serial;
	leg->refer_to = to[chance(g, 6)];
	leg->replaces = chance(g, 3) == 0 ? other->id : 0;
	tell_refer(g, leg);
}

static void
phone_does(struct game *g)
{
	struct sip_leg *leg = &g->legs[chance(g, LEGS_MAX)];

	for (size_t i = 0; i < LEGS_MAX && leg->state == 0; i++)
		leg = &g->legs[i];
	switch (leg->state) {
	case SIP_LEG_OFFERED:
		if (!g->patient && chance(g, g->mover ? 30 : 6) == 0) {
			g->ended = true;
			sip_gone(g, leg, 487, LEG_END_REMOTE);
		}
		break;
	case SIP_LEG_DIALING:
	case SIP_LEG_RINGING:
		if (chance(g, 3) == 0)
			callee_does(g, leg);
		break;
	case SIP_LEG_UP:
		if (!g->patient && chance(g, g->mover ? 40 : 8) == 0) {
			g->ended = true;
			sip_gone(g, leg, 200, LEG_END_REMOTE);
		} else if (!g->patient && chance(g, 3) == 0) {
			transfers(g, leg);
		}
		break;
	default:
		break;
	}
}

/* The API has 1001 rung, then 1002. */
static void
new_api_call(struct game *g)
{
	const char *reason;
	struct uuid call;
	uint64_t id;
	uint16_t r;

	core_begin(g->core, g->mono_ms, REAL + g->mono_ms);
	r = core_call_start(g->core, "1001", "1002", &call, &reason);
	core_end(g->core);
	flush(g);
	if (r != 0)
		return;
	memcpy(&id, call.b + 8, sizeof(id));
	hear(g, id);
	g->invites++;
}

static void
new_invite(struct game *g)
{
	struct sip_leg *leg;

	if (chance(g, 3) == 0) {
		new_api_call(g);
		return;
	}
	leg = sip_leg_new(g, id_u64(), SIP_LEG_OFFERED);
	leg->caller = leg->offer_due = true;
	leg->to = "1002";
	if (!g->patient && chance(g, 3) == 0) {
		static const char *const to[] = { "**1002", "*8", "70", "71", "700", "1002", "1003",
			"1004", "6001", "6002", "6900", "*721003", "*79", "*801002", "*66" };

		leg->to = to[chance(g, 15)];
		if (chance(g, 6) == 0)
			leg->replaces = g->legs[chance(g, LEGS_MAX)].id;
		g->moved = true;
	}
	g->invites++;
	tell_offered(g, leg);
}

static void
pass_time(struct game *g, uint64_t ms)
{
	g->mono_ms += ms;
	core_begin(g->core, g->mono_ms, REAL + g->mono_ms);
	core_timers(g->core);
	core_end(g->core);
	flush(g);
}

/* Nobody sits in a call alone. */
static void
check_pairs(struct game *g)
{
	unsigned in = 0, out = 0;

	if (g->moved)
		return;
	for (size_t i = 0; i < LEGS_MAX; i++)
		if (g->legs[i].state == SIP_LEG_UP) {
			in += g->legs[i].caller;
			out += !g->legs[i].caller;
		}
	if (in != out)
		fail(g, "somebody was left in a call alone");
}

/* A call of patient phones stands on all sides. */
static void
check_stands(struct game *g)
{
	unsigned up = 0, negotiated = 0;

	for (size_t i = 0; i < LEGS_MAX; i++) {
		const struct media_session *s = session(g, g->legs[i].id, false);

		if (g->legs[i].state != SIP_LEG_UP)
			continue;
		up++;
		if (s != NULL && g->legs[i].id != 0 && s->negotiated && s->peer != 0 &&
		    sip_leg(g, s->peer) != NULL)
			negotiated++;
		if (g->legs[i].answer_due)
			fail(g, "leg_answered was never settled");
	}
	if (up != 2 * g->invites)
		fail(g, "a call of patient phones does not stand");
	else if (negotiated != up)
		fail(g, "a call of patient phones has no media");
}

static void
check_nothing_left(struct game *g)
{
	struct core_stats stats;

	core_stats(g->core, &stats);
	if (stats.legs != 0 || stats.active_calls != 0)
		fail(g, "the core holds on to something");
	if (stats.impossible_events != 0)
		fail(g, "something impossible happened");
	for (size_t i = 0; i < LEGS_MAX; i++) {
		if (g->legs[i].state != 0)
			fail(g, "sipd holds on to a leg");
		if (g->sessions[i].id != 0)
			fail(g, "mediad holds on to a session");
	}
	if (g->nrecords != g->nintents || g->nintents < g->nheard) {
		fprintf(stderr, "%zu records of %zu calls, of which %u were dialled\n", g->nrecords,
		    g->nintents, g->nheard);
		fail(g, "not one record each");
	}
}

static void
play(struct game *g)
{
	for (unsigned step = 0; step < (g->mover ? 3 * STEPS : STEPS); step++) {
		unsigned what = chance(g, 20);

		if (what == 0 && g->invites < (g->patient ? 3 : 5))
			new_invite(g);
		else if (what == 1 && g->kills < 6)
			kill_someone(g);
		else if (what == 2)
			pass_time(g, chance(g, 300));
		else if (what == 3)
			reconnect(g);
		else if (what < 8)
			phone_does(g);
		else
			deliver(g, chance(g, 4));
	}
	g->quiet = true;
	reconnect(g);
	settle(g);
	pass_time(g, 2500);
	settle(g);
}

/* Callees that have not decided yet answer; then, when patient, everything must stand. */
static void
come_to_rest(struct game *g)
{
	all_answer(g);
	check_pairs(g);
	if (g->patient && g->contacts == 1)
		check_stands(g);
	g->ended = true;
	for (size_t i = 0; i < LEGS_MAX; i++) {
		if (g->legs[i].state != 0 && g->legs[i].state != SIP_LEG_GONE)
			sip_gone(g, &g->legs[i], g->legs[i].state == SIP_LEG_UP ? 200 : 487,
			    LEG_END_REMOTE);
		settle(g);
	}
	/* The last records, and what the reconciliation of now would find. */
	pass_time(g, 3000);
	core_begin(g->core, g->mono_ms, REAL + g->mono_ms);
	core_cdr_again(g->core);
	core_end(g->core);
	flush(g);
	settle(g);
	check_nothing_left(g);
}

/* 1003 rings with 1004, and forwards when busy; 1004 forwards all calls; groups of each kind. */
static void
forwards(struct game *g)
{
	static char *members[] = { (char *)"1002", (char *)"1003", (char *)"1001" };
	static char *list[] = { (char *)"1004:10" };

	str_copy(g->extensions[2].number, sizeof(g->extensions[2].number), "1003");
	str_copy(g->extensions[3].number, sizeof(g->extensions[3].number), "1004");
	g->extensions[2].find_me = (struct conf_strs){ .v = list, .n = 1 };
	g->extensions[2].find_me_strategy = (int)chance(g, 2);
	g->groups[0] = (struct ring_group){ .number = "6001",
		.strategy = (int)chance(g, 4),
		.ring_time_s = 20,
		.members = { .v = members, .n = 3 },
		.overflow = "1004" };
	g->groups[1] = (struct ring_group){ .number = "6002",
		.strategy = GROUP_ALL,
		.ring_time_s = 20,
		.members = { .v = members, .n = 2 } };
	g->page = (struct paging_group){ .number = "6900", .members = { .v = members, .n = 3 } };
	g->settings.ring_groups.v = g->groups;
	g->settings.ring_groups.n = 2;
	g->settings.paging_groups.v = &g->page;
	g->settings.paging_groups.n = 1;
}

static void
users(struct game *g)
{
	struct user_state s = { .number = "1003" };

	if (userstates_open(&g->users, g->dir, g->dir) != 0)
		exit(1);
	str_copy(s.forward[USER_FORWARD_BUSY], sizeof(s.forward[0]), "1002");
	userstates_set(g->users, &s, REAL);
	memset(&s, 0, sizeof(s));
	str_copy(s.number, sizeof(s.number), "1004");
	str_copy(s.forward[USER_FORWARD_ALL], sizeof(s.forward[0]), "1003");
	userstates_set(g->users, &s, REAL);
}

static bool
game(unsigned seed, bool log)
{
	struct game *g = mem_must(sizeof(*g));
	char command[80];
	bool ok;

	g->seed = g->random = seed;
	g->log = log;
	g->tear = chance(g, 2) == 0;
	g->mono_ms = 1000;
	g->patient = chance(g, 2) == 0;
	g->mover = !g->patient && chance(g, 2) == 0;
	g->contacts = chance(g, 3) == 0 ? 2 : 1;
	STAILQ_INIT(&g->to_sipd);
	STAILQ_INIT(&g->from_sipd);
	STAILQ_INIT(&g->to_mediad);
	STAILQ_INIT(&g->from_mediad);
	str_copy(g->extensions[0].number, sizeof(g->extensions[0].number), "1001");
	str_copy(g->extensions[1].number, sizeof(g->extensions[1].number), "1002");
	g->settings.extensions.v = g->extensions;
	g->settings.extensions.n = 4;
	forwards(g);
	g->settings.dialplan.ring_time_s = 60;
	g->settings.features.call_transfer = true;
	g->settings.features.call_parking = true;
	g->settings.dialplan.digit_timeout_s = 4;
	g->settings.parking.range_start = 70;
	g->settings.parking.range_end = 71;
	g->settings.parking.timeout_s = 1;
	g->settings.parking.ringback_s = 30;
	str_copy(g->settings.dialplan.parking_pattern, sizeof(g->settings.dialplan.parking_pattern),
	    "^7[0-9]$");
	for (int i = 0; i < 2; i++)
		str_copy(g->extensions[i].pickup_group, sizeof(g->extensions[i].pickup_group), "g");
	g->settings.features.max_call_duration_s = 7200;
	str_copy(g->dir, sizeof(g->dir), "/tmp/callsim.XXXXXX");
	if (mkdtemp(g->dir) == NULL)
		exit(1);
	users(g);
	featured_starts(g);
	reconnect(g);
	settle(g);
	new_invite(g);
	play(g);
	come_to_rest(g);
	core_free(&g->core);
	userstates_close(&g->users);
	lose(&g->to_sipd);
	lose(&g->from_sipd);
	lose(&g->to_mediad);
	lose(&g->from_mediad);
	snprintf(command, sizeof(command), "rm -r %s", g->dir);
	ok = system(command) == 0 && !g->failed;
	free(g);
	return ok;
}

int
main(int argc, char **argv)
{
	unsigned first = argc > 1 ? (unsigned)atoi(argv[1]) : 1,
	         games = argc > 2 ? (unsigned)atoi(argv[2]) : 200;
	unsigned failed = 0;

	log_open("callsim");
	log_setup(argc == 2 ? LL_INFO : LL_ERROR, "", true);
	if (argc == 2)
		return game(first, true) ? 0 : 1;
	for (unsigned i = 0; i < games; i++)
		failed += !game(first + i, false);
	printf("%s: %u games, %u failed\n", failed == 0 ? "ok" : "FAILED", games, failed);
	return failed == 0 ? 0 : 1;
}
