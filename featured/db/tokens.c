/* SPDX-License-Identifier: ISC */
/*
 * See tokens.h. The file state_dir/tokens is what counts ("id hash admin created_ms revoked_ms
 * name" a line); the table api_token is a copy, written each time the database comes back and at
 * each change, and read only when there is no file (a machine set up anew over an old database).
 */
#include "featured/db/tokens.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/db/atomic.h"
#include "featured/db/db.h"
#include "featured/db/text.h"
#include "featured/reg/digest.h"

#define FILE_NAME "tokens"
#define FILE_MAX (1u << 20)
#define PREFIX "wdn_"

struct tokens {
	struct db	*db;
	char		 dir[256];
	/* in order of id; revoked ones too, so that the table hears of it */
	struct token	*v;
	size_t		 n;
	bool		 no_file;	/* none was there: the database is asked first */
};

static const char upsert[] =
    "INSERT INTO api_token (id, hash, name, admin, created, revoked)"
    " SELECT id, decode(hash, 'hex'), name, admin, to_timestamp(created / 1000.0), "
    "to_timestamp(revoked / 1000.0)"
    " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[], $5::bigint[], $6::bigint[])"
    "  AS t (id, hash, name, admin, created, revoked)"
    " ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, name = excluded.name, admin = "
    "excluded.admin, created = excluded.created,"
    "  revoked = excluded.revoked";

static const char load[] = "SELECT id, encode(hash, 'hex'), name, admin::int, (extract(epoch from "
                           "created) * 1000)::bigint,"
                           " coalesce((extract(epoch from revoked) * 1000)::bigint, 0) FROM "
                           "api_token ORDER BY id LIMIT 1000";

/* ---- file ---- */

static int
save(const struct tokens *t)
{
	struct buf b = BUF_INIT(FILE_MAX);
	char hex[2 * TOKEN_HASH_LEN + 1];
	int r;

	for (size_t i = 0; i < t->n; i++) {
		const struct token *k = &t->v[i];

		str_hex(hex, k->hash, TOKEN_HASH_LEN);
		buf_fmt(&b, "%u %s %d %llu %llu %s\n", k->id, hex, k->admin,
		    (unsigned long long)k->created_ms, (unsigned long long)k->revoked_ms, k->name);
	}
	buf_str(&b, "");
	r = b.failed ? -ENOMEM : atomic_write(t->dir, FILE_NAME, b.data, b.len);
	if (r < 0)
		log_error("the tokens cannot be stored", kv_s("directory", t->dir),
		    kv_s("why", strerror(-r)));
	buf_free(&b);
	return r;
}

static struct token *
add(struct tokens *t)
{
	struct token *grown;

	if (t->n == TOKENS_MAX || (grown = mem_grow(t->v, t->n + 1, sizeof(*grown))) == NULL)
		return NULL;
	t->v = grown;
	memset(&t->v[t->n], 0, sizeof(*t->v));
	return &t->v[t->n++];
}

static bool
parse_num(const char *text, uint64_t max, uint64_t *out)
{
	int64_t v;

	if (text == NULL || str_to_i64(text, 0, (int64_t)max, &v) < 0)
		return false;
	*out = (uint64_t)v;
	return true;
}

/* Cuts line up. False: it is none of ours. */
static bool
parse_line(char *line, struct token *k)
{
	uint64_t id, admin;
	char *hash;

	if (!parse_num(strsep(&line, " "), UINT32_MAX, &id) || (hash = strsep(&line, " ")) == NULL)
		return false;
	if (str_unhex(k->hash, TOKEN_HASH_LEN, hash) < 0 ||
	    !parse_num(strsep(&line, " "), 1, &admin))
		return false;
	if (!parse_num(strsep(&line, " "), INT64_MAX, &k->created_ms) ||
	    !parse_num(strsep(&line, " "), INT64_MAX, &k->revoked_ms))
		return false;
	k->id = (uint32_t)id;
	k->admin = admin != 0;
	return line != NULL && str_copy(k->name, sizeof(k->name), line);
}

static int
read_file(struct tokens *t)
{
	char *text = NULL, *at, *line;
	long len = atomic_read(t->dir, FILE_NAME, FILE_MAX, &text);
	struct token k, *to;
	int n = 0;

	t->no_file = len == -ENOENT;
	if (len < 0)
		return t->no_file ? 0 : (int)len;
	for (at = text; (line = strsep(&at, "\n")) != NULL;) {
		n++;
		memset(&k, 0, sizeof(k));
		if (line[0] == '\0')
			continue;
		if (!parse_line(line, &k)) {
			log_error("a line of the tokens' file is broken and passed over",
			    kv_s("directory", t->dir), kv_i("line", n));
			continue;
		}
		if ((to = add(t)) != NULL)
			*to = k;
	}
	free(text);
	return 0;
}

/* ---- database ---- */

static void
on_written(void *arg, const struct db_answer *answer)
{
	(void)arg;
	if (!answer->ok && !answer->retry)
		log_error("tokens cannot be stored in the database", kv_s("why", answer->why));
}

