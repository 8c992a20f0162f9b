/* SPDX-License-Identifier: ISC */
/*
 * A PostgreSQL of a test's own, in a directory of its own, on a Unix socket: real answers, real
 * absence. As root it runs as user postgres. Every function fails the test by itself; pg_have()
 * says whether PostgreSQL is installed at all.
 */
#ifndef WARDEN_TEST_PG_H
#define WARDEN_TEST_PG_H

#include <sys/wait.h>

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/str.h"

struct pg {
	char	dir[200];	/* the socket is here */
	char	bin[200];
};

static inline bool
pg_have(struct pg *pg)
{
	glob_t g;
	bool found = glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &g) == 0;

	if (found)
		str_format(pg->bin, sizeof(pg->bin), "%.*s",
		    (int)strlen(g.gl_pathv[g.gl_pathc - 1]) - 7, g.gl_pathv[g.gl_pathc - 1]);
	globfree(&g);
	return found;
}

/* Runs a shell command as whom PostgreSQL runs. Returns its exit status. */
static inline int
pg_run(const struct pg *pg, const char *command)
{
	char line[2000];
	int status;

	str_format(line, sizeof(line), "cd %s && exec %s sh -c '%s' </dev/null >>%s/log 2>&1",
	    pg->dir, getuid() == 0 ? "runuser -u postgres --" : "", command, pg->dir);
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void
pg_must(const struct pg *pg, const char *command)
{
	if (pg_run(pg, command) != 0) {
		fprintf(stderr, "failed: %s (see %s/log)\n", command, pg->dir);
		abort();
	}
}

static inline void
pg_start(const struct pg *pg)
{
	char line[600];

	str_format(line, sizeof(line),
	    "%s/pg_ctl -D %s/data -s -w -o \"-k %s -c listen_addresses= -c fsync=off\" start",
	    pg->bin, pg->dir, pg->dir);
	pg_must(pg, line);
}

static inline void
pg_stop(const struct pg *pg)
{
	char line[600];

	str_format(line, sizeof(line), "%s/pg_ctl -D %s/data -s -w -m immediate stop", pg->bin,
	    pg->dir);
	pg_run(pg, line);
}

/* A cluster with role and database warden, running. */
static inline void
pg_make(struct pg *pg)
{
	char line[1000];

	str_copy(pg->dir, sizeof(pg->dir), "/tmp/warden-pg-XXXXXX");
	if (mkdtemp(pg->dir) == NULL)
		abort();
	str_format(line, sizeof(line), "chmod 755 %s && touch %s/log && chmod 666 %s/log %s %s",
	    pg->dir, pg->dir, pg->dir, getuid() == 0 ? "&& chown postgres" : "",
	    getuid() == 0 ? pg->dir : "");
	if (system(line) != 0)
		abort();
	str_format(line, sizeof(line),
	    "%s/initdb -D %s/data -U postgres -A trust -E UTF8 --locale=C --no-sync", pg->bin,
	    pg->dir);
	pg_must(pg, line);
	pg_start(pg);
	str_format(line, sizeof(line),
	    "%s/psql -h %s -U postgres -c \"CREATE ROLE warden LOGIN\" -c \"CREATE DATABASE warden "
	    "OWNER warden\" postgres",
	    pg->bin, pg->dir);
	pg_must(pg, line);
}

static inline void
pg_remove(const struct pg *pg)
{
	char line[400];

	pg_stop(pg);
	str_format(line, sizeof(line), "rm -rf %s", pg->dir);
	if (system(line) != 0)
		abort();
}

/* The first value of a query, as a superuser; in a buffer that the next call overwrites. */
static inline const char *
pg_value(const struct pg *pg, const char *sql)
{
	static char out[20000];
	char line[2000];
	size_t n;
	FILE *f;

	str_format(line, sizeof(line), "%s/psql -h %s -U postgres -XAtq -c \"%s\" warden 2>&1",
	    pg->bin, pg->dir, sql);
	if ((f = popen(line, "r")) == NULL)
		abort();
	n = fread(out, 1, sizeof(out) - 1, f);
	pclose(f);
	while (n > 0 && out[n - 1] == '\n')
		n--;
	out[n] = '\0';
	return out;
}

#endif
