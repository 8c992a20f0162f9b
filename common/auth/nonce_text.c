/* SPDX-License-Identifier: ISC */
/*
 * Making and reading nonces; see nonce_text.h. The algorithm is fetched once: OpenSSL 3 looks it up
 * by name at each use otherwise, which costs more than the hash. Knows no user and no password.
 */
#include "common/auth/nonce_text.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <errno.h>
#include <string.h>

#include "common/base/addr.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/str.h"

#define TIME_LEN 6

/* Constant after the first use: a cache of OpenSSL's lookup, not state of the daemon. */
static struct {
	EVP_MD		*md;
	EVP_MD_CTX	*ctx;
} evp;

int
nonce_text_init(void)
{
	if (evp.ctx != NULL)
		return 0;
	evp.md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (evp.md == NULL || (evp.ctx = EVP_MD_CTX_new()) == NULL)
		return -ENOSYS;
	return 0;
}

static void
hash(const void *a, size_t a_len, const void *b, size_t b_len, uint8_t out[32])
{
	unsigned len = 32;

	if (nonce_text_init() < 0 || EVP_DigestInit_ex2(evp.ctx, evp.md, NULL) != 1 ||
	    EVP_DigestUpdate(evp.ctx, a, a_len) != 1 || EVP_DigestUpdate(evp.ctx, b, b_len) != 1 ||
	    EVP_DigestFinal_ex(evp.ctx, out, &len) != 1)
		panic("OpenSSL has no SHA-256");
}

void
hmac_sha256(const uint8_t key[32], const void *text, size_t len, uint8_t out[32])
{
	uint8_t pad[64], inner[32];

	/* RFC 2104, for a key shorter than the block: EVP_MAC would allocate at each call. */
	memset(pad, 0x36, sizeof(pad));
	for (int i = 0; i < 32; i++)
		pad[i] ^= key[i];
	hash(pad, sizeof(pad), text, len, inner);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	hash(pad, sizeof(pad), inner, sizeof(inner), out);
	explicit_bzero(pad, sizeof(pad));
}

static void
mac(const uint8_t *key, const uint8_t *id, const char *ip, uint8_t out[32])
{
	uint8_t text[NONCE_ID_LEN + ADDR_STR_LEN + 1];
	size_t len = strlen(ip);

	if (len > ADDR_STR_LEN)
		len = ADDR_STR_LEN;
	memcpy(text, id, NONCE_ID_LEN);
	memcpy(text + NONCE_ID_LEN, ip, len);
	hmac_sha256(key, text, NONCE_ID_LEN + len, out);
}

void
nonce_text_make(const uint8_t key[NONCE_KEY_LEN], const char *ip, uint64_t now_ms, char *text)
{
	uint8_t raw[NONCE_ID_LEN + 32];

	for (int i = 0; i < TIME_LEN; i++)
		raw[i] = (uint8_t)(now_ms >> (8 * (TIME_LEN - 1 - i)));
	id_random(raw + TIME_LEN, NONCE_ID_LEN - TIME_LEN);
	mac(key, raw, ip, raw + NONCE_ID_LEN);
	str_hex(text, raw, NONCE_ID_LEN + NONCE_MAC_LEN);
}

bool
nonce_text_read(const uint8_t key[NONCE_KEY_LEN], const char *ip, const char *text,
    uint8_t id[NONCE_ID_LEN])
{
	uint8_t raw[NONCE_ID_LEN + NONCE_MAC_LEN], want[32];

	if (str_unhex(raw, sizeof(raw), text) < 0)
		return false;
	mac(key, raw, ip, want);
	if (CRYPTO_memcmp(raw + NONCE_ID_LEN, want, NONCE_MAC_LEN) != 0)
		return false;
	memcpy(id, raw, NONCE_ID_LEN);
	return true;
}

uint64_t
nonce_text_issued(const uint8_t id[NONCE_ID_LEN])
{
	uint64_t ms = 0;

	for (int i = 0; i < TIME_LEN; i++)
		ms = ms << 8 | id[i];
	return ms;
}

bool
nonce_text_expired(const uint8_t id[NONCE_ID_LEN], uint64_t now_ms, uint64_t lifetime_ms)
{
	uint64_t issued = nonce_text_issued(id);

	/*
	 * A clock that was set back makes nonces of the future: they are not kept waiting for it.
	 */
	return now_ms > issued + lifetime_ms || issued > now_ms + lifetime_ms;
}
