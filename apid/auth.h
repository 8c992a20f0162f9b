/* SPDX-License-Identifier: ISC */
/*
 * Who asks: bearer tokens (RFC 6750). apid knows no token and no stored hash: it hashes what was
 * sent (SHA-256) and asks featured. Good answers are kept for a few seconds, in a small table, so
 * that a busy client costs one question in that time; while featured is away they hold a minute,
 * since nobody can revoke a token without featured either.
 *
 * Wrong tokens are counted per address (IPv6: per /64). Above the limit only tokens that were good
 * lately are looked at, the rest gets 429 without asking featured.
 */
#ifndef WARDEN_APID_AUTH_H
#define WARDEN_APID_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/log.h"

struct request;

#define AUTH_KEPT 64		/* good tokens remembered */
#define AUTH_ADDRESSES 512	/* addresses with wrong tokens remembered */

struct auth_kept {
	uint8_t		 hash[32];
	uint64_t	 checked_ms;	/* monotonic; 0: free */
	bool		 admin;
	char		 name[65];
};

struct auth_address {
	uint8_t		 key[16];
	uint64_t	 window_ms;	/* when the count began */
	uint32_t	 wrong;
};

struct auth {
	struct auth_kept	 kept[AUTH_KEPT];
	struct auth_address	 address[AUTH_ADDRESSES];
	struct log_bucket	 bucket;
};

/*
 * Finds out who sent the request and calls next, at once or later; or answers 401, 429 or 503. When
 * the request has no Authorization header next is called with asker.known false.
 */
void auth_check(struct request *req, void (*next)(struct request *));

/* Forgets the good answers: a token was revoked. */
void auth_forget(struct auth *auth);

#endif
