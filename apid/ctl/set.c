/* SPDX-License-Identifier: ISC */
/*
 * wardenctl extension --set KEY=VALUE: changes as people type them, as the JSON that the API wants.
 * Which keys there are and what may be in them is the API's to say; here only blacklist and
 * speed_dials are known, whose values are no single text.
 */
#include <string.h>

#include "apid/ctl/ctl.h"
#include "common/base/str.h"

/* "777,0190*": a list; "" an empty one. */
static json_t *
list(const char *text)
{
	json_t *out = json_array();

	for (size_t n; *text != '\0'; text += n + (text[n] == ',')) {
		n = strcspn(text, ",");
		if (json_array_append_new(out, json_stringn(text, n)) < 0)
			break;
	}
	return out;
}

/* "05:1002,06:": entry 05 is 1002 and 06 is emptied. */
static json_t *
entries(const char *text)
{
	json_t *out = json_object();

	for (size_t n; *text != '\0'; text += n + (text[n] == ',')) {
		const char *colon = memchr(text, ':', n = strcspn(text, ","));
		size_t key = colon != NULL ? (size_t)(colon - text) : n;
		size_t rest = colon != NULL ? n - key - 1 : 0;

		if (json_object_setn_new(out, text, key,
		        rest > 0 ? json_stringn(colon + 1, rest) : json_null()) < 0)
			break;
	}
	return out;
}

bool
ctl_set(json_t *ask, const char *text)
{
	const char *eq = strchr(text, '='), *value;
	size_t n;
	json_t *to;

	if (eq == NULL || eq == text)
		return false;
	value = eq + 1;
	n = (size_t)(eq - text);
	if (str_starts(text, "blacklist="))
		to = list(value);
	else if (str_starts(text, "speed_dials="))
		to = entries(value);
	else if (str_eq(value, "true") || str_eq(value, "false"))
		to = json_boolean(str_eq(value, "true"));
	else
		to = *value != '\0' ? json_string(value) : json_null();
	return json_object_setn_new(ask, text, n, to) == 0;
}
