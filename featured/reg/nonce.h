/* SPDX-License-Identifier: ISC */
/*
 * Nonces for digest (RFC 7616 3.3) and the memory of those that were used; what one looks like is in
 * common/auth/nonce_text.h. Unused ones cost nothing.
 *
 * The memory holds the last NONCE_MEMORY used nonces. When one that could still be used is pushed
 * out, everything issued up to its time and not in the memory counts as expired: so the memory is
 * bounded and yet nothing can be replayed.
 */
#ifndef WARDEN_REG_NONCE_H
#define WARDEN_REG_NONCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/auth/nonce_text.h"

#define NONCE_MEMORY	65536

struct nonces;

enum nonce_state {
	NONCE_GOOD,
	/* not made by us for this source: nobody can tell what it is worth */
	NONCE_FOREIGN,
	NONCE_EXPIRED,
	NONCE_REPLAYED,
};

/*
 * dir: the key and the used ones are kept in dir/nonces, so that phones notice no restart and
 * nothing can be replayed after one; NULL: in memory only. Returns 0 or -errno.
 */
int nonces_new(struct nonces **out, const char *dir);
void nonces_free(struct nonces **n);

/* text has NONCE_TEXT_LEN + 1 bytes. ip: the source without port. */
void nonce_make(const struct nonces *n, const char *ip, uint64_t now_ms, char *text);

/* Good, foreign or expired (older than lifetime_ms). */
enum nonce_state nonce_look(const struct nonces *n, const char *text, const char *ip,
    uint64_t now_ms, uint64_t lifetime_ms);

/*
 * Uses a nonce that is good, with the count nc (0: a client of RFC 2069 that does not count, good
 * for one use). Each count once; up to 64 behind the highest may still come (requests overtake each
 * other). Returns good, expired or replayed.
 */
enum nonce_state nonce_use(struct nonces *n, const char *text, uint32_t nc, uint64_t now_ms,
    uint64_t lifetime_ms);

/* NONCE_KEY_LEN bytes: what they are made with. Never changes. */
const uint8_t *nonces_key(const struct nonces *n);

uint32_t nonces_used(const struct nonces *n);	/* in the memory */

#endif
