/* SPDX-License-Identifier: ISC */
/*
 * The queue of statements over the connection of conn.c, see db.h: one is under way at a time, the
 * others wait, also while the database is away. Called by bindings, spool and tokens.
 */
#include "featured/db/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/db/conn.h"

static void
stmt_free(struct stmt *s)
{
	for (int i = 0; i < s->n; i++)
		free(s->params[i]);
	free(s->sql);
	free(s);
}

static struct stmt *
pop(struct db *db)
{
	struct stmt *s = db->queue;

	db->queue = s->next;
	if (db->queue == NULL)
		db->queue_last = &db->queue;
	db->queued--;
	return s;
}

/* Takes the first statement off and tells how it ended. */
static void
finish(struct db *db, const struct db_answer *answer)
{
	struct stmt *s = pop(db);

	if (s->cb != NULL)
		s->cb(s->arg, answer);
	stmt_free(s);
}

static bool
in_class(const char *sqlstate, const char *const *classes)
{
	for (; *classes != NULL; classes++) {
		if (strncmp(sqlstate, *classes, 2) == 0)
			return true;
	}
	return false;
}

/* Errors that are the state of the world, not of the statement (PostgreSQL manual, appendix A). */
static bool
is_passing(const char *sqlstate)
{
	static const char *const classes[] = { "08", "25", "40", "53", "55", "57", "58", NULL };

	return sqlstate == NULL || in_class(sqlstate, classes);
}

/*
 * Errors that other values would have had, too: no such table, no right to it, PostgreSQL's own
 * fault.
 */
static bool
is_general(const char *sqlstate)
{
	static const char *const classes[] = { "28", "3D", "3F", "42", "XX", NULL };

	return in_class(sqlstate, classes);
}

void
queue_result(struct db *db, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	struct db_answer answer = { .result = (struct pg_result *)result, .why = "" };
	const char *sqlstate;

	/* One result for each statement: what else comes until the NULL belongs to none. */
	if (!db->busy || db->answered)
		return;
	answer.ok = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
	if (!answer.ok) {
		sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		answer.why = PQresultErrorMessage(result);
		answer.retry = is_passing(sqlstate);
		answer.values = !answer.retry && !is_general(sqlstate);
	}
	db->answered = true;
	finish(db, &answer);
}

/* False: it cannot be sent though the connection is there, and has been told so. */
static bool
send_first(struct db *db)
{
	struct stmt *s = db->queue;
	struct db_answer answer = { .why = "cannot be sent" };

	if (PQsendQueryParams(db->pg, s->sql, s->n, NULL, (const char *const *)s->params, NULL,
	        NULL, 0) == 1) {
		db->busy = true;
		db->answered = false;
		conn_events(db);
		return true;
	}
	if (PQstatus(db->pg) == CONNECTION_BAD) {
		conn_lost(db, PQerrorMessage(db->pg));
		return true;
	}
	log_error("a statement cannot be sent", kv_s("why", PQerrorMessage(db->pg)));
	finish(db, &answer);
	return false;
}

void
queue_next(struct db *db)
{
	while (db->state == CONN_UP && !db->busy && db->queue != NULL && !send_first(db))
		;
}

static int
on_kick(sd_event_source *source, void *arg)
{
	(void)source;
	queue_next(arg);
	return 0;
}

static void
tell_watchers(struct db *db, bool is_up)
{
	for (int i = 0; i < DB_WATCHERS; i++) {
		if (db->watchers[i].cb != NULL)
			db->watchers[i].cb(db->watchers[i].arg, is_up);
	}
}

void
queue_up(struct db *db)
{
	tell_watchers(db, true);
	queue_next(db);
}

void
queue_down(struct db *db, const char *why)
{
	/*
	 * Whether the one under way was carried out nobody knows: all of ours may be repeated. The
	 * others wait.
	 */
	struct db_answer answer = { .why = why, .retry = true };
	bool was_busy = db->busy && !db->answered;

	db->busy = false;
	tell_watchers(db, false);
	if (was_busy)
		finish(db, &answer);
}

