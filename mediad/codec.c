/* SPDX-License-Identifier: ISC */
/*
 * The codecs behind codec.h. Concealment: spandsp's for codecs that have none (repeats the last
 * pitch period and fades), libopus' own for Opus.
 */
#include "mediad/codec.h"

#include <errno.h>
#include <opus.h>
#include <spandsp.h>
#include <speex/speex_resampler.h>
#include <string.h>

#include "common/base/mem.h"
#include "mediad/g711.h"

#define G711_RATE	8000
#define WIDER_QUALITY	3	/* of 10: what speech needs */
#define G722_BITS	64000
#define OPUS_KHZ	48
#define OPUS_BITS	20000	/* 8 kHz speech; more is not heard */
#define OPUS_BITS_WIDE	28000
#define OPUS_EFFORT	4	/* of 10: a third of the CPU, hardly to be told apart at these rates */
#define OPUS_LOSS	5	/* percent, until reports say otherwise */
#define OPUS_SILENT	2	/* octets: a DTX frame need not be sent (RFC 7587 section 3.1.3) */

struct decoder {
	enum sdp_codec		 codec;
	unsigned		 rate;
	g722_decode_state_t	*g722;
	OpusDecoder		*opus;
	SpeexResamplerState	*wider;	/* of G.711, to more than 8000 */
	plc_state_t		 plc;	/* of codecs without their own */
};

struct encoder {
	enum sdp_codec		 codec;
	unsigned		 rate;
	g722_encode_state_t	*g722;
	OpusEncoder		*opus;
};

unsigned
codec_khz(enum sdp_codec codec)
{
	return codec == SDP_CODEC_OPUS ? OPUS_KHZ : 8;
}

bool
codec_wide(enum sdp_codec codec)
{
	return codec == SDP_CODEC_G722 || codec == SDP_CODEC_OPUS;
}

unsigned
codec_frame_ms(enum sdp_codec codec, unsigned ms)
{
	ms = ms < 10 ? 10 : ms > 60 ? 60 : ms - ms % 10;
	if (codec == SDP_CODEC_OPUS && ms != 10)	/* 2.5, 5, 10, 20, 40, 60 */
		ms = ms == 60 ? 60 : ms >= 40 ? 40 : 20;
	return ms;
}

int
codec_duration(enum sdp_codec codec, const uint8_t *p, size_t len)
{
	int n;

	switch (codec) {
	case SDP_CODEC_PCMU:
	case SDP_CODEC_PCMA:
	case SDP_CODEC_G722:	/* an octet is an eighth of a millisecond in all three */
		if (len == 0 || len > CODEC_MS_MAX * 8)
			return -EBADMSG;
		return (int)(len * 10 / 8);
	case SDP_CODEC_OPUS:
		if (len == 0)
			return -EBADMSG;
		n = opus_packet_get_nb_samples(p, (opus_int32)len, OPUS_KHZ * 1000);
		return n <= 0 || n > CODEC_MS_MAX * OPUS_KHZ ? -EBADMSG : n * 10 / OPUS_KHZ;
	case SDP_CODEC_NONE:
		break;
	}
	return -EBADMSG;
}

/*
 * ---- decoding
 */

struct decoder *
decoder_new(enum sdp_codec codec, unsigned rate)
{
	struct decoder *d;
	bool ok = rate == 8000 || rate == 16000;
	int err;

	if ((d = mem_new(sizeof(*d))) == NULL)
		return NULL;
	d->codec = codec;
	d->rate = rate;
	plc_init(&d->plc);
	switch (codec) {
	case SDP_CODEC_PCMU:
	case SDP_CODEC_PCMA:
		if (ok && rate != G711_RATE)
			d->wider = speex_resampler_init(1, G711_RATE, rate, WIDER_QUALITY, &err);
		ok = ok && (rate == G711_RATE || d->wider != NULL);
		break;
	case SDP_CODEC_G722:
		d->g722 = g722_decode_init(NULL, G722_BITS, rate == 8000 ? G722_SAMPLE_RATE_8000 : 0);
		ok = ok && d->g722 != NULL;
		break;
	case SDP_CODEC_OPUS:
		d->opus = ok ? opus_decoder_create((opus_int32)rate, 1, &err) : NULL;
		ok = d->opus != NULL;
		break;
	case SDP_CODEC_NONE:
		ok = false;
		break;
	}
	if (!ok)
		decoder_free(&d);
	return d;
}

