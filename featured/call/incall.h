/* SPDX-License-Identifier: ISC */
/*
 * Codes that are pressed in a call (feature_codes: transfer_blind, ...). This only listens: the
 * digits go to the other party all the same. A slice adds a code by a row in incall.c's table.
 */
#ifndef WARDEN_FEATURED_CALL_INCALL_H
#define WARDEN_FEATURED_CALL_INCALL_H

#include "featured/call/call.h"

/* The far end of leg has pressed a key. true: it completed a code, which was acted upon. */
bool incall_digit(struct core *core, struct leg *leg, char digit);

#endif
