/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the search for SDP in a SIP body. Input: media type, newline, boundary, newline, body.
 * What is found must lie inside the body. links: sipd/body.c
 */
#include <stdlib.h>
#include <string.h>

#include "sipd/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes a line off as a string; NULL when there is none. */
static char *
line(const uint8_t **p, size_t *left)
{
	const uint8_t *nl = memchr(*p, '\n', *left);
	size_t n;
	char *s;

	if (nl == NULL)
		return NULL;
	n = (size_t)(nl - *p);
	s = malloc(n + 1);
	memcpy(s, *p, n);
	s[n] = '\0';
	*p += n + 1;
	*left -= n + 1;
	return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *type = line(&data, &size), *boundary = type != NULL ? line(&data, &size) : NULL;
	/* A copy of its own, so that one byte too far is seen. */
	char *body = malloc(size > 0 ? size : 1);
	struct ipc_view sdp;
	int status;

	if (size > 0)
		memcpy(body, data, size);
	status = body_sdp(&sdp, type != NULL && type[0] != '\0' ? type : NULL, boundary, 0, body,
	    size);
	if (status != 0 && status != 400 && status != 413 && status != 415)
		abort();
	if (status == 0 && sdp.len > 0 &&
	    ((const char *)sdp.p < body || (const char *)sdp.p + sdp.len > body + size))
		abort();
	free(body);
	free(boundary);
	free(type);
	return 0;
}
