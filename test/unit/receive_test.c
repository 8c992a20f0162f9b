/* SPDX-License-Identifier: ISC */
/*
 * Codecs, jitter buffer and concealment: each codec brings a tone back, sound keeps its length with
 * loss and jitter, order is restored, concealment is nearer to what was lost than silence is, and the
 * wait follows the network.
 *
 * links: mediad/receive.c mediad/jitter.c mediad/codec.c mediad/g711.c mediad/rtp.c common/base/mem.c
 * common/base/log.c common/base/str.c common/base/clock.c common/base/buf.c
 * libs: opus spandsp speexdsp
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mediad/codec.h"
#include "mediad/g711.h"
#include "mediad/receive.h"
#include "test/unit/oom.h"

#define RATE	8000
#define FRAME	160
#define SECONDS	20
#define TOTAL	(RATE * SECONDS)

static const enum sdp_codec all[] = {
	SDP_CODEC_PCMU, SDP_CODEC_PCMA, SDP_CODEC_G722, SDP_CODEC_OPUS
};

static uint32_t seed = 1;

static double
chance(void)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) / 16777216.0;
}

/* Something like a voice: a pitch that moves, formants, words and pauses. */
static void
voice(int16_t *pcm, size_t n)
{
	double phase = 0;

	for (size_t i = 0; i < n; i++) {
		double t = (double)i / RATE, v = 0;
		double word = sin(2 * M_PI * t * 1.3) > -0.5 ? 1 : 0;

		phase += (120 + 20 * sin(2 * M_PI * t * 0.7)) / RATE;
		for (int k = 1; k < 20; k++)
			v += sin(2 * M_PI * phase * k) / k *
			    (1 + 2 * exp(-pow((k * 120 - 600.0) / 200, 2)));
		pcm[i] = (int16_t)(v * word * 2500 + (chance() - 0.5) * 20);
	}
}

static double
power(const int16_t *pcm, size_t n, double hz)
{
	double re = 0, im = 0;

	for (size_t i = 0; i < n; i++) {
		re += pcm[i] * cos(2 * M_PI * hz * (double)i / RATE);
		im += pcm[i] * sin(2 * M_PI * hz * (double)i / RATE);
	}
	return 2 * sqrt(re * re + im * im) / (double)n;
}

static void
tones(void **state)
{
	static int16_t in[RATE], out[RATE + 2000];
	uint8_t p[CODEC_PAYLOAD_MAX];

	(void)state;
	for (size_t i = 0; i < RATE; i++)
		in[i] = (int16_t)(8000 * sin(2 * M_PI * 440 * (double)i / RATE));
	for (size_t c = 0; c < sizeof(all) / sizeof(all[0]); c++) {
		for (unsigned ms = 10; ms <= 60; ms += 10) {
			struct encoder_conf conf = { .codec = all[c], .rate = RATE, .fec = true };
			struct encoder *e = encoder_new(&conf);
			struct decoder *d = decoder_new(all[c], RATE);
			size_t n = codec_frame_ms(all[c], ms) * 8, done = 0;

			assert_non_null(e);
			assert_non_null(d);
			while (done + n <= RATE) {
				int len = encoder_encode(e, in + done, n, p, sizeof(p));

				assert_true(len > 0);
				assert_int_equal(codec_duration(all[c], p, (size_t)len), n * 10 / 8);
				assert_int_equal(decoder_decode(d, p, (size_t)len, out + done, n), n);
				done += n;
			}
			assert_true(power(out + 800, done - 800, 440) > 5500);
			assert_true(power(out + 800, done - 800, 1000) < 500);
			assert_true(decoder_decode(d, p, 0, out, n) < 0);
			memset(p, 0xff, sizeof(p));	/* too long; of Opus: no frames */
			p[1] = 0;
			assert_true(decoder_decode(d, p, CODEC_PAYLOAD_MAX, out, n) < 0);
			encoder_free(&e);
			decoder_free(&d);
		}
	}
	assert_null(decoder_new(SDP_CODEC_NONE, RATE));
	assert_null(decoder_new(SDP_CODEC_OPUS, 11025));
}

