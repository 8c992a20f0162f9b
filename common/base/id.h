/* SPDX-License-Identifier: ISC */
/*
 * Identities: random 64-bit leg ids, UUIDv7 call ids (RFC 9562 section 5.7), random tokens.
 * All from getrandom(2), buffered; not thread-safe: main thread only.
 */
#ifndef WARDEN_ID_H
#define WARDEN_ID_H

#include <stddef.h>
#include <stdint.h>

#define UUID_LEN	16
#define UUID_STR_LEN	36	/* without the NUL */

struct uuid {
	uint8_t b[UUID_LEN];
};

/* n random bytes. Never fails (panics when the kernel has none). */
void id_random(void *out, size_t n);

/* A random id, never 0. */
uint64_t id_u64(void);

/* n characters of a-zA-Z0-9 without lookalikes (0O1lI), and a NUL: out has n + 1 bytes. */
void id_text(char *out, size_t n);

/* now_ms: Unix time in ms. Ids made in one process in one ms still sort in order of making. */
struct uuid uuid_v7(uint64_t now_ms);

/* out has UUID_STR_LEN + 1 bytes. */
void uuid_print(const struct uuid *u, char *out);

/* Accepts exactly the 36-character form, either case. Returns 0 or -EINVAL. */
int uuid_parse(struct uuid *u, const char *s);

int uuid_cmp(const struct uuid *a, const struct uuid *b);

#endif
