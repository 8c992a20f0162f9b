/* SPDX-License-Identifier: ISC */
/*
 * Scalars of the settings: their check, their ranges and their printed form, see value.h. Called by
 * conf.c and print.c.
 */
#include "common/conf/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"

bool
value_is_scalar(const struct conf_key *key)
{
	switch (key->type) {
	case CONF_STR:
	case CONF_INT:
	case CONF_BOOL:
	case CONF_ENUM:
		return true;
	case CONF_STRS:
	case CONF_MAP:
	case CONF_LIST:
		return false;
	}
	return false;
}

/* Most bytes of a string's value. */
static int64_t
str_max(const struct conf_key *key)
{
	int64_t fits = (int64_t)key->size - 1;

	return key->max > 0 && key->max < fits ? key->max : fits;
}

static void
enum_wanted(const struct conf_key *key, char *out, size_t size)
{
	struct buf b = BUF_INIT(400);

	buf_str(&b, "one of");
	for (const char *const *n = key->names; *n != NULL; n++)
		buf_fmt(&b, "%s %s", n == key->names ? "" : ",", *n);
	str_copy(out, size, b.data);
	buf_free(&b);
}

void
value_wanted(const struct conf_key *key, char *out, size_t size)
{
	switch (key->type) {
	case CONF_STR:
		if (key->min > 0)
			str_format(out, size, "a text of %lld to %lld bytes", (long long)key->min,
			    (long long)str_max(key));
		else
			str_format(out, size, "a text of at most %lld bytes",
			    (long long)str_max(key));
		break;
	case CONF_INT:
		if (key->min == 0 && key->max == 0)
			str_copy(out, size, "a whole number");
		else
			str_format(out, size, "a whole number from %lld to %lld",
			    (long long)key->min, (long long)key->max);
		break;
	case CONF_BOOL:
		str_copy(out, size, "true or false");
		break;
	case CONF_ENUM:
		enum_wanted(key, out, size);
		break;
	case CONF_STRS:
		str_copy(out, size, "a list of texts");
		break;
	case CONF_MAP:
		str_copy(out, size, "a mapping of names to texts");
		break;
	case CONF_LIST:
		str_copy(out, size, "a list of mappings");
		break;
	}
}

static int
set_str(const struct conf_key *key, char *field, const char *text, bool plain)
{
	int64_t len = (int64_t)strlen(text);

	/* YAML's null is no text; who wants the word writes it in quotes. */
	if (plain && (str_eq(text, "~") || str_eq(text, "null")))
		return -EINVAL;
	if (len < key->min || len > str_max(key))
		return -ERANGE;
	memset(field, 0, key->size);
	memcpy(field, text, (size_t)len);
	return 0;
}

static int
set_int(const struct conf_key *key, int64_t *field, const char *text, bool plain)
{
	bool any = key->min == 0 && key->max == 0;

	if (!plain)
		return -EINVAL;
	return str_to_i64(text, any ? INT64_MIN : key->min, any ? INT64_MAX : key->max, field);
}

static int
set_bool(bool *field, const char *text, bool plain)
{
	static const char *const yes[] = { "true", "yes", "on" },
	                         *const no[] = { "false", "no", "off" };

	for (size_t i = 0; plain && i < 3; i++) {
		if (str_ieq(text, yes[i]) || str_ieq(text, no[i])) {
			*field = str_ieq(text, yes[i]);
			return 0;
		}
	}
	return -EINVAL;
}

static int
set_enum(const struct conf_key *key, int *field, const char *text)
{
	for (int i = 0; key->names[i] != NULL; i++) {
		if (str_eq(text, key->names[i])) {
			*field = i;
			return 0;
		}
	}
	return -EINVAL;
}

int
value_set(const struct conf_key *key, void *base, const char *text, bool plain, char *why,
    size_t size)
{
	void *field = value_field(key, base);
	char wanted[300], shown[96];
	int r = -EINVAL;

	switch (key->type) {
	case CONF_STR:
		r = set_str(key, field, text, plain);
		break;
	case CONF_INT:
		r = set_int(key, field, text, plain);
		break;
	case CONF_BOOL:
		r = set_bool(field, text, plain);
		break;
	case CONF_ENUM:
		r = set_enum(key, field, text);
		break;
	case CONF_STRS:
	case CONF_MAP:
	case CONF_LIST:
		break;
	}
	if (r == 0)
		return 0;
	value_wanted(key, wanted, sizeof(wanted));
	if (key->secret) {
		str_format(why, size, "want %s", wanted);
	} else {
		struct buf b = BUF_INIT(4000);

		str_ncopy(shown, 64, text, 63);
		value_quote(shown, &b);
		str_format(why, size, "want %s, not %s%s%s%s", wanted,
		    plain || b.data == NULL ? "" : "the text ",
		    b.data != NULL && !b.failed ? b.data : "that", strlen(text) > 63 ? "..." : "",
		    r == -ERANGE && key->type == CONF_INT ? ": out of range" : "");
		buf_free(&b);
	}
	return -EINVAL;
}

/* True when YAML reads the text back, unquoted, as the same text. */
static bool
is_plain(const char *s)
{
	static const char *const words[] = { "true", "false", "yes", "no", "on", "off", "null",
		"~" };

	if (*s == '\0' || strchr("-?:,[]{}#&*!|>'\"%@` ", *s) != NULL)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (str_ieq(s, words[i]))
			return false;
	}
	for (const char *p = s; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f || strchr(",[]{}#:\"\\", *p) != NULL)
			return false;
	}
	return s[strlen(s) - 1] != ' ';
}

void
value_quote(const char *text, struct buf *out)
{
	if (is_plain(text)) {
		buf_str(out, text);
		return;
	}
	buf_char(out, '"');
	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\')
			buf_fmt(out, "\\%c", c);
		else if (c == '\n')
			buf_str(out, "\\n");
		else if (c < ' ' || c == 0x7f)
			buf_fmt(out, "\\x%02x", c);
		else
			buf_char(out, *p);
	}
	buf_char(out, '"');
}

void
value_print(const struct conf_key *key, const void *base, struct buf *out)
{
	const void *field = (const char *)base + key->off;

	if (key->secret) {
		buf_str(out, *(const char *)field != '\0' ? "(set)" : "(not set)");
		return;
	}
	switch (key->type) {
	case CONF_STR:
		value_quote(field, out);
		break;
	case CONF_INT:
		buf_fmt(out, "%lld", (long long)*(const int64_t *)field);
		break;
	case CONF_BOOL:
		buf_str(out, *(const bool *)field ? "true" : "false");
		break;
	case CONF_ENUM:
		buf_str(out, key->names[*(const int *)field]);
		break;
	case CONF_STRS:
	case CONF_MAP:
	case CONF_LIST:
		break;
	}
}
