/* SPDX-License-Identifier: ISC */
/* See identity.h. Values that come in are foreign text: fuzzed by test/fuzz/identity_fuzz.c. */
#include "sipd/identity.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/buf.h"
#include "common/base/str.h"

#define COUNT_MAX 100

void
identity_print_name(char *out, size_t size, const char *name)
{
	size_t n = 0;

	out[0] = '\0';
	if (name[0] == '\0' || size < 8)
		return;
	out[n++] = '"';
	for (; *name != '\0' && n + 5 < size; name++) {
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			continue;
		if (*name == '"' || *name == '\\')
			out[n++] = '\\';
		out[n++] = *name;
	}
	memcpy(out + n, "\" ", 3);
}

static bool
plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    strchr("-_.!~*'()&=+$", c) != NULL;
}

void
identity_print_uri(char *out, size_t size, const char *user, const char *domain)
{
	char escaped[3 * 64 + 1];
	size_t n = 0;

	if (user[0] == '\0') {
		str_copy(out, size, "sip:anonymous@anonymous.invalid");
		return;
	}
	for (; *user != '\0' && n + 4 <= sizeof(escaped); user++) {
		if (plain(*user)) {
			escaped[n++] = *user;
			continue;
		}
		str_format(escaped + n, 4, "%%%02X", (unsigned char)*user);
		n += 3;
	}
	escaped[n] = '\0';
	str_format(out, size, "sip:%s@%s", escaped, domain);
}

/* The end of the entry at p: its comma, or the NUL. Commas in quotes or <> do not count. */
static const char *
entry_end(const char *p)
{
	bool quoted = false, angle = false;

	for (; *p != '\0'; p++) {
		if (quoted) {
			if (*p == '\\' && p[1] != '\0')
				p++;
			else if (*p == '"')
				quoted = false;
		} else if (*p == '"') {
			quoted = true;
		} else if (*p == '<') {
			angle = true;
		} else if (*p == '>') {
			angle = false;
		} else if (*p == ',' && !angle) {
			break;
		}
	}
	return p;
}

/* The text behind ";name=" in the entry from p to end, NULL none. */
static const char *
find_param(const char *p, const char *end, const char *name)
{
	size_t n = strlen(name);

	for (; p < end; p++)
		if (*p == ';' && (size_t)(end - p) > n + 1 && strncasecmp(p + 1, name, n) == 0 &&
		    p[n + 1] == '=')
			return p + n + 2;
	return NULL;
}

unsigned
identity_entries(const char *value, const char *param, bool must)
{
	unsigned total = 0, n;
	const char *end, *found;

	while (*value != '\0' && total < COUNT_MAX) {
		end = entry_end(value);
		found = find_param(value, end, param);
		if (found != NULL) {
			n = must ? 1 : (unsigned)strtoul(found, NULL, 10);
			total += n > COUNT_MAX ? COUNT_MAX : n;
		} else if (!must && strspn(value, " \t") < (size_t)(end - value)) {
			total++;
		}
		value = *end == ',' ? end + 1 : end;
	}
	return total < COUNT_MAX ? total : COUNT_MAX;
}

/* Cuts the next "NUMBER REASON" off *list; false: it was the last. */
static bool
next_divert(const char **list, char *number, char *reason)
{
	size_t n = strcspn(*list, ","), blank = strcspn(*list, " ,");

	if (n == 0 || blank >= n)
		return false;
	str_ncopy(number, 65, *list, blank);
	str_ncopy(reason, 32, *list + blank + 1, n - blank - 1);
	*list += n + ((*list)[n] == ',');
	return true;
}

void
identity_diversion(char *out, size_t size, const char *diverted, const char *before,
    const char *domain)
{
	char number[65], reason[32], uri[400], line[500], done[2048] = "", next[2048];

	/* The latest stands first. */
	while (next_divert(&diverted, number, reason)) {
		identity_print_uri(uri, sizeof(uri), number, domain);
		str_format(line, sizeof(line), "<%s>;reason=%s;counter=1", uri, reason);
		str_format(next, sizeof(next), "%s%s%s", line, done[0] != '\0' ? ", " : "", done);
		str_copy(done, sizeof(done), next);
	}
	if (!str_format(out, size, "%s%s%s", done, done[0] != '\0' && before[0] != '\0' ? ", " : "",
	        before))
		out[0] = '\0';
}

/* RFC 4458's cause for a reason of RFC 5806. */
static unsigned
cause_of(const char *reason)
{
	if (strcmp(reason, "user-busy") == 0 || strcmp(reason, "do-not-disturb") == 0)
		return 486;
	if (strcmp(reason, "no-answer") == 0)
		return 408;
	if (strcmp(reason, "unavailable") == 0)
		return 503;
	if (strcmp(reason, "deflection") == 0)
		return 480;
	return 302;
}

/* The index of the last entry of a History-Info value; "0" when it has none that we understand. */
static void
last_index(char *out, size_t size, const char *value)
{
	const char *end, *found;

	str_copy(out, size, "0");
	while (*value != '\0') {
		end = entry_end(value);
		found = find_param(value, end, "index");
		if (found != NULL && strspn(found, "0123456789.") > 0)
			str_ncopy(out, size, found, strspn(found, "0123456789."));
		value = *end == ',' ? end + 1 : end;
	}
}

void
identity_history(char *out, size_t size, const char *diverted, const char *before,
    const char *target, const char *domain)
{
	char number[65], reason[32], uri[400], cause[24] = "", index[64] = "";
	struct buf b = BUF_INIT(size);

	out[0] = '\0';
	if (diverted[0] == '\0') {
		if (!str_copy(out, size, before))
			out[0] = '\0';
		return;
	}
	if (before[0] != '\0') {
		buf_fmt(&b, "%s, ", before);
		last_index(index, sizeof(index), before);
	}
	while (next_divert(&diverted, number, reason)) {
		identity_print_uri(uri, sizeof(uri), number, domain);
		str_format(index + strlen(index), sizeof(index) - strlen(index), "%s1",
		    index[0] != '\0' ? "." : "");
		buf_fmt(&b, "<%s%s>;index=%s, ", uri, cause, index);
		str_format(cause, sizeof(cause), ";cause=%u", cause_of(reason));
	}
	identity_print_uri(uri, sizeof(uri), target, domain);
	buf_fmt(&b, "<%s%s>;index=%s.1", uri, cause, index);
	if (!b.failed)
		str_copy(out, size, b.data);
	buf_free(&b);
}
