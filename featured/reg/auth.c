/* SPDX-License-Identifier: ISC */
/*
 * See auth.h. Who is unknown is compared against hashes that nothing matches, so that no time and
 * no status tells it from a wrong password.
 *
 * Only a wrong answer to a nonce of ours, made for this source, counts as a failure: who never got
 * our challenge (a forged UDP source) cannot have somebody else's address banned, and learns
 * nothing, because the answer to a foreign nonce is never looked at.
 */
#include "featured/reg/auth.h"

#include <openssl/crypto.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/base/str.h"
#include "featured/hash.h"
#include "featured/reg/digest.h"
#include "featured/reg/nonce.h"

#define SOURCES_MAX 20000	/* addresses with failures or bans that are remembered */

/*
 * An address with failures: IPv4 as mapped IPv6; of IPv6 the /64, which is what one customer gets.
 */
struct source {
	uint8_t		ip[16];
	char		shown[ADDR_STR_LEN + 1];
	uint32_t	failures;
	uint64_t	since_ms;	/* of the first failure that counts */
	uint64_t	until_ms;	/* banned; 0 not */
	UT_hash_handle	hh;
};

/* Where a request came from. */
struct from {
	uint8_t	ip[16];
	uint8_t	key[16];	/* the same, or the /64 */
	char	shown[ADDR_STR_LEN + 1];
};

struct auth {
	const struct settings	*settings;
	struct nonces		*nonces;
	struct source		*sources;
	struct net		*allow;
	size_t			 nallow;
	char			 nobody_md5[33];	/* HA1s of nobody */
	char			 nobody_sha256[65];
	struct auth_counts	 counts;
	struct log_bucket	 wrong_log;
	auth_ban_cb		*ban_cb;
	void			*ban_arg;
};

void
auth_settings(struct auth *auth, const struct settings *settings)
{
	size_t n = settings->security.allow.n;

	auth->settings = settings;
	mem_free(&auth->allow);
	auth->nallow = 0;
	if (n > 0 && (auth->allow = mem_new(n * sizeof(*auth->allow))) == NULL)
		return;
	auth->nallow = n;
	/* settings_check() has seen that each is one. */
	for (size_t i = 0; i < n; i++)
		net_parse(&auth->allow[i], settings->security.allow.v[i]);
}

int
auth_new(struct auth **out, const struct settings *settings, const char *own_dir)
{
	struct auth *auth = mem_new(sizeof(*auth));
	uint8_t random[32];
	int r;

	if (auth == NULL)
		return -ENOMEM;
	if ((r = digest_init()) < 0 || (r = nonces_new(&auth->nonces, own_dir)) < 0) {
		auth_free(&auth);
		return r;
	}
	id_random(random, sizeof(random));
	str_hex(auth->nobody_sha256, random, 32);
	str_hex(auth->nobody_md5, random, 16);
	auth_settings(auth, settings);
	if (!settings->security.require_authentication)
		log_warning("security.require_authentication is false: anybody may register and "
		            "call, from anywhere");
	*out = auth;
	return 0;
}

void
auth_free(struct auth **auth)
{
	struct source *s, *next;

	if (*auth == NULL)
		return;
	HASH_ITER(hh, (*auth)->sources, s, next) {
		HASH_DEL((*auth)->sources, s);
		free(s);
	}
	nonces_free(&(*auth)->nonces);
	mem_free(&(*auth)->allow);
	mem_free(auth);
}

/* ---- failures and bans ---- */

static struct source *
source_find(const struct auth *auth, const uint8_t ip[16])
{
	struct source *s;

	HASH_FIND(hh, auth->sources, ip, 16, s);
	return s;
}

static void
source_drop(struct auth *auth, struct source *s)
{
	HASH_DEL(auth->sources, s);
	free(s);
}

/*
 * Oldest first (uthash keeps the order of making): gives up what no longer counts, and at least
 * one.
 */
static void
source_room(struct auth *auth, uint64_t now_ms)
{
	uint64_t window = (uint64_t)auth->settings->security.ban_duration_s * 1000;
	struct source *s, *next;

	HASH_ITER(hh, auth->sources, s, next) {
		if (s->until_ms <= now_ms && s->since_ms + window <= now_ms)
			source_drop(auth, s);
	}
	while (HASH_COUNT(auth->sources) >= SOURCES_MAX)
		source_drop(auth, auth->sources);
}

static struct source *
source_add(struct auth *auth, const struct from *f, uint64_t now_ms)
{
	struct source *s;

	if (HASH_COUNT(auth->sources) >= SOURCES_MAX)
		source_room(auth, now_ms);
	if ((s = mem_new(sizeof(*s))) == NULL)
		return NULL;
	memcpy(s->ip, f->key, 16);
	str_copy(s->shown, sizeof(s->shown), f->shown);
	s->since_ms = now_ms;
	HASH_ADD(hh, auth->sources, ip, 16, s);
	if (!hash_added(s)) {
		free(s);
		return NULL;
	}
	return s;
}

