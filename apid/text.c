/* SPDX-License-Identifier: ISC */
/* Text in and out of JSON: see text.h. Fuzzed by test/fuzz/json_fuzz.c. */
#include "apid/text.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"

ssize_t
text_utf8_length(const char *s)
{
	const char *p = s;
	size_t n;

	while (*p != '\0') {
		if ((n = str_utf8(p)) == 0)
			return -1;
		p += n;
	}
	return (ssize_t)(p - s);
}

json_t *
text_json(const char *s)
{
	ssize_t len = text_utf8_length(s);
	struct buf clean = BUF_INIT(1 << 20);
	json_t *out;
	size_t n;

	if (len >= 0)
		return json_stringn_nocheck(s, (size_t)len);
	for (const char *p = s; *p != '\0'; p += n) {
		if ((n = str_utf8(p)) > 0) {
			buf_add(&clean, p, n);
		} else {
			buf_str(&clean, "\xef\xbf\xbd");
			n = 1;
		}
	}
	out = clean.data != NULL ? json_stringn_nocheck(clean.data, clean.len) : NULL;
	buf_free(&clean);
	return out;
}

json_t *
text_json_time(uint64_t real_ms)
{
	char text[32];

	if (real_ms == 0)
		return json_null();
	clock_iso8601(real_ms, text);
	return json_string(text);
}

static bool
refuse(char *err, size_t err_size, const char *what, const char *name)
{
	str_format(err, err_size, "\"%.64s\" %s", name, what);
	return false;
}

static bool
take_member(const struct text_member *m, const json_t *value, char *err, size_t err_size)
{
	const char *s;

	if (m->json != NULL) {
		*m->json = json_incref((json_t *)(uintptr_t)value);
		return true;
	}
	if (m->flag != NULL) {
		if (!json_is_boolean(value))
			return refuse(err, err_size, "must be true or false", m->name);
		*m->flag = json_is_true(value);
		return true;
	}
	if (!json_is_string(value))
		return refuse(err, err_size, "must be a string", m->name);
	s = json_string_value(value);
	if (m->required && *s == '\0')
		return refuse(err, err_size, "must not be empty", m->name);
	for (const char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return refuse(err, err_size, "has a control character", m->name);
	if (!str_copy(m->out, m->size, s))
		return refuse(err, err_size, "is too long", m->name);
	return true;
}

static bool
take_object(json_t *object, const struct text_member *members, char *err, size_t err_size)
{
	const struct text_member *m;
	const char *name;
	json_t *value;

	if (!json_is_object(object)) {
		str_copy(err, err_size, "the body must be a JSON object");
		return false;
	}
	json_object_foreach(object, name, value)
	{
		for (m = members; m->name != NULL && !str_eq(m->name, name); m++)
			continue;
		if (m->name == NULL)
			return refuse(err, err_size, "is not known here", name);
	}
	for (m = members; m->name != NULL; m++) {
		if ((value = json_object_get(object, m->name)) != NULL) {
			if (!take_member(m, value, err, err_size))
				return false;
		} else if (m->required) {
			return refuse(err, err_size, "is missing", m->name);
		}
	}
	return true;
}

bool
text_body(const char *body, size_t n, const struct text_member *members, char *err, size_t err_size)
{
	json_error_t where;
	json_t *object;
	bool ok;

	if (n == 0) {
		str_copy(err, err_size, "the body is empty; a JSON object is needed");
		return false;
	}
	if ((object = json_loadb(body, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where)) ==
	    NULL) {
		/*
		 * jansson quotes what it stumbled on; that may hold anything but a NUL, and goes
		 * out through text_json().
		 */
		str_format(err, err_size, "bad JSON: %s (line %d, column %d)", where.text,
		    where.line, where.column);
		return false;
	}
	ok = take_object(object, members, err, err_size);
	json_decref(object);
	return ok;
}

static bool
digits(const char *s, size_t n, int *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		*out = *out * 10 + (s[i] - '0');
	}
	return true;
}

int
text_day(const char *date, uint64_t now_ms, uint64_t *from_ms, uint64_t *to_ms, char *out_date)
{
	time_t now = (time_t)(now_ms / 1000), from, to;
	struct tm day, next;
	int year, month, mday;

	if (date == NULL || *date == '\0') {
		localtime_r(&now, &day);
		year = day.tm_year + 1900;
		month = day.tm_mon + 1;
		mday = day.tm_mday;
	} else if (strlen(date) != 10 || date[4] != '-' || date[7] != '-' ||
	    !digits(date, 4, &year) || !digits(date + 5, 2, &month) ||
	    !digits(date + 8, 2, &mday) || year < 1970 || year > 2999) {
		return -EINVAL;
	}
	day = (struct tm){
		.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = mday, .tm_isdst = -1
	};
	next = day;
	next.tm_mday++;
	from = mktime(&day);
	to = mktime(&next);
	/* mktime() turns 30 February into 1 or 2 March: then it was no date. */
	if (from < 0 || to <= from || day.tm_mday != mday || day.tm_mon != month - 1)
		return -EINVAL;
	*from_ms = (uint64_t)from * 1000;
	*to_ms = (uint64_t)to * 1000;
	str_format(out_date, 11, "%04d-%02d-%02d", year, month, mday);
	return 0;
}
