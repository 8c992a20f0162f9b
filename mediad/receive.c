/* SPDX-License-Identifier: ISC */
/*
 * The jitter buffer and what comes out of it, see receive.h.
 *
 * Packets lie in slots by sequence number, their octets in a ring. `cursor` is the RTP time up to
 * which sound has been taken out and decoded into a small line of samples, of which each pull takes
 * 20 ms. Whatever is missing is made up and counted in `owed` until it is known whether it was late
 * (then it is played after all, and the wait has grown) or lost (then the made-up sound was it).
 */
#include "mediad/receive.h"

#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "mediad/codec.h"
#include "mediad/jitter.h"

#define SLOTS		64		/* a power of two: 640 ms of 10 ms packets */
#define RING		8192		/* octets: a second of G.711 */
#define LINE		(CODEC_PCM_MAX + 2 * RECEIVE_FRAME_MAX)
#define MIN_MS		10
#define MAX_MS		200
#define JUMP_US		2000000		/* a transit that changes so much is another clock */
#define LATE_MAX	200		/* packets: older ones mean that the numbers start again */
#define PLC_MS		60		/* of made-up sound, then noise: it has faded away by then */
#define STALL_MS	500		/* without a packet: nothing more is made up */
#define CUT_MS		22		/* waits this much longer than needed: a frame may go */
#define CUT_HARD_MS	60		/* ... also out of the middle of a word */
#define CUT_LATEST_US	2000000		/* ... or after so long without a pause */
#define STRETCH_MS	10		/* waits so much too short: a frame is put in */
#define ADAPT_US	200000		/* at most so often */
#define QUIET_FACTOR	3.0f		/* over the background: no speech, here it may be adapted */
#define NOISE_MIN	2.0f		/* amplitude of the background, at least and at most */
#define NOISE_MAX	150.0f
#define NOISE_RISE	1.01f		/* a frame; falls at once */

struct slot {
	uint32_t	ts;
	uint32_t	at;		/* in the ring, counted from the beginning of all */
	uint16_t	seq;
	uint16_t	len;
	uint8_t		kind;
	bool		used;		/* waits to be taken */
	bool		known;		/* seq is that of a packet that came: another is a double */
};

struct receive {
	struct receive_conf	 conf;
	struct receive_stats	 stats;
	struct decoders		 decoders;
	struct jitter		 jitter;
	bool			 started, gathers, pause, missing, stalled;
	unsigned		 khz;		/* of the RTP clock */
	uint32_t		 ssrc;
	uint16_t		 seq;		/* the next to be taken */
	unsigned		 waiting;	/* slots in use */
	uint32_t		 cursor;	/* RTP time of what comes after the line */
	uint64_t		 owed;		/* RTP units made up for what comes after cursor */
	unsigned		 made_ms;	/* made up in a row */
	uint32_t		 ref_ts;	/* this timestamp was ... */
	int64_t			 ref_us;	/* ... this moment */
	uint64_t		 adapted_us;
	uint64_t		 fit_us;	/* when the wait was last not too long */
	float			 level, noise;	/* RMS: of the last frame, of the background */
	uint32_t		 rand;
	uint32_t		 head;		/* of the ring */
	size_t			 n;		/* samples in the line */
	size_t			 voice;		/* of them up to the last one that was sent */
	struct slot		 slots[SLOTS];
	int16_t			 line[LINE];
	uint8_t			 ring[RING];
};

struct receive *
receive_new(const struct receive_conf *conf)
{
	struct receive *r = mem_new(sizeof(*r));

	if (r == NULL)
		return NULL;
	r->conf = *conf;
	r->decoders.rate = conf->rate;
	if (conf->max_ms == 0) {
		r->conf.min_ms = MIN_MS;
		r->conf.max_ms = MAX_MS;
	}
	r->noise = NOISE_MIN;
	r->rand = 1;
	return r;
}

void
receive_free(struct receive **pp)
{
	if (*pp == NULL)
		return;
	decoders_free(&(*pp)->decoders);
	mem_free(pp);
}

static size_t
samples(const struct receive *r, uint64_t units)
{
	return (size_t)(units * r->conf.rate / (r->khz * 1000));
}

static uint32_t
units(const struct receive *r, size_t n)
{
	return (uint32_t)(n * r->khz * 1000 / r->conf.rate);
}

/* Microseconds of a timestamp, on a clock of the stream's own. */
static int64_t
ts_us(const struct receive *r, uint32_t ts)
{
	return r->ref_us + (int64_t)(int32_t)(ts - r->ref_ts) * 1000 / (int64_t)r->khz;
}

/*
 * ---- in
 */

