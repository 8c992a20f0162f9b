/* SPDX-License-Identifier: ISC */
/*
 * Which calls each number is in, as lamps show it: kept from what the call core tells at the end of
 * its turns (core_env.parties), so that a lamp costs nothing while nobody's state changes.
 */
#ifndef WARDEN_FEATURED_LAMPS_H
#define WARDEN_FEATURED_LAMPS_H

#include "featured/call/core.h"
#include "featured/reg/docs.h"

struct lamps;

/* changed: a number's dialogs are other than before; may be called several times in a row. */
int lamps_new(struct lamps **out, void (*changed)(void *arg, const char *user), void *arg);
void lamps_free(struct lamps **lamps);

/* For core_env.parties. */
void lamps_parties(struct lamps *lamps, const uint8_t call[UUID_LEN],
    const struct core_party *parties, size_t n);

/* The number's dialogs into out, at most max, the most telling first. Returns how many there are. */
size_t lamps_dialogs(const struct lamps *lamps, const char *user, struct docs_dialog *out,
    size_t max);

#endif
