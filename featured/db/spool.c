/* SPDX-License-Identifier: ISC */
/*
 * See spool.h: the main thread's side of the spool. Records and intents become lines here and jobs
 * for spool_thread.c; what comes back as durable is told to the call core and handed to
 * spool_drain.c.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/db/db.h"
#include "featured/db/spool_impl.h"

#define TICK_US 10000000
/* the journal is replaced when it is so much longer than what is open */
#define JOURNAL_SLACK (1u << 20)

/* ---- open calls ---- */

struct open_call *
spool_open_call(struct spool *s, const struct uuid *call)
{
	struct open_call *c;

	HASH_FIND(hh, s->open, call->b, UUID_LEN, c);
	return c;
}

int
spool_remember(struct spool *s, const struct uuid *call, const char *line, size_t len)
{
	struct open_call *c = spool_open_call(s, call);
	char *copy = mem_new(len + 1);

	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, line, len);
	if (c == NULL) {
		if ((c = mem_new(sizeof(*c))) == NULL) {
			free(copy);
			return -ENOMEM;
		}
		c->call = *call;
		HASH_ADD(hh, s->open, call.b, UUID_LEN, c);
		if (!hash_added(c)) {
			free(c);
			free(copy);
			return -ENOMEM;
		}
	} else {
		s->open_bytes -= strlen(c->line);
		free(c->line);
	}
	c->line = copy;
	s->open_bytes += len;
	return 0;
}

void
spool_forget(struct spool *s, struct open_call *c)
{
	HASH_DEL(s->open, c);
	s->open_bytes -= strlen(c->line);
	free(c->line);
	free(c);
}

/* ---- segments ---- */

struct segment *
spool_segment(struct spool *s, uint32_t no)
{
	struct segment **at = &s->segments, *g;

	while (*at != NULL && (*at)->no < no)
		at = &(*at)->next;
	if (*at != NULL && (*at)->no == no)
		return *at;
	if ((g = mem_new(sizeof(*g))) == NULL)
		return NULL;
	g->no = no;
	g->next = *at;
	*at = g;
	return g;
}

/* ---- jobs ---- */

/* Takes text over. Returns 0, -ENOBUFS or -ENOMEM (text is freed). */
static int
submit(struct spool *s, enum spool_job_kind kind, char *text, size_t len, const struct uuid *call,
    char *end)
{
	struct spool_job *job = NULL;

	if (s->thread != NULL && s->queued_bytes + len <= SPOOL_MEMORY_MAX)
		job = spool_job_new(kind);
	if (job == NULL) {
		free(text);
		free(end);
		log_limited(&s->full_log, LL_ERROR,
		    "the spool holds all the records that it may; more wait in the calls' "
		    "checkpoint",
		    kv_u("bytes", s->queued_bytes));
		return -ENOBUFS;
	}
	job->text = text;
	job->len = len;
	job->end = end;
	if (call != NULL)
		job->call = *call;
	s->queued_bytes += len;
	spool_thread_do(s->thread, job);
	return 0;
}

void
spool_replace_journal(struct spool *s)
{
	struct buf all = BUF_INIT(SPOOL_MEMORY_MAX);

	if (s->replacing)
		return;
	buf_str(&all, "");
	for (const struct open_call *c = s->open; c != NULL; c = c->hh.next)
		buf_str(&all, c->line);
	if (all.failed || submit(s, SPOOL_JOB_REPLACE, all.data, all.len, NULL, NULL) < 0) {
		if (all.failed)
			buf_free(&all);
		s->journal_bad = true;
		return;
	}
	s->replacing = true;
	s->journal_bad = false;
	s->journal_bytes = 0;
}

int
spool_intent(struct spool *s, const struct cdr *cdr)
{
	struct buf line = BUF_INIT(SPOOL_LINE_MAX);
	int r;

	spool_line_intent(&line, cdr);
	r = line.failed ? -ENOMEM : spool_remember(s, &cdr->call, line.data, line.len);
	if (r < 0) {
		buf_free(&line);
		return r;
	}
	s->journal_bytes += line.len;
	r = submit(s, SPOOL_JOB_JOURNAL, line.data, line.len, &cdr->call, NULL);
	if (s->journal_bytes > JOURNAL_SLACK + 4 * s->open_bytes)
		spool_replace_journal(s);
	return r;
}

