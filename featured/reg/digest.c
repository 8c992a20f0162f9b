/* SPDX-License-Identifier: ISC */
/*
 * See digest.h. The algorithms are fetched once: OpenSSL 3 looks them up by name at each use
 * otherwise, which costs more than the hash. Called by auth.c and credentials.c; knows no user and
 * no password beyond the call.
 */
#include "featured/reg/digest.h"

#include <openssl/evp.h>

#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/str.h"

/* Constant after the first use: a cache of OpenSSL's lookup, not state of the daemon. */
static struct {
	EVP_MD		*md[2];
	EVP_MD_CTX	*ctx;
} evp;

int
digest_init(void)
{
	if (evp.ctx != NULL)
		return 0;
	evp.md[DIGEST_MD5] = EVP_MD_fetch(NULL, "MD5", NULL);
	evp.md[DIGEST_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
	evp.ctx = EVP_MD_CTX_new();
	if (evp.md[DIGEST_MD5] == NULL || evp.md[DIGEST_SHA256] == NULL || evp.ctx == NULL)
		return -ENOSYS;
	return 0;
}

static void
start(enum digest_algorithm algorithm)
{
	if (digest_init() < 0 || EVP_DigestInit_ex2(evp.ctx, evp.md[algorithm], NULL) != 1)
		panic("OpenSSL has no MD5 or SHA-256");
}

static void
add(const void *p, size_t len)
{
	if (EVP_DigestUpdate(evp.ctx, p, len) != 1)
		panic("EVP_DigestUpdate");
}

static unsigned
finish(uint8_t *out)
{
	unsigned len = 0;

	if (EVP_DigestFinal_ex(evp.ctx, out, &len) != 1)
		panic("EVP_DigestFinal_ex");
	return len;
}

void
digest_hex(enum digest_algorithm algorithm, const char *const *parts, size_t n, char *out)
{
	uint8_t md[EVP_MAX_MD_SIZE];

	start(algorithm);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			add(":", 1);
		add(parts[i], strlen(parts[i]));
	}
	str_hex(out, md, finish(md));
}

void
digest_sha256(const void *p, size_t len, uint8_t out[32])
{
	start(DIGEST_SHA256);
	add(p, len);
	finish(out);
}

void
digest_response(enum digest_algorithm algorithm, const struct digest_input *in, char *out)
{
	char ha2[DIGEST_HEX_MAX + 1];
	const char *a2[] = { in->method, in->uri };

	digest_hex(algorithm, a2, 2, ha2);
	if (in->qop[0] == '\0') {
		const char *kd[] = { in->ha1, in->nonce, ha2 };

		digest_hex(algorithm, kd, 3, out);
	} else {
		const char *kd[] = { in->ha1, in->nonce, in->nc, in->cnonce, in->qop, ha2 };

		digest_hex(algorithm, kd, 6, out);
	}
}
