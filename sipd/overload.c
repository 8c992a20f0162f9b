/* SPDX-License-Identifier: ISC */
/*
 * Shedding: at more than we can carry, new INVITEs are answered 503 before they cost anything, so that what was let in
 * gets through. Judged by calls in set-up, featured's queue and its time to take a leg. Never touches what
 * belongs to a call.
 */
#include "common/base/clock.h"
#include "sipd/leg.h"

#define RETRY_AFTER_S 3
#define LATE_US 300000		/* featured takes a leg this late: it is drowning */

static uint64_t latency_us;	/* moving average */
static uint64_t latency_at;

void
overload_latency(uint64_t us)
{
	latency_us = (latency_us * 7 + us) / 8;
	latency_at = clock_mono_us();
}

void
overload_turn(void)
{
}

unsigned
overload_refuse(void)
{
	if (sipd.setups >= (unsigned)sipd.set.max_setups)
		return RETRY_AFTER_S;
	if (sipd.peer != NULL && ipc_congested(sipd.peer))
		return RETRY_AFTER_S;
	if (latency_us > LATE_US && clock_mono_us() - latency_at < 1000000)
		return RETRY_AFTER_S;
	return 0;
}