static void
making(void *arg)
{
	struct receive *r = receive_new(&(struct receive_conf){ .rate = RATE });

	(void)arg;
	for (size_t c = 0; c < sizeof(all) / sizeof(all[0]); c++) {
		struct encoder *e = encoder_new(&(struct encoder_conf){ .codec = all[c], .rate = RATE });
		struct decoder *d = decoder_new(all[c], 16000);

		encoder_free(&e);
		decoder_free(&d);
	}
	receive_free(&r);
}

static void
memory(void **state)
{
	(void)state;
	oom_each(making, NULL);
}

struct net {
	enum sdp_codec	codec;
	unsigned	ms;		/* of a packet */
	double		loss;
	double		jitter_ms;	/* even distribution */
	bool		fec;
};

struct wire {
	uint64_t	at_us;
	uint16_t	seq;
	uint32_t	ts;
	size_t		len;
	uint8_t		p[CODEC_PAYLOAD_MAX];
};

static int
by_arrival(const void *a, const void *b)
{
	const struct wire *x = a, *y = b;

	return x->at_us < y->at_us ? -1 : x->at_us > y->at_us;
}

/* in through codec, network and receiver; out is what is heard from the first packet on. */
static size_t
pass(const struct net *net, const int16_t *in, int16_t *out, struct receive_stats *stats)
{
	struct encoder_conf conf = { .codec = net->codec, .rate = RATE, .fec = net->fec };
	struct receive *r = receive_new(&(struct receive_conf){ .rate = RATE });
	struct encoder *e = encoder_new(&conf);
	size_t n = net->ms * 8, npackets = TOTAL / n, kept = 0, k = 0, made = 0;
	struct wire *wires = calloc(npackets, sizeof(*wires));
	uint64_t now = 1000000;
	bool begun = false;

	encoder_loss(e, 20);
	for (size_t i = 0; i < npackets; i++) {
		struct wire *w = &wires[kept];
		int len = encoder_encode(e, in + i * n, n, w->p, sizeof(w->p));

		assert_true(len > 0);
		w->len = (size_t)len;
		w->seq = (uint16_t)(65000 + i);
		w->ts = (uint32_t)(4294960000u + i * n * codec_khz(net->codec) / 8);
		w->at_us = now + (i + 1) * net->ms * 1000 + (uint64_t)(chance() * net->jitter_ms * 1000);
		if (i == 0 || chance() >= net->loss)
			kept++;
	}
	qsort(wires, kept, sizeof(*wires), by_arrival);
	for (uint64_t end = now + TOTAL / 8 * 1000ull; made + FRAME <= TOTAL + RATE; now += 20000) {
		enum receive_frame f;

		for (; k < kept && wires[k].at_us <= now; k++) {
			struct rtp p = { .seq = wires[k].seq, .ts = wires[k].ts, .ssrc = 7,
				.payload = wires[k].p, .len = wires[k].len };

			receive_feed(r, net->codec, &p, wires[k].at_us);
			if (chance() < 0.05)	/* the network doubles some */
				receive_feed(r, net->codec, &p, wires[k].at_us);
		}
		f = receive_pull(r, out + made, now);
		begun = begun || f != RECEIVE_NOTHING;
		if (now > end && k == kept && !receive_pending(r))
			break;
		if (begun)
			made += FRAME;
	}
	receive_stats(r, stats);
	receive_free(&r);
	encoder_free(&e);
	free(wires);
	return made;
}

static int16_t speech[TOTAL], heard[TOTAL + 2 * RATE];

static void
assert_length(size_t made, const char *what)
{
	double off = fabs((double)made - TOTAL) / TOTAL;

	if (off > 0.01)
		fail_msg("%s: %zu samples instead of %d", what, made, TOTAL);
}

