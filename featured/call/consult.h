/* SPDX-License-Identifier: ISC */
/*
 * Transfer by keys. Who presses the code in a call hears a prompt and keys a number, while the other
 * party waits. Blind: the call is transferred there. Attended: the one who keyed goes, with its leg,
 * into a new call to that number, a consultation; hanging up then transfers, and when the
 * consultation ends in any other way it is back.
 *
 * The waiting call runs app consult (call_rec.u.consult); the consultation is an ordinary call whose
 * record names the waiting one (call_rec.consults).
 */
#ifndef WARDEN_FEATURED_CALL_CONSULT_H
#define WARDEN_FEATURED_CALL_CONSULT_H

#include "featured/call/call.h"

/* by talks to another one, and is to key a number. */
void consult_start(struct core *core, struct leg *by, bool blind);
/* From app consult: the number is complete, or (n is 0) there is none; the prompt of failure is
 * over. */
void consult_number(struct core *core, struct call *call);
void consult_resume(struct core *core, struct call *call);
/* The caller of a consultation goes back to who waits. */
void consult_back(struct core *core, struct leg *leg);

/* The caller of a consultation brings both parties together with itself. */
void consult_three(struct core *core, struct leg *leg);
/* Is this such a call of three? */
bool consult_is_three(const struct call *call);
/* From call.c and app consult: one of the three has hung up; two are left. */
void consult_left(struct core *core, struct call *call, const struct leg *gone);

/* Is the call a consultation? */
bool consult_is(const struct call *call);
/* Is leg the caller of one: the party for whom another one waits? */
bool consult_by(const struct leg *leg);
/* From call.c. The consultation's caller has hung up: true if that completed the transfer. */
bool consult_complete(struct core *core, struct call *call);
/* The call ends; if it is a consultation, its caller goes back. */
void consult_over(struct core *core, struct call *call);
/* From app consult: nobody waits any more. */
void consult_alone(struct core *core, struct call *call);

#endif
