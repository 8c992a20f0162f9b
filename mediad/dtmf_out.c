/* SPDX-License-Identifier: ISC */
/* Keys as events or tones, see dtmf_out.h. */
#include "mediad/dtmf_out.h"

#include <math.h>
#include <string.h>

#define STEP_MS		20
#define VOLUME		10	/* -dBm0 of events */
#define AMPLITUDE	5000.0	/* of each of the two tones: some -13 dBm0 */
#define RATE		8000

static const char keys[] = "0123456789*#ABCD";

/* ITU-T Q.23 */
static const uint16_t low_hz[] = { 941, 697, 697, 697, 770, 770, 770, 852, 852, 852, 941, 941, 697,
	770, 852, 941 };
static const uint16_t high_hz[] = { 1336, 1209, 1336, 1477, 1209, 1336, 1477, 1209, 1336, 1477,
	1209, 1477, 1633, 1633, 1633, 1633 };

static unsigned
index_of(char key)
{
	const char *p = key == '\0' ? NULL : strchr(keys, key);

	return p == NULL ? 16 : (unsigned)(p - keys);
}

bool
dtmf_out_put(struct dtmf_out *d, char key)
{
	if (d->n >= DTMF_OUT_MAX || index_of(key) > 15)
		return false;
	d->keys[d->n++] = key;
	return true;
}

/* 20 ms more of the first key; the next one's turn comes after its pause. */
static void
step(struct dtmf_out *d)
{
	d->at_ms = (uint8_t)(d->at_ms + STEP_MS);
	if (d->at_ms < DTMF_OUT_MS + DTMF_OUT_GAP_MS)
		return;
	memmove(d->keys, d->keys + 1, --d->n);
	d->at_ms = 0;
	d->phase = 0;
}

bool
dtmf_out_event(struct dtmf_out *d, unsigned khz, struct dtmf_event *out)
{
	unsigned duration;
	bool end;

	memset(out, 0, sizeof(*out));
	if (d->n == 0)
		return false;
	if (d->at_ms < DTMF_OUT_MS) {
		duration = (d->at_ms + STEP_MS) * khz;
		end = d->at_ms + STEP_MS >= DTMF_OUT_MS;
		out->first = d->at_ms == 0;
		out->copies = end ? DTMF_OUT_ENDS : 1;
		out->len = 4;
		out->payload[0] = (uint8_t)index_of(d->keys[0]);
		out->payload[1] = (uint8_t)(VOLUME | (end ? 0x80 : 0));
		out->payload[2] = (uint8_t)(duration >> 8);
		out->payload[3] = (uint8_t)duration;
	}
	step(d);
	return true;
}

bool
dtmf_out_tone(struct dtmf_out *d, int16_t *pcm, size_t n)
{
	unsigned key;

	memset(pcm, 0, n * sizeof(*pcm));
	if (d->n == 0)
		return false;
	key = index_of(d->keys[0]);
	for (size_t i = 0; i < n && d->at_ms < DTMF_OUT_MS; i++, d->phase++) {
		double t = 2 * M_PI * d->phase / RATE;

		pcm[i] = (int16_t)(AMPLITUDE * (sin(t * low_hz[key]) + sin(t * high_hz[key])));
	}
	step(d);
	return true;
}
