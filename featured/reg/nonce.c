/* SPDX-License-Identifier: ISC */
/* See nonce.h. A ring of the last used nonces with a hash over it. Called by auth.c alone. */
#include "featured/reg/nonce.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <string.h>

#include "common/base/addr.h"
#include "common/base/id.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/reg/digest.h"

#define TIME_LEN	6
#define RANDOM_LEN	8
#define ID_LEN		(TIME_LEN + RANDOM_LEN)
#define MAC_LEN		16
#define BUCKETS		NONCE_MEMORY
#define NONE		UINT32_MAX
#define WINDOW		64

struct used {
	uint8_t		id[ID_LEN];
	bool		taken;
	uint32_t	highest;	/* nonce count */
	uint64_t	seen;		/* bit i: highest - 1 - i was used */
	uint64_t	issued_ms;
	uint32_t	next;		/* in the bucket */
};

struct nonces {
	uint8_t		 key[32];
	struct used	*ring;
	uint32_t	*buckets;
	uint32_t	 at;		/* where the next one goes */
	uint32_t	 count;
	/* what was issued up to here and is not in the ring is not taken any more */
	uint64_t	 floor_ms;
};

int
nonces_new(struct nonces **out)
{
	struct nonces *n = mem_new(sizeof(*n));

	if (n == NULL)
		return -ENOMEM;
	id_random(n->key, sizeof(n->key));
	n->ring = mem_new(NONCE_MEMORY * sizeof(*n->ring));
	n->buckets = mem_new(BUCKETS * sizeof(*n->buckets));
	if (n->ring == NULL || n->buckets == NULL) {
		nonces_free(&n);
		return -ENOMEM;
	}
	memset(n->buckets, 0xff, BUCKETS * sizeof(*n->buckets));
	*out = n;
	return 0;
}

void
nonces_free(struct nonces **n)
{
	if (*n != NULL) {
		explicit_bzero((*n)->key, sizeof((*n)->key));
		mem_free(&(*n)->ring);
		mem_free(&(*n)->buckets);
	}
	mem_free(n);
}

static void
mac(const struct nonces *n, const uint8_t id[ID_LEN], const char *ip, uint8_t out[32])
{
	uint8_t text[ID_LEN + ADDR_STR_LEN + 1];
	size_t len = strlen(ip);

	if (len > ADDR_STR_LEN)
		len = ADDR_STR_LEN;
	memcpy(text, id, ID_LEN);
	memcpy(text + ID_LEN, ip, len);
	digest_hmac(n->key, text, ID_LEN + len, out);
}

static uint64_t
issued(const uint8_t id[ID_LEN])
{
	uint64_t ms = 0;

	for (int i = 0; i < TIME_LEN; i++)
		ms = ms << 8 | id[i];
	return ms;
}

void
nonce_make(const struct nonces *n, const char *ip, uint64_t now_ms, char *text)
{
	uint8_t raw[ID_LEN + 32];

	for (int i = 0; i < TIME_LEN; i++)
		raw[i] = (uint8_t)(now_ms >> (8 * (TIME_LEN - 1 - i)));
	id_random(raw + TIME_LEN, RANDOM_LEN);
	mac(n, raw, ip, raw + ID_LEN);
	str_hex(text, raw, ID_LEN + MAC_LEN);
}

static bool
expired(uint64_t issued_ms, uint64_t now_ms, uint64_t lifetime_ms)
{
	/*
	 * A clock that was set back makes nonces of the future: they are not kept waiting for it.
	 */
	return now_ms > issued_ms + lifetime_ms || issued_ms > now_ms + lifetime_ms;
}

