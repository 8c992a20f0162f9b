/* SPDX-License-Identifier: ISC */
/*
 * The table of featured.yml's keys (CONTRACT: names and defaults are fixed), the checks that span keys, and look-ups. Called by main.c at
 * start and on reload. Keys whose feature is not built yet are inert: taken, checked, and warned of when set.
 */
#include "featured/settings.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/addr.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/settings_index.h"

#define HOUR_S 3600
#define DAY_S (24 * HOUR_S)

static const char *const strategies[] = {
	"ring_all", "round_robin", "least_recent", "fewest_calls", "random", NULL
};
static const char *const formats[] = { "wav", NULL };

#define STR_KEY(t, f, lo, d, h)                                                                    \
	.type = CONF_STR, CONF_OFF(t, f), .def = d, .min = lo, .max = sizeof(((t *)0)->f) - 1, .help = h
#define CONF_OFF(t, f) .off = offsetof(t, f), .size = sizeof(((t *)0)->f)
#define INT_KEY(t, f, lo, hi, d, h) .type = CONF_INT, CONF_OFF(t, f), .def = d, .min = lo, .max = hi, .help = h
#define BOOL_KEY(t, f, d, h) .type = CONF_BOOL, CONF_OFF(t, f), .def = d, .help = h

static const struct conf_key extension_keys[] = {
	{ .path = "number", STR_KEY(struct extension, number, 1, NULL, "what is dialled, and the user name of the phone") },
	{ .path = "name", STR_KEY(struct extension, name, 0, "", "shown to who is called") },
	{ .path = "password", STR_KEY(struct extension, password, 0, "", "for digest; empty: made at the first start"), .secret = true },
	{ .path = "allow_external", BOOL_KEY(struct extension, allow_external, "true", "may dial out over the trunks") },
	{ .path = "voicemail_pin", STR_KEY(struct extension, voicemail_pin, 0, "", "4 to 16 digits; empty: made at the first start"), .secret = true },
	{ .path = NULL },
};

static const struct conf_key queue_keys[] = {
	{ .path = "number", STR_KEY(struct queue_setting, number, 1, NULL, "what is dialled") },
	{ .path = "name", STR_KEY(struct queue_setting, name, 0, "", "shown to agents") },
	{ .path = "strategy", .type = CONF_ENUM, CONF_OFF(struct queue_setting, strategy), .def = "round_robin", .names = strategies,
		.help = "which agent is offered the next caller" },
	{ .path = "max_wait_time", INT_KEY(struct queue_setting, max_wait_time_s, 1, DAY_S, "300", "seconds until a caller overflows") },
	{ .path = "max_queue_size", INT_KEY(struct queue_setting, max_queue_size, 0, 100000, "0", "callers who may wait; 0: any number") },
	{ .path = NULL },
};

static const struct conf_key trunk_keys[] = {
	{ .path = "id", STR_KEY(struct trunk_setting, id, 1, NULL, "its name in outbound_rules") },
	{ .path = "name", STR_KEY(struct trunk_setting, name, 0, "", "for people") },
	{ .path = "host", STR_KEY(struct trunk_setting, host, 1, NULL, "name or address of the carrier") },
	{ .path = "port", INT_KEY(struct trunk_setting, port, 1, 65535, "5060", "SIP port of the carrier") },
	{ .path = "username", STR_KEY(struct trunk_setting, username, 0, "", "for registration; empty: none") },
	{ .path = "password", STR_KEY(struct trunk_setting, password, 0, "", "for registration"), .secret = true },
	{ .path = "enabled", BOOL_KEY(struct trunk_setting, enabled, "true", "may be used") },
	{ .path = "codec_preferences", .type = CONF_STRS, CONF_OFF(struct trunk_setting, codec_preferences), .def = "[]",
		.help = "codecs in order" },
	{ .path = NULL },
};

static const struct conf_key rule_keys[] = {
	{ .path = "pattern", STR_KEY(struct outbound_rule, pattern, 1, NULL, "numbers that it is for, a regular expression") },
	{ .path = "trunk_id", STR_KEY(struct outbound_rule, trunk_id, 1, NULL, "the trunk to use") },
	{ .path = "strip", INT_KEY(struct outbound_rule, strip, 0, 32, "0", "digits taken off the front") },
	{ .path = "prepend", STR_KEY(struct outbound_rule, prepend, 0, "", "digits put before the rest") },
	{ .path = NULL },
};

#define S struct settings

