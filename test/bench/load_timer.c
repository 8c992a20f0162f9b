/* SPDX-License-Identifier: ISC */
/*
 * The load tools' timers: a wheel with one slot a millisecond; a timer that is further away waits
 * for its round.
 */
#include <string.h>

#include "test/bench/load.h"

void
load_wheel_init(struct load_wheel *w)
{
	memset(w, 0, sizeof(*w));
	w->now_ms = load_now_us() / 1000;
}

void
load_disarm(struct load_timer *t)
{
	if (t->prev == NULL)
		return;
	*t->prev = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	t->prev = NULL;
}

void
load_arm(struct load_wheel *w, struct load_timer *t, uint64_t in_ms)
{
	struct load_timer **slot;

	load_disarm(t);
	t->due_ms = w->now_ms + (in_ms > 0 ? in_ms : 1);
	slot = &w->slot[t->due_ms % LOAD_WHEEL];
	t->next = *slot;
	t->prev = slot;
	if (t->next != NULL)
		t->next->prev = &t->next;
	*slot = t;
}

void
load_wheel_run(struct load_wheel *w, uint64_t now_ms)
{
	struct load_timer *t, *todo;

	while (w->now_ms < now_ms) {
		w->now_ms++;
		/* The slot is taken whole: a timer armed by one that fires waits its turn. */
		todo = w->slot[w->now_ms % LOAD_WHEEL];
		w->slot[w->now_ms % LOAD_WHEEL] = NULL;
		if (todo != NULL)
			todo->prev = &todo;
		while ((t = todo) != NULL) {
			load_disarm(t);
			if (t->due_ms <= w->now_ms)
				t->fn(t->arg);
			else
				load_arm(w, t, t->due_ms - w->now_ms);
		}
	}
}
