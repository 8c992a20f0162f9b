/* SPDX-License-Identifier: ISC */
/*
 * Bindings on their way to PostgreSQL (table binding) and, after the machine has restarted, back.
 * Changed contacts stand in a list and are written together, many rows by one statement, half a
 * second later; each time the database comes back all of them are, after the rows that memory does
 * not have were deleted. So nothing has to be remembered while it is away.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/db/db.h"
#include "featured/db/text.h"
#include "featured/reg/bindings_impl.h"

#define BATCH 500
#define DELAY_US 500000
#define RETRY_US 5000000

static const char upsert[] =
    "INSERT INTO binding (id, aor, uri, params, source, path, user_agent, sip_call_id, cseq, q, "
    "transport, since, updated, expires)"
    " SELECT id, aor, uri, params, source, path, user_agent, sip_call_id, cseq, q, transport,"
    "  to_timestamp(since / 1000.0), to_timestamp(updated / 1000.0), to_timestamp(expires / 1000.0)"
    " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], "
    "$7::text[], $8::text[], $9::bigint[],"
    "  $10::int[], $11::int[], $12::bigint[], $13::bigint[], $14::bigint[])"
    "  AS t(id, aor, uri, params, source, path, user_agent, sip_call_id, cseq, q, transport, "
    "since, updated, expires)"
    " ON CONFLICT (id) DO UPDATE SET uri = excluded.uri, params = excluded.params, source = "
    "excluded.source, path = excluded.path,"
    "  user_agent = excluded.user_agent, sip_call_id = excluded.sip_call_id, cseq = excluded.cseq, "
    "q = excluded.q,"
    "  transport = excluded.transport, updated = excluded.updated, expires = excluded.expires";
#define COLUMNS 14

static const char load[] =
    "SELECT id, aor, uri, params, source, path, user_agent, sip_call_id, cseq, q, transport, "
    "(extract(epoch from since) * 1000)::bigint,"
    " (extract(epoch from updated) * 1000)::bigint, (extract(epoch from expires) * 1000)::bigint"
    " FROM binding WHERE expires > now() ORDER BY updated LIMIT 20000";

static void work(struct bindings *b);

static void
dirty_add(struct bindings_db *d, struct entry *e)
{
	if (e->dirty)
		return;
	if (d->dirty == NULL)
		d->dirty_last = &d->dirty;
	e->dirty = true;
	e->dirty_next = NULL;
	e->dirty_prev = d->dirty_last;
	*d->dirty_last = e;
	d->dirty_last = &e->dirty_next;
}

static void
dirty_del(struct bindings_db *d, struct entry *e)
{
	if (!e->dirty)
		return;
	*e->dirty_prev = e->dirty_next;
	if (e->dirty_next != NULL)
		e->dirty_next->dirty_prev = e->dirty_prev;
	else
		d->dirty_last = e->dirty_prev;
	e->dirty = false;
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct bindings *b = arg;

	(void)source;
	(void)usec;
	b->db.waiting = false;
	work(b);
	return 0;
}

static void
arm(struct bindings *b, uint64_t delay_us)
{
	struct bindings_db *d = &b->db;
	int r = 0;

	if (d->waiting || b->event == NULL)
		return;
	if (d->timer == NULL) {
		r = sd_event_add_time_relative(b->event, &d->timer, CLOCK_MONOTONIC, delay_us,
		    100000, on_timer, b);
	} else {
		sd_event_source_set_time_relative(d->timer, delay_us);
		sd_event_source_set_enabled(d->timer, SD_EVENT_ONESHOT);
	}
	d->waiting = r >= 0;
}

void
bindings_db_changed(struct bindings *b, struct entry *e)
{
	if (!b->db.up)
		return;		/* all are written when it comes back */
	dirty_add(&b->db, e);
	arm(b, DELAY_US);
}

void
bindings_db_removed(struct bindings *b, struct entry *e)
{
	struct bindings_db *d = &b->db;

	dirty_del(d, e);
	if (!d->up)
		return;
	if (d->nremoved == REMOVED_MAX)
		d->compare = true;
	else
		d->removed[d->nremoved++] = e->b.id;
	arm(b, DELAY_US);
}

/* ---- statements ---- */

static void
all_dirty(struct bindings *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		dirty_add(&b->db, b->heap[i]);
}

static void
on_done(void *arg, const struct db_answer *answer)
{
	struct bindings *b = arg;

	b->db.busy = false;
	if (answer->ok) {
		work(b);
		return;
	}
	/* What this one held is no longer in the list: begin anew. */
	b->db.compare = true;
	all_dirty(b);
	if (!answer->retry)
		log_error("bindings cannot be stored", kv_s("why", answer->why));
	arm(b, RETRY_US);
}

