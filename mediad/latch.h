/* SPDX-License-Identifier: ISC */
/*
 * Where a session's RTP comes from. SDP often names an address that nothing comes from (NAT), so
 * the source is learned from what arrives, once per negotiation, and then held: a stranger who
 * sends to the port is neither heard nor sent to (the attack known as RTP bleed). Pure and plain
 * data: it lives in the checkpoint (no pointers, layout fixed).
 *
 * Rules. The address that SDP named is trusted at once and for good. Another one is learned after
 * LATCH_PROOF packets in sequence of one SSRC that come as slowly as sound does; one from an IP
 * that neither SDP nor SIP knows, although SIP's is known, only after LATCH_PROOF_LONG. After that
 * only a better one takes its place: SDP's own, or one of SDP's or SIP's IP after one of neither.
 * Nobody else does, unless SDP changes, or the source was silent for LATCH_LOST_US and the packets
 * go on with the same SSRC and a sequence number that fits (a NAT that changed its mind; a stranger
 * cannot guess these 48 bits). After SDP changed, the source of before is heard until another one
 * is learned, but to be learned again it has to prove itself for as long as a stranger.
 */
#ifndef WARDEN_MEDIAD_LATCH_H
#define WARDEN_MEDIAD_LATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "mediad/rtp.h"

#define LATCH_PROOF		3
#define LATCH_PROOF_LONG	25
#define LATCH_PROOF_US		30000	/* ... and no faster than this */
#define LATCH_LOST_US		2500000
/* who is on trial and silent for this long loses its place */
#define LATCH_TRIAL_US		200000

enum latch_rank {
	LATCH_NONE = 0,
	LATCH_OTHER = 1,	/* an IP that neither knows */
	LATCH_IP = 2,		/* SDP's IP or SIP's, another port */
	LATCH_EXACT = 3,
};

struct latch {
	union addr	sdp;		/* family 0: not known yet */
	union addr	sip;		/* where its SIP comes from; family 0: not known */
	union addr	locked;		/* family 0: none */
	union addr	former;		/* locked before SDP changed */
	union addr	cand;		/* who is on trial */
	uint64_t	last_us;	/* last packet of the locked one */
	uint64_t	cand_us;	/* of the one on trial */
	uint64_t	cand_first_us;
	uint32_t	ssrc;		/* of the locked one's last packet */
	uint32_t	cand_ssrc;
	uint16_t	seq;
	uint16_t	cand_seq;
	uint8_t		cand_count;
	uint8_t		rank;		/* enum latch_rank of locked */
	uint8_t		pad[2];
};

enum latch_verdict {
	LATCH_REFUSED,		/* a stranger: drop */
	LATCH_ACCEPTED,
	LATCH_LEARNED,		/* accepted, and locked is new: send there from now on */
};

/*
 * SDP names this address (family 0 or "any": none). Starts over when it differs from the last one.
 * Returns true then.
 */
bool latch_sdp(struct latch *l, const union addr *sdp);

/* A valid RTP packet r came from `from`. */
enum latch_verdict latch_packet(struct latch *l, const union addr *from, const struct rtp *r,
    uint64_t now_us);

/* Where its SIP comes from: an address without a family changes nothing. */
void latch_sip(struct latch *l, const union addr *sip);

/* Nobody can take the locked source's place: the kernel may filter (a connected socket). */
bool latch_final(const struct latch *l);

/* It has been silent long enough that packets of other addresses are worth a look again. */
bool latch_lost(const struct latch *l, uint64_t now_us);

/* Where to send: the source learned, else SDP's address; NULL: nowhere. */
const union addr *latch_dest(const struct latch *l);

#endif
