/* SPDX-License-Identifier: ISC */
/* Music on hold on the worker, see music.h. A tick allocates nothing. */
#include "mediad/music.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "mediad/g711.h"
#include "mediad/mediad.h"
#include "mediad/stream.h"
#include "mediad/worker.h"

#define AGAIN_US	5000000		/* a class without a sound is looked at again */
#define AHEAD		(VOICE_RATE * 20)	/* samples before its end the next file is asked for */

/* A number of the worker's own, no secret. */
static uint32_t
chance(struct worker *w)
{
	w->rand = w->rand * 1664525 + 1013904223;
	return w->rand >> 8;
}

static void
ask(struct worker *w, struct music *m, uint32_t index, uint64_t now_us)
{
	struct ev ev = { .type = EV_MUSIC, .session = w->number, .number = index };

	m->index = index;
	m->asked_us = now_us;
	str_copy(ev.text, sizeof(ev.text), m->class);
	worker_event(w, &ev);
}

static struct music *
player(struct worker *w, const char *class)
{
	struct music *m;

	LIST_FOREACH(m, &w->music, next) {
		if (str_eq(m->class, class))
			return m;
	}
	return NULL;
}

static void
leave(struct stream *s)
{
	struct music *m = s->music;

	s->music = NULL;
	if (m == NULL || --m->listeners > 0)
		return;
	LIST_REMOVE(m, next);
	sound_unref(&m->now);
	sound_unref(&m->then);
	mem_free(&m);
}

void
music_listen(struct worker *w, struct stream *s, const char *class)
{
	struct music *m;

	if (class == NULL || (s->music != NULL && !str_eq(s->music->class, class))) {
		if (s->music != NULL)
			rtp_tx_break(&s->st.tx);
		leave(s);
	}
	if (class == NULL || s->music != NULL)
		return;
	if ((m = player(w, class)) == NULL) {
		if ((m = mem_new(sizeof(*m))) == NULL)
			return;
		str_copy(m->class, sizeof(m->class), class);
		LIST_INSERT_HEAD(&w->music, m, next);
		ask(w, m, chance(w), clock_mono_us());
	}
	m->listeners++;
	s->music = m;
	worker_tick(w, s);
}

/* The next samples, of the next file too. */
static void
fill(struct music *m)
{
	uint32_t done = 0, take;

	while (done < VOICE_FRAME) {
		if (m->now == NULL || m->at >= m->now->n) {
			if (m->then == NULL)
				break;
			sound_unref(&m->now);
			m->now = m->then;
			m->then = NULL;
			m->at = 0;
		}
		take = m->now->n - m->at;
		if (take > VOICE_FRAME - done)
			take = VOICE_FRAME - done;
		memcpy(m->frame + done, m->now->pcm + m->at, take * sizeof(m->frame[0]));
		m->at += take;
		done += take;
	}
	memset(m->frame + done, 0, (VOICE_FRAME - done) * sizeof(m->frame[0]));
	m->heard = done > 0;
}

static void
advance(struct worker *w, struct music *m, uint64_t now_us)
{
	m->tick = w->ticks;
	m->coded[0] = m->coded[1] = false;
	fill(m);
	if (m->then != NULL)
		return;
	if (m->asked_us != 0) {
		if (now_us - m->asked_us >= AGAIN_US)
			ask(w, m, m->index, now_us);
	} else if (m->now == NULL || m->now->n - m->at < AHEAD) {
		ask(w, m, m->index + 1, now_us);
	}
}

/* The frame as it is: one packet, encoded once for all who hear it. */
static void
say_coded(struct worker *w, struct stream *s, struct music *m, uint64_t now_us)
{
	unsigned kind = s->now.codec == SDP_CODEC_PCMA;
	uint8_t *packet = w->packet + IO_HEADROOM;
	struct rtp r;

	if (!m->coded[kind]) {
		g711_from_linear((enum sdp_codec)s->now.codec, m->code[kind], m->frame,
		    VOICE_FRAME);
		m->coded[kind] = true;
	}
	rtp_tx_clock(&s->st.tx, RTP_CLOCK / 1000);
	rtp_tx_make(&s->st.tx, &r, VOICE_FRAME, now_us);
	r.pt = s->now.tx_pt[s->now.codec];
	rtp_write_head(packet, &r);
	memcpy(packet + RTP_HEAD_LEN, m->code[kind], VOICE_FRAME);
	stream_send(w, s, packet, RTP_HEAD_LEN + VOICE_FRAME);
	io_flush(w->io);	/* the packet's memory is used again */
}

void
music_say(struct worker *w, struct stream *s, uint64_t now_us)
{
	struct music *m = s->music;

	if (m->tick != w->ticks)
		advance(w, m, now_us);
	if (!s->may_send || !m->heard)
		return;
	if (stream_is_g711(s) && s->now.ptime_ms == 20 && (s->voice == NULL || s->voice->n == 0))
		say_coded(w, s, m, now_us);
	else
		voice_say(w, s, m->frame, VOICE_FRAME, now_us);
}

void
music_loaded(struct worker *w, const char *class, struct sound *sound, uint32_t index)
{
	struct music *m = player(w, class);

	if (m == NULL || sound == NULL || m->then != NULL) {
		sound_unref(&sound);	/* nobody waits for it; or it is asked for again */
		return;
	}
	m->then = sound;
	m->index = index;
	m->asked_us = 0;
}

void
music_free_all(struct worker *w)
{
	struct music *m;

	while ((m = LIST_FIRST(&w->music)) != NULL) {
		LIST_REMOVE(m, next);
		sound_unref(&m->now);
		sound_unref(&m->then);
		mem_free(&m);
	}
}

void
music_ask(struct mediad *m, unsigned worker, const char *class, uint32_t index)
{
	char path[MUSIC_CLASS_MAX + 16];

	str_format(path, sizeof(path), "music:%s", class);
	loader_ask(m->loader, worker, index, path);	/* full: the player asks again */
}