static void
start(struct receive *r, unsigned khz, const struct rtp *p, uint64_t now_us)
{
	memset(r->slots, 0, sizeof(r->slots));
	r->waiting = 0;
	r->started = r->gathers = true;
	r->khz = khz;
	r->ssrc = p->ssrc;
	r->seq = p->seq;
	r->cursor = r->ref_ts = p->ts;
	r->ref_us = 0;
	r->owed = 0;
	r->missing = r->pause = r->stalled = false;
	r->n = r->voice = 0;
	jitter_start(&r->jitter, (int64_t)now_us, now_us);
}

static unsigned
khz_of(const struct receive *r, unsigned kind)
{
	if (kind == RECEIVE_NOISE || kind == RECEIVE_PAUSE)
		return r->started ? r->khz : 8;
	return codec_khz((enum sdp_codec)kind);
}

/* It cannot belong to what came before. */
static bool
is_new(const struct receive *r, unsigned kind, unsigned khz, const struct rtp *p,
    uint64_t now_us)
{
	int16_t ahead = (int16_t)(p->seq - r->seq);
	int64_t transit;

	if (!r->started || r->stalled || p->ssrc != r->ssrc || khz != r->khz || ahead < -LATE_MAX)
		return true;
	if (kind == RECEIVE_PAUSE)	/* an event keeps the timestamp of its beginning */
		return false;
	transit = (int64_t)now_us - ts_us(r, p->ts);
	return transit < r->jitter.base_us - JUMP_US || transit > r->jitter.base_us + JUMP_US;
}

static struct slot *
slot_of(struct receive *r, uint16_t seq)
{
	return &r->slots[seq & (SLOTS - 1)];
}

static void
drop(struct receive *r, struct slot *s)
{
	s->used = false;
	r->waiting--;
}

/* Room for a packet this far ahead: the oldest are too late to be worth waiting for. */
static void
make_room(struct receive *r, uint16_t seq)
{
	while ((int16_t)(seq - r->seq) >= SLOTS) {
		struct slot *s = slot_of(r, r->seq);

		if (s->used)
			drop(r, s);
		r->missing = true;
		r->seq++;
	}
}

static void
store(struct receive *r, unsigned kind, const struct rtp *p)
{
	struct slot *s = slot_of(r, p->seq);
	uint32_t at = r->head;

	if (at % RING + p->len > RING)
		at += RING - at % RING;
	memcpy(r->ring + at % RING, p->payload, p->len);
	r->head = at + (uint32_t)p->len;
	if (s->used)
		drop(r, s);
	*s = (struct slot){ .ts = p->ts, .at = at, .seq = p->seq, .len = (uint16_t)p->len,
		.kind = (uint8_t)kind, .used = true, .known = true };
	r->waiting++;
	r->stats.packets++;
}

void
receive_feed(struct receive *r, unsigned kind, const struct rtp *p, uint64_t now_us)
{
	unsigned khz = khz_of(r, kind);
	struct slot *s;

	if (p->len > RING / 4 || (!r->started && kind == RECEIVE_PAUSE))
		return;
	if (is_new(r, kind, khz, p, now_us))
		start(r, khz, p, now_us);
	s = slot_of(r, p->seq);
	if (s->known && s->seq == p->seq)
		return;		/* a double */
	if (kind != RECEIVE_PAUSE)
		jitter_learn(&r->jitter, (int64_t)now_us - ts_us(r, p->ts), now_us);
	if ((int16_t)(p->seq - r->seq) < 0) {
		r->stats.late++;
		return;
	}
	make_room(r, p->seq);
	store(r, kind, p);
}

/*
 * ---- out
 */

static float
rms(const int16_t *pcm, size_t n)
{
	float sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (float)pcm[i] * (float)pcm[i];
	return n == 0 ? 0 : sqrtf(sum / (float)n);
}

