/* SPDX-License-Identifier: ISC */
/*
 * The threads that write recordings: some writers that look at their recordings (record_job.h)
 * several times a second, and one that closes files, because making them durable takes long.
 * Nothing waits for any of them: a disk that hangs delays recordings, until their taps are full.
 */
#ifndef WARDEN_MEDIAD_RECORDER_H
#define WARDEN_MEDIAD_RECORDER_H

#include "mediad/record_job.h"

struct recorder;

struct recorder_result {
	uint64_t			record;
	enum media_record_outcome	outcome;
	uint32_t			duration_ms;
	uint64_t			bytes;
};

struct recorder_conf {
	/* On a thread of the recorder: a recording is over and its file is durable. */
	void	(*done)(void *arg, const struct recorder_result *result);
	/*
	 * On a thread of the recorder: clock_mono_us(), or earlier: the moment until which all that
	 * came is in the taps. A machine that stalls thus delays recordings, and they miss nothing.
	 */
	uint64_t (*now)(void *arg);
	void	*arg;
};

int recorder_start(struct recorder **out, const struct recorder_conf *conf);
/* Recordings stay as they are; the next process goes on with them. */
void recorder_stop(struct recorder **r);

/* Returns 0, or -ENOMEM: done is not called then. */
int recorder_add(struct recorder *r, const struct record_job_conf *conf);
int recorder_order(struct recorder *r, uint64_t record, const struct record_order *order);

#endif