const struct conf_key settings_keys[] = {
	{ .path = "server.domain", STR_KEY(S, server.domain, 1, "warden", "domain of every address of record") },
	{ .path = "server.realm", STR_KEY(S, server.realm, 1, "warden", "realm of the digest challenge; part of every password's hash") },

	{ .path = "extensions", .type = CONF_LIST, .off = offsetof(S, extensions), .size = sizeof(struct extension), .def = "[]",
		.item = extension_keys, .help = "who can register and be called" },

	{ .path = "dialplan.internal_pattern", STR_KEY(S, dialplan.internal_pattern, 1, "^1[0-9]{3}$", "extensions") },
	{ .path = "dialplan.conference_pattern", STR_KEY(S, dialplan.conference_pattern, 1, "^2[0-9]{3}$", "conference rooms") },
	{ .path = "dialplan.voicemail_pattern", STR_KEY(S, dialplan.voicemail_pattern, 1, "^\\*[0-9]{3,4}$", "an extension's voicemail") },
	{ .path = "dialplan.parking_pattern", STR_KEY(S, dialplan.parking_pattern, 1, "^7[0-9]$", "parking slots") },
	{ .path = "dialplan.queue_pattern", STR_KEY(S, dialplan.queue_pattern, 1, "^8[0-9]{3}$", "call queues") },
	{ .path = "dialplan.emergency", .type = CONF_STRS, CONF_OFF(S, dialplan.emergency), .def = "[\"112\", \"911\"]",
		.help = "numbers that everybody may dial, whatever the limits" },
	{ .path = "dialplan.ring_time", INT_KEY(S, dialplan.ring_time_s, 5, 600, "60", "seconds that a callee rings") },

	{ .path = "media.rtp_timeout", INT_KEY(S, media.rtp_timeout_s, 0, 86400, "300",
		"seconds without RTP from a party that is not on hold until the call is ended; 0 never") },

	{ .path = "features.call_recording", BOOL_KEY(S, features.call_recording, "true", "recording of calls"), .inert = true },
	{ .path = "features.call_transfer", BOOL_KEY(S, features.call_transfer, "true", "transfer by the phone or by keys"), .inert = true },
	{ .path = "features.call_hold", BOOL_KEY(S, features.call_hold, "true", "hold and resume"), .inert = true },
	{ .path = "features.conference", BOOL_KEY(S, features.conference, "true", "conference rooms"), .inert = true },
	{ .path = "features.voicemail", BOOL_KEY(S, features.voicemail, "true", "voicemail"), .inert = true },
	{ .path = "features.call_parking", BOOL_KEY(S, features.call_parking, "true", "call parking"), .inert = true },
	{ .path = "features.call_queues", BOOL_KEY(S, features.call_queues, "true", "call queues"), .inert = true },
	{ .path = "features.presence", BOOL_KEY(S, features.presence, "true", "presence"), .inert = true },
	{ .path = "features.music_on_hold", BOOL_KEY(S, features.music_on_hold, "true", "music on hold"), .inert = true },
	{ .path = "features.max_call_duration", INT_KEY(S, features.max_call_duration_s, 1, 7 * DAY_S, "7200", "seconds after which an answered call is ended") },

	{ .path = "recording.auto_record", BOOL_KEY(S, recording.auto_record, "false", "record every call"), .inert = true },
	{ .path = "recording.format", .type = CONF_ENUM, CONF_OFF(S, recording.format), .def = "wav", .names = formats,
		.help = "kind of file", .inert = true },
	{ .path = "voicemail.max_message_duration", INT_KEY(S, voicemail.max_message_duration_s, 1, HOUR_S, "180", "seconds"), .inert = true },
	{ .path = "voicemail.email_notifications", BOOL_KEY(S, voicemail.email_notifications, "false", "mail for each message"), .inert = true },
	{ .path = "conference.max_participants", INT_KEY(S, conference.max_participants, 2, 10000, "50", "in one room"), .inert = true },
	{ .path = "conference.record_conferences", BOOL_KEY(S, conference.record_conferences, "false", "record every room"), .inert = true },
	{ .path = "queues", .type = CONF_LIST, .off = offsetof(S, queues), .size = sizeof(struct queue_setting), .item = queue_keys,
		.def = "[{number: \"8001\", name: Sales Queue, strategy: round_robin}, "
		       "{number: \"8002\", name: Support Queue, strategy: least_recent, max_wait_time: 180}]",
		.help = "call queues", .inert = true },
	{ .path = "parking.range_start", INT_KEY(S, parking.range_start, 0, 99999, "70", "lowest slot"), .inert = true },
	{ .path = "parking.range_end", INT_KEY(S, parking.range_end, 0, 99999, "79", "highest slot"), .inert = true },
	{ .path = "parking.timeout", INT_KEY(S, parking.timeout_s, 1, DAY_S, "120", "seconds until a parked call rings back"), .inert = true },
	{ .path = "presence.auto_away_timeout", INT_KEY(S, presence.auto_away_timeout_s, 1, DAY_S, "300", "idle seconds until away"), .inert = true },
	{ .path = "presence.auto_offline_timeout", INT_KEY(S, presence.auto_offline_timeout_s, 1, DAY_S, "1800", "idle seconds until offline"), .inert = true },

	{ .path = "security.require_authentication", BOOL_KEY(S, security.require_authentication, "true", "digest on REGISTER and INVITE; false: for closed networks only") },
	{ .path = "security.max_failed_attempts", INT_KEY(S, security.max_failed_attempts, 1, 1000000, "5", "wrong credentials from an address until it is banned") },
	{ .path = "security.ban_duration", INT_KEY(S, security.ban_duration_s, 1, 30 * DAY_S, "300", "seconds of a ban, and the time in which attempts are counted") },
	{ .path = "security.allow", .type = CONF_STRS, CONF_OFF(S, security.allow), .def = "[]",
		.help = "addresses, ADDRESS or ADDRESS/BITS, that are never banned" },
	{ .path = "security.nonce_lifetime", INT_KEY(S, security.nonce_lifetime_s, 10, HOUR_S, "300", "seconds that a nonce can be used") },

	{ .path = "registration.max_contacts", INT_KEY(S, registration.max_contacts, 1, 10, "10", "contacts of an extension; the oldest goes out") },
	{ .path = "registration.min_expires", INT_KEY(S, registration.min_expires_s, 1, DAY_S, "60", "seconds; a shorter wish is answered 423") },
	{ .path = "registration.max_expires", INT_KEY(S, registration.max_expires_s, 1, 7 * DAY_S, "7200", "seconds; a longer wish is shortened") },
	{ .path = "registration.default_expires", INT_KEY(S, registration.default_expires_s, 1, 7 * DAY_S, "3600", "seconds, for who does not say") },

	{ .path = "trunks", .type = CONF_LIST, .off = offsetof(S, trunks), .size = sizeof(struct trunk_setting), .item = trunk_keys,
		.def = "[]", .help = "carriers", .inert = true },
	{ .path = "outbound_rules", .type = CONF_LIST, .off = offsetof(S, outbound_rules), .size = sizeof(struct outbound_rule), .item = rule_keys,
		.def = "[]", .help = "which trunk takes which number, in order", .inert = true },
	{ .path = "feature_codes", .type = CONF_MAP, .off = offsetof(S, feature_codes), .def = "{}",
		.help = "name: code, for those that differ from the defaults" },

	{ .path = "database.host", STR_KEY(S, database.host, 1, "/var/run/postgresql", "directory of PostgreSQL's Unix socket") },
	{ .path = "database.name", STR_KEY(S, database.name, 1, "warden", "database") },
	{ .path = "database.user", STR_KEY(S, database.user, 1, "warden", "role, owner of the tables") },

	CONF_LOGGING(S, logging),
	{ .path = NULL },
};

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
};
#define FEATURES (sizeof(feature_codes) / sizeof(feature_codes[0]))

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
	if (i >= FEATURES)
		return NULL;
	*takes_number = feature_codes[i].takes_number;
	return feature_codes[i].key;
}

