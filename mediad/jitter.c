/* SPDX-License-Identifier: ISC */
/* The histogram of how late packets are, see jitter.h. */
#include "mediad/jitter.h"

#include <string.h>

#define WINDOW_US	4000000	/* the earliest of two such windows is the base: clocks drift */
#define GROWTH		1.004f	/* a packet counts half after some 170 others: 3.5 s */
#define WEIGHT_MAX	1e9f
#define QUANTILE	0.98f
#define FIRST_MS	30	/* until enough is known */
#define FIRST_COUNT	10

void
jitter_start(struct jitter *j, int64_t transit_us, uint64_t now_us)
{
	memset(j, 0, sizeof(*j));
	j->base_us = j->window_min_us = j->before_min_us = transit_us;
	j->window_due_us = now_us + WINDOW_US;
	j->weight = 1;
}

void
jitter_learn(struct jitter *j, int64_t transit_us, uint64_t now_us)
{
	int64_t late;
	unsigned bin;

	if (now_us >= j->window_due_us) {
		j->before_min_us = j->window_min_us;
		j->window_min_us = transit_us;
		j->window_due_us = now_us + WINDOW_US;
	}
	if (transit_us < j->window_min_us)
		j->window_min_us = transit_us;
	j->base_us = j->window_min_us < j->before_min_us ? j->window_min_us : j->before_min_us;
	late = transit_us - j->base_us;
	bin = late <= 0 ? 0 : late >= JITTER_BINS * JITTER_BIN_MS * 1000 ? JITTER_BINS - 1 :
	    (unsigned)(late / (JITTER_BIN_MS * 1000));
	j->bins[bin] += j->weight;
	j->sum += j->weight;
	j->weight *= GROWTH;
	j->count++;
	if (j->weight < WEIGHT_MAX)
		return;
	for (unsigned i = 0; i < JITTER_BINS; i++)
		j->bins[i] /= j->weight;
	j->sum /= j->weight;
	j->weight = 1;
}

unsigned
jitter_wait_ms(const struct jitter *j)
{
	float left = j->sum * (1 - QUANTILE);
	unsigned i = JITTER_BINS;

	/* from the end: the few that come latest may be missed */
	while (i > 1 && left >= j->bins[i - 1])
		left -= j->bins[--i];
	if (j->count < FIRST_COUNT && i * JITTER_BIN_MS < FIRST_MS)
		return FIRST_MS;
	return i * JITTER_BIN_MS;
}
