/* SPDX-License-Identifier: ISC */
/*
 * A call's record, as it goes to the spool and then to PostgreSQL (table cdr). Filled by the call
 * core; written by db/spool. Times are Unix ms, 0 for "did not happen". The strings are UTF-8 as
 * far as the phones sent it: the spool cleans them.
 */
#ifndef WARDEN_FEATURED_CALL_CDR_H
#define WARDEN_FEATURED_CALL_CDR_H

#include <stdint.h>

#include "common/base/id.h"

enum cdr_disposition {
	CDR_ANSWERED = 1,
	CDR_NO_ANSWER = 2,
	CDR_BUSY = 3,
	CDR_FAILED = 4,
	CDR_CANCELLED = 5,
};

enum cdr_side {
	CDR_SIDE_NONE = 0,
	CDR_SIDE_CALLER = 1,
	CDR_SIDE_CALLEE = 2,
	CDR_SIDE_SYSTEM = 3,
};

/* One leg's media, as mediad counted it. All zero when it told nothing. */
struct cdr_media {
	char codec[33];
	uint64_t packets_in; /* from the phone */
	uint64_t packets_out;
	uint32_t lost_in;
	uint32_t jitter_us;
	uint32_t far_lost; /* what the phone says of our stream */
	uint32_t far_jitter_us;
	uint32_t rtt_us;
	char remote[57]; /* "IP:PORT" */
};

struct cdr {
	struct uuid call;
	char from[65];
	char from_name[129];
	char to[65];
	char answered_by[65];    /* who answered; "" nobody, or a service of ours */
	char transferred_by[65]; /* who transferred or parked it last; "" nobody */
	char transferred_to[65]; /* whom it went on to after the answer; "" nobody */
	uint64_t start_ms;
	uint64_t answer_ms;
	uint64_t end_ms;
	enum cdr_disposition disposition;
	uint16_t status;       /* SIP status that the caller got; 200 for an answered call */
	uint8_t q850;          /* 0 unknown */
	char hangup_cause[64]; /* "normal clearing", "user busy", ... */
	enum cdr_side hangup_by;
	char user_agent[129];  /* the caller's */
	char sip_call_id[256]; /* of the caller's leg; "" for a call that the API started */
	struct cdr_media caller;
	struct cdr_media callee;
	char recording_file[97]; /* of its last recording; "" none */
	const char *trace; /* lines "at_ms TAB source TAB event TAB detail"; NULL in an intent */
};

/* In checkpoints: never renumber. */
enum recording_state {
	RECORDING_RUNNING = 1,
	RECORDING_DONE = 2,
	RECORDING_FAILED = 3,  /* there is no file, or what is in it is not all */
	RECORDING_DELETED = 4, /* its time was over */
};

/*
 * A recording of a call, as it goes to the spool and then to PostgreSQL (table recording): the row
 * is there before the file.
 */
struct recording_row {
	struct uuid id;
	struct uuid call; /* that it is part of; another one after a transfer */
	uint64_t rev;     /* goes up with each state */
	enum recording_state state;
	uint8_t channels;
	char path[97]; /* below mediad's recording.storage_path, with extension */
	char from[65];
	char to[65];
	char by[65]; /* who wanted it: "auto", "api", or an extension */
	uint64_t start_ms, end_ms;
	uint32_t duration_ms;
	uint64_t bytes;
	char outcome[32]; /* "stopped", "call ended", "disk full", ... */
};

/* "recording", "done", "failed", "deleted". */
const char *recording_state_name(enum recording_state state);

/* "answered", "no_answer", "busy", "failed", "cancelled". */
const char *cdr_disposition_name(enum cdr_disposition d);
/* "", "caller", "callee", "system". */
const char *cdr_side_name(enum cdr_side side);

#endif
