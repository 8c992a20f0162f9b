/* SPDX-License-Identifier: ISC */
/*
 * Legs: one party's dialog, from its INVITE until featured has heard of its end. The table by id,
 * the timer, the life of the struct; what happens in a dialog is in invite_in.c, invite_out.c,
 * reinvite.c, session_timer.c and dialog.c.
 */
#ifndef WARDEN_SIPD_LEG_H
#define WARDEN_SIPD_LEG_H

#include <uthash.h>

#include "sipd/sipd.h"

enum leg_phase {
	PHASE_OFFERED = 1,  /* incoming, no final answer yet */
	PHASE_ANSWERED = 2, /* incoming, our 200 waits for its ACK */
	PHASE_DIALING = 3,  /* outgoing, nothing or only 100 came */
	PHASE_RINGING = 4,  /* outgoing, 18x came */
	PHASE_UP = 5,
	PHASE_GONE =
	    6, /* over; kept until featured has heard it and our own transactions have ended */
};

/* What the INVITE transaction of the leg (leg->irq or leg->orq) is. */
enum leg_open {
	OPEN_NONE = 0,
	OPEN_INVITE_IN = 1,
	OPEN_INVITE_OUT = 2,
	OPEN_REINVITE_IN = 3,
	OPEN_REINVITE_OUT = 4,
	OPEN_UPDATE_IN = 5, /* UPDATE with SDP */
};

/* Strings of a dialog, as they stand in its headers. All on the heap. */
struct dialog_id {
	char *call_id;
	char *local;    /* From of our requests, with tag */
	char *remote;   /* To of our requests, with the tag once there is one */
	char *target;   /* far end's Contact URI, "" before it is known */
	char *route;    /* Route headers of our requests, "" none */
	char *next_hop; /* URI to send to whatever target says: the source address behind NAT; ""
	                   follows route or target */
	const void *conn; /* the TCP connection that next_hop is, to be compared; NULL: it is gone, or was another process's */
	char *contact;  /* our Contact, with <> */
};

/* One early dialog of an outgoing INVITE that was forked downstream, for PRACK. */
struct fork {
	struct fork *next;
	nta_leg_t *dialog;
	nta_outgoing_t *prack;
	uint32_t rseq;
	char tag[];
};

struct leg_gone_info {
	uint64_t at_ms;
	uint16_t status;
	uint8_t cause; /* enum leg_end */
	uint8_t q850;
	char reason[129];
	char redirect[256];
};

/* Bytes kept until featured has them. */
struct blob {
	uint8_t *p;
	size_t len;
};

struct leg {
	UT_hash_handle hh;
	uint64_t id;
	uint8_t phase;     /* enum leg_phase */
	uint8_t open;      /* enum leg_open */
	uint8_t transport; /* enum sip_transport */
	bool incoming;
	bool taken;     /* leg_taken came */
	bool settled;   /* outgoing: leg_settled came */
	bool forgotten; /* leg_forget came, or nobody needs to hear of the end */
	bool late;      /* the INVITE under way came without SDP: our 2xx offers, the ACK answers */
	bool cancelled; /* outgoing: we want it to end though it has no final answer yet */
	bool bye_wanted; /* BYE as soon as the ACK is here */
	bool bye_open;   /* our BYE is out, or as good as out, and not answered */
	bool far_update; /* the far end allows UPDATE */
	bool far_timer;  /* the far end supports session timers */
	bool reanswered; /* our 2xx to a re-INVITE waits for its ACK */
	bool early_sdp;  /* incoming: a reliable 1xx with SDP of ours is out */
	/* before the answer: an offer and its answer have been exchanged reliably */
	bool agreed;
	bool moved;      /* outgoing: and another one after it, so that the 2xx's SDP is old */
	bool restored;   /* taken up from the checkpoint */
	bool busy;       /* inside a callback: do not free */
	uint8_t bye_q850;
	uint16_t last_status; /* latest 1xx sent or got */
	uint32_t serial;      /* of leg_reoffer */
	uint32_t cseq;        /* of our latest request in the dialog */
	uint32_t invite_cseq; /* of our INVITE under way */
	char branch[33];      /* Via branch of our INVITE under way */
	uint8_t glare_tries;