static void
keeps_length(void **state)
{
	static const unsigned lengths[] = { 10, 20, 30, 40, 60 };
	struct receive_stats st;
	char what[64];

	(void)state;
	voice(speech, TOTAL);
	for (size_t c = 0; c < sizeof(all) / sizeof(all[0]); c++) {
		for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
			struct net net = { .codec = all[c], .ms = lengths[l] };

			if (codec_frame_ms(all[c], lengths[l]) != lengths[l])
				continue;
			snprintf(what, sizeof(what), "codec %d, %u ms", all[c], lengths[l]);
			assert_length(pass(&net, speech, heard, &st), what);
			assert_int_equal(st.lost_ms / 100, 0);
			assert_int_equal(st.late, 0);
			assert_true(st.wait_ms <= 60);
			net.loss = 0.05;
			net.jitter_ms = 40;
			strcat(what, ", 5 % loss, 40 ms jitter");
			assert_length(pass(&net, speech, heard, &st), what);
			/* what is lost by the wait is little beside what the network loses */
			if (st.late > st.packets / 25)
				fail_msg("%s: %llu of %llu too late", what,
				    (unsigned long long)st.late, (unsigned long long)st.packets);
			assert_true(st.wait_ms >= 20 && st.wait_ms <= 120);
		}
	}
}

/*
 * Segmental signal-to-noise ratio of the lost frames' neighbourhood, as ITU-T P.862's forerunners
 * have it: dB per 20 ms segment, bounded to -10..35, mean over segments with speech.
 */
static double
segmental(const int16_t *want, const int16_t *got, size_t n)
{
	double sum = 0;
	size_t count = 0;

	for (size_t i = 0; i + FRAME <= n; i += FRAME) {
		double s = 0, e = 0, db;

		for (size_t k = i; k < i + FRAME; k++) {
			s += (double)want[k] * want[k];
			e += ((double)want[k] - got[k]) * ((double)want[k] - got[k]);
		}
		if (s / FRAME < 100 * 100)
			continue;
		db = 10 * log10(s / (e + 1));
		sum += db < -10 ? -10 : db > 35 ? 35 : db;
		count++;
	}
	return sum / (double)count;
}

/* Each tenth packet lost: concealed by the decoder, and silence in its place. */
static void
conceals(void **state)
{
	static int16_t whole[TOTAL], made[TOTAL], gaps[TOTAL];
	uint8_t p[CODEC_PAYLOAD_MAX];

	(void)state;
	voice(speech, TOTAL);
	for (size_t c = 0; c < sizeof(all) / sizeof(all[0]); c++) {
		struct encoder *e = encoder_new(&(struct encoder_conf){ .codec = all[c], .rate = RATE });
		struct decoder *a = decoder_new(all[c], RATE), *b = decoder_new(all[c], RATE);
		double with, without;

		for (size_t i = 0; i + FRAME <= TOTAL; i += FRAME) {
			int len = encoder_encode(e, speech + i, FRAME, p, sizeof(p));

			decoder_decode(a, p, (size_t)len, whole + i, FRAME);
			if (i / FRAME % 10 == 9) {
				decoder_conceal(b, made + i, FRAME);
				memset(gaps + i, 0, FRAME * sizeof(*gaps));
			} else {
				decoder_decode(b, p, (size_t)len, made + i, FRAME);
				memcpy(gaps + i, made + i, FRAME * sizeof(*gaps));
			}
		}
		with = segmental(whole, made, TOTAL);
		without = segmental(whole, gaps, TOTAL);
		if (with < without + 0.2)
			fail_msg("codec %d: %.2f dB with concealment, %.2f without", all[c], with,
			    without);
		encoder_free(&e);
		decoder_free(&a);
		decoder_free(&b);
	}
}

