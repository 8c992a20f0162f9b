/* SPDX-License-Identifier: ISC */
/*
 * Keys pressed, out of the sound (spandsp's detector): for far ends that have no telephone-event.
 * Each key once, when it is certain. Pure.
 */
#ifndef WARDEN_MEDIAD_DTMF_BAND_H
#define WARDEN_MEDIAD_DTMF_BAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dtmf_band;

struct dtmf_band *dtmf_band_new(void);		/* NULL: out of memory */
void dtmf_band_free(struct dtmf_band **b);	/* takes a pointer to NULL */

/* n samples at 8000. Returns a key that has just become certain, or 0. */
char dtmf_band_hear(struct dtmf_band *b, const int16_t *pcm, size_t n);

/* A key's tone goes on: it is not to be heard by who gets the key in another way. */
bool dtmf_band_on(const struct dtmf_band *b);

#endif
