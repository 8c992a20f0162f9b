/* SPDX-License-Identifier: ISC */
/* Bearer tokens: see auth.h. Never logs a token or its hash. */
#include "apid/auth.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

#include "apid/apid.h"
#include "apid/request.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#define KEEP_MS 5000
#define KEEP_AWAY_MS 60000	/* while featured is away */
#define KNOWN_MS 600000	/* for this long a token that was good is not held back with its address */
#define WRONG_MAX 10		/* in */
#define WRONG_WINDOW_MS 60000
#define TOKEN_MAX 256

static void
address_key(const union addr *addr, uint8_t key[16])
{
	memset(key, 0, 16);
	if (addr->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr))
		memcpy(key + 10, addr->in6.sin6_addr.s6_addr + 10, 6);
	else if (addr->sa.sa_family == AF_INET6)
		memcpy(key, &addr->in6.sin6_addr, 8);
	else if (addr->sa.sa_family == AF_INET) {
		key[10] = key[11] = 0xff;
		memcpy(key + 12, &addr->in.sin_addr, 4);
	}
}

static bool
limited(const struct auth *auth, const union addr *addr, uint64_t now_ms)
{
	uint8_t key[16];

	address_key(addr, key);
	for (size_t i = 0; i < AUTH_ADDRESSES; i++) {
		const struct auth_address *a = &auth->address[i];

		if (a->wrong >= WRONG_MAX && now_ms - a->window_ms < WRONG_WINDOW_MS &&
		    memcmp(a->key, key, 16) == 0)
			return true;
	}
	return false;
}

static void
count_wrong(struct auth *auth, const union addr *addr, uint64_t now_ms)
{
	struct auth_address *slot = &auth->address[0];
	uint8_t key[16];

	address_key(addr, key);
	for (size_t i = 0; i < AUTH_ADDRESSES; i++) {
		struct auth_address *a = &auth->address[i];

		if (a->wrong > 0 && memcmp(a->key, key, 16) == 0) {
			slot = a;
			break;
		}
		if (a->window_ms < slot->window_ms)
			slot = a;	/* the oldest makes room */
	}
	if (slot->wrong == 0 || memcmp(slot->key, key, 16) != 0 ||
	    now_ms - slot->window_ms >= WRONG_WINDOW_MS) {
		memcpy(slot->key, key, 16);
		slot->window_ms = now_ms;
		slot->wrong = 0;
	}
	slot->wrong++;
}

void
auth_forget(struct auth *auth)
{
	memset(auth->kept, 0, sizeof(auth->kept));
}

static struct auth_kept *
kept_find(struct auth *auth, const uint8_t hash[32])
{
	for (size_t i = 0; i < AUTH_KEPT; i++)
		if (auth->kept[i].checked_ms != 0 &&
		    CRYPTO_memcmp(auth->kept[i].hash, hash, 32) == 0)
			return &auth->kept[i];
	return NULL;
}

static void
keep(struct auth *auth, const uint8_t hash[32], const struct msg_token_info *info, uint64_t now_ms)
{
	struct auth_kept *slot = kept_find(auth, hash);

	if (slot == NULL) {
		slot = &auth->kept[0];
		for (size_t i = 1; i < AUTH_KEPT; i++)
			if (auth->kept[i].checked_ms < slot->checked_ms)
				slot = &auth->kept[i];
	}
	memcpy(slot->hash, hash, 32);
	slot->checked_ms = now_ms;
	slot->admin = info->admin != 0;
	str_copy(slot->name, sizeof(slot->name), info->name);
}

static void
unauthorized(struct request *req, const char *challenge, const char *reason)
{
	request_header(req, "WWW-Authenticate", challenge);
	request_error(req, 401, "%s", reason);
}

static void
wrong_token(struct request *req)
{
	struct apid *apid = req->apid;
	char from[ADDR_STR_LEN + 1];

	apid->metrics.tokens_refused++;
	addr_print_ip(&req->from, from);
	count_wrong(&apid->auth, &req->from, clock_mono_ms());
	log_limited(&apid->auth.bucket, LL_WARNING, "wrong API token", kv_s("from", from));
	unauthorized(req, "Bearer realm=\"warden\", error=\"invalid_token\"",
	    "the token is not valid");
}

static void
accept_kept(struct request *req, const struct auth_kept *kept)
{
	req->asker.known = true;
	req->asker.admin = kept->admin;
	str_copy(req->asker.name, sizeof(req->asker.name), kept->name);
	req->authorized(req);
}

static void
on_checked(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	struct auth *auth = &req->apid->auth;
	const struct msg_token_info *info;
	const unsigned status = request_reply_error(reply);

	if (status == 401 || status == 404) {
		struct auth_kept *revoked = kept_find(auth, req->token_hash);

		if (revoked != NULL)
			*revoked = (struct auth_kept){ 0 };
		wrong_token(req);
		return;
	}
	if ((info = request_reply_body(req, reply, MSG_token_info)) == NULL)
		return;
	keep(auth, req->token_hash, info, clock_mono_ms());
	accept_kept(req, kept_find(auth, req->token_hash));
}

/* The token of "Bearer TOKEN" (RFC 6750 section 2.1), or NULL. */
static const char *
bearer(const char *header)
{
	if (strncasecmp(header, "Bearer ", 7) != 0)
		return NULL;
	header += 7 + strspn(header + 7, " ");
	return *header != '\0' && strlen(header) <= TOKEN_MAX ? header : NULL;
}

void
auth_check(struct request *req, void (*next)(struct request *))
{
	const char *header = request_header_in(req, "Authorization"), *token;
	struct auth *auth = &req->apid->auth;
	struct msg_token_check check;
	const struct auth_kept *kept;
	uint64_t now = clock_mono_ms(), age;

	req->authorized = next;
	if (req->asker.known || header == NULL) {
		next(req);
		return;
	}
	if ((token = bearer(header)) == NULL) {
		unauthorized(req, "Bearer realm=\"warden\", error=\"invalid_request\"",
		    "Authorization must be: Bearer TOKEN");
		return;
	}
	SHA256((const unsigned char *)token, strlen(token), req->token_hash);
	kept = kept_find(auth, req->token_hash);
	age = kept != NULL ? now - kept->checked_ms : UINT64_MAX;
	if (age < KEEP_MS || (age < KEEP_AWAY_MS && ipc_client_peer(req->apid->featured) == NULL)) {
		accept_kept(req, kept);
		return;
	}
	if (age >= KNOWN_MS && limited(auth, &req->from, now)) {
		req->apid->metrics.tokens_limited++;
		request_error(req, 429, "too many wrong tokens from this address");
		return;
	}
	memcpy(check.hash, req->token_hash, sizeof(check.hash));
	request_ask(req, MSG_token_check, &check, on_checked);
}
