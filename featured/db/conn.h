/* SPDX-License-Identifier: ISC */
/* What db.c (the queue) and conn.c (the connection) share. Nobody else includes it. */
#ifndef WARDEN_DB_CONN_H
#define WARDEN_DB_CONN_H

#include <libpq-fe.h>

#include "featured/db/db.h"

#define DB_WATCHERS 8
#define DB_PARAMS 64

struct stmt {
	struct stmt	*next;
	char		*sql;
	int		 n;
	char		*params[DB_PARAMS];
	db_cb		*cb;
	void		*arg;
};

enum conn_state {
	CONN_DOWN,		/* a timer runs until the next try */
	CONN_CONNECTING,
	CONN_VERSION,		/* asked which migrations are applied */
	CONN_MIGRATING,		/* one is being applied */
	CONN_GRANTS,
	CONN_UP,
};

struct db {
	/* Copies: the settings are overwritten in place by a reload. */
	char			 host[108], name[64], user[64];
	sd_event		*event;
	enum conn_state		 state;
	PGconn			*pg;
	sd_event_source		*io;
	int			 io_fd;
	sd_event_source		*timer;
	/* sends the next statement in the loop, never inside db_exec() */
	sd_event_source		*kick;
	uint64_t		 backoff_us;
	struct stmt		*queue;		/* the first is under way when busy */
	struct stmt		**queue_last;
	size_t			 queued;
	bool			 busy;
	/* the one under way was told and taken off; its NULL result is to come */
	bool			 answered;
	struct {
		void	(*cb)(void *arg, bool up);
		void	*arg;
	} watchers[DB_WATCHERS];
	/* told already: not again until it changes */
	char			 last_error[256];
	bool			 was_up;
};

/* PostgreSQL's parameters for these settings, both ended by NULL. */
#define CONN_PARAMS 12
void conn_params(const char *host, const char *name, const char *user,
    const char *names[CONN_PARAMS], const char *values[CONN_PARAMS]);

/* conn.c */
void conn_start(struct db *db);
void conn_stop(struct db *db);		/* without a new try */
void conn_lost(struct db *db, const char *why);
void conn_events(struct db *db);	/* after a send: watches for writing when need be */

/*
 * db.c: the connection is usable, or was lost; a result of the statement under way has come (the
 * caller clears it).
 */
void queue_up(struct db *db);
void queue_down(struct db *db, const char *why);
void queue_result(struct db *db, PGresult *result);
void queue_next(struct db *db);

#endif
