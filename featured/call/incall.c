/* SPDX-License-Identifier: ISC */
/*
 * Codes pressed in a call; see incall.h. What was pressed is forgotten after two seconds, so that
 * the keys for somebody else's menu seldom come to a code. It is in memory only: who presses a code
 * at the moment of a restart presses it again.
 */
#include "featured/call/incall.h"

#include <string.h>

#include "featured/call/consult.h"
#include "featured/call/join.h"
#include "featured/call/recording.h"
#include "featured/settings.h"

#define BETWEEN_MS 2000

struct code {
	const char *key; /* of feature_codes */
	/* May the leg's far end do that now? It is an extension, and talks to the other one of two
	 * (join_partner()). */
	bool (*may)(const struct core *, const struct leg *);
	void (*run)(struct core *, struct leg *);
};

static bool
may_transfer(const struct core *core, const struct leg *leg)
{
	return core->settings->features.call_transfer && !consult_is(leg->call);
}

/* Within a consultation the same code goes back. */
static bool
may_consult(const struct core *core, const struct leg *leg)
{
	return core->settings->features.call_transfer &&
	    (!consult_is(leg->call) || consult_by(leg));
}

static void
blind(struct core *core, struct leg *leg)
{
	consult_start(core, leg, true);
}

static void
attended(struct core *core, struct leg *leg)
{
	if (consult_is(leg->call))
		consult_back(core, leg);
	else
		consult_start(core, leg, false);
}

static bool
may_three(const struct core *core, const struct leg *leg)
{
	return core->settings->features.call_transfer && consult_by(leg);
}

static bool
may_record(const struct core *core, const struct leg *leg)
{
	(void)leg;
	return core->settings->features.call_recording;
}

static bool
may_pause(const struct core *core, const struct leg *leg)
{
	return recording_of(core, leg->call) != NULL;
}

static void
record(struct core *core, struct leg *leg)
{
	const char *reason = "";

	if (recording_of(core, leg->call) != NULL)
		recording_stop(core, leg->call, &reason);
	else if (recording_start(core, leg->call, leg->r.user, &reason) != 0)
		trace_add(core, leg->call, "app", "record-refused", "%s", reason);
}

static void
record_pause(struct core *core, struct leg *leg)
{
	const struct recording *r = recording_of(core, leg->call);
	const char *reason = "";

	recording_pause(core, leg->call, r != NULL && !r->r.paused, &reason);
}

static const struct code codes[] = {
	{ "transfer_blind", may_transfer, blind },
	{ "transfer_attended", may_consult, attended },
	{ "three_way", may_three, consult_three },
	{ "record", may_record, record },
	{ "record_pause", may_pause, record_pause },
};

/* What the keys pressed come to. */
enum found { NOTHING, BEGUN, CODE };

static enum found
look_up(const struct core *core, const struct leg *leg, const struct code **found)
{
	enum found best = NOTHING;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		const char *code = settings_feature_code(core->settings, codes[i].key);

		if (strncmp(code, leg->keys, leg->keys_n) != 0 || !codes[i].may(core, leg))
			continue;
		if (code[leg->keys_n] == '\0') {
			*found = &codes[i];
			return CODE;
		}
		best = BEGUN;
	}
	return best;
}

bool
incall_digit(struct core *core, struct leg *leg, char digit)
{
	const struct code *code = NULL;

	if (join_partner(core, leg) == NULL ||
	    settings_extension(core->settings, leg->r.user) == NULL)
		return false;
	if (core->mono_ms - leg->keys_ms > BETWEEN_MS || leg->keys_n == sizeof(leg->keys))
		leg->keys_n = 0;
	leg->keys_ms = core->mono_ms;
	leg->keys[leg->keys_n++] = digit;
	for (; leg->keys_n > 0; memmove(leg->keys, leg->keys + 1, --leg->keys_n)) {
		enum found what = look_up(core, leg, &code);

		if (what == BEGUN)
			return false;
		if (what == NOTHING)
			continue;
		leg->keys_n = 0;
		trace_add(core, leg->call, "app", "code", "leg=%016llx %s",
		    (unsigned long long)leg->r.id, code->key);
		code->run(core, leg);
		return true;
	}
	return false;
}
