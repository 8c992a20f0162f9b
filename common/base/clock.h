/* SPDX-License-Identifier: ISC */
/* Clocks. Durations and timers use the monotonic one, records (CDR, trace) the real one. */
#ifndef WARDEN_CLOCK_H
#define WARDEN_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_us(void);
uint64_t clock_mono_ms(void);
uint64_t clock_real_ms(void);	/* Unix time, ms */

/* ISO 8601 with the local zone's offset: "2026-11-23T19:03:01.123+00:00". out has 32 bytes. */
void clock_iso8601(uint64_t real_ms, char *out);

#endif