/* ---- checks ---- */

static bool
only(const char *s, const char *set)
{
	return s[strspn(s, set)] == '\0';
}

#define DIGITS "0123456789"
#define DIALABLE DIGITS "*#"
#define NUMBER_SET DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-"

/* The path of an item's key, for conf_error(). */
static const char *
item_path(char *out, size_t size, const char *list, size_t i, const char *key)
{
	str_format(out, size, "%s[%zu]%s%s", list, i, key[0] != '\0' ? "." : "", key);
	return out;
}

static bool
check_regex(struct conf *conf, const char *path, const char *pattern)
{
	regex_t re;
	char why[100];
	int e = regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB);

	if (e == 0) {
		regfree(&re);
		return true;
	}
	regerror(e, &re, why, sizeof(why));
	return conf_error(conf, path, "%s is not a regular expression: %s", path, why);
}

/* Sorting is only for finding what is there twice: the later one of the file is the one at fault. */
struct numbered {
	const char	*number;
	size_t		 i;
};

static int
numbered_cmp(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;
	int d = strcmp(x->number, y->number);

	return d != 0 ? d : (x->i > y->i) - (x->i < y->i);
}

static bool
check_twice(struct conf *conf, const char *list, const char *key, struct numbered *v, size_t n)
{
	char path[64];

	if (n > 1)
		qsort(v, n, sizeof(*v), numbered_cmp);
	for (size_t i = 1; i < n; i++) {
		if (str_eq(v[i].number, v[i - 1].number))
			return conf_error(conf, item_path(path, sizeof(path), list, v[i].i, key), "%s \"%s\" is given twice",
			    key, v[i].number);
	}
	return true;
}

