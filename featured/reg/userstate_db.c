/* SPDX-License-Identifier: ISC */
/*
 * The table user_state, a copy of what users have set. Each time the database comes back it is read,
 * and of two copies the one that was changed later counts, so that a machine set up anew over an
 * old database takes up what was set; then everything is written that the table lacks. A change
 * while it is there is written at once. Nothing waits for any of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/db/db.h"
#include "featured/reg/userstate.h"

#define LIST_MAX 8192 /* bytes of a list as text */
#define COLUMNS  11

struct userstates_db {
	struct userstates *u;
	struct db *db;
	bool behind; /* a row could not be queued: all are written again after the next that could */
	struct log_bucket bucket;
};

static const char upsert[] =
    "INSERT INTO user_state (extension, dnd, reject_anonymous, call_waiting, forward_all, "
    "forward_busy, forward_noanswer, forward_unregistered, blacklist, speed_dials, changed_ms)"
    " VALUES ($1, $2::int <> 0, $3::int <> 0, $4::int <> 0, nullif($5, ''), nullif($6, ''), "
    "nullif($7, ''), nullif($8, ''), string_to_array($9, ' '), string_to_array($10, ' '), "
    "$11::bigint)"
    " ON CONFLICT (extension) DO UPDATE SET dnd = excluded.dnd, reject_anonymous = "
    "excluded.reject_anonymous, call_waiting = excluded.call_waiting, forward_all = "
    "excluded.forward_all, forward_busy = excluded.forward_busy, forward_noanswer = "
    "excluded.forward_noanswer, forward_unregistered = excluded.forward_unregistered, blacklist = "
    "excluded.blacklist, speed_dials = excluded.speed_dials, changed_ms = excluded.changed_ms"
    " WHERE user_state.changed_ms <= excluded.changed_ms";

static const char load[] =
    "SELECT extension, dnd::int, reject_anonymous::int, call_waiting::int, forward_all, "
    "forward_busy, forward_noanswer, forward_unregistered, array_to_string(blacklist, ' '), "
    "array_to_string(speed_dials, ' '), changed_ms FROM user_state ORDER BY changed_ms DESC "
    "LIMIT 20000";

static void
on_written(void *arg, const struct db_answer *answer)
{
	struct userstates_db *d = arg;

	if (!answer->ok && !answer->retry)
		log_limited(&d->bucket, LL_ERROR, "a user's state cannot be stored in the database",
		    kv_s("why", answer->why));
}

static void
write_row(void *arg, const struct user_state *s)
{
	struct userstates_db *d = arg;
	struct buf blacklist = BUF_INIT(LIST_MAX), speed = BUF_INIT(LIST_MAX);
	char changed[24];
	const char *params[COLUMNS];

	if (!db_up(d->db))
		return; /* all are written when it comes back */
	user_blacklist_print(s, &blacklist);
	user_speed_print(s, &speed);
	str_format(changed, sizeof(changed), "%llu", (unsigned long long)s->changed_ms);
	params[0] = s->number;
	params[1] = s->dnd ? "1" : "0";
	params[2] = s->reject_anonymous ? "1" : "0";
	params[3] = s->no_call_waiting ? "0" : "1";
	for (int i = 0; i < USER_FORWARDS; i++)
		params[4 + i] = s->forward[i];
	params[8] = blacklist.data;
	params[9] = speed.data;
	params[10] = changed;
	if (blacklist.failed || speed.failed ||
	    db_exec(d->db, upsert, COLUMNS, params, on_written, d) < 0) {
		log_limited(&d->bucket, LL_WARNING,
		    "a user's state waits for the database's next connection",
		    kv_s("extension", s->number));
		d->behind = true;
	}
	buf_free(&blacklist);
	buf_free(&speed);
}

static void
changed(void *arg, const struct user_state *s)
{
	struct userstates_db *d = arg;

	if (d->behind && db_up(d->db) && db_queued(d->db) == 0) {
		d->behind = false;
		userstates_each(d->u, write_row, d);
		return;
	}
	write_row(d, s);
}

static void
take_row(struct userstates_db *d, const struct db_answer *a, int i)
{
	struct user_state s = { 0 };

	if (!str_copy(s.number, sizeof(s.number), db_value(a, i, 0)))
		return;
	s.changed_ms = strtoull(db_value(a, i, 10), NULL, 10);
	if (s.changed_ms <= userstates_get(d->u, s.number)->changed_ms)
		return;
	s.dnd = db_value(a, i, 1)[0] == '1';
	s.reject_anonymous = db_value(a, i, 2)[0] == '1';
	s.no_call_waiting = db_value(a, i, 3)[0] == '0';
	for (int k = 0; k < USER_FORWARDS; k++)
		str_copy(s.forward[k], sizeof(s.forward[k]), db_value(a, i, 4 + k));
	if (!user_blacklist_read(&s, db_value(a, i, 8)) || !user_speed_read(&s, db_value(a, i, 9)))
		log_limited(&d->bucket, LL_WARNING, "a list in user_state is not what we write",
		    kv_s("extension", s.number));
	userstates_take(d->u, &s);
}

static void
on_loaded(void *arg, const struct db_answer *answer)
{
	struct userstates_db *d = arg;

	if (!answer->ok)
		return;
	for (int i = 0; i < db_rows(answer); i++)
		take_row(d, answer, i);
	d->behind = false;
	userstates_each(d->u, write_row, d);
}

static void
on_db(void *arg, bool up)
{
	struct userstates_db *d = arg;

	if (up && db_exec(d->db, load, 0, NULL, on_loaded, d) < 0)
		d->behind = true;
}

int
userstates_db_open(struct userstates_db **out, struct userstates *u, struct db *db)
{
	struct userstates_db *d = mem_new(sizeof(*d));

	if (d == NULL)
		return -ENOMEM;
	d->u = u;
	d->db = db;
	userstates_watch(u, changed, d);
	db_watch(db, on_db, d);
	*out = d;
	return 0;
}

void
userstates_db_close(struct userstates_db **d)
{
	if (*d == NULL)
		return;
	db_unwatch((*d)->db, *d);
	userstates_watch((*d)->u, NULL, NULL);
	mem_free(d);
}
