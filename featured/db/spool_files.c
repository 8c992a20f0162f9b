/* SPDX-License-Identifier: ISC */
/*
 * What the spool's thread does with its files: append and sync, replace, read, remove. Called in
 * that thread alone; these calls wait for the disk.
 */
#include "featured/db/spool_files.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "featured/db/atomic.h"

#define READ_MAX (1u << 20)

void
spool_segment_path(char *out, size_t size, const char *dir, uint32_t segment)
{
	str_format(out, size, "%s/cdr-%08u.jsonl", dir, segment);
}

/*
 * Opens name for appending; a new file's name is made durable too. Returns the descriptor or
 * -errno.
 */
static int
open_append(const char *dir, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600), r;

	if (fd < 0)
		return -errno;
	if ((r = file_sync_dir(dir)) < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
close_segment(struct spool_files *t)
{
	if (t->records_fd < 0)
		return;
	close_fd(&t->records_fd);
	t->segment++;
	t->records_len = 0;
}

/*
 * A segment that could not be written: what a full disk left half written is taken back; if that
 * fails too, readers skip the broken line.
 */
static void
take_back(struct spool_files *t, const char *path, bool synced)
{
	bool cut = ftruncate(t->records_fd, (off_t)t->records_len) == 0;

	if (cut && synced)
		return;
	/* The pages of a failed sync cannot be trusted: on to a new file. */
	if (cut && t->records_len == 0)
		unlink(path);
	close_segment(t);
}

/*
 * Appends and syncs the records of a group. A group that failed is written again, perhaps to
 * another file: a record that stands in both is stored once, by its UUID.
 */
int
spool_files_records(struct spool_files *t, const struct buf *group)
{
	char path[300];
	int r;

	if (t->records_len >= SPOOL_SEGMENT_MAX)
		close_segment(t);
	spool_segment_path(path, sizeof(path), t->dir, t->segment);
	if (t->records_fd < 0) {
		if ((r = open_append(t->dir, path)) < 0)
			return r;
		t->records_fd = r;
	}
	if ((r = file_write_all(t->records_fd, group->data, group->len)) < 0) {
		take_back(t, path, true);
		return r;
	}
	if (fdatasync(t->records_fd) < 0) {
		r = -errno;
		take_back(t, path, false);
		return r;
	}
	t->records_len += group->len;
	return 0;
}

int
spool_files_journal(struct spool_files *t, const struct buf *text)
{
	char path[300];
	int r;

	if (t->journal_fd < 0) {
		str_format(path, sizeof(path), "%s/" SPOOL_JOURNAL, t->dir);
		if ((t->journal_fd = open_append(t->dir, path)) < 0)
			return t->journal_fd;
	}
	r = file_write_all(t->journal_fd, text->data, text->len);
	t->journal_unsynced = true;
	/* A line cut short would swallow the next one. */
	if (r < 0 && write(t->journal_fd, "\n", 1) < 0)
		close_fd(&t->journal_fd);
	return r;
}

void
spool_files_journal_sync(struct spool_files *t)
{
	if (t->journal_fd < 0 || fdatasync(t->journal_fd) == 0)
		t->journal_unsynced = false;
}

static int
replace_journal(struct spool_files *t, const struct spool_job *job)
{
	char path[300], fresh[300];
	int fd, r;

	str_format(path, sizeof(path), "%s/" SPOOL_JOURNAL, t->dir);
	str_format(fresh, sizeof(fresh), "%s/" SPOOL_JOURNAL ".new", t->dir);
	if ((fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return -errno;
	if ((r = file_write_all(fd, job->text, job->len)) == 0 && fdatasync(fd) < 0)
		r = -errno;
	close(fd);
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(fresh);
		return r;
	}
	close_fd(&t->journal_fd);
	return file_sync_dir(t->dir);
}

static int
read_segment(struct spool_files *t, struct spool_job *job)
{
	char path[300];
	ssize_t n;
	int fd;

	if (job->len > READ_MAX)
		job->len = READ_MAX;
	spool_segment_path(path, sizeof(path), t->dir, job->segment);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return -errno;
	if ((job->text = malloc(job->len + 1)) == NULL) {
		close(fd);
		return -ENOMEM;
	}
	do {
		n = pread(fd, job->text, job->len, (off_t)job->off);
	} while (n < 0 && errno == EINTR);
	close(fd);
	if (n < 0)
		return -errno;
	job->len = (size_t)n;
	job->text[n] = '\0';
	return 0;
}

static int
set_aside(struct spool_files *t, const struct spool_job *job)
{
	char path[300];
	int fd, r;

	str_format(path, sizeof(path), "%s/refused.jsonl", t->dir);
	if ((fd = open_append(t->dir, path)) < 0)
		return fd;
	if ((r = file_write_all(fd, job->text, job->len)) == 0 && fdatasync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

int
spool_files_other(struct spool_files *t, struct spool_job *job)
{
	char path[300];

	switch (job->kind) {
	case SPOOL_JOB_RECORD:
	case SPOOL_JOB_JOURNAL:
		break;
	case SPOOL_JOB_REPLACE:
		return replace_journal(t, job);
	case SPOOL_JOB_TOUCH:
		str_format(path, sizeof(path), "%s/" SPOOL_JOURNAL, t->dir);
		return utimensat(AT_FDCWD, path, NULL, 0) < 0 ? -errno : 0;
	case SPOOL_JOB_READ:
		return read_segment(t, job);
	case SPOOL_JOB_REMOVE:
		/* The one being written is closed first: what comes next begins a new one. */
		if (job->segment == t->segment && t->records_len != job->off)
			return -EBUSY;
		if (job->segment == t->segment)
			close_segment(t);
		spool_segment_path(path, sizeof(path), t->dir, job->segment);
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	case SPOOL_JOB_ASIDE:
		return set_aside(t, job);
	}
	return 0;
}

void
spool_files_close(struct spool_files *t)
{
	close_fd(&t->records_fd);
	close_fd(&t->journal_fd);
}
