/* SPDX-License-Identifier: ISC */
/*
 * Allocation with a way to make one fail, see mem.h. Everything of ours that allocates goes through
 * here, so that `make check OOM=1` reaches it; what libraries allocate does not.
 */
#include "common/base/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"

/* Allocations until the one that fails; 0: none does. Only tests set it. */
static atomic_ulong fail_in;

static int
must_fail(void)
{
	unsigned long n = atomic_load_explicit(&fail_in, memory_order_relaxed);

	if (n == 0)
		return 0;
	atomic_store_explicit(&fail_in, n - 1, memory_order_relaxed);
	return n == 1;
}

void *
mem_new(size_t size)
{
	if (must_fail())
		return NULL;
	return calloc(1, size > 0 ? size : 1);
}

void *
mem_grow(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || must_fail())
		return NULL;
	return realloc(p, bytes > 0 ? bytes : 1);
}

void *
mem_must(size_t size)
{
	void *p = calloc(1, size > 0 ? size : 1);

	if (p == NULL)
		fatal("out of memory (%zu bytes)", size);
	return p;
}

char *
mem_strdup(const char *s)
{
	size_t n;
	char *p;

	if (s == NULL)
		return NULL;
	n = strlen(s) + 1;
	if ((p = mem_new(n)) != NULL)
		memcpy(p, s, n);
	return p;
}

void
mem_fail_after(unsigned long n)
{
	atomic_store_explicit(&fail_in, n, memory_order_relaxed);
}

bool
mem_failed(void)
{
	return atomic_load_explicit(&fail_in, memory_order_relaxed) == 0;
}
