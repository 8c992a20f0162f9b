/* SPDX-License-Identifier: ISC */
/* The layout of sipd's checkpoint records; for checkpoint.c and restore.c alone. Fields are only
 * ever appended (before text's end nothing moves). */
#ifndef WARDEN_SIPD_CHECKPOINT_REC_H
#define WARDEN_SIPD_CHECKPOINT_REC_H

#include <stdint.h>

#define LEGS_MAGIC   0x57534c31 /* "WSL1" */
#define LEGS_VERSION 1
#define OPEN_MAGIC   0x57534f31 /* "WSO1" */
#define OPEN_VERSION 2
#define OPEN_TAIL    (20 * 1024)
#define LONG_MAGIC   0x57534e31 /* "WSN1" */
#define LONG_VERSION 1
#define LONG_TAIL    (16 * 1024)
#define REC_TEXT     1152

enum rec_flags {
	REC_INCOMING = 1 << 0,
	REC_TAKEN = 1 << 1,
	REC_SETTLED = 1 << 2,
	REC_FORGOTTEN = 1 << 3,
	REC_LATE = 1 << 4,
	REC_CANCELLED = 1 << 5,
	REC_BYE_WANTED = 1 << 6,
	REC_FAR_UPDATE = 1 << 7,
	REC_FAR_TIMER = 1 << 8,
	REC_WE_REFRESH = 1 << 9,
	REC_BYE_OPEN = 1 << 10,
	REC_EARLY_SDP = 1 << 11,
	REC_AGREED = 1 << 12,
	REC_MOVED = 1 << 13,
};

struct leg_rec {
	uint64_t id;
	uint64_t answered_ms;
	uint64_t gone_ms;
	uint64_t refresh_at, expire_at,
	    give_up_at; /* monotonic: the same clock as long as the machine is up */
	uint32_t cseq, remote_cseq, invite_cseq;
	uint32_t session_s;
	uint32_t serial;
	uint32_t open_slot;
	uint16_t last_status;
	uint16_t gone_status;
	uint16_t flags;
	uint16_t text_len;
	uint8_t phase, open, transport, bye_q850, gone_cause, gone_q850;
	char branch[33];
	/* NUL after each: call_id, local, remote, target, route, next_hop, contact, gone reason,
	 * gone redirect, bind. */
	char text[REC_TEXT];
	uint32_t
	    long_slot; /* in long.ckpt, where the text is if it does not fit here; else CKPT_NONE */
};

/* Texts longer than REC_TEXT: a record never changes, a new one takes its place. */
struct long_rec {
	uint64_t leg;
	uint32_t len;
};

#define REC_TOLD 6 /* a kind beside enum leg_open: no transaction, but leg->told */

struct open_rec {
	uint64_t leg;
	uint32_t a_len, b_len; /* of the tail: first a, then b */
	/* enum leg_open; OPEN_INVITE_IN: b is our answer, or before it the PRACK's */
	uint8_t kind;
	uint8_t has_b;
	uint16_t status; /* REC_TOLD: leg->told_status; b is leg->told */
};

#endif
