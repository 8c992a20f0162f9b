/* SPDX-License-Identifier: ISC */
/*
 * API tokens: only their SHA-256 is kept, in memory, in the table api_token, and in
 * state_dir/tokens (0600) so that the API works while PostgreSQL is away. The first start makes the
 * administrator's token "first" and tells it once on the log. from_apid.c calls this.
 *
 * A token counts from the moment it is made and no longer once it is revoked, whether the database
 * is there or not; it hears of both later. Main thread only.
 */
#ifndef WARDEN_DB_TOKENS_H
#define WARDEN_DB_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_TEXT_LEN	43	/* of a token; it begins with "wdn_" */
#define TOKEN_HASH_LEN	32
#define TOKEN_NAME_LEN	64
#define TOKENS_MAX	1000

struct tokens;
struct db;

struct token {
	uint32_t	id;
	uint8_t		hash[TOKEN_HASH_LEN];
	char		name[TOKEN_NAME_LEN + 1];
	bool		admin;
	uint64_t	created_ms;
	uint64_t	revoked_ms;	/* 0: valid */
};

/* Reads state_dir/tokens. db is borrowed, may be NULL. Returns 0 or -errno. */
int tokens_open(struct tokens **out, const char *state_dir, struct db *db);
void tokens_close(struct tokens **t);

/* NULL: not valid. Compares in constant time. */
const struct token *tokens_check(const struct tokens *t, const uint8_t hash[TOKEN_HASH_LEN]);

/*
 * text has TOKEN_TEXT_LEN + 1 bytes and is not kept. Returns NULL when there are too many or the
 * disk refuses (errno).
 */
const struct token *tokens_create(struct tokens *t, const char *name, bool admin, char *text);

/* Returns 0, -ENOENT, or -errno when it could not be made durable. */
int tokens_revoke(struct tokens *t, uint32_t id);

/* The valid one at or after i (from 0), i moves behind it; NULL ends. */
const struct token *tokens_next(const struct tokens *t, size_t *i);

#endif