	struct dialog_id id_text;
	const char *bind; /* address of ours to send from (nat_bind_for), NULL any */
	nta_leg_t *dialog;
	nta_incoming_t *irq; /* server transaction of open */
	nta_incoming_t *early; /* UPDATE or PRACK with an offer while an INVITE is open */
	nta_outgoing_t *orq; /* client transaction of open */
	nta_outgoing_t *bye;
	nta_outgoing_t *refresh; /* UPDATE of the session timer */
	struct fork *forks;
	struct leg_gone_info *gone;

	struct blob event; /* SDP of leg_answered or leg_reoffer until settled or reanswered; of our
	                      re-INVITE; of early's offer */
	struct refer *refer; /* one that waits for its answer */
	bool refer_quiet;    /* it wants no NOTIFY */
	uint32_t refer_id;   /* its CSeq, for Event */
	uint64_t answered_ms;
	char *user_agent;  /* for leg_answered, until settled */
	/*
	 * Told at each reconnection until the next offer, because nobody confirms it: what the ACK
	 * answered to a late offer, or how our re-INVITE ended (its status, else 0).
	 */
	struct blob told;
	uint16_t told_status;
	char *party;       /* headers that tell the far end whom it talks to, NULL none */
	bool party_due;    /* to be told as soon as the UPDATE under way is over */

	/* Timer: the earliest of these (monotonic ms, 0 none). */
	su_timer_t *timer;
	uint64_t timer_at;
	uint64_t give_up_at; /* hold without featured, or ring_s over */
	uint64_t glare_at;   /* send the re-INVITE again */
	uint64_t refresh_at; /* session timer: our refresh */
	uint64_t expire_at;  /* session timer: end the call */
	uint64_t early_at;   /* featured has not answered what early brought */
	uint64_t refer_at;   /* featured has not answered a REFER */
	uint64_t adrift_at;  /* the far end's connection is gone: until when it is waited for (adrift.c) */
	char *probe_hop;     /* adrift: where the caller may listen; probe asks */
	nta_outgoing_t *probe;
	uint16_t refused;    /* adrift: the final answer that its INVITE is to have, 0 none */
	uint8_t resent;      /* how often a request was sent again to a new connection at once */
	uint32_t session_s;  /* agreed interval, 0 none */
	bool we_refresh;
	uint64_t
	    offered_us; /* when leg_offered was sent and not yet acted upon, for overload.c; 0 */

	uint32_t slot;      /* in ck_legs */
	uint32_t open_slot; /* in ck_open */
	uint32_t long_slot; /* in ck_long */
};

/* A new leg in the table; NULL when out of memory or over max_legs. */
struct leg *leg_new(uint64_t id, bool incoming);
struct leg *leg_find(uint64_t id);

/* The leg's end: remembers it, saves it and tells featured. Ends the transactions that wait for us,
 * but not BYE or CANCEL on their way. */
void leg_over(struct leg *leg, uint16_t status, enum leg_end cause, uint8_t q850,
    const char *reason, const char *redirect);

/* The leg ended in a way that featured needs no leg_gone for. */
void leg_drop(struct leg *leg);

/* Frees the leg if nobody needs it any more. Call last in a callback: leg may be gone afterwards.
 */
void leg_reap(struct leg *leg);

/* featured's leg_hangup, and what the session timer does: CANCEL, BYE or refusal, then leg_gone
 * with this cause. */
void leg_hangup(struct leg *leg, enum leg_end cause, uint8_t q850);

/* Sets the timer anew after one of the *_at fields changed. */
void leg_timer(struct leg *leg);

/* For IPC: enum sip_leg_state. */
uint8_t leg_wire_state(const struct leg *leg);

/* Remembers what is about to be told (leg->told); checkpoint_open_done() puts it on record. */
void leg_told(struct leg *leg, uint16_t status, const struct ipc_view *sdp);
/* A new offer: what was told about the last one counts no more. */
void leg_untold(struct leg *leg);

/* leg->event still holds a 2xx that featured has not settled. */
bool blob_pending(const struct leg *leg);
bool blob_set(struct blob *b, const void *p, size_t len); /* false: out of memory */
void blob_free(struct blob *b);

#endif
