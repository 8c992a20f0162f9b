/* SPDX-License-Identifier: ISC */
/*
 * What the call core wants done, in order: messages to peers and call records. Filled during a
 * turn, emptied by whoever called core_begin() (main.c sends it; test/scenario prints it). Bodies
 * and their views are copied, so that nothing in the list depends on the core's state.
 */
#ifndef WARDEN_FEATURED_CALL_OUT_H
#define WARDEN_FEATURED_CALL_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "featured/call/cdr.h"

enum out_kind {
	OUT_SIPD, /* message type with body to sipd */
	OUT_MEDIAD,
	OUT_CDR_INTENT,   /* body is a struct cdr */
	OUT_CDR_ANSWERED, /* the same, once the call is answered */
	OUT_CDR_FINAL,
	OUT_RECORDING, /* body is a struct recording_row */
};

struct out_item {
	enum out_kind kind;
	uint16_t type;
	const void *body;
};

struct out;

struct out *out_new(void); /* NULL when out of memory */
void out_free(struct out **out);
void out_reset(struct out *out); /* empties, keeps the memory */
size_t out_count(const struct out *out);
const struct out_item *out_at(const struct out *out, size_t i);

/* Copies body (struct msg_NAME of type) and what its views point to. Out of memory: panics; the
 * checkpoint is newer than the list then. */
void out_message(struct out *out, enum out_kind kind, uint16_t type, const void *body);
void out_recording(struct out *out, const struct recording_row *row);
void out_cdr(struct out *out, enum out_kind kind, const struct cdr *cdr);

#endif
