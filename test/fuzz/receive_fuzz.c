/* SPDX-License-Identifier: ISC */
/*
 * The receiver: packets of any codec, number, time and payload, in any order, and pulls between them.
 *
 * links: mediad/receive.c mediad/jitter.c mediad/codec.c mediad/g711.c mediad/rtp.c common/base/mem.c
 * common/base/log.c common/base/str.c common/base/clock.c common/base/buf.c
 * libs: opus spandsp speexdsp
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "mediad/g711.h"
#include "mediad/receive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	g711_tables();
	return 0;
}

/* Records: kind, steps of number, timestamp and clock, length, and so many octets. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned kinds[] = { SDP_CODEC_PCMU, SDP_CODEC_PCMA, SDP_CODEC_G722,
		SDP_CODEC_OPUS, RECEIVE_NOISE, RECEIVE_PAUSE, SDP_CODEC_OPUS, SDP_CODEC_PCMU };
	struct receive *r;
	int16_t pcm[RECEIVE_FRAME_MAX];
	uint8_t payload[256 * 8];
	uint64_t now = 1000000;
	struct rtp p = { .ssrc = 1, .payload = payload };
	struct receive_conf conf = { .rate = 8000 };

	if (size > 0 && (data[0] & 1))
		conf.min_ms = conf.max_ms = data[0];
	if ((r = receive_new(&conf)) == NULL)
		return 0;
	while (size >= 6) {
		size_t len = data[5], have;

		p.seq = (uint16_t)(p.seq + (data[1] < 250 ? data[1] % 5 : 0xf000 + data[1] * 13));
		p.ts += data[2] < 250 ? data[2] * 20u : data[2] * 0x1000000u;
		p.ssrc += data[0] >> 7;
		now += data[3] * 1000u;
		have = size - 6 < len ? size - 6 : len;
		memcpy(payload, data + 6, have);
		p.len = data[4] & 0x80 ? have * 8 : have;
		memset(payload + have, 0x55, sizeof(payload) - have);
		receive_feed(r, kinds[data[0] & 7], &p, now);
		for (unsigned i = 0; i < (data[4] & 7); i++, now += 20000)
			receive_pull(r, pcm, now);
		data += 6 + have;
		size -= 6 + have;
	}
	for (unsigned i = 0; i < 100 && receive_pending(r); i++, now += 20000)
		receive_pull(r, pcm, now);
	receive_free(&r);
	return 0;
}
