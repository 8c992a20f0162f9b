/* SPDX-License-Identifier: ISC */
/*
 * G.711 (ITU-T): mu-law and A-law samples, to and from 16-bit linear, and between each other. Pure
 * arithmetic and tables.
 */
#ifndef WARDEN_MEDIAD_G711_H
#define WARDEN_MEDIAD_G711_H

#include <stddef.h>
#include <stdint.h>

#include "mediad/sdp.h"

#define G711_ULAW_SILENCE 0xff
#define G711_ALAW_SILENCE 0xd5

uint8_t g711_ulaw_encode(int16_t pcm);
uint8_t g711_alaw_encode(int16_t pcm);
int16_t g711_ulaw_decode(uint8_t u);
int16_t g711_alaw_decode(uint8_t a);

/* Fills the tables of g711_convert() and g711_to_linear(); once, before any thread uses it. */
void g711_tables(void);

/* n samples in place. from and to are PCMU or PCMA and differ. */
void g711_convert(enum sdp_codec from, uint8_t *samples, size_t n);

/* n samples of linear sound into out as codec (PCMU or PCMA). */
void g711_from_linear(enum sdp_codec codec, uint8_t *out, const int16_t *pcm, size_t n);

/* ... and back. */
void g711_to_linear(enum sdp_codec codec, int16_t *pcm, const uint8_t *in, size_t n);

#endif
