/* SPDX-License-Identifier: ISC */
/*
 * The checks of featured.yml that span keys, and look-ups. Called by main.c at start and on reload,
 * and by whoever looks up an extension. The table of keys is settings_keys.c, feature codes are
 * settings_codes.c.
 */
#include "featured/settings.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/base/str.h"
#include "featured/settings_index.h"

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

/*
 * Sorting is only for finding what is there twice: the later one of the file is the one at fault.
 */
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
			return conf_error(conf, item_path(path, sizeof(path), list, v[i].i, key),
			    "%s \"%s\" is given twice", key, v[i].number);
	}
	return true;
}

/* mediad's table, by name. */
static const char *const codecs[] = { "PCMU", "PCMA", "G722", "opus" };

static bool
check_codecs(struct conf *conf, const char *list, size_t item, const char *key,
    const struct conf_strs *names)
{
	char path[64];

	for (size_t i = 0; i < names->n; i++) {
		size_t k = 0;

		while (k < sizeof(codecs) / sizeof(codecs[0]) && !str_ieq(names->v[i], codecs[k]))
			k++;
		if (k == sizeof(codecs) / sizeof(codecs[0]))
			return conf_error(conf, item_path(path, sizeof(path), list, item, key),
			    "\"%s\" is none of the codecs PCMU, PCMA, G722, opus", names->v[i]);
		for (size_t j = 0; j < i; j++)
			if (str_ieq(names->v[i], names->v[j]))
				return conf_error(conf,
				    item_path(path, sizeof(path), list, item, key),
				    "\"%s\" is given twice", names->v[i]);
	}
	return true;
}

static bool
settings_is_language(const char *text)
{
	static const char *const languages[] = { "en", "fr", "es", "it", "ru" };

	for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++) {
		if (str_eq(languages[i], text))
			return true;
	}
	return false;
}

/* A sub-directory of mediad's music_on_hold.directory; empty: the default one. */
static bool
settings_is_class(const char *name)
{
	return name[0] != '.' && strchr(name, '/') == NULL;
}

static bool
check_extension(struct conf *conf, const struct extension *x, size_t i)
{
	char path[64];
	size_t pin = strlen(x->voicemail_pin);

	if (!only(x->number, NUMBER_SET) || strchr("._-", x->number[0]) != NULL)
		return conf_error(conf, item_path(path, sizeof(path), "extensions", i, "number"),
		    "an extension's number is made of digits, letters, '.', '_' and '-', and "
		    "begins with a digit or letter");
	if (pin != 0 && (pin < 4 || !only(x->voicemail_pin, DIGITS)))
		return conf_error(conf,
		    item_path(path, sizeof(path), "extensions", i, "voicemail_pin"),
		    "a voicemail PIN has 4 to %d digits", EXT_PIN_LEN);
	if (!settings_is_language(x->language) && x->language[0] != '\0')
		return conf_error(conf, item_path(path, sizeof(path), "extensions", i, "language"),
		    "\"%.8s\" is none of the languages en, fr, es, it, ru", x->language);
	for (const char *p = x->password; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return conf_error(conf,
			    item_path(path, sizeof(path), "extensions", i, "password"),
			    "a control character in a password");
	}
	if (!settings_is_class(x->music_on_hold))
		return conf_error(conf,
		    item_path(path, sizeof(path), "extensions", i, "music_on_hold"),
		    "a class of music is the name of a directory, without slashes and not "
		    "beginning with a dot");
	return check_codecs(conf, "extensions", i, "codecs", &x->codecs);
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
			ok = conf_error(conf, item_path(path, sizeof(path), "queues", i, "number"),
			    "a queue's number is made of digits");
		else if (settings_extension(s, q[i].number) != NULL)
			ok = conf_error(conf, item_path(path, sizeof(path), "queues", i, "number"),
			    "number \"%s\" is an extension's already", q[i].number);
	}
	ok = ok && check_twice(conf, "queues", "number", v, n);
	free(v);
	return ok;
}

/*
 * Members of a group, or a find-me list: extensions that exist. seconds: each may have a time.
 */
