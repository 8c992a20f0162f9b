/* SPDX-License-Identifier: ISC */
/*
 * Numbers to plans. Features that are not built yet are refused with 501 by name, so that nobody
 * takes their absence for a fault of the network.
 */
#include "featured/route/dialplan.h"

#include <string.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "featured/route/pattern.h"
#include "featured/settings.h"

#define PROMPT_UNKNOWN "ss-noservice" /* "the number you have dialled is not in service" */

static void
refuse(struct plan *plan, uint16_t status, uint8_t q850)
{
	struct plan_step *s = plan_add(plan, APP_REFUSE, "");

	s->status = status;
	s->q850 = q850;
}

static void
not_built(struct plan *plan, const struct route_ask *ask, const char *feature, char *why,
    size_t why_size)
{
	log_limited(ask->bucket, LL_WARNING, "feature is not built yet", kv_s("feature", feature),
	    kv_s("from", ask->from), kv_s("to", ask->to));
	str_format(why, why_size, "%s is not built yet", feature);
	refuse(plan, 501, 79);
}

/* The key of the feature code that to is, or begins with (when a number follows); NULL none. The
 * longest code wins. */
static const char *
feature_of(const struct settings *s, const char *to)
{
	const char *best = NULL;
	size_t best_len = 0;
	bool takes_number;
	const char *key;

	for (size_t i = 0; (key = settings_feature_key(i, &takes_number)) != NULL; i++) {
		const char *code = settings_feature_code(s, key);
		size_t n = code != NULL ? strlen(code) : 0;

		if (n == 0 || n <= best_len || strncmp(to, code, n) != 0)
			continue;
		if (takes_number ? to[n] == '\0' : to[n] != '\0')
			continue;
		best = key;
		best_len = n;
	}
	return best;
}

static bool
is_emergency(const struct settings *s, const char *to)
{
	for (size_t i = 0; i < s->dialplan.emergency.n; i++)
		if (strcmp(s->dialplan.emergency.v[i], to) == 0)
			return true;
	return false;
}

/* The feature behind a number pattern; NULL none. */
static const char *
pattern_of(const struct route_ask *ask)
{
	const struct settings *s = ask->settings;

	if (pattern_match(ask->patterns, s->dialplan.voicemail_pattern, ask->to))
		return "voicemail";
	if (pattern_match(ask->patterns, s->dialplan.conference_pattern, ask->to))
		return "conference";
	if (pattern_match(ask->patterns, s->dialplan.queue_pattern, ask->to))
		return "call_queues";
	return NULL;
}

/* Features and what their step is. false: not one of those that exist. */
static bool
feature_step(const struct route_ask *ask, const char *feature, struct plan *plan)
{
	const char *number = ask->to + strlen(settings_feature_code(ask->settings, feature));

	if (strcmp(feature, "echo") == 0)
		plan_add(plan, APP_ECHO, "");
	else if (strcmp(feature, "park") == 0)
		plan_add(plan, APP_PARK, "");
	else if (strcmp(feature, "pickup") == 0)
		plan_add(plan, APP_PICKUP, number);
	else if (strcmp(feature, "pickup_group") == 0)
		plan_add(plan, APP_PICKUP, "");
	else
		return false;
	return true;
}

/* Nothing matches: a spoken message, then 404. */
static void
unknown(struct plan *plan)
{
	struct plan_step *s = plan_add(plan, APP_ANNOUNCE, PROMPT_UNKNOWN);

	memset(s->next, 1, sizeof(s->next));
	refuse(plan, 404, 1);
}

static bool
is_queue(const struct settings *s, const char *to)
{
	const struct queue_setting *q = s->queues.v;

	for (size_t i = 0; i < s->queues.n; i++)
		if (strcmp(q[i].number, to) == 0)
			return true;
	return false;
}

/* Can only be a number outside: digits, with + before or not. */
static bool
looks_external(const char *to)
{
	size_t n;

	if (*to == '+')
		to++;
	n = strspn(to, "0123456789");
	return n >= 3 && to[n] == '\0';
}

void
dialplan_route(const struct route_ask *ask, struct plan *plan, char *why, size_t why_size)
{
	const struct settings *s = ask->settings;
	const struct extension *from = settings_extension(s, ask->from),
	                       *to = settings_extension(s, ask->to);
	const char *feature;
	struct plan_step *step;

	if (to != NULL) {
		step = plan_add(plan, APP_DIAL, to->number);
		step->seconds = (uint16_t)s->dialplan.ring_time_s;
		str_format(why, why_size, "extension %s", to->number);
	} else if (is_emergency(s, ask->to)) {
		not_built(plan, ask, "trunks (emergency number)", why, why_size);
	} else if (is_queue(s, ask->to)) {
		not_built(plan, ask, "call_queues", why, why_size);
	} else if ((feature = feature_of(s, ask->to)) != NULL) {
		if (feature_step(ask, feature, plan))
			str_format(why, why_size, "feature code %s", feature);
		else
			not_built(plan, ask, feature, why, why_size);
	} else if (pattern_match(ask->patterns, s->dialplan.parking_pattern, ask->to)) {
		plan_add(plan, ask->transfer ? APP_PARK : APP_RETRIEVE, ask->to);
		str_copy(why, why_size, "parking slot");
	} else if ((feature = pattern_of(ask)) != NULL) {
		not_built(plan, ask, feature, why, why_size);
	} else if (pattern_match(ask->patterns, s->dialplan.internal_pattern, ask->to) ||
	    !looks_external(ask->to)) {
		str_copy(why, why_size, "unknown number");
		unknown(plan);
	} else if (from == NULL || !from->allow_external) {
		str_copy(why, why_size, "external calls are not allowed");
		refuse(plan, 403, 21);
	} else if (s->outbound_rules.n == 0) {
		str_copy(why, why_size, "no outbound rule");
		unknown(plan);
	} else {
		not_built(plan, ask, "trunks", why, why_size);
	}
}
