/* SPDX-License-Identifier: ISC */
/* Reads a presence document (RFC 3863, 4480) with expat. Pure: no sofia, so that it can be fuzzed by
 * itself. */
#ifndef WARDEN_SIPD_PIDF_H
#define WARDEN_SIPD_PIDF_H

#include <stddef.h>
#include <stdint.h>

#define PIDF_MAX      8192 /* bytes of a document */
#define PIDF_NOTE_LEN 128

struct pidf {
	uint8_t status; /* enum presence_status */
	char note[PIDF_NOTE_LEN + 1];
};

/*
 * What the document says, boiled down to one of our states: an activity of the person says more
 * than the tuple's basic status; the first note that there is. A doctype, and with it entities, is
 * refused. Returns 0, or the status to answer with: 400 or 413.
 */
int pidf_read(struct pidf *out, const char *body, size_t len);

#endif