static bool
check_members(struct conf *conf, const struct settings *s, const char *path,
    const struct conf_strs *members, bool seconds)
{
	const struct extension *seen[MEMBERS_MAX];
	char number[EXT_NUMBER_LEN + 1];
	int64_t time;

	if (members->n > MEMBERS_MAX)
		return conf_error(conf, path, "%s has more than %d members", path, MEMBERS_MAX);
	if (!seconds && members->n == 0)
		return conf_error(conf, path, "a group needs members");
	for (size_t i = 0; i < members->n; i++) {
		const char *text = members->v[i];

		if (seconds && !settings_find_me(text, number, &time))
			return conf_error(conf, path,
			    "\"%.60s\" is not NUMBER or NUMBER:SECONDS (5 to 600)", text);
		if (!seconds && !str_copy(number, sizeof(number), text))
			return conf_error(conf, path, "\"%.60s\" is too long", text);
		if ((seen[i] = settings_extension(s, number)) != NULL) {
			for (size_t k = 0; k < i; k++)
				if (seen[k] == seen[i])
					return conf_error(conf, path, "\"%s\" is given twice",
					    number);
			continue;
		}
		if (number[0] == '+' || only(number, DIGITS))
			return conf_error(conf, path,
			    "\"%.60s\" is no extension (numbers outside cannot be rung from here)",
			    number);
		return conf_error(conf, path, "there is no extension \"%.60s\"", number);
	}
	return true;
}

/* Who is rung for an extension is somebody else: it was rung itself. */
static bool
check_find_me(struct conf *conf, const struct settings *s, size_t i)
{
	const struct extension *x = settings_extension_at(s, i);
	char number[EXT_NUMBER_LEN + 1], path[64];
	int64_t time;

	item_path(path, sizeof(path), "extensions", i, "find_me");
	if (!check_members(conf, s, path, &x->find_me, true))
		return false;
	for (size_t k = 0; k < x->find_me.n; k++)
		if (settings_find_me(x->find_me.v[k], number, &time) && str_eq(number, x->number))
			return conf_error(conf, path,
			    "\"%s\" is the extension itself, which rings first anyway", number);
	return true;
}

/* A number of a list is nobody else's. */
static bool
check_number(struct conf *conf, const struct settings *s, const char *list, size_t i,
    const char *number)
{
	char path[64];
	const char *key;
	bool takes_number;
	int64_t slot;

	item_path(path, sizeof(path), list, i, "number");
	if (!only(number, DIGITS))
		return conf_error(conf, path, "a group's number is made of digits");
	if (settings_extension(s, number) != NULL)
		return conf_error(conf, path, "number \"%s\" is an extension's already", number);
	if (settings_is_queue(s, number))
		return conf_error(conf, path, "number \"%s\" is a queue's already", number);
	if (number[0] != '0' &&
	    str_to_i64(number, s->parking.range_start, s->parking.range_end, &slot) == 0)
		return conf_error(conf, path, "number \"%s\" is a parking slot's already", number);
	for (size_t k = 0; (key = settings_feature_key(k, &takes_number)) != NULL; k++)
		if (str_eq(settings_feature_code(s, key), number))
			return conf_error(conf, path,
			    "number \"%s\" is the feature code of %s already", number, key);
	return true;
}

/* Where a call goes on to is somebody, or nobody (""). */
static bool
check_target(struct conf *conf, const struct settings *s, const char *path, const char *to)
{
	if (to[0] == '\0' || settings_extension(s, to) != NULL || settings_is_queue(s, to) ||
	    settings_ring_group(s, to) != NULL || settings_paging_group(s, to) != NULL ||
	    settings_announcement(s, to) != NULL ||
	    (to[0] == '*' && settings_extension(s, to + 1) != NULL))
		return true;
	return conf_error(conf, path,
	    to[0] == '+' || only(to, DIGITS)
	        ? "there is no extension or group \"%.60s\" (numbers outside cannot be "
	          "called from here)"
	        : "there is no extension, group or mailbox \"%.60s\"",
	    to);
}

