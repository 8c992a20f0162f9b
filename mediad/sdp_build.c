/* SPDX-License-Identifier: ISC */
/*
 * Writes our SDP: answers and offers with stable ids, a version that rises only when the body
 * changes, and the dialog's m-lines in their order (RFC 3264 sections 6 and 8). Called by mediad's
 * main thread; allocates nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mediad/sdp.h"
#include "mediad/sdp_impl.h"

#define HEAD_MAX 160	/* v= and o= */

struct text {
	char	*p;
	size_t	 len;
	size_t	 size;
	bool	 full;
};

/* The audio line that is to be written. */
struct audio {
	const char		*proto;
	uint16_t		 port;
	uint8_t			 codecs[SDP_CODEC_SLOTS];
	uint8_t			 pts[SDP_CODEC_SLOTS];	/* in step with codecs */
	uint8_t			 n;
	uint8_t			 te;			/* SDP_PT_NONE: none */
	uint8_t			 te48;			/* the same on a clock of 48 kHz */
	bool			 noise;			/* CN */
	unsigned		 ptime_ms;
	enum media_direction	 dir;			/* seen from us */
	bool			 mux;
};

static void __attribute__((format(printf, 2, 3)))
add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->full)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->p + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->size - t->len)
		t->full = true;
	else
		t->len += (size_t)n;
}

static const char *
dir_name(enum media_direction dir)
{
	switch (dir) {
	case MEDIA_SENDRECV:
		return "sendrecv";
	case MEDIA_SENDONLY:
		return "sendonly";
	case MEDIA_RECVONLY:
		return "recvonly";
	case MEDIA_INACTIVE:
		return "inactive";
	}
	return "inactive";
}

static uint64_t
hash(const char *p, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)p[i]) * 0x100000001b3u;
	return h != 0 ? h : 1;
}

static void
add_audio(struct text *t, const struct audio *a, const struct sdp_local *local)
{
	add(t, "m=audio %u %s", a->port, a->proto);
	for (size_t i = 0; i < a->n; i++)
		add(t, " %u", a->pts[i]);
	if (a->noise)
		add(t, " %d", SDP_NOISE_PT);
	if (a->te != SDP_PT_NONE)
		add(t, " %u", a->te);
	if (a->te48 != SDP_PT_NONE)
		add(t, " %u", a->te48);
	add(t, "\r\n");
	for (size_t i = 0; i < a->n; i++) {
		const struct sdp_codec_row *row = sdp_codec_row((enum sdp_codec)a->codecs[i]);

		add(t, "a=rtpmap:%u %s/%" PRIu32, a->pts[i], row->name, row->clock_hz);
		if (row->channels > 1)
			add(t, "/%u", row->channels);
		add(t, "\r\n");
		if (row->fmtp[0] != '\0')
			add(t, "a=fmtp:%u %s\r\n", a->pts[i], row->fmtp);
	}
	if (a->te != SDP_PT_NONE)
		add(t, "a=rtpmap:%u telephone-event/%d\r\na=fmtp:%u 0-16\r\n", a->te, SDP_EVENT_HZ,
		    a->te);
	if (a->te48 != SDP_PT_NONE)
		add(t, "a=rtpmap:%u telephone-event/%d\r\na=fmtp:%u 0-16\r\n", a->te48,
		    SDP_EVENT48_HZ, a->te48);
	add(t, "a=ptime:%u\r\na=maxptime:%d\r\na=%s\r\n", a->ptime_ms, SDP_MAXPTIME_MS,
	    dir_name(a->dir));
	if (a->mux)
		add(t, "a=rtcp:%u\r\na=rtcp-mux\r\n", a->port);
	else if (local->rtcp_port != 0 && local->rtcp_port != a->port + 1)
		add(t, "a=rtcp:%u\r\n", local->rtcp_port);
}

/*
 * Everything into out: first what comes after o=, because the version depends on it, and then the
 * head before it. Returns the length or -ENOSPC.
 */
