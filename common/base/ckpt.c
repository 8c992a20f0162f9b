/* SPDX-License-Identifier: ISC */
/*
 * The records of a checkpoint, see ckpt.h; the file's structure is in ckpt_impl.h.
 *
 * A process that is killed has done all stores before some instruction and none after it, so the
 * order of the stores in ckpt_put() and ckpt_del() is all that is needed: order() keeps the
 * compiler from changing it. The machine going down is no case: the file is on tmpfs and gone.
 *
 * Nothing here may call into ipc or a daemon. Memory of freed slots is kept for the next ones.
 */
#include "common/base/ckpt_impl.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"

/* Which checkpoint ids are taken, and what each thread works on: slot + 1, or 0. */
static _Atomic uint32_t ids;
static _Thread_local uint32_t working[OPEN_MAX];

static inline void
order(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

static inline uint64_t
load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0xb7e151628aed2a6b);	/* digits of e */
	return h ^ h >> 29;
}

/*
 * Against torn and foreign bytes, not against an enemy. Four lanes, as one multiplication waits for
 * the one before it.
 */
uint64_t
ckpt_hash_bytes(const void *data, size_t n, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t a = mix(seed, n), b = ~a, c = mix(a, 1), d = ~c;

	for (; n >= 32; n -= 32, p += 32) {
		a = mix(a, load64(p));
		b = mix(b, load64(p + 8));
		c = mix(c, load64(p + 16));
		d = mix(d, load64(p + 24));
	}
	for (; n >= 8; n -= 8, p += 8)
		a = mix(a, load64(p));
	if (n > 0) {
		uint8_t last[8] = { 0 };

		memcpy(last, p, n);
		b = mix(b, load64(last));
	}
	a = mix(mix(mix(a, b), c), d);
	return a ^ a >> 32;
}

uint64_t
ckpt_hash(const struct ckpt *ck, uint32_t slot, const struct copy *c, uint64_t gen)
{
	return ckpt_hash_bytes(c->rec, ck->size, mix(gen, slot));
}

int
ckpt_claim(struct ckpt *ck, uint32_t slot)
{
	uint64_t step = GROW_BYTES / ck->stride, to;
	off_t from = HEAD_LEN + (off_t)ck->claimed * (off_t)ck->stride;
	int r;

	if (slot < ck->claimed)
		return 0;
	to = (uint64_t)slot + (step > 0 ? step : 1);
	if (to > ck->max)
		to = ck->max;
	do {
		/* Only what is new: going over what is there would cost as much as is there. */
		r = fallocate(ck->fd, 0, from, (off_t)(HEAD_LEN + to * ck->stride) - from);
	} while (r < 0 && errno == EINTR);
	if (r < 0 && errno != EOPNOTSUPP)
		return -errno;
	ck->claimed = (uint32_t)to;
	return 0;
}

void
ckpt_release(struct ckpt *ck)
{
	if (ck == NULL)
		return;
	if (ck->id >= 0) {
		ckpt_leave(ck);
		atomic_fetch_and(&ids, ~(UINT32_C(1) << ck->id));
	}
	if (ck->head != NULL)
		munmap(ck->head, ck->map_len);
	if (ck->fd >= 0)
		close(ck->fd);
	free(ck->state);
	free(ck->free);
	free(ck);
}

struct ckpt *
ckpt_new(void)
{
	struct ckpt *ck = mem_new(sizeof(*ck));

	if (ck == NULL)
		return NULL;
	ck->fd = ck->id = -1;
	ck->opened_ms = clock_mono_ms();
	for (int i = 0; i < OPEN_MAX; i++) {
		uint32_t bit = UINT32_C(1) << i;

		if ((atomic_fetch_or(&ids, bit) & bit) == 0) {
			ck->id = i;
			working[i] = 0;
			return ck;
		}
	}
	ckpt_release(ck);
	return NULL;
}

