/* SPDX-License-Identifier: ISC */
/*
 * For `make check OOM=1`: runs a step again and again, with its 1st, 2nd, ... allocation failing,
 * until it gets through without reaching the one that was to fail. The step must leave nothing
 * behind when it fails (SAN=address shows leaks).
 */
#ifndef WARDEN_TEST_OOM_H
#define WARDEN_TEST_OOM_H

#include <stdbool.h>
#include <stdlib.h>

#include "common/base/mem.h"

/* Returns how many allocations were made to fail. Without OOM=1 the step runs once, undisturbed. */
static inline unsigned long
oom_each(void (*step)(void *), void *arg)
{
	const char *env = getenv("WARDEN_OOM");
	unsigned long n;

	if (env == NULL || *env == '\0') {
		step(arg);
		return 0;
	}
	for (n = 1;; n++) {
		bool reached;

		mem_fail_after(n);
		step(arg);
		reached = mem_failed();
		mem_fail_after(0);
		if (!reached)
			return n - 1;
	}
}

#endif
