/* SPDX-License-Identifier: ISC */
/*
 * G.711 against its definition, tones, resampling, and files of several kinds through the loader
 * thread.
 */
/*
 * links: mediad/g711.c mediad/sound.c mediad/sound_path.c mediad/sound_music.c mediad/loader.c common/base/str.c common/base/log.c
 * common/base/mem.c common/base/clock.c common/base/buf.c
 */
/* libs: sndfile */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "mediad/g711.h"
#include "mediad/sound.h"
#include "test/unit/oom.h"

/* The decoders by the text of G.711: sign, chord, step. */
static void
g711_is_exact(void **state)
{
	uint8_t both[2];

	(void)state;
	g711_tables();
	for (int i = 0; i < 256; i++) {
		int u = ~i & 0xff, chord = u >> 4 & 7, step = u & 15;
		int want = (((2 * step + 33) << chord) - 33) * 4;

		assert_int_equal(g711_ulaw_decode((uint8_t)i), u & 0x80 ? -want : want);
		u = i ^ 0x55;
		chord = u >> 4 & 7;
		step = u & 15;
		want = chord == 0 ? 2 * step + 1 : (2 * step + 33) << (chord - 1);
		assert_int_equal(g711_alaw_decode((uint8_t)i), (u & 0x80 ? want : -want) * 8);
		/* What was decoded is encoded to the same, but for mu-law's second zero. */
		if (i != 0x7f)
			assert_int_equal(g711_ulaw_encode(g711_ulaw_decode((uint8_t)i)), i);
		assert_int_equal(g711_alaw_encode(g711_alaw_decode((uint8_t)i)), i);
	}
	/*
	 * Nearest value for every sample: no more than half a step away (1/32 of the value, or 8
	 * near zero).
	 */
	for (int v = -32635; v <= 32635; v += 3) {
		int du = g711_ulaw_decode(g711_ulaw_encode((int16_t)v)) - v;
		int da = g711_alaw_decode(g711_alaw_encode((int16_t)v)) - v;

		assert_true(abs(du) <= 4 + abs(v) / 31);
		assert_true(abs(da) <= 9 + abs(v) / 31);
	}
	assert_int_equal(g711_ulaw_encode(-32768), 0x00);
	assert_int_equal(g711_alaw_encode(-32768), 0x2a);
	assert_int_equal(g711_alaw_encode(32767), 0xaa);
	both[0] = 0x00;
	g711_convert(SDP_CODEC_PCMU, both, 1);
	assert_int_equal(both[0], 0x2a);
}

/* The share of power at hz among all of it. */
static double
share(const int16_t *pcm, size_t n, double hz)
{
	double re = 0, im = 0, all = 0;

	for (size_t i = 0; i < n; i++) {
		re += pcm[i] * cos(2 * M_PI * hz * (double)i / SOUND_RATE);
		im += pcm[i] * sin(2 * M_PI * hz * (double)i / SOUND_RATE);
		all += (double)pcm[i] * pcm[i];
	}
	return all == 0 ? 0 : 2 * (re * re + im * im) / (double)n / all;
}

static void
tones_sound(void **state)
{
	struct sound *s;

	(void)state;
	s = sound_tone("ringback");
	assert_int_equal(s->n, 5 * SOUND_RATE);
	assert_true(share(s->pcm, SOUND_RATE, 425) > 0.99);
	for (size_t i = SOUND_RATE; i < s->n; i++)
		assert_int_equal(s->pcm[i], 0);
	sound_unref(&s);
	assert_null(s);
	assert_null(sound_tone("nonsense"));
}

/* Passes what is below 3.4 kHz, keeps out what would fold. */
static void
resampling_filters(void **state)
{
	static const unsigned rates[] = { 4000, 8000, 11025, 16000, 44100, 48000, 192000 };
	enum { N = 192000 };
	float *in = malloc(N * sizeof(*in));
	int16_t *out = malloc(N * sizeof(*out));

	(void)state;
	for (unsigned r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		unsigned n = rates[r] / 2;
		size_t made;

		for (unsigned i = 0; i < n; i++)
			in[i] = (float)(0.5 * sin(2 * M_PI * 1000 * i / rates[r]));
		made = sound_resample(in, n, rates[r], SOUND_RATE, out, SOUND_RATE / 2);
		assert_int_equal(made, SOUND_RATE / 2);
		assert_true(share(out + 200, made - 400, 1000) > 0.999);
		assert_in_range(abs(out[1002]) + 20000, 20000, 36500);
		if (rates[r] < 16000)
			continue;
		for (unsigned i = 0; i < n; i++)
			in[i] = (float)(0.5 * sin(2 * M_PI * 6000 * i / rates[r]));
		made = sound_resample(in, n, rates[r], SOUND_RATE, out, SOUND_RATE / 2);
		for (size_t i = 200; i + 200 < made; i++)
			assert_in_range(out[i] + 100, 0, 200);
	}
	free(in);
	free(out);
}