void
ckpt_close(struct ckpt **ck)
{
	ckpt_release(*ck);
	*ck = NULL;
}

uint32_t
ckpt_alloc(struct ckpt *ck)
{
	uint32_t slot;

	if (ck->nfree > 0) {
		slot = ck->free[--ck->nfree];
		if (ck->tail > 0)
			memset(tail_at(ck, slot), 0, ck->tail);
	} else {
		int r;

		slot = atomic_load(&ck->head->high);
		if (slot == ck->max) {
			log_limited(&ck->full, LL_ERROR, "checkpoint is full",
			    kv_u("records", ck->max));
			return CKPT_NONE;
		}
		if ((r = ckpt_claim(ck, slot)) < 0) {
			log_limited(&ck->full, LL_ERROR, "no room for the checkpoint",
			    kv_s("error", strerror(-r)), kv_u("records", slot));
			return CKPT_NONE;
		}
		atomic_store(&ck->head->high, slot + 1);
	}
	ck->state[slot] = TAKEN;
	return slot;
}

void
ckpt_put(struct ckpt *ck, uint32_t slot, const void *rec)
{
	enum slot_state was;
	uint64_t gen, young = 0;
	struct copy *c;
	int which;

	assert_that(slot < ck->max && ck->state[slot] != FREE && ck->state[slot] != DEAD);
	was = (enum slot_state)ck->state[slot];
	which = was == USED_0;
	if (was != TAKEN)
		young = atomic_load_explicit(&copy_at(ck, slot, !which)->gen, memory_order_relaxed);
	gen = young + 1;
	if (ck->committed != NULL) {
		gen = atomic_load_explicit(ck->committed, memory_order_relaxed) + 1;
		if (young == gen) /* once more in this turn: the other copy is the last turn's */
			which = !which;
	}
	c = copy_at(ck, slot, which);

	atomic_store_explicit(&c->gen, 0, memory_order_relaxed);
	order();
	memcpy(c->rec, rec, ck->size);
	c->hash = ckpt_hash(ck, slot, c, gen);
	order();
	atomic_store_explicit(&c->gen, gen, memory_order_relaxed);

	ck->state[slot] = which == 0 ? USED_0 : USED_1;
	if (was == TAKEN)
		atomic_fetch_add_explicit(&ck->count, 1, memory_order_relaxed);
}

/* Neither copy counts any more; the slot is free. */
static void
wipe(struct ckpt *ck, uint32_t slot)
{
	struct copy *c0 = copy_at(ck, slot, 0), *c1 = copy_at(ck, slot, 1);
	bool young = atomic_load(&c1->gen) > atomic_load(&c0->gen);

	/* The older copy first: a kill between the two leaves the record as it is, not as it was. */
	atomic_store(young ? &c0->gen : &c1->gen, 0);
	order();
	atomic_store(young ? &c1->gen : &c0->gen, 0);
	atomic_store(&slot_at(ck, slot)->work, 0);
	ck->state[slot] = FREE;
	ck->free[ck->nfree++] = slot;
}

void
ckpt_del(struct ckpt *ck, uint32_t slot)
{
	bool put;

	if (slot == CKPT_NONE)
		return;
	assert_that(slot < ck->max && ck->state[slot] != FREE && ck->state[slot] != DEAD);
	put = ck->state[slot] != TAKEN;
	if (put)
		atomic_fetch_sub(&ck->count, 1);
	if (working[ck->id] == slot + 1)
		working[ck->id] = 0;
	if (put && ck->committed != NULL) {
		ck->state[slot] = DEAD;
		ck->free[ck->max - ++ck->ndead] = slot;
	} else {
		wipe(ck, slot);
	}
}

/*
 * Groups.
 */

