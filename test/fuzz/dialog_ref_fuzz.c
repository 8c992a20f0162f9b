/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the texts that name a dialog: the value of Replaces and Target-Dialog, and the header part
 * of a Refer-To URI. links: sipd/dialog_ref.c common/base/str.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sipd/dialog_ref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
whole(const struct dialog_ref *ref)
{
	if (ref->call_id[0] == '\0' || ref->to_tag[0] == '\0' || ref->from_tag[0] == '\0' ||
	    strlen(ref->call_id) >= sizeof(ref->call_id))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own, so that one byte too far is seen. */
	char *text = malloc(size + 1);
	struct dialog_ref ref;

	memcpy(text, data, size);
	text[size] = '\0';
	if (dialog_ref_parse(&ref, text, size))
		whole(&ref);
	if (dialog_ref_of_headers(&ref, text) == 1)
		whole(&ref);
	free(text);
	return 0;
}
