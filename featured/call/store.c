/* SPDX-License-Identifier: ISC */
/*
 * The core's checkpoint: calls.ckpt (with each call's trace behind the records), legs.ckpt, and
 * dials.ckpt for what leg_dial needs while a leg rings. Written at the end of each turn, before its
 * commands leave; read once at the start.
 */
#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "featured/app/app.h"
#include "featured/call/call.h"
#include "featured/call/recording.h"

#define CALLS_MAGIC  0x57434c53 /* "WCLS" */
#define LEGS_MAGIC   0x574c4547 /* "WLEG" */
#define COUNTS_MAGIC 0x57434e54 /* "WCNT" */
#define DIALS_MAGIC  0x57444c53 /* "WDLS" */
#define VERSION      5
#define MENUS_MAGIC  0x574d4e55 /* "WMNU" */
#define RECORDS_MAGIC 0x57524543 /* "WREC" */

/* What one turn changes is there at the next start as a whole or not at all. */
#define GROUP_N 6
#define GROUP(core)                                                                                \
	(struct ckpt *const[GROUP_N])                                                              \
	{                                                                                          \
		(core)->calls_ck, (core)->legs_ck, (core)->dials_ck, (core)->menus_ck,             \
		    (core)->counts_ck, (core)->recordings_ck                                       \
	}

static int
open_one(struct ckpt **out, const char *dir, const char *name, uint32_t magic, size_t size,
    uint32_t max, size_t tail)
{
	char path[300];

	if (!str_format(path, sizeof(path), "%s/%s", dir, name))
		return -ENAMETOOLONG;
	return tail > 0 ? ckpt_open_tail(out, path, magic, VERSION, size, max, tail)
	                : ckpt_open(out, path, magic, VERSION, size, max);
}

int
store_open(struct core *core, const char *dir)
{
	uint32_t calls = core->env.max_calls != 0 ? core->env.max_calls : CORE_MAX_CALLS;
	uint32_t legs = calls * (CORE_MAX_LEGS / CORE_MAX_CALLS);
	uint32_t menus = calls < CORE_MAX_MENUS ? calls : CORE_MAX_MENUS;
	int r;

	r = open_one(&core->calls_ck, dir, "calls.ckpt", CALLS_MAGIC, sizeof(struct call_rec),
	    calls, CORE_TRACE_SIZE);
	if (r == 0)
		r = open_one(&core->legs_ck, dir, "legs.ckpt", LEGS_MAGIC, sizeof(struct leg_rec),
		    legs, 0);
	if (r == 0)
		r = open_one(&core->dials_ck, dir, "dials.ckpt", DIALS_MAGIC,
		    sizeof(struct dial_rec), legs, 0);
	if (r == 0)
		r = open_one(&core->menus_ck, dir, "menus.ckpt", MENUS_MAGIC,
		    sizeof(struct menu_rec), menus, 0);
	if (r == 0)
		r = open_one(&core->counts_ck, dir, "counts.ckpt", COUNTS_MAGIC,
		    sizeof(struct count_rec), 1, 0);
	if (r == 0)
		r = open_one(&core->recordings_ck, dir, "recordings.ckpt", RECORDS_MAGIC,
		    sizeof(struct recording_rec),
		    core->env.max_calls != 0 ? core->env.max_calls : RECORDINGS_MAX, 0);
	if (r != 0)
		return r;
	ckpt_group(GROUP(core), GROUP_N);
	return 0;
}

void
store_commit(struct core *core)
{
	ckpt_commit(GROUP(core), GROUP_N);
	ckpt_sweep(GROUP(core), GROUP_N);
}

void
store_close(struct core *core)
{
	ckpt_close(&core->counts_ck);
	ckpt_close(&core->recordings_ck);
	ckpt_close(&core->calls_ck);
	ckpt_close(&core->legs_ck);
	ckpt_close(&core->dials_ck);
	ckpt_close(&core->menus_ck);
}

void
store_forget_dial(struct core *core, struct leg *leg)
{
	ckpt_del(core->dials_ck, leg->dial_slot);
	leg->dial_slot = CKPT_NONE;
	mem_free(&leg->dial);
}

void
store_forget_leg(struct core *core, struct leg *leg)
{
	store_forget_dial(core, leg);
	ckpt_del(core->legs_ck, leg->slot);
	leg->slot = CKPT_NONE;
}