/* White noise as loud as the background, added to what is there. */
static void
add_noise(struct receive *r, int16_t *pcm, size_t n)
{
	float gain = r->noise * 1.732f / 32768;	/* even distribution: its RMS is 1/sqrt(3) */

	for (size_t i = 0; i < n; i++) {
		int v;

		r->rand = r->rand * 1664525 + 1013904223;
		v = pcm[i] + (int)((float)(int32_t)r->rand / 65536 * gain);
		pcm[i] = (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
	}
}

/* n samples that were not received onto the line. */
static void
make_up(struct receive *r, size_t n)
{
	int16_t *pcm = r->line + r->n;
	unsigned ms = (unsigned)(n * 1000 / r->conf.rate);

	if (r->pause && decoders_codec(&r->decoders) != SDP_CODEC_OPUS) {
		memset(pcm, 0, n * sizeof(*pcm));
		add_noise(r, pcm, n);
	} else {	/* Opus makes its own noise in pauses */
		decoders_conceal(&r->decoders, pcm, n);
		if (r->made_ms >= PLC_MS)
			add_noise(r, pcm, n);
	}
	if (!r->pause)
		r->stats.lost_ms += ms;
	r->made_ms += ms;
	r->n += n;
}

/* The level of RFC 3389, -dBov, as an amplitude. */
static void
take_noise(struct receive *r, const uint8_t *p, size_t len)
{
	float level = len == 0 ? NOISE_MIN : 32768 * powf(10, -(float)(p[0] & 0x7f) / 20);

	r->noise = level < NOISE_MIN ? NOISE_MIN : level > NOISE_MAX ? NOISE_MAX : level;
}

/* The packet of the slot onto the line. */
static void
take(struct receive *r, struct slot *s)
{
	const uint8_t *p = r->ring + s->at % RING;
	bool gone = r->head - s->at > RING;	/* overwritten: its sender floods */
	int n = -1;

	drop(r, s);
	r->seq++;
	r->missing = false;
	if (s->kind == RECEIVE_PAUSE || s->kind == RECEIVE_NOISE) {
		r->pause = true;
		if (s->kind == RECEIVE_NOISE && !gone)
			take_noise(r, p, s->len);
		return;
	}
	if (!gone)
		n = decoders_decode(&r->decoders, s->kind, p, s->len, r->line + r->n, LINE - r->n);
	if (n <= 0) {		/* as if it had been lost */
		r->missing = true;
		return;
	}
	r->n += (size_t)n;
	r->voice = r->n;
	r->cursor = s->ts + units(r, (size_t)n);
	r->owed = 0;
	r->made_ms = 0;
	r->pause = false;
}

/* The next packet that is there, at r->seq or after it. */
static struct slot *
next_slot(struct receive *r)
{
	for (unsigned i = 0; i < SLOTS && r->waiting > 0; i++) {
		struct slot *s = slot_of(r, (uint16_t)(r->seq + i));

		if (s->used && s->seq == (uint16_t)(r->seq + i))
			return s;
	}
	return NULL;
}

/* The one packet before s is lost: perhaps s has it too. */
static bool
recover(struct receive *r, const struct slot *s)
{
	uint32_t gap = s->ts - r->cursor;
	size_t n = samples(r, gap);

	if (r->owed > 0 || (uint16_t)(s->seq - r->seq) != 1 || n == 0 ||
	    n > CODEC_PCM_MAX / 2 || r->head - s->at > RING || s->kind != SDP_CODEC_OPUS ||
	    !decoders_recover(&r->decoders, r->ring + s->at % RING, s->len, r->line + r->n, n))
		return false;
	r->n += n;
	r->voice = r->n;
	r->cursor += gap;
	r->seq++;
	r->stats.recovered_ms += n * 1000 / r->conf.rate;
	return true;
}

/* Something onto the line, which has fewer than need samples. */
static void
advance(struct receive *r, size_t need)
{
	struct slot *s = next_slot(r);
	size_t lack = need - r->n, n;
	int32_t gap;

	if (s == NULL) {	/* late, lost, or a pause: that is known later */
		make_up(r, lack);
		r->owed += units(r, lack);
		return;
	}
	if (s->seq != r->seq) {
		if (recover(r, s))
			return;
		r->missing = true;
		r->seq = s->seq;
	}
	gap = (int32_t)(s->ts - r->cursor);
	if (s->kind == RECEIVE_PAUSE || gap <= 0 || (uint64_t)gap <= r->owed) {
		take(r, s);
		return;
	}
	/* A gap in time: of packets that are lost, or that were never sent. */
	if (!r->missing)
		r->pause = true;
	n = samples(r, (uint64_t)gap - r->owed);
	if (n > lack)
		n = lack;
	if (n > 0) {
		make_up(r, n);
		r->cursor += units(r, n);
	} else {
		r->cursor = s->ts - (uint32_t)r->owed;
	}
}

static void
fill(struct receive *r, size_t need)
{
	/* Each round takes a packet or makes samples; what fails to decode does neither for long. */
	for (unsigned rounds = 0; r->n < need && rounds < 4 * SLOTS; rounds++)
		advance(r, need);
	if (r->n < need) {
		memset(r->line + r->n, 0, (need - r->n) * sizeof(*r->line));
		r->n = need;
	}
}

static void
consume(struct receive *r, size_t n)
{
	memmove(r->line, r->line + n, (r->n - n) * sizeof(*r->line));
	r->n -= n;
	r->voice = r->voice > n ? r->voice - n : 0;
}

static unsigned
wanted_ms(const struct receive *r)
{
	unsigned ms = jitter_wait_ms(&r->jitter);

	return ms < r->conf.min_ms ? r->conf.min_ms : ms > r->conf.max_ms ? r->conf.max_ms : ms;
}

/* How long what is played now has waited, compared with the earliest packets. */
static int
waits_ms(const struct receive *r, uint64_t now_us)
{
	uint32_t next = r->cursor - units(r, r->n);
	int64_t us = (int64_t)now_us - ts_us(r, next) - r->jitter.base_us;

	return (int)(us / 1000);
}

/* Two frames become one, faded from the first to the second. */
static void
cut(struct receive *r, size_t frame)
{
	for (size_t i = 0; i < frame; i++) {
		int f = (int)(i * 256 / frame);

		r->line[frame + i] = (int16_t)((r->line[i] * (256 - f) +
		    r->line[frame + i] * f) / 256);
	}
	consume(r, frame);
	r->stats.cut++;
}

/*
 * The oldest packets are left out, undecoded, and what was not sent between them is not made up:
 * the work is bounded by the packets, whatever their timestamps say.
 */
static void
catch_up(struct receive *r, int want, uint64_t now_us)
{
	struct slot *s;

	while (r->waiting > 1 && waits_ms(r, now_us) > want + RECEIVE_FRAME_MS &&
	    (s = next_slot(r)) != NULL) {
		drop(r, s);
		r->seq = (uint16_t)(s->seq + 1);
		if ((s = next_slot(r)) != NULL)
			r->cursor = s->ts;
		r->n = r->voice = 0;
		r->owed = 0;
		r->stats.cut++;
	}
}

/*
 * The wait is too long or too short: a frame less, or (returns true) the caller is to make up one
 * more. Where nobody speaks, if possible.
 */
static bool
adapt(struct receive *r, size_t frame, uint64_t now_us)
{
	int waits = waits_ms(r, now_us), want = (int)wanted_ms(r);
	bool quiet = r->level < r->noise * QUIET_FACTOR || r->pause;

	r->stats.wait_ms = waits < 0 ? 0 : (uint32_t)waits;
	if (r->owed > 0 || r->missing)
		return false;
	if (waits > (int)r->conf.max_ms + CUT_HARD_MS) {	/* a burst after a standstill */
		catch_up(r, want, now_us);
		return false;
	}
	if (waits <= want + CUT_MS)
		r->fit_us = now_us;
	if (now_us - r->adapted_us < ADAPT_US)
		return false;
	quiet = quiet || waits > want + CUT_HARD_MS || now_us - r->fit_us > CUT_LATEST_US;
	if (waits > want + CUT_MS && r->waiting > 0 && quiet) {
		fill(r, 2 * frame);
		cut(r, frame);
		r->adapted_us = now_us;
	} else if (waits < want - STRETCH_MS && (quiet || waits < want - 2 * STRETCH_MS)) {
		r->adapted_us = now_us;
		return true;
	}
	return false;
}

static enum receive_frame
judge(struct receive *r, const int16_t *pcm, size_t frame, bool voice)
{
	if (!voice)
		return r->pause ? RECEIVE_QUIET : RECEIVE_CONCEALED;
	r->level = rms(pcm, frame);
	if (r->level < r->noise)
		r->noise = r->level < NOISE_MIN ? NOISE_MIN : r->level;
	else if (r->noise < NOISE_MAX)
		r->noise *= NOISE_RISE;
	return RECEIVE_VOICE;
}

enum receive_frame
receive_pull(struct receive *r, int16_t *pcm, uint64_t now_us)
{
	size_t frame = r->conf.rate / (1000 / RECEIVE_FRAME_MS);
	bool voice;

	if (!r->started || r->stalled)
		goto nothing;
	if (r->gathers && waits_ms(r, now_us) < (int)wanted_ms(r) - RECEIVE_FRAME_MS / 2)
		goto nothing;
	r->gathers = false;
	if (r->waiting == 0 && !r->pause && r->owed >= (uint64_t)STALL_MS * r->khz) {
		r->stalled = true;
		r->n = r->voice = 0;
		goto nothing;
	}
	if (adapt(r, frame, now_us) && r->n < frame) {
		make_up(r, frame - r->n);
		r->stats.stretched++;
	}
	fill(r, frame);
	voice = r->voice > 0;
	memcpy(pcm, r->line, frame * sizeof(*pcm));
	consume(r, frame);
	return judge(r, pcm, frame, voice);
nothing:
	memset(pcm, 0, frame * sizeof(*pcm));
	return RECEIVE_NOTHING;
}

bool
receive_pending(const struct receive *r)
{
	return r->waiting > 0 || r->voice > 0;
}

void
receive_stats(const struct receive *r, struct receive_stats *out)
{
	*out = r->stats;
}
