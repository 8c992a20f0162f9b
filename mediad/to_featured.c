/* SPDX-License-Identifier: ISC */
/*
 * Events of the workers and the loader as messages to featured, the last figures of ended sessions,
 * and the gauges. While featured is away events are lost; what it needs of them comes back by sync
 * and by its repeating commands.
 */
#include "mediad/to_featured.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "mediad/mediad.h"

struct stats_wait {
	struct stats_wait	*next;
	struct ipc_peer		*peer;
	uint32_t		 request;
	uint32_t		 tag;
};

static struct ipc_peer *
featured(struct mediad *m)
{
	return m->featured == NULL ? NULL : ipc_client_peer(m->featured);
}

void
to_featured_closed(struct msg_media_closed *out, uint64_t session, const struct stream_stats *st)
{
	memset(out, 0, sizeof(*out));
	out->session = session;
	str_copy(out->codec, sizeof(out->codec), sdp_codec_name((enum sdp_codec)st->codec));
	out->packets_in = st->packets_in;
	out->packets_out = st->packets_out;
	out->octets_in = st->octets_in;
	out->octets_out = st->octets_out;
	out->lost_in = st->lost_in;
	out->jitter_us = st->jitter_us;
	out->far_lost = st->far_lost;
	out->far_jitter_us = st->far_jitter_us;
	out->rtt_us = st->rtt_us;
	if (st->remote.sa.sa_family != AF_UNSPEC)
		addr_print(&st->remote, out->remote);
}

void
to_featured_gone(struct mediad *m, uint64_t session)
{
	struct msg_media_closed out = { .session = session };
	unsigned i;

	for (i = 0; i < MEDIAD_CLOSED; i++) {
		if (m->closed[i].session == session) {
			out = m->closed[i];
			break;
		}
	}
	ipc_send_lazily(featured(m), MSG_media_closed, &out);
}

static void
removed(struct mediad *m, const struct ev *ev)
{
	struct msg_media_closed *out = &m->closed[m->nclosed++ % MEDIAD_CLOSED];

	to_featured_closed(out, ev->session, &ev->stats);
	session_removed(m, ev->stream);
	ipc_send_lazily(featured(m), MSG_media_closed, out);
}

bool
to_featured_wait_stats(struct mediad *m, struct ipc_peer *peer, uint32_t request, uint32_t *tag)
{
	struct stats_wait *w = mem_new(sizeof(*w));

	if (w == NULL)
		return false;
	w->peer = ipc_ref(peer);
	w->request = request;
	w->tag = *tag = ++m->stats_tag;
	w->next = m->stats_waits;
	m->stats_waits = w;
	return true;
}

static void
stats(struct mediad *m, const struct ev *ev)
{
	struct msg_media_closed out;
	struct stats_wait **pp, *w;

	for (pp = &m->stats_waits; (w = *pp) != NULL; pp = &w->next) {
		if (w->tag == ev->number)
			break;
	}
	if (w == NULL)
		return;
	to_featured_closed(&out, ev->session, &ev->stats);
	ipc_reply(w->peer, w->request, MSG_media_closed, &out);
	*pp = w->next;
	ipc_unref(&w->peer);
	mem_free(&w);
}

static void
played(struct mediad *m, const struct ev *ev)
{
	struct msg_media_played out = {
		.session = ev->session, .play = ev->number, .outcome = ev->what
	};

	session_played(m, ev->session, ev->number);
	if (ev->number == RECORD_BEEP_PLAY) {
		record_beeped(m, ev->session);
		return;
	}
	ipc_send(featured(m), MSG_media_played, &out);
}