int
spool_final(struct spool *s, const struct cdr *cdr)
{
	struct buf line = BUF_INIT(SPOOL_LINE_MAX), end = BUF_INIT(128);
	int r;

	spool_line_final(&line, cdr);
	spool_line_end(&end, &cdr->call);
	if (line.failed || end.failed) {
		buf_free(&line);
		buf_free(&end);
		return -ENOMEM;
	}
	s->journal_bytes += end.len;
	if ((r = submit(s, SPOOL_JOB_RECORD, line.data, line.len, &cdr->call, end.data)) == 0)
		s->pending++;
	return r;
}

int
spool_recording(struct spool *s, const struct recording_row *row)
{
	struct buf line = BUF_INIT(SPOOL_LINE_MAX);
	int r;

	spool_line_recording(&line, row);
	if (line.failed) {
		buf_free(&line);
		return -ENOMEM;
	}
	if ((r = submit(s, SPOOL_JOB_RECORD, line.data, line.len, &row->id, NULL)) == 0)
		s->pending++;
	return r;
}

void
spool_watch_rows(struct spool *s, void (*cb)(void *arg, const struct uuid *id), void *arg)
{
	s->watch_rows = cb;
	s->watch_rows_arg = arg;
}

/* ---- what comes back ---- */

static void
record_done(struct spool *s, const struct spool_job *job)
{
	struct open_call *c = spool_open_call(s, &job->call);
	struct segment *g;

	if (job->error < 0)
		return;		/* only when stopping: the call stays in the checkpoint */
	if ((g = spool_segment(s, job->segment)) != NULL)
		g->len = job->off;
	if (job->segment >= s->next_segment)
		s->next_segment = job->segment + 1;
	if (job->end == NULL) {		/* no call's own record */
		if (s->watch_rows != NULL)
			s->watch_rows(s->watch_rows_arg, &job->call);
		drain_soon(s);
		return;
	}
	if (c != NULL)
		spool_forget(s, c);
	if (s->watch != NULL)
		s->watch(s->watch_arg, &job->call);
	drain_soon(s);
}

static void
segment_removed(struct spool *s, const struct spool_job *job)
{
	struct segment **at = &s->segments, *g;

	if (job->error < 0) {
		/* Busy: a record has come meanwhile; it will be drained and removed with it. */
		if (job->error != -EBUSY)
			log_warning("a file of the spool cannot be removed",
			    kv_s("why", strerror(-job->error)), kv_u("segment", job->segment));
		return;
	}
	while (*at != NULL && (*at)->no < job->segment)
		at = &(*at)->next;
	if ((g = *at) == NULL || g->no != job->segment)
		return;
	*at = g->next;
	free(g);
}

static void
on_done(void *arg, struct spool_job *job)
{
	struct spool *s = arg;

	switch (job->kind) {
	case SPOOL_JOB_RECORD:
		s->queued_bytes -= job->len;
		record_done(s, job);
		break;
	case SPOOL_JOB_JOURNAL:
		s->queued_bytes -= job->len;
		s->journal_bad |= job->error < 0;
		break;
	case SPOOL_JOB_REPLACE:
		s->queued_bytes -= job->len;
		s->replacing = false;
		s->journal_bad |= job->error < 0;
		break;
	case SPOOL_JOB_READ:
		drain_read_done(s, job);
		break;
	case SPOOL_JOB_REMOVE:
		segment_removed(s, job);
		break;
	case SPOOL_JOB_ASIDE:
		s->queued_bytes -= job->len;
		drain_aside_done(s, job);
		break;
	case SPOOL_JOB_TOUCH:
		break;
	}
	spool_job_free(job);
}

static void
on_failing(void *arg, int error)
{
	struct spool *s = arg;

	if (error != 0)
		log_error("the spool's disk takes no call records; they wait in memory, calls go "
		          "on",
		    kv_s("directory", s->dir), kv_s("why", strerror(error)),
		    kv_u("records", s->pending));
	else
		log_info("the spool's disk takes call records again", kv_s("directory", s->dir));
	s->failing = error;
}

static int
on_tick(sd_event_source *source, uint64_t usec, void *arg)
{
	struct spool *s = arg;
	struct spool_job *job;

	if (s->journal_bad)
		spool_replace_journal(s);
	drain_idle(s);
	if (s->open != NULL && (job = spool_job_new(SPOOL_JOB_TOUCH)) != NULL)
		spool_thread_do(s->thread, job);
	sd_event_source_set_time(source, usec + TICK_US);
	return 0;
}

