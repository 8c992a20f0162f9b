/* SPDX-License-Identifier: ISC */
/*
 * The checkpoint: fixed-size records in a MAP_SHARED file, so that a daemon killed at any
 * instruction finds its live calls again. An update is two memory copies and a checksum: no system
 * call, no message.
 *
 * Each record has two copies with a generation and a checksum. An update overwrites the older copy,
 * so a kill in the middle of it leaves the younger one intact. The layout has a version and the
 * record size is in the file: a newer daemon reads the older one's records, the added bytes at the
 * end as zeros (fields are only ever appended).
 *
 * A record that was being worked on (ckpt_enter) when the daemon died, and again when the next one
 * died within a minute, is dropped at the next open with a log line: one poisoned call cannot keep a
 * daemon down.
 *
 * Slots are in 0 .. max-1. Not thread-safe for the same slot or for alloc/del; different threads
 * may put different slots.
 */
#ifndef WARDEN_CKPT_H
#define WARDEN_CKPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ckpt;

#define CKPT_NONE UINT32_MAX

/*
 * Opens or makes path (mode 0600) for up to max records of size bytes (the file is sparse). magic
 * tells the kind of record. A file that is not ours, or of a newer version, is moved aside to
 * path.bad with a log line and a fresh one is made. *out is the caller's until ckpt_close().
 * Returns 0 or -errno.
 */
int ckpt_open(struct ckpt **out, const char *path, uint32_t magic, uint16_t version, size_t size,
    uint32_t max);

/* Unmaps; the file and its records stay for the next start. Takes a pointer to NULL. */
void ckpt_close(struct ckpt **ck);

/* A free slot, or CKPT_NONE when all are taken. O(1). */
uint32_t ckpt_alloc(struct ckpt *ck);

/* Stores size bytes of rec (the size given at open). */
void ckpt_put(struct ckpt *ck, uint32_t slot, const void *rec);

/* Forgets the slot's record and frees the slot. CKPT_NONE is allowed. */
void ckpt_del(struct ckpt *ck, uint32_t slot);

/* The current record (a const view into the map, valid until the next put of the slot), or NULL. */
const void *ckpt_get(const struct ckpt *ck, uint32_t slot);

/*
 * First used slot at or after from, or CKPT_NONE. for (s = ckpt_next(ck, 0); s != CKPT_NONE; s =
 * ckpt_next(ck, s + 1))
 */
uint32_t ckpt_next(const struct ckpt *ck, uint32_t from);

uint32_t ckpt_count(const struct ckpt *ck);

/*
 * A group: checkpoints whose records change together, in turns. What was put and deleted since the
 * last ckpt_commit() is there at the next start as a whole or not at all: a kill in the middle of a
 * turn leaves all records as they were before it. The count of turns is kept in the first one's
 * file. Right after opening; the array's order must be the same at each start. A deleted slot can be
 * allocated again after ckpt_sweep() only.
 */
void ckpt_group(struct ckpt *const *group, size_t n);
void ckpt_commit(struct ckpt *const *group, size_t n);
void ckpt_sweep(struct ckpt *const *group, size_t n); /* right after ckpt_commit(): frees the deleted */

/* Says which record the next steps work on, until ckpt_leave(). */
void ckpt_enter(struct ckpt *ck, uint32_t slot);
void ckpt_leave(struct ckpt *ck);

/*
 * Raw bytes behind the records, for append-only text (a call's trace): tail_size per slot as given
 * by ckpt_open_tail(), zeroed by ckpt_alloc(), one copy only. NULL when opened without.
 */
int ckpt_open_tail(struct ckpt **out, const char *path, uint32_t magic, uint16_t version,
    size_t size, uint32_t max, size_t tail_size);
char *ckpt_tail(struct ckpt *ck, uint32_t slot);

#endif