/* Where a call goes that nobody of a group answers: never back to the group. */
static bool
check_overflow(struct conf *conf, const struct settings *s, size_t i)
{
	const struct ring_group *g = s->ring_groups.v, *at = &g[i];
	char path[64];

	item_path(path, sizeof(path), "ring_groups", i, "overflow");
	if (!check_target(conf, s, path, at->overflow))
		return false;
	for (size_t n = 0; n <= s->ring_groups.n && at != NULL; n++) {
		at = settings_ring_group(s, at->overflow);
		if (at == &g[i])
			return conf_error(conf, path,
			    n == 0 ? "group %s overflows to itself"
			           : "the overflow of group %s leads back to it", at->number);
	}
	return true;
}

static bool
check_groups(struct conf *conf, const struct settings *s)
{
	const struct ring_group *g = s->ring_groups.v;
	const struct paging_group *p = s->paging_groups.v;
	size_t n = s->ring_groups.n, m = s->paging_groups.n;
	struct numbered *v = mem_must((n + m + 1) * sizeof(*v));
	char path[64];
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++) {
		v[i] = (struct numbered){ g[i].number, i };
		ok = check_number(conf, s, "ring_groups", i, g[i].number) &&
		    check_members(conf, s,
		        item_path(path, sizeof(path), "ring_groups", i, "members"),
		        &g[i].members, false);
	}
	ok = ok && check_twice(conf, "ring_groups", "number", v, n);
	for (size_t i = 0; ok && i < m; i++) {
		v[i] = (struct numbered){ p[i].number, i };
		ok = check_number(conf, s, "paging_groups", i, p[i].number) &&
		    check_members(conf, s,
		        item_path(path, sizeof(path), "paging_groups", i, "members"),
		        &p[i].members, false);
		if (ok && settings_ring_group(s, p[i].number) != NULL)
			ok = conf_error(conf,
			    item_path(path, sizeof(path), "paging_groups", i, "number"),
			    "number \"%s\" is a ring group's already", p[i].number);
	}
	ok = ok && check_twice(conf, "paging_groups", "number", v, m);
	free(v);
	for (size_t i = 0; ok && i < n; i++)
		ok = check_overflow(conf, s, i);
	for (size_t i = 0; ok && i < s->extensions.n; i++)
		ok = check_find_me(conf, s, i);
	return ok;
}

static bool
check_announcements(struct conf *conf, const struct settings *s)
{
	const struct announcement *a = s->announcements.v;
	size_t n = s->announcements.n;
	struct numbered *v = mem_must((n + 1) * sizeof(*v));
	char path[64];
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++) {
		v[i] = (struct numbered){ a[i].number, i };
		item_path(path, sizeof(path), "announcements", i, "number");
		ok = check_number(conf, s, "announcements", i, a[i].number);
		if (ok && (settings_ring_group(s, a[i].number) != NULL ||
		        settings_paging_group(s, a[i].number) != NULL))
			ok = conf_error(conf, path, "number \"%s\" is a group's already",
			    a[i].number);
		if (ok && strlen(a[i].number) > ANNOUNCEMENT_LEN)
			ok = conf_error(conf, path,
			    "an announcement's number has at most %d digits", ANNOUNCEMENT_LEN);
		item_path(path, sizeof(path), "announcements", i, "then");
		if (ok && str_eq(a[i].then, a[i].number))
			ok = conf_error(conf, path, "the call would go in a circle");
		ok = ok && check_target(conf, s, path, a[i].then);
		ok = ok && (a[i].recorded_by.n == 0 ||
		    check_members(conf, s,
		        item_path(path, sizeof(path), "announcements", i, "recorded_by"),
		        &a[i].recorded_by, false));
	}
	ok = ok && check_twice(conf, "announcements", "number", v, n);
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
		if (!check_regex(conf,
		        item_path(path, sizeof(path), "outbound_rules", i, "pattern"),
		        r[i].pattern))
			return false;
		found = false;
		for (size_t j = 0; j < n; j++)
			found = found || str_eq(t[j].id, r[i].trunk_id);
		if (!found)
			return conf_error(conf,
			    item_path(path, sizeof(path), "outbound_rules", i, "trunk_id"),
			    "there is no trunk \"%s\"", r[i].trunk_id);
		if (!only(r[i].prepend, DIALABLE "+"))
			return conf_error(conf,
			    item_path(path, sizeof(path), "outbound_rules", i, "prepend"),
			    "prepend is made of digits, *, # and +");
	}
	return ok;
}

