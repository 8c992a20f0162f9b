/* SPDX-License-Identifier: ISC */
/*
 * Lines of the spool: made from records, read back after a start. Pure text; spool.c decides what
 * becomes of them.
 *
 * Records (cdr-NNNNNNNN.jsonl): {"kind":"final","call_id":"UUID", ...} with the columns' names of
 * table cdr, times as Unix ms. Journal (intents.jsonl): {"kind":"intent","call_id":"UUID", ...}
 * when a call starts or is answered, {"kind":"end","call_id":"UUID"} when its record is safe. The
 * order of the first two members is fixed, so that sorting lines needs no parser.
 */
#ifndef WARDEN_DB_SPOOL_LINE_H
#define WARDEN_DB_SPOOL_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "featured/call/cdr.h"

#define SPOOL_LINE_MAX (64 * 1024)	/* a longer one is none of ours */

enum spool_kind {
	SPOOL_NONE,		/* not a line of ours, or a broken one */
	SPOOL_INTENT,
	SPOOL_END,
	SPOOL_FINAL,
	SPOOL_RECORDING,	/* a row of table recording; the id is its own */
};

/* Append a line with its newline. */
void spool_line_final(struct buf *out, const struct cdr *cdr);
void spool_line_intent(struct buf *out, const struct cdr *cdr);
void spool_line_recording(struct buf *out, const struct recording_row *row);
void spool_line_end(struct buf *out, const struct uuid *call);

/*
 * Which kind a line (len bytes without the newline) is, and whose. Looks at its head, and that it
 * is closed; no more.
 */
enum spool_kind spool_line_kind(const char *line, size_t len, struct uuid *call);

/* Reads an intent whole. Returns 0 or -EINVAL. cdr is zeroed first. */
int spool_line_read_intent(const char *line, size_t len, struct cdr *cdr);

/* Is the line one JSON object as jansson sees it? For records that PostgreSQL refused. */
bool spool_line_is_json(const char *line, size_t len);

#endif