static void
redundancy(void **state)
{
	struct net net = { .codec = SDP_CODEC_OPUS, .ms = 20, .loss = 0.1, .fec = true };
	struct receive_stats st;

	(void)state;
	voice(speech, TOTAL);
	assert_length(pass(&net, speech, heard, &st), "Opus with FEC");
	assert_true(st.recovered_ms > st.lost_ms);
}

static void
feed_at(struct receive *r, unsigned kind, uint16_t seq, uint32_t ts, uint32_t ssrc, uint64_t now)
{
	uint8_t payload[FRAME];
	struct rtp p = { .seq = seq, .ts = ts, .ssrc = ssrc, .payload = payload, .len = FRAME };

	memset(payload, kind == RECEIVE_NOISE ? 50 : 0x30, sizeof(payload));
	if (kind == RECEIVE_NOISE)
		p.len = 1;
	receive_feed(r, kind, &p, now);
}

/* Pauses with and without comfort noise, an SSRC that changes, timestamps that start again. */
static void
odd_streams(void **state)
{
	struct receive *r = receive_new(&(struct receive_conf){ .rate = RATE });
	int16_t pcm[FRAME];
	uint64_t now = 1000000;
	unsigned voices = 0, quiet = 0, i;
	uint32_t ts = 5000;
	uint16_t seq = 65530;

	(void)state;
	assert_int_equal(receive_pull(r, pcm, now), RECEIVE_NOTHING);
	for (i = 0; i < 50; i++, now += 20000, ts += FRAME) {
		feed_at(r, SDP_CODEC_PCMU, seq++, ts, 1, now);
		voices += receive_pull(r, pcm, now) == RECEIVE_VOICE;
	}
	assert_in_range(voices, 46, 50);
	feed_at(r, RECEIVE_NOISE, seq++, ts, 1, now);	/* a second of pause */
	for (i = 0; i < 50; i++, now += 20000, ts += FRAME) {
		if (receive_pull(r, pcm, now) == RECEIVE_QUIET) {
			quiet++;
			assert_true(power(pcm, FRAME, 0) < 200);
		}
	}
	assert_in_range(quiet, 45, 50);
	for (voices = i = 0; i < 50; i++, now += 20000, ts += FRAME) {
		feed_at(r, SDP_CODEC_PCMU, seq++, ts, 1, now);
		voices += receive_pull(r, pcm, now) == RECEIVE_VOICE;
	}
	assert_in_range(voices, 46, 50);
	ts = 77;	/* starts again */
	for (voices = i = 0; i < 50; i++, now += 20000, ts += FRAME) {
		feed_at(r, SDP_CODEC_PCMU, seq++, ts, 1, now);
		voices += receive_pull(r, pcm, now) == RECEIVE_VOICE;
	}
	assert_in_range(voices, 46, 50);
	for (voices = i = 0; i < 50; i++, now += 20000, ts += FRAME) {	/* another SSRC and codec */
		feed_at(r, SDP_CODEC_PCMA, (uint16_t)(i + 3), ts, 2, now);
		voices += receive_pull(r, pcm, now) == RECEIVE_VOICE;
	}
	assert_in_range(voices, 46, 50);
	for (i = 0; i < 500; i++, now += 20000)		/* ten seconds of nothing */
		receive_pull(r, pcm, now);
	assert_int_equal(receive_pull(r, pcm, now), RECEIVE_NOTHING);
	ts += 500 * FRAME;
	for (voices = i = 0; i < 50; i++, now += 20000, ts += FRAME) {
		feed_at(r, SDP_CODEC_PCMA, (uint16_t)(i + 53), ts, 2, now);
		voices += receive_pull(r, pcm, now) == RECEIVE_VOICE;
	}
	assert_in_range(voices, 46, 50);
	receive_free(&r);
}

