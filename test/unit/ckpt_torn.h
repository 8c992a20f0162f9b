/* SPDX-License-Identifier: ISC */
/*
 * The checkpoint as it is, with a kill in the middle of writing: after torn_writes more records
 * nothing is written or forgotten any more, until torn_mend(). A test includes this in place of
 * linking common/base/ckpt.c.
 */
#ifndef WARDEN_TEST_CKPT_TORN_H
#define WARDEN_TEST_CKPT_TORN_H

#define ckpt_put    whole_put
#define ckpt_del    whole_del
#define ckpt_commit whole_commit
#define ckpt_sweep  whole_sweep
#include "common/base/ckpt.c"
#undef ckpt_put
#undef ckpt_del
#undef ckpt_commit
#undef ckpt_sweep

#define TORN_NEVER UINT32_MAX

static uint32_t torn_writes = TORN_NEVER;
static bool torn; /* something was not written */

void ckpt_put(struct ckpt *ck, uint32_t slot, const void *rec);
void ckpt_del(struct ckpt *ck, uint32_t slot);
void ckpt_commit(struct ckpt *const *group, size_t n);
void ckpt_sweep(struct ckpt *const *group, size_t n);

static bool
torn_off(void)
{
	if (torn_writes == TORN_NEVER || torn_writes-- > 0)
		return false;
	torn_writes = 0;
	torn = true;
	return true;
}

void
ckpt_put(struct ckpt *ck, uint32_t slot, const void *rec)
{
	if (!torn_off())
		whole_put(ck, slot, rec);
}

/* In a group it writes nothing yet: that is ckpt_sweep()'s. */
void
ckpt_del(struct ckpt *ck, uint32_t slot)
{
	if (slot != CKPT_NONE && (ck->committed != NULL || !torn_off()))
		whole_del(ck, slot);
}

void
ckpt_commit(struct ckpt *const *group, size_t n)
{
	if (!torn_off())
		whole_commit(group, n);
}

/* The kill comes before it or between two of its files. */
void
ckpt_sweep(struct ckpt *const *group, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!torn_off())
			whole_sweep(&group[i], 1);
}

static void
torn_mend(void)
{
	torn_writes = TORN_NEVER;
	torn = false;
}

#endif