static void
write_file(const char *path, int format, int rate, int channels)
{
	SF_INFO info = { .format = format, .samplerate = rate, .channels = channels };
	SNDFILE *f = sf_open(path, SFM_WRITE, &info);

	assert_non_null(f);
	for (int i = 0; i < rate; i++) {
		double frame[2] = { 0.3 * sin(2 * M_PI * 440 * i / rate),
			0.3 * sin(2 * M_PI * 440 * i / rate) };

		assert_int_equal(sf_writef_double(f, frame, 1), 1);
	}
	sf_close(f);
}

struct answers {
	pthread_mutex_t		 lock;
	pthread_cond_t		 come;
	unsigned		 n;
	struct loader_result	 last;
};

static void
done(void *arg, const struct loader_result *r)
{
	struct answers *a = arg;

	pthread_mutex_lock(&a->lock);
	a->last = *r;
	a->n++;
	pthread_cond_signal(&a->come);
	pthread_mutex_unlock(&a->lock);
}

static struct sound *
ask(struct loader *l, struct answers *a, const char *path)
{
	unsigned n = a->n;

	assert_int_equal(loader_ask(l, 5, n + 1, path), 0);
	pthread_mutex_lock(&a->lock);
	while (a->n == n)
		pthread_cond_wait(&a->come, &a->lock);
	pthread_mutex_unlock(&a->lock);
	assert_int_equal(a->last.play, n + 1);
	return a->last.sound;
}

