/* SPDX-License-Identifier: ISC */
/*
 * Bodies: what is accepted has its members, in bounds and clean; what is refused says why. Broken
 * text always becomes JSON. Days.
 */
/*
 * links: apid/text.c common/base/str.c common/base/buf.c common/base/mem.c common/base/log.c
 * common/base/clock.c
 */
/* libs: jansson */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apid/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_body(const uint8_t *data, size_t size)
{
	char from[65] = "", to[5] = "", err[300] = "";
	bool admin = false;
	const struct text_member members[] = {
		{ .name = "from", .required = true, .out = from, .size = sizeof(from) },
		{ .name = "to", .out = to, .size = sizeof(to) },
		{ .name = "admin", .flag = &admin },
		{ .name = NULL },
	};

	if (text_body((const char *)data, size, members, err, sizeof(err))) {
		if (from[0] == '\0' || strlen(from) >= sizeof(from) || strlen(to) >= sizeof(to) ||
		    text_utf8_length(from) < 0)
			abort();
	} else if (err[0] == '\0') {
		abort();
	}
}

static void
check_text(const char *s)
{
	json_t *json = text_json(s);
	char *out;

	if (json == NULL || text_utf8_length(json_string_value(json)) < 0)
		abort();
	if (text_utf8_length(s) >= 0 && strcmp(s, json_string_value(json)) != 0)
		abort();
	if ((out = json_dumps(json, JSON_ENCODE_ANY)) == NULL)
		abort();
	free(out);
	json_decref(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1), day[11];
	uint64_t from, to;

	if (size > 65536) {
		free(s);
		return 0;
	}
	memcpy(s, data, size);
	s[size] = '\0';
	check_body(data, size);
	check_text(s);
	if (text_day(s, 1790000000000, &from, &to, day) == 0 && (from >= to || strlen(day) != 10))
		abort();
	free(s);
	return 0;
}
