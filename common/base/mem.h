/* SPDX-License-Identifier: ISC */
/*
 * Allocation. mem_new() may fail and the caller says what then happens to the one call or request;
 * mem_must() is for start-up and settings, where there is nothing else to do than to stop.
 * Tests make each allocation fail in turn (mem_fail_after).
 */
#ifndef WARDEN_MEM_H
#define WARDEN_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

void *mem_new(size_t size);			/* zeroed; NULL when out of memory */
void *mem_grow(void *p, size_t n, size_t size);	/* like reallocarray; NULL leaves p as it was */
void *mem_must(size_t size);			/* zeroed; fatal() when out of memory */
char *mem_strdup(const char *s);		/* NULL when out of memory; NULL stays NULL */

/* Frees and nulls the caller's pointer; takes a pointer to NULL. */
#define mem_free(pp)                                                                               \
	do {                                                                                       \
		free(*(pp));                                                                       \
		*(pp) = NULL;                                                                      \
	} while (0)

/* For tests: the nth allocation from now on (1 is the next) fails, once; 0 never. */
void mem_fail_after(unsigned long n);
bool mem_failed(void);		/* the one chosen was reached and has failed (or none was chosen) */

#endif