static bool
check_lists(struct conf *conf, const struct settings *s)
{
	char path[64];
	struct net net;

	for (size_t i = 0; i < s->dialplan.emergency.n; i++) {
		const char *number = s->dialplan.emergency.v[i];

		if (number[0] == '\0' || strlen(number) > EXT_NUMBER_LEN || !only(number, DIGITS))
			return conf_error(conf,
			    item_path(path, sizeof(path), "dialplan.emergency", i, ""),
			    "an emergency number is made of digits");
	}
	for (size_t i = 0; i < s->dialplan.blacklist.n; i++) {
		const char *entry = s->dialplan.blacklist.v[i];
		size_t n = strlen(entry);

		if (n == 0 || n > EXT_NUMBER_LEN || !only(entry, NUMBER_SET "+*") ||
		    (strchr(entry, '*') != NULL && strchr(entry, '*') != entry + n - 1) ||
		    str_eq(entry, "*"))
			return conf_error(conf,
			    item_path(path, sizeof(path), "dialplan.blacklist", i, ""),
			    "\"%.60s\" is not a number, or the beginning of one and *", entry);
	}
	for (size_t i = 0; i < s->security.allow.n; i++) {
		if (net_parse(&net, s->security.allow.v[i]) < 0)
			return conf_error(conf,
			    item_path(path, sizeof(path), "security.allow", i, ""),
			    "\"%.60s\" is not ADDRESS or ADDRESS/BITS", s->security.allow.v[i]);
	}
	return true;
}

static bool
check_resource_lists(struct conf *conf, const struct settings *s)
{
	const struct resource_list *l = s->resource_lists.v;
	size_t n = s->resource_lists.n;
	struct numbered *v = mem_must((n + 1) * sizeof(*v));
	char path[64];
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++) {
		v[i] = (struct numbered){ l[i].name, i };
		if (!only(l[i].name, NUMBER_SET))
			ok = conf_error(conf,
			    item_path(path, sizeof(path), "resource_lists", i, "name"),
			    "a list's name is made of letters, digits, '.', '_' and '-'");
		else if (settings_extension(s, l[i].name) != NULL)
			ok = conf_error(conf,
			    item_path(path, sizeof(path), "resource_lists", i, "name"),
			    "\"%s\" is an extension's number already", l[i].name);
		else if (l[i].members.n > 256)
			ok = conf_error(conf,
			    item_path(path, sizeof(path), "resource_lists", i, "members"),
			    "more than 256 members");
		for (size_t k = 0; ok && k < l[i].members.n; k++)
			if (settings_extension(s, l[i].members.v[k]) == NULL &&
			    !only(l[i].members.v[k], DIGITS))
				ok = conf_error(conf,
				    item_path(path, sizeof(path), "resource_lists", i, "members"),
				    "there is no extension \"%.40s\"", l[i].members.v[k]);
	}
	ok = ok && check_twice(conf, "resource_lists", "name", v, n);
	free(v);
	return ok;
}

