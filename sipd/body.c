/* SPDX-License-Identifier: ISC */
/* Finds the SDP in a body: itself, or the first application/sdp part of a multipart. Called for
 * each INVITE, UPDATE, PRACK and ACK. */
#include "sipd/body.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* The line at p without its end; *next is behind it. */
static size_t
line_len(const char *p, const char *end, const char **next)
{
	const char *nl = memchr(p, '\n', (size_t)(end - p));
	size_t len;

	if (nl == NULL) {
		*next = end;
		return (size_t)(end - p);
	}
	*next = nl + 1;
	len = (size_t)(nl - p);
	return len > 0 && p[len - 1] == '\r' ? len - 1 : len;
}

/* 0 no delimiter, 1 "--boundary", 2 "--boundary--" */
static int
delimiter(const char *line, size_t len, const char *boundary, size_t blen)
{
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	if (len < blen + 2 || line[0] != '-' || line[1] != '-' ||
	    memcmp(line + 2, boundary, blen) != 0)
		return 0;
	if (len == blen + 2)
		return 1;
	return len == blen + 4 && line[len - 1] == '-' && line[len - 2] == '-' ? 2 : 0;
}

static bool
is_sdp_type(const char *p, size_t len)
{
	static const char sdp[] = "application/sdp";

	while (len > 0 && isspace((unsigned char)*p))
		p++, len--;
	if (len < sizeof(sdp) - 1 || strncasecmp(p, sdp, sizeof(sdp) - 1) != 0)
		return false;
	p += sizeof(sdp) - 1;
	len -= sizeof(sdp) - 1;
	return len == 0 || *p == ';' || isspace((unsigned char)*p);
}

static bool
header_is(const char *line, size_t len, const char *name, const char **value, size_t *vlen)
{
	size_t n = strlen(name);

	if (len <= n || strncasecmp(line, name, n) != 0)
		return false;
	line += n, len -= n;
	while (len > 0 && (*line == ' ' || *line == '\t'))
		line++, len--;
	if (len == 0 || *line != ':')
		return false;
	*value = line + 1;
	*vlen = len - 1;
	return true;
}

/* Reads a part's headers. Returns where its body begins, or NULL when the part ends before. *sdp:
 * it is one. */
static const char *
part_head(const char *p, const char *end, bool *sdp)
{
	const char *next, *value;
	size_t len, vlen;

	*sdp = false;
	while (p < end) {
		len = line_len(p, end, &next);
		if (len == 0)
			return next;
		if (header_is(p, len, "Content-Type", &value, &vlen) ||
		    header_is(p, len, "c", &value, &vlen))
			*sdp = is_sdp_type(value, vlen);
		p = next;
	}
	return NULL;
}

static int
multipart(struct ipc_view *sdp, const char *boundary, const char *body, size_t len)
{
	const char *p = body, *end = body + len, *next, *start = NULL;
	size_t blen, llen;
	bool is_sdp = false;
	int kind;

	if (boundary == NULL)
		return 400;
	blen = strlen(boundary);
	if (blen >= 2 && boundary[0] == '"' && boundary[blen - 1] == '"')
		boundary++, blen -= 2;
	if (blen == 0 || blen > 70)
		return 400;
	while (p < end) {
		llen = line_len(p, end, &next);
		kind = delimiter(p, llen, boundary, blen);
		if (kind != 0 && start != NULL && is_sdp) {
			/* The line end before a delimiter belongs to the delimiter; SDP wants its
			 * last one all the same. */
			*sdp = (struct ipc_view){ (const uint8_t *)start, (size_t)(p - start) };
			return sdp->len > BODY_SDP_MAX ? 413 : 0;
		}
		if (kind == 2)
			return 0;
		if (kind == 1) {
			start = part_head(next, end, &is_sdp);
			if (start == NULL)
				return 400;
			next = start;
		}
		p = next;
	}
	return 400; /* the closing delimiter is missing */
}

int
body_sdp(struct ipc_view *sdp, const char *type, const char *boundary, int encoded,
    const char *body, size_t len)
{
	*sdp = (struct ipc_view){ (const uint8_t *)"", 0 };
	if (body == NULL || len == 0)
		return 0;
	if (encoded)
		return 415;
	if (type == NULL || is_sdp_type(type, strlen(type))) {
		if (len > BODY_SDP_MAX)
			return 413;
		*sdp = (struct ipc_view){ (const uint8_t *)body, len };
		return 0;
	}
	if (strncasecmp(type, "multipart/", 10) == 0)
		return multipart(sdp, boundary, body, len);
	return 415;
}
