/* SPDX-License-Identifier: ISC */
/*
 * The dialplan (CONTRACT section 1): who calls what becomes a plan. Pure: settings in, plan out. An
 * extension's existence decides before a feature code, and both before a pattern.
 */
#ifndef WARDEN_FEATURED_ROUTE_DIALPLAN_H
#define WARDEN_FEATURED_ROUTE_DIALPLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "featured/call/plan.h"

struct extension;
struct log_bucket;
struct patterns;
struct settings;
struct userstates;

struct route_ask {
	const struct settings *settings;
	const char *from;          /* the caller's extension, or whatever it calls itself */
	bool transfer;             /* a call is to be transferred to it: a slot parks */
	const char *to;            /* as dialled, or where the call is to go on to */
	const char *rights;        /* the extension whose call it is; NULL: from */
	bool anonymous;            /* the caller does not want to be known */
	bool forwarded;            /* somebody's forward, not a dialler: no feature codes */
	const struct userstates *users; /* NULL: nobody has set anything */
	struct patterns *patterns; /* the cache of compiled ones */
	struct log_bucket *bucket; /* for what callers can provoke */
};

/*
 * Always makes a plan of at least one step. why: a few words for the trace. called (65 bytes, may
 * be NULL) gets the number that the plan calls, which a speed dial or a redial looks up; "" when it
 * calls nobody.
 */
void dialplan_route(const struct route_ask *ask, struct plan *plan, char *called, char *why,
    size_t why_size);

/* Has this extension (NULL: none) voicemail? */
bool dialplan_has_mailbox(const struct settings *s, const struct extension *e);

/* Would a call forwarded to number by `from` find somebody? */
bool dialplan_reachable(const struct route_ask *ask);

/* extension.c: what happens to a call for that extension: its screening, forwards, find-me. */
void extension_plan(const struct route_ask *ask, const struct extension *to, struct plan *plan,
    char *why, size_t why_size);
/* A refusal with that status. */
void plan_refuse(struct plan *plan, uint16_t status, uint8_t q850);
/* Appends what every call for an extension or a group passes first. True: it is turned away. */
bool caller_refused(const struct route_ask *ask, struct plan *plan, char *why, size_t why_size);
/* The same, and what the extension itself, ask->to, has set against callers. */
bool extension_screened(const struct route_ask *ask, struct plan *plan, char *why, size_t why_size);

#endif
