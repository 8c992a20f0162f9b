/* SPDX-License-Identifier: ISC */
/*
 * What ckpt.c (records) and ckpt_file.c (opening, other layouts) share: the file's structure.
 *
 *   page 0    struct head, hashed, written once when the file is made; then the high-water mark
 *   then      slots, each: struct slot, copy 0, copy 1, tail; all of one stride
 *   copy      generation, hash over (generation, slot number, record), record
 *
 * A copy counts when its generation is not 0 and its hash agrees; of two that count the higher
 * generation is the record. In a group (ckpt_group()) the generation is the number of the turn, and
 * a copy of a turn after the last whole one does not count. Not for anybody else to include.
 */
#ifndef WARDEN_CKPT_IMPL_H
#define WARDEN_CKPT_IMPL_H

#include <stdatomic.h>

#include "common/base/ckpt.h"
#include "common/base/log.h"

#define HEAD_LEN	4096
#define LAYOUT		1			/* of this file's own structure */
#define GROW_BYTES	(64 * 1024)		/* file space is claimed in such steps */
#define DEATHS_MAX	2
#define LASTED_MS	60000			/* up for longer: the last death is history */
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
	uint32_t	pad3;
	_Atomic uint64_t committed;		/* the last whole turn; 0: turns are not counted */
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
	DEAD,					/* deleted, free once its turn is whole */
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
	uint32_t	 ndead;			/* these stand at the end of free, backwards */
	const _Atomic uint64_t *committed;	/* of the group's first; NULL: no turns */
	uint64_t	 opened_ms;		/* monotonic */
	_Atomic uint32_t count;
	struct log_bucket full;
};

static inline struct slot *
slot_at(const struct ckpt *ck, uint32_t slot)
{
	return (struct slot *)((char *)ck->head + HEAD_LEN + (size_t)slot * ck->stride);
}

static inline struct copy *
copy_at(const struct ckpt *ck, uint32_t slot, int which)
{
	return (struct copy *)((char *)slot_at(ck, slot) + sizeof(struct slot) +
	    (size_t)which * ck->copy_len);
}

static inline char *
tail_at(const struct ckpt *ck, uint32_t slot)
{
	return (char *)copy_at(ck, slot, 2);
}

/* The hash that copy c of slot has with this generation. */
uint64_t ckpt_hash(const struct ckpt *ck, uint32_t slot, const struct copy *c, uint64_t gen);

/*
 * Claims the file's space up to and with slot, so that a full tmpfs is an error here and not a
 * SIGBUS at the first store. Returns 0 or -errno.
 */
int ckpt_claim(struct ckpt *ck, uint32_t slot);

/* A new struct ckpt without a file, and its end; the file stays. Takes NULL. */
struct ckpt *ckpt_new(void);
void ckpt_release(struct ckpt *ck);

/* The generation is not 0 and the hash agrees. */
bool ckpt_copy_counts(const struct ckpt *ck, uint32_t slot, const struct copy *c);

/* Any bytes; against torn and foreign ones, not against an enemy. */
uint64_t ckpt_hash_bytes(const void *data, size_t n, uint64_t seed);

#endif
