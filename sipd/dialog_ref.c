/* SPDX-License-Identifier: ISC */
/* Texts that name a dialog; see dialog_ref.h. Used by refer.c. */
#include "sipd/dialog_ref.h"

#include <string.h>

#include "common/base/str.h"

#define TEXT_MAX 600

/* A copy without the blanks around it. */
static bool
take(char *out, size_t size, const char *p, size_t len)
{
	while (len > 0 && (*p == ' ' || *p == '\t')) {
		p++;
		len--;
	}
	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	return str_ncopy(out, size, p, len);
}

static bool
parameter(struct dialog_ref *ref, const char *p, size_t len)
{
	const char *eq = memchr(p, '=', len);
	char name[16];

	if (!take(name, sizeof(name), p, eq != NULL ? (size_t)(eq - p) : len))
		return true; /* too long to be one of ours */
	if (eq == NULL) {
		if (str_ieq(name, "early-only"))
			ref->early_only = true;
		return true;
	}
	len -= (size_t)(eq + 1 - p);
	if (str_ieq(name, "to-tag") || str_ieq(name, "remote-tag"))
		return take(ref->to_tag, sizeof(ref->to_tag), eq + 1, len);
	if (str_ieq(name, "from-tag") || str_ieq(name, "local-tag"))
		return take(ref->from_tag, sizeof(ref->from_tag), eq + 1, len);
	return true;
}

bool
dialog_ref_parse(struct dialog_ref *ref, const char *text, size_t len)
{
	const char *end = text + len, *semi;
	bool first = true;
	size_t n;

	memset(ref, 0, sizeof(*ref));
	if (memchr(text, '\0', len) != NULL)
		return false;
	for (;; text = semi + 1) {
		semi = memchr(text, ';', (size_t)(end - text));
		n = (size_t)((semi != NULL ? semi : end) - text);
		if (first ? !take(ref->call_id, sizeof(ref->call_id), text, n)
		          : !parameter(ref, text, n))
			return false;
		first = false;
		if (semi == NULL)
			break;
	}
	return ref->call_id[0] != '\0' && ref->to_tag[0] != '\0' && ref->from_tag[0] != '\0';
}

uint64_t
dialog_ref_lamp(const struct dialog_ref *ref)
{
	size_t n = sizeof(DIALOG_REF_LAMP) - 1;
	uint64_t id = 0;
	uint8_t b[8];

	if (strncmp(ref->call_id, DIALOG_REF_LAMP, n) != 0 ||
	    str_unhex(b, sizeof(b), ref->call_id + n) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(b); i++)
		id = id << 8 | b[i];
	return id;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
dialog_ref_of_headers(struct dialog_ref *ref, const char *headers)
{
	char text[TEXT_MAX];
	size_t n = 0, len;
	const char *p;

	for (p = headers; p != NULL && *p != '\0'; p += *p == '&') {
		len = strcspn(p, "&");
		if (len > 9 && strncasecmp(p, "Replaces=", 9) == 0)
			break;
		p += len;
	}
	if (p == NULL || *p == '\0')
		return 0;
	for (p += 9; *p != '\0' && *p != '&'; p++) {
		if (n == sizeof(text))
			return -1;
		if (*p == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
			text[n++] = (char)(hex(p[1]) << 4 | hex(p[2]));
			p += 2;
		} else {
			text[n++] = *p;
		}
	}
	return dialog_ref_parse(ref, text, n) ? 1 : -1;
}