bool
store_menu_new(struct core *core, struct call *call)
{
	struct menu *menu = mem_new(sizeof(*menu));

	if (menu == NULL)
		return false;
	menu->slot = ckpt_alloc(core->menus_ck);
	if (menu->slot == CKPT_NONE) {
		log_limited(&core->bucket, LL_ERROR, "no room for another menu");
		mem_free(&menu);
		return false;
	}
	menu->r.call = call->r.id;
	call->menu = menu;
	call_menu_dirty(core, call);
	return true;
}

void
store_forget_menu(struct core *core, struct call *call)
{
	if (call->menu == NULL)
		return;
	ckpt_del(core->menus_ck, call->menu->slot);
	mem_free(&call->menu);
}

void
call_menu_dirty(struct core *core, struct call *call)
{
	call->menu->dirty = true;
	call_dirty(core, call);
}

void
store_save(struct core *core, struct call *call)
{
	struct leg *leg;

	if (call->menu != NULL && call->menu->dirty) {
		call->menu->dirty = false;
		ckpt_put(core->menus_ck, call->menu->slot, &call->menu->r);
	}
	TAILQ_FOREACH(leg, &call->legs, next)
	{
		if (!leg->dirty)
			continue;
		leg->dirty = false;
		ckpt_put(core->legs_ck, leg->slot, &leg->r);
		if (leg->dial == NULL || leg->dial_slot != CKPT_NONE)
			continue;
		leg->dial_slot = ckpt_alloc(core->dials_ck);
		if (leg->dial_slot != CKPT_NONE)
			ckpt_put(core->dials_ck, leg->dial_slot, leg->dial);
	}
	ckpt_put(core->calls_ck, call->slot, &call->r);
}

/* At the end of each turn. */
void
store_save_counts(struct core *core)
{
	const struct core_stats *s = &core->stats;
	struct count_rec now = { .total = s->total_calls,
		.answered = s->answered_calls,
		.failed = s->failed_calls,
		.shed = s->shed_calls };

	if (core->counts_slot == CKPT_NONE || memcmp(&now, &core->counts, sizeof(now)) == 0)
		return;
	core->counts = now;
	ckpt_put(core->counts_ck, core->counts_slot, &now);
}

/*
 * Reading it.
 */

static void
load_counts(struct core *core)
{
	const struct count_rec *rec = NULL;

	core->counts_slot = ckpt_next(core->counts_ck, 0);
	if (core->counts_slot != CKPT_NONE)
		rec = ckpt_get(core->counts_ck, core->counts_slot);
	else
		core->counts_slot = ckpt_alloc(core->counts_ck);
	if (rec == NULL)
		return;
	core->counts = *rec;
	core->stats.total_calls = rec->total;
	core->stats.answered_calls = rec->answered;
	core->stats.failed_calls = rec->failed;
	core->stats.shed_calls = rec->shed;
}

/* A record of the first version has its plan in another place. */
static void
plan_of_v1(struct plan *plan, const struct plan_v1 *old)
{
	plan->n = old->n;
	memcpy(plan->steps, old->steps, sizeof(old->steps));
}

static void
load_calls(struct core *core)
{
	const struct call_rec *rec;
	struct call *call;

	for (uint32_t s = ckpt_next(core->calls_ck, 0); s != CKPT_NONE;
	     s = ckpt_next(core->calls_ck, s + 1)) {
		rec = ckpt_get(core->calls_ck, s);
		if (rec == NULL)
			continue;
		if (call_find(core, rec->id.b) != NULL || rec->key == 0) {
			ckpt_del(core->calls_ck, s);
			continue;
		}
		call = mem_must(sizeof(*call));
		call->r = *rec;
		if (call->r.plan.n == 0 && call->r.plan_v1.n <= PLAN_STEPS_V1)
			plan_of_v1(&call->r.plan, &call->r.plan_v1);
		call->slot = s;
		call->heap = CORE_NO_HEAP;
		TAILQ_INIT(&call->legs);
		if (call->r.trace_len >= CORE_TRACE_SIZE)
			call->r.trace_len = CORE_TRACE_SIZE - 1;
		/* The trace may be a line ahead of the record. */
		ckpt_tail(core->calls_ck, s)[call->r.trace_len] = '\0';
		HASH_ADD(hh, core->calls, r.id, sizeof(call->r.id), call);
		if (!call->r.ending)
			core->live++;
	}
}

