/* SPDX-License-Identifier: ISC */
/*
 * What spool.c (records and intents), spool_drain.c (the way into PostgreSQL) and spool_scan.c
 * (after a start) share. Nobody else includes it.
 */
#ifndef WARDEN_DB_SPOOL_IMPL_H
#define WARDEN_DB_SPOOL_IMPL_H

#include "common/base/log.h"
#include "featured/hash.h"
#include "featured/db/spool.h"
#include "featured/db/spool_line.h"
#include "featured/db/spool_thread.h"

/* A call with an intent and no final record on disk. */
struct open_call {
	struct uuid	 call;
	char		*line;		/* its newest intent, as in the journal */
	bool		 kept;		/* it lives: not to be swept */
	UT_hash_handle	 hh;
};

/* A file of records. */
struct segment {
	struct segment	*next;
	uint32_t	 no;
	uint64_t	 len;		/* durable */
	uint64_t	 off;		/* up to here it is in PostgreSQL */
	bool		 old;		/* of an earlier process: nothing is appended */
};

struct drain {
	bool		 up;
	bool		 busy;		/* a read or an insert is under way */
	const struct spool_table *table; /* of the records in it */
	size_t		 consumed;	/* bytes of the segment that the insert under way covers */
	uint32_t	 records;	/* records in it */
	char		*only;		/* the record, when it is one */
	/* so many more are inserted one by one, after a batch was refused */
	uint32_t	 singly;
	sd_event_source	*timer;
	bool		 waiting;
};

struct spool {
	sd_event		*event;
	struct db		*db;
	struct spool_thread	*thread;
	char			 dir[256];
	struct open_call	*open;
	struct segment		*segments;	/* by number; the first is drained first */
	uint32_t		 next_segment;
	uint32_t		 pending;	/* records that are not in PostgreSQL */
	size_t			 queued_bytes;	/* that the thread has */
	size_t			 journal_bytes;	/* written since it was replaced */
	size_t			 open_bytes;	/* of the intents of open calls */
	bool			 replacing;
	bool			 journal_bad;	/* the journal lacks something: to be replaced */
	/* when the journal was last touched by the process before us */
	uint64_t		 alive_ms;
	int			 failing;	/* errno of the disk, 0 */
	sd_event_source		*tick;
	struct drain		 drain;
	void			(*watch)(void *arg, const struct uuid *call);
	void			*watch_arg;
	void			(*watch_rows)(void *arg, const struct uuid *id);
	void			*watch_rows_arg;
	struct log_bucket	 full_log, line_log, table_log;
};

/* spool.c */
struct open_call *spool_open_call(struct spool *s, const struct uuid *call);	/* NULL: none */
int spool_remember(struct spool *s, const struct uuid *call, const char *line, size_t len);
void spool_forget(struct spool *s, struct open_call *c);
void spool_replace_journal(struct spool *s);
/* made when it is new; NULL: out of memory */
struct segment *spool_segment(struct spool *s, uint32_t no);

/* spool_scan.c: what an earlier process left. Returns 0 or -errno. */
int spool_scan(struct spool *s);

/* spool_tables.c: where lines of a kind go; NULL: nowhere. */
struct spool_table {
	enum spool_kind	 kind;
	const char	*insert;	/* $1: a JSON array of lines */
};
const struct spool_table *spool_table(enum spool_kind kind);

/* spool_drain.c */
void drain_open(struct spool *s);
void drain_close(struct spool *s);
/* Gives up a file that is drained and not written to any more. */
void drain_idle(struct spool *s);
void drain_soon(struct spool *s);				/* there is something new */
void drain_read_done(struct spool *s, struct spool_job *job);	/* takes job's text */
void drain_aside_done(struct spool *s, const struct spool_job *job);

#endif
