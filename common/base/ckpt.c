/* SPDX-License-Identifier: ISC */
/*
 * The checkpoint file of ckpt.h.
 *
 *   page 0    struct head, hashed, written once when the file is made; then the high-water mark
 *   then      slots, each: struct slot, copy 0, copy 1, tail; all of one stride
 *   copy      generation, hash over (generation, slot number, record), record
 *
 * A copy counts when its generation is not 0 and its hash agrees; of two that count the higher
 * generation is the record. A process that is killed has done all stores before some instruction
 * and none after it, so the order of the stores in put() and del() is all that is needed: order()
 * keeps the compiler from changing it. The machine going down is no case: the file is on tmpfs and
 * gone.
 *
 * Nothing here may call into ipc or a daemon. Memory of freed slots is kept for the next ones.
 */
#include "common/base/ckpt.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define HEAD_LEN	4096
#define LAYOUT		1			/* of this file's own structure */
#define GROW_BYTES	(64 * 1024)	/* file space is claimed in steps of at least this */
#define DEATHS_MAX	2
#define OPEN_MAX	16			/* checkpoints that one process may have open */

struct head {
	char		sign[8];
	uint32_t	layout;
	uint32_t	magic;
	uint16_t	version;
	uint16_t	pad[3];
	uint64_t	size;
	uint64_t	tail;
	uint32_t	max;
	uint32_t	pad2;
	uint64_t	hash;			/* of what is above */
	_Atomic uint32_t high;			/* slots from here on were never used */
};

struct slot {
	/* deaths << 1 | being worked on; one word, so one store changes both */
	_Atomic uint32_t work;
	uint32_t	pad[3];
};

struct copy {
	_Atomic uint64_t gen;			/* 0: none */
	uint64_t	hash;
	uint8_t		rec[];
};

enum slot_state {
	FREE,
	TAKEN,					/* by ckpt_alloc, nothing put yet */
	USED_0,					/* copy 0 is the record */
	USED_1,
};

struct ckpt {
	struct head	*head;			/* the map */
	size_t		 map_len;
	size_t		 size, tail, copy_len, stride;
	uint32_t	 max;
	uint32_t	 claimed;		/* slots whose file space is ours */
	int		 fd;			/* open for its lock and for claiming */
	int		 id;			/* index into working[] */
	uint8_t		*state;			/* enum slot_state per slot */
	uint32_t	*free;			/* stack of freed slots */
	uint32_t	 nfree;
	_Atomic uint32_t count;
	struct log_bucket full;
};

static const char sign[8] = "WardenCk";

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
	h = (h ^ v) * UINT64_C(0x9ddfea08eb382d69);
	return h ^ h >> 29;
}

/*
 * Against torn and foreign bytes, not against an enemy. Four lanes, as one multiplication waits for
 * the one before it.
 */
static uint64_t
hash(const void *data, size_t n, uint64_t seed)
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

static uint64_t
head_hash(const struct head *h)
{
	return hash(h, offsetof(struct head, hash), LAYOUT);
}

static struct slot *
slot_at(const struct ckpt *ck, uint32_t slot)
{
	return (struct slot *)((char *)ck->head + HEAD_LEN + (size_t)slot * ck->stride);
}

static struct copy *
copy_at(const struct ckpt *ck, uint32_t slot, int which)
{
	return (struct copy *)((char *)slot_at(ck, slot) + sizeof(struct slot) +
	    (size_t)which * ck->copy_len);
}

static char *
tail_at(const struct ckpt *ck, uint32_t slot)
{
	return (char *)copy_at(ck, slot, 2);
}

static uint64_t
copy_hash(const struct ckpt *ck, uint32_t slot, const struct copy *c, uint64_t gen)
{
	return hash(c->rec, ck->size, mix(gen, slot));
}

static bool
copy_counts(const struct ckpt *ck, uint32_t slot, const struct copy *c)
{
	uint64_t gen = atomic_load(&c->gen);

	return gen != 0 && c->hash == copy_hash(ck, slot, c, gen);
}

static size_t
round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static void
set_layout(struct ckpt *ck, size_t size, uint32_t max, size_t tail)
{
	ck->size = size;
	ck->tail = tail;
	ck->max = max;
	ck->copy_len = round_up(sizeof(struct copy) + size, 16);
	ck->stride = round_up(sizeof(struct slot) + 2 * ck->copy_len + tail, 64);
	ck->map_len = HEAD_LEN + (size_t)max * ck->stride;
}

