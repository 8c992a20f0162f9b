/* SPDX-License-Identifier: ISC */
/*
 * How long to wait for packets: learns from how late each one comes compared with the earliest of
 * the last seconds, and tells the wait that nearly all of them meet. Plain data, for receive.c.
 */
#ifndef WARDEN_MEDIAD_JITTER_H
#define WARDEN_MEDIAD_JITTER_H

#include <stdint.h>

#define JITTER_BINS	64
#define JITTER_BIN_MS	5

struct jitter {
	int64_t		base_us;	/* transit of the earliest packet of late */
	int64_t		window_min_us, before_min_us;
	uint64_t	window_due_us;
	uint32_t	count;		/* packets since the start */
	float		weight;		/* of the next packet: older ones fade */
	float		sum;
	float		bins[JITTER_BINS];
};

void jitter_start(struct jitter *j, int64_t transit_us, uint64_t now_us);

/*
 * A packet came: transit is when it came less what its timestamp says, both in microseconds of any
 * one origin.
 */
void jitter_learn(struct jitter *j, int64_t transit_us, uint64_t now_us);

/* Milliseconds that 98 of 100 packets need, after the earliest. */
unsigned jitter_wait_ms(const struct jitter *j);

#endif
