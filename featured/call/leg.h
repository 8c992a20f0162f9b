/* SPDX-License-Identifier: ISC */
/*
 * A leg: one party of a call. Its state is changed by leg_event() alone, by the table in
 * leg_fsm.def. Apps use the verbs at the end.
 */
#ifndef WARDEN_FEATURED_CALL_LEG_H
#define WARDEN_FEATURED_CALL_LEG_H

#include "featured/call/model.h"

/* What came with an event; only the fields that the event has are set. */
struct leg_arg {
	uint16_t status;
	uint16_t command; /* failed: which message mediad could not carry out */
	uint8_t cause;    /* enum leg_end */
	uint8_t q850;
	uint8_t kind; /* enum media_sdp_kind */
	uint32_t serial;
	uint64_t at_ms;
	const char *reason;
	const char *redirect; /* gone by a 3xx: the user that it names, "" none; may be NULL */
	const char *user_agent;
	struct ipc_view sdp;
};

/* A new leg of the call, in its first state. id 0: made here (outgoing). NULL: no memory or no
 * room. */
struct leg *leg_new(struct core *core, struct call *call, uint64_t id, bool incoming);
/* From call.c alone, at the end of a turn: the leg is over, and nobody may be told any more. */
void leg_free(struct core *core, struct leg *leg);
struct leg *leg_find(const struct core *core, uint64_t id);

/*
 * Who is at the leg's other end: an extension, or what was dialled. busy.c keeps count by it, so
 * r.user is set by this alone.
 */
void leg_set_user(struct core *core, struct leg *leg, const char *user);
void leg_forget_user(struct core *core, struct leg *leg); /* from leg_free() */
/* In how many live calls other than but (may be NULL) user has a leg; counts no further than 16. */
size_t user_calls(const struct core *core, const char *user, const struct call *but);

/* The one place where a leg's state changes. arg may be NULL. */
void leg_event(struct core *core, struct leg *leg, enum leg_event event, const struct leg_arg *arg);

/* Sets what goes into the checkpoint at the end of the turn. */
void leg_dirty(struct core *core, struct leg *leg);

static inline bool
leg_is_up(const struct leg *leg)
{
	return leg->r.state == LEG_SETTLING || leg->r.state == LEG_UP;
}

/* Has no final answer yet and may get one. */
static inline bool
leg_is_early(const struct leg *leg)
{
	return leg->r.state == LEG_MAKING || leg->r.state == LEG_DIALING ||
	    leg->r.state == LEG_RINGING;
}

/* A 1xx may bring it sound: with our answer, or an offer that it answers by PRACK. */
static inline bool
leg_takes_early(const struct leg *leg)
{
	return leg_is_up(leg) || !leg->r.late || leg->r.early_offer != SIP_EARLY_OFFER_NO;
}

/* What it speaks is known: its offer, or its answer to ours. */
static inline bool
leg_has_codec(const struct leg *leg)
{
	return leg_is_up(leg) || !leg->r.late || leg->r.agreed;
}

/*
 * The next 1xx has to bring our offer, whether there is something to hear or not (RFC 3262 section
 * 5).
 */
static inline bool
leg_must_offer(const struct leg *leg)
{
	return !leg_is_up(leg) && leg->r.late && leg->r.early_offer == SIP_EARLY_OFFER_MUST &&
	    !leg->r.early_sent;
}

/*
 * Verbs for apps. like: the leg whose codec would suit, or NULL.
 */

/* INVITE to contact, giving up after ring_s. With late the offer has all codecs, for a leg that is
 * rung before it is known whom it will talk to. */
void leg_dial(struct core *core, struct leg *leg, const struct core_contact *contact,
    uint16_t ring_s, const struct leg *like, bool late);
/* Tells the caller 18x, with early media if early. Nothing when it was told the same already. */
void leg_progress(struct core *core, struct leg *leg, uint16_t status, bool early,
    const struct leg *like);
void leg_answer(struct core *core, struct leg *leg, const struct leg *like);
void leg_refuse(struct core *core, struct leg *leg, uint16_t status, uint8_t q850);
void leg_hangup(struct core *core, struct leg *leg, uint8_t q850);

const char *leg_state_name(uint8_t state);

#endif
