/* SPDX-License-Identifier: ISC */
/*
 * Timers of calls: each call has one deadline of each kind, and the calls stand in a binary heap by
 * their earliest. No clock: core_timers() is called by whoever has one.
 */
#include "common/base/mem.h"
#include "featured/app/app.h"
#include "featured/call/call.h"
#include "featured/call/session.h"

static void
place(struct core *core, size_t i, struct call *call)
{
	core->heap[i] = call;
	call->heap = i;
}

static void
sift(struct core *core, size_t i, struct call *call)
{
	size_t child;

	for (; i > 0 && core->heap[(i - 1) / 2]->due > call->due; i = (i - 1) / 2)
		place(core, i, core->heap[(i - 1) / 2]);
	for (; (child = 2 * i + 1) < core->heap_n; i = child) {
		if (child + 1 < core->heap_n && core->heap[child + 1]->due < core->heap[child]->due)
			child++;
		if (core->heap[child]->due >= call->due)
			break;
		place(core, i, core->heap[child]);
	}
	place(core, i, call);
}

void
call_heap_remove(struct core *core, struct call *call)
{
	size_t i = call->heap;
	struct call *last;

	if (i == CORE_NO_HEAP)
		return;
	call->heap = CORE_NO_HEAP;
	last = core->heap[--core->heap_n];
	if (last != call)
		sift(core, i, last);
}

/* Puts the call where its earliest deadline belongs. */
void
call_heap_add(struct core *core, struct call *call)
{
	struct call **heap;
	size_t cap;

	call->due = 0;
	for (int k = 0; k < CALL_TIMERS; k++)
		if (call->r.due[k] != 0 && (call->due == 0 || call->r.due[k] < call->due))
			call->due = call->r.due[k];
	if (call->due == 0) {
		call_heap_remove(core, call);
		return;
	}
	if (call->heap == CORE_NO_HEAP) {
		if (core->heap_n == core->heap_cap) {
			cap = core->heap_cap == 0 ? 256 : core->heap_cap * 2;
			heap = mem_grow(core->heap, cap, sizeof(*heap));
			if (heap == NULL)
				panic("out of memory for timers");
			core->heap = heap;
			core->heap_cap = cap;
		}
		call->heap = core->heap_n++;
	}
	sift(core, call->heap, call);
}

void
call_timer(struct core *core, struct call *call, enum call_timer kind, uint64_t ms)
{
	uint64_t due = ms == 0 ? 0 : core->mono_ms + ms;

	if (call->r.due[kind] == due)
		return;
	call->r.due[kind] = due;
	call_dirty(core, call);
	call_heap_add(core, call);
}

/* sipd has had its time to confirm: what it still has it will say at the next reconciliation. */
static void
linger_over(struct core *core, struct call *call)
{
	struct leg *leg;

	if (!core->sipd.synced) {
		call_timer(core, call, TIMER_LINGER, 10000);
		return;
	}
	TAILQ_FOREACH(leg, &call->legs, next)
	if (leg->r.state != LEG_OVER)
		leg_event(core, leg, LEV_lost, &(struct leg_arg){ .cause = LEG_END_LOCAL });
}

static void
fire(struct core *core, struct call *call, enum call_timer kind)
{
	const struct app *app = app_by_id(call->r.app);

	switch (kind) {
	case TIMER_RING:
	case TIMER_APP:
		if (!call->r.ending && app != NULL && app->timer != NULL)
			app->timer(core, call, kind);
		break;
	case TIMER_MAX:
		trace_add(core, call, "timer", "max-call-duration", "%s", "");
		call_end(core, call, 200, 102, CDR_SIDE_SYSTEM, "max call duration");
		break;
	case TIMER_WANT:
		session_overdue(core, call);
		break;
	case TIMER_FIGURES:
		break; /* call_settle() sees that it is off */
	case TIMER_LINGER:
		linger_over(core, call);
		break;
	case CALL_TIMERS:
		break;
	}
}

void
core_timers(struct core *core)
{
	resync_strays(core);
	while (core->heap_n > 0 && core->heap[0]->due <= core->mono_ms) {
		struct call *call = core->heap[0];

		call_dirty(core, call);
		for (int k = 0; k < CALL_TIMERS; k++) {
			if (call->r.due[k] == 0 || call->r.due[k] > core->mono_ms)
				continue;
			call->r.due[k] = 0;
			call_heap_add(core, call);
			fire(core, call, k);
		}
	}
}

uint64_t
core_next_ms(const struct core *core)
{
	uint64_t next = core->heap_n > 0 ? core->heap[0]->due : UINT64_MAX;

	for (size_t i = 0; i < core->strays_n; i++)
		if (core->strays[i].due < next)
			next = core->strays[i].due;
	return next;
}
