/* SPDX-License-Identifier: ISC */
/* The ring of a recording's packets, see tap.h. tap_push() is on the packet path. */
#include "mediad/tap.h"

#include <stddef.h>
#include <string.h>

#define HEAD	((uint32_t)sizeof(struct tap_packet))
#define LINE	64u		/* of the cache */
#define WARM_LINES 4		/* 20 ms of G.711 */
#define SKIP	UINT16_MAX	/* len of what fills the ring's end: nothing more before its start */

_Static_assert(sizeof(struct tap_packet) == 24, "layout of the ring");
_Static_assert((TAP_RING & (TAP_RING - 1)) == 0, "a power of two");

static uint32_t
size_of(uint16_t len)
{
	return (HEAD + len + 7) & ~7u;
}

void
tap_pen(struct tap_pen *pen, struct tap *t)
{
	pen->tap = t;
	pen->head = atomic_load_explicit(&t->head, memory_order_relaxed);
	pen->tail = atomic_load_explicit(&t->tail, memory_order_acquire);
}

void
tap_warm(const struct tap_pen *pen)
{
	uint32_t at = pen->head % TAP_RING;

	for (unsigned i = 0; i < WARM_LINES; i++)
		__builtin_prefetch(pen->tap->ring + (at + i * LINE) % TAP_RING, 1);
	__builtin_prefetch(&pen->tap->head, 1);
}

bool
tap_push(struct tap_pen *pen, const struct tap_packet *p, const uint8_t *payload)
{
	uint32_t at = pen->head % TAP_RING, need = size_of(p->len), fill = 0;
	struct tap *t = pen->tap;
	uint8_t *ring = t->ring;

	if (at + need > TAP_RING)
		fill = TAP_RING - at;
	if (pen->head - pen->tail + fill + need > TAP_RING)
		pen->tail = atomic_load_explicit(&t->tail, memory_order_acquire);
	if (p->len == SKIP || pen->head - pen->tail + fill + need > TAP_RING) {
		atomic_fetch_add_explicit(&t->drops, 1, memory_order_relaxed);
		return false;
	}
	if (fill > 0) {
		if (fill >= HEAD)
			memcpy(ring + at, &(struct tap_packet){ .len = SKIP }, HEAD);
		at = 0;
	}
	memcpy(ring + at, p, HEAD);
	memcpy(ring + at + HEAD, payload, p->len);
	pen->head += fill + need;
	atomic_store_explicit(&t->head, pen->head, memory_order_release);
	return true;
}

const struct tap_packet *
tap_next(const struct tap *t, uint32_t *at)
{
	uint32_t head = atomic_load_explicit(&t->head, memory_order_acquire);
	const struct tap_packet *p;
	uint32_t pos;

	while (head - *at != 0 && head - *at <= TAP_RING) {
		pos = *at % TAP_RING;
		p = (const struct tap_packet *)(const void *)(t->ring + pos);
		if (pos % 8 != 0) {		/* no offset of ours */
			break;
		} else if (TAP_RING - pos < HEAD || p->len == SKIP) {
			*at += TAP_RING - pos;
		} else if (size_of(p->len) > TAP_RING - pos || size_of(p->len) > head - *at) {
			break;
		} else {
			*at += size_of(p->len);
			return p;
		}
	}
	*at = head;
	return NULL;
}

void
tap_free(struct tap *t, uint32_t at)
{
	atomic_store_explicit(&t->tail, at, memory_order_release);
}
