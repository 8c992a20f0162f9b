/* SPDX-License-Identifier: ISC */
/*
 * See bindings.h. A hash of AORs, each with a list of its contacts; a heap by expiry, so that one
 * timer serves all; the checkpoint, put at each change. What PostgreSQL is told, and when, is
 * reg/bindings_db.c's.
 */
#include "featured/reg/bindings_impl.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define CKPT_MAGIC	0x42494e44u	/* "BIND" */
#define CKPT_VERSION	2

/* ---- heap by expiry ---- */

static void
heap_set(struct bindings *b, uint32_t i, struct entry *e)
{
	b->heap[i] = e;
	e->heap_at = i;
}

static void
heap_up(struct bindings *b, uint32_t i)
{
	struct entry *e = b->heap[i];

	while (i > 0 && b->heap[(i - 1) / 2]->b.expires_ms > e->b.expires_ms) {
		heap_set(b, i, b->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_set(b, i, e);
}

static void
heap_down(struct bindings *b, uint32_t i)
{
	struct entry *e = b->heap[i];

	for (;;) {
		uint32_t kid = 2 * i + 1;

		if (kid >= b->count)
			break;
		if (kid + 1 < b->count &&
		    b->heap[kid + 1]->b.expires_ms < b->heap[kid]->b.expires_ms)
			kid++;
		if (b->heap[kid]->b.expires_ms >= e->b.expires_ms)
			break;
		heap_set(b, i, b->heap[kid]);
		i = kid;
	}
	heap_set(b, i, e);
}

static void
heap_moved(struct bindings *b, struct entry *e)
{
	heap_up(b, e->heap_at);
	heap_down(b, e->heap_at);
}

static void
heap_remove(struct bindings *b, struct entry *e)
{
	uint32_t i = e->heap_at;
	struct entry *last = b->heap[--b->count];

	if (last == e)
		return;
	heap_set(b, i, last);
	heap_moved(b, last);
}

/* ---- AORs ---- */

static struct aor *
aor_find(const struct bindings *b, const char *name)
{
	struct aor *a;

	HASH_FIND_STR(b->aors, name, a);
	return a;
}

static struct aor *
aor_make(struct bindings *b, const char *name)
{
	struct aor *a = aor_find(b, name);

	if (a != NULL || (a = mem_new(sizeof(*a))) == NULL)
		return a;
	str_copy(a->name, sizeof(a->name), name);
	HASH_ADD_STR(b->aors, name, a);
	if (!hash_added(a)) {
		free(a);
		return NULL;
	}
	return a;
}

static void
unlink_entry(struct bindings *b, struct entry *e)
{
	struct aor *a = e->aor;
	struct entry **at = &a->first;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	a->n--;
	if (a->n == 0) {
		HASH_DEL(b->aors, a);
		free(a);
	}
	heap_remove(b, e);
}

/* Behind the others of its AOR: the list is in the order of the last refresh. */
static void
append(struct aor *a, struct entry *e)
{
	struct entry **at = &a->first;

	while (*at != NULL)
		at = &(*at)->next;
	e->next = NULL;
	*at = e;
}

static struct entry *
insert(struct bindings *b, const struct binding *want, uint32_t slot)
{
	struct entry *e;
	struct aor *a;

	if (b->count == BINDINGS_MAX || (e = mem_new(sizeof(*e))) == NULL)
		return NULL;
	if ((a = aor_make(b, want->aor)) == NULL) {
		free(e);
		return NULL;
	}
	e->b = *want;
	e->aor = a;
	e->slot = slot;
	append(a, e);
	a->n++;
	heap_set(b, b->count, e);
	b->count++;
	heap_up(b, e->heap_at);
	return e;
}

/* ---- timer ---- */

static int
on_expiry(sd_event_source *source, uint64_t usec, void *arg)
{
	struct bindings *b = arg;

	(void)source;
	(void)usec;
	b->armed_ms = UINT64_MAX;
	bindings_expire(b, clock_real_ms());
	bindings_arm(b);
	return 0;
}

/*
 * The timer stands at the soonest expiry or before it: a refresh, which moves it away, needs no
 * system call.
 */
void
bindings_arm(struct bindings *b)
{
	uint64_t now, next = b->count > 0 ? b->heap[0]->b.expires_ms : UINT64_MAX;

	if (b->event == NULL || next == UINT64_MAX || next >= b->armed_ms)
		return;
	now = clock_real_ms();
	b->armed_ms = next;
	if (b->timer == NULL) {
		if (sd_event_add_time_relative(b->event, &b->timer, CLOCK_MONOTONIC,
		        next > now ? (next - now) * 1000 : 0, 500000, on_expiry, b) < 0)
			log_error("no timer for expiring bindings");
		return;
	}
	sd_event_source_set_time_relative(b->timer, next > now ? (next - now) * 1000 : 0);
	sd_event_source_set_enabled(b->timer, SD_EVENT_ONESHOT);
}

/* ---- the interface ---- */

static void
take_up(struct bindings *b, uint64_t now_ms)
{
	for (uint32_t s = ckpt_next(b->ckpt, 0); s != CKPT_NONE; s = ckpt_next(b->ckpt, s + 1)) {
		const struct binding *one = ckpt_get(b->ckpt, s);

		if (one == NULL || one->expires_ms <= now_ms || insert(b, one, s) == NULL)
			ckpt_del(b->ckpt, s);
	}
	if (b->count > 0)
		log_info("bindings taken up from the checkpoint", kv_u("contacts", b->count),
		    kv_u("aors", bindings_aors(b)));
}

int
bindings_open(struct bindings **out, sd_event *event, const char *own_dir,
    const struct settings *settings)
{
	struct bindings *b = mem_new(sizeof(*b));
	char path[300];
	int r;

	if (b == NULL)
		return -ENOMEM;
	b->settings = settings;
	b->event = event != NULL ? sd_event_ref(event) : NULL;
	b->armed_ms = UINT64_MAX;
	if ((b->heap = mem_new(BINDINGS_MAX * sizeof(*b->heap))) == NULL) {
		bindings_close(&b);
		return -ENOMEM;
	}
	if (own_dir != NULL) {
		str_format(path, sizeof(path), "%s/bindings.ckpt", own_dir);
		b->fresh = access(path, F_OK) != 0;
		if ((r = ckpt_open(&b->ckpt, path, CKPT_MAGIC, CKPT_VERSION, sizeof(struct binding),
		         BINDINGS_MAX)) < 0) {
			bindings_close(&b);
			return r;
		}
		take_up(b, clock_real_ms());
	}
	bindings_arm(b);
	*out = b;
	return 0;
}

void
bindings_close(struct bindings **out)
{
	struct bindings *b = *out;
	struct aor *a, *next;

	if (b == NULL)
		return;
	bindings_db_close(b);
	for (uint32_t i = 0; i < b->count; i++)
		free(b->heap[i]);
	HASH_ITER(hh, b->aors, a, next) {
		HASH_DEL(b->aors, a);
		free(a);
	}
	free(b->heap);
	ckpt_close(&b->ckpt);
	sd_event_source_disable_unref(b->timer);
	sd_event_unref(b->event);
	mem_free(out);
}

void
bindings_settings(struct bindings *b, const struct settings *settings)
{
	b->settings = settings;
}

size_t
bindings_lookup(const struct bindings *b, const char *user, uint64_t now_ms,
    const struct binding **out, size_t max)
{
	char name[AOR_LEN + 1];
	const struct aor *a;
	size_t n = 0, i;

	str_format(name, sizeof(name), "%s@%s", user, b->settings->server.domain);
	if ((a = aor_find(b, name)) == NULL)
		return 0;
	/*
	 * The list runs from the oldest refresh to the newest: inserting before equals puts the
	 * newest first.
	 */
	for (const struct entry *e = a->first; e != NULL; e = e->next) {
		if (e->b.expires_ms <= now_ms)
			continue;
		for (i = 0; i < n && out[i]->q > e->b.q; i++)
			;
		if (i == max)
			continue;
		if (n < max)
			n++;
		memmove(&out[i + 1], &out[i], (n - i - 1) * sizeof(*out));
		out[i] = &e->b;
	}
	return n;
}

uint32_t
bindings_aors(const struct bindings *b)
{
	return HASH_COUNT(b->aors);
}

uint32_t
bindings_count(const struct bindings *b)
{
	return b->count;
}

struct binding *
bindings_first(struct bindings *b, const char *name)
{
	struct aor *a = aor_find(b, name);

	return a != NULL && a->first != NULL ? &a->first->b : NULL;
}

struct binding *
bindings_next(struct binding *one)
{
	struct entry *e = (struct entry *)one;	/* b is its first member */

	return e->next != NULL ? &e->next->b : NULL;
}

struct binding *
bindings_add(struct bindings *b, const struct binding *want)
{
	struct aor *a = aor_find(b, want->aor);
	uint32_t slot = CKPT_NONE;
	struct entry *e;

	while (a != NULL && a->n >= (unsigned)b->settings->registration.max_contacts) {
		bool last = a->n == 1;

		bindings_remove(b, &a->first->b, "max_contacts");
		a = last ? NULL : a;
	}
	if (b->ckpt != NULL && (slot = ckpt_alloc(b->ckpt)) == CKPT_NONE)
		return NULL;
	if ((e = insert(b, want, slot)) == NULL) {
		if (b->ckpt != NULL)
			ckpt_del(b->ckpt, slot);
		return NULL;
	}
	if (e->b.id == 0)
		e->b.id = id_u64() >> 1;	/* a bigint of PostgreSQL */
	if (b->ckpt != NULL)
		ckpt_put(b->ckpt, slot, &e->b);
	bindings_db_changed(b, e);
	bindings_arm(b);
	return &e->b;
}

void
bindings_changed(struct bindings *b, struct binding *one)
{
	struct entry *e = (struct entry *)one;
	struct entry **at = &e->aor->first;

	if (e->next != NULL) {
		while (*at != e)
			at = &(*at)->next;
		*at = e->next;
		append(e->aor, e);
	}
	heap_moved(b, e);
	if (b->ckpt != NULL)
		ckpt_put(b->ckpt, e->slot, &e->b);
	bindings_db_changed(b, e);
	bindings_arm(b);
}

void
bindings_remove(struct bindings *b, struct binding *one, const char *why)
{
	struct entry *e = (struct entry *)one;

	log_info("contact removed", kv_s("aor", e->b.aor), kv_s("contact", e->b.uri),
	    kv_s("why", why));
	bindings_db_removed(b, e);
	if (b->ckpt != NULL)
		ckpt_del(b->ckpt, e->slot);
	unlink_entry(b, e);
	free(e);
}

bool
bindings_told_empty(const struct binding *one)
{
	return ((const struct entry *)one)->told_empty;
}

void
bindings_set_told_empty(const struct binding *one, bool told)
{
	((struct entry *)(uintptr_t)one)->told_empty = told;
}

uint64_t
bindings_expire(struct bindings *b, uint64_t now_ms)
{
	while (b->count > 0 && b->heap[0]->b.expires_ms <= now_ms)
		bindings_remove(b, &b->heap[0]->b, "expired");
	return b->count > 0 ? b->heap[0]->b.expires_ms : UINT64_MAX;
}
