/* SPDX-License-Identifier: ISC */
/*
 * One recording on its writer thread: takes packets out of the tap, has two tracks put them in
 * order (record_track.h), writes them to a file (record_file.h), and finds out when it is over. No
 * thread or lock of its own: recorder.c has those.
 */
#ifndef WARDEN_MEDIAD_RECORD_JOB_H
#define WARDEN_MEDIAD_RECORD_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/ipc/enums.h"
#include "mediad/record_file.h"
#include "mediad/record_track.h"
#include "mediad/tap.h"

#define RECORD_PATH_MAX	255

struct record_job_conf {
	uint64_t	 record;
	struct tap	*tap;		/* outlives the job */
	char		 root[512];	/* storage directory of its kind */
	char		 path[RECORD_PATH_MAX + 5];	/* below it, with extension */
	uint8_t		 flags;		/* enum media_record_flags */
	unsigned	rate;		/* RECORD_RATE or RECORD_RATE_WIDE; a file that is there has its own */
	uint32_t	 max_ms;	/* 0: none */
	uint32_t	 silence_ms;	/* of the far end, until it is over; 0: never */
	uint64_t	 base_us;	/* when frame 0 was: moves on by what was paused */
	uint64_t	 paused_us;	/* since when it is paused; 0: it is not */
	uint64_t	 reserve;	/* octets that must be free on the disk to begin; to go on half of it */
	bool		 again;		/* another process had begun it */
};

/* What the main thread wants, in the order of time. */
enum record_order_kind {
	RECORD_ORDER_PAUSE,
	RECORD_ORDER_RESUME,
	RECORD_ORDER_STOP,
};

struct record_order {
	enum record_order_kind	kind;
	uint64_t		at_us;
};

#define RECORD_BATCH_MS		500	/* written at once */
#define RECORD_SCRATCH_MS	(RECORD_BATCH_MS + TRACK_OVER_MS)

/* A thread's memory for the batch that it writes: small, and so in its caches. */
struct record_scratch {
	int16_t	in[RECORD_SCRATCH_MS * 16], out[RECORD_SCRATCH_MS * 16];
	int16_t	both[RECORD_BATCH_MS * 16 * 2];
};

struct record_job {
	struct record_job_conf	 conf;
	struct record_file	 file;
	struct record_track	*track[2];	/* [1] NULL: the far end's voice alone */
	uint32_t		 at;		/* read of the tap */
	uint64_t		 header_us;	/* when it was last told */
	int64_t			 voice;		/* frame where the far end was last heard */
	uint64_t		 drops_told;
	bool			 over;
	enum media_record_outcome outcome;
};

/* Opens its file. On failure job->over is set already. */
void record_job_begin(struct record_job *job, uint64_t now_us);

/* All that is due now. */
void record_job_step(struct record_job *job, uint64_t now_us, struct record_scratch *scratch);

/* Packets before order->at_us, then the order. */
void record_job_order(struct record_job *job, const struct record_order *order,
    struct record_scratch *scratch);

/* Makes the file durable. Slow. Returns its size in octets. */
uint64_t record_job_end(struct record_job *job);
uint32_t record_job_ms(const struct record_job *job);

#endif
