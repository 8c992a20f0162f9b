/* SPDX-License-Identifier: ISC */
/*
 * Who is in a call, as lamps show it: for each leg that a user's phone has, its state and the other
 * party. Looked at when a call was touched, and told to the world when it is another than before.
 */
#include <string.h>

#include "featured/call/call.h"
#include "featured/settings.h"

static uint8_t
party_state(const struct leg *leg)
{
	switch ((enum leg_state)leg->r.state) {
	case LEG_OFFERED:
		return leg->r.progress >= 180 ? CORE_PARTY_EARLY : CORE_PARTY_TRYING;
	case LEG_DIALING:
		return CORE_PARTY_TRYING;
	case LEG_RINGING:
		return CORE_PARTY_EARLY;
	case LEG_ANSWERING:
	case LEG_SETTLING:
	case LEG_UP:
		return CORE_PARTY_CONFIRMED;
	case LEG_MAKING:
	case LEG_CLOSING:
	case LEG_OVER:
	case LEG_NONE:
	case LEG_STATES:
		break;
	}
	return 0;
}

/* Whom the leg talks to, or is to. */
static void
remote(const struct core *core, const struct call *call, const struct leg *leg,
    struct core_party *out)
{
	const struct leg *peer = leg->r.peer != 0 ? leg_find(core, leg->r.peer) : NULL;
	const struct extension *ext;
	const char *number, *name = "";

	if (peer != NULL)
		number = peer->r.user;
	else if (leg->r.id == call->r.caller)
		number = call->r.to;
	else
		number = call->r.from;
	if (strcmp(number, call->r.from) == 0) {
		if (call->r.withheld) /* nobody learns it from a lamp either */
			return;
		name = call->r.from_name;
	}
	if (name[0] == '\0' && (ext = settings_extension(core->settings, number)) != NULL)
		name = ext->name;
	str_copy(out->remote, sizeof(out->remote), number);
	str_copy(out->remote_name, sizeof(out->remote_name), name);
}

static size_t
parties_of(const struct core *core, const struct call *call, struct core_party *out, size_t max)
{
	const struct leg *leg;
	size_t n = 0;

	TAILQ_FOREACH(leg, &call->legs, next)
	{
		uint8_t state = party_state(leg);

		if (state == 0 || n == max)
			continue;
		out[n] = (struct core_party){ .leg = leg->r.id,
			.state = state,
			.initiator = leg->r.incoming,
			.held = leg->r.direction == MEDIA_SENDONLY ||
			    leg->r.direction == MEDIA_INACTIVE };
		str_copy(out[n].user, sizeof(out[n].user), leg->r.user);
		remote(core, call, leg, &out[n]);
		n++;
	}
	return n;
}

/* The lamp of the slot that the call lies in, or is held for it. */
static size_t
parked(const struct core *core, const struct call *call, struct core_party *out)
{
	const struct leg *caller = call_caller(core, call);

	if (call->r.slot == 0 || caller == NULL)
		return 0;
	*out = (struct core_party){ .leg = caller->r.id, .state = CORE_PARTY_CONFIRMED };
	str_format(out->user, sizeof(out->user), "%u", call->r.slot);
	if (!call->r.withheld) {
		str_copy(out->remote, sizeof(out->remote), call->r.from);
		str_copy(out->remote_name, sizeof(out->remote_name), call->r.from_name);
	}
	return 1;
}

static uint64_t
fingerprint(const struct core_party *parties, size_t n)
{
	const unsigned char *p = (const unsigned char *)parties;
	uint64_t h = 14695981039346656037ULL;

	for (size_t i = 0; i < n * sizeof(*parties); i++)
		h = (h ^ p[i]) * 1099511628211ULL;
	return n > 0 ? h | 1 : 0;
}

void
parties_look(struct core *core, struct call *call, bool again)
{
	struct core_party parties[CORE_PARTIES_MAX + 1];
	uint64_t print;
	size_t n;

	if (core->env.parties == NULL)
		return;
	/* also between the fields: they are compared as bytes */
	memset(parties, 0, sizeof(parties));
	n = call->r.ending ? 0 : parties_of(core, call, parties, CORE_PARTIES_MAX);
	if (!call->r.ending)
		n += parked(core, call, &parties[n]);
	print = fingerprint(parties, n);
	if (print == call->parties && !again)
		return;
	call->parties = print;
	core->env.parties(core->env.arg, call->r.id.b, parties, n);
}

void
core_parties(struct core *core)
{
	struct call *call, *next;

	HASH_ITER(hh, core->calls, call, next)
	parties_look(core, call, true);
}

uint16_t
core_leg_ends(const struct core *core, uint64_t id, char *who, char *other)
{
	const struct leg *leg = leg_find(core, id), *peer;

	if (leg == NULL || !leg_is_up(leg))
		return 481;
	if (leg->call->r.withheld && leg->r.id == leg->call->r.caller)
		return 403;
	if (leg->r.peer == 0 || (peer = leg_find(core, leg->r.peer)) == NULL || !leg_is_up(peer))
		return 480;
	str_copy(who, 65, leg->r.user);
	str_copy(other, 65, peer->r.user);
	return 0;
}
