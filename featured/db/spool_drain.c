/* SPDX-License-Identifier: ISC */
/*
 * Records on their way from the spool's files into PostgreSQL: read, inserted in batches (what is
 * there already stays as it is, by the call's UUID), and a file is removed only when all of it has
 * been committed. Nothing is remembered about how far it came: after a start the files that are
 * left are inserted again, which changes nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/db/db.h"
#include "featured/db/spool_impl.h"

#define SOON_US 100000		/* records of so long go together */
#define RETRY_US 2000000
#define CHUNK (512u * 1024)
#define BATCH 500
/* a file that is being written is given up, once drained, when it is longer */
#define KEEP_LEN (256u * 1024)

static void work(struct spool *s);

static int
on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct spool *s = arg;

	(void)source;
	(void)usec;
	s->drain.waiting = false;
	work(s);
	return 0;
}

static void
later(struct spool *s, uint64_t us)
{
	struct drain *d = &s->drain;
	int r = 0;

	if (d->waiting || !d->up)	/* its coming back is enough */
		return;
	if (d->timer == NULL) {
		r = sd_event_add_time_relative(s->event, &d->timer, CLOCK_MONOTONIC, us, 10000,
		    on_timer, s);
	} else {
		sd_event_source_set_time_relative(d->timer, us);
		sd_event_source_set_enabled(d->timer, SD_EVENT_ONESHOT);
	}
	d->waiting = r >= 0;
}

void
drain_soon(struct spool *s)
{
	if (s->drain.up && !s->drain.busy)
		later(s, SOON_US);
}

/* The segment's next bytes have been dealt with. */
static void
advance(struct spool *s, size_t bytes, uint32_t records)
{
	s->segments->off += bytes;
	s->pending -= records < s->pending ? records : s->pending;
	if (s->drain.singly > 0)
		s->drain.singly--;
}

/* ---- insert ---- */

/* One record alone is refused: out of the way, but not before it is durable where it goes. */
static void
set_aside(struct spool *s, const char *why)
{
	struct drain *d = &s->drain;
	struct spool_job *job = spool_job_new(SPOOL_JOB_ASIDE);

	if (job == NULL) {
		later(s, RETRY_US);
		return;
	}
	log_error("PostgreSQL refuses a call record; it is kept in refused.jsonl", kv_s("why", why),
	    kv_s("directory", s->dir));
	job->text = d->only;
	job->len = strlen(d->only);
	d->only = NULL;
	s->queued_bytes += job->len;
	d->busy = true;
	spool_thread_do(s->thread, job);
}

void
drain_aside_done(struct spool *s, const struct spool_job *job)
{
	s->drain.busy = false;
	if (job->error < 0) {
		log_error("a refused call record cannot be kept; it is tried again",
		    kv_s("why", strerror(-job->error)), kv_s("directory", s->dir));
		later(s, RETRY_US);
		return;
	}
	advance(s, s->drain.consumed, 1);
	work(s);
}

static void
refused(struct spool *s, const char *why)
{
	struct drain *d = &s->drain;

	if (d->only != NULL) {
		set_aside(s, why);
		return;
	}
	log_warning("PostgreSQL refuses a batch of call records; they are tried one by one",
	    kv_s("why", why), kv_u("records", d->records));
	d->singly = d->records;
	work(s);
}

static void
on_inserted(void *arg, const struct db_answer *answer)
{
	struct spool *s = arg;
	struct drain *d = &s->drain;

	d->busy = false;
	if (answer->ok) {
		advance(s, d->consumed, d->records);
		work(s);
	} else if (answer->values) {
		refused(s, answer->why);
	} else {
		if (!answer->retry)
			log_limited(&s->table_log, LL_ERROR,
			    "PostgreSQL takes no call records; they wait on the disk",
			    kv_s("why", answer->why));
		later(s, RETRY_US);
	}
	mem_free(&d->only);
}

