/* SPDX-License-Identifier: ISC */
/*
 * Numbers to plans. Features that are not built yet are refused with 501, in words and by name, so
 * that nobody takes their absence for a fault of the network.
 */
#include "featured/route/dialplan.h"

#include <string.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "featured/route/pattern.h"
#include "featured/reg/userstate.h"
#include "featured/settings.h"

#define PROMPT_UNKNOWN   "ss-noservice" /* "the number you have dialled is not in service" */
#define PROMPT_NO_MAILBOX "wd-no-mailbox"
#define PROMPT_NO_CALLER "unidentified-no-callback"
#define PROMPT_NO_SPEED  "speed-dial-empty"
#define PROMPT_NO_FEATURE "feature-not-avail-line"
#define PROMPT_EMPTY_SLOT "pbx-invalidpark"
#define PROMPT_NO_RINGING "wd-nothing-rings"

void
plan_refuse(struct plan *plan, uint16_t status, uint8_t q850)
{
	struct plan_step *s = plan_add(plan, APP_REFUSE, "");

	s->status = status;
	s->q850 = q850;
}

/* The caller hears why, then the refusal follows. */
static void
told(struct plan *plan, const char *prompt, uint16_t status, uint8_t q850)
{
	struct plan_step *s = plan_add(plan, APP_ANNOUNCE, prompt);

	memset(s->next, plan->n, sizeof(s->next));
	plan_refuse(plan, status, q850);
}

static void
unknown(struct plan *plan)
{
	told(plan, PROMPT_UNKNOWN, 404, 1);
}

/* A step that may find nothing to do, of which the caller is told then. */
static void
or_told(struct plan *plan, enum app_id app, const char *target, const char *prompt, uint16_t status,
    uint8_t q850)
{
	struct plan_step *s = plan_add(plan, app, target);

	s->next[OUTCOME_FAILED] = plan->n;
	told(plan, prompt, status, q850);
}

static void
not_built(struct plan *plan, const struct route_ask *ask, const char *feature, char *why,
    size_t why_size)
{
	log_limited(ask->bucket, LL_WARNING, "feature is not built yet", kv_s("feature", feature),
	    kv_s("from", ask->from), kv_s("to", ask->to));
	str_format(why, why_size, "%s is not built yet", feature);
	told(plan, PROMPT_NO_FEATURE, 501, 79);
}

/* The key of the feature code that to is, or begins with (when a number follows); NULL none. The
 * longest code wins. */
static const char *
feature_of(const struct settings *s, const char *to, const char **rest)
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
		/* Two digits and no more: its default begins like the voicemail of *0123. */
		if (strcmp(key, "speed_dial") == 0 &&
		    (strspn(to + n, "0123456789") != 2 || to[n + 2] != '\0'))
			continue;
		best = key;
		best_len = n;
	}
	*rest = to + best_len;
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

	if (pattern_match(ask->patterns, s->dialplan.conference_pattern, ask->to))
		return "conference";
	if (pattern_match(ask->patterns, s->dialplan.queue_pattern, ask->to))
		return "call_queues";
	return NULL;
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

/*
 * Feature codes.
 */

/* The code changes what the caller has set: "dnd_on", or "forward_all=1003". */
static const char *const setting_codes[] = { "dnd_on", "dnd_off", "forward_all", "forward_all_off",
	"forward_busy", "forward_busy_off", "forward_noanswer", "forward_noanswer_off",
	"forward_unregistered", "forward_unregistered_off", "speed_dial_set", "blacklist_add",
	"blacklist_remove", "blacklist_last", "reject_anonymous_on", "reject_anonymous_off",
	"call_waiting_on", "call_waiting_off" };

static bool
is_setting(const char *feature)
{
	for (size_t i = 0; i < sizeof(setting_codes) / sizeof(setting_codes[0]); i++)
		if (strcmp(setting_codes[i], feature) == 0)
			return true;
	return false;
}

/* The number that call return, redial or a speed dial stands for; NULL: another feature. */
static const char *
looked_up(const struct route_ask *ask, const char *feature, const char *rest)
{
	const struct user_recent *recent = userstates_recent(ask->users, ask->from);

	if (strcmp(feature, "call_return") == 0)
		return recent->last_caller;
	if (strcmp(feature, "redial") == 0)
		return recent->last_dialled;
	if (strcmp(feature, "speed_dial") == 0)
		return userstates_get(ask->users, ask->from)
		    ->speed_dial[(rest[0] - '0') * 10 + rest[1] - '0'];
	return NULL;
}

static bool
has_group(const struct settings *s, const char *number)
{
	const struct extension *ext = settings_extension(s, number);

	return ext != NULL && ext->pickup_group[0] != '\0';
}

