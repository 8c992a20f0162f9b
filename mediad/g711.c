/* SPDX-License-Identifier: ISC */
/*
 * G.711, see g711.h. The two conversion tables follow ITU-T G.711 by way of the nearest linear
 * value.
 */
#include "mediad/g711.h"

#define ULAW_BIAS	0x84
#define ULAW_CLIP	32635

/* Filled once by g711_tables() and constant from then on. */
static uint8_t ulaw_to_alaw[256];
static uint8_t alaw_to_ulaw[256];
static int16_t ulaw_to_linear[256];
static int16_t alaw_to_linear[256];

/* The segment: position of the highest bit at or above `from`, 0..7. */
static unsigned
segment(unsigned v, unsigned from)
{
	unsigned top = v == 0 ? 0 : 31 - (unsigned)__builtin_clz(v);

	return top > from ? top - from : 0;
}

uint8_t
g711_ulaw_encode(int16_t pcm)
{
	unsigned sign = pcm < 0 ? 0x80 : 0;
	unsigned v = pcm < 0 ? (unsigned)-(int)pcm : (unsigned)pcm;
	unsigned seg;

	if (v > ULAW_CLIP)
		v = ULAW_CLIP;
	v += ULAW_BIAS;
	seg = segment(v, 7);
	return (uint8_t)~(sign | seg << 4 | ((v >> (seg + 3)) & 0x0f));
}

int16_t
g711_ulaw_decode(uint8_t u)
{
	unsigned v = (uint8_t)~u, seg = v >> 4 & 7;
	int t = (int)((((v & 0x0f) << 3) + ULAW_BIAS) << seg) - ULAW_BIAS;

	return (int16_t)(v & 0x80 ? -t : t);
}

uint8_t
g711_alaw_encode(int16_t pcm)
{
	unsigned sign = pcm >= 0 ? 0x80 : 0;
	/* 13 bits with the sign */
	unsigned v = (pcm >= 0 ? (unsigned)pcm : (unsigned)(-(int)pcm - 1)) >> 3;
	unsigned seg = segment(v, 4), out;

	if (seg > 7)
		seg = 7;
	out = seg << 4 | ((seg < 2 ? v >> 1 : v >> seg) & 0x0f);
	return (uint8_t)((sign | out) ^ 0x55);
}

int16_t
g711_alaw_decode(uint8_t a)
{
	unsigned v = a ^ 0x55u, seg = v >> 4 & 7;
	int t = (int)((v & 0x0f) << 4) + 8;

	if (seg > 0)
		t = (t + 0x100) << (seg - 1);
	return (int16_t)(v & 0x80 ? t : -t);
}

void
g711_tables(void)
{
	unsigned i;

	for (i = 0; i < 256; i++) {
		ulaw_to_alaw[i] = g711_alaw_encode(g711_ulaw_decode((uint8_t)i));
		alaw_to_ulaw[i] = g711_ulaw_encode(g711_alaw_decode((uint8_t)i));
		ulaw_to_linear[i] = g711_ulaw_decode((uint8_t)i);
		alaw_to_linear[i] = g711_alaw_decode((uint8_t)i);
	}
}

void
g711_convert(enum sdp_codec from, uint8_t *samples, size_t n)
{
	const uint8_t *table = from == SDP_CODEC_PCMU ? ulaw_to_alaw : alaw_to_ulaw;
	size_t i;

	for (i = 0; i < n; i++)
		samples[i] = table[samples[i]];
}

void
g711_from_linear(enum sdp_codec codec, uint8_t *out, const int16_t *pcm, size_t n)
{
	size_t i;

	if (codec == SDP_CODEC_PCMA) {
		for (i = 0; i < n; i++)
			out[i] = g711_alaw_encode(pcm[i]);
	} else {
		for (i = 0; i < n; i++)
			out[i] = g711_ulaw_encode(pcm[i]);
	}
}

void
g711_to_linear(enum sdp_codec codec, int16_t *pcm, const uint8_t *in, size_t n)
{
	const int16_t *table = codec == SDP_CODEC_PCMA ? alaw_to_linear : ulaw_to_linear;

	for (size_t i = 0; i < n; i++)
		pcm[i] = table[in[i]];
}
