/* SPDX-License-Identifier: ISC */
/* The ring of a recording's packets, see tap.h. tap_push() is on the packet path. */
#include "mediad/tap.h"

#include <stddef.h>
#include <string.h>

#define HEAD	((uint32_t)sizeof(struct tap_packet))
#define SKIP	UINT16_MAX	/* len of what fills the ring's end: nothing more before its start */

_Static_assert(sizeof(struct tap_packet) == 24, "layout of the ring");
_Static_assert((TAP_RING & (TAP_RING - 1)) == 0, "a power of two");

static uint32_t
size_of(uint16_t len)
{
	return (HEAD + len + 7) & ~7u;
}

bool
tap_push(struct tap *t, const struct tap_packet *p, const uint8_t *payload)
{
	uint32_t head = atomic_load_explicit(&t->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&t->tail, memory_order_acquire);
	uint32_t at = head % TAP_RING, need = size_of(p->len), fill = 0;
	uint8_t *ring = t->ring;

	if (at + need > TAP_RING)
		fill = TAP_RING - at;
	if (p->len == SKIP || head - tail + fill + need > TAP_RING) {
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
	atomic_store_explicit(&t->head, head + fill + need, memory_order_release);
	return true;
}

const struct tap_packet *
tap_next(const struct tap *t, uint32_t *at, const uint8_t **payload)
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
			*payload = (const uint8_t *)(p + 1);
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
