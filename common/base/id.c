/* SPDX-License-Identifier: ISC */
/*
 * Random identities, see id.h. One getrandom(2) fills a pool that lasts for some dozens of ids.
 * Main thread only.
 */
#include "common/base/id.h"

#include <sys/random.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/str.h"

static struct {
	uint8_t		bytes[512];
	size_t		left;
	bool		forks;		/* the child's pool is emptied at fork */
} pool;

static struct {
	uint64_t	ms;
	uint32_t	seq;		/* 26 bits: 12 of rand_a and 14 of rand_b */
} last;

static void
fill(void *out, size_t n)
{
	uint8_t *p = out;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			panic("getrandom");
		}
		p += got;
		n -= (size_t)got;
	}
}

static void
forget_pool(void)
{
	pool.left = 0;
	explicit_bzero(pool.bytes, sizeof(pool.bytes));
}

void
id_random(void *out, size_t n)
{
	uint8_t *from;

	if (n > sizeof(pool.bytes) / 4) {
		fill(out, n);
		return;
	}
	if (pool.left < n) {
		if (!pool.forks) {
			pool.forks = true;
			pthread_atfork(NULL, NULL, forget_pool);
		}
		fill(pool.bytes, sizeof(pool.bytes));
		pool.left = sizeof(pool.bytes);
	}
	from = pool.bytes + sizeof(pool.bytes) - pool.left;
	memcpy(out, from, n);
	/* What was given out may be a token: leave no copy. */
	explicit_bzero(from, n);
	pool.left -= n;
}

uint64_t
id_u64(void)
{
	uint64_t v;

	do {
		id_random(&v, sizeof(v));
	} while (v == 0);
	return v;
}

void
id_text(char *out, size_t n)
{
	static const char letters[] = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	const unsigned count = sizeof(letters) - 1;

	for (size_t i = 0; i < n;) {
		uint8_t c;

		/* No modulo bias: only bytes under the largest multiple count. */
		id_random(&c, 1);
		if (c < 256 / count * count)
			out[i++] = letters[c % count];
	}
	out[n] = '\0';
}

struct uuid
uuid_v7(uint64_t now_ms)
{
	struct uuid u;
	uint32_t seq;

	/*
	 * RFC 9562 section 6.2, method 1: a counter in front of the random bits, seeded at random
	 * with room to go up. A clock that went back keeps the old time, so that the order holds.
	 */
	if (now_ms > last.ms) {
		id_random(&seq, sizeof(seq));
		last.ms = now_ms;
		last.seq = seq & 0x1ffffff;
	} else if (++last.seq > 0x3ffffff) {
		last.ms++;
		last.seq = 0;
	}
	id_random(u.b, sizeof(u.b));
	for (int i = 0; i < 6; i++)
		u.b[i] = (uint8_t)(last.ms >> (40 - 8 * i));
	u.b[6] = (uint8_t)(0x70 | last.seq >> 22);
	u.b[7] = (uint8_t)(last.seq >> 14);
	u.b[8] = (uint8_t)(0x80 | (last.seq >> 8 & 0x3f));
	u.b[9] = (uint8_t)last.seq;
	return u;
}

void
uuid_print(const struct uuid *u, char *out)
{
	static const uint8_t groups[] = { 4, 2, 2, 2, 6 };
	const uint8_t *p = u->b;

	for (size_t g = 0; g < sizeof(groups); g++) {
		if (g > 0)
			*out++ = '-';
		str_hex(out, p, groups[g]);
		out += 2 * groups[g];
		p += groups[g];
	}
}

int
uuid_parse(struct uuid *u, const char *s)
{
	char hex[2 * UUID_LEN + 1];
	size_t n = 0;

	if (strnlen(s, UUID_STR_LEN + 1) != UUID_STR_LEN)
		return -EINVAL;
	for (int i = 0; i < UUID_STR_LEN; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (s[i] != '-')
				return -EINVAL;
		} else {
			hex[n++] = s[i];
		}
	}
	hex[n] = '\0';
	return str_unhex(u->b, UUID_LEN, hex);
}

int
uuid_cmp(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->b, b->b, UUID_LEN);
}
