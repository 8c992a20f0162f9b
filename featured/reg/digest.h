/* SPDX-License-Identifier: ISC */
/*
 * Hashes for digest authentication (RFC 7616): OpenSSL's MD5 and SHA-256, in hex, of strings joined
 * by colons. Main thread only.
 */
#ifndef WARDEN_REG_DIGEST_H
#define WARDEN_REG_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum digest_algorithm {
	DIGEST_MD5,
	DIGEST_SHA256,
};

#define DIGEST_HEX_MAX 64	/* without the NUL */

/* Fetches both from OpenSSL, once, before the sandbox closes. Returns 0 or -ENOSYS. */
int digest_init(void);

/* out has DIGEST_HEX_MAX + 1 bytes: lower-case hex of H(parts[0]:parts[1]:...). */
void digest_hex(enum digest_algorithm algorithm, const char *const *parts, size_t n, char *out);

/* SHA-256 of bytes. */
void digest_sha256(const void *p, size_t len, uint8_t out[32]);

/*
 * The digest's response (RFC 7616 3.4.1); qop "" for the old form of RFC 2069. ha1 and out in hex.
 */
struct digest_input {
	const char	*ha1, *nonce, *nc, *cnonce, *qop, *method, *uri;
};
void digest_response(enum digest_algorithm algorithm, const struct digest_input *in, char *out);

#endif