static void
load_legs(struct core *core)
{
	const struct leg_rec *rec;
	struct call *call;
	struct leg *leg;

	for (uint32_t s = ckpt_next(core->legs_ck, 0); s != CKPT_NONE;
	     s = ckpt_next(core->legs_ck, s + 1)) {
		rec = ckpt_get(core->legs_ck, s);
		call = rec != NULL ? call_find(core, rec->call.b) : NULL;
		if (call == NULL || leg_find(core, rec->id) != NULL || rec->state >= LEG_STATES ||
		    rec->state == LEG_NONE) {
			ckpt_del(core->legs_ck, s);
			continue;
		}
		leg = mem_must(sizeof(*leg));
		leg->r = *rec;
		leg->slot = s;
		leg->dial_slot = CKPT_NONE;
		leg->call = call;
		/* What brought their SDP is repeated by sipd; until then mediad may lack it. */
		leg->unproven = leg->r.state == LEG_SETTLING ||
		    ((leg->r.state == LEG_OFFERED || leg->r.state == LEG_ANSWERING) &&
		        !leg->r.taken && !leg->r.late);
		TAILQ_INSERT_TAIL(&call->legs, leg, next);
		HASH_ADD(hh, core->legs, r.id, sizeof(leg->r.id), leg);
		leg_set_user(core, leg, leg->r.user);
	}
}

static void
load_dials(struct core *core)
{
	const struct dial_rec *rec;
	struct leg *leg;

	for (uint32_t s = ckpt_next(core->dials_ck, 0); s != CKPT_NONE;
	     s = ckpt_next(core->dials_ck, s + 1)) {
		rec = ckpt_get(core->dials_ck, s);
		leg = rec != NULL ? leg_find(core, rec->leg) : NULL;
		if (leg == NULL || leg->dial != NULL) {
			ckpt_del(core->dials_ck, s);
			continue;
		}
		leg->dial = mem_must(sizeof(*leg->dial));
		*leg->dial = *rec;
		leg->dial_slot = s;
	}
}

static void
load_menus(struct core *core)
{
	const struct menu_rec *rec;
	struct call *call;

	for (uint32_t s = ckpt_next(core->menus_ck, 0); s != CKPT_NONE;
	     s = ckpt_next(core->menus_ck, s + 1)) {
		rec = ckpt_get(core->menus_ck, s);
		call = rec != NULL ? call_find(core, rec->call.b) : NULL;
		if (call == NULL || call->menu != NULL) {
			ckpt_del(core->menus_ck, s);
			continue;
		}
		call->menu = mem_must(sizeof(*call->menu));
		call->menu->r = *rec;
		call->menu->slot = s;
	}
}

/* A call that was made an instant before the kill, or is over: its record is written once more; the
 * spool takes only one. */
static void
take_up(struct core *core, struct call *call)
{
	struct leg *leg;

	call_dirty(core, call);
	if (call->r.cdr == CALL_CDR_FINAL)
		call->r.cdr = CALL_CDR_INTENT;
	if (call->r.ending) {
		call_timer(core, call, TIMER_FIGURES, 2000);
		call_timer(core, call, TIMER_LINGER, 70000);
		return;
	}
	if (TAILQ_EMPTY(&call->legs)) {
		call_end(core, call, 500, 41, CDR_SIDE_SYSTEM, "lost in a restart");
		return;
	}
	/* Deadlines go on, but mediad gets its time again from now. */
	call->r.due[TIMER_WANT] = 0;
	TAILQ_FOREACH(leg, &call->legs, next)
	{
		if (leg->r.want == WANT_NONE)
			continue;
		leg->r.want_mono_ms = core->mono_ms;
		call->r.due[TIMER_WANT] = core->mono_ms + 5000;
	}
	call_heap_add(core, call);
	trace_add(core, call, "sync", "featured-restarted", "%s", "");
	if (call->r.app == APP_ANNOUNCE)
		core->announcing++;
}

void
store_load(struct core *core)
{
	struct call *call, *tmp;

	load_counts(core);
	recording_load(core);
	load_calls(core);
	load_legs(core);
	load_dials(core);
	load_menus(core);
	HASH_ITER(hh, core->calls, call, tmp)
	take_up(core, call);
	if (HASH_COUNT(core->calls) > 0)
		log_info("calls taken up from the checkpoint",
		    kv_u("calls", HASH_COUNT(core->calls)), kv_u("legs", HASH_COUNT(core->legs)));
}