/* Lines of the chunk into a JSON array. Returns how many bytes of it are dealt with. */
static size_t
gather(struct spool *s, const char *text, size_t len, uint32_t max, struct buf *array,
    uint32_t *records)
{
	const char *at = text, *end = text + len, *nl;
	struct uuid call;

	buf_char(array, '[');
	while (*records < max && (nl = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		const struct spool_table *table =
		    spool_table(spool_line_kind(at, (size_t)(nl - at), &call));

		if (table != NULL && *records > 0 && table != s->drain.table)
			break;		/* one statement fills one table */
		if (table != NULL) {
			s->drain.table = table;
			if (*records > 0)
				buf_char(array, ',');
			buf_add(array, at, (size_t)(nl - at));
			(*records)++;
		} else {
			log_limited(&s->line_log, LL_WARNING, "a line of the spool is broken",
			    kv_u("segment", s->segments->no));
		}
		at = nl + 1;
	}
	buf_char(array, ']');
	return (size_t)(at - text);
}

static void
send_chunk(struct spool *s, const char *text, size_t len)
{
	struct drain *d = &s->drain;
	struct buf array = BUF_INIT(2 * CHUNK);
	const char *params[1];

	d->records = 0;
	d->consumed = gather(s, text, len, d->singly > 0 ? 1 : BATCH, &array, &d->records);
	if (d->consumed == 0) {
		/* No end of a line in sight: the half line of a crash, or nothing of ours. */
		log_warning("the spool: an unfinished line is passed over",
		    kv_u("segment", s->segments->no), kv_u("bytes", len));
		d->consumed = len;
	}
	if (d->records == 0 || array.failed) {
		if (!array.failed)
			advance(s, d->consumed, 0);
		buf_free(&array);
		later(s, array.failed ? RETRY_US : 0);
		return;
	}
	if (d->records == 1) {
		d->only = mem_new(d->consumed + 1);
		if (d->only != NULL)
			memcpy(d->only, text, d->consumed);
	}
	params[0] = array.data;
	d->busy = db_exec(s->db, d->table->insert, 1, params, on_inserted, s) == 0;
	if (!d->busy) {
		mem_free(&d->only);
		later(s, RETRY_US);
	}
	buf_free(&array);
}

/* ---- read ---- */

void
drain_read_done(struct spool *s, struct spool_job *job)
{
	s->drain.busy = false;
	if (s->segments == NULL || s->segments->no != job->segment)
		return;
	if (job->error == -ENOENT || (job->error == 0 && job->len == 0)) {
		log_error("a file of the spool is gone, or shorter than it was",
		    kv_u("segment", job->segment));
		s->segments->off = s->segments->len;
		work(s);
	} else if (job->error < 0) {
		log_error("a file of the spool cannot be read", kv_u("segment", job->segment),
		    kv_s("why", strerror(-job->error)));
		later(s, RETRY_US);
	} else if (s->drain.up) {
		/* Not beyond what is known to be durable. */
		if (job->len > s->segments->len - s->segments->off)
			job->len = (size_t)(s->segments->len - s->segments->off);
		send_chunk(s, job->text, job->len);
	}
}

static bool
job_for(struct spool *s, enum spool_job_kind kind, const struct segment *g, uint64_t off,
    size_t len)
{
	struct spool_job *job = spool_job_new(kind);

	if (job == NULL)
		return false;
	job->segment = g->no;
	job->off = off;
	job->len = len;
	spool_thread_do(s->thread, job);
	return true;
}

/*
 * Gives up the first segment when all of it is stored and nothing more comes to it. True: it is
 * gone from the list.
 */
static bool
finish_segment(struct spool *s)
{
	struct segment *g = s->segments;
	bool last = g->next == NULL && !g->old;

	if (g->off < g->len || (last && g->len < KEEP_LEN))
		return false;
	if (!job_for(s, SPOOL_JOB_REMOVE, g, g->len, 0))
		return false;
	/* Its removal is not certain: it may be longer by now than we know (EBUSY). */
	if (last)
		return false;
	s->segments = g->next;
	free(g);
	return true;
}

void
drain_idle(struct spool *s)
{
	const struct segment *g = s->segments;

	if (g != NULL && g->next == NULL && g->off == g->len && s->drain.up)
		job_for(s, SPOOL_JOB_REMOVE, g, g->len, 0);
}

static void
work(struct spool *s)
{
	struct drain *d = &s->drain;
	struct segment *g;
	uint64_t left;

	if (d->busy || !d->up || s->thread == NULL)
		return;
	while (s->segments != NULL && finish_segment(s))
		;
	if ((g = s->segments) == NULL || g->off >= g->len)
		return;
	left = g->len - g->off;
	d->busy = job_for(s, SPOOL_JOB_READ, g, g->off, left < CHUNK ? (size_t)left : CHUNK);
	if (!d->busy)
		later(s, RETRY_US);
}

static void
on_db(void *arg, bool up)
{
	struct spool *s = arg;

	s->drain.up = up;
	if (up)
		work(s);
}

void
drain_open(struct spool *s)
{
	db_watch(s->db, on_db, s);
}

void
drain_close(struct spool *s)
{
	if (s->db != NULL)
		db_unwatch(s->db, s);
	s->drain.up = false;
	s->drain.timer = sd_event_source_disable_unref(s->drain.timer);
	mem_free(&s->drain.only);
}