static int
write_all(struct sdp_state *st, const struct audio *a, const struct sdp_local *local, char *out,
    size_t size)
{
	const char *family = local->rtp.sa.sa_family == AF_INET6 ? "IP6" : "IP4";
	uint8_t nlines = st->far.nlines != 0 ? st->far.nlines : 1;
	uint8_t audio = st->far.nlines != 0 ? st->far.audio : 0;
	char ip[ADDR_STR_LEN + 1], head[HEAD_MAX];
	struct text t = { .p = out, .size = size };
	uint64_t h, version;
	int n;

	if (size == 0)
		return -ENOSPC;
	addr_print_ip(&local->rtp, ip);
	add(&t, "s=-\r\nc=IN %s %s\r\nt=0 0\r\n", family, ip);
	for (uint8_t i = 0; i < nlines; i++) {
		if (i == audio && a->n > 0)
			add_audio(&t, a, local);
		else
			add(&t, "m=%s 0 %s %s\r\n", st->far.lines[i].type, st->far.lines[i].proto,
			    st->far.lines[i].fmt);
	}
	if (t.full)
		return -ENOSPC;
	h = hash(t.p, t.len);
	version = st->version + (h != st->body_hash ? 1 : 0);
	n = snprintf(head, sizeof(head), "v=0\r\no=- %" PRIu64 " %" PRIu64 " IN %s %s\r\n", st->id,
	    version, family, ip);
	if (n < 0 || (size_t)n >= sizeof(head) || (size_t)n >= size - t.len)
		return -ENOSPC;
	memmove(out + n, out, t.len + 1);
	memcpy(out, head, (size_t)n);
	st->version = version;
	st->body_hash = h;
	return (int)t.len + n;
}

/* ---- answers -------------------------------------------------------------------------------- */

/* Packets as long as the other leg's far end wants them need no cutting; else as this one has them. */
static unsigned
ask_ptime(const struct sdp_stream *own, const struct sdp_state *like)
{
	if (like != NULL && (like->far.stream.flags & SDP_PTIME_SAID))
		return like->far.stream.ptime_ms;
	return own != NULL && (own->flags & SDP_PTIME_SAID) ? own->ptime_ms : SDP_PTIME_MS;
}

/*
 * The codec of the answer: what the other leg sends, so that nothing has to be transcoded, else our
 * first, else the offerer's.
 */
static enum sdp_codec
choose(const struct sdp_far *far, const struct sdp_local *local, const struct sdp_state *like)
{
	if (like != NULL && like->negotiated)
		for (size_t i = 0; i < far->ncodecs; i++)
			if (far->codecs[i] == like->now.codec)
				return (enum sdp_codec)far->codecs[i];
	for (size_t i = 0; i < local->norder; i++)
		if (memchr(far->codecs, local->order[i], far->ncodecs) != NULL)
			return (enum sdp_codec)local->order[i];
	return (enum sdp_codec)far->codecs[0];
}

/* What an answer with this codec makes of the stream. */
static void
agree(const struct sdp_far *far, enum sdp_codec codec, const struct sdp_local *local,
    struct sdp_stream *now)
{
	const uint8_t *pt = far->stream.tx_pt;
	bool wide = codec == SDP_CODEC_OPUS || far->stream.te_tx == SDP_PT_NONE;

	*now = far->stream;
	memset(now->tx_pt, SDP_PT_NONE, sizeof(now->tx_pt));
	if (far->ended) {
		now->our_dir = MEDIA_INACTIVE;
		return;
	}
	now->codec = codec;
	now->tx_pt[codec] = now->rx_pt[codec] = far->stream.tx_pt[codec];
	if (codec != SDP_CODEC_OPUS)
		now->tx_pt[SDP_SLOT_NOISE] = pt[SDP_SLOT_NOISE];
	now->te_rx = now->te_tx;
	if (wide && pt[SDP_SLOT_EVENT48] != SDP_PT_NONE) {
		now->te_rx = now->te_tx = SDP_PT_NONE;
		now->tx_pt[SDP_SLOT_EVENT48] = now->rx_pt[SDP_SLOT_EVENT48] = pt[SDP_SLOT_EVENT48];
	}
	if (local->no_events) {
		now->te_rx = now->te_tx = SDP_PT_NONE;
		now->tx_pt[SDP_SLOT_EVENT48] = now->rx_pt[SDP_SLOT_EVENT48] = SDP_PT_NONE;
	}
	now->our_dir = sdp_mirror((enum media_direction)far->stream.far_dir);
	if (local->hold)
		now->our_dir = sdp_without((enum media_direction)now->our_dir, MEDIA_SENDONLY);
	now->far_dir = sdp_mirror((enum media_direction)now->our_dir);
	if (!local->rtcp_mux)
		sdp_stream_unmux(now);
}