int
db_rows(const struct db_answer *answer)
{
	return PQntuples((const PGresult *)answer->result);
}

const char *
db_value(const struct db_answer *answer, int row, int column)
{
	return PQgetvalue((const PGresult *)answer->result, row, column);
}

void
db_close(struct db **out)
{
	struct db *db = *out;
	struct db_answer answer = { .why = "closing", .retry = true };

	if (db == NULL)
		return;
	conn_stop(db);
	memset(db->watchers, 0, sizeof(db->watchers));
	while (db->queue != NULL)
		finish(db, &answer);
	sd_event_source_disable_unref(db->timer);
	sd_event_source_disable_unref(db->kick);
	sd_event_unref(db->event);
	mem_free(out);
}

static bool
take_settings(struct db *db, const struct settings *s)
{
	bool same = str_eq(db->host, s->database.host) && str_eq(db->name, s->database.name) &&
	    str_eq(db->user, s->database.user);

	str_copy(db->host, sizeof(db->host), s->database.host);
	str_copy(db->name, sizeof(db->name), s->database.name);
	str_copy(db->user, sizeof(db->user), s->database.user);
	return !same;
}

int
db_open(struct db **out, sd_event *event, const struct settings *settings)
{
	struct db *db = mem_new(sizeof(*db));
	int r;

	if (db == NULL)
		return -ENOMEM;
	take_settings(db, settings);
	db->event = sd_event_ref(event);
	db->queue_last = &db->queue;
	if ((r = sd_event_add_defer(event, &db->kick, on_kick, db)) < 0) {
		sd_event_unref(db->event);
		free(db);
		return r;
	}
	sd_event_source_set_enabled(db->kick, SD_EVENT_OFF);
	conn_start(db);
	*out = db;
	return 0;
}

void
db_settings(struct db *db, const struct settings *settings)
{
	if (take_settings(db, settings))
		conn_lost(db, "the settings of the database have changed");
}

bool
db_up(const struct db *db)
{
	return db->state == CONN_UP;
}

void
db_watch(struct db *db, void (*cb)(void *arg, bool up), void *arg)
{
	for (int i = 0; i < DB_WATCHERS; i++) {
		if (db->watchers[i].cb != NULL)
			continue;
		db->watchers[i].cb = cb;
		db->watchers[i].arg = arg;
		if (db_up(db))
			cb(arg, true);
		return;
	}
	panic("too many watchers of the database");
}

void
db_unwatch(struct db *db, void *arg)
{
	for (int i = 0; i < DB_WATCHERS; i++) {
		if (db->watchers[i].arg == arg)
			db->watchers[i].cb = NULL;
	}
	for (struct stmt *s = db->queue; s != NULL; s = s->next) {
		if (s->arg == arg)
			s->cb = NULL;
	}
}

int
db_exec(struct db *db, const char *sql, int n, const char *const *params, db_cb *cb, void *arg)
{
	struct stmt *s;

	if (n > DB_PARAMS)
		return -EINVAL;
	if (db->queued >= DB_QUEUE_MAX)
		return -ENOBUFS;
	if ((s = mem_new(sizeof(*s))) == NULL)
		return -ENOMEM;
	s->cb = cb;
	s->arg = arg;
	if ((s->sql = mem_strdup(sql)) == NULL) {
		stmt_free(s);
		return -ENOMEM;
	}
	for (s->n = 0; s->n < n; s->n++) {
		if (params[s->n] != NULL && (s->params[s->n] = mem_strdup(params[s->n])) == NULL) {
			stmt_free(s);
			return -ENOMEM;
		}
	}
	*db->queue_last = s;
	db->queue_last = &s->next;
	db->queued++;
	if (!db->busy && db->state == CONN_UP)
		sd_event_source_set_enabled(db->kick, SD_EVENT_ONESHOT);
	return 0;
}

size_t
db_queued(const struct db *db)
{
	return db->queued;
}
