/* SPDX-License-Identifier: ISC */
/*
 * The file of a checkpoint: making it, opening what the process before us left, and carrying its
 * records over into another layout after an upgrade. See ckpt.h; the structure is in ckpt_impl.h.
 *
 * A file is written under another name and renamed, so that it is not there or whole. One that is
 * not ours is moved aside, never used and never deleted.
 */
#include "common/base/ckpt_impl.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"

static const char sign[8] = "WardenCk";

static uint64_t
head_hash(const struct head *h)
{
	return ckpt_hash_bytes(h, offsetof(struct head, hash), LAYOUT);
}

bool
ckpt_copy_counts(const struct ckpt *ck, uint32_t slot, const struct copy *c)
{
	uint64_t gen = atomic_load(&c->gen);

	return gen != 0 && c->hash == ckpt_hash(ck, slot, c, gen);
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
		bool ok0 = ckpt_copy_counts(ck, i, c0), ok1 = ckpt_copy_counts(ck, i, c1);
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
	if (dst == to->max || ckpt_claim(to, dst) < 0)
		return false;
	c = copy_at(to, dst, 0);
	memcpy(c->rec, ckpt_get(from, slot), n);
	memset(c->rec + n, 0, to->size - n);
	c->hash = ckpt_hash(to, dst, c, 1);
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
		ckpt_release(to);
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
		ckpt_release(to);
		return r;
	}
	for (uint32_t i = atomic_load(&to->head->high); i-- > 0;) {
		if (to->state[i] == FREE)
			to->free[to->nfree++] = i;
	}
	ckpt_release(*ck);
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
		ckpt_release(ck);
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
