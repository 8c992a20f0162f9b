/* SPDX-License-Identifier: ISC */
/*
 * The dialplan (CONTRACT section 1): who calls what becomes a plan. Pure: settings in, plan out. An
 * extension's existence decides before a feature code, and both before a pattern.
 */
#ifndef WARDEN_FEATURED_ROUTE_DIALPLAN_H
#define WARDEN_FEATURED_ROUTE_DIALPLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "featured/call/plan.h"

struct log_bucket;
struct patterns;
struct settings;

struct route_ask {
	const struct settings *settings;
	const char *from;          /* the caller's extension, or whatever it calls itself */
	const char *to;            /* as dialled */
	bool transfer;             /* a call is to be transferred to it: a slot parks */
	struct patterns *patterns; /* the cache of compiled ones */
	struct log_bucket *bucket; /* for what callers can provoke */
};

/* Always makes a plan of at least one step. why: a few words for the trace. */
void dialplan_route(const struct route_ask *ask, struct plan *plan, char *why, size_t why_size);

#endif
