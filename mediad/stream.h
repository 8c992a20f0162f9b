/* SPDX-License-Identifier: ISC */
/*
 * A stream: the packets of one session, as its worker thread sees them. The main thread makes it,
 * hands it to a worker by CMD_ADD and gets it back by EV_REMOVED (worker.h); in between only that
 * worker touches it. Streams that hear each other live on the same worker, so nothing here takes a
 * lock or waits, and the path of relayed packets does not allocate.
 *
 * stream_in.c takes packets in and relays them where codec and length agree. Everything else goes
 * through frames of 20 ms (voice.h, stream_tick.c). stream_keys.c passes keys on, stream_rtcp.c
 * reports.
 */
#ifndef WARDEN_MEDIAD_STREAM_H
#define WARDEN_MEDIAD_STREAM_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "mediad/dtmf_in.h"
#include "mediad/io.h"
#include "mediad/latch.h"
#include "mediad/rtcp.h"
#include "mediad/rtp_seq.h"
#include "mediad/sdp.h"
#include "mediad/sound.h"
#include "mediad/tap.h"
#include "mediad/voice.h"

struct worker;
struct room;
struct music;

/* What io_attach() is given as tag. */
enum stream_port {
	STREAM_RTP,
	STREAM_RTCP,
};

/*
 * What outlives the process: the record of streams.ckpt. Written when the deltas or the source
 * change and once a second for the rest, never per packet: that is struct stream_live. Fields are
 * only appended, at the end.
 */
struct stream_state {
	uint64_t	id;
	struct rtp_tx	tx;
	struct rtp_rx	rx;
	struct latch	latch;
	struct dtmf_in	dtmf;
	/* where the far end's RTCP comes from; family 0: none came */
	union addr	rtcp_from;
	uint64_t	cname;		/* random, for the session's life (RFC 7022) */
	uint64_t	far_sr_us;	/* when its last SR came; 0: none */
	uint64_t	expect_us;	/* since when its RTP should come */
	uint32_t	far_sr_mid;	/* that SR's NTP time, middle bits */
	uint32_t	far_lost;	/* what its reports say of our stream */
	uint32_t	far_jitter_us;
	uint32_t	rtt_us;
	uint32_t	play_at;	/* samples of the sound that were played */
	uint16_t	play_left;	/* rounds that are still to come; 0: for ever */
	uint8_t		codec_in;	/* enum sdp_codec that came last */
	uint8_t		info_keys;	/* its far end has sent a key by SIP INFO */
};

/*
 * The tail of the record: what changes with each packet, stored as it happens, each field by one
 * store. After a kill it makes the figures true and the numbers of what we make ourselves go on.
 * Fixed layout.
 */
struct stream_live {
	uint64_t	rx_packets, rx_octets, tx_packets, tx_octets;
	uint64_t	tx_us;
	uint32_t	rx_ssrc, rx_received, rx_ext_seq;
	uint32_t	tx_ts;
	uint16_t	tx_seq;
	uint16_t	pad[3];
};

/* Figures over the session's life, as in media_closed. */
struct stream_stats {
	uint64_t	packets_in, packets_out, octets_in, octets_out;
	uint32_t	lost_in, jitter_us, far_lost, far_jitter_us, rtt_us;
	uint8_t		codec;		/* enum sdp_codec */
	union addr	remote;		/* family 0: unknown */
};

/* Kinds of incoming packet by payload type; the values below are enum sdp_codec. */
#define RX_UNKNOWN	0xff
#define RX_EVENT	0xfe
#define RX_NOISE	0xfd	/* comfort noise (RFC 3389), which phones send without asking */
#define RX_EVENT48	0xfc	/* telephone-event on a clock of 48 kHz */
#define RX_NOISE_PT	13

#define STREAM_TAPS 2	/* recordings of one stream at a time: the call, and a message */

struct stream_tap {
	struct tap_pen	 pen;
	uint64_t	 record;
	bool		 swap;
	bool		 far_only;
};