/* Plays it, then goes on to where its settings say; when it was never recorded, too. */
static void
route_announcement(const char *number, const struct announcement *a, struct plan *plan)
{
	struct plan_step *step;

	if (a == NULL || a->then[0] == '\0') {
		or_told(plan, APP_RECORDED, number, PROMPT_UNKNOWN, 404, 1);
		return;
	}
	step = plan_add(plan, APP_RECORDED, number);
	memset(step->next, 1, sizeof(step->next));
	step = plan_add(plan, APP_FORWARD, a->then);
	step->status = DIVERT_ALL;
}

static void
route_feature(const struct route_ask *ask, const char *feature, const char *rest,
    struct plan *plan, char *called, char *why, size_t why_size)
{
	const struct settings *s = ask->settings;
	struct route_ask other = *ask;
	char target[EXT_NUMBER_LEN + 1], number[EXT_NUMBER_LEN + 1], what[80];
	struct plan_step *step;
	const char *found;

	str_format(why, why_size, "feature code %s", feature);
	if (ask->transfer && (is_setting(feature) || strcmp(feature, "announcement") == 0)) {
		/* It would be set for the one who is transferred. */
		str_format(why, why_size, "%s is nothing to transfer to", feature);
		plan_refuse(plan, 403, 21);
	} else if (strcmp(feature, "echo") == 0) {
		plan_add(plan, APP_ECHO, "");
	} else if (strcmp(feature, "park") == 0) {
		plan_add(plan, APP_PARK, "");
	} else if (strcmp(feature, "pickup") == 0) {
		or_told(plan, APP_PICKUP, rest, PROMPT_NO_RINGING, 480, 31);
	} else if (strcmp(feature, "pickup_group") == 0 && !has_group(s, ask->from)) {
		str_format(why, why_size, "%s, but the caller is in no group", feature);
		told(plan, PROMPT_NO_FEATURE, 403, 21);
	} else if (strcmp(feature, "pickup_group") == 0) {
		or_told(plan, APP_PICKUP, "", PROMPT_NO_RINGING, 480, 31);
	} else if (is_setting(feature)) {
		if (settings_extension(s, ask->from) == NULL) {
			str_format(why, why_size, "%s, but the caller is no extension", feature);
			plan_refuse(plan, 403, 21);
		} else if (!str_format(target, sizeof(target), "%s%s%s", feature,
		               rest[0] != '\0' ? "=" : "", rest)) {
			plan_refuse(plan, 484, 28);
		} else {
			plan_add(plan, APP_SETTING, target);
		}
	} else if (strcmp(feature, "voicemail") == 0 &&
	    dialplan_has_mailbox(s, settings_extension(s, ask->from))) {
		plan_add(plan, APP_MAILBOX, ask->from);
	} else if (strcmp(feature, "announcement") == 0 && s->features.voicemail &&
	    settings_extension(s, ask->from) != NULL) {
		plan_add(plan, APP_ANNOUNCEMENT, "");
	} else if (strcmp(feature, "voicemail") == 0 || strcmp(feature, "announcement") == 0) {
		str_format(why, why_size, "%s, but the caller has none", feature);
		told(plan, PROMPT_NO_MAILBOX, 404, 1);
	} else if (strcmp(feature, "announcement_play") == 0) {
		route_announcement(rest, NULL, plan);
	} else if (strcmp(feature, "status") == 0 && settings_extension(s, rest) != NULL) {
		plan_add(plan, APP_STATUS, rest);
	} else if (strcmp(feature, "status") == 0) {
		unknown(plan);
	} else if (strcmp(feature, "intercom") == 0) {
		if (settings_extension(s, rest) == NULL) {
			unknown(plan);
			return;
		}
		other.to = rest;
		if (extension_screened(&other, plan, why, why_size))
			return;
		step = plan_add(plan, APP_INTERCOM, rest);
		step->seconds = 15;
		if (called != NULL)
			str_copy(called, 65, rest);
	} else if ((found = looked_up(ask, feature, rest)) != NULL) {
		str_copy(number, sizeof(number), found);
		if (number[0] == '\0') {
			str_format(why, why_size, "%s: nothing to call", feature);
			told(plan,
			    strcmp(feature, "call_return") == 0      ? PROMPT_NO_CALLER
			        : strcmp(feature, "speed_dial") == 0 ? PROMPT_NO_SPEED
			                                             : PROMPT_UNKNOWN,
			    404, 1);
			return;
		}
		other.to = number;
		other.forwarded = true; /* no code hides behind it */
		dialplan_route(&other, plan, called, what, sizeof(what));
		str_format(why, why_size, "%s: %s", feature, what);
	} else {
		not_built(plan, ask, feature, why, why_size);
	}
}

