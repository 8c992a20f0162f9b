/* SPDX-License-Identifier: ISC */
/*
 * The checkpoint as it is, with a kill in the middle of writing: after torn_writes more records
 * nothing is written or forgotten any more, until torn_mend(). A test includes this in place of
 * linking common/base/ckpt.c.
 */
#ifndef WARDEN_TEST_CKPT_TORN_H
#define WARDEN_TEST_CKPT_TORN_H

#define ckpt_put whole_put
#define ckpt_del whole_del
#include "common/base/ckpt.c"
#undef ckpt_put
#undef ckpt_del

#define TORN_NEVER UINT32_MAX

static uint32_t torn_writes = TORN_NEVER;
static bool torn; /* something was not written */

void ckpt_put(struct ckpt *ck, uint32_t slot, const void *rec);
void ckpt_del(struct ckpt *ck, uint32_t slot);

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

void
ckpt_del(struct ckpt *ck, uint32_t slot)
{
	if (slot != CKPT_NONE && !torn_off())
		whole_del(ck, slot);
}

static void
torn_mend(void)
{
	torn_writes = TORN_NEVER;
	torn = false;
}

#endif
