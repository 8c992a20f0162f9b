/* SPDX-License-Identifier: ISC */
/*
 * Learning a symmetric source and holding it, see latch.h. Called for each RTP packet of a socket
 * that is not connected.
 */
#include "mediad/latch.h"

#include <string.h>

/* five minutes at 50 packets/s: how far a lost source may have gone on */
#define SEQ_FIT_MAX	15000

static bool
known(const union addr *a)
{
	return a->sa.sa_family != AF_UNSPEC;
}

bool
latch_sdp(struct latch *l, const union addr *sdp)
{
	union addr none;

	memset(&none, 0, sizeof(none));
	if (!known(sdp) || addr_is_any(sdp) || addr_port(sdp) == 0)
		sdp = &none;
	if (known(sdp) == known(&l->sdp) && (!known(sdp) || addr_eq(sdp, &l->sdp)))
		return false;
	/* hold by 0.0.0.0: nothing is to be sent, but the source stays who it is */
	if (!known(sdp))
		return false;
	l->sdp = *sdp;
	l->cand = none;
	l->cand_count = 0;
	if (known(&l->locked) && addr_eq(&l->locked, sdp)) {
		l->rank = LATCH_EXACT;
		return false;
	}
	l->former = l->locked;
	l->locked = none;
	l->rank = LATCH_NONE;
	return true;
}

static enum latch_rank
rank_of(const struct latch *l, const union addr *from)
{
	if (addr_eq(from, &l->sdp))
		return LATCH_EXACT;
	return addr_ip_eq(from, &l->sdp) || (known(&l->sip) && addr_ip_eq(from, &l->sip)) ?
	    LATCH_IP :
	    LATCH_OTHER;
}

void
latch_sip(struct latch *l, const union addr *sip)
{
	if (known(sip) && !addr_is_any(sip))
		l->sip = *sip;
}

static void
lock(struct latch *l, const union addr *from, const struct rtp *r, enum latch_rank rank,
    uint64_t now_us)
{
	l->locked = *from;
	l->rank = rank;
	l->last_us = now_us;
	l->ssrc = r->ssrc;
	l->seq = r->seq;
	l->cand.sa.sa_family = AF_UNSPEC;
	l->cand_count = 0;
}

/*
 * Counts the packets in sequence of whoever is on trial. Another one takes its place when it has
 * stopped or ranks lower. Returns 0 for one who has to wait.
 */
static unsigned
trial(struct latch *l, const union addr *from, const struct rtp *r, uint64_t now_us)
{
	if (known(&l->cand) && addr_eq(from, &l->cand) && r->ssrc == l->cand_ssrc) {
		/* A lost packet is no failure, a jump is. */
		if ((uint16_t)(r->seq - l->cand_seq - 1) < 16) {
			if (l->cand_count < UINT8_MAX)
				l->cand_count++;
		} else {
			l->cand_count = 1;
			l->cand_first_us = now_us;
		}
	} else if (known(&l->cand) && !addr_eq(from, &l->cand) &&
	    now_us - l->cand_us < LATCH_TRIAL_US &&
	    (!known(&l->sdp) || rank_of(l, from) <= rank_of(l, &l->cand))) {
		return 0;
	} else {
		l->cand = *from;
		l->cand_ssrc = r->ssrc;
		l->cand_count = 1;
		l->cand_first_us = now_us;
	}
	l->cand_seq = r->seq;
	l->cand_us = now_us;
	return l->cand_count;
}

/* Who is on trial has sent for long enough, for one of its rank. */
static bool
proven(const struct latch *l, enum latch_rank rank, bool former, uint64_t now_us)
{
	bool strange = rank == LATCH_OTHER && known(&l->sip);

	return l->cand_count >= (former || strange ? LATCH_PROOF_LONG : LATCH_PROOF) &&
	    now_us - l->cand_first_us >= LATCH_PROOF_US;
}

/* The same stream as before, from elsewhere, after the source went silent. */
static bool
continues(const struct latch *l, const struct rtp *r, uint64_t now_us)
{
	return latch_lost(l, now_us) && r->ssrc == l->ssrc &&
	    (uint16_t)(r->seq - l->seq - 1) < SEQ_FIT_MAX;
}

static enum latch_verdict
unlocked_packet(struct latch *l, const union addr *from, const struct rtp *r, uint64_t now_us)
{
	bool former = known(&l->former) && addr_eq(from, &l->former);
	enum latch_rank rank;

	if (!known(&l->sdp)) {	/* media before the answer: hear it, learn when SDP is there */
		return trial(l, from, r, now_us) > 0 ? LATCH_ACCEPTED : LATCH_REFUSED;
	}
	rank = rank_of(l, from);
	if (rank == LATCH_EXACT) {
		lock(l, from, r, rank, now_us);
		return LATCH_LEARNED;
	}
	if (former && known(&l->cand) && !addr_eq(from, &l->cand))
		return LATCH_ACCEPTED;	/* the last packets of before do not disturb the trial */
	if (trial(l, from, r, now_us) == 0)
		return LATCH_REFUSED;
	if (!proven(l, rank, former, now_us))
		return LATCH_ACCEPTED;
	lock(l, from, r, rank, now_us);
	return LATCH_LEARNED;
}

enum latch_verdict
latch_packet(struct latch *l, const union addr *from, const struct rtp *r, uint64_t now_us)
{
	enum latch_rank rank;

	if (!known(&l->locked))
		return unlocked_packet(l, from, r, now_us);
	if (addr_eq(from, &l->locked)) {
		l->last_us = now_us;
		l->ssrc = r->ssrc;
		l->seq = r->seq;
		return LATCH_ACCEPTED;
	}
	rank = known(&l->sdp) ? rank_of(l, from) : LATCH_OTHER;
	if (rank <= (enum latch_rank)l->rank && !continues(l, r, now_us))
		return LATCH_REFUSED;
	if (rank != LATCH_EXACT &&
	    (trial(l, from, r, now_us) == 0 || !proven(l, rank, false, now_us)))
		return LATCH_REFUSED;
	lock(l, from, r, rank, now_us);
	return LATCH_LEARNED;
}

bool
latch_final(const struct latch *l)
{
	return known(&l->locked) && l->rank == LATCH_EXACT;
}

bool
latch_lost(const struct latch *l, uint64_t now_us)
{
	return known(&l->locked) && now_us > l->last_us && now_us - l->last_us >= LATCH_LOST_US;
}

const union addr *
latch_dest(const struct latch *l)
{
	if (known(&l->locked))
		return &l->locked;
	return known(&l->sdp) ? &l->sdp : NULL;
}