static bool
check_extension(struct conf *conf, const struct extension *x, size_t i)
{
	char path[64];
	size_t pin = strlen(x->voicemail_pin);

	if (!only(x->number, NUMBER_SET) || strchr("._-", x->number[0]) != NULL)
		return conf_error(conf, item_path(path, sizeof(path), "extensions", i, "number"),
		    "an extension's number is made of digits, letters, '.', '_' and '-', and begins with a digit or letter");
	if (pin != 0 && (pin < 4 || !only(x->voicemail_pin, DIGITS)))
		return conf_error(conf, item_path(path, sizeof(path), "extensions", i, "voicemail_pin"),
		    "a voicemail PIN has 4 to %d digits", EXT_PIN_LEN);
	for (const char *p = x->password; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return conf_error(conf, item_path(path, sizeof(path), "extensions", i, "password"),
			    "a control character in a password");
	}
	return true;
}

static bool
check_extensions(struct conf *conf, const struct settings *s)
{
	size_t n = s->extensions.n;
	struct numbered *v = mem_must((n + 1) * sizeof(*v));
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++) {
		const struct extension *x = settings_extension_at(s, i);

		v[i] = (struct numbered){ x->number, i };
		ok = check_extension(conf, x, i);
	}
	ok = ok && check_twice(conf, "extensions", "number", v, n);
	free(v);
	return ok;
}

static bool
check_queues(struct conf *conf, const struct settings *s)
{
	const struct queue_setting *q = s->queues.v;
	size_t n = s->queues.n;
	struct numbered *v = mem_must((n + 1) * sizeof(*v));
	char path[64];
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++) {
		v[i] = (struct numbered){ q[i].number, i };
		if (!only(q[i].number, DIGITS))
			ok = conf_error(conf, item_path(path, sizeof(path), "queues", i, "number"), "a queue's number is made of digits");
		else if (settings_extension(s, q[i].number) != NULL)
			ok = conf_error(conf, item_path(path, sizeof(path), "queues", i, "number"),
			    "number \"%s\" is an extension's already", q[i].number);
	}
	ok = ok && check_twice(conf, "queues", "number", v, n);
	free(v);
	return ok;
}

static bool
check_trunks(struct conf *conf, const struct settings *s)
{
	const struct trunk_setting *t = s->trunks.v;
	const struct outbound_rule *r = s->outbound_rules.v;
	size_t n = s->trunks.n;
	struct numbered *v = mem_must((n + 1) * sizeof(*v));
	char path[64];
	bool ok = true, found;

	for (size_t i = 0; i < n; i++)
		v[i] = (struct numbered){ t[i].id, i };
	ok = check_twice(conf, "trunks", "id", v, n);
	free(v);
	for (size_t i = 0; ok && i < s->outbound_rules.n; i++) {
		if (!check_regex(conf, item_path(path, sizeof(path), "outbound_rules", i, "pattern"), r[i].pattern))
			return false;
		found = false;
		for (size_t j = 0; j < n; j++)
			found = found || str_eq(t[j].id, r[i].trunk_id);
		if (!found)
			return conf_error(conf, item_path(path, sizeof(path), "outbound_rules", i, "trunk_id"), "there is no trunk \"%s\"",
			    r[i].trunk_id);
		if (!only(r[i].prepend, DIALABLE "+"))
			return conf_error(conf, item_path(path, sizeof(path), "outbound_rules", i, "prepend"), "prepend is made of digits, *, # and +");
	}
	return ok;
}

static bool
check_feature_codes(struct conf *conf, const struct settings *s)
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
		if (p->value[0] == '\0' || strlen(p->value) > 16 || !only(p->value, DIALABLE))
			return conf_error(conf, path, "a feature code has 1 to 16 digits, * and #");
	}
	for (size_t i = 0; i < FEATURES; i++) {
		for (size_t k = 0; k < i; k++) {
			const char *a = feature_codes[i].key, *b = feature_codes[k].key;

			if (!str_eq(settings_feature_code(s, a), settings_feature_code(s, b)))
				continue;
			str_format(path, sizeof(path), "feature_codes.%s", a);
			return conf_error(conf, path, "%s and %s have the same code %s", a, b, settings_feature_code(s, a));
		}
	}
	return true;
}

