/* SPDX-License-Identifier: ISC */
/* Parking slots; see park.h. What happens to a parked call is app/park.c's. */
#include "featured/call/park.h"

#include <string.h>

#include "featured/call/join.h"
#include "featured/call/session.h"
#include "featured/call/transfer.h"
#include "featured/settings.h"

struct call *
park_in(const struct core *core, uint32_t slot)
{
	struct call *call, *tmp;

	HASH_ITER(hh, core->calls, call, tmp)
	if (call->r.slot == slot && slot != 0 && !call->r.ending)
		return call;
	return NULL;
}

/* Those that are taken, one bit each from range_start. */
static void
taken(const struct core *core, uint8_t *bits, size_t n)
{
	int64_t first = core->settings->parking.range_start;
	struct call *call, *tmp;
	size_t at;

	HASH_ITER(hh, core->calls, call, tmp)
	{
		if (call->r.slot == 0 || call->r.ending || (int64_t)call->r.slot < first)
			continue;
		at = (size_t)(call->r.slot - first);
		if (at < n)
			bits[at / 8] |= (uint8_t)(1 << at % 8);
	}
}

uint16_t
park_find(const struct core *core, const char *target, uint32_t *slot)
{
	int64_t first = core->settings->parking.range_start,
	        last = core->settings->parking.range_end, number;
	uint8_t bits[1000 / 8] = { 0 }; /* so many are looked at */

	if (!core->settings->features.call_parking)
		return 403;
	if (target[0] != '\0') {
		if (str_to_i64(target, first, last, &number) != 0)
			return 404;
		*slot = (uint32_t)number;
		return park_in(core, *slot) == NULL ? 0 : 486;
	}
	taken(core, bits, sizeof(bits) * 8);
	for (size_t i = 0; i < sizeof(bits) * 8 && first + (int64_t)i <= last; i++)
		if ((bits[i / 8] & 1 << i % 8) == 0) {
			*slot = (uint32_t)(first + (int64_t)i);
			return 0;
		}
	return 503;
}

uint16_t
park_refused(const struct core *core, const char *target)
{
	uint32_t slot;

	return park_find(core, target, &slot);
}

void
park_take(struct core *core, struct call *call, uint32_t slot)
{
	if (call->r.slot == slot)
		return;
	call->r.slot = slot;
	core->park_changes++;
	call_dirty(core, call);
}

uint32_t
park_say(struct core *core, struct call *call, struct leg *leg)
{
	char path[64] = "", number[16];
	size_t n = 0;

	str_format(number, sizeof(number), "%u", call->r.slot);
	for (const char *p = number; *p != '\0' && n + 10 < sizeof(path); p++) {
		str_format(path + n, sizeof(path) - n, "%sdigits/%c", n > 0 ? "&" : "", *p);
		n = strlen(path);
	}
	return session_play(core, leg, path, 1);
}

bool
park_tells(struct core *core, struct call *call, struct leg *by)
{
	if (call->r.ending || call->r.app != APP_PARK || call->r.u.park.phase != PARK_PARKED ||
	    call->r.plan.steps[call->r.step].target[0] != '\0' || !leg_is_up(by) ||
	    by->r.direction == MEDIA_SENDONLY || by->r.direction == MEDIA_INACTIVE)
		return false;
	call->r.u.park.hearer = by->r.id;
	call->r.u.park.play = park_say(core, call, by);
	return true;
}

void
park_held(struct core *core, struct call *call, char *to, size_t size)
{
	if (call->r.app != APP_PARK || call->r.u.park.phase != PARK_SAYING || call->r.slot == 0)
		return;
	str_format(to, size, "%u", call->r.slot);
	park_take(core, call, 0);
}

/*
 * The API, and lamps.
 */

static void
fill_item(const struct call *call, struct msg_parked_item *item)
{
	memset(item, 0, sizeof(*item));
	memcpy(item->call, call->r.id.b, sizeof(item->call));
	item->park_number = call->r.slot;
	str_copy(item->from, sizeof(item->from), call->r.from);
	str_copy(item->to, sizeof(item->to), call->r.to);
	str_copy(item->parker, sizeof(item->parker), call->r.parker);
	item->park_ms = call->r.parked_ms;
}

static bool
is_parked(const struct call *call)
{
	return call->r.slot != 0 && !call->r.ending && call->r.app == APP_PARK &&
	    call->r.u.park.phase == PARK_PARKED;
}

void
core_parked(const struct core *core, void (*cb)(void *arg, const struct msg_parked_item *),
    void *arg)
{
	struct call *call, *tmp;
	struct msg_parked_item item;

	HASH_ITER(hh, core->calls, call, tmp)
	{
		if (!is_parked(call))
			continue;
		fill_item(call, &item);
		cb(arg, &item);
	}
}

bool
core_parked_in(const struct core *core, uint32_t slot, struct msg_parked_item *item)
{
	const struct call *call = park_in(core, slot);

	if (call == NULL || !is_parked(call))
		return false;
	fill_item(call, item);
	return true;
}

uint32_t
core_park_changes(const struct core *core)
{
	return core->park_changes;
}

uint16_t
core_call_park(struct core *core, const uint8_t uuid[UUID_LEN], const char *from, uint32_t *slot,
    const char **reason)
{
	struct call *call = call_find(core, uuid);
	struct leg *leg, *by = NULL;
	uint16_t status;
	char to[16];

	*reason = "no such call";
	if (call == NULL || call->r.ending)
		return 404;
	TAILQ_FOREACH(leg, &call->legs, next)
	if (strcmp(leg->r.user, from) == 0 && join_partner(core, leg) != NULL)
		by = leg;
	*reason = "from_extension does not talk in this call";
	if (by == NULL)
		return 409;
	status = park_find(core, "", slot);
	*reason = status == 403 ? "parking is switched off" : "no free parking slot";
	if (status != 0)
		return status == 403 ? 409 : status;
	str_format(to, sizeof(to), "%u", *slot);
	trace_add(core, call, "api", "park", "from=%s slot=%s", from, to);
	status = transfer_blind(core, by, to);
	*reason = "it cannot be parked";
	return status == 0 ? 0 : 409;
}