static bool
is_allowed(const struct auth *auth, const uint8_t ip[16])
{
	return net_any_has(auth->allow, auth->nallow, ip);
}

/* False: not an address (never from sipd). */
static bool
parse_from(const char *source, struct from *f)
{
	union addr a;

	if (addr_parse(&a, source, 0) < 0)
		return false;
	addr_print_ip(&a, f->shown);
	net_bytes(&a, f->ip);
	net_customer(f->ip, f->key);
	return true;
}

static bool
is_banned(struct auth *auth, const struct from *f, uint64_t now_ms)
{
	struct source *s = source_find(auth, f->key);

	if (s == NULL || s->until_ms == 0)
		return false;
	if (s->until_ms > now_ms)
		return !is_allowed(auth, f->ip);
	source_drop(auth, s);
	return false;
}

static void
count_failure(struct auth *auth, const struct auth_request *req, const struct from *f,
    uint64_t now_ms)
{
	uint64_t window = (uint64_t)auth->settings->security.ban_duration_s * 1000;
	struct source *s = source_find(auth, f->key);

	auth->counts.forbidden++;
	log_limited(&auth->wrong_log, LL_WARNING, "wrong credentials", kv_s("method", req->method),
	    kv_s("user", req->user), kv_s("source", req->source));
	if (is_allowed(auth, f->ip))
		return;
	if (s == NULL && (s = source_add(auth, f, now_ms)) == NULL)
		return;
	if (s->since_ms + window <= now_ms) {
		s->since_ms = now_ms;
		s->failures = 0;
	}
	s->failures++;
	if (s->failures >= auth->settings->security.max_failed_attempts) {
		s->until_ms = now_ms + window;
		log_warning("address banned", kv_s("address", f->shown),
		    kv_u("failures", s->failures),
		    kv_i("seconds", auth->settings->security.ban_duration_s));
		if (auth->ban_cb != NULL)
			auth->ban_cb(auth->ban_arg, f->shown, s->until_ms);
	}
}

void
auth_watch(struct auth *auth, auth_ban_cb *cb, void *arg)
{
	auth->ban_cb = cb;
	auth->ban_arg = arg;
}

void
auth_policy(const struct auth *auth, struct msg_auth_policy *out)
{
	const struct settings *s = auth->settings;

	memset(out, 0, sizeof(*out));
	out->required = s->security.require_authentication;
	str_copy(out->realm, sizeof(out->realm), s->server.realm);
	memcpy(out->key, nonces_key(auth->nonces), sizeof(out->key));
	out->lifetime_ms = (uint32_t)s->security.nonce_lifetime_s * 1000;
}

size_t
auth_bans(const struct auth *auth, uint64_t now_ms, struct auth_ban *out, size_t max)
{
	size_t n = 0;

	for (const struct source *s = auth->sources; s != NULL; s = s->hh.next) {
		if (s->until_ms <= now_ms)
			continue;
		if (n < max) {
			str_copy(out[n].ip, sizeof(out[n].ip), s->shown);
			out[n].until_ms = s->until_ms;
			out[n].failures = s->failures;
		}
		n++;
	}
	return n;
}

bool
auth_unban(struct auth *auth, const char *ip)
{
	struct source *s;
	struct from f;

	if (!parse_from(ip, &f) || (s = source_find(auth, f.key)) == NULL || s->until_ms == 0)
		return false;
	source_drop(auth, s);
	log_info("ban lifted", kv_s("address", f.shown));
	if (auth->ban_cb != NULL)
		auth->ban_cb(auth->ban_arg, f.shown, 0);
	return true;
}

/* ---- digest ---- */

static bool
parse_algorithm(const char *text, enum digest_algorithm *out)
{
	if (text[0] == '\0' || str_ieq(text, "MD5"))
		*out = DIGEST_MD5;
	else if (str_ieq(text, "SHA-256"))
		*out = DIGEST_SHA256;
	else
		return false;
	return true;
}

