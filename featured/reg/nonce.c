/* SPDX-License-Identifier: ISC */
/* See nonce.h. A ring of the last used nonces with a hash over it. Called by auth.c alone. */
#include "featured/reg/nonce.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define MAGIC		0x4e4f4e43u	/* "NONC" */
#define VERSION		1
#define ID_LEN		NONCE_ID_LEN
#define BUCKETS		NONCE_MEMORY
#define NONE		UINT32_MAX
#define WINDOW		64

struct used {
	uint8_t		id[ID_LEN];
	uint8_t		taken;
	uint8_t		pad;
	uint32_t	highest;	/* nonce count */
	uint32_t	next;		/* in the bucket */
	uint64_t	seen;		/* bit i: highest - 1 - i was used */
};

/*
 * Shared with the file, so that a kill loses nothing: stores only, no system call. A use that was
 * cut short by a kill has not been answered, so it may come again.
 */
struct memory {
	uint32_t	magic;
	uint32_t	version;
	uint8_t		key[32];
	/* issued up to here and not in the ring: not taken any more */
	uint64_t	floor_ms;
	uint32_t	at;		/* where the next one goes */
	uint32_t	pad;
	struct used	ring[NONCE_MEMORY];
};

struct nonces {
	struct memory	*m;
	uint32_t	*buckets;
	uint32_t	 count;
};

static uint32_t *
bucket(struct nonces *n, const uint8_t id[ID_LEN])
{
	uint32_t h;

	/* Random bits of our own that the HMAC has vouched for: a hash nobody can aim at. */
	memcpy(&h, id + ID_LEN - 8, sizeof(h));
	return &n->buckets[h % BUCKETS];
}

/*
 * Opens, or makes, the file of this size, with room for all of it. Returns the descriptor or
 * -errno.
 */
static int
open_file(const char *dir)
{
	char path[300];
	struct stat st;
	int fd, r = 0;

	if (!str_format(path, sizeof(path), "%s/nonces", dir))
		return -ENAMETOOLONG;
	if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return -errno;
	if (fstat(fd, &st) < 0 ||
	    (st.st_size != (off_t)sizeof(struct memory) && ftruncate(fd, 0) < 0))
		r = -errno;
	else
		r = -posix_fallocate(fd, 0, (off_t)sizeof(struct memory));
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static struct memory *
map(const char *dir)
{
	int fd = dir != NULL ? open_file(dir) : -1;
	void *p;

	if (dir != NULL && fd < 0)
		log_warning("used nonces are kept in memory only", kv_s("directory", dir),
		    kv_s("why", strerror(-fd)));
	p = mmap(NULL, sizeof(struct memory), PROT_READ | PROT_WRITE,
	    fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
	if (fd >= 0)
		close(fd);
	return p != MAP_FAILED ? p : NULL;
}

/* Makes the hash of what was found; a new or foreign file begins empty. */
static void
take_up(struct nonces *n)
{
	struct memory *m = n->m;

	if (m->magic != MAGIC || m->version != VERSION || m->at >= NONCE_MEMORY) {
		memset(m, 0, sizeof(*m));
		id_random(m->key, sizeof(m->key));
		m->version = VERSION;
		m->magic = MAGIC;
		return;
	}
	for (uint32_t i = 0; i < NONCE_MEMORY; i++) {
		uint32_t *head = bucket(n, m->ring[i].id);

		if (!m->ring[i].taken)
			continue;
		m->ring[i].next = *head;
		*head = i;
		n->count++;
	}
}

int
nonces_new(struct nonces **out, const char *dir)
{
	struct nonces *n = mem_new(sizeof(*n));

	if (n == NULL)
		return -ENOMEM;
	n->m = map(dir);
	n->buckets = mem_new(BUCKETS * sizeof(*n->buckets));
	if (n->m == NULL || n->buckets == NULL) {
		nonces_free(&n);
		return -ENOMEM;
	}
	memset(n->buckets, 0xff, BUCKETS * sizeof(*n->buckets));
	take_up(n);
	*out = n;
	return 0;
}

void
nonces_free(struct nonces **n)
{
	if (*n != NULL) {
		if ((*n)->m != NULL)
			munmap((*n)->m, sizeof(*(*n)->m));
		mem_free(&(*n)->buckets);
	}
	mem_free(n);
}

void
nonce_make(const struct nonces *n, const char *ip, uint64_t now_ms, char *text)
{
	nonce_text_make(n->m->key, ip, now_ms, text);
}

const uint8_t *
nonces_key(const struct nonces *n)
{
	return n->m->key;
}

enum nonce_state
nonce_look(const struct nonces *n, const char *text, const char *ip, uint64_t now_ms,
    uint64_t lifetime_ms)
{
	uint8_t id[ID_LEN];

	if (!nonce_text_read(n->m->key, ip, text, id))
		return NONCE_FOREIGN;
	return nonce_text_expired(id, now_ms, lifetime_ms) ? NONCE_EXPIRED : NONCE_GOOD;
}

static struct used *
find(struct nonces *n, const uint8_t id[ID_LEN])
{
	for (uint32_t i = *bucket(n, id); i != NONE; i = n->m->ring[i].next) {
		if (memcmp(n->m->ring[i].id, id, ID_LEN) == 0)
			return &n->m->ring[i];
	}
	return NULL;
}

/* Makes room at the ring's next place. */
static void
push_out(struct nonces *n, struct used *old, uint64_t now_ms, uint64_t lifetime_ms)
{
	uint32_t *link = bucket(n, old->id);

	if (!nonce_text_expired(old->id, now_ms, lifetime_ms) && nonce_text_issued(old->id) > n->m->floor_ms)
		n->m->floor_ms = nonce_text_issued(old->id);
	while (*link != (uint32_t)(old - n->m->ring))
		link = &n->m->ring[*link].next;
	*link = old->next;
	old->taken = 0;
	n->count--;
}

static enum nonce_state
use_first(struct nonces *n, const uint8_t id[ID_LEN], uint32_t nc, uint64_t now_ms,
    uint64_t lifetime_ms)
{
	struct used *u = &n->m->ring[n->m->at];
	uint32_t *head;

	/* Clock set back: the floor may lie in the future, where it would stop everybody. */
	if (n->m->floor_ms > now_ms + lifetime_ms)
		n->m->floor_ms = 0;
	if (nonce_text_issued(id) <= n->m->floor_ms)
		return NONCE_EXPIRED;
	if (u->taken)
		push_out(n, u, now_ms, lifetime_ms);
	memcpy(u->id, id, ID_LEN);
	u->highest = nc != 0 ? nc : UINT32_MAX;
	/* Without a count none of the lower ones may come either. */
	u->seen = nc != 0 ? 0 : UINT64_MAX;
	head = bucket(n, id);
	u->next = *head;
	*head = n->m->at;
	u->taken = 1;
	n->m->at = (n->m->at + 1) % NONCE_MEMORY;
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
	uint8_t raw[ID_LEN + NONCE_MAC_LEN];
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
