/* SPDX-License-Identifier: ISC */
/* The detector, see dtmf_band.h. */
#include "mediad/dtmf_band.h"

#include <spandsp.h>

#include "common/base/mem.h"

struct dtmf_band {
	dtmf_rx_state_t	*rx;
	char		 fresh;
	bool		 on;
};

static void
report(void *arg, int code, int level, int delay)
{
	struct dtmf_band *b = arg;

	(void)level;
	(void)delay;
	b->on = code != 0;
	if (code != 0)
		b->fresh = (char)code;
}

struct dtmf_band *
dtmf_band_new(void)
{
	struct dtmf_band *b = mem_new(sizeof(*b));

	if (b == NULL)
		return NULL;
	if ((b->rx = dtmf_rx_init(NULL, NULL, NULL)) == NULL) {
		mem_free(&b);
		return NULL;
	}
	dtmf_rx_set_realtime_callback(b->rx, report, b);
	return b;
}

void
dtmf_band_free(struct dtmf_band **pp)
{
	if (*pp == NULL)
		return;
	dtmf_rx_free((*pp)->rx);
	mem_free(pp);
}

char
dtmf_band_hear(struct dtmf_band *b, const int16_t *pcm, size_t n)
{
	b->fresh = 0;
	dtmf_rx(b->rx, pcm, (int)n);
	return b->fresh;
}

bool
dtmf_band_on(const struct dtmf_band *b)
{
	return b->on;
}
