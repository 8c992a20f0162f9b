/* SPDX-License-Identifier: ISC */
/*
 * What is to be done with a call, as data: steps, and where each outcome leads. Made by
 * route/dialplan.c, walked by call.c; part of the call's checkpoint. "Dial 1002 for 20 s; BUSY or
 * NOANSWER: voicemail 1002; ANSWERED: end" is such a plan.
 */
#ifndef WARDEN_FEATURED_CALL_PLAN_H
#define WARDEN_FEATURED_CALL_PLAN_H

#include <stdint.h>

#include "common/base/buf.h"

#define PLAN_STEPS_MAX 4
#define PLAN_END       0xff /* leads nowhere: the call ends with the outcome's own status */

/* Also the apps' numbers in the checkpoint: never renumber. */
enum app_id {
	APP_NONE = 0,
	APP_DIAL = 1, /* target: an extension; seconds: ring time */
	APP_ECHO = 2,
	APP_ANNOUNCE = 3,  /* target: a prompt */
	APP_REFUSE = 4,    /* status, q850 */
	APP_ORIGINATE = 5, /* target: an extension that is rung to become the caller */
	APP_BRIDGE = 16,   /* two who talk, however they came together; no step of a plan */
	APP_CONSULT = 17,  /* a number is keyed in a call; no step of a plan */
	APP_PARK = 18,     /* target: a slot, or "" for the lowest free one */
	APP_RETRIEVE = 19, /* target: a slot */
	APP_PICKUP = 20,   /* target: an extension, or "" for the caller's group */
};

enum outcome {
	OUTCOME_DONE, /* did what it is for; a dial: answered and over */
	OUTCOME_BUSY,
	OUTCOME_NOANSWER,
	OUTCOME_UNREGISTERED,
	OUTCOME_FAILED,
	OUTCOMES
};

struct plan_step {
	uint8_t app;            /* enum app_id */
	uint8_t next[OUTCOMES]; /* index of a step, or PLAN_END */
	uint8_t q850;
	uint16_t status;
	uint16_t seconds;
	char target[65];
};

struct plan {
	uint8_t n;
	struct plan_step steps[PLAN_STEPS_MAX];
};

const char *app_name(uint8_t app); /* enum app_id */
const char *outcome_name(enum outcome outcome);

/* "dial 1002 60s | refuse 404": for traces and tests. */
void plan_print(const struct plan *plan, struct buf *out);

/* Appends a step with all outcomes leading to PLAN_END and returns it; NULL when the plan is full.
 */
struct plan_step *plan_add(struct plan *plan, enum app_id app, const char *target);

#endif