static void
files_are_loaded(void **state)
{
	static const struct { const char *name, *ask; int format, rate, channels; } files[] = {
		{ "a.wav", "a", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 44100, 2 },
		{ "b.flac", "b.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 48000, 1 },
		{ "c.ogg", "c", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 22050, 2 },
		{ "d.gsm", "d", SF_FORMAT_RAW | SF_FORMAT_GSM610, 8000, 1 },
		{ "e.ulaw", "e", SF_FORMAT_RAW | SF_FORMAT_ULAW, 8000, 1 },
		{ "f.wav", "f", SF_FORMAT_WAV | SF_FORMAT_ALAW, 8000, 1 },
	};
	struct answers a = { .lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER };
	char dir[] = "/tmp/sound.XXXXXX", path[128], cmd[64];
	const char *dirs[2] = { "/nonexistent" };
	struct loader_conf conf = {
		.dirs = dirs, .ndirs = 2, .cache_bytes = 40000, .done = done, .arg = &a
	};
	struct loader *l;
	struct sound *s, *again;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	dirs[1] = dir;
	assert_int_equal(loader_start(&l, &conf), 0);
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		str_format(path, sizeof(path), "%s/%s", dir, files[i].name);
		write_file(path, files[i].format, files[i].rate, files[i].channels);
		s = ask(l, &a, files[i].ask);
		assert_non_null(s);
		assert_in_range(s->n, SOUND_RATE - 10, SOUND_RATE + 400);
		assert_true(share(s->pcm + 400, 7200, 440) > 0.98);
		again = ask(l, &a, files[i].ask);
		assert_ptr_equal(again, s);
		sound_unref(&again);
		sound_unref(&s);
	}
	/* Another file under the same name is heard. */
	s = ask(l, &a, "a");
	write_file(path, files[5].format, 8000, 1);
	str_format(path, sizeof(path), "%s/a.wav", dir);
	unlink(path);
	write_file(path, files[0].format, 16000, 1);
	again = ask(l, &a, "a");
	assert_ptr_not_equal(again, s);
	sound_unref(&again);
	sound_unref(&s);
	/* What is none. */
	str_format(path, sizeof(path), "%s/text.wav", dir);
	assert_non_null(f = fopen(path, "w"));
	fputs("hello", f);
	fclose(f);
	assert_null(ask(l, &a, "text"));
	assert_null(ask(l, &a, "none"));
	assert_null(ask(l, &a, "../../etc/passwd"));
	assert_null(ask(l, &a, "/etc/passwd"));
	assert_null(ask(l, &a, ""));
	assert_null(ask(l, &a, "tone:none"));
	loader_stop(&l);
	str_format(cmd, sizeof(cmd), "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

static struct sound *
find_part(struct sound *all, uint32_t at, uint32_t n, double hz)
{
	assert_true(share(all->pcm + at + 400, n - 800, hz) > 0.98);
	return all;
}

/* Play lists: in order, by language, from the storage; what is missing is left out. */
static void
lists_are_joined(void **state)
{
	struct answers a = { .lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER };
	char dir[] = "/tmp/sound.XXXXXX", fr[64], box[64], path[128], cmd[64], list[256];
	const char *dirs[1] = { dir };
	const char *languages[] = { "fr", fr, NULL };
	struct loader_conf conf = { .dirs = dirs,
		.ndirs = 1,
		.languages = languages,
		.voicemail = box,
		.cache_bytes = 1 << 20,
		.done = done,
		.arg = &a };
	static const char *const places[][2] = { { "", "a" }, { "", "b" }, { "fr", "a" },
		{ "it", "a" }, { "en", "c" }, { "box", "m" } };
	struct loader *l;
	struct sound *s, *again;

	(void)state;
	assert_non_null(mkdtemp(dir));
	str_format(fr, sizeof(fr), "%s/fr", dir);
	str_format(box, sizeof(box), "%s/box", dir);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		str_format(path, sizeof(path), "mkdir -p %s/%s", dir, places[i][0]);
		assert_int_equal(system(path), 0);
		str_format(path, sizeof(path), "%s/%s/%s.wav", dir, places[i][0], places[i][1]);
		/* fr/a is of 8 kHz and two channels: all are the same tone, of other lengths */
		write_file(path, SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, (int)(i == 2) + 1);
	}
	assert_int_equal(loader_start(&l, &conf), 0);
	assert_non_null(s = ask(l, &a, "a&b&tone:silence&a"));
	assert_in_range(s->n, 4 * SOUND_RATE - 40, 4 * SOUND_RATE + 1600);
	find_part(s, 0, SOUND_RATE, 440);
	sound_unref(&s);
	/* What is missing is left out; nothing left is a failure. */
	assert_non_null(s = ask(l, &a, "none&a&&../a"));
	assert_in_range(s->n, SOUND_RATE - 10, SOUND_RATE + 400);
	sound_unref(&s);
	assert_null(ask(l, &a, "none&no"));
	assert_null(ask(l, &a, "fr:"));
	assert_null(ask(l, &a, "&"));
	/* Languages: their own directory, the sub-directory of that name, English. */
	assert_non_null(s = ask(l, &a, "a"));
	assert_non_null(again = ask(l, &a, "fr:a"));
	assert_ptr_not_equal(s, again);
	sound_unref(&again);
	assert_non_null(again = ask(l, &a, "it:a"));
	assert_ptr_not_equal(s, again);
	sound_unref(&again);
	assert_non_null(again = ask(l, &a, "xx:a"));
	assert_ptr_equal(s, again);
	sound_unref(&again);
	assert_non_null(again = ask(l, &a, "fr:c"));
	sound_unref(&again);
	sound_unref(&s);
	/* The storage: not kept in memory, and nothing outside of it. */
	assert_non_null(s = ask(l, &a, "voicemail:m"));
	assert_non_null(again = ask(l, &a, "voicemail:m"));
	assert_ptr_not_equal(s, again);
	sound_unref(&again);
	sound_unref(&s);
	assert_null(ask(l, &a, "voicemail:../a"));
	assert_null(ask(l, &a, "announcement:m"));
	/* Longer than a list may be: cut. */
	list[0] = '\0';
	for (int i = 0; i < 120; i++)
		strcat(list, "b&");
	assert_non_null(s = ask(l, &a, list));
	assert_in_range(s->n, 48 * (SOUND_RATE - 10), 48 * (SOUND_RATE + 400));
	sound_unref(&s);
	loader_stop(&l);
	str_format(cmd, sizeof(cmd), "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

static void
load_once(void *arg)
{
	struct answers a = { .lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER };
	const char *dirs[1] = { arg };
	struct loader_conf conf = {
		.dirs = dirs, .ndirs = 1, .cache_bytes = 1 << 20, .done = done, .arg = &a
	};
	struct loader *l;

	if (loader_start(&l, &conf) < 0)
		return;
	for (unsigned i = 1; i <= 4; i++) {
		if (loader_ask(l, 1, i, i & 1 ? "a" : "fr:tone:beep&a&tone:busy") < 0)
			continue;
		pthread_mutex_lock(&a.lock);
		while (a.n == 0)
			pthread_cond_wait(&a.come, &a.lock);
		a.n = 0;
		sound_unref(&a.last.sound);
		pthread_mutex_unlock(&a.lock);
	}
	loader_stop(&l);
}

static void
memory_may_run_out(void **state)
{
	char dir[] = "/tmp/sound.XXXXXX", path[128], cmd[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	str_format(path, sizeof(path), "%s/a.wav", dir);
	write_file(path, SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1);
	oom_each(load_once, dir);
	str_format(cmd, sizeof(cmd), "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g711_is_exact),
		cmocka_unit_test(tones_sound),
		cmocka_unit_test(resampling_filters),
		cmocka_unit_test(files_are_loaded),
		cmocka_unit_test(lists_are_joined),
		cmocka_unit_test(memory_may_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
