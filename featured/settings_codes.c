/* SPDX-License-Identifier: ISC */
/*
 * Feature codes: their defaults, what stands in feature_codes of featured.yml, and the check of
 * that, which settings.c calls. What a code does is route/dialplan.c's and call/incall.c's.
 */
#include <string.h>

#include "common/base/str.h"
#include "featured/settings.h"

struct feature_code {
	const char	*key;
	const char	*code;
	bool		 takes_number;
};

static const struct feature_code feature_codes[] = {
	{ "echo", "*43", false },
	{ "voicemail", "*97", false },
	{ "pickup", "**", true },
	{ "pickup_group", "*8", false },
	{ "park", "700", false },
	{ "call_return", "*69", false },
	{ "agent_login", "*45", true },
	{ "agent_logout", "*46", true },
	{ "agent_pause", "*47", false },
	{ "announcement", "*77", false },
	{ "announcement_play", "*74", true },
	{ "dnd_on", "*78", false },
	{ "dnd_off", "*79", false },
	{ "forward_all", "*72", true },
	{ "forward_all_off", "*73", false },
	{ "forward_busy", "*90", true },
	{ "forward_busy_off", "*91", false },
	{ "forward_noanswer", "*92", true },
	{ "forward_noanswer_off", "*93", false },
	{ "forward_unregistered", "*94", true },
	{ "forward_unregistered_off", "*95", false },
	{ "intercom", "*80", true },
	{ "status", "*28", true },
	{ "redial", "*66", false },
	{ "speed_dial", "*0", true },
	{ "speed_dial_set", "*75", true },
	{ "blacklist_add", "*30", true },
	{ "blacklist_remove", "*31", true },
	{ "blacklist_last", "*32", false },
	{ "reject_anonymous_on", "*76", false },
	{ "reject_anonymous_off", "*86", false },
	{ "call_waiting_on", "*70", false },
	{ "call_waiting_off", "*71", false },
	/* pressed in a call */
	{ "transfer_blind", "##", false },
	{ "transfer_attended", "*2", false },
	{ "three_way", "*3", false },
	{ "record", "*1", false },
	{ "record_pause", "*4", false },
};
#define FEATURES (sizeof(feature_codes) / sizeof(feature_codes[0]))
#define IN_CALL	 5	/* so many at the end */
#define DIALLED	 (FEATURES - IN_CALL)

const char *
settings_feature_code(const struct settings *s, const char *key)
{
	for (size_t i = 0; i < s->feature_codes.n; i++) {
		if (str_eq(s->feature_codes.v[i].key, key))
			return s->feature_codes.v[i].value;
	}
	for (size_t i = 0; i < FEATURES; i++) {
		if (str_eq(feature_codes[i].key, key))
			return feature_codes[i].code;
	}
	return NULL;
}

const char *
settings_feature_key(size_t i, bool *takes_number)
{
	if (i >= DIALLED)
		return NULL;
	*takes_number = feature_codes[i].takes_number;
	return feature_codes[i].key;
}

const char *
settings_incall_key(size_t i)
{
	return i < IN_CALL ? feature_codes[DIALLED + i].key : NULL;
}

/* Two that are dialled are the same; of two that are pressed in a call one hides the other. */
static bool
codes_clash(const struct settings *s, size_t i, size_t k)
{
	const char *a = settings_feature_code(s, feature_codes[i].key),
	           *b = settings_feature_code(s, feature_codes[k].key);
	size_t na = strlen(a), nb = strlen(b);

	if ((i < DIALLED) != (k < DIALLED))
		return false;
	return i < DIALLED ? str_eq(a, b) : strncmp(a, b, na < nb ? na : nb) == 0;
}

bool
settings_check_codes(struct conf *conf, const struct settings *s)
{
	char path[96];

	for (size_t i = 0; i < s->feature_codes.n; i++) {
		const struct conf_pair *p = &s->feature_codes.v[i];
		bool known = false;

		for (size_t k = 0; k < FEATURES; k++)
			known = known || str_eq(feature_codes[k].key, p->key);
		str_format(path, sizeof(path), "feature_codes.%s", p->key);
		if (!known)
			return conf_error(conf, path, "unknown feature \"%.40s\"", p->key);
		if (p->value[0] == '\0' || strlen(p->value) > 16 ||
		    p->value[strspn(p->value, "0123456789*#")] != '\0')
			return conf_error(conf, path,
			    "a feature code has 1 to 16 digits, * and #, and no letter for what "
			    "follows it");
	}
	for (size_t i = 0; i < FEATURES; i++) {
		for (size_t k = 0; k < i; k++) {
			const char *a = feature_codes[i].key, *b = feature_codes[k].key;
			bool set = false;

			if (!codes_clash(s, i, k))
				continue;
			/* The line is that of the one that is set; the other may be a default. */
			for (size_t j = 0; j < s->feature_codes.n; j++)
				set = set || str_eq(s->feature_codes.v[j].key, a);
			str_format(path, sizeof(path), "feature_codes.%s", set ? a : b);
			return conf_error(conf, path,
			    i < DIALLED ? "%s and %s have the same code %s"
			                : "%s and %s begin alike: %s", a, b,
			    settings_feature_code(s, a));
		}
	}
	return true;
}