void
decoder_free(struct decoder **pp)
{
	struct decoder *d = *pp;

	if (d == NULL)
		return;
	if (d->g722 != NULL)
		g722_decode_free(d->g722);
	if (d->opus != NULL)
		opus_decoder_destroy(d->opus);
	if (d->wider != NULL)
		speex_resampler_destroy(d->wider);
	mem_free(pp);
}

/* G.711 at the decoder's rate; its payload is no longer than CODEC_MS_MAX. */
static void
decode_g711(struct decoder *d, const uint8_t *p, size_t len, int16_t *pcm, size_t want)
{
	spx_uint32_t in = (spx_uint32_t)len, out = (spx_uint32_t)want;
	int16_t narrow[CODEC_MS_MAX * G711_RATE / 1000];

	if (d->wider == NULL) {
		g711_to_linear(d->codec, pcm, p, len);
		return;
	}
	g711_to_linear(d->codec, narrow, p, len);
	speex_resampler_process_int(d->wider, 0, narrow, &in, pcm, &out);
	memset(pcm + out, 0, (want - out) * sizeof(*pcm));
}

int
decoder_decode(struct decoder *d, const uint8_t *p, size_t len, int16_t *pcm, size_t max)
{
	int n = codec_duration(d->codec, p, len);
	size_t want = n < 0 ? 0 : (size_t)n * d->rate / 10000;

	if (n < 0 || want > max)
		return -EBADMSG;
	switch (d->codec) {
	case SDP_CODEC_PCMU:
	case SDP_CODEC_PCMA:
		decode_g711(d, p, len, pcm, want);
		break;
	case SDP_CODEC_G722:
		g722_decode(d->g722, pcm, p, (int)len);
		break;
	case SDP_CODEC_OPUS:
		n = opus_decode(d->opus, p, (opus_int32)len, pcm, (int)max, 0);
		return n <= 0 ? -EBADMSG : n;
	case SDP_CODEC_NONE:
		return -EBADMSG;
	}
	plc_rx(&d->plc, pcm, (int)want);
	return (int)want;
}

bool
decoder_recover(struct decoder *d, const uint8_t *next, size_t len, int16_t *pcm, size_t n)
{
	int got;

	if (d->codec != SDP_CODEC_OPUS || len == 0)
		return false;
	/* Without redundancy in it libopus would conceal just the same. */
	got = opus_decode(d->opus, next, (opus_int32)len, pcm, (int)n, 1);
	return got == (int)n;
}

/*
 * spandsp turns its ring of history round by a memcpy() of overlapping ranges; done properly here,
 * it finds nothing to turn.
 */
static void
unroll(plc_state_t *plc)
{
	int16_t whole[PLC_HISTORY_LEN];
	size_t at = (size_t)plc->buf_ptr, rest = PLC_HISTORY_LEN - at;

	memcpy(whole, plc->history + at, rest * sizeof(*whole));
	memcpy(whole + rest, plc->history, at * sizeof(*whole));
	memcpy(plc->history, whole, sizeof(whole));
	plc->buf_ptr = 0;
}