/*
 * Claims the file's space up to and with slot, so that a full tmpfs is an error here and not a
 * SIGBUS at the first store. Returns 0 or -errno.
 */
static int
claim(struct ckpt *ck, uint32_t slot)
{
	uint64_t step = GROW_BYTES / ck->stride, to;
	int r;

	if (slot < ck->claimed)
		return 0;
	to = (uint64_t)slot + (step > 0 ? step : 1);
	if (to > ck->max)
		to = ck->max;
	do {
		r = fallocate(ck->fd, 0, 0, (off_t)(HEAD_LEN + to * ck->stride));
	} while (r < 0 && errno == EINTR);
	if (r < 0 && errno != EOPNOTSUPP)
		return -errno;
	ck->claimed = (uint32_t)to;
	return 0;
}

/* Frees what ck holds of the process; the file stays. */
static void
release(struct ckpt *ck)
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

static struct ckpt *
ckpt_new(void)
{
	struct ckpt *ck = mem_new(sizeof(*ck));

	if (ck == NULL)
		return NULL;
	ck->fd = ck->id = -1;
	for (int i = 0; i < OPEN_MAX; i++) {
		uint32_t bit = UINT32_C(1) << i;

		if ((atomic_fetch_or(&ids, bit) & bit) == 0) {
			ck->id = i;
			working[i] = 0;
			return ck;
		}
	}
	release(ck);
	return NULL;
}

