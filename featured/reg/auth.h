/* SPDX-License-Identifier: ISC */
/*
 * Digest authentication (RFC 7616, 8760; RFC 3261 section 22) and bans. sipd passes what the phone
 * sent; the verdict is made here, so that no password is ever in sipd. Called for each REGISTER
 * (reg/register.c) and for each INVITE (from_sipd.c).
 *
 * A nonce is time, random bits and an HMAC over them and the source IP, by a key made at start: it
 * needs no memory until it is used. Each used nonce has a table entry with the highest nonce count
 * and a window behind it, so that nothing can be replayed. Expired, of an earlier process, or
 * replayed, but with the right password: challenged again with stale=1, and no attack. Wrong
 * credentials are counted per source address; at max_failed_attempts within ban_duration the
 * address is banned.
 *
 * Main thread only. No I/O, never waits.
 */
#ifndef WARDEN_REG_AUTH_H
#define WARDEN_REG_AUTH_H

#include "common/base/addr.h"
#include "common/ipc/schema.h"
#include "featured/settings.h"

#define AUTH_NONCE_LEN 128

struct auth;

enum auth_result {
	AUTH_OK,		/* user says who it is; "" when authentication is off: take From */
	AUTH_CHALLENGE,		/* 401 with nonce and stale */
	AUTH_FORBIDDEN,		/* 403: wrong credentials, or no such user: not to be told apart */
	AUTH_BANNED,		/* 403 without another look: the source is banned */
};

/*
 * Valid for the call only. See common/ipc/schema/digest.inc; AUTH_REQUEST(m) fills it from a
 * message that has those fields and source.
 */
struct auth_request {
	bool		 present;
	const char *method, *user, *realm, *nonce, *uri, *response, *algorithm, *qop, *cnonce, *nc;
	const char	*source;	/* "IP:PORT" */
};

#define AUTH_REQUEST(m)                                                                            \
	{                                                                                          \
		.present = (m)->auth_present, .method = (m)->auth_method, .user = (m)->auth_user,  \
		.realm = (m)->auth_realm, .nonce = (m)->auth_nonce, .uri = (m)->auth_uri,          \
		.response = (m)->auth_response, .algorithm = (m)->auth_algorithm,                  \
		.qop = (m)->auth_qop, .cnonce = (m)->auth_cnonce, .nc = (m)->auth_nc,              \
		.source = (m)->source                                                              \
	}

struct auth_verdict {
	enum auth_result result;
	char		 user[EXT_NUMBER_LEN + 1];	/* AUTH_OK: the extension's number, or "" */
	char		 realm[DOMAIN_LEN + 1];		/* AUTH_CHALLENGE */
	char		 nonce[AUTH_NONCE_LEN + 1];
	bool		 stale;
};

/*
 * settings: the prepared ones, constant until auth_settings(). own_dir: where nonces are kept over
 * a restart; NULL: not at all. Returns 0 or -errno.
 */
int auth_new(struct auth **out, const struct settings *settings, const char *own_dir);
void auth_free(struct auth **auth);
/* After a reload. */
void auth_settings(struct auth *auth, const struct settings *settings);

/* now_ms: Unix time. Always fills out. */
void auth_check(struct auth *auth, const struct auth_request *req, uint64_t now_ms,
    struct auth_verdict *out);

/* "ok", "challenge", "forbidden", "banned": for traces. */
const char *auth_result_name(enum auth_result result);

struct auth_ban {
	char		ip[ADDR_STR_LEN + 1];
	uint64_t	until_ms;
	uint32_t	failures;
};

/* Present bans, up to max; returns how many there are in all. */
size_t auth_bans(const struct auth *auth, uint64_t now_ms, struct auth_ban *out, size_t max);
/* True: there was one. */
bool auth_unban(struct auth *auth, const char *ip);

/* Told of each ban when it begins (until_ms: Unix time) and when it is lifted before its end (0). */
typedef void auth_ban_cb(void *arg, const char *ip, uint64_t until_ms);
void auth_watch(struct auth *auth, auth_ban_cb *cb, void *arg);

/* What sipd needs to challenge strangers by itself. */
void auth_policy(const struct auth *auth, struct msg_auth_policy *out);

struct auth_counts {
	uint64_t	accepted, challenged, stale, replayed, forbidden, banned;
	uint32_t	nonces;		/* in the table */
};
void auth_count(const struct auth *auth, struct auth_counts *out);

#endif
