/* SPDX-License-Identifier: ISC */
/*
 * Legs that go from one call into another: what transfer, parking, pickup and consultation are made
 * of. The call into which a leg comes goes on as one call with one record; the other one's record
 * says what became of it.
 * A kill in the middle of writing the turn's records tears no leg in two: see ckpt_group().
 */
#ifndef WARDEN_FEATURED_CALL_JOIN_H
#define WARDEN_FEATURED_CALL_JOIN_H

#include "featured/call/call.h"

/* leg, of another call, comes into call. That call goes on without it if ends is false; else the
 * caller ends it by join_over(). */
void join_take(struct core *core, struct call *call, struct leg *leg, bool ends);

/*
 * caller and callee, legs of call, talk from now on, until one hangs up (app bridge). Whoever has no
 * answer yet gets one; all other legs of the call are hung up.
 */
void join_bridge(struct core *core, struct call *call, struct leg *caller, struct leg *callee);

/* The three of app consult (call_rec.u.consult) hear each other. */
void join_room(struct core *core, struct call *call);

/* The parties of old went on in call. how: "transferred", "picked up", "retrieved"; it stands in the
 * record. */
void join_over(struct core *core, struct call *old, const struct call *call, const char *how);

/* Who leg talks to: the other one of two in its call, both up; NULL: nobody. */
struct leg *join_partner(const struct core *core, const struct leg *leg);

#endif
