/* SPDX-License-Identifier: ISC */
/*
 * The spool's thread: the only one that touches its files once it runs, so that a disk that stands
 * still stops nobody else. Jobs go in from the main thread, come back when done, and their callback
 * is called there, in order of completion. Records that wait are written and synced together (group
 * commit); the journal, which only matters when the machine itself dies, is synced once a second. A
 * job that the disk refuses is tried again each second; reading and removing go on meanwhile.
 */
#ifndef WARDEN_DB_SPOOL_THREAD_H
#define WARDEN_DB_SPOOL_THREAD_H

#include <systemd/sd-event.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/id.h"

#define SPOOL_SEGMENT_MAX (4u << 20)	/* a file of records is closed when it is longer */
#define SPOOL_JOURNAL "intents.jsonl"

enum spool_job_kind {
	/*
	 * append text to the records, sync; then end (a line of the journal) may follow it unsynced
	 */
	SPOOL_JOB_RECORD,
	/* append text to the journal, synced within a second; given up when the disk refuses it */
	SPOOL_JOB_JOURNAL,
	SPOOL_JOB_REPLACE,	/* the journal becomes text */
	SPOOL_JOB_TOUCH,	/* the journal's time becomes now: calls were alive */
	SPOOL_JOB_READ,		/* len bytes at off of segment into text */
	/* segment's file; -EBUSY when it is being written and longer than off */
	SPOOL_JOB_REMOVE,
	SPOOL_JOB_ASIDE,	/* append text to refused.jsonl */
};

struct spool_job {
	struct spool_job	*next;
	enum spool_job_kind	 kind;
	char			*text;		/* the job's */
	size_t			 len;
	char			*end;		/* SPOOL_JOB_RECORD; may be NULL */
	uint32_t		 segment;	/* of READ and REMOVE; of a RECORD where it went */
	uint64_t		 off;	/* of READ; of a RECORD the segment's length behind it */
	int			 error;		/* 0 or -errno, when it comes back */
	struct uuid		 call;		/* for the owner */
	bool			 final;
};

struct spool_thread;

/*
 * done: gets each job back (and frees it by spool_job_free()); failing: the disk refuses (errno),
 * or takes again (0). Both on the main thread.
 */
struct spool_thread_owner {
	void	(*done)(void *arg, struct spool_job *job);
	void	(*failing)(void *arg, int error);
	void	*arg;
};

/* segment: the first number to write to. Returns 0 or -errno. */
int spool_thread_start(struct spool_thread **out, sd_event *event, const char *dir,
    uint32_t segment, const struct spool_thread_owner *owner);
/* Lets it finish what it can within 5 s and brings the jobs back. */
void spool_thread_stop(struct spool_thread **t);

struct spool_job *spool_job_new(enum spool_job_kind kind);	/* NULL: out of memory */
void spool_job_free(struct spool_job *job);
void spool_thread_do(struct spool_thread *t, struct spool_job *job);

/* Path of a segment's file; out has size bytes. */
void spool_segment_path(char *out, size_t size, const char *dir, uint32_t segment);

#endif
