/* SPDX-License-Identifier: ISC */
/*
 * One direction of a recording: packets of any codec, number, time and payload go through a tap into
 * a track, which is read in steps of any length. Nothing is written beyond what it promises.
 *
 * links: mediad/tap.c mediad/record_track.c mediad/codec.c mediad/g711.c common/base/mem.c
 * common/base/log.c common/base/str.c common/base/clock.c common/base/buf.c
 * libs: opus spandsp speexdsp
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mediad/g711.h"
#include "mediad/record_track.h"

#define STEP_MS	500

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct tap tap;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	g711_tables();
	return 0;
}

static void
read_some(struct record_track *t, unsigned ms)
{
	size_t n = (size_t)ms * t->khz;
	int16_t *pcm = malloc((n + TRACK_OVER_MS * t->khz) * sizeof(*pcm));

	if (pcm == NULL)
		return;
	track_read(t, t->done + (int64_t)n, pcm);
	free(pcm);
}

/* Records: codec, steps of number, timestamp and clock, what to do, length, and so many octets. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tap_packet p = { .ssrc = 1 };
	struct record_track *t;
	uint8_t payload[256 * 4];
	struct tap_pen pen;
	int64_t arrival = 0;
	uint32_t at = 0;

	memset(&tap, 0, sizeof(tap));
	tap_pen(&pen, &tap);
	if (size == 0 || (t = track_new(&tap.anchor[TAP_IN], data[0] & 1 ? 16 : 8, 0)) == NULL)
		return 0;
	while (size >= 6) {
		size_t len = data[5], have = size - 6 < len ? size - 6 : len;
		const struct tap_packet *got;

		p.codec = data[0] & 7;
		p.ssrc += data[0] >> 7;
		p.seq = (uint16_t)(p.seq + (data[1] < 250 ? data[1] % 5 : 0xf000 + data[1] * 13));
		p.ts += data[2] < 250 ? data[2] * 20u : data[2] * 0x1000000u;
		arrival += data[3] * t->khz;
		memset(payload, 0x55, sizeof(payload));
		memcpy(payload, data + 6, have);
		p.len = (uint16_t)(data[4] & 0x80 ? have * 4 : have);
		tap_push(&pen, &p, payload);
		while ((got = tap_next(&tap, &at)) != NULL)
			track_packet(t, got, arrival);
		if (data[4] & 0x40)
			read_some(t, data[4] & 0x20 ? STEP_MS : data[4] & 0x1f);
		if (t->nheld == 0)
			tap_free(&tap, at);
		data += 6 + have;
		size -= 6 + have;
	}
	for (unsigned i = 0; i < 4; i++)
		read_some(t, STEP_MS);
	track_free(&t);
	return 0;
}