/* Maps ck->fd by the layout set before. Returns 0 or -errno. */
static int
map(struct ckpt *ck)
{
	void *p = mmap(NULL, ck->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, ck->fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	ck->head = p;
	ck->state = mem_new(ck->max);
	ck->free = mem_new((size_t)ck->max * sizeof(*ck->free));
	return ck->state != NULL && ck->free != NULL ? 0 : -ENOMEM;
}

/* Makes path, empty. Written under another name first: path is either not there or whole. */
static int
make(struct ckpt *ck, const char *path, const struct head *want)
{
	char tmp[512];
	struct head *h;
	int r;

	if (!str_format(tmp, sizeof(tmp), "%s.new", path))
		return -ENAMETOOLONG;
	if (unlink(tmp) < 0 && errno != ENOENT)
		return -errno;
	if ((ck->fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return -errno;
	set_layout(ck, want->size, want->max, want->tail);
	if (flock(ck->fd, LOCK_EX | LOCK_NB) < 0 || ftruncate(ck->fd, (off_t)ck->map_len) < 0)
		return -errno;
	if (fallocate(ck->fd, 0, 0, HEAD_LEN) < 0 && errno != EOPNOTSUPP)
		return -errno;
	if ((r = map(ck)) < 0)
		return r;
	h = ck->head;
	*h = *want;
	h->hash = head_hash(h);
	return 0;
}

/* Puts the file made under its name in place. */
static int
publish(const char *path)
{
	char tmp[512];

	str_format(tmp, sizeof(tmp), "%s.new", path);
	return rename(tmp, path) < 0 ? -errno : 0;
}

/* Reads the head of an open file and says what is wrong with it, or NULL. */
static const char *
check_head(int fd, const struct head *want, struct head *got)
{
	struct ckpt layout;
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return "not a file of ours";
	if (pread(fd, got, sizeof(*got), 0) != (ssize_t)sizeof(*got) ||
	    memcmp(got->sign, sign, sizeof(sign)) != 0)
		return "no checkpoint";
	if (got->hash != head_hash(got))
		return "head is damaged";
	if (got->layout != LAYOUT || got->version > want->version ||
	    (got->version == want->version && got->size > want->size))
		return "of a newer version";
	if (got->magic != want->magic)
		return "of another kind";
	set_layout(&layout, got->size, got->max, got->tail);
	if (st.st_size < (off_t)layout.map_len)
		return "cut short";
	return NULL;
}

/*
 * Finds the records of a mapped file, drops those that were worked on at each of the last deaths,
 * and lists the free slots. Kills in here do no harm: each slot's count of deaths and its mark
 * change in one store.
 */
static void
scan(struct ckpt *ck, const char *path)
{
	uint32_t high = atomic_load(&ck->head->high);

	if (high > ck->max)
		high = ck->max;
	atomic_store(&ck->head->high, high);
	ck->claimed = high;
	for (uint32_t i = 0; i < high; i++) {
		struct copy *c0 = copy_at(ck, i, 0), *c1 = copy_at(ck, i, 1);
		bool ok0 = copy_counts(ck, i, c0), ok1 = copy_counts(ck, i, c1);
		uint32_t work = atomic_load(&slot_at(ck, i)->work);
		uint32_t deaths = work & 1 ? (work >> 1) + 1 : 0;

		if (!ok0 && !ok1) {
			/* What may be a torn first put: never to be taken for a record later. */
			atomic_store(&c0->gen, 0);
			atomic_store(&c1->gen, 0);
			atomic_store(&slot_at(ck, i)->work, 0);
			continue;
		}
		if (ok0 && ok1)
			ok0 = atomic_load(&c0->gen) > atomic_load(&c1->gen);
		ck->state[i] = ok0 ? USED_0 : USED_1;
		atomic_fetch_add(&ck->count, 1);
		if (deaths >= DEATHS_MAX) {
			log_error("record dropped: the process died twice while working on it",
			    kv_s("file", path), kv_u("slot", i));
			ckpt_del(ck, i);
			ck->nfree--;	/* listed below, in order */
			continue;
		}
		atomic_store(&slot_at(ck, i)->work, deaths << 1);
	}
	/* The lowest slot on top: the file stays dense. */
	ck->nfree = 0;
	for (uint32_t i = high; i-- > 0;) {
		if (ck->state[i] == FREE)
			ck->free[ck->nfree++] = i;
	}
}

/*
 * Opens the file that is there. Returns 1 when it was taken, 0 when a new one is to be made, or
 * -errno.
 */
static int
open_old(struct ckpt *ck, const char *path, const struct head *want)
{
	char bad[512];
	struct head got;
	const char *why;
	int r;

	if ((ck->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) < 0) {
		if (errno == ENOENT)
			return 0;
		if (errno != ELOOP)
			return -errno;
		why = "a symbolic link";
	} else if (flock(ck->fd, LOCK_EX | LOCK_NB) < 0) {
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	} else {
		why = check_head(ck->fd, want, &got);
	}
	if (why == NULL) {
		set_layout(ck, got.size, got.max, got.tail);
		if ((r = map(ck)) < 0)
			return r;
		scan(ck, path);
		return 1;
	}
	if (!str_format(bad, sizeof(bad), "%s.bad", path))
		return -ENAMETOOLONG;
	log_error("checkpoint is not usable: starting without it", kv_s("file", path),
	    kv_s("reason", why), kv_s("moved_to", bad));
	return rename(path, bad) < 0 ? -errno : 0;
}

/* Copies one record from one layout to another; the slot stays the same where it can. */
static bool
carry_over(struct ckpt *to, const struct ckpt *from, uint32_t slot)
{
	size_t n = from->size < to->size ? from->size : to->size;
	size_t tail = from->tail < to->tail ? from->tail : to->tail;
	uint32_t dst = slot;
	struct copy *c;

	for (dst = slot < to->max ? slot : 0; dst < to->max; dst++) {
		if (to->state[dst] == FREE &&
		    (dst == slot || dst >= from->max || from->state[dst] == FREE))
			break;
	}
	if (dst == to->max || claim(to, dst) < 0)
		return false;
	c = copy_at(to, dst, 0);
	memcpy(c->rec, ckpt_get(from, slot), n);
	memset(c->rec + n, 0, to->size - n);
	c->hash = copy_hash(to, dst, c, 1);
	atomic_store(&c->gen, 1);
	if (tail > 0) {
		memcpy(tail_at(to, dst), tail_at(from, slot), tail);
		tail_at(to, dst)[tail - 1] = '\0';	/* text: a shorter tail still ends */
	}
	/* The deaths counted so far come along; scan() has taken the marks off. */
	atomic_store(&slot_at(to, dst)->work, atomic_load(&slot_at(from, slot)->work));
	to->state[dst] = USED_0;
	atomic_fetch_add(&to->count, 1);
	if (dst >= atomic_load(&to->head->high))
		atomic_store(&to->head->high, dst + 1);
	return true;
}

/* Writes the records of *ck into a new file of the wanted layout, and makes that *ck. */
static int
convert(struct ckpt **ck, const char *path, const struct head *want)
{
	struct ckpt *to = ckpt_new();
	uint32_t lost = 0;
	int r;

	if (to == NULL)
		return -ENOMEM;
	if ((r = make(to, path, want)) < 0) {
		release(to);
		return r;
	}
	for (uint32_t i = ckpt_next(*ck, 0); i != CKPT_NONE; i = ckpt_next(*ck, i + 1)) {
		if (!carry_over(to, *ck, i))
			lost++;
	}
	if (lost > 0)
		log_error("records dropped: no room in the new layout", kv_s("file", path),
		    kv_u("count", lost));
	if ((r = publish(path)) < 0) {
		release(to);
		return r;
	}
	for (uint32_t i = atomic_load(&to->head->high); i-- > 0;) {
		if (to->state[i] == FREE)
			to->free[to->nfree++] = i;
	}
	release(*ck);
	*ck = to;
	return 0;
}

int
ckpt_open_tail(struct ckpt **out, const char *path, uint32_t magic, uint16_t version, size_t size,
    uint32_t max, size_t tail_size)
{
	struct head want = { .layout = LAYOUT,
		.magic = magic,
		.version = version,
		.size = size,
		.tail = tail_size,
		.max = max };
	struct ckpt *ck = ckpt_new();
	int r;

	assert_that(size > 0 && max > 0 && max < CKPT_NONE);
	*out = NULL;
	if (ck == NULL)
		return -ENOMEM;
	memcpy(want.sign, sign, sizeof(sign));
	r = open_old(ck, path, &want);
	if (r == 1) {
		bool same = ck->size == size && ck->max == max && ck->tail == tail_size &&
		    ck->head->version == version;

		r = same ? 0 : convert(&ck, path, &want);
	} else if (r == 0) {
		if (ck->fd >= 0) {
			close(ck->fd);
			ck->fd = -1;
		}
		if ((r = make(ck, path, &want)) == 0)
			r = publish(path);
	}
	if (r < 0) {
		release(ck);
		return r;
	}
	*out = ck;
	return 0;
}

int
ckpt_open(struct ckpt **out, const char *path, uint32_t magic, uint16_t version, size_t size,
    uint32_t max)
{
	return ckpt_open_tail(out, path, magic, version, size, max, 0);
}

void
ckpt_close(struct ckpt **ck)
{
	release(*ck);
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
		if ((r = claim(ck, slot)) < 0) {
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
	struct copy *c;
	uint64_t gen;

	assert_that(slot < ck->max && ck->state[slot] != FREE);
	was = (enum slot_state)ck->state[slot];
	c = copy_at(ck, slot, was == USED_0);
	gen = was == TAKEN
	    ? 1
	    : atomic_load_explicit(&copy_at(ck, slot, was == USED_1)->gen, memory_order_relaxed) +
	        1;

	atomic_store_explicit(&c->gen, 0, memory_order_relaxed);
	order();
	memcpy(c->rec, rec, ck->size);
	c->hash = copy_hash(ck, slot, c, gen);
	order();
	atomic_store_explicit(&c->gen, gen, memory_order_relaxed);

	ck->state[slot] = was == USED_0 ? USED_1 : USED_0;
	if (was == TAKEN)
		atomic_fetch_add_explicit(&ck->count, 1, memory_order_relaxed);
}

void
ckpt_del(struct ckpt *ck, uint32_t slot)
{
	enum slot_state was;
	int young;

	if (slot == CKPT_NONE)
		return;
	assert_that(slot < ck->max && ck->state[slot] != FREE);
	was = (enum slot_state)ck->state[slot];
	if (was != TAKEN) {
		/*
		 * The older copy first: a kill between the two leaves the record as it is, not as
		 * it was.
		 */
		young = was == USED_1;
		atomic_store(&copy_at(ck, slot, !young)->gen, 0);
		order();
		atomic_store(&copy_at(ck, slot, young)->gen, 0);
		atomic_fetch_sub(&ck->count, 1);
	}
	atomic_store(&slot_at(ck, slot)->work, 0);
	if (working[ck->id] == slot + 1)
		working[ck->id] = 0;
	ck->state[slot] = FREE;
	ck->free[ck->nfree++] = slot;
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
	uint32_t slot = working[ck->id];

	if (slot == 0)
		return;
	order();
	/* Worked on without dying: earlier deaths were not this record's fault. */
	atomic_store_explicit(&slot_at(ck, slot - 1)->work, 0, memory_order_relaxed);
	working[ck->id] = 0;
}

char *
ckpt_tail(struct ckpt *ck, uint32_t slot)
{
	assert_that(slot < ck->max);
	return ck->tail > 0 ? tail_at(ck, slot) : NULL;
}
