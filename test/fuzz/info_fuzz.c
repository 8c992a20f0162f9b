/* SPDX-License-Identifier: ISC */
/*
 * Bodies of INFO: any text as either content type.
 *
 * links: sipd/info.c
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sipd/info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char key;
	uint16_t ms;

	if (size == 0)
		return 0;
	key = info_key(data[0] & 1 ? "application/dtmf" : INFO_KEY_TYPE, (const char *)data + 1,
	    size - 1, &ms);
	if (key != 0 && strchr("0123456789*#ABCD", key) == NULL)
		__builtin_trap();
	return 0;
}
