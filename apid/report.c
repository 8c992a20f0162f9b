/* SPDX-License-Identifier: ISC */
/* The report reader: see report.h. */
#include "apid/report.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define QUEUE_MAX 64
#define DEADLINE_MS 3000
#define CONNECT_MS 5000
#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 5000

struct report_rows {
	PGresult	*result;
};

struct query {
	TAILQ_ENTRY(query)	 next;
	const char		*sql;
	char			 param[REPORT_PARAMS][64];
	size_t			 nparams;
	uint64_t		 deadline_ms;
	report_cb		*cb;		/* NULL: cancelled while it ran */
	void			*arg;
};

struct report {
	sd_event		*event;
	sd_event_source		*io;
	sd_event_source		*timer;		/* next deadline, or the next attempt */
	sd_event_source		*kick;		/* there is a first query */
	char			 host[108], name[64], user[64];
	PGconn			*conn;
	bool			 up;
	bool			 running;	/* the first of queue was sent */
	/* of the running one, until libpq says that it is over */
	PGresult		*result;
	uint64_t		 connect_by_ms;
	uint64_t		 retry_at_ms;
	uint64_t		 retry_ms;
	bool			 told;
	TAILQ_HEAD(, query)	 queue;
	size_t			 nqueue;
	uint64_t		 count, failures;
	struct log_bucket	 bucket;
};

static void lost(struct report *report, const char *why);
static void work(struct report *report);
static void connect_now(struct report *report);

static void
end(struct report *report, struct query *q, enum report_end how, PGresult *result)
{
	struct report_rows rows = { .result = result };

	TAILQ_REMOVE(&report->queue, q, next);
	report->nqueue--;
	report->count++;
	if (how != REPORT_OK)
		report->failures++;
	if (q->cb != NULL)
		q->cb(q->arg, how, how == REPORT_OK ? &rows : NULL);
	free(q);
}

