/* SPDX-License-Identifier: ISC */
/*
 * The connection to PostgreSQL: asynchronous connect, the schema check (with migrations), loss and
 * new tries, in the event loop. What is asked over it is db.c's. Must never call a libpq function
 * that waits.
 */
#include "featured/db/conn.h"

#include <sys/epoll.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "featured/db/schema.h"

#define BACKOFF_MIN_US 100000
#define BACKOFF_MAX_US 5000000
#define CONNECT_US 10000000	/* longer than this to connect or to check the schema: begin anew */
#define MIGRATE_US 3600000000ull

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *arg);
static int on_timer(sd_event_source *source, uint64_t usec, void *arg);

void
conn_params(const char *host, const char *name, const char *user, const char *names[CONN_PARAMS],
    const char *values[CONN_PARAMS])
{
	const char *const all[][2] = {
		{ "host", host },
		{ "dbname", name },
		{ "user", user },
		{ "application_name", "featured" },
		{ "client_encoding", "UTF8" },
		{ "options",
		    "-c statement_timeout=60000 -c client_min_messages=warning -c "
		    "search_path=public" },
		/*
		 * Peer authentication: no file in anybody's home is looked for, so that the sandbox
		 * need not allow it.
		 */
		{ "passfile", "/nonexistent" },
		{ "sslmode", "disable" },
		{ "gssencmode", "disable" },
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		names[i] = all[i][0];
		values[i] = all[i][1];
	}
	names[i] = values[i] = NULL;
}

static void
set_timer(struct db *db, uint64_t us)
{
	if (db->timer == NULL) {
		if (sd_event_add_time_relative(db->event, &db->timer, CLOCK_MONOTONIC, us, 0,
		        on_timer, db) < 0)
			panic("no timer for the database");
		return;
	}
	sd_event_source_set_time_relative(db->timer, us);
	sd_event_source_set_enabled(db->timer, SD_EVENT_ONESHOT);
}

static void
stop_timer(struct db *db)
{
	if (db->timer != NULL)
		sd_event_source_set_enabled(db->timer, SD_EVENT_OFF);
}

/* libpq may go on with another socket after each poll: the source follows it. */
static int
watch_fd(struct db *db, uint32_t events)
{
	int fd = PQsocket(db->pg);

	if (db->io != NULL && db->io_fd == fd)
		return sd_event_source_set_io_events(db->io, events);
	db->io = sd_event_source_disable_unref(db->io);
	db->io_fd = fd;
	return sd_event_add_io(db->event, &db->io, fd, events, on_io, db);
}

void
conn_events(struct db *db)
{
	int left = PQflush(db->pg);

	if (left < 0)
		conn_lost(db, PQerrorMessage(db->pg));
	else
		watch_fd(db, EPOLLIN | (left > 0 ? EPOLLOUT : 0));
}

void
conn_stop(struct db *db)
{
	db->io = sd_event_source_disable_unref(db->io);
	if (db->pg != NULL)
		PQfinish(db->pg);
	db->pg = NULL;
	db->state = CONN_DOWN;
}

/* One line for each new reason: it is tried again for ever. */
static void
tell_error(struct db *db, const char *why)
{
	char line[256];
	size_t n = strcspn(why, "\n");

	str_ncopy(line, sizeof(line), why, n < sizeof(line) - 1 ? n : sizeof(line) - 1);
	if (str_eq(line, db->last_error))
		return;
	str_copy(db->last_error, sizeof(db->last_error), line);
	log_warning(db->was_up ? "the database is away; calls go on and records wait on disk"
	                       : "the database cannot be reached; it is tried again",
	    kv_s("directory", db->host), kv_s("why", line));
}

void
conn_lost(struct db *db, const char *why)
{
	bool was_up = db->state == CONN_UP;
	char reason[256];

	str_copy(reason, sizeof(reason), why);	/* it lies in the connection that goes */
	tell_error(db, reason);
	conn_stop(db);
	set_timer(db, db->backoff_us);
	db->backoff_us = db->backoff_us * 2 < BACKOFF_MAX_US ? db->backoff_us * 2 : BACKOFF_MAX_US;
	if (was_up)
		queue_down(db, reason);
}

static void
on_notice(void *arg, const char *message)
{
	char line[256];

	(void)arg;
	str_ncopy(line, sizeof(line), message, strnlen(message, sizeof(line) - 1));
	log_debug("the database says", kv_s("notice", line));
}

void
conn_start(struct db *db)
{
	const char *names[CONN_PARAMS], *values[CONN_PARAMS];

	if (db->backoff_us == 0)
		db->backoff_us = BACKOFF_MIN_US;
	conn_params(db->host, db->name, db->user, names, values);
	db->pg = PQconnectStartParams(names, values, 0);
	if (db->pg == NULL || PQstatus(db->pg) == CONNECTION_BAD) {
		conn_lost(db, db->pg != NULL ? PQerrorMessage(db->pg) : "out of memory");
		return;
	}
	PQsetNoticeProcessor(db->pg, on_notice, NULL);
	db->state = CONN_CONNECTING;
	set_timer(db, CONNECT_US);
	/* "Behave as if PQconnectPoll had said writing", says the manual. */
	if (watch_fd(db, EPOLLOUT) < 0)
		conn_lost(db, "no event source");
}

