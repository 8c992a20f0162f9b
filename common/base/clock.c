/* SPDX-License-Identifier: ISC */
/* The clocks of clock.h: vdso calls, cheap enough for every packet. */
#include "common/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t
now_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
clock_mono_us(void)
{
	return now_us(CLOCK_MONOTONIC);
}

uint64_t
clock_mono_ms(void)
{
	return now_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t
clock_real_ms(void)
{
	return now_us(CLOCK_REALTIME) / 1000;
}

void
clock_iso8601(uint64_t real_ms, char *out)
{
	/*
	 * The form has four digits for the year: what lies beyond 9999 is shown as its last second.
	 */
	const uint64_t last_ms = UINT64_C(253402214400000) - 1;
	uint64_t ms = real_ms < last_ms ? real_ms : last_ms;
	time_t t = (time_t)(ms / 1000);
	struct tm tm = { 0 };
	long off;

	localtime_r(&t, &tm);
	off = tm.tm_gmtoff / 60;
	snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02u.%03u%c%02u:%02u",
	    (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
	    (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
	    (unsigned)tm.tm_sec % 100, (unsigned)(ms % 1000), off < 0 ? '-' : '+',
	    (unsigned)labs(off) / 60 % 100, (unsigned)labs(off) % 60);
}