/* Sets the timer to whatever comes first. */
static void
arm(struct report *report)
{
	struct query *q = TAILQ_FIRST(&report->queue);
	uint64_t at = UINT64_MAX, now = clock_mono_ms();

	if (report->conn == NULL)
		at = report->retry_at_ms;
	else if (!report->up)
		at = report->connect_by_ms;
	if (q != NULL && q->deadline_ms < at)
		at = q->deadline_ms;
	if (at == UINT64_MAX) {
		sd_event_source_set_enabled(report->timer, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time_relative(report->timer, (at > now ? at - now : 0) * 1000);
	sd_event_source_set_enabled(report->timer, SD_EVENT_ONESHOT);
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct report *report = arg;
	struct query *q;
	uint64_t now = clock_mono_ms();

	(void)source;
	(void)usec;
	/* All have the same time to live, so the queue is in the order of deadlines. */
	while ((q = TAILQ_FIRST(&report->queue)) != NULL && q->deadline_ms <= now) {
		bool ran = report->running;

		report->running = false;
		end(report, q, REPORT_LATE, NULL);
		if (ran)
			lost(report, "a query did not end in time");
	}
	if (report->conn != NULL && !report->up && report->connect_by_ms <= now)
		lost(report, "no answer to the attempt to connect");
	else if (report->conn == NULL && report->retry_at_ms <= now)
		connect_now(report);
	work(report);
	arm(report);
	return 0;
}

static int
on_kick(sd_event_source *source, void *arg)
{
	struct report *report = arg;

	(void)source;
	work(report);
	arm(report);
	return 0;
}

static void
drop_connection(struct report *report)
{
	report->io = sd_event_source_disable_unref(report->io);
	PQclear(report->result);
	report->result = NULL;
	if (report->conn != NULL)
		PQfinish(report->conn);
	report->conn = NULL;
	report->up = report->running = false;
}

static void
lost(struct report *report, const char *why)
{
	struct query *q;
	char text[200];

	/* libpq's messages live in the connection and end with a newline. */
	str_copy(text, sizeof(text), why);
	text[strcspn(text, "\n")] = '\0';
	if (!report->told)
		log_warning("PostgreSQL is away; reports answer 503", kv_s("why", text));
	report->told = true;
	drop_connection(report);
	report->retry_at_ms = clock_mono_ms() + report->retry_ms;
	report->retry_ms = report->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS
	                                                       : report->retry_ms * 2;
	while ((q = TAILQ_FIRST(&report->queue)) != NULL)
		end(report, q, REPORT_AWAY, NULL);
	arm(report);
}

static void
want(struct report *report, uint32_t events)
{
	sd_event_source_set_io_events(report->io, events);
}

static void
flush(struct report *report)
{
	int r = PQflush(report->conn);

	if (r < 0)
		lost(report, PQerrorMessage(report->conn));
	else
		want(report, EPOLLIN | (r == 1 ? EPOLLOUT : 0));
}

/* Sends the next query if none runs. */
static void
work(struct report *report)
{
	struct query *q = TAILQ_FIRST(&report->queue);
	const char *params[REPORT_PARAMS];

	if (!report->up || report->running || q == NULL)
		return;
	for (size_t i = 0; i < q->nparams; i++)
		params[i] = q->param[i];
	if (PQsendQueryParams(report->conn, q->sql, (int)q->nparams, NULL, params, NULL, NULL, 0) !=
	    1) {
		lost(report, PQerrorMessage(report->conn));
		return;
	}
	report->running = true;
	flush(report);
}

static void
finish(struct report *report)
{
	struct query *q = TAILQ_FIRST(&report->queue);
	PGresult *result = report->result;
	bool ok = PQresultStatus(result) == PGRES_TUPLES_OK;
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	report->result = NULL;
	report->running = false;
	if (!ok)
		log_limited(&report->bucket, LL_ERROR, "a report's query failed",
		    kv_s("sqlstate", state),
		    kv_s("error", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
	/* 57014: statement_timeout */
	end(report, q,
	    ok                                            ? REPORT_OK
	        : state != NULL && str_eq(state, "57014") ? REPORT_LATE
	                                                  : REPORT_FAILED,
	    result);
	PQclear(result);
}

static void
on_connected(struct report *report)
{
	if (report->told)
		log_info("PostgreSQL is back");
	report->up = true;
	report->told = false;
	report->retry_ms = RETRY_MIN_MS;
	want(report, EPOLLIN);
}

static void
go_on_connecting(struct report *report)
{
	switch (PQconnectPoll(report->conn)) {
	case PGRES_POLLING_READING:
		want(report, EPOLLIN);
		break;
	case PGRES_POLLING_WRITING:
		want(report, EPOLLOUT);
		break;
	case PGRES_POLLING_OK:
		on_connected(report);
		break;
	case PGRES_POLLING_FAILED:
	case PGRES_POLLING_ACTIVE:
		lost(report, PQerrorMessage(report->conn));
		break;
	}
}

static void
read_results(struct report *report)
{
	PGresult *result;

	if (PQconsumeInput(report->conn) != 1) {
		lost(report, PQerrorMessage(report->conn));
		return;
	}
	while (report->conn != NULL && report->running && !PQisBusy(report->conn)) {
		if ((result = PQgetResult(report->conn)) != NULL) {
			PQclear(report->result);
			report->result = result;
		} else {
			finish(report);
			work(report);
		}
	}
	if (report->conn != NULL && PQstatus(report->conn) != CONNECTION_OK)
		lost(report, PQerrorMessage(report->conn));
}

static int
on_io(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct report *report = arg;

	(void)source;
	(void)fd;
	if (!report->up) {
		go_on_connecting(report);
	} else {
		if (revents & EPOLLOUT)
			flush(report);
		if (report->conn != NULL && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
			read_results(report);
	}
	work(report);
	arm(report);
	return 0;
}

static void
connect_now(struct report *report)
{
	/*
	 * passfile: a file that is not there, so that libpq does not look for a home directory.
	 * PostgreSQL ends a query before we would give up on the connection.
	 */
	const char *const names[] = { "host", "dbname", "user", "passfile", "sslmode", "gssencmode",
		"application_name", "options", NULL };
	const char *const values[] = { report->host, report->name, report->user, "/nonexistent",
		"disable", "disable", "warden-apid",
		"-c default_transaction_read_only=on -c statement_timeout=2500", NULL };

	report->connect_by_ms = clock_mono_ms() + CONNECT_MS;
	report->conn = PQconnectStartParams(names, values, 0);
	if (report->conn == NULL || PQstatus(report->conn) == CONNECTION_BAD ||
	    PQsocket(report->conn) < 0 || PQsetnonblocking(report->conn, 1) != 0 ||
	    sd_event_add_io(report->event, &report->io, PQsocket(report->conn), EPOLLOUT, on_io,
	        report) < 0)
		lost(report, report->conn != NULL ? PQerrorMessage(report->conn) : "out of memory");
}

int
report_open(struct report **out, sd_event *event, const char *host, const char *name,
    const char *user)
{
	struct report *report = mem_new(sizeof(*report));
	int r;

	*out = NULL;
	if (report == NULL)
		return -ENOMEM;
	report->event = event;
	report->retry_ms = RETRY_MIN_MS;
	TAILQ_INIT(&report->queue);
	str_copy(report->host, sizeof(report->host), host);
	str_copy(report->name, sizeof(report->name), name);
	str_copy(report->user, sizeof(report->user), user);
	if ((r = sd_event_add_time_relative(event, &report->timer, CLOCK_MONOTONIC, 0, 20000,
	         on_timer, report)) < 0 ||
	    (r = sd_event_add_defer(event, &report->kick, on_kick, report)) < 0 ||
	    (r = sd_event_source_set_enabled(report->kick, SD_EVENT_OFF)) < 0) {
		report_close(&report);
		return r;
	}
	*out = report;
	return 0;
}

void
report_close(struct report **pp)
{
	struct report *report = *pp;
	struct query *q;

	*pp = NULL;
	if (report == NULL)
		return;
	drop_connection(report);
	while ((q = TAILQ_FIRST(&report->queue)) != NULL) {
		TAILQ_REMOVE(&report->queue, q, next);
		free(q);
	}
	sd_event_source_disable_unref(report->timer);
	sd_event_source_disable_unref(report->kick);
	free(report);
}

int
report_query(struct report *report, const char *sql, const char *const *params, size_t nparams,
    report_cb *cb, void *arg)
{
	struct query *q;

	if (report == NULL || !report->up)
		return -ENOTCONN;
	if (report->nqueue >= QUEUE_MAX)
		return -ENOBUFS;
	assert_that(nparams <= REPORT_PARAMS);
	if ((q = mem_new(sizeof(*q))) == NULL)
		return -ENOMEM;
	q->sql = sql;
	q->nparams = nparams;
	for (size_t i = 0; i < nparams; i++)
		str_copy(q->param[i], sizeof(q->param[i]), params[i]);
	q->cb = cb;
	q->arg = arg;
	q->deadline_ms = clock_mono_ms() + DEADLINE_MS;
	TAILQ_INSERT_TAIL(&report->queue, q, next);
	report->nqueue++;
	/* Sent by a turn of its own, so that cb is never called from here. */
	if (report->nqueue == 1)
		sd_event_source_set_enabled(report->kick, SD_EVENT_ONESHOT);
	return 0;
}

void
report_cancel(struct report *report, const void *arg)
{
	struct query *q;

	if (report != NULL)
		TAILQ_FOREACH(q, &report->queue, next)
			if (q->arg == arg)
				q->cb = NULL;
}

bool
report_up(const struct report *report)
{
	return report != NULL && report->up;
}

uint64_t
report_count(const struct report *report)
{
	return report != NULL ? report->count : 0;
}

uint64_t
report_failures(const struct report *report)
{
	return report != NULL ? report->failures : 0;
}

size_t
report_nrows(const struct report_rows *rows)
{
	return (size_t)PQntuples(rows->result);
}

const char *
report_text(const struct report_rows *rows, size_t row, size_t column)
{
	return PQgetisnull(rows->result, (int)row, (int)column)
	    ? NULL
	    : PQgetvalue(rows->result, (int)row, (int)column);
}

int64_t
report_int(const struct report_rows *rows, size_t row, size_t column)
{
	const char *text = report_text(rows, row, column);

	return text != NULL ? strtoll(text, NULL, 10) : 0;
}