static void
ask(struct db *db, enum conn_state state, const char *sql)
{
	db->state = state;
	if (PQsendQuery(db->pg, sql) != 1)
		conn_lost(db, PQerrorMessage(db->pg));
	else
		conn_events(db);
}

static void
connecting(struct db *db)
{
	switch (PQconnectPoll(db->pg)) {
	case PGRES_POLLING_OK:
		PQsetnonblocking(db->pg, 1);
		ask(db, CONN_VERSION, schema_query);
		return;
	case PGRES_POLLING_READING:
		watch_fd(db, EPOLLIN);
		return;
	case PGRES_POLLING_WRITING:
		watch_fd(db, EPOLLOUT);
		return;
	case PGRES_POLLING_FAILED:
	case PGRES_POLLING_ACTIVE:
		conn_lost(db, PQerrorMessage(db->pg));
		return;
	}
}

static bool
succeeded(const PGresult *r)
{
	ExecStatusType s = PQresultStatus(r);

	return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK;
}

/* The next migration after version, or what comes when there is none. */
static void
migrate(struct db *db, int version)
{
	const struct migration *m;
	struct buf sql = BUF_INIT(4u << 20);
	size_t n, i = 0;

	m = schema_migrations(&n);
	while (i < n && m[i].version <= version)
		i++;
	if (i == n) {
		ask(db, CONN_GRANTS, schema_grants);
		return;
	}
	/* Once, not at each new try of one that fails. */
	if (db->last_error[0] == '\0')
		log_info("applying a migration to the database", kv_i("version", m[i].version),
	    kv_s("name", m[i].name));
	schema_apply(&sql, &m[i]);
	set_timer(db, MIGRATE_US);
	if (sql.failed)
		conn_lost(db, "out of memory");
	else
		ask(db, CONN_MIGRATING, sql.data);
	buf_free(&sql);
}

static void
up(struct db *db)
{
	db->state = CONN_UP;
	stop_timer(db);
	db->backoff_us = BACKOFF_MIN_US;
	db->last_error[0] = '\0';
	log_info("the database is there", kv_s("name", db->name), kv_i("schema", schema_version()));
	db->was_up = true;
	queue_up(db);
}

/* A result while the schema is looked at. The end of each step is told by a NULL result. */
static void
prepare_result(struct db *db, const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	if (succeeded(r) || (db->state == CONN_VERSION && state != NULL && str_eq(state, "42P01")))
		return;
	if (db->state == CONN_GRANTS) {
		/* The tables are there; who may read reports is the administrator's to settle. */
		log_warning("no rights on schema report could be given",
		    kv_s("why", PQresultErrorMessage(r)));
		return;
	}
	conn_lost(db, PQresultErrorMessage(r));
}

static void
prepare_read(struct db *db)
{
	enum conn_state state = db->state;
	int version = 0;
	PGresult *r;

	while (db->pg != NULL && !PQisBusy(db->pg)) {
		if ((r = PQgetResult(db->pg)) == NULL) {
			if (state == CONN_VERSION)
				migrate(db, version);
			else if (state == CONN_MIGRATING)
				ask(db, CONN_VERSION, schema_query);
			else
				up(db);
			return;
		}
		if (state == CONN_VERSION && succeeded(r) && PQntuples(r) == 1)
			version = atoi(PQgetvalue(r, 0, 0));
		prepare_result(db, r);
		PQclear(r);
	}
}

static void
up_read(struct db *db)
{
	PGresult *r;

	while (db->state == CONN_UP && !PQisBusy(db->pg)) {
		if ((r = PQgetResult(db->pg)) == NULL) {
			if (!db->busy)
				return;
			db->busy = false;
			queue_next(db);
			if (!db->busy)
				return;
			continue;
		}
		queue_result(db, r);
		PQclear(r);
	}
}

static int
on_io(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct db *db = arg;

	(void)source;
	(void)fd;
	if (db->state == CONN_CONNECTING) {
		connecting(db);
		return 0;
	}
	if ((revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && PQconsumeInput(db->pg) != 1) {
		conn_lost(db, PQerrorMessage(db->pg));
		return 0;
	}
	if ((revents & EPOLLOUT) != 0)
		conn_events(db);
	if (db->pg == NULL)
		return 0;
	if (db->state == CONN_UP)
		up_read(db);
	else
		prepare_read(db);
	/*
	 * The server said goodbye while nothing was asked: libpq has seen it, and no further event
	 * tells.
	 */
	if (db->pg != NULL && PQstatus(db->pg) == CONNECTION_BAD)
		conn_lost(db, PQerrorMessage(db->pg));
	return 0;
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct db *db = arg;

	(void)source;
	(void)usec;
	if (db->state == CONN_DOWN)
		conn_start(db);
	else if (db->state != CONN_UP)
		conn_lost(db, "no answer in time");
	return 0;
}