/* A key's packets have numbers and no sound: no speech is made up for them. */
static void
keys_between(void **state)
{
	struct receive *r = receive_new(&(struct receive_conf){ .rate = RATE });
	struct receive_stats st;
	int16_t pcm[FRAME];
	uint64_t now = 1000000;
	uint16_t seq = 1;
	uint32_t ts = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++, now += 20000, ts += FRAME) {
		bool key = i % 50 > 40;

		feed_at(r, key ? RECEIVE_PAUSE : SDP_CODEC_PCMU, seq++,
		    key ? ts - ts % (50 * FRAME) + 41 * FRAME : ts, 1, now);
		receive_pull(r, pcm, now);
	}
	receive_stats(r, &st);
	assert_true(st.lost_ms <= 4 * 40);
	receive_free(&r);
}

/* The wait grows with the jitter and goes down again after it. */
static void
adapts(void **state)
{
	struct receive *r = receive_new(&(struct receive_conf){ .rate = RATE });
	struct receive_stats st;
	int16_t pcm[FRAME];
	uint64_t now = 1000000;
	uint32_t waits[3];

	(void)state;
	for (unsigned i = 0; i < 3000; i++, now += 20000) {
		/* every fifth packet of the middle third comes 80 ms late */
		bool bad = i / 1000 == 1;

		if (bad && i % 5 == 0)
			;
		else
			feed_at(r, SDP_CODEC_PCMU, (uint16_t)i, i * FRAME, 1, now);
		if (bad && i % 5 == 4)
			feed_at(r, SDP_CODEC_PCMU, (uint16_t)(i - 4), (i - 4) * FRAME, 1, now);
		receive_pull(r, pcm, now);
		receive_stats(r, &st);
		if (i % 1000 == 999)
			waits[i / 1000] = st.wait_ms;
	}
	assert_true(waits[0] <= 45);
	assert_in_range(waits[1], 70, 140);
	assert_true(waits[2] <= 45);
	receive_free(&r);
}

/* Timestamps that jump with each packet, just not far enough to be another clock: no work for that. */
static void
jumps(void **state)
{
	static const uint32_t steps[] = { 15900, (uint32_t)-15000, 8000, 2000 };
	struct receive_stats st;
	int16_t pcm[FRAME];

	(void)state;
	for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
		struct receive *r = receive_new(&(struct receive_conf){ .rate = RATE });
		uint64_t now = 1000000;

		for (unsigned i = 0; i < 500; i++) {
			feed_at(r, SDP_CODEC_PCMU, (uint16_t)i, i * steps[k], 1, now + i * 20000);
			receive_pull(r, pcm, now + i * 20000);
		}
		receive_stats(r, &st);
		if (st.cut > 500)
			fail_msg("step %u: %u frames made and left out in 10 s", steps[k], st.cut);
		receive_free(&r);
	}
}

/* Payload types that alternate: decoders are made once. */
static void
alternates(void **state)
{
	static const enum sdp_codec codecs[] = { SDP_CODEC_PCMU, SDP_CODEC_G722, SDP_CODEC_PCMA };
	struct receive *r = receive_new(&(struct receive_conf){ .rate = RATE });
	int16_t pcm[FRAME];
	unsigned voices = 0;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		uint64_t now = 1000000 + i * 20000;

		feed_at(r, codecs[i % 3], (uint16_t)i, i * FRAME, 1, now);
		if (i == 20)
			mem_fail_after(1);
		voices += receive_pull(r, pcm, now) == RECEIVE_VOICE;
	}
	assert_false(mem_failed());
	mem_fail_after(0);
	assert_in_range(voices, 296, 300);
	receive_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tones),
		cmocka_unit_test(memory),
		cmocka_unit_test(keeps_length),
		cmocka_unit_test(conceals),
		cmocka_unit_test(redundancy),
		cmocka_unit_test(odd_streams),
		cmocka_unit_test(keys_between),
		cmocka_unit_test(adapts),
		cmocka_unit_test(jumps),
		cmocka_unit_test(alternates),
	};

	g711_tables();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
