/* SPDX-License-Identifier: ISC */
/* What the API asks of the core: lists, starting a call, ending one. See core.h. Called by
 * from_apid.c. */
#include <string.h>

#include "featured/call/call.h"
#include "featured/route/dialplan.h"
#include "featured/call/recording.h"
#include "featured/settings.h"

static void
fill_item(const struct call *call, struct msg_call_item *item)
{
	memset(item, 0, sizeof(*item));
	memcpy(item->call, call->r.id.b, sizeof(item->call));
	str_copy(item->from, sizeof(item->from), call->r.from);
	str_copy(item->from_name, sizeof(item->from_name), call->r.from_name);
	str_copy(item->to, sizeof(item->to), call->r.to);
	item->state = call->r.state;
	item->start_ms = call->r.start_ms;
	item->answer_ms = call->r.answer_ms;
}

void
core_calls(const struct core *core, void (*cb)(void *arg, const struct msg_call_item *), void *arg)
{
	struct call *call, *tmp;
	struct msg_call_item item;

	HASH_ITER(hh, core->calls, call, tmp)
	{
		if (call->r.ending)
			continue;
		fill_item(call, &item);
		cb(arg, &item);
	}
}

void
core_all_calls(const struct core *core, void (*cb)(void *arg, const struct msg_call_item *),
    void *arg)
{
	struct call *call, *tmp;
	struct msg_call_item item;

	HASH_ITER(hh, core->calls, call, tmp)
	{
		fill_item(call, &item);
		cb(arg, &item);
	}
}

bool
core_call_get(const struct core *core, const uint8_t uuid[UUID_LEN], struct msg_call_item *item)
{
	const struct call *call = call_find(core, uuid);

	if (call == NULL || call->r.ending)
		return false;
	fill_item(call, item);
	return true;
}

size_t
core_user_calls(const struct core *core, const char *user)
{
	return user_calls(core, user, NULL);
}

bool
core_reachable(struct core *core, const char *from, const char *to)
{
	struct route_ask ask = {
		.settings = core->settings,
		.from = from,
		.to = to,
		.forwarded = true,
		.users = core->users,
		.patterns = &core->patterns,
		.bucket = &core->bucket,
	};

	return dialplan_reachable(&ask);
}

uint16_t
core_call_hangup(struct core *core, const uint8_t uuid[UUID_LEN])
{
	struct call *call = call_find(core, uuid);

	if (call == NULL || call->r.ending)
		return 404;
	trace_add(core, call, "api", "hangup", "%s", "");
	call_end(core, call, 480, 16, CDR_SIDE_SYSTEM, "ended over the API");
	return 0;
}

uint16_t
core_call_start(struct core *core, const char *from, const char *to, struct uuid *id,
    const char **reason)
{
	const struct extension *ext = settings_extension(core->settings, from);
	struct core_contact contact;
	struct plan_step *step;
	struct call *call;
	struct cdr cdr;

	if (to[0] == '\0' || from[0] == '\0') {
		*reason = "from and to are needed";
		return 400;
	}
	if (ext == NULL) {
		*reason = "no such extension";
		return 404;
	}
	if (core->env.contacts(core->env.arg, from, &contact, 1) == 0) {
		*reason = "from is not registered";
		return 409;
	}
	if (core->congested || !core->sipd.up || !core->mediad.up ||
	    (call = call_new(core, CALL_FROM_API)) == NULL) {
		*reason = "cannot make calls at the moment";
		return 503;
	}
	str_copy(call->r.from, sizeof(call->r.from), from);
	str_copy(call->r.from_name, sizeof(call->r.from_name), ext->name);
	str_copy(call->r.to, sizeof(call->r.to), to);
	str_copy(call->r.user_agent, sizeof(call->r.user_agent), "Warden API");
	trace_add(core, call, "api", "start", "from=%s to=%s", from, to);
	call->r.cdr = CALL_CDR_INTENT;
	cdr_fill(core, call, &cdr);
	out_cdr(core->out, OUT_CDR_INTENT, &cdr);
	step = plan_add(&call->r.plan, APP_ORIGINATE, from);
	step->seconds = (uint16_t)core->settings->dialplan.ring_time_s;
	*id = call->r.id;
	call_step(core, call, 0);
	return 0;
}

uint16_t
core_call_record(struct core *core, const uint8_t uuid[UUID_LEN], enum core_record what,
    const char **reason)
{
	struct call *call = call_find(core, uuid);

	*reason = "no such call";
	if (call == NULL || call->r.ending)
		return 404;
	switch (what) {
	case CORE_RECORD_START:
		return recording_start(core, call, "api", reason);
	case CORE_RECORD_STOP:
		return recording_stop(core, call, reason);
	case CORE_RECORD_PAUSE:
	case CORE_RECORD_RESUME:
		return recording_pause(core, call, what == CORE_RECORD_PAUSE, reason);
	}
	return 400;
}

uint16_t
core_call_hold(struct core *core, const uint8_t uuid[UUID_LEN], bool on, const char **reason)
{
	struct call *call = call_find(core, uuid);

	*reason = "no such call";
	if (call == NULL || call->r.ending)
		return 404;
	*reason = "hold is switched off";
	if (!core->settings->features.call_hold)
		return 409;
	*reason = on ? "the call is not connected" : "the call is not on hold";
	if ((call->r.state != CALL_CONNECTED && call->r.state != CALL_HOLD) || call->r.slot != 0 ||
	    (!on && !call->r.held))
		return 409;
	if (call->r.held == on)
		return 0;
	trace_add(core, call, "api", on ? "hold" : "resume", "%s", "");
	call->r.held = on;
	call_dirty(core, call);
	call_check_hold(core, call);
	return 0;
}
