/* SPDX-License-Identifier: ISC */
/*
 * The list of a turn's commands. Bodies lie in chunks that are kept from turn to turn, so that a
 * turn allocates nothing once the list has found its size; chunks never move, so views may point
 * into them.
 */
#include "featured/call/out.h"

#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/msg.h"

#define CHUNK_SIZE (256 * 1024)

struct chunk {
	struct chunk *next;
	size_t used;
	_Alignas(16) uint8_t data[CHUNK_SIZE];
};

struct out {
	struct out_item *items;
	size_t n;
	size_t cap;
	struct chunk *first;
	struct chunk *current;
};

struct out *
out_new(void)
{
	struct out *out = mem_new(sizeof(*out));

	if (out == NULL)
		return NULL;
	out->first = out->current = mem_new(sizeof(*out->first));
	if (out->first == NULL)
		mem_free(&out);
	return out;
}

void
out_free(struct out **pout)
{
	struct out *out = *pout;
	struct chunk *c, *next;

	if (out == NULL)
		return;
	for (c = out->first; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	free(out->items);
	mem_free(pout);
}

void
out_reset(struct out *out)
{
	struct chunk *c, *next;

	/* One big turn (a reconciliation) does not keep its memory for ever. */
	for (c = out->first->next; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	out->first->next = NULL;
	out->first->used = 0;
	out->current = out->first;
	out->n = 0;
}

size_t
out_count(const struct out *out)
{
	return out->n;
}

const struct out_item *
out_at(const struct out *out, size_t i)
{
	return i < out->n ? &out->items[i] : NULL;
}

static void *
take(struct out *out, const void *p, size_t n)
{
	size_t need = (n + 15) & ~(size_t)15;
	struct chunk *c = out->current;
	void *at;

	if (need > CHUNK_SIZE)
		panic("command too big");
	if (c->used + need > CHUNK_SIZE) {
		c->next = mem_new(sizeof(*c));
		if (c->next == NULL)
			panic("out of memory for commands");
		c = out->current = c->next;
	}
	at = c->data + c->used;
	c->used += need;
	if (n > 0)
		memcpy(at, p, n);
	return at;
}

static void
add(struct out *out, enum out_kind kind, uint16_t type, const void *body)
{
	struct out_item *items;
	size_t cap;

	if (out->n == out->cap) {
		cap = out->cap == 0 ? 64 : out->cap * 2;
		items = mem_grow(out->items, cap, sizeof(*items));
		if (items == NULL)
			panic("out of memory for commands");
		out->items = items;
		out->cap = cap;
	}
	out->items[out->n++] = (struct out_item){ .kind = kind, .type = type, .body = body };
}

void
out_message(struct out *out, enum out_kind kind, uint16_t type, const void *body)
{
	const struct ipc_def *def = ipc_def(type);
	uint8_t *copy;

	assert_that(def != NULL);
	copy = take(out, body, def->size);
	for (size_t i = 0; i < def->nfields; i++) {
		struct ipc_view *view;

		if (def->fields[i].kind != IPC_K_VIEW)
			continue;
		view = (struct ipc_view *)(copy + def->fields[i].off);
		if (view->len > 0)
			view->p = take(out, view->p, view->len);
	}
	add(out, kind, type, copy);
}

void
out_cdr(struct out *out, enum out_kind kind, const struct cdr *cdr)
{
	struct cdr *copy = take(out, cdr, sizeof(*cdr));

	if (cdr->trace != NULL)
		copy->trace = take(out, cdr->trace, strlen(cdr->trace) + 1);
	add(out, kind, 0, copy);
}

void
out_recording(struct out *out, const struct recording_row *row)
{
	add(out, OUT_RECORDING, 0, take(out, row, sizeof(*row)));
}
