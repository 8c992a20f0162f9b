/* SPDX-License-Identifier: ISC */
/* The spool's files as its thread holds them. Nobody but spool_thread.c includes this. */
#ifndef WARDEN_DB_SPOOL_FILES_H
#define WARDEN_DB_SPOOL_FILES_H

#include "common/base/buf.h"
#include "featured/db/spool_thread.h"

struct spool_files {
	char		dir[256];
	/* number of the file of records that is, or will be, written to */
	uint32_t	segment;
	int		records_fd, journal_fd;	/* -1: to be opened */
	uint64_t	records_len;
	bool		journal_unsynced;
};

/*
 * Appends a group of lines to the records and syncs; the segment may become another. 0 or -errno.
 */
int spool_files_records(struct spool_files *t, const struct buf *group);
/* Appends lines to the journal; they are on disk after the next sync. 0 or -errno. */
int spool_files_journal(struct spool_files *t, const struct buf *text);
/* What fails is tried again at the next call. */
void spool_files_journal_sync(struct spool_files *t);
/* Every other kind of job. 0 or -errno. */
int spool_files_other(struct spool_files *t, struct spool_job *job);
void spool_files_close(struct spool_files *t);

#endif
