/* SPDX-License-Identifier: ISC */
/*
 * SDP (RFC 8866) and offer/answer (RFC 3264, 6337) of one leg, as pure functions: no I/O, no clock,
 * no allocation.
 *
 * What arrives is parsed (sdp_parse), judged against the codec table and the leg's state
 * (sdp_take_offer, sdp_take_answer), and ours is written from that state (sdp_make_answer,
 * sdp_make_offer). What the media may do is st->now. Written by sdp_parse.c, sdp_codec.c,
 * sdp_negotiate.c, sdp_build.c.
 */
#ifndef WARDEN_SDP_H
#define WARDEN_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/ipc/enums.h"

#define SDP_TEXT_MAX	16384	/* octets of a body, ours or theirs */
#define SDP_MEDIA_MAX	8	/* m-lines; more are refused with 488 */
#define SDP_FMT_MAX	32	/* formats looked at in one m-line; those after it are ignored */
#define SDP_CRYPTO_MAX	4	/* a=crypto lines kept of one m-line */
#define SDP_PT_NONE	0xff	/* no payload type */

/* ---- codecs (sdp_codec.c) ------------------------------------------------------------------- */

/* Stored in checkpoints: never renumber. */
enum sdp_codec {
	SDP_CODEC_NONE = 0,
	SDP_CODEC_PCMU = 1,
	SDP_CODEC_PCMA = 2,
	SDP_CODEC_G722 = 3,
	SDP_CODEC_OPUS = 4,
};
#define SDP_CODEC_SLOTS	8	/* size of arrays indexed by enum sdp_codec, and by the two below */
#define SDP_CODEC_END	6	/* codecs are below it; room for later rows */
/* What has a number like a codec's, and is none: comfort noise (RFC 3389), keys on Opus' clock. */
#define SDP_SLOT_NOISE	6
#define SDP_SLOT_EVENT48 7

/* sdp_stream.flags */
#define SDP_PTIME_SAID	1	/* the far end has asked for packets of ptime_ms */
#define SDP_OPUS_FEC	2	/* it can use redundancy (useinbandfec=1) */
#define SDP_OPUS_DTX	4	/* it wants pauses not sent (usedtx=1) */
#define SDP_ASKED_SHIFT	3	/* three bits: the ptime that our answer asked for, in 10 ms */
#define SDP_ASKED_MASK	7

/*
 * A row of the table. A new codec is a row there, a value above, and an encoder and decoder
 * elsewhere.
 */
struct sdp_codec_row {
	enum sdp_codec	 codec;
	const char	*name;		/* as in a=rtpmap */
	uint32_t	 clock_hz;	/* of RTP timestamps (G.722 says 8000) */
	uint8_t		 channels;	/* as in a=rtpmap */
	uint8_t		 pt;		/* static number, or the dynamic one that our offers use */
	bool		 is_static;	/* known by its number without an a=rtpmap */
	const char	*fmtp;		/* that we send, "" none */
};

/* The rows in our order of preference; *n of them. */
const struct sdp_codec_row *sdp_codec_rows(size_t *n);
const struct sdp_codec_row *sdp_codec_row(enum sdp_codec codec);	/* NULL: no such row */
const char *sdp_codec_name(enum sdp_codec codec);			/* "" for none */

/* ---- parsing (sdp_parse.c) ------------------------------------------------------------------ */

/* Points into the text that was parsed; valid as long as that is. */
struct sdp_view {
	const char	*p;
	size_t		 len;
};

enum sdp_kind {
	SDP_KIND_OTHER,		/* and any m-line whose transport is not RTP */
	SDP_KIND_AUDIO,
	SDP_KIND_VIDEO,
	SDP_KIND_IMAGE,		/* T.38 */
};

enum sdp_proto {
	SDP_PROTO_OTHER,
	SDP_PROTO_AVP,
	SDP_PROTO_AVPF,
	SDP_PROTO_SAVP,		/* keys by a=crypto (RFC 4568) */
	SDP_PROTO_SAVPF,
	SDP_PROTO_DTLS,		/* UDP/TLS/RTP/SAVP or SAVPF (RFC 5764) */
};

struct sdp_fmt {
	uint8_t		pt;
	uint8_t		channels;
	uint32_t	clock_hz;	/* 0: no a=rtpmap */
	struct sdp_view	name;
	struct sdp_view	fmtp;
};

