/* SPDX-License-Identifier: ISC */
/*
 * `featured --migrate [--dry-run]`: the migrations outside of the loop, waiting, with words for a
 * person. Called by main.c before anything else exists.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/str.h"
#include "featured/db/conn.h"
#include "featured/db/schema.h"

/* The version applied, 0 in an empty database, -1 with a message. */
static int
applied(PGconn *pg)
{
	PGresult *r = PQexec(pg, schema_query);
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	int version = -1;

	if (PQresultStatus(r) == PGRES_TUPLES_OK)
		version = atoi(PQgetvalue(r, 0, 0));
	else if (state != NULL && str_eq(state, "42P01"))
		version = 0;
	else
		fprintf(stderr, "featured: the schema's version cannot be read: %s",
		    PQerrorMessage(pg));
	PQclear(r);
	return version;
}

static bool
run(PGconn *pg, const char *sql)
{
	PGresult *r = PQexec(pg, sql);
	bool ok = PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK;

	if (!ok)
		fprintf(stderr, "featured: %s", PQresultErrorMessage(r));
	PQclear(r);
	return ok;
}

static bool
apply(PGconn *pg, const struct migration *m, bool dry_run)
{
	struct buf sql = BUF_INIT(4u << 20);
	bool ok = true;

	printf("%04d %s: %s\n", m->version, m->name, dry_run ? "would be applied" : "applying");
	schema_apply(&sql, m);
	if (!dry_run)
		ok = !sql.failed && run(pg, sql.data);
	buf_free(&sql);
	return ok;
}

static bool
migrate(PGconn *pg, bool dry_run)
{
	const struct migration *m;
	size_t n;
	int version;

	if ((version = applied(pg)) < 0)
		return false;
	m = schema_migrations(&n);
	for (size_t i = 0; i < n; i++) {
		if (m[i].version > version && !apply(pg, &m[i], dry_run))
			return false;
	}
	if (version >= schema_version())
		printf("nothing to do: the schema is at version %d\n", version);
	return dry_run || run(pg, schema_grants);
}

int
db_migrate_main(const struct settings *settings, bool dry_run)
{
	const char *names[CONN_PARAMS], *values[CONN_PARAMS];
	PGconn *pg;
	bool ok;

	conn_params(settings->database.host, settings->database.name, settings->database.user,
	    names, values);
	pg = PQconnectdbParams(names, values, 0);
	ok = PQstatus(pg) == CONNECTION_OK;
	if (!ok)
		fprintf(stderr, "featured: %s", PQerrorMessage(pg));
	else
		ok = migrate(pg, dry_run);
	PQfinish(pg);
	return ok ? 0 : 1;
}