int
sdp_make_answer(struct sdp_state *st, const struct sdp_local *local, const struct sdp_state *like,
    char *out, size_t size)
{
	struct audio a = { .te = SDP_PT_NONE, .te48 = SDP_PT_NONE };
	struct sdp_stream now;
	unsigned asked;
	int n;

	if (!st->has_far && !st->answered)
		return -EINVAL;
	/* Once given, an answer keeps its codec: the far end may be sending it already. So its ptime. */
	asked = st->has_far ? ask_ptime(&st->far.stream, like) :
	    (st->now.flags >> SDP_ASKED_SHIFT & SDP_ASKED_MASK) * 10u;
	agree(&st->far, st->has_far ? choose(&st->far, local, like) : (enum sdp_codec)st->now.codec, local,
	    &now);
	if (!st->far.ended) {
		a.proto = st->far.lines[st->far.audio].proto;
		a.port = addr_port(&local->rtp);
		a.codecs[0] = now.codec;
		a.pts[0] = now.rx_pt[now.codec];
		a.n = 1;
		a.te = now.te_rx;
		a.te48 = now.rx_pt[SDP_SLOT_EVENT48];
		a.noise = now.tx_pt[SDP_SLOT_NOISE] != SDP_PT_NONE;
		a.ptime_ms = asked != 0 ? asked : SDP_PTIME_MS;
		now.flags |= (uint8_t)(a.ptime_ms / 10 << SDP_ASKED_SHIFT);
		a.dir = (enum media_direction)now.our_dir;
		a.mux = now.rtcp_mux;
	}
	if ((n = write_all(st, &a, local, out, size)) < 0)
		return n;
	for (size_t i = 0; i < st->far.ncodecs; i++)
		st->pt[st->far.codecs[i]] = st->far.stream.tx_pt[st->far.codecs[i]];
	if (st->far.stream.te_tx != SDP_PT_NONE)
		st->te_pt = st->far.stream.te_tx;
	st->now = now;
	st->has_far = false;
	st->answered = true;
	st->negotiated = true;
	return n;
}

/* ---- offers --------------------------------------------------------------------------------- */

static void
put_codec(struct audio *a, const struct sdp_state *st, const struct sdp_local *local,
    uint8_t codec)
{
	if (codec == SDP_CODEC_NONE || sdp_codec_row((enum sdp_codec)codec) == NULL ||
	    (local->norder > 0 && memchr(local->order, codec, local->norder) == NULL))
		return;
	for (size_t i = 0; i < a->n; i++)
		if (a->codecs[i] == codec)
			return;
	a->codecs[a->n] = codec;
	a->pts[a->n++] = st->pt[codec];
}

/* Two names of one number would make the offer void: whoever comes later gets a free one. */
static uint8_t
free_pt(const struct audio *a, size_t n, uint8_t want, const uint8_t *taken)
{
	for (int pt = want, tries = 0; tries < 64; tries++) {
		size_t i = 0;

		while (i < n && a->pts[i] != pt)
			i++;
		if (i == n && (taken == NULL || taken[0] != pt))
			return (uint8_t)pt;
		pt = tries == 0 ? 96 : pt + 1;
		if (pt > 127)
			break;
	}
	return SDP_PT_NONE;
}

