/* SPDX-License-Identifier: ISC */
/*
 * What an earlier process left in the spool: which calls have an intent and no end, and which files
 * of records are to be drained. Once, at start, by spool_open(). A line that a crash cut short is
 * passed over.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "featured/db/spool_impl.h"

/* Calls line() for each whole line of the file. Returns 0 or -errno. */
static int
each_line(const char *path, int (*line)(struct spool *s, const char *text, size_t len),
    struct spool *s)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	ssize_t n;
	int r = 0;

	if (f == NULL)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && (n = getline(&text, &size, f)) > 0) {
		if (text[n - 1] == '\n')
			r = line(s, text, (size_t)n - 1);
	}
	if (ferror(f))
		r = -EIO;
	free(text);
	fclose(f);
	return r;
}

static int
journal_line(struct spool *s, const char *text, size_t len)
{
	struct open_call *c;
	struct uuid call;

	switch (spool_line_kind(text, len, &call)) {
	case SPOOL_INTENT:
		return spool_remember(s, &call, text, len + 1);
	case SPOOL_END:
		if ((c = spool_open_call(s, &call)) != NULL)
			spool_forget(s, c);
		return 0;
	case SPOOL_NONE:
	case SPOOL_FINAL:
	case SPOOL_RECORDING:
		log_limited(&s->line_log, LL_WARNING, "a line of the journal is broken",
		    kv_s("directory", s->dir));
		return 0;
	}
	return 0;
}

static int
record_line(struct spool *s, const char *text, size_t len)
{
	struct open_call *c;
	struct uuid call;

	switch (spool_line_kind(text, len, &call)) {
	case SPOOL_FINAL:
		break;
	case SPOOL_RECORDING:
		s->pending++;
		return 0;
	case SPOOL_NONE:
	case SPOOL_INTENT:
	case SPOOL_END:
		return 0;
	}
	s->pending++;
	/* Its end may not have reached the journal. */
	if ((c = spool_open_call(s, &call)) != NULL)
		spool_forget(s, c);
	return 0;
}

static int
scan_segment(struct spool *s, uint32_t no)
{
	char path[300];
	struct segment *g;
	struct stat st;
	int r;

	spool_segment_path(path, sizeof(path), s->dir, no);
	if ((r = each_line(path, record_line, s)) < 0)
		return r;
	if (stat(path, &st) < 0)
		return -errno;
	if ((g = spool_segment(s, no)) == NULL)
		return -ENOMEM;
	g->len = (uint64_t)st.st_size;
	g->old = true;
	if (no >= s->next_segment)
		s->next_segment = no + 1;
	return 0;
}

int
spool_scan(struct spool *s)
{
	char path[300];
	struct dirent *e;
	struct stat st;
	DIR *dir;
	int r;

	str_format(path, sizeof(path), "%s/" SPOOL_JOURNAL, s->dir);
	if (stat(path, &st) == 0)
		s->alive_ms = (uint64_t)st.st_mtim.tv_sec * 1000 +
		    (uint64_t)st.st_mtim.tv_nsec / 1000000;
	if ((r = each_line(path, journal_line, s)) < 0)
		return r;
	if ((dir = opendir(s->dir)) == NULL)
		return -errno;
	s->next_segment = 1;
	while (r == 0 && (e = readdir(dir)) != NULL) {
		unsigned no;
		int end = 0;

		if (sscanf(e->d_name, "cdr-%8u.jsonl%n", &no, &end) == 1 && end > 0 &&
		    e->d_name[end] == '\0')
			r = scan_segment(s, no);
	}
	closedir(dir);
	if (s->pending > 0)
		log_info("call records wait for the database", kv_u("records", s->pending),
		    kv_s("directory", s->dir));
	return r;
}