struct stream {
	struct stream_state	 st;
	struct io_port		*rtp, *rtcp;	/* rtcp NULL: multiplexed only */
	struct stream		*peer;		/* hears us, and we it; NULL nobody */
	struct sdp_stream	 now;		/* as negotiated */
	struct stream_live	*live;		/* in streams.ckpt */
	uint32_t		 slot;		/* in streams.ckpt */
	bool			 negotiated;
	bool			 may_send, may_receive;
	bool			 echo;
	bool			 saved;		/* nothing changed since the last save */
	uint16_t		 silent_told;	/* media_silent since RTP stopped */
	uint16_t		 rate;		/* packets in this rate window */
	uint64_t		 rate_us;
	uint64_t		 rtcp_due_us;
	uint64_t		 rtcp_sent;
	struct sound		*sound;		/* being played; ours to release */
	uint32_t		 play;		/* its id; 0: nothing is played */
	struct stream_tap	 taps[STREAM_TAPS];
	unsigned		 ntaps;
	struct voice		*voice;		/* NULL: merely relayed */
	/* what it is sent are frames of whom it hears: their packets cannot be relayed */
	bool			 frames;
	bool			 ticks;		/* in the worker's list */
	uint8_t			 dtmf;		/* enum media_dtmf_way */
	uint8_t			 room_flags;	/* enum media_room_flags */
	uint8_t			 odd;		/* packets in a row of another length than it wants */
	uint16_t		 want_ms;	/* length that its far end asked for; 0: any */
	struct music		*music;		/* heard in place of its peer; NULL none */
	struct room		*room;		/* NULL: in none */
	LIST_ENTRY(stream)	 member;	/* of the room */
	LIST_ENTRY(stream)	 slice;		/* worker's lists */
	LIST_ENTRY(stream)	 ticking;
	uint8_t			 rx[128];	/* payload type to RX_* or enum sdp_codec */
};

/* From the network. */
void stream_rtp_in(struct worker *w, struct stream *s, struct io_packet *p, uint64_t now_us);
void stream_rtcp_in(struct worker *w, struct stream *s, const struct io_packet *p, uint64_t now_us);

/* What is agreed about a stream. */
struct stream_conf {
	struct sdp_stream	now;
	union addr		sip;	/* where its SIP comes from; family 0: unknown */
	bool			negotiated;
	uint8_t			dtmf;	/* enum media_dtmf_way */
};

/* A new negotiation. All is copied. */
void stream_configure(struct worker *w, struct stream *s, const struct stream_conf *conf,
    uint64_t now_us);

/* Whom it hears has changed: whether packets can be relayed is found out anew. */
void stream_forget_frames(struct stream *s);

static inline bool
stream_is_g711(const struct stream *s)
{
	return s->now.codec == SDP_CODEC_PCMU || s->now.codec == SDP_CODEC_PCMA;
}

/*
 * Each tick of a stream in the worker's list: all hear before the first one says something.
 * stream_tick_say() returns false when there is nothing more to do for it.
 */
void stream_tick_hear(struct worker *w, struct stream *s, uint64_t now_us);
bool stream_tick_say(struct worker *w, struct stream *s, uint64_t now_us);

/* ---- keys (stream_keys.c) */

/* Packets of events (khz: their clock) and of anything else, which ends an event that was lost. */
void stream_event_in(struct worker *w, struct stream *s, const struct rtp *r, unsigned khz,
    uint64_t now_us);
void stream_event_over(struct worker *w, struct stream *s, uint64_t now_us);

/* Its far end pressed a key: told, and passed on to whoever hears it unless relay says that it was. */
void stream_key(struct worker *w, struct stream *s, char digit, uint16_t ms, bool relayed);
/* ... by SIP INFO. */
void stream_key_info(struct worker *w, struct stream *s, char digit, uint16_t ms);

/* Whether d takes the events of a packet of that clock as they are. */
bool stream_takes_event(const struct stream *d, unsigned khz);

/* Listens for keys in the sound, if its far end has no other way; n samples of it. */
void stream_band_configure(struct stream *s);
void stream_band(struct worker *w, struct stream *s, const int16_t *pcm, size_t n);
/* A key's tone goes on that whoever hears it gets in another way. */
bool stream_band_mutes(const struct stream *s);

/* About once a second: silence, lost ends of keys, source, checkpoint, RTCP when due. */
void stream_second(struct worker *w, struct stream *s, uint64_t now_us);
void stream_rtcp_send(struct worker *w, struct stream *s, bool bye, uint64_t now_us);

/* Sends a packet whose head lies ready: len octets in all, payload of them after the header. */
void stream_send(struct worker *w, struct stream *s, const uint8_t *packet, size_t len);

/*
 * Recordings (stream_tap.c). tap: what comes and goes is pushed there; false: too many. untap:
 * false: it was none of its. record: a packet of sound that came in or goes out (enum tap_track).
 */
bool stream_tap(struct stream *s, struct tap *tap, uint64_t record, bool swap, bool far_only);
bool stream_untap(struct stream *s, uint64_t record);
void stream_record_soon(const struct stream *s);	/* a packet comes or goes soon */
void stream_record(struct stream *s, enum tap_track track, unsigned codec, const struct rtp *r,
    uint64_t now_us);
/* A packet of ours, before it is sent. */
void stream_record_out(struct stream *s, const uint8_t *packet, size_t len);

void stream_save(struct worker *w, struct stream *s);

/* After st was read from a checkpoint: what live knows better. */
void stream_take_live(struct stream *s);
void stream_stats(const struct stream *s, struct stream_stats *out);

#endif
