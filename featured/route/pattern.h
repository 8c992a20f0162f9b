/* SPDX-License-Identifier: ISC */
/*
 * Dialplan patterns: POSIX extended regular expressions, compiled when first used and kept by their
 * text, so that a reload which changes none costs nothing. One cache belongs to the call core.
 */
#ifndef WARDEN_FEATURED_ROUTE_PATTERN_H
#define WARDEN_FEATURED_ROUTE_PATTERN_H

#include <regex.h>
#include <stdbool.h>

#define PATTERNS_KEPT 32

struct pattern {
	char text[256];
	bool ok;
	regex_t re;
};

/* Zero-initialised is ready for use. */
struct patterns {
	struct pattern kept[PATTERNS_KEPT]; /* a ring: the oldest gives way */
	unsigned next;
};

/* False also for an empty or a broken pattern (the settings' check has refused those). */
bool pattern_match(struct patterns *patterns, const char *pattern, const char *number);
void patterns_free(struct patterns *patterns); /* what it holds, not itself */

#endif