static void
route_group(const struct route_ask *ask, const struct ring_group *group, struct plan *plan,
    char *why, size_t why_size)
{
	struct plan_step *step;

	str_format(why, why_size, "ring group %s", group->number);
	if (caller_refused(ask, plan, why, why_size))
		return;
	step = plan_add(plan, APP_GROUP, group->number);
	step->seconds = (uint16_t)group->ring_time_s;
	if (group->overflow[0] == '\0')
		return;
	memset(step->next, 1, sizeof(step->next));
	step->next[OUTCOME_DONE] = PLAN_END;
	step = plan_add(plan, APP_FORWARD, group->overflow);
	step->status = DIVERT_GROUP;
}

bool
dialplan_has_mailbox(const struct settings *s, const struct extension *e)
{
	return s->features.voicemail && e != NULL && e->voicemail_pin[0] != '\0';
}

void
dialplan_route(const struct route_ask *ask, struct plan *plan, char *called, char *why,
    size_t why_size)
{
	const struct settings *s = ask->settings;
	const char *rights = ask->rights != NULL ? ask->rights : ask->from;
	const struct extension *from = settings_extension(s, rights),
	                       *to = settings_extension(s, ask->to);
	const struct announcement *announcement;
	const struct ring_group *group;
	const char *feature, *rest;

	if (called != NULL)
		str_copy(called, 65, ask->to);
	if (to != NULL) {
		str_format(why, why_size, "extension %s", to->number);
		extension_plan(ask, to, plan, why, why_size);
	} else if (ask->to[0] == '*' &&
	    dialplan_has_mailbox(s, settings_extension(s, ask->to + 1)) &&
	    pattern_match(ask->patterns, s->dialplan.voicemail_pattern, ask->to)) {
		/* Who dials it hears it; who is sent there leaves a message. */
		plan_add(plan, ask->forwarded || ask->transfer ? APP_LEAVE : APP_MAILBOX,
		    ask->to + 1);
		str_format(why, why_size, "mailbox %s", ask->to + 1);
		if (called != NULL)
			called[0] = '\0';
	} else if (is_emergency(s, ask->to)) {
		/* At once and without words: the phone may have another way to call for help. */
		log_limited(ask->bucket, LL_ERROR,
		    "an emergency call is refused: trunks are not built yet",
		    kv_s("from", ask->from), kv_s("to", ask->to));
		str_copy(why, why_size, "emergency number, but trunks are not built yet");
		plan_refuse(plan, 501, 79);
	} else if ((group = settings_ring_group(s, ask->to)) != NULL) {
		route_group(ask, group, plan, why, why_size);
	} else if (settings_paging_group(s, ask->to) != NULL) {
		str_format(why, why_size, "paging group %s", ask->to);
		if (!caller_refused(ask, plan, why, why_size))
			plan_add(plan, APP_PAGE, ask->to);
	} else if ((announcement = settings_announcement(s, ask->to)) != NULL) {
		str_format(why, why_size, "announcement %s", ask->to);
		if (!caller_refused(ask, plan, why, why_size))
			route_announcement(ask->to, announcement, plan);
	} else if (settings_is_queue(s, ask->to)) {
		not_built(plan, ask, "call_queues", why, why_size);
	} else if (!ask->forwarded && (feature = feature_of(s, ask->to, &rest)) != NULL) {
		if (called != NULL)
			called[0] = '\0';
		route_feature(ask, feature, rest, plan, called, why, why_size);
	} else if (pattern_match(ask->patterns, s->dialplan.parking_pattern, ask->to)) {
		if (ask->transfer)
			plan_add(plan, APP_PARK, ask->to);
		else
			or_told(plan, APP_RETRIEVE, ask->to, PROMPT_EMPTY_SLOT, 404, 1);
		str_copy(why, why_size, "parking slot");
	} else if ((feature = pattern_of(ask)) != NULL) {
		not_built(plan, ask, feature, why, why_size);
	} else if (pattern_match(ask->patterns, s->dialplan.internal_pattern, ask->to) ||
	    !looks_external(ask->to)) {
		str_copy(why, why_size, "unknown number");
		if (called != NULL)
			called[0] = '\0';
		unknown(plan);
	} else if (from == NULL || !from->allow_external) {
		str_copy(why, why_size, "external calls are not allowed");
		plan_refuse(plan, 403, 21);
	} else if (s->outbound_rules.n == 0) {
		str_copy(why, why_size, "no outbound rule");
		unknown(plan);
	} else {
		not_built(plan, ask, "trunks", why, why_size);
	}
}

bool
dialplan_reachable(const struct route_ask *ask)
{
	struct plan plan = { .n = 0 };
	char why[96];

	/* What its user wants at the moment may change: it is about who there is. */
	if (settings_extension(ask->settings, ask->to) != NULL ||
	    settings_ring_group(ask->settings, ask->to) != NULL)
		return true;
	dialplan_route(ask, &plan, NULL, why, sizeof(why));
	return plan.steps[0].app != APP_REFUSE && plan.steps[0].app != APP_ANNOUNCE;
}
