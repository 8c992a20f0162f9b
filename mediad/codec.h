/* SPDX-License-Identifier: ISC */
/*
 * Codecs: linear sound, 16 bits and mono, to payloads and back. One row for each codec of sdp_codec.c:
 * G.711 by g711.c, G.722 by spandsp, Opus by libopus (RFC 7587), each straight to and from the rate
 * that the caller works at. Pure: no clock, no I/O. A decoder also fills what was lost.
 *
 * Used by workers (streams that are not merely relayed) and by the writer of recordings. A coder
 * belongs to one thread at a time; making one allocates, using one does not.
 */
#ifndef WARDEN_MEDIAD_CODEC_H
#define WARDEN_MEDIAD_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mediad/sdp.h"

#define CODEC_MS_MAX	120	/* in one packet (RFC 6716); more is bad */
#define CODEC_PCM_MAX	(CODEC_MS_MAX * 16)	/* samples of a packet at 16000 */
#define CODEC_PAYLOAD_MAX 1024	/* octets of one of ours: 60 ms of G.711 are 480 */

struct encoder;
struct decoder;

/* Thousands of RTP clock units a second: 48 for Opus, else 8 (G.722 too, RFC 3551 section 4.5.2). */
unsigned codec_khz(enum sdp_codec codec);

/* Whether it carries more than the telephone's 4 kHz: then 16000 brings more than 8000. */
bool codec_wide(enum sdp_codec codec);

/* Which frames it can make: the greatest of 10, 20, ... 60 ms that is not over ms. */
unsigned codec_frame_ms(enum sdp_codec codec, unsigned ms);

/*
 * How long a payload lasts, in tenths of milliseconds, without decoding it; -EBADMSG: it is none of
 * that codec, or over CODEC_MS_MAX.
 */
int codec_duration(enum sdp_codec codec, const uint8_t *p, size_t len);

/*
 * ---- decoding
 */

/* rate: 8000 or 16000. NULL: out of memory, or no such codec. */
struct decoder *decoder_new(enum sdp_codec codec, unsigned rate);
void decoder_free(struct decoder **d);		/* takes a pointer to NULL */

/* A payload into pcm (max samples). Returns the samples, or -EBADMSG and nothing is changed. */
int decoder_decode(struct decoder *d, const uint8_t *p, size_t len, int16_t *pcm, size_t max);

/*
 * The n samples before those of the payload next, out of next's redundancy (Opus FEC; the payload
 * itself is still to be decoded). False: it has none, conceal them.
 */
bool decoder_recover(struct decoder *d, const uint8_t *next, size_t len, int16_t *pcm, size_t n);

/* n samples that sound like what came before and fade away: a packet was lost. */
void decoder_conceal(struct decoder *d, int16_t *pcm, size_t n);

/*
 * The decoders of one source, whose payload types may alternate: one of each codec, made when it is
 * first needed. All zero but the rate to begin with.
 */
struct decoders {
	unsigned	 rate;
	struct decoder	*of[SDP_CODEC_END];
	struct decoder	*last;		/* that decoded something; NULL: nothing yet */
};

void decoders_free(struct decoders *ds);
enum sdp_codec decoders_codec(const struct decoders *ds);	/* of the last payload */

/* As decoder_decode(); also -ENOMEM. */
int decoders_decode(struct decoders *ds, enum sdp_codec codec, const uint8_t *p, size_t len,
    int16_t *pcm, size_t max);
/* As decoder_recover() and decoder_conceal(), by the codec of what came before. */
bool decoders_recover(struct decoders *ds, const uint8_t *next, size_t len, int16_t *pcm, size_t n);
void decoders_conceal(struct decoders *ds, int16_t *pcm, size_t n);

/*
 * ---- encoding
 */

struct encoder_conf {
	enum sdp_codec	codec;
	unsigned	rate;	/* 8000 or 16000 */
	bool		fec;	/* the far end can use it (useinbandfec=1) */
	bool		dtx;	/* the far end wants it (usedtx=1) */
};

struct encoder *encoder_new(const struct encoder_conf *conf);
void encoder_free(struct encoder **e);
enum sdp_codec encoder_codec(const struct encoder *e);

/* Loss that the far end reports, percent: how much of the bits goes into redundancy. */
void encoder_loss(struct encoder *e, unsigned percent);

/*
 * One frame of n samples (a length that codec_frame_ms() allows) into out (max octets). Returns the
 * octets; 0: nothing need be sent for it (DTX); -EINVAL: no frame, or max is too small.
 */
int encoder_encode(struct encoder *e, const int16_t *pcm, size_t n, uint8_t *out, size_t max);

#endif
