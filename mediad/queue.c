/* SPDX-License-Identifier: ISC */
/* The queue between mediad's threads, see queue.h. */
#include "mediad/queue.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"

#define START 64

void
queue_init(struct queue *q, size_t item_size, size_t bound)
{
	memset(q, 0, sizeof(*q));
	pthread_mutex_init(&q->lock, NULL);
	q->size = item_size;
	q->bound = bound;
	q->cap = START;
	q->items = mem_must(START * item_size);
}

void
queue_destroy(struct queue *q)
{
	pthread_mutex_destroy(&q->lock);
	mem_free(&q->items);
}

/* Twice the room; what the ring has wrapped around goes to its new end. */
static bool
grow(struct queue *q)
{
	char *items;

	if (q->cap >= q->bound || (items = mem_grow(q->items, q->cap * 2, q->size)) == NULL)
		return false;
	memcpy(items + q->cap * q->size, items, q->head * q->size);
	q->items = items;
	q->cap *= 2;
	return true;
}

int
queue_push(struct queue *q, const void *item)
{
	int result = -ENOBUFS;

	pthread_mutex_lock(&q->lock);
	if (q->count < q->cap || grow(q)) {
		memcpy(q->items + (q->head + q->count) % q->cap * q->size, item, q->size);
		result = q->count++ == 0;
	}
	pthread_mutex_unlock(&q->lock);
	return result;
}

bool
queue_pop(struct queue *q, void *item)
{
	bool got = false;

	pthread_mutex_lock(&q->lock);
	if (q->count > 0) {
		memcpy(item, q->items + q->head * q->size, q->size);
		q->head = (q->head + 1) % q->cap;
		q->count--;
		got = true;
	}
	pthread_mutex_unlock(&q->lock);
	return got;
}

bool
queue_empty(struct queue *q)
{
	bool empty;

	pthread_mutex_lock(&q->lock);
	empty = q->count == 0;
	pthread_mutex_unlock(&q->lock);
	return empty;
}
