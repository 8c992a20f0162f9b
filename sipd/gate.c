/* SPDX-License-Identifier: ISC */
/*
 * The gate for strangers; see gate.h. Both tables are bounded: of sources the one that owes least is
 * forgotten for a new one, bans are no more than featured remembers.
 */
#include "sipd/gate.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/auth/nonce_text.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/auth.h"
#include "sipd/crowd.h"
#include "sipd/flow.h"
#include "sipd/nat.h"
#include "sipd/stack.h"

#define SETS	      1024
#define WAYS	      4
#define BANS_MAX      20000
#define RETRY_AFTER_S 10

struct ban {
	UT_hash_handle hh;
	uint8_t key[16];
	uint64_t until_ms; /* Unix */
};

/* Where a request came from. */
struct from {
	union addr addr;
	uint8_t ip[16], key[16];
	char shown[ADDR_STR_LEN + 1];
};

static struct {
	bool required; /* featured has said so */
	struct msg_auth_policy policy;
	struct ban *bans;
	/* A token bucket for each source: until when it is in debt. Full at any time before. */
	struct {
		uint8_t key[16];
		uint64_t owes_us;
	} sources[SETS][WAYS];
	uint64_t seed[2];
	/* Of the request that gate_look() let be challenged last: gate_challenge() is about that one. */
	struct from stranger;
	bool stale;
} gate;


static bool
from_of(struct from *f, const sip_t *sip)
{
	if (nat_source(&f->addr, sip) < 0)
		return false;
	addr_print_ip(&f->addr, f->shown);
	net_bytes(&f->addr, f->ip);
	net_customer(f->ip, f->key);
	return true;
}

/* Which set a source falls into: nobody outside can aim at one. */
static unsigned
set_of(const uint8_t key[16])
{
	uint64_t h, part[2];

	if (gate.seed[0] == 0) {
		id_random(gate.seed, sizeof(gate.seed));
		gate.seed[0] |= 1;
		gate.seed[1] |= 1;
	}
	memcpy(part, key, sizeof(part));
	h = (part[0] ^ gate.seed[1]) * gate.seed[0];
	h = (h ^ h >> 29 ^ part[1]) * gate.seed[1];
	return (unsigned)(h >> 40) % SETS;
}

/* Takes a token. False: the source has none left. */
static bool
spend(const struct from *f)
{
	const struct sipd_settings *set = &sipd.set;
	uint64_t now = clock_mono_us(), each, start;
	unsigned s, best = 0;

	if (set->challenge_rate == 0 || net_any_has(set->allow_nets, set->allow_n, f->ip))
		return true;
	each = 1000000 / (uint64_t)set->challenge_rate;
	s = set_of(f->key);
	for (unsigned i = 0; i < WAYS; i++) {
		if (memcmp(gate.sources[s][i].key, f->key, 16) == 0) {
			best = i;
			break;
		}
		if (gate.sources[s][i].owes_us < gate.sources[s][best].owes_us)
			best = i;
	}
	if (memcmp(gate.sources[s][best].key, f->key, 16) != 0) {
		memcpy(gate.sources[s][best].key, f->key, 16);
		gate.sources[s][best].owes_us = 0;
	}
	start = gate.sources[s][best].owes_us > now ? gate.sources[s][best].owes_us : now;
	if (start - now + each > each * (uint64_t)set->challenge_burst)
		return false;
	gate.sources[s][best].owes_us = start + each;
	return true;
}

/* ---- bans ---- */

static bool
banned(const struct from *f)
{
	struct ban *b;

	if (gate.bans == NULL)
		return false;
	HASH_FIND(hh, gate.bans, f->key, 16, b);
	if (b == NULL)
		return false;
	if (b->until_ms > clock_real_ms())
		return true;
	HASH_DEL(gate.bans, b);
	free(b);
	return false;
}