struct sdp_media {
	enum sdp_kind		kind;
	enum sdp_proto		proto;
	/* as written; fmt_text is the first format */
	struct sdp_view		type_text, proto_text, fmt_text;
	uint16_t		port;		/* 0: rejected or ended */
	/* its c= or the session's, port is the m-line's; family 0: none given */
	union addr		addr;
	union addr		rtcp;		/* a=rtcp, else addr with port + 1 */
	bool			rtcp_mux;
	enum media_direction	direction;	/* as said at either level */
	uint16_t		ptime_ms;	/* 0: not said */
	uint16_t		maxptime_ms;	/* 0: not said */
	uint8_t			nfmts;
	uint8_t			ncrypto;
	struct sdp_fmt		fmts[SDP_FMT_MAX];	/* of RTP m-lines */
	struct sdp_view		crypto[SDP_CRYPTO_MAX];	/* what follows "a=crypto:" */
};

struct sdp {
	struct sdp_view		origin_user;
	uint64_t		origin_id;	/* 0 when it is no number that fits */
	uint64_t		origin_version;
	uint8_t			nmedia;
	struct sdp_media	media[SDP_MEDIA_MAX];
};

struct sdp_error {
	uint32_t	line;		/* from 1; 0: not about a line */
	const char	*reason;	/* constant text */
};

/*
 * Reads len octets; out points into them afterwards. Strict about structure (v=, o=, c=, m=),
 * lenient about attributes: those that are unknown or malformed are skipped. Addresses must be IP
 * literals, neither multicast nor broadcast. Returns 0, or -EINVAL with *err (may be NULL).
 */
int sdp_parse(struct sdp *out, const uint8_t *text, size_t len, struct sdp_error *err);

/* ---- offer and answer (sdp_negotiate.c, sdp_build.c) ---------------------------------------- */

/* The audio stream as far as it is agreed. Plain data. */
struct sdp_stream {
	/* of the far end's SDP; the "any" address or family 0: send nothing until it is known */
	union addr	rtp;
	union addr	rtcp;		/* equals rtp when mux */
	bool		rtcp_mux;
	/* enum media_direction, after the exchange; c=0.0.0.0 counts as hold */
	uint8_t		far_dir;
	uint8_t		our_dir;	/* what our own SDP said, seen from us (far_dir mirrored) */
	/* enum sdp_codec that we send; NONE: the stream is not up */
	uint8_t		codec;
	uint8_t		ptime_ms;	/* of what we send; 20 when nothing was said */
	uint8_t		te_tx, te_rx;	/* telephone-event, SDP_PT_NONE: not agreed */
	/* numbers in what we send: the far end accepts all that are not SDP_PT_NONE */
	uint8_t		tx_pt[SDP_CODEC_SLOTS];
	/* numbers in what arrives: the far end may send all that are not SDP_PT_NONE */
	uint8_t		rx_pt[SDP_CODEC_SLOTS];
	uint8_t		flags;		/* SDP_PTIME_SAID and so on */
};

/* What must be repeated of an m-line that we do not use. */
struct sdp_mline {
	char	type[12];
	char	proto[20];
	char	fmt[20];
};

/* One description by the far end, judged. */
struct sdp_far {
	uint8_t			nlines;
	uint8_t			audio;		/* index of the one in use */
	uint8_t			ncodecs;
	uint8_t			codecs[SDP_CODEC_SLOTS];	/* known ones in its order */
	bool			ended;		/* all its ports are 0: nothing flows */
	struct sdp_mline	lines[SDP_MEDIA_MAX];
	struct sdp_stream	stream;
};

/*
 * The offer/answer state of one leg. Plain data without pointers: it may be copied into a
 * checkpoint whole. Made by sdp_state_init(). Only `now` and `far` are for reading from outside.
 */
struct sdp_state {
	uint64_t		id;		/* of our o= line */
	uint64_t		version;	/* of our last description */
	/* of our last description without o=; 0: none yet */
	uint64_t		body_hash;
	/* the numbers that our next description uses */
	uint8_t			pt[SDP_CODEC_SLOTS];
	uint8_t			te_pt;
	uint8_t			offered;	/* bits 1 << codec that our last offer had */
	uint8_t			offered_te;	/* its telephone-event number */
	uint8_t			offered_dir;	/* its direction, seen from us */
	bool			offered_mux;	/* a=rtcp-mux was in it */
	bool			has_far;	/* an offer waits for sdp_make_answer() */
	bool			answered;	/* now comes from an answer of ours */
	/* now is valid: an offer and its answer are known */
	bool			negotiated;
	/* last offer or answer of the far end, judged; taken into now when answered */
	struct sdp_far		far;
	struct sdp_stream	now;
};