/* "192.0.2.0/24" or "2001:db8::1". */
static bool
is_network(const char *text)
{
	char ip[INET6_ADDRSTRLEN + 1];
	const char *slash = strchr(text, '/');
	union addr a;
	int64_t bits;

	if (!str_ncopy(ip, sizeof(ip), text, slash != NULL ? (size_t)(slash - text) : strlen(text)))
		return false;
	if (addr_from_ip(&a, ip, 0) < 0)
		return false;
	return slash == NULL || str_to_i64(slash + 1, 0, a.sa.sa_family == AF_INET ? 32 : 128, &bits) == 0;
}

static bool
check_lists(struct conf *conf, const struct settings *s)
{
	char path[64];

	for (size_t i = 0; i < s->dialplan.emergency.n; i++) {
		const char *number = s->dialplan.emergency.v[i];

		if (number[0] == '\0' || strlen(number) > EXT_NUMBER_LEN || !only(number, DIGITS))
			return conf_error(conf, item_path(path, sizeof(path), "dialplan.emergency", i, ""), "an emergency number is made of digits");
	}
	for (size_t i = 0; i < s->security.allow.n; i++) {
		if (!is_network(s->security.allow.v[i]))
			return conf_error(conf, item_path(path, sizeof(path), "security.allow", i, ""),
			    "\"%.60s\" is not ADDRESS or ADDRESS/BITS", s->security.allow.v[i]);
	}
	return true;
}

static bool
check_ranges(struct conf *conf, const struct settings *s)
{
	if (s->parking.range_start > s->parking.range_end)
		return conf_error(conf, "parking.range_end", "parking.range_end is under parking.range_start");
	if (s->registration.min_expires_s > s->registration.max_expires_s)
		return conf_error(conf, "registration.max_expires", "registration.max_expires is under registration.min_expires");
	if (s->registration.default_expires_s > s->registration.max_expires_s)
		return conf_error(conf, "registration.default_expires", "registration.default_expires is over registration.max_expires");
	if (s->registration.default_expires_s < s->registration.min_expires_s)
		return conf_error(conf, "registration.default_expires", "registration.default_expires is under registration.min_expires");
	if (s->presence.auto_away_timeout_s > s->presence.auto_offline_timeout_s)
		return conf_error(conf, "presence.auto_offline_timeout", "presence.auto_offline_timeout is under presence.auto_away_timeout");
	/* Both stand in quotes in headers and in the text that digests hash. */
	if (strpbrk(s->server.realm, "\"\\:") != NULL)
		return conf_error(conf, "server.realm", "server.realm must not hold quotes, backslashes or colons");
	if (!only(s->server.domain, NUMBER_SET))
		return conf_error(conf, "server.domain", "server.domain is not a domain");
	if (s->database.host[0] != '/')
		return conf_error(conf, "database.host", "database.host is the directory of a Unix socket and begins with /");
	return true;
}

bool
settings_check(struct conf *conf, void *settings)
{
	const struct settings *s = settings;

	return check_regex(conf, "dialplan.internal_pattern", s->dialplan.internal_pattern) &&
	    check_regex(conf, "dialplan.conference_pattern", s->dialplan.conference_pattern) &&
	    check_regex(conf, "dialplan.voicemail_pattern", s->dialplan.voicemail_pattern) &&
	    check_regex(conf, "dialplan.parking_pattern", s->dialplan.parking_pattern) &&
	    check_regex(conf, "dialplan.queue_pattern", s->dialplan.queue_pattern) &&
	    check_lists(conf, s) && check_ranges(conf, s) && check_extensions(conf, s) && check_queues(conf, s) &&
	    check_trunks(conf, s) && check_feature_codes(conf, s);
}

/* ---- look-ups ---- */

const struct extension *
settings_extension_at(const struct settings *s, size_t i)
{
	return (const struct extension *)s->extensions.v + i;
}

static int
index_cmp(const void *key, const void *item)
{
	const struct extension *const *x = item;

	return strcmp(key, (*x)->number);
}

const struct extension *
settings_extension(const struct settings *s, const char *number)
{
	const struct extension *const *found;

	if (s->index != NULL) {
		found = bsearch(number, s->index->by_number, s->extensions.n, sizeof(s->index->by_number[0]), index_cmp);
		return found != NULL ? *found : NULL;
	}
	for (size_t i = 0; i < s->extensions.n; i++) {
		if (str_eq(settings_extension_at(s, i)->number, number))
			return settings_extension_at(s, i);
	}
	return NULL;
}