/* ---- life ---- */

int
spool_open(struct spool **out, sd_event *event, const char *state_dir, struct db *db)
{
	struct spool *s = mem_new(sizeof(*s));
	struct spool_thread_owner owner = { .done = on_done, .failing = on_failing, .arg = s };
	int r = 0;

	if (s == NULL)
		return -ENOMEM;
	s->event = sd_event_ref(event);
	s->db = db;
	if (!str_format(s->dir, sizeof(s->dir), "%s/spool", state_dir))
		r = -ENAMETOOLONG;
	else if (mkdir(s->dir, 0700) < 0 && errno != EEXIST)
		r = -errno;
	else
		r = spool_scan(s);
	if (r == 0)
		r = spool_thread_start(&s->thread, event, s->dir, s->next_segment, &owner);
	if (r == 0)
		r = sd_event_add_time_relative(event, &s->tick, CLOCK_MONOTONIC, TICK_US, 1000000,
		    on_tick, s);
	if (r >= 0)
		r = sd_event_source_set_enabled(s->tick, SD_EVENT_ON);
	if (r < 0) {
		spool_close(&s);
		return r;
	}
	if (db != NULL)
		drain_open(s);
	*out = s;
	return 0;
}

void
spool_close(struct spool **out)
{
	struct spool *s = *out;
	struct open_call *c, *next;

	if (s == NULL)
		return;
	s->watch = NULL;
	drain_close(s);
	spool_thread_stop(&s->thread);
	HASH_ITER(hh, s->open, c, next)
		spool_forget(s, c);
	for (struct segment *g = s->segments, *after; g != NULL; g = after) {
		after = g->next;
		free(g);
	}
	sd_event_source_disable_unref(s->tick);
	sd_event_unref(s->event);
	mem_free(out);
}

void
spool_watch(struct spool *s, void (*cb)(void *arg, const struct uuid *call), void *arg)
{
	s->watch = cb;
	s->watch_arg = arg;
}

void
spool_keep(struct spool *s, const struct uuid *call)
{
	struct open_call *c = spool_open_call(s, call);

	if (c != NULL)
		c->kept = true;
}

/*
 * The record of a call that a restart of the machine has ended: until the last sign of life before
 * it.
 */
static int
sweep_one(struct spool *s, const struct open_call *c, uint64_t now_ms)
{
	char trace[120];
	struct cdr cdr;

	if (spool_line_read_intent(c->line, strcspn(c->line, "\n"), &cdr) < 0)
		return -EINVAL;
	cdr.end_ms = s->alive_ms != 0 && s->alive_ms < now_ms ? s->alive_ms : now_ms;
	if (cdr.end_ms < cdr.start_ms)
		cdr.end_ms = cdr.start_ms;
	if (cdr.end_ms < cdr.answer_ms)
		cdr.end_ms = cdr.answer_ms;
	cdr.disposition = cdr.answer_ms != 0 ? CDR_ANSWERED : CDR_FAILED;
	cdr.status = cdr.answer_ms != 0 ? 200 : 503;
	cdr.q850 = 41;		/* temporary failure */
	cdr.hangup_by = CDR_SIDE_SYSTEM;
	str_copy(cdr.hangup_cause, sizeof(cdr.hangup_cause), "system restart");
	str_format(trace, sizeof(trace),
	    "%llu\tsync\tsystem-restart\tthe call was up when everything stopped\n",
	    (unsigned long long)cdr.end_ms);
	cdr.trace = trace;
	return spool_final(s, &cdr);
}

uint32_t
spool_sweep(struct spool *s, uint64_t now_ms)
{
	struct open_call *c, *next;
	uint32_t n = 0;
	int r;

	HASH_ITER(hh, s->open, c, next) {
		if (c->kept)
			continue;
		if ((r = sweep_one(s, c, now_ms)) == 0)
			n++;
		else if (r == -EINVAL)
			spool_forget(s, c);	/* else its intent stays for the next start */
	}
	if (n > 0)
		log_warning("calls were up when everything stopped; their records say \"system "
		            "restart\"",
		    kv_u("calls", n));
	spool_replace_journal(s);
	return n;
}

uint32_t
spool_count(const struct spool *s)
{
	return s->pending;
}

bool
spool_failing(const struct spool *s)
{
	return s->failing != 0;
}