/* Our own end, as it is to stand in our SDP. */
struct sdp_local {
	union addr	rtp;		/* address and port */
	uint16_t	rtcp_port;	/* told by a=rtcp only when it is not the RTP port + 1 */
	bool		rtcp_mux;	/* offer and accept it */
	/* we want the far end not to send: sendonly in place of sendrecv */
	bool		hold;
	bool		no_events;	/* keys go by other ways than telephone-event */
	/* the codecs that may be used, best first; norder 0: all, in the table's order */
	uint8_t		norder;
	uint8_t		order[SDP_CODEC_SLOTS];
};

/* id: a random number for o=; 31 bits of it are used. */
void sdp_state_init(struct sdp_state *st, uint64_t id);

/*
 * The far end's offer. Returns 0 (then sdp_make_answer() is due), or the SIP status 488 with
 * *reason (constant text) and st as it was before: no audio line, SAVP without an understanding of
 * its keys, no codec in common, T.38 alone. A later offer replaces one that was not answered.
 */
int sdp_take_offer(struct sdp_state *st, const struct sdp *offer, const char **reason);

/*
 * The far end's answer to our last offer; may be repeated (early answers, forks): the last one
 * counts. Sets st->now. Returns 0, or 488 with *reason and st as it was before: audio refused, no
 * codec of ours in it, no offer made.
 */
int sdp_take_answer(struct sdp_state *st, const struct sdp *answer, const char **reason);

/*
 * Writes the answer to the offer taken last into out (size octets, NUL-terminated) and sets
 * st->now. Written again without a new offer, it is the same answer (its version does not rise
 * unless local changed). like: the state of the other leg, whose codec in use is preferred if the
 * offer has it; NULL none; else the first of local->order. Packets as long as like's far end wants
 * them are asked for. Returns the length, or -EINVAL (no offer taken), or -ENOSPC.
 */
int sdp_make_answer(struct sdp_state *st, const struct sdp_local *local,
    const struct sdp_state *like, char *out, size_t size);

/*
 * Writes an offer: the m-lines of the dialog in their order, ours with every codec of local->order
 * (or of the table). like: the codecs that the other leg's far end named come first (in our order,
 * if there is one, else in its); NULL: the order alone. Returns the length or -ENOSPC.
 */
int sdp_make_offer(struct sdp_state *st, const struct sdp_local *local,
    const struct sdp_state *like, char *out, size_t size);

/*
 * Which codec a payload type that arrives is, by st->now; NONE: not agreed, or telephone-event.
 * Before the answer to our first offer st->now knows the offered numbers already, so that early
 * media is understood.
 */
enum sdp_codec sdp_rx_codec(const struct sdp_stream *now, uint8_t pt);

/*
 * Whether it is telephone-event: the number of our SDP, or (as some phones have it) of the far
 * end's own. Returns the clock of its durations, in thousands a second, or 0.
 */
unsigned sdp_rx_event(const struct sdp_stream *now, uint8_t pt);

/* The number by which the far end takes keys, with their clock; SDP_PT_NONE: by none. */
uint8_t sdp_tx_event(const struct sdp_stream *now, unsigned *khz);

/*
 * "opus,PCMA" (names of the table in any case) into order; returns how many, unknown ones are left
 * out.
 */
uint8_t sdp_codec_order(const char *names, uint8_t order[SDP_CODEC_SLOTS]);

/* Takes the codecs of the table that are not in order out of every audio line. n 0: leaves all. */
void sdp_keep_codecs(struct sdp *sdp, const uint8_t *order, uint8_t n);

/*
 * What the stream allows, by st->now: may we send to the far end; may the far end send to us (else
 * what comes is dropped).
 */
bool sdp_may_send(const struct sdp_stream *now);
bool sdp_may_receive(const struct sdp_stream *now);

/* sendonly for recvonly and so on. */
enum media_direction sdp_mirror(enum media_direction dir);

#endif
