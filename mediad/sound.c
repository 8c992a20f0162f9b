/* SPDX-License-Identifier: ISC */
/*
 * Sounds in memory: making them from files (libsndfile) and from nothing (tones), see sound.h.
 * Blocks on disks: never on a worker.
 */
#include "mediad/sound.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <math.h>
#include <sndfile.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"

#define TONE_AMPLITUDE	4000.0	/* some -18 dBFS, as exchanges have it */
#define TAPS		16	/* zero crossings of the filter on each side */
#define RATE_MIN	4000
#define RATE_MAX	192000
#define CHANNELS_MAX	8
#define CHUNK		4096	/* frames per read */

struct sound *
sound_new(uint32_t n)
{
	struct sound *s = mem_new(sizeof(*s) + (size_t)n * sizeof(s->pcm[0]));

	if (s == NULL)
		return NULL;
	atomic_init(&s->refs, 1);
	s->n = n;
	return s;
}

struct sound *
sound_ref(struct sound *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
sound_unref(struct sound **pp)
{
	struct sound *s = *pp;

	*pp = NULL;
	if (s != NULL && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		free(s);
}

/* One period: on_ms of the tone, then silence up to period_ms. hz 0: silence alone. */
struct tone {
	const char	*name;
	double		 hz;
	uint32_t	 on_ms;
	uint32_t	 period_ms;
};

/*
 * ITU-T E.180 and E.182 recommend 425 Hz and these cadences; on periods hold whole cycles, so that
 * loops do not click.
 */
static const struct tone tones[] = {
	{ "ringback", 425, 1000, 5000 },
	{ "busy", 425, 480, 960 },
	{ "congestion", 425, 240, 480 },
	{ "dial", 425, 1000, 1000 },
	{ "beep", 1000, 200, 200 },
	{ "silence", 0, 0, 1000 },
};

struct sound *
sound_tone(const char *name)
{
	const struct tone *t = NULL;
	struct sound *s;
	uint32_t on, ramp = SOUND_RATE / 200;

	for (size_t i = 0; i < sizeof(tones) / sizeof(tones[0]); i++) {
		if (str_eq(tones[i].name, name))
			t = &tones[i];
	}
	if (t == NULL || (s = sound_new(t->period_ms * (SOUND_RATE / 1000))) == NULL)
		return NULL;
	on = t->on_ms * (SOUND_RATE / 1000);
	for (uint32_t i = 0; i < on; i++) {
		double v = TONE_AMPLITUDE * sin(2 * M_PI * t->hz * i / SOUND_RATE);

		/* soft edges, except where the tone goes on */
		if (on < s->n || t->period_ms < 1000) {
			if (i < ramp)
				v *= (double)i / ramp;
			if (on - i < ramp)
				v *= (double)(on - i) / ramp;
		}
		s->pcm[i] = (int16_t)lrint(v);
	}
	return s;
}

/*
 * A low-pass filter at cutoff (of the input's half rate), x input samples from its middle, width of
 * them on each side.
 */
static double
kernel(double x, double cutoff, double width)
{
	double t = M_PI * x * cutoff, window;

	if (fabs(x) >= width)
		return 0;
	/* Blackman */
	window = 0.42 + 0.5 * cos(M_PI * x / width) + 0.08 * cos(2 * M_PI * x / width);
	return (fabs(t) < 1e-9 ? 1 : sin(t) / t) * cutoff * window;
}

size_t
sound_resample(const float *in, size_t n, unsigned from, unsigned to, int16_t *out, size_t max)
{
	enum { STEPS = 64 };
	double cutoff = from > to ? (double)to / from * 0.94 : 0.94;
	double width = TAPS / cutoff;
	size_t ntable = (size_t)(width * STEPS) + 2, made = 0;
	float *table = mem_new(ntable * sizeof(*table));

	if (table == NULL)
		return 0;
	for (size_t i = 0; i < ntable; i++)
		table[i] = (float)kernel((double)i / STEPS, cutoff, width);
	for (; made < max; made++) {
		double at = (double)made * from / to, sum = 0;
		ptrdiff_t i = (ptrdiff_t)ceil(at - width), last = (ptrdiff_t)floor(at + width);

		if (at >= (double)n)
			break;
		if (i < 0)
			i = 0;
		if (last >= (ptrdiff_t)n)
			last = (ptrdiff_t)n - 1;
		for (; i <= last; i++) {
			double x = fabs((double)i - at) * STEPS;
			size_t k = (size_t)x;

			if (k + 1 < ntable)
				sum += (double)in[i] *
				    (table[k] + (x - (double)k) * (table[k + 1] - table[k]));
		}
		sum *= 32767;
		out[made] = (int16_t)(sum > 32767 ? 32767 : sum < -32768 ? -32768 : lrint(sum));
	}
	mem_free(&table);
	return made;
}

/* Files without a header say by their name what they hold. */
static const struct {
	const char	*extension;
	int		 format;
} raw_files[] = {
	{ ".gsm", SF_FORMAT_RAW | SF_FORMAT_GSM610 },
	{ ".ulaw", SF_FORMAT_RAW | SF_FORMAT_ULAW },
	{ ".alaw", SF_FORMAT_RAW | SF_FORMAT_ALAW },
	{ ".sln", SF_FORMAT_RAW | SF_FORMAT_PCM_16 | SF_ENDIAN_LITTLE },
};

static SNDFILE *
open_file(const char *path, SF_INFO *info, const char **why)
{
	const char *extension = strrchr(path, '.');
	struct stat st;
	SNDFILE *f;
	int fd;

	memset(info, 0, sizeof(*info));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		*why = "cannot be opened";
		if (fd != -1)
			close(fd);
		return NULL;
	}
	for (size_t i = 0; extension != NULL && i < sizeof(raw_files) / sizeof(raw_files[0]); i++) {
		if (str_ieq(extension, raw_files[i].extension)) {
			info->format = raw_files[i].format;
			info->samplerate = SOUND_RATE;
			info->channels = 1;
		}
	}
	f = sf_open_fd(fd, SFM_READ, info, SF_TRUE);	/* closes fd, also when it fails */
	if (f == NULL) {
		*why = "is no sound file";
		return NULL;
	}
	if (info->samplerate < RATE_MIN || info->samplerate > RATE_MAX || info->channels < 1 ||
	    info->channels > CHANNELS_MAX) {
		*why = "has a rate or number of channels that is not supported";
		sf_close(f);
		return NULL;
	}
	return f;
}

/* All frames, mixed down to one channel. Returns how many; *out is the caller's. */
static size_t
read_mono(SNDFILE *f, const SF_INFO *info, float **out)
{
	size_t max = (size_t)SOUND_MAX / SOUND_RATE * (size_t)info->samplerate, n = 0, cap = 0;
	size_t channels = (size_t)info->channels;
	float *chunk = mem_new(CHUNK * channels * sizeof(*chunk)), *mono = NULL, *grown;
	sf_count_t got = 0;

	*out = NULL;
	while (chunk != NULL && n < max && (got = sf_readf_float(f, chunk, CHUNK)) > 0) {
		if (n + (size_t)got > cap) {
			cap = cap == 0 ? (size_t)SOUND_RATE * 8 : cap * 2;
			if ((grown = mem_grow(mono, cap, sizeof(*mono))) == NULL) {
				n = 0;
				break;
			}
			mono = grown;
		}
		for (size_t i = 0; i < (size_t)got; i++) {
			float sum = 0;

			for (size_t c = 0; c < channels; c++)
				sum += chunk[i * channels + c];
			mono[n++] = sum / (float)channels;
		}
	}
	mem_free(&chunk);
	*out = mono;
	return n < max ? n : max;
}

struct sound *
sound_load(const char *path, const char **why)
{
	struct sound *s = NULL;
	float *mono = NULL;
	size_t n, made;
	SF_INFO info;
	SNDFILE *f;

	if ((f = open_file(path, &info, why)) == NULL)
		return NULL;
	n = read_mono(f, &info, &mono);
	sf_close(f);
	made = (size_t)((double)n * SOUND_RATE / info.samplerate);
	if (made == 0) {
		*why = "is empty, or memory ran out";
	} else if ((s = sound_new((uint32_t)made)) == NULL) {
		*why = "is too big for the memory";
	} else {
		made = sound_resample(mono, n, (unsigned)info.samplerate, SOUND_RATE, s->pcm, made);
		if (made == 0)
			sound_unref(&s);
	}
	mem_free(&mono);
	return s;
}
