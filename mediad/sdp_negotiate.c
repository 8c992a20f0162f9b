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
	for (int c = 1; c < SDP_CODEC_END; c++)
		if (now->rx_pt[c] == pt && pt != SDP_PT_NONE)
			return (enum sdp_codec)c;
	return SDP_CODEC_NONE;
}

unsigned
sdp_rx_event(const struct sdp_stream *now, uint8_t pt)
{
	if (pt == SDP_PT_NONE)
		return 0;
	if (pt == now->te_rx)
		return SDP_EVENT_HZ / 1000;
	if (pt == now->rx_pt[SDP_SLOT_EVENT48])
		return SDP_EVENT48_HZ / 1000;
	if (sdp_rx_codec(now, pt) != SDP_CODEC_NONE)
		return 0;
	return pt == now->te_tx ? SDP_EVENT_HZ / 1000 :
	    pt == now->tx_pt[SDP_SLOT_EVENT48] ? SDP_EVENT48_HZ / 1000 : 0;
}

uint8_t
sdp_tx_event(const struct sdp_stream *now, unsigned *khz)
{
	uint8_t wide = now->tx_pt[SDP_SLOT_EVENT48];
	bool use = wide != SDP_PT_NONE &&
	    (now->codec == SDP_CODEC_OPUS || now->te_tx == SDP_PT_NONE);

	*khz = (use ? SDP_EVENT48_HZ : SDP_EVENT_HZ) / 1000;
	return use ? wide : now->te_tx;
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

/* Whether key=1 stands among the parameters, which are separated by ; and blanks. */
static bool
fmtp_on(struct sdp_view v, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i + n + 1 < v.len; i++)
		if ((i == 0 || v.p[i - 1] == ';' || v.p[i - 1] == ' ') &&
		    strncasecmp(v.p + i, key, n) == 0 && v.p[i + n] == '=' && v.p[i + n + 1] == '1')
			return true;
	return false;
}

static void
judge_fmtp(const struct sdp_fmt *f, enum sdp_codec codec, struct sdp_stream *s)
{
	if (codec != SDP_CODEC_OPUS)
		return;
	if (fmtp_on(f->fmtp, "useinbandfec"))
		s->flags |= SDP_OPUS_FEC;
	if (fmtp_on(f->fmtp, "usedtx"))
		s->flags |= SDP_OPUS_DTX;
}

/* What has a number and is no codec. */
static void
judge_other(const struct sdp_fmt *f, struct sdp_stream *s)
{
	bool event = name_is(f, "telephone-event");

	if (event && f->clock_hz == SDP_EVENT_HZ && s->te_tx == SDP_PT_NONE)
		s->te_tx = f->pt;
	else if (event && f->clock_hz == SDP_EVENT48_HZ)
		s->tx_pt[SDP_SLOT_EVENT48] = f->pt;
	else if (f->pt == SDP_NOISE_PT && (f->clock_hz == 0 || name_is(f, "CN")))
		s->tx_pt[SDP_SLOT_NOISE] = f->pt;
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
			judge_fmtp(&m->fmts[i], codec, s);
		} else if (codec == SDP_CODEC_NONE) {
			judge_other(&m->fmts[i], s);
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
	if (m->ptime_ms != 0)
		s->flags |= SDP_PTIME_SAID;
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

void
sdp_keep_codecs(struct sdp *sdp, const uint8_t *order, uint8_t n)
{
	for (size_t i = 0; i < sdp->nmedia && n > 0; i++) {
		struct sdp_media *m = &sdp->media[i];
		uint8_t kept = 0;

		for (uint8_t k = 0; m->kind == SDP_KIND_AUDIO && k < m->nfmts; k++) {
			enum sdp_codec codec = codec_of(&m->fmts[k]);

			if (codec == SDP_CODEC_NONE || memchr(order, (int)codec, n) != NULL)
				m->fmts[kept++] = m->fmts[k];
		}
		if (m->kind == SDP_KIND_AUDIO)
			m->nfmts = kept;
	}
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
	for (int c = SDP_CODEC_END; c < SDP_CODEC_SLOTS; c++)
		if ((st->offered & (1u << c)) == 0)
			s->tx_pt[c] = SDP_PT_NONE;
	if (st->offered_te == SDP_PT_NONE)
		s->te_tx = SDP_PT_NONE;
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