enum nonce_state
nonce_look(const struct nonces *n, const char *text, const char *ip, uint64_t now_ms,
    uint64_t lifetime_ms)
{
	uint8_t raw[ID_LEN + MAC_LEN], want[32];

	if (str_unhex(raw, sizeof(raw), text) < 0)
		return NONCE_FOREIGN;
	mac(n, raw, ip, want);
	if (CRYPTO_memcmp(raw + ID_LEN, want, MAC_LEN) != 0)
		return NONCE_FOREIGN;
	return expired(issued(raw), now_ms, lifetime_ms) ? NONCE_EXPIRED : NONCE_GOOD;
}

static uint32_t *
bucket(struct nonces *n, const uint8_t id[ID_LEN])
{
	uint32_t h;

	/* Random bits of our own making that the HMAC has vouched for: a hash nobody can aim at. */
	memcpy(&h, id + TIME_LEN, sizeof(h));
	return &n->buckets[h % BUCKETS];
}

static struct used *
find(struct nonces *n, const uint8_t id[ID_LEN])
{
	for (uint32_t i = *bucket(n, id); i != NONE; i = n->ring[i].next) {
		if (memcmp(n->ring[i].id, id, ID_LEN) == 0)
			return &n->ring[i];
	}
	return NULL;
}

/* Makes room at the ring's next place. */
static void
push_out(struct nonces *n, struct used *old, uint64_t now_ms, uint64_t lifetime_ms)
{
	uint32_t *link = bucket(n, old->id);

	if (!expired(old->issued_ms, now_ms, lifetime_ms) && old->issued_ms > n->floor_ms)
		n->floor_ms = old->issued_ms;
	while (*link != (uint32_t)(old - n->ring))
		link = &n->ring[*link].next;
	*link = old->next;
	old->taken = false;
	n->count--;
}

static enum nonce_state
use_first(struct nonces *n, const uint8_t id[ID_LEN], uint32_t nc, uint64_t now_ms,
    uint64_t lifetime_ms)
{
	struct used *u = &n->ring[n->at];
	uint32_t *head;

	/* Clock set back: the floor may lie in the future, where it would stop everybody. */
	if (n->floor_ms > now_ms + lifetime_ms)
		n->floor_ms = 0;
	if (issued(id) <= n->floor_ms)
		return NONCE_EXPIRED;
	if (u->taken)
		push_out(n, u, now_ms, lifetime_ms);
	memcpy(u->id, id, ID_LEN);
	u->taken = true;
	u->highest = nc != 0 ? nc : UINT32_MAX;
	/* Without a count none of the lower ones may come either. */
	u->seen = nc != 0 ? 0 : UINT64_MAX;
	u->issued_ms = issued(id);
	head = bucket(n, id);
	u->next = *head;
	*head = n->at;
	n->at = (n->at + 1) % NONCE_MEMORY;
	n->count++;
	return NONCE_GOOD;
}

static bool
take_count(struct used *u, uint32_t nc)
{
	uint32_t behind;

	if (nc == 0)
		return false;
	if (nc > u->highest) {
		uint32_t ahead = nc - u->highest;

		u->seen = ahead < WINDOW ? u->seen << ahead : 0;
		if (ahead <= WINDOW)
			u->seen |= UINT64_C(1) << (ahead - 1);
		u->highest = nc;
		return true;
	}
	behind = u->highest - nc;
	if (behind == 0 || behind > WINDOW || (u->seen >> (behind - 1) & 1) != 0)
		return false;
	u->seen |= UINT64_C(1) << (behind - 1);
	return true;
}

enum nonce_state
nonce_use(struct nonces *n, const char *text, uint32_t nc, uint64_t now_ms, uint64_t lifetime_ms)
{
	uint8_t raw[ID_LEN + MAC_LEN];
	struct used *u;

	if (str_unhex(raw, sizeof(raw), text) < 0)
		return NONCE_FOREIGN;
	if ((u = find(n, raw)) == NULL)
		return use_first(n, raw, nc, now_ms, lifetime_ms);
	return take_count(u, nc) ? NONCE_GOOD : NONCE_REPLAYED;
}

uint32_t
nonces_used(const struct nonces *n)
{
	return n->count;
}