/* What was put in a turn that did not become whole is as it was before. */
static void
roll_back(struct ckpt *ck, uint64_t committed)
{
	for (uint32_t i = ckpt_next(ck, 0); i != CKPT_NONE; i = ckpt_next(ck, i + 1)) {
		bool young = ck->state[i] == USED_1;
		struct copy *c = copy_at(ck, i, young), *other = copy_at(ck, i, !young);

		if (atomic_load(&c->gen) <= committed)
			continue;
		if (ckpt_copy_counts(ck, i, other) && atomic_load(&other->gen) <= committed) {
			atomic_store(&c->gen, 0);
			ck->state[i] = young ? USED_0 : USED_1;
			continue;
		}
		ckpt_del(ck, i);
	}
}

void
ckpt_group(struct ckpt *const *group, size_t n)
{
	_Atomic uint64_t *committed = &group[0]->head->committed;
	uint64_t last = atomic_load(committed), gen;

	for (size_t i = 0; last != 0 && i < n; i++)
		roll_back(group[i], last);
	if (last == 0) {
		/* New files, or those of a daemon that knew no groups: all counts. */
		last = 1;
		for (size_t i = 0; i < n; i++)
			for (uint32_t s = ckpt_next(group[i], 0); s != CKPT_NONE;
			     s = ckpt_next(group[i], s + 1)) {
				gen = atomic_load(
				    &copy_at(group[i], s, group[i]->state[s] == USED_1)->gen);
				last = gen > last ? gen : last;
			}
		atomic_store(committed, last);
	}
	for (size_t i = 0; i < n; i++)
		group[i]->committed = committed;
}

void
ckpt_commit(struct ckpt *const *group, size_t n)
{
	(void)n;
	order();
	atomic_store_explicit(&group[0]->head->committed,
	    atomic_load_explicit(&group[0]->head->committed, memory_order_relaxed) + 1,
	    memory_order_relaxed);
	order();
}

void
ckpt_sweep(struct ckpt *const *group, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ckpt *ck = group[i];

		for (; ck->ndead > 0; ck->ndead--)
			wipe(ck, ck->free[ck->max - ck->ndead]);
	}
}

const void *
ckpt_get(const struct ckpt *ck, uint32_t slot)
{
	if (slot >= ck->max || ck->state[slot] < USED_0)
		return NULL;
	return copy_at(ck, slot, ck->state[slot] == USED_1)->rec;
}

uint32_t
ckpt_next(const struct ckpt *ck, uint32_t from)
{
	uint32_t high = atomic_load(&ck->head->high);

	for (; from < high; from++) {
		if (ck->state[from] >= USED_0)
			return from;
	}
	return CKPT_NONE;
}

uint32_t
ckpt_count(const struct ckpt *ck)
{
	return atomic_load(&ck->count);
}

void
ckpt_enter(struct ckpt *ck, uint32_t slot)
{
	_Atomic uint32_t *work;

	assert_that(slot < ck->max && ck->state[slot] != FREE);
	ckpt_leave(ck);
	work = &slot_at(ck, slot)->work;
	atomic_store_explicit(work, atomic_load_explicit(work, memory_order_relaxed) | 1,
	    memory_order_relaxed);
	working[ck->id] = slot + 1;
	order();
}

void
ckpt_leave(struct ckpt *ck)
{
	uint32_t slot = working[ck->id], deaths;
	_Atomic uint32_t *work;

	if (slot == 0)
		return;
	order();
	work = &slot_at(ck, slot - 1)->work;
	deaths = atomic_load_explicit(work, memory_order_relaxed) >> 1;
	/*
	 * What kills us may come some harmless steps later: an earlier death is forgotten only when
	 * this process has lasted.
	 */
	if (deaths > 0 && clock_mono_ms() - ck->opened_ms > LASTED_MS)
		deaths = 0;
	atomic_store_explicit(work, deaths << 1, memory_order_relaxed);
	working[ck->id] = 0;
}

char *
ckpt_tail(struct ckpt *ck, uint32_t slot)
{
	assert_that(slot < ck->max);
	return ck->tail > 0 ? tail_at(ck, slot) : NULL;
}
