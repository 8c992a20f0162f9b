/* SPDX-License-Identifier: ISC */
/*
 * What is to be done with a call, as data: steps, and where each outcome leads. Made by
 * route/dialplan.c, walked by call.c; part of the call's checkpoint. "Dial 1002 for 20 s; BUSY or
 * NOANSWER: voicemail 1002; ANSWERED: end" is such a plan.
 */
#ifndef WARDEN_FEATURED_CALL_PLAN_H
#define WARDEN_FEATURED_CALL_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"

#define PLAN_STEPS_MAX 8
#define PLAN_STEPS_V1  4 /* of the first version's checkpoint */
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
	APP_REPLACE = 21,  /* target: the leg whose place the caller takes, in hex; status 1: only
	                      while it rings */
	APP_FORWARD = 32,  /* target: where the call goes on to; status: enum divert_reason */
	APP_SETTING = 33,  /* target: "KEY" or "KEY=VALUE" of a user's state; set and confirmed */
	APP_FIND_ME = 34,  /* target: an extension whose find-me list is rung */
	APP_GROUP = 35,    /* target: a ring group; seconds: ring time of all of it */
	APP_INTERCOM = 36, /* target: an extension whose phones answer by themselves */
	APP_PAGE = 37,     /* target: a paging group */
	APP_LEAVE = 48,	/* target: a mailbox, to leave a message; status 486: its owner is busy */
	APP_MAILBOX = 49,  /* target: a mailbox, to be heard */
	APP_ANNOUNCEMENT = 50, /* an announcement is recorded */
	APP_STATUS = 51,   /* target: an extension whose forwards are spoken */
	APP_RECORDED = 52, /* target: the number of an announcement, which is played */
};

/* Why a call went on to somebody else (RFC 5806, RFC 4458). In the checkpoint: never renumber. */
enum divert_reason {
	DIVERT_NONE = 0,
	DIVERT_ALL = 1,
	DIVERT_BUSY = 2,
	DIVERT_NOANSWER = 3,
	DIVERT_UNREGISTERED = 4,
	DIVERT_DND = 5,
	DIVERT_PHONE = 6, /* the phone itself said so (302) */
	DIVERT_GROUP = 7, /* nobody of a group answered */
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

/* As the first version's checkpoint has it. */
struct plan_v1 {
	uint8_t n;
	struct plan_step steps[PLAN_STEPS_V1];
};

/*
 * One of the apps that ring somebody and bridge the caller to who answers: their state is u.dial.
 */
static inline bool
app_dials(uint8_t app)
{
	return app == APP_DIAL || app == APP_FIND_ME || app == APP_GROUP || app == APP_INTERCOM;
}

const char *app_name(uint8_t app); /* enum app_id */
const char *outcome_name(enum outcome outcome);
/* "unconditional", "user-busy", "no-answer"...: the words of RFC 5806. */
const char *divert_reason_name(uint8_t reason);

/* "dial 1002 60s | refuse 404": for traces and tests. */
void plan_print(const struct plan *plan, struct buf *out);

/* Appends a step with all outcomes leading to PLAN_END and returns it; NULL when the plan is full.
 */
struct plan_step *plan_add(struct plan *plan, enum app_id app, const char *target);

#endif
