/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the reading of presence documents. What comes out is one of our states and a note without
 * control characters that ends.
 * links: sipd/pidf.c common/base/str.c
 * libs: expat
 */
#include <stdlib.h>
#include <string.h>

#include "common/ipc/enums.h"
#include "sipd/pidf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own, so that one byte too far is seen. */
	char *body = malloc(size > 0 ? size : 1);
	struct pidf pidf;
	int status;

	if (size > 0)
		memcpy(body, data, size);
	status = pidf_read(&pidf, body, size);
	free(body);
	if (status != 0 && status != 400 && status != 413)
		abort();
	if (status != 0)
		return 0;
	if (pidf.status < PRESENCE_AVAILABLE || pidf.status > PRESENCE_OFFLINE ||
	    pidf.status == PRESENCE_IN_CALL || memchr(pidf.note, '\0', sizeof(pidf.note)) == NULL)
		abort();
	for (const char *p = pidf.note; *p != '\0'; p++)
		if ((unsigned char)*p < ' ')
			abort();
	return 0;
}