static bool
check_ranges(struct conf *conf, const struct settings *s)
{
	if (s->parking.range_start > s->parking.range_end)
		return conf_error(conf, "parking.range_end",
		    "parking.range_end is under parking.range_start");
	if (s->registration.min_expires_s > s->registration.max_expires_s)
		return conf_error(conf, "registration.max_expires",
		    "registration.max_expires is under registration.min_expires");
	if (s->registration.default_expires_s > s->registration.max_expires_s)
		return conf_error(conf, "registration.default_expires",
		    "registration.default_expires is over registration.max_expires");
	if (s->registration.default_expires_s < s->registration.min_expires_s)
		return conf_error(conf, "registration.default_expires",
		    "registration.default_expires is under registration.min_expires");
	if (s->presence.auto_away_timeout_s > s->presence.auto_offline_timeout_s)
		return conf_error(conf, "presence.auto_offline_timeout",
		    "presence.auto_offline_timeout is under presence.auto_away_timeout");
	if (s->subscriptions.min_expires_s > s->subscriptions.max_expires_s)
		return conf_error(conf, "subscriptions.max_expires",
		    "subscriptions.max_expires is under subscriptions.min_expires");
	if (s->subscriptions.default_expires_s > s->subscriptions.max_expires_s ||
	    s->subscriptions.default_expires_s < s->subscriptions.min_expires_s)
		return conf_error(conf, "subscriptions.default_expires",
		    "subscriptions.default_expires is not between subscriptions.min_expires and "
		    "subscriptions.max_expires");
	if (s->voicemail.min_message_duration_s > s->voicemail.max_message_duration_s)
		return conf_error(conf, "voicemail.min_message_duration",
		    "voicemail.min_message_duration is over voicemail.max_message_duration");
	/* Both stand in quotes in headers and in the text that digests hash. */
	if (strpbrk(s->server.realm, "\"\\:") != NULL)
		return conf_error(conf, "server.realm",
		    "server.realm must not hold quotes, backslashes or colons");
	if (!only(s->server.domain, NUMBER_SET))
		return conf_error(conf, "server.domain", "server.domain is not a domain");
	if (!settings_is_language(s->server.language))
		return conf_error(conf, "server.language",
		    "\"%.8s\" is none of the languages en, fr, es, it, ru", s->server.language);
	if (s->database.host[0] != '/')
		return conf_error(conf, "database.host",
		    "database.host is the directory of a Unix socket and begins with /");
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
	    check_lists(conf, s) && check_ranges(conf, s) && check_extensions(conf, s) &&
	    check_queues(conf, s) && check_resource_lists(conf, s) && check_groups(conf, s) &&
	    check_announcements(conf, s) && check_trunks(conf, s) &&
	    settings_check_codes(conf, s);
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
		found = bsearch(number, s->index->by_number, s->extensions.n,
		    sizeof(s->index->by_number[0]), index_cmp);
		return found != NULL ? *found : NULL;
	}
	for (size_t i = 0; i < s->extensions.n; i++) {
		if (str_eq(settings_extension_at(s, i)->number, number))
			return settings_extension_at(s, i);
	}
	return NULL;
}

const struct ring_group *
settings_ring_group(const struct settings *s, const char *number)
{
	const struct ring_group *g = s->ring_groups.v;

	for (size_t i = 0; i < s->ring_groups.n; i++)
		if (str_eq(g[i].number, number))
			return &g[i];
	return NULL;
}

bool
settings_is_queue(const struct settings *s, const char *number)
{
	const struct queue_setting *q = s->queues.v;

	for (size_t i = 0; i < s->queues.n; i++)
		if (str_eq(q[i].number, number))
			return true;
	return false;
}

const struct paging_group *
settings_paging_group(const struct settings *s, const char *number)
{
	const struct paging_group *p = s->paging_groups.v;

	for (size_t i = 0; i < s->paging_groups.n; i++)
		if (str_eq(p[i].number, number))
			return &p[i];
	return NULL;
}

const struct announcement *
settings_announcement(const struct settings *s, const char *number)
{
	const struct announcement *a = s->announcements.v;

	for (size_t i = 0; i < s->announcements.n; i++)
		if (str_eq(a[i].number, number))
			return &a[i];
	return NULL;
}

bool
settings_may_announce(const struct settings *s, const char *number, const char *extension)
{
	const struct announcement *a = settings_announcement(s, number);

	if (a == NULL || a->recorded_by.n == 0)
		return true;
	for (size_t i = 0; i < a->recorded_by.n; i++)
		if (str_eq(a->recorded_by.v[i], extension))
			return true;
	return false;
}

bool
settings_find_me(const char *text, char *number, int64_t *seconds)
{
	const char *colon = strchr(text, ':');
	size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text);

	*seconds = 0;
	if (n == 0 || !str_ncopy(number, EXT_NUMBER_LEN + 1, text, n))
		return false;
	return colon == NULL || str_to_i64(colon + 1, 5, 600, seconds) == 0;
}
