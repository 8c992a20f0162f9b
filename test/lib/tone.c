/* SPDX-License-Identifier: ISC */
/*
 * Makes and finds tones in WAV files (16-bit PCM): how the call tests know that one phone heard the other. Called by the
 * scripts in test/call, test/kill and packaging/quickstart; needs no library, and nothing of the daemons.
 *
 *   tone make FILE HZ SECONDS [RATE [CHANNELS]]	a sine of half scale, mono
 *   tone find FILE HZ [MIN_MS]			prints total_ms, tone_ms, first_ms, last_ms, gap_ms (the longest hole
 *						between first and last); 0 when the tone sounds for MIN_MS (500) in all
 */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MS 20

struct wav {
	int16_t	 *sample;	/* first channel only */
	size_t	  n;
	unsigned  rate;
};

static void
die(const char *what, const char *file)
{
	fprintf(stderr, "tone: %s: %s\n", file, what);
	exit(2);
}

static void
put_le(FILE *f, uint32_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		fputc((int)(v >> (8 * i)) & 0xff, f);
}

static uint32_t
get_le(const uint8_t *p, int bytes)
{
	uint32_t v = 0;

	for (int i = 0; i < bytes; i++)
		v |= (uint32_t)p[i] << (8 * i);
	return v;
}

static void
make(const char *file, double hz, double seconds, unsigned rate, unsigned channels)
{
	uint32_t n = (uint32_t)(seconds * rate);
	FILE *f = fopen(file, "wb");

	if (f == NULL)
		die("cannot be written", file);
	fwrite("RIFF", 1, 4, f);
	put_le(f, 36 + n * channels * 2, 4);
	fwrite("WAVEfmt ", 1, 8, f);
	put_le(f, 16, 4);
	put_le(f, 1, 2);
	put_le(f, channels, 2);
	put_le(f, rate, 4);
	put_le(f, rate * channels * 2, 4);
	put_le(f, channels * 2, 2);
	put_le(f, 16, 2);
	fwrite("data", 1, 4, f);
	put_le(f, n * channels * 2, 4);
	for (uint32_t i = 0; i < n * channels; i++)
		put_le(f, (uint32_t)(int32_t)lrint(16384 * sin(2 * M_PI * hz * (i / channels) / rate)), 2);
	if (fclose(f) != 0)
		die("cannot be written", file);
}

/* The whole file in memory. Its data chunk may say nothing of its length (a phone that was killed): then all the rest is data. */
static struct wav
load(const char *file)
{
	struct wav w = { .rate = 8000 };
	uint8_t *all = NULL;
	size_t len = 0, cap = 0, at = 12, channels = 1;
	FILE *f = fopen(file, "rb");

	if (f == NULL)
		die("cannot be read", file);
	for (;;) {
		if (len == cap) {
			cap = cap != 0 ? cap * 2 : 65536;
			all = realloc(all, cap);
			if (all == NULL)
				die("too big", file);
		}
		size_t got = fread(all + len, 1, cap - len, f);
		if (got == 0)
			break;
		len += got;
	}
	fclose(f);
	if (len < 12 || memcmp(all, "RIFF", 4) != 0 || memcmp(all + 8, "WAVE", 4) != 0)
		die("not a WAV file", file);
	while (at + 8 <= len) {
		size_t size = get_le(all + at + 4, 4);
		bool data = memcmp(all + at, "data", 4) == 0;

		if (memcmp(all + at, "fmt ", 4) == 0 && at + 24 <= len) {
			uint32_t format = get_le(all + at + 8, 2);

			channels = get_le(all + at + 10, 2);
			w.rate = get_le(all + at + 12, 4);
			if ((format != 1 && format != 0xfffe) || get_le(all + at + 22, 2) != 16 || channels == 0)
				die("not 16-bit PCM", file);
		}
		at += 8;
		if (data) {
			if (size == 0 || size > len - at)
				size = len - at;
			w.n = size / 2 / channels;
			w.sample = malloc((w.n + 1) * sizeof(*w.sample));
			if (w.sample == NULL)
				die("too big", file);
			for (size_t i = 0; i < w.n; i++)
				w.sample[i] = (int16_t)get_le(all + at + i * 2 * channels, 2);
			break;
		}
		at += size + (size & 1);
	}
	free(all);
	return w;
}

/* Goertzel: does most of the block's energy lie at hz? */
static bool
has_tone(const int16_t *s, size_t n, double hz, unsigned rate)
{
	double k = 2 * cos(2 * M_PI * hz / rate), s1 = 0, s2 = 0, energy = 0;

	for (size_t i = 0; i < n; i++) {
		double s0 = s[i] + k * s1 - s2;

		s2 = s1;
		s1 = s0;
		energy += (double)s[i] * s[i];
	}
	if (energy / (double)n < 200.0 * 200.0)
		return false;
	return (s1 * s1 + s2 * s2 - k * s1 * s2) * 2 / (double)n > 0.6 * energy;
}

static int
find(const char *file, double hz, long min_ms)
{
	struct wav w = load(file);
	size_t block = w.rate * BLOCK_MS / 1000;
	long at = 0, first = -1, last = -1, tone = 0, gap = 0;

	for (size_t i = 0; i + block <= w.n; i += block, at += BLOCK_MS) {
		if (!has_tone(w.sample + i, block, hz, w.rate))
			continue;
		if (first < 0)
			first = at;
		else if (at - last - BLOCK_MS > gap)
			gap = at - last - BLOCK_MS;
		last = at;
		tone += BLOCK_MS;
	}
	printf("total_ms=%ld tone_ms=%ld first_ms=%ld last_ms=%ld gap_ms=%ld\n", at, tone, first, last, gap);
	free(w.sample);
	return tone >= min_ms ? 0 : 1;
}

int
main(int argc, char **argv)
{
	if (argc >= 5 && strcmp(argv[1], "make") == 0) {
		make(argv[2], atof(argv[3]), atof(argv[4]), argc > 5 ? (unsigned)atoi(argv[5]) : 8000,
		    argc > 6 ? (unsigned)atoi(argv[6]) : 1);
		return 0;
	}
	if (argc >= 4 && strcmp(argv[1], "find") == 0)
		return find(argv[2], atof(argv[3]), argc > 4 ? atol(argv[4]) : 500);
	fprintf(stderr, "usage: tone make FILE HZ SECONDS [RATE [CHANNELS]] | tone find FILE HZ [MIN_MS]\n");
	return 2;
}