void
to_featured_event(struct mediad *m, const struct ev *ev)
{
	struct msg_media_dtmf dtmf;
	struct msg_media_silent silent;
	struct loader_result loaded;
	struct recorder_result recorded;

	switch (ev->type) {
	case EV_PLAYED:
		played(m, ev);
		break;
	case EV_DTMF:
		dtmf = (struct msg_media_dtmf){
			.session = ev->session, .digit = ev->what, .duration_ms = ev->duration_ms
		};
		ipc_send(featured(m), MSG_media_dtmf, &dtmf);
		break;
	case EV_KEY_OUT:
		ipc_send(featured(m), MSG_media_key_out,
		    &(struct msg_media_key_out){ .session = ev->session,
		        .digit = ev->what,
		        .duration_ms = ev->duration_ms });
		break;
	case EV_SILENT:
		silent = (struct msg_media_silent){ .session = ev->session,
			.silent_ms = ev->number };
		ipc_send(featured(m), MSG_media_silent, &silent);
		break;
	case EV_STATS:
		stats(m, ev);
		break;
	case EV_REMOVED:
		removed(m, ev);
		break;
	case EV_UNTAPPED:
		record_untapped(m, ev->session);
		break;
	case EV_RECORDED:
		recorded = (struct recorder_result){ .record = ev->session,
			.outcome = ev->what,
			.duration_ms = ev->number,
			.bytes = ev->bytes };
		record_ended(m, &recorded);
		break;
	case EV_MUSIC:
		music_ask(m, (unsigned)ev->session, ev->text, ev->number);
		break;
	case EV_LOADED:
		if (ev->what == 1) {
			session_music_loaded(m, ev);
			break;
		}
		loaded = (struct loader_result){
			.session = ev->session, .play = ev->number, .sound = ev->sound
		};
		session_loaded(m, &loaded);
		break;
	}
}

static void
gauge(struct mediad *m, const char *name, bool counter, uint64_t value)
{
	struct msg_gauge out = { .counter = counter, .value = value };

	str_copy(out.name, sizeof(out.name), name);
	ipc_send(featured(m), MSG_gauge, &out);
}

#define SUM(field) sum(m, offsetof(struct worker_counts, field))

static uint64_t
sum(const struct mediad *m, size_t off)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < m->nworkers; i++) {
		const char *counts = (const char *)&m->workers[i].counts;

		total += atomic_load_explicit((const _Atomic uint64_t *)(counts + off),
		    memory_order_relaxed);
	}
	return total;
}

#define STRANGERS_MANY 50	/* in those seconds: one phone's second of speech */

/* What came from whom it should not, once every few seconds: packets are too many for lines. */
static void
tell_refused(struct mediad *m)
{
	uint64_t strangers = SUM(strangers), flood = SUM(flooded);

	/* A few are what was under way when a call began or ended. */
	if (strangers > m->strangers_told)
		log_at(strangers - m->strangers_told < STRANGERS_MANY ? LL_DEBUG : LL_WARNING,
		    "RTP from strangers refused", kv_u("packets", strangers - m->strangers_told));
	if (flood > m->flood_told)
		log_warning("RTP over the rate limit dropped",
		    kv_u("packets", flood - m->flood_told));
	m->strangers_told = strangers;
	m->flood_told = flood;
}

void
to_featured_gauges(struct mediad *m)
{
	uint64_t room;

	tell_refused(m);
	gauge(m, "media_sessions", false, HASH_COUNT(m->sessions));
	gauge(m, "media_ports_used", false, port_line_used(m->ports));
	gauge(m, "media_ports_total", false, port_line_total(m->ports));
	gauge(m, "media_ports_exhausted_total", true, m->ports_exhausted);
	gauge(m, "media_packets_in_total", true, SUM(in));
	gauge(m, "media_packets_out_total", true, SUM(out));
	gauge(m, "media_packets_dropped_total", true, SUM(dropped));
	gauge(m, "media_packets_invalid_total", true, SUM(invalid));
	gauge(m, "media_packets_unsent_total", true, SUM(unsent));
	gauge(m, "media_packets_flood_total", true, SUM(flooded));
	gauge(m, "media_strangers_refused_total", true, SUM(strangers));
	gauge(m, "media_ticks_late_total", true, SUM(late_ticks));
	gauge(m, "media_wakeups_total", true, SUM(wakes));
	gauge(m, "media_plays_failed_total", true, m->plays_failed);
	gauge(m, "media_recordings", false, record_count(m));
	gauge(m, "media_recordings_failed_total", true, m->records_failed);
	if ((room = record_disk_free(m)) != UINT64_MAX)
		gauge(m, "media_recording_disk_free_bytes", false, room);
}
