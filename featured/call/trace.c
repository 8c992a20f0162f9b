/* SPDX-License-Identifier: ISC */
/*
 * A call's trace: every decision, one line each, "at_ms TAB source TAB event TAB detail LF",
 * appended to the tail of the call's checkpoint record, so that it survives a kill. Bounded: what
 * does not fit is left out, but the end of a call always finds room. Traces of ended calls are kept
 * in memory for a while, after which the record in the database has them.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "featured/call/call.h"

#define RESERVE      512 /* for the end of a long call */
#define LINE_MAX_LEN 300

void
trace_add(struct core *core, struct call *call, const char *source, const char *event,
    const char *fmt, ...)
{
	char *tail = ckpt_tail(core->calls_ck, call->slot);
	size_t room = CORE_TRACE_SIZE - 1 - (call->r.ending ? 0 : RESERVE), at = call->r.trace_len;
	char line[LINE_MAX_LEN];
	va_list ap;
	int head, n;

	if (at >= room)
		return;
	head = snprintf(line, sizeof(line), "%" PRIu64 "\t%s\t%s\t", core->real_ms, source, event);
	va_start(ap, fmt);
	n = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	n = head + n;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	/* What comes from phones may hold anything; a line stays one line. */
	for (int i = head; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	if (at + (size_t)n > room)
		return;
	memcpy(tail + at, line, (size_t)n);
	tail[at + (size_t)n] = '\0';
	call->r.trace_len = (uint32_t)(at + (size_t)n);
	call_dirty(core, call);
}

void
trace_keep(struct core *core, const struct call *call)
{
	struct ended *e;

	HASH_FIND(hh, core->ended, &call->r.id, sizeof(call->r.id), e);
	if (e != NULL)
		return;
	e = mem_new(sizeof(*e));
	if (e == NULL)
		return;
	e->id = call->r.id;
	e->trace = mem_strdup(ckpt_tail(core->calls_ck, call->slot));
	if (e->trace == NULL) {
		free(e);
		return;
	}
	HASH_ADD(hh, core->ended, id, sizeof(e->id), e);
	TAILQ_INSERT_TAIL(&core->ended_order, e, next);
	if (++core->ended_n <= CORE_ENDED_KEPT)
		return;
	e = TAILQ_FIRST(&core->ended_order);
	TAILQ_REMOVE(&core->ended_order, e, next);
	HASH_DEL(core->ended, e);
	free(e->trace);
	free(e);
	core->ended_n--;
}

void
trace_free_all(struct core *core)
{
	struct ended *e;

	while ((e = TAILQ_FIRST(&core->ended_order)) != NULL) {
		TAILQ_REMOVE(&core->ended_order, e, next);
		HASH_DEL(core->ended, e);
		free(e->trace);
		free(e);
	}
	core->ended_n = 0;
}

/* One column up to the separator; *p moves behind it. */
static void
column(const char **p, char separator, char *out, size_t size)
{
	size_t n = 0;

	while ((*p)[n] != '\0' && (*p)[n] != separator && (*p)[n] != '\n')
		n++;
	str_ncopy(out, size, *p, n);
	*p += n;
	if (**p == separator)
		(*p)++;
}

bool
core_trace(const struct core *core, const uint8_t uuid[UUID_LEN],
    void (*cb)(void *arg, const struct msg_trace_item *), void *arg)
{
	const struct call *call = call_find(core, uuid);
	const struct ended *e = NULL;
	struct msg_trace_item item;
	const char *p;
	char at[24];

	if (call != NULL) {
		p = ckpt_tail(core->calls_ck, call->slot);
	} else {
		HASH_FIND(hh, core->ended, uuid, UUID_LEN, e);
		if (e == NULL)
			return false;
		p = e->trace;
	}
	while (*p != '\0') {
		memset(&item, 0, sizeof(item));
		column(&p, '\t', at, sizeof(at));
		item.at_ms = strtoull(at, NULL, 10);
		column(&p, '\t', item.source, sizeof(item.source));
		column(&p, '\t', item.event, sizeof(item.event));
		column(&p, '\n', item.detail, sizeof(item.detail));
		if (cb != NULL)
			cb(arg, &item);
	}
	return true;
}