static void
on_loaded(void *arg, const struct db_answer *answer)
{
	struct bindings *b = arg;
	uint32_t before = b->count;

	b->db.busy = false;
	if (!answer->ok) {
		if (!answer->retry)
			log_error("bindings cannot be read", kv_s("why", answer->why));
		arm(b, RETRY_US);
		return;
	}
	b->db.loaded = true;
	for (int i = 0; i < db_rows(answer); i++) {
		struct binding one = { 0 };
		const struct binding *old;

		one.id = strtoull(db_value(answer, i, 0), NULL, 10);
		str_copy(one.aor, sizeof(one.aor), db_value(answer, i, 1));
		str_copy(one.uri, sizeof(one.uri), db_value(answer, i, 2));
		str_copy(one.params, sizeof(one.params), db_value(answer, i, 3));
		str_copy(one.source, sizeof(one.source), db_value(answer, i, 4));
		str_copy(one.path, sizeof(one.path), db_value(answer, i, 5));
		str_copy(one.user_agent, sizeof(one.user_agent), db_value(answer, i, 6));
		str_copy(one.sip_call_id, sizeof(one.sip_call_id), db_value(answer, i, 7));
		one.cseq = (uint32_t)strtoul(db_value(answer, i, 8), NULL, 10);
		one.q = (uint16_t)strtoul(db_value(answer, i, 9), NULL, 10);
		one.transport = (uint8_t)strtoul(db_value(answer, i, 10), NULL, 10);
		one.since_ms = strtoull(db_value(answer, i, 11), NULL, 10);
		one.updated_ms = strtoull(db_value(answer, i, 12), NULL, 10);
		one.expires_ms = strtoull(db_value(answer, i, 13), NULL, 10);
		for (old = bindings_first(b, one.aor); old != NULL;
		     old = bindings_next((struct binding *)old)) {
			if (str_eq(old->uri, one.uri))
				break;
		}
		/* Who has registered meanwhile is newer than the row. */
		if (old == NULL)
			bindings_add(b, &one);
	}
	log_info("bindings taken up from the database", kv_u("contacts", b->count - before));
	work(b);
}

/* Deletes what stands in the table and not in memory (compare), or the ids of what was removed. */
static int
delete_rows(struct bindings *b)
{
	struct bindings_db *d = &b->db;
	struct buf ids = BUF_INIT(BINDINGS_MAX * 24 + 16);
	const char *params[1];
	int r = -ENOMEM;

	text_array_begin(&ids);
	if (d->compare) {
		for (uint32_t i = 0; i < b->count; i++)
			text_array_num(&ids, (long long)b->heap[i]->b.id);
	} else {
		for (size_t i = 0; i < d->nremoved; i++)
			text_array_num(&ids, (long long)d->removed[i]);
	}
	text_array_end(&ids);
	params[0] = ids.data;
	if (!ids.failed)
		r = db_exec(d->db,
		    d->compare ? "DELETE FROM binding WHERE NOT id = ANY ($1::bigint[])"
		               : "DELETE FROM binding WHERE id = ANY ($1::bigint[])",
		    1, params, on_done, b);
	buf_free(&ids);
	if (r == 0) {
		d->compare = false;
		d->nremoved = 0;
	}
	return r;
}

static void
add_row(struct buf *c, const struct binding *b)
{
	text_array_num(&c[0], (long long)b->id);
	text_array_str(&c[1], b->aor);
	text_array_str(&c[2], b->uri);
	text_array_str(&c[3], b->params);
	text_array_str(&c[4], b->source);
	text_array_str(&c[5], b->path);
	text_array_str(&c[6], b->user_agent);
	text_array_str(&c[7], b->sip_call_id);
	text_array_num(&c[8], b->cseq);
	text_array_num(&c[9], b->q);
	text_array_num(&c[10], b->transport);
	text_array_num(&c[11], (long long)b->since_ms);
	text_array_num(&c[12], (long long)b->updated_ms);
	text_array_num(&c[13], (long long)b->expires_ms);
}

static int
write_rows(struct bindings *b)
{
	struct bindings_db *d = &b->db;
	struct buf c[COLUMNS];
	const char *params[COLUMNS];
	int r = 0;

	for (int i = 0; i < COLUMNS; i++) {
		c[i] = (struct buf)BUF_INIT(BATCH * 600);
		text_array_begin(&c[i]);
	}
	for (int n = 0; n < BATCH && d->dirty != NULL; n++) {
		struct entry *e = d->dirty;

		dirty_del(d, e);
		add_row(c, &e->b);
	}
	for (int i = 0; i < COLUMNS; i++) {
		text_array_end(&c[i]);
		params[i] = c[i].data;
		r = c[i].failed ? -ENOMEM : r;
	}
	if (r == 0)
		r = db_exec(d->db, upsert, COLUMNS, params, on_done, b);
	for (int i = 0; i < COLUMNS; i++)
		buf_free(&c[i]);
	return r;
}

/* The next statement, if there is anything to do. */
static void
work(struct bindings *b)
{
	struct bindings_db *d = &b->db;
	int r = 0;

	if (d->busy || !d->up)
		return;
	if (!d->loaded)
		r = db_exec(d->db, load, 0, NULL, on_loaded, b);
	else if (d->compare || d->nremoved > 0)
		r = delete_rows(b);
	else if (d->dirty != NULL)
		r = write_rows(b);
	else
		return;
	d->busy = r == 0;
	if (r < 0) {
		d->compare = true;
		all_dirty(b);
		arm(b, RETRY_US);
	}
}

static void
on_db(void *arg, bool up)
{
	struct bindings *b = arg;

	b->db.up = up;
	if (!up)
		return;
	b->db.compare = true;
	b->db.nremoved = 0;
	all_dirty(b);
	work(b);
}

void
bindings_database(struct bindings *b, struct db *db)
{
	b->db.db = db;
	b->db.loaded = !b->fresh;
	db_watch(db, on_db, b);
}

void
bindings_db_close(struct bindings *b)
{
	if (b->db.db != NULL)
		db_unwatch(b->db.db, b);
	sd_event_source_disable_unref(b->db.timer);
}