/* 1..UINT32_MAX, or 0 when it is none. */
static uint32_t
parse_nc(const char *nc)
{
	uint8_t b[4];

	if (str_unhex(b, 4, nc) < 0)
		return 0;
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/*
 * Are these credentials that we can look at? Others are as good as none: the phone is asked again.
 */
static bool
is_answer(const struct auth *auth, const struct auth_request *req, enum digest_algorithm *algorithm)
{
	if (!req->present || !str_eq(req->realm, auth->settings->server.realm) ||
	    req->nonce[0] == '\0' || req->uri[0] == '\0')
		return false;
	if (!parse_algorithm(req->algorithm, algorithm))
		return false;
	return req->qop[0] == '\0' ||
	    (str_ieq(req->qop, "auth") && req->cnonce[0] != '\0' && parse_nc(req->nc) != 0);
}

static bool
is_right(const struct auth *auth, const struct auth_request *req, enum digest_algorithm algorithm,
    const struct extension *x)
{
	char want[DIGEST_HEX_MAX + 1], got[DIGEST_HEX_MAX + 1];
	bool md5 = algorithm == DIGEST_MD5, known = x != NULL && x->ha1_md5[0] != '\0';
	const char *ha1 = md5 ? known ? x->ha1_md5 : auth->nobody_md5
	    : known           ? x->ha1_sha256
	                      : auth->nobody_sha256;
	const struct digest_input in = {
		.ha1 = ha1,
		.nonce = req->nonce,
		.nc = req->nc,
		.cnonce = req->cnonce,
		.qop = req->qop,
		.method = req->method,
		.uri = req->uri,
	};
	size_t len = strlen(req->response), want_len = md5 ? 32 : 64;

	digest_response(algorithm, &in, want);
	memset(got, 0, sizeof(got));
	for (size_t i = 0; i < len && i < want_len; i++)
		got[i] = (char)tolower((unsigned char)req->response[i]);
	return CRYPTO_memcmp(got, want, want_len) == 0 && len == want_len && known;
}

static void
challenge(struct auth *auth, const char *ip, uint64_t now_ms, bool stale, struct auth_verdict *out)
{
	out->result = AUTH_CHALLENGE;
	out->stale = stale;
	str_copy(out->realm, sizeof(out->realm), auth->settings->server.realm);
	nonce_make(auth->nonces, ip, now_ms, out->nonce);
	auth->counts.challenged++;
}

/* The password was right: may this nonce be used, this time? */
static void
use_nonce(struct auth *auth, const struct auth_request *req, const char *ip, uint64_t now_ms,
    bool expired, struct auth_verdict *out)
{
	uint64_t lifetime = (uint64_t)auth->settings->security.nonce_lifetime_s * 1000;
	enum nonce_state state = NONCE_EXPIRED;

	if (!expired)
		state = nonce_use(auth->nonces, req->nonce,
		    req->qop[0] != '\0' ? parse_nc(req->nc) : 0, now_ms, lifetime);
	switch (state) {
	case NONCE_GOOD:
		out->result = AUTH_OK;
		str_copy(out->user, sizeof(out->user), req->user);
		auth->counts.accepted++;
		return;
	case NONCE_REPLAYED:
		auth->counts.replayed++;
		break;
	case NONCE_EXPIRED:
	case NONCE_FOREIGN:
		auth->counts.stale++;
		break;
	}
	/*
	 * Also a replay: many phones begin at 1 again, and without stale they would ask their user
	 * for another password.
	 */
	challenge(auth, ip, now_ms, true, out);
}

void
auth_check(struct auth *auth, const struct auth_request *req, uint64_t now_ms,
    struct auth_verdict *out)
{
	const struct settings *s = auth->settings;
	enum digest_algorithm algorithm;
	enum nonce_state state;
	struct from f;

	memset(out, 0, sizeof(*out));
	if (!s->security.require_authentication) {
		out->result = AUTH_OK;
		auth->counts.accepted++;
		return;
	}
	if (!parse_from(req->source, &f)) {
		out->result = AUTH_FORBIDDEN;
		return;
	}
	if (is_banned(auth, &f, now_ms)) {
		out->result = AUTH_BANNED;
		auth->counts.banned++;
		return;
	}
	if (!is_answer(auth, req, &algorithm)) {
		challenge(auth, f.shown, now_ms, false, out);
		return;
	}
	state = nonce_look(auth->nonces, req->nonce, f.shown, now_ms,
	    (uint64_t)s->security.nonce_lifetime_s * 1000);
	if (state == NONCE_FOREIGN) {
		auth->counts.stale++;
		challenge(auth, f.shown, now_ms, true, out);
		return;
	}
	if (!is_right(auth, req, algorithm, settings_extension(s, req->user))) {
		out->result = AUTH_FORBIDDEN;
		count_failure(auth, req, &f, now_ms);
		return;
	}
	use_nonce(auth, req, f.shown, now_ms, state == NONCE_EXPIRED, out);
}

void
auth_count(const struct auth *auth, struct auth_counts *out)
{
	*out = auth->counts;
	out->nonces = nonces_used(auth->nonces);
}

const char *
auth_result_name(enum auth_result result)
{
	switch (result) {
	case AUTH_OK:
		return "ok";
	case AUTH_CHALLENGE:
		return "challenge";
	case AUTH_FORBIDDEN:
		return "forbidden";
	case AUTH_BANNED:
		return "banned";
	}
	return "?";
}
