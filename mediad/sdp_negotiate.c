/* SPDX-License-Identifier: ISC */
/*
 * Judges the far end's offers and answers (RFC 3264) by the codec table and the leg's state. Called
 * by mediad's main thread between sdp_parse() and the writers of sdp_build.c. Nothing of the state
 * changes when a description is refused.
 */
#include <string.h>
#include <strings.h>

#include "mediad/sdp.h"
#include "mediad/sdp_impl.h"

#define REFUSED	488	/* Not Acceptable Here */

/*
 * Directions are two bits: 1 "does not receive", 2 "does not send" (see enum media_direction). What
 * two ends can do together lacks what either lacks.
 */
enum media_direction
sdp_mirror(enum media_direction dir)
{
	return (enum media_direction)(((dir & 1) << 1) | ((dir & 2) >> 1));
}

enum media_direction
sdp_without(enum media_direction a, enum media_direction b)
{
	return (enum media_direction)(a | b);
}

bool
sdp_may_send(const struct sdp_stream *now)
{
	return now->codec != SDP_CODEC_NONE && (now->far_dir & MEDIA_SENDONLY) == 0;
}

bool
sdp_may_receive(const struct sdp_stream *now)
{
	return (now->far_dir & MEDIA_RECVONLY) == 0;
}

enum sdp_codec
sdp_rx_codec(const struct sdp_stream *now, uint8_t pt)
{
	for (int c = 1; c < SDP_CODEC_SLOTS; c++)
		if (now->rx_pt[c] == pt && pt != SDP_PT_NONE)
			return (enum sdp_codec)c;
	return SDP_CODEC_NONE;
}

bool
sdp_rx_is_event(const struct sdp_stream *now, uint8_t pt)
{
	if (pt == SDP_PT_NONE)
		return false;
	return pt == now->te_rx || (pt == now->te_tx && sdp_rx_codec(now, pt) == SDP_CODEC_NONE);
}

void
sdp_stream_clear(struct sdp_stream *s)
{
	memset(s, 0, sizeof(*s));
	s->ptime_ms = SDP_PTIME_MS;
	s->te_tx = s->te_rx = SDP_PT_NONE;
	memset(s->tx_pt, SDP_PT_NONE, sizeof(s->tx_pt));
	memset(s->rx_pt, SDP_PT_NONE, sizeof(s->rx_pt));
}

void
sdp_stream_unmux(struct sdp_stream *s)
{
	if (!s->rtcp_mux)
		return;
	s->rtcp_mux = false;
	s->rtcp = s->rtp;
	addr_set_port(&s->rtcp,
	    addr_port(&s->rtp) < UINT16_MAX ? (uint16_t)(addr_port(&s->rtp) + 1) : 0);
}

void
sdp_state_init(struct sdp_state *st, uint64_t id)
{
	const struct sdp_codec_row *rows;
	size_t n;

	memset(st, 0, sizeof(*st));
	st->id = id & 0x7fffffff;	/* some phones read it into 32 bits */
	memset(st->pt, SDP_PT_NONE, sizeof(st->pt));
	rows = sdp_codec_rows(&n);
	for (size_t i = 0; i < n; i++)
		st->pt[rows[i].codec] = rows[i].pt;
	st->te_pt = SDP_EVENT_PT;
	st->offered_te = SDP_PT_NONE;
	sdp_stream_clear(&st->far.stream);
	sdp_stream_clear(&st->now);
}

/* ---- one description ------------------------------------------------------------------------ */

static bool
name_is(const struct sdp_fmt *f, const char *name)
{
	return f->name.len == strlen(name) && strncasecmp(f->name.p, name, f->name.len) == 0;
}

static enum sdp_codec
codec_of(const struct sdp_fmt *f)
{
	const struct sdp_codec_row *rows;
	size_t n;

	rows = sdp_codec_rows(&n);
	for (size_t i = 0; i < n; i++) {
		if (f->clock_hz == 0) {
			if (rows[i].is_static && rows[i].pt == f->pt)
				return rows[i].codec;
		} else if (name_is(f, rows[i].name) && f->clock_hz == rows[i].clock_hz &&
		    f->channels == rows[i].channels) {
			return rows[i].codec;
		}
	}
	return SDP_CODEC_NONE;
}

/* Which of our codecs m has, in its order, and the numbers. */
static void
judge_codecs(const struct sdp_media *m, struct sdp_far *far)
{
	struct sdp_stream *s = &far->stream;

	far->ncodecs = 0;
	for (size_t i = 0; i < m->nfmts; i++) {
		enum sdp_codec codec = codec_of(&m->fmts[i]);

		if (codec != SDP_CODEC_NONE && s->tx_pt[codec] == SDP_PT_NONE) {
			s->tx_pt[codec] = m->fmts[i].pt;
			far->codecs[far->ncodecs++] = codec;
		} else if (s->te_tx == SDP_PT_NONE && name_is(&m->fmts[i], "telephone-event") &&
		    m->fmts[i].clock_hz == SDP_EVENT_HZ) {
			s->te_tx = m->fmts[i].pt;
		}
	}
}

