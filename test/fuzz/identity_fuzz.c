/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes what takes Diversion and History-Info apart, and what is put behind them. What is made must
 * fit, end, and hold no line break that was not in the input. links: sipd/identity_text.c
 * common/base/buf.c common/base/str.c common/base/mem.c common/base/log.c common/base/clock.c
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sipd/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), out[2048], name[64];

	memcpy(text, data, size);
	text[size] = '\0';
	assert(identity_entries(text, "counter", false) <= 100);
	assert(identity_entries(text, "cause", true) <= 100);
	identity_diversion(out, sizeof(out), "1002 user-busy,1003 no-answer", text, "warden");
	assert(strlen(out) < sizeof(out));
	identity_history(out, sizeof(out), "1002 unconditional", text, "1003", "warden");
	assert(strlen(out) < sizeof(out));
	identity_history(out, sizeof(out), text, "", text, "warden");
	assert(strlen(out) < sizeof(out));
	identity_print_name(name, sizeof(name), text);
	assert(strlen(name) < sizeof(name) && strpbrk(name, "\r\n") == NULL);
	identity_print_uri(out, sizeof(out), text, "warden");
	assert(strpbrk(out, "\r\n<>") == NULL);
	free(text);
	return 0;
}
