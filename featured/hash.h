/* SPDX-License-Identifier: ISC */
/*
 * uthash with our allocator: out of memory is a failure of the one HASH_ADD, not of the process.
 * After each HASH_ADD ask hash_added(element).
 */
#ifndef WARDEN_FEATURED_HASH_H
#define WARDEN_FEATURED_HASH_H

#include "common/base/mem.h"

#define HASH_NONFATAL_OOM 1
#define uthash_malloc(size) mem_new(size)
#define uthash_free(p, size) free(p)
#include <uthash.h>

#define hash_added(element) ((element)->hh.tbl != NULL)

#endif
