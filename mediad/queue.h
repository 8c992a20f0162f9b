/* SPDX-License-Identifier: ISC */
/*
 * A bounded queue of fixed-size items from any thread to one. It only holds: waking the reader is
 * the pusher's job when queue_push() says that the queue was empty. Commands and results pass
 * through it, never packets.
 */
#ifndef WARDEN_MEDIAD_QUEUE_H
#define WARDEN_MEDIAD_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct queue {
	pthread_mutex_t	 lock;
	char		*items;		/* a ring of cap items */
	size_t		 size;		/* of an item */
	size_t		 head, count, cap, bound;
};

/* Fatal when out of memory: start-up only. */
void queue_init(struct queue *q, size_t item_size, size_t bound);
void queue_destroy(struct queue *q);

/* Copies item in. Returns 1: in, and the reader is to be woken; 0: in; -ENOBUFS: full. */
int queue_push(struct queue *q, const void *item);

/* Copies the oldest one out. Returns false when there is none. */
bool queue_pop(struct queue *q, void *item);
bool queue_empty(struct queue *q);

#endif
