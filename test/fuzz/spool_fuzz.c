/* SPDX-License-Identifier: ISC */
/*
 * Lines of the spool as they may stand on a disk after a crash, and records whose strings are
 * anything a phone sent: no crash, no leak; what is written is JSON, is found to be what it is, and
 * an intent that is read and written again says the same.
 *
 * links: featured/db/spool_line.c featured/db/text.c featured/call/cdr_names.c common/base/buf.c
 * common/base/mem.c common/base/str.c common/base/id.c common/base/log.c common/base/clock.c
 * libs: jansson
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "featured/db/spool_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

/* A string from the input: up to the next zero byte. */
static void
take(char *out, size_t max, const uint8_t **p, size_t *left)
{
	size_t n = 0;

	while (*left > 0 && **p != 0) {
		if (n + 1 < max)
			out[n++] = (char)**p;
		(*p)++;
		(*left)--;
	}
	out[n] = '\0';
	if (*left > 0) {
		(*p)++;
		(*left)--;
	}
}

static void
write_and_read(const uint8_t *p, size_t left)
{
	struct cdr cdr = { .disposition = CDR_BUSY, .hangup_by = CDR_SIDE_CALLEE }, again;
	struct buf line = BUF_INIT(SPOOL_LINE_MAX), second = BUF_INIT(SPOOL_LINE_MAX);
	char trace[4096];
	struct uuid id;

	if (left >= sizeof(cdr.call.b) + 8) {
		memcpy(cdr.call.b, p, sizeof(cdr.call.b));
		memcpy(&cdr.start_ms, p + sizeof(cdr.call.b), 8);
		p += sizeof(cdr.call.b) + 8;
		left -= sizeof(cdr.call.b) + 8;
	}
	take(cdr.from, sizeof(cdr.from), &p, &left);
	take(cdr.from_name, sizeof(cdr.from_name), &p, &left);
	take(cdr.to, sizeof(cdr.to), &p, &left);
	take(cdr.user_agent, sizeof(cdr.user_agent), &p, &left);
	take(cdr.caller.codec, sizeof(cdr.caller.codec), &p, &left);
	take(trace, sizeof(trace), &p, &left);
	cdr.trace = trace;

	spool_line_final(&line, &cdr);
	must(!line.failed && memchr(line.data, '\n', line.len - 1) == NULL);
	must(spool_line_kind(line.data, line.len - 1, &id) == SPOOL_FINAL &&
	    uuid_cmp(&id, &cdr.call) == 0);
	must(spool_line_is_json(line.data, line.len - 1));
	buf_reset(&line);
	spool_line_intent(&line, &cdr);
	must(spool_line_read_intent(line.data, line.len - 1, &again) == 0 &&
	    uuid_cmp(&again.call, &cdr.call) == 0);
	spool_line_intent(&second, &again);
	/*
	 * Cut-off strings may end inside a character, which is then '?' once more; all else is the
	 * same from the second time on.
	 */
	must(spool_line_read_intent(second.data, second.len - 1, &again) == 0);
	buf_free(&line);
	buf_free(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cdr cdr;
	struct uuid id;
	char *copy;

	if (size == 0)
		return 0;
	if (data[0] & 1) {
		write_and_read(data + 1, size - 1);
		return 0;
	}
	/* In memory of its own length, so that reading beyond it is seen. */
	if ((copy = malloc(size)) == NULL)
		return 0;
	memcpy(copy, data + 1, size - 1);
	spool_line_kind(copy, size - 1, &id);
	spool_line_read_intent(copy, size - 1, &cdr);
	spool_line_is_json(copy, size - 1);
	free(copy);
	return 0;
}