static void
write_rows(struct tokens *t)
{
	struct buf c[6];
	const char *params[6];
	char hex[2 * TOKEN_HASH_LEN + 1];
	bool failed = false;

	if (t->db == NULL || !db_up(t->db) || t->n == 0)
		return;		/* all are written when it comes back */
	for (int i = 0; i < 6; i++) {
		c[i] = (struct buf)BUF_INIT(FILE_MAX);
		text_array_begin(&c[i]);
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct token *k = &t->v[i];

		str_hex(hex, k->hash, TOKEN_HASH_LEN);
		text_array_num(&c[0], k->id);
		text_array_str(&c[1], hex);
		text_array_str(&c[2], k->name);
		text_array_str(&c[3], k->admin ? "true" : "false");
		text_array_num(&c[4], (long long)k->created_ms);
		if (k->revoked_ms != 0)
			text_array_num(&c[5], (long long)k->revoked_ms);
		else
			text_array_null(&c[5]);
	}
	for (int i = 0; i < 6; i++) {
		text_array_end(&c[i]);
		params[i] = c[i].data;
		failed |= c[i].failed;
	}
	if (failed || db_exec(t->db, upsert, 6, params, on_written, t) < 0)
		log_error("tokens cannot be sent to the database");
	for (int i = 0; i < 6; i++)
		buf_free(&c[i]);
}

static void
make_first(struct tokens *t)
{
	char text[TOKEN_TEXT_LEN + 1];

	if (tokens_create(t, "first", true, text) == NULL)
		return;
	log_info("the API's first token was made; it is told this once", kv_s("token", text));
	explicit_bzero(text, sizeof(text));
}

static void
on_loaded(void *arg, const struct db_answer *answer)
{
	struct tokens *t = arg;
	struct token *k;

	if (!answer->ok || !t->no_file)
		return;
	for (int i = 0; i < db_rows(answer); i++) {
		struct token got = { 0 };

		got.id = (uint32_t)strtoul(db_value(answer, i, 0), NULL, 10);
		got.admin = str_eq(db_value(answer, i, 3), "1");
		got.created_ms = strtoull(db_value(answer, i, 4), NULL, 10);
		got.revoked_ms = strtoull(db_value(answer, i, 5), NULL, 10);
		str_copy(got.name, sizeof(got.name), db_value(answer, i, 2));
		if (str_unhex(got.hash, TOKEN_HASH_LEN, db_value(answer, i, 1)) == 0 &&
		    (k = add(t)) != NULL)
			*k = got;
	}
	if (t->n == 0) {
		make_first(t);
		return;
	}
	if (save(t) == 0)
		t->no_file = false;
	log_info("tokens taken up from the database", kv_u("tokens", t->n));
}

static void
on_db(void *arg, bool up)
{
	struct tokens *t = arg;

	if (!up)
		return;
	if (t->no_file)
		db_exec(t->db, load, 0, NULL, on_loaded, t);
	else
		write_rows(t);
}

/* ---- the interface ---- */

int
tokens_open(struct tokens **out, const char *state_dir, struct db *db)
{
	struct tokens *t = mem_new(sizeof(*t));
	int r;

	if (t == NULL)
		return -ENOMEM;
	t->db = db;
	r = str_copy(t->dir, sizeof(t->dir), state_dir) ? read_file(t) : -ENAMETOOLONG;
	if (r < 0) {
		tokens_close(&t);
		return r;
	}
	if (db != NULL)
		db_watch(db, on_db, t);
	*out = t;
	return 0;
}

void
tokens_close(struct tokens **t)
{
	if (*t == NULL)
		return;
	if ((*t)->db != NULL)
		db_unwatch((*t)->db, *t);
	free((*t)->v);
	mem_free(t);
}

const struct token *
tokens_check(const struct tokens *t, const uint8_t hash[TOKEN_HASH_LEN])
{
	const struct token *found = NULL;

	/* All of them, so that the time says nothing. */
	for (size_t i = 0; i < t->n; i++) {
		if (CRYPTO_memcmp(t->v[i].hash, hash, TOKEN_HASH_LEN) == 0 &&
		    t->v[i].revoked_ms == 0)
			found = &t->v[i];
	}
	return found;
}

/* Forgets the oldest revoked one when there are as many as may be. */
static bool
make_room(struct tokens *t)
{
	size_t i = 0;

	if (t->n < TOKENS_MAX)
		return true;
	while (i < t->n && t->v[i].revoked_ms == 0)
		i++;
	if (i == t->n)
		return false;
	memmove(&t->v[i], &t->v[i + 1], (t->n - i - 1) * sizeof(*t->v));
	t->n--;
	return true;
}

const struct token *
tokens_create(struct tokens *t, const char *name, bool admin, char *text)
{
	uint32_t id = t->n > 0 ? t->v[t->n - 1].id + 1 : 1;
	struct token *k;
	int r;

	if (!make_room(t) || (k = add(t)) == NULL) {
		errno = ENOBUFS;
		return NULL;
	}
	memcpy(text, PREFIX, sizeof(PREFIX) - 1);
	id_text(text + sizeof(PREFIX) - 1, TOKEN_TEXT_LEN - (sizeof(PREFIX) - 1));
	digest_sha256(text, TOKEN_TEXT_LEN, k->hash);
	k->id = id;
	k->admin = admin;
	k->created_ms = clock_real_ms();
	str_copy(k->name, sizeof(k->name), name);
	text_utf8_fix(k->name);
	for (char *p = k->name; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	}
	if ((r = save(t)) < 0) {
		t->n--;
		explicit_bzero(text, TOKEN_TEXT_LEN + 1);
		errno = -r;
		return NULL;
	}
	t->no_file = false;
	write_rows(t);
	return k;
}

int
tokens_revoke(struct tokens *t, uint32_t id)
{
	int r;

	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i].id != id || t->v[i].revoked_ms != 0)
			continue;
		t->v[i].revoked_ms = clock_real_ms();
		if ((r = save(t)) < 0) {
			t->v[i].revoked_ms = 0;
			return r;
		}
		write_rows(t);
		return 0;
	}
	return -ENOENT;
}

const struct token *
tokens_next(const struct tokens *t, size_t *i)
{
	while (*i < t->n) {
		const struct token *k = &t->v[(*i)++];

		if (k->revoked_ms == 0)
			return k;
	}
	return NULL;
}