/* Milliseconds in a packet of ours: as asked for, within what a packet may hold. */
static uint8_t
judge_ptime(const struct sdp_media *m)
{
	unsigned ms = m->ptime_ms != 0 ? m->ptime_ms : SDP_PTIME_MS;

	if (m->maxptime_ms != 0 && ms > m->maxptime_ms)
		ms = m->maxptime_ms;
	ms -= ms % 10;
	return (uint8_t)(ms < 10 ? 10 : ms > 60 ? 60 : ms);
}

/* An audio line that is up and that we can speak. far gets all of it, or *why is the reason. */
static bool
judge_audio(const struct sdp_media *m, struct sdp_far *far, const char **why)
{
	struct sdp_stream *s = &far->stream;

	sdp_stream_clear(s);
	if (m->proto != SDP_PROTO_AVP && m->proto != SDP_PROTO_AVPF) {
		*why = "SRTP is required but not supported";
		return false;
	}
	if (m->addr.sa.sa_family == AF_UNSPEC) {
		*why = "no connection address";
		return false;
	}
	judge_codecs(m, far);
	if (far->ncodecs == 0) {
		*why = "no codec in common";
		return false;
	}
	s->rtp = m->addr;
	s->rtcp = m->rtcp_mux ? m->addr : m->rtcp;
	s->rtcp_mux = m->rtcp_mux;
	s->codec = far->codecs[0];
	s->ptime_ms = judge_ptime(m);
	s->far_dir = m->direction;
	if (addr_is_any(&m->addr))	/* hold as RFC 2543 had it */
		s->far_dir = sdp_without(m->direction, MEDIA_SENDONLY);
	return true;
}

static void
view_copy(char *dst, size_t size, struct sdp_view v)
{
	size_t n = v.len < size ? v.len : size - 1;

	memcpy(dst, v.p, n);
	dst[n] = '\0';
}

/* Judges all lines. On failure *why says what is wrong with the first audio line. */
static bool
judge(const struct sdp *in, struct sdp_far *far, const char **why)
{
	bool found = false, up = false;
	const char *first = NULL;

	memset(far, 0, sizeof(*far));
	sdp_stream_clear(&far->stream);
	far->nlines = in->nmedia;
	far->audio = SDP_MEDIA_MAX;
	for (size_t i = 0; i < in->nmedia; i++) {
		const struct sdp_media *m = &in->media[i];
		const char *reason = NULL;

		view_copy(far->lines[i].type, sizeof(far->lines[i].type), m->type_text);
		view_copy(far->lines[i].proto, sizeof(far->lines[i].proto), m->proto_text);
		view_copy(far->lines[i].fmt, sizeof(far->lines[i].fmt), m->fmt_text);
		if (m->port != 0)
			up = true;
		if (m->kind != SDP_KIND_AUDIO || found)
			continue;
		if (far->audio == SDP_MEDIA_MAX)
			far->audio = (uint8_t)i;
		if (m->port == 0)
			continue;
		found = judge_audio(m, far, &reason);
		if (found)
			far->audio = (uint8_t)i;
		else if (first == NULL)
			first = reason;
	}
	if (found)
		return true;
	sdp_stream_clear(&far->stream);
	far->ncodecs = 0;
	if (far->audio != SDP_MEDIA_MAX && !up) {
		far->ended = true;
		far->stream.far_dir = MEDIA_INACTIVE;
		return true;
	}
	*why = first != NULL ? first : "no audio";
	return false;
}

/* ---- the two halves of an exchange ---------------------------------------------------------- */

int
sdp_take_offer(struct sdp_state *st, const struct sdp *offer, const char **reason)
{
	struct sdp_far far;

	if (!judge(offer, &far, reason))
		return REFUSED;
	if (far.ended && !st->negotiated) {
		*reason = "every port is 0";
		return REFUSED;
	}
	st->far = far;
	st->has_far = true;
	return 0;
}

int
sdp_take_answer(struct sdp_state *st, const struct sdp *answer, const char **reason)
{
	struct sdp_stream *s;
	struct sdp_far far;
	size_t kept = 0;

	if (st->offered == 0) {
		*reason = "an answer without an offer";
		return REFUSED;
	}
	if (!judge(answer, &far, reason))
		return REFUSED;
	if (far.ended) {
		*reason = "audio refused";
		return REFUSED;
	}
	s = &far.stream;
	for (size_t i = 0; i < far.ncodecs; i++) {
		if (st->offered & (1u << far.codecs[i]))
			far.codecs[kept++] = far.codecs[i];
		else
			s->tx_pt[far.codecs[i]] = SDP_PT_NONE;
	}
	if (kept == 0) {
		*reason = "no codec in common";
		return REFUSED;
	}
	far.ncodecs = (uint8_t)kept;
	s->codec = far.codecs[0];
	/* What it sends has our offer's numbers, and may be any codec of it. */
	for (int c = 1; c < SDP_CODEC_SLOTS; c++)
		s->rx_pt[c] = st->offered & (1u << c) ? st->pt[c] : SDP_PT_NONE;
	s->te_rx = st->offered_te;
	if (!st->offered_mux)
		sdp_stream_unmux(s);
	s->far_dir = sdp_without((enum media_direction)s->far_dir,
	    sdp_mirror((enum media_direction)st->offered_dir));
	s->our_dir = sdp_mirror((enum media_direction)s->far_dir);
	st->far = far;
	st->now = far.stream;
	st->has_far = false;
	st->answered = false;
	st->negotiated = true;
	return 0;
}
