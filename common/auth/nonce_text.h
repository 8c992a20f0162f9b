/* SPDX-License-Identifier: ISC */
/*
 * What a digest nonce (RFC 7616 3.3) looks like: hex of Unix ms (6 bytes), random (8), and 16 bytes of
 * an HMAC over both and the source IP. Who has the key can make one and tell a made one from a
 * foreign one; which were used is known to featured alone (featured/reg/nonce.h). The key is no
 * secret of a user's: sipd has it, so that strangers are challenged without waking featured.
 */
#ifndef WARDEN_NONCE_TEXT_H
#define WARDEN_NONCE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NONCE_KEY_LEN	32
#define NONCE_ID_LEN	14	/* time and random: what one is known by */
#define NONCE_MAC_LEN	16
#define NONCE_TEXT_LEN	(2 * (NONCE_ID_LEN + NONCE_MAC_LEN))	/* without the NUL */

/* Fetches SHA-256 from OpenSSL, once, before the sandbox closes. Returns 0 or -ENOSYS. */
int nonce_text_init(void);

/* text has NONCE_TEXT_LEN + 1 bytes. ip: the source without port. */
void nonce_text_make(const uint8_t key[NONCE_KEY_LEN], const char *ip, uint64_t now_ms, char *text);

/* False: not made with this key for this source. id: what it is known by. */
bool nonce_text_read(const uint8_t key[NONCE_KEY_LEN], const char *ip, const char *text,
    uint8_t id[NONCE_ID_LEN]);

/* When it was made, Unix ms. */
uint64_t nonce_text_issued(const uint8_t id[NONCE_ID_LEN]);
bool nonce_text_expired(const uint8_t id[NONCE_ID_LEN], uint64_t now_ms, uint64_t lifetime_ms);

/* HMAC-SHA-256 of text by a key of 32 bytes. Main thread only. */
void hmac_sha256(const uint8_t key[32], const void *text, size_t len, uint8_t out[32]);

#endif