void
gate_ban(const struct msg_auth_ban *m)
{
	struct from f;
	struct ban *b;

	if (addr_from_ip(&f.addr, m->ip, 0) < 0)
		return;
	net_bytes(&f.addr, f.ip);
	net_customer(f.ip, f.key);
	HASH_FIND(hh, gate.bans, f.key, 16, b);
	if (b != NULL && m->until_ms == 0) {
		HASH_DEL(gate.bans, b);
		free(b);
	} else if (b != NULL) {
		b->until_ms = m->until_ms;
	} else if (m->until_ms != 0 && HASH_COUNT(gate.bans) < BANS_MAX &&
	    (b = mem_new(sizeof(*b))) != NULL) {
		memcpy(b->key, f.key, 16);
		b->until_ms = m->until_ms;
		HASH_ADD(hh, gate.bans, key, 16, b);
	}
}

void
gate_policy(const struct msg_auth_policy *m)
{
	struct ban *b, *next;

	HASH_ITER(hh, gate.bans, b, next)
	{
		HASH_DEL(gate.bans, b);
		free(b);
	}
	gate.policy = *m;
	gate.required = m->required != 0;
}

/* ---- credentials ---- */

enum claim { CLAIM_NONE, CLAIM_STALE, CLAIM_GOOD };

/* Good: an answer to a nonce that featured's key made for this source. Whether it is the right one is
 * featured's to say. */
static enum claim
claim_of(const sip_t *sip, const struct from *f)
{
	uint8_t id[NONCE_ID_LEN];
	struct auth_claim c;

	if (!auth_claim(&c, sip) || strcmp(c.realm, gate.policy.realm) != 0)
		return CLAIM_NONE;
	if (!nonce_text_read(gate.policy.key, f->shown, c.nonce, id) ||
	    nonce_text_expired(id, clock_real_ms(), gate.policy.lifetime_ms))
		return CLAIM_STALE;
	return CLAIM_GOOD;
}

/* No tokens left. An answer to a forged source would be an attack on that one. */
static void
turn_away(msg_t *msg, const sip_t *sip, const struct from *f)
{
	sipd.count.dropped++;
	log_limited(&sipd.noise, LL_WARNING,
	    "too many requests without credentials, some get no answer", kv_s("source", f->shown));
	if (nat_transport(sip->sip_via) == SIP_TRANSPORT_UDP)
		nta_msg_discard(sipd.agent, msg);
	else
		stack_refuse(msg, SIP_503_SERVICE_UNAVAILABLE, RETRY_AFTER_S);
}

bool
gate_stranger(msg_t *msg, const sip_t *sip)
{
	struct from f;

	if (!gate.required || !from_of(&f, sip) || spend(&f))
		return true;
	turn_away(msg, sip, &f);
	return false;
}

enum gate
gate_look(msg_t *msg, const sip_t *sip)
{
	enum claim claim;
	struct from f;

	if (nat_transport(sip->sip_via) == SIP_TRANSPORT_TCP)
		flow_seen(sip);
	claim = CLAIM_GOOD;
	if (gate.required && from_of(&f, sip))
		claim = banned(&f) ? CLAIM_NONE : claim_of(sip, &f);
	if (claim == CLAIM_GOOD) {
		crowd_known(msg, sip);
		return GATE_PASS;
	}
	if (!spend(&f)) {
		turn_away(msg, sip, &f);
		return GATE_TAKEN;
	}
	if (!banned(&f)) {
		gate.stranger = f;
		gate.stale = claim == CLAIM_STALE;
		return GATE_CHALLENGE;
	}
	sipd.count.banned++;
	stack_refuse(msg, SIP_403_FORBIDDEN, 0);
	return GATE_TAKEN;
}

void
gate_challenge(msg_t *msg)
{
	char nonce[NONCE_TEXT_LEN + 1];

	sipd.count.challenged++;
	nonce_text_make(gate.policy.key, gate.stranger.shown, clock_real_ms(), nonce);
	auth_challenge_msg(msg, NULL, &(struct auth_challenge){ gate.policy.realm, nonce, gate.stale });
}
