/* SPDX-License-Identifier: ISC */
/*
 * Transfers: who leaves a call names who is to come in its place. By REFER, by INVITE with Replaces,
 * by keys (consult.h) and over the API. The call goes on as one call: whoever stays becomes the
 * caller of a new plan (blind), or is joined to whom the leaving one has spoken to (attended).
 *
 * All of them return 0, or the SIP status why it cannot be; then nothing has changed.
 */
#ifndef WARDEN_FEATURED_CALL_TRANSFER_H
#define WARDEN_FEATURED_CALL_TRANSFER_H

#include "featured/call/call.h"

/* by, a leg that talks to another one, leaves; the other one is connected to `to`, by's number. If
 * that fails, by is rung again. */
uint16_t transfer_blind(struct core *core, struct leg *by, const char *to);

/* by and other are two legs of who leaves: whom by talks to takes the place of other. The older of
 * the two calls goes on. */
uint16_t transfer_attended(struct core *core, struct leg *by, struct leg *other);

/* The same in pieces, for consult.c: who leaves may be in another call by now, or gone. */
uint16_t transfer_retarget(struct core *core, struct call *call, struct leg *stays, struct leg *by,
    const char *to);

/* In old stands or rings somebody whom out has called, or who has called out. */
bool transfer_can_take(const struct core *core, const struct call *old, const struct leg *out);

/* stays, a leg of call, takes the place of out in old, which transfer_can_take(); the caller ends
 * old by join_over(). */
void transfer_take_over(struct core *core, struct call *call, struct leg *stays, struct call *old,
    struct leg *out);

/* An INVITE whose Replaces names a leg of ours: instead of a plan. */
uint16_t transfer_replace(struct core *core, struct leg *leg, struct leg *replaced,
    bool early_only);

/* A REFER: any of them. */
void transfer_refer(struct core *core, const struct msg_leg_refer *m);

/* Ends a leg whose far end has transferred, parked or the like: its REFER is told first that all is
 * well. */
void transfer_release(struct core *core, struct leg *leg);

/* A ringing call is answered by leg, the only one of its own call. */
void transfer_pick_up(struct core *core, struct leg *leg, struct call *ringing);

#endif
