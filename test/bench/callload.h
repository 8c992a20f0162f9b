/* SPDX-License-Identifier: ISC */
/*
 * What callload's parts share: its root struct, the registrations (load_reg.c) and the calls
 * (load_call.c).
 */
#ifndef WARDEN_CALLLOAD_H
#define WARDEN_CALLLOAD_H

#include "test/bench/load.h"

#define T1_MS		500
#define T2_MS		4000
#define TIMEOUT_MS	(64 * T1_MS)
#define CALL_HASH	65536

struct load;

/* A request or response that is sent again until what it waits for comes (RFC 3261 section 17). */
struct txn {
	struct load_timer	 timer;
	char			*text;
	int			 len;
	uint32_t		 interval_ms, cap_ms;
	uint64_t		 deadline_ms;
	struct load		*load;
	void			(*timed_out)(void *);	/* may be NULL */
	void			*arg;
};

struct ext {
	struct load	*load;
	char		 number[32];
	char		 password[64];
	uint64_t	 quiet_until_ms;	/* Retry-After of a 503 */
	/* registration */
	struct txn	 reg;
	char		 call_id[64];
	uint32_t	 cseq;
	uint64_t	 started_us;
	uint8_t		 challenged;		/* times */
	bool		 registered;
};

enum call_state {
	CALL_INVITED,		/* we: nothing but 1xx yet; they: no final response sent yet */
	CALL_ANSWERED,		/* they: 200 sent, no ACK */
	CALL_UP,
	CALL_LEAVING,		/* BYE sent */
	CALL_OVER,		/* kept for what is sent again */
};

/* One dialog of ours: the caller's half (uac) or the called one's. */
struct call {
	struct load		*load;
	struct call		*next;		/* of its hash slot */
	bool			 uac;
	uint8_t			 challenged;	/* times */
	bool			 ringing;
	enum call_state		 state;
	struct ext		*from;		/* uac */
	char			 number[32];	/* uac: called */
	char			 call_id[160];
	char			 local[200], remote[200];	/* From and To of our requests */
	char			 target[256];
	char			 tag[24];
	uint32_t		 cseq;		/* of our last request */
	/* of the INVITE that the last final response was to */
	uint32_t		 invite_cseq;
	uint64_t		 started_us;
	struct txn		 txn;
	struct load_timer	 life;
	char			*invite;	/* uas: the INVITE, for the headers of its 200 */
	struct sockaddr_in	 rtp_to;
	int			 sock;
	unsigned		 sdp_version;
	struct load_end		 end;
};

struct load {
	struct sockaddr_in	 server, local;
	int			 sip_fd;
	struct load_wheel	 wheel;
	struct load_rtp		 rtp;
	struct load_procs	 procs, plateau;
	struct ext		*exts;
	size_t			 nexts;
	struct call		*hash[CALL_HASH];
	/* what is asked for */
	double			 reg_rate, call_rate;
	uint64_t		 calls_max;	/* in all */
	uint64_t		 active_max;	/* at once */
	uint32_t		 hold_ms, answer_ms;
	bool			 with_rtp, callee_hangs_up, obey_retry, verbose;
	/* what came of it */
	unsigned		 run;		/* makes Call-IDs of this run its own */
	uint64_t		 reg_done, reg_failed;
	struct load_hist	 reg_time;
	uint64_t		 started, active, up, up_max, answered, completed;
	uint64_t		 failed, timeouts, dropped, withheld, bye_failed;
	uint64_t		 status[700];
	uint64_t		 retransmissions, uas_calls, bad_messages;
	struct load_hist	 setup_time, ring_time, bye_time, refuse_time;
	/* the time when all calls are up */
	bool			 plateau_on, plateau_over;
	uint64_t		 plateau_packets;
	FILE			*plateau_out;	/* memory, then CPU per packet */
	char			*plateau_text;
	size_t			 plateau_len;
};

/* ---- callload.c ----------------------------------------------------------------------------- */
void load_send(struct load *l, const char *text, int len);
/*
 * Sends text and repeats it from T1 on, doubling up to cap_ms; after 32 s timed_out is called with
 * arg. Copies the text.
 */
void txn_start(struct load *l, struct txn *t, const char *text, int len, uint32_t cap_ms,
    void (*timed_out)(void *), void *arg);
/*
 * A provisional response came: nothing is repeated any more, and timed_out is called after so long.
 */
void txn_wait(struct txn *t, uint64_t in_ms);
void txn_stop(struct txn *t);		/* keeps the text */
void txn_free(struct txn *t);
const char *load_local(const struct load *l);	/* "IP:PORT" */

/* ---- load_reg.c ----------------------------------------------------------------------------- */
void reg_start(struct ext *e);
void reg_response(struct ext *e, const struct load_msg *m);

/* ---- load_call.c ---------------------------------------------------------------------------- */
void call_start(struct load *l, struct ext *from, struct ext *to);
struct call *call_find(struct load *l, const char *call_id);
void call_response(struct call *c, const struct load_msg *m);
void call_request(struct load *l, struct call *c, const struct load_msg *m);	/* c may be NULL */
/* Ends the hold of all calls at once (the run is over). */
void call_end_all(struct load *l);

#endif