void
decoder_conceal(struct decoder *d, int16_t *pcm, size_t n)
{
	size_t unit = d->rate / 400, done = 0, take;	/* libopus counts in 2.5 ms */
	int got;

	if (d->opus == NULL) {
		unroll(&d->plc);
		plc_fillin(&d->plc, pcm, (int)n);
		return;
	}
	while (done < n) {
		take = n - done < d->rate / 50 ? n - done : d->rate / 50;
		take -= take % unit;
		got = take == 0 ? 0 : opus_decode(d->opus, NULL, 0, pcm + done, (int)take, 0);
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	memset(pcm + done, 0, (n - done) * sizeof(*pcm));
}

void
decoders_free(struct decoders *ds)
{
	for (unsigned i = 0; i < SDP_CODEC_END; i++)
		decoder_free(&ds->of[i]);
	ds->last = NULL;
}

enum sdp_codec
decoders_codec(const struct decoders *ds)
{
	return ds->last == NULL ? SDP_CODEC_NONE : ds->last->codec;
}

int
decoders_decode(struct decoders *ds, enum sdp_codec codec, const uint8_t *p, size_t len,
    int16_t *pcm, size_t max)
{
	int n;

	if (codec >= SDP_CODEC_END)
		return -EBADMSG;
	if (ds->of[codec] == NULL && (ds->of[codec] = decoder_new(codec, ds->rate)) == NULL)
		return -ENOMEM;
	if ((n = decoder_decode(ds->of[codec], p, len, pcm, max)) > 0)
		ds->last = ds->of[codec];
	return n;
}

bool
decoders_recover(struct decoders *ds, const uint8_t *next, size_t len, int16_t *pcm, size_t n)
{
	return ds->last != NULL && decoder_recover(ds->last, next, len, pcm, n);
}

void
decoders_conceal(struct decoders *ds, int16_t *pcm, size_t n)
{
	if (ds->last != NULL)
		decoder_conceal(ds->last, pcm, n);
	else
		memset(pcm, 0, n * sizeof(*pcm));
}

/*
 * ---- encoding
 */

static bool
open_opus(struct encoder *e, const struct encoder_conf *conf)
{
	int err;

	e->opus = opus_encoder_create((opus_int32)conf->rate, 1, OPUS_APPLICATION_VOIP, &err);
	if (e->opus == NULL)
		return false;
	opus_encoder_ctl(e->opus,
	    OPUS_SET_BITRATE(conf->rate == 8000 ? OPUS_BITS : OPUS_BITS_WIDE));
	opus_encoder_ctl(e->opus, OPUS_SET_COMPLEXITY(OPUS_EFFORT));
	opus_encoder_ctl(e->opus, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
	opus_encoder_ctl(e->opus, OPUS_SET_INBAND_FEC(conf->fec));
	opus_encoder_ctl(e->opus, OPUS_SET_PACKET_LOSS_PERC(conf->fec ? OPUS_LOSS : 0));
	opus_encoder_ctl(e->opus, OPUS_SET_DTX(conf->dtx));
	return true;
}

struct encoder *
encoder_new(const struct encoder_conf *conf)
{
	struct encoder *e;
	bool ok = conf->rate == 8000 || conf->rate == 16000;

	if ((e = mem_new(sizeof(*e))) == NULL)
		return NULL;
	e->codec = conf->codec;
	e->rate = conf->rate;
	switch (conf->codec) {
	case SDP_CODEC_PCMU:
	case SDP_CODEC_PCMA:
		ok = conf->rate == 8000;
		break;
	case SDP_CODEC_G722:
		e->g722 = g722_encode_init(NULL, G722_BITS,
		    conf->rate == 8000 ? G722_SAMPLE_RATE_8000 : 0);
		ok = ok && e->g722 != NULL;
		break;
	case SDP_CODEC_OPUS:
		ok = ok && open_opus(e, conf);
		break;
	case SDP_CODEC_NONE:
		ok = false;
		break;
	}
	if (!ok)
		encoder_free(&e);
	return e;
}

void
encoder_free(struct encoder **pp)
{
	struct encoder *e = *pp;

	if (e == NULL)
		return;
	if (e->g722 != NULL)
		g722_encode_free(e->g722);
	if (e->opus != NULL)
		opus_encoder_destroy(e->opus);
	mem_free(pp);
}

enum sdp_codec
encoder_codec(const struct encoder *e)
{
	return e->codec;
}

void
encoder_loss(struct encoder *e, unsigned percent)
{
	if (e->opus != NULL)
		opus_encoder_ctl(e->opus, OPUS_SET_PACKET_LOSS_PERC(percent > 30 ? 30 : (int)percent));
}

int
encoder_encode(struct encoder *e, const int16_t *pcm, size_t n, uint8_t *out, size_t max)
{
	size_t octets = n * 8000 / e->rate;
	int r;

	switch (e->codec) {
	case SDP_CODEC_PCMU:
	case SDP_CODEC_PCMA:
		if (octets > max)
			return -EINVAL;
		g711_from_linear(e->codec, out, pcm, n);
		return (int)octets;
	case SDP_CODEC_G722:
		if (octets > max)
			return -EINVAL;
		return g722_encode(e->g722, out, pcm, (int)n);
	case SDP_CODEC_OPUS:
		r = opus_encode(e->opus, pcm, (int)n, out, (opus_int32)max);
		return r <= 0 ? -EINVAL : r <= OPUS_SILENT ? 0 : r;
	case SDP_CODEC_NONE:
		break;
	}
	return -EINVAL;
}
