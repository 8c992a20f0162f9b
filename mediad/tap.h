/* SPDX-License-Identifier: ISC */
/*
 * A tap: the packets of a stream that is recorded, both ways, on their way from its worker to a
 * writer thread (record_job.h). One ring of octets for each recording, with one writer and one
 * reader: no lock, and nothing waits. When the reader is too slow (a disk that hangs) packets are
 * dropped and counted; the ring holds some 7 s of two directions of G.711, of which the reader
 * needs one or two for itself.
 *
 * The memory is the tail of the recording's slot in records.ckpt, so what was not on the disk yet
 * when the process died is still here for the next one. The reader frees what is on the disk, no
 * earlier. Layout fixed.
 */
#ifndef WARDEN_MEDIAD_TAP_H
#define WARDEN_MEDIAD_TAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TAP_RING	(128u * 1024)

/* Which way a packet went, seen from the stream that is recorded. */
enum tap_track {
	TAP_IN = 0,	/* what its far end said */
	TAP_OUT = 1,	/* what it heard */
};

struct tap_packet {
	uint64_t	at_us;		/* clock_mono_us() */
	uint32_t	ts;		/* of RTP */
	uint32_t	ssrc;
	uint16_t	seq;
	uint16_t	len;		/* of the payload, which follows; padded to 8 octets */
	uint8_t		track;
	uint8_t		codec;		/* enum sdp_codec */
	uint8_t		pad[2];
};

static inline const uint8_t *
tap_payload(const struct tap_packet *p)
{
	return (const uint8_t *)(p + 1);
}

/* Where a track's timestamps lie in the file; the reader's, for whoever comes after it. */
struct tap_anchor {
	uint32_t	ssrc;
	uint32_t	ts;
	int64_t		frame;		/* where ts is */
	uint8_t		codec;		/* 0: nothing was heard yet */
	uint8_t		pad[7];
};

struct tap {
	_Atomic uint32_t	head;	/* octets ever written, modulo 2^32 */
	_Atomic uint32_t	tail;	/* octets ever freed */
	_Atomic uint64_t	drops;	/* packets */
	struct tap_anchor	anchor[2];
	uint8_t			spare[128];
	uint8_t			ring[TAP_RING] __attribute__((aligned(8)));
};

/* The worker's hand: it need not look into the tap, whose memory is far from its caches. */
struct tap_pen {
	struct tap	*tap;
	uint32_t	head, tail;	/* tail: as it was last looked at */
};

void tap_pen(struct tap_pen *pen, struct tap *t);
/* A packet will be pushed soon: fetches the memory meanwhile. Changes nothing. */
void tap_warm(const struct tap_pen *pen);
/* False: dropped. */
bool tap_push(struct tap_pen *pen, const struct tap_packet *p, const uint8_t *payload);

/*
 * Writer thread: the packet at *at (first t->tail), valid until tap_free() passes it; *at goes on
 * to the next one. NULL: there is none yet. What a damaged ring holds is skipped.
 */
const struct tap_packet *tap_next(const struct tap *t, uint32_t *at);

/* Everything before at is free. */
void tap_free(struct tap *t, uint32_t at);

#endif
