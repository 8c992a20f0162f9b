/* SPDX-License-Identifier: ISC */
/* See wav.h. */
#include "featured/wav.h"

#include <string.h>
#include <unistd.h>

#define HEAD 44

uint64_t
wav_ms(int fd, uint64_t bytes)
{
	uint8_t head[HEAD];
	uint32_t rate; /* bytes a second */

	if (fd == -1 || bytes <= HEAD || pread(fd, head, HEAD, 0) != HEAD ||
	    memcmp(head, "RIFF", 4) != 0)
		return 0;
	rate = (uint32_t)head[28] | (uint32_t)head[29] << 8 | (uint32_t)head[30] << 16;
	return rate > 0 ? (bytes - HEAD) * 1000 / rate : 0;
}