/* Ours and the other leg's first, so that nothing has to be transcoded; then the rest. */
static void
put_codecs(struct audio *a, const struct sdp_state *st, const struct sdp_local *local,
    const struct sdp_state *like)
{
	const struct sdp_codec_row *rows;
	size_t nrows;

	if (like != NULL && like->negotiated)
		put_codec(a, st, local, like->now.codec);
	if (like == NULL && st->negotiated)
		put_codec(a, st, local, st->now.codec);
	for (size_t i = 0; like != NULL && i < local->norder; i++)
		if (memchr(like->far.codecs, local->order[i], like->far.ncodecs) != NULL)
			put_codec(a, st, local, local->order[i]);
	for (size_t i = 0; like != NULL && i < like->far.ncodecs; i++)
		put_codec(a, st, local, like->far.codecs[i]);
	for (size_t i = 0; i < local->norder; i++)
		put_codec(a, st, local, local->order[i]);
	rows = sdp_codec_rows(&nrows);
	for (size_t i = 0; i < nrows; i++)
		put_codec(a, st, local, rows[i].codec);
}

/* What is no codec: comfort noise if the other leg has it, keys on the clocks of the codecs. */
static void
put_others(struct audio *a, const struct sdp_state *st, const struct sdp_local *local,
    const struct sdp_state *like)
{
	bool opus = memchr(a->codecs, SDP_CODEC_OPUS, a->n) != NULL;
	uint8_t taken[2] = { SDP_PT_NONE, SDP_PT_NONE };

	a->noise = like != NULL && like->far.stream.tx_pt[SDP_SLOT_NOISE] != SDP_PT_NONE;
	a->ptime_ms = ask_ptime(NULL, like);
	if (local->no_events)
		return;
	taken[0] = a->te = free_pt(a, a->n, st->te_pt, taken);
	if (opus)
		a->te48 = free_pt(a, a->n, st->pt[SDP_SLOT_EVENT48] != SDP_PT_NONE ?
		    st->pt[SDP_SLOT_EVENT48] : SDP_EVENT48_PT, taken);
}

int
sdp_make_offer(struct sdp_state *st, const struct sdp_local *local, const struct sdp_state *like,
    char *out, size_t size)
{
	struct audio a = { .proto = "RTP/AVP", .te = SDP_PT_NONE, .te48 = SDP_PT_NONE };
	const char *proto;
	int n;

	a.port = addr_port(&local->rtp);
	a.dir = local->hold ? MEDIA_SENDONLY : MEDIA_SENDRECV;
	a.mux = local->rtcp_mux;
	if (st->far.nlines != 0) {
		proto = st->far.lines[st->far.audio].proto;
		if (strcmp(proto, "RTP/AVPF") == 0)
			a.proto = proto;
	}
	put_codecs(&a, st, local, like);
	for (size_t i = 0; i < a.n; i++)
		a.pts[i] = free_pt(&a, i, a.pts[i], NULL);
	put_others(&a, st, local, like);
	if ((n = write_all(st, &a, local, out, size)) < 0)
		return n;
	st->offered = 0;
	for (size_t i = 0; i < a.n; i++) {
		st->offered |= (uint8_t)(1u << a.codecs[i]);
		st->pt[a.codecs[i]] = a.pts[i];
	}
	st->offered_te = a.te;
	if (a.te != SDP_PT_NONE)
		st->te_pt = a.te;
	st->pt[SDP_SLOT_NOISE] = a.noise ? SDP_NOISE_PT : SDP_PT_NONE;
	st->pt[SDP_SLOT_EVENT48] = a.te48;
	if (a.noise)
		st->offered |= 1u << SDP_SLOT_NOISE;
	if (a.te48 != SDP_PT_NONE)
		st->offered |= 1u << SDP_SLOT_EVENT48;
	st->offered_dir = a.dir;
	st->offered_mux = a.mux;
	if (!st->negotiated) {		/* media may come before the answer does */
		for (size_t i = 0; i < a.n; i++)
			st->now.rx_pt[a.codecs[i]] = a.pts[i];
		st->now.te_rx = a.te;
		st->now.rx_pt[SDP_SLOT_EVENT48] = a.te48;
	}
	return n;
}
