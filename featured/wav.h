/* SPDX-License-Identifier: ISC */
/* The little that featured must know of a recorded file, whose descriptor mediad has sent. */
#ifndef WARDEN_FEATURED_WAV_H
#define WARDEN_FEATURED_WAV_H

#include <stdint.h>

/*
 * Milliseconds of sound in a WAV file of that many bytes; its length counts, not what its header
 * says, which may be some seconds behind. 0: fd is -1, it is no WAV file, or there is nothing in it.
 */
uint64_t wav_ms(int fd, uint64_t bytes);

#endif
