/* SPDX-License-Identifier: ISC */
/*
 * Recordings of calls: at most one at a time for each call. Its row is on the spool's disk before
 * mediad hears of it; mediad records one leg, both ways; when that leg leaves, the recording goes
 * on with another one, also in another call into which the parties come. It outlives its call in a
 * checkpoint of its own (recordings.ckpt) until its last row is on disk.
 */
#ifndef WARDEN_FEATURED_CALL_RECORDING_H
#define WARDEN_FEATURED_CALL_RECORDING_H

#include "featured/call/call.h"

#define RECORDINGS_MAX 4096

/* The checkpoint's record. Fields are only appended. */
struct recording_rec {
	uint64_t key;       /* mediad's `record` */
	uint64_t leg;       /* that is recorded */
	uint8_t phase;      /* enum recording_phase */
	uint8_t paused;
	uint8_t by_caller;  /* the recorded leg is on the caller's side: its voice is channel 1 */
	uint8_t call_ended; /* that ended it */
	uint8_t swap;       /* the sum of the moves that mediad was told */
	uint8_t pad[3];
	struct recording_row row;
};

/* In checkpoints: never renumber. */
enum recording_phase {
	RECORDING_ROW = 1,      /* the row goes to disk */
	RECORDING_ON = 2,
	RECORDING_STOPPING = 3, /* mediad was told */
	RECORDING_OVER = 4,     /* the last row goes to disk */
};

struct recording {
	UT_hash_handle hh; /* in core.recordings, by r.key */
	struct recording_rec r;
	uint32_t slot;
	uint32_t rows; /* on their way to disk */
	bool adrift;   /* its leg has left in this turn */
	bool heard;    /* mediad named it in this reconciliation */
};

/* The one that goes on, or NULL. */
struct recording *recording_of(const struct core *core, const struct call *call);

/* Is the row one of ours that is not finished? */
bool recording_known(const struct core *core, const struct uuid *row);

/* by: "auto", "api" or an extension. Return 0, or the error's status with *reason set. */
uint16_t recording_start(struct core *core, struct call *call, const char *by,
    const char **reason);
uint16_t recording_stop(struct core *core, struct call *call, const char **reason);
uint16_t recording_pause(struct core *core, struct call *call, bool on, const char **reason);

/*
 * The call was answered: the settings may want it recorded. Not while it is with a service; when it
 * goes on from there to somebody it was never recorded, and this is to be called again.
 */
void recording_auto(struct core *core, struct call *call);

/* At the end of a turn: recordings whose leg has left go on with another one, or end. */
void recording_settle(struct core *core);

/* The leg's session is about to end, or it goes into another call. */
void recording_leave(struct core *core, struct leg *leg);
/* The parties of old go on in call, with leg; call has no recording of its own. */
void recording_follow(struct core *core, struct call *old, struct call *call, struct leg *leg);

uint32_t recording_count(const struct core *core); /* that go on */

/* Of mediad and of the spool. */
void recording_got(struct core *core, const struct msg_media_recorded *m);
void recording_sync(struct core *core, const struct msg_sync_record *m);
void recording_sync_begin(struct core *core);
void recording_sync_end(struct core *core);
void recording_durable(struct core *core, const uint8_t uuid[UUID_LEN]);
void recording_again(struct core *core); /* rows that the spool refused */

void recording_load(struct core *core); /* takes up what the checkpoint has */
void recording_close(struct core *core);

#endif
