/* SPDX-License-Identifier: ISC */
/*
 * The migrations, which are in the program: the texts of featured/db/schema/NNNN_name.sql, forward
 * only, in order of version. A file that was released is never changed. conn.c applies them when
 * featured connects; `featured --migrate` does on its own.
 */
#ifndef WARDEN_DB_SCHEMA_H
#define WARDEN_DB_SCHEMA_H

#include <stddef.h>

#include "common/base/buf.h"

struct migration {
	int		 version;
	const char	*name;
	const char	*sql;
};

/* In order; n gets how many. */
const struct migration *schema_migrations(size_t *n);
int schema_version(void);	/* the highest */

/*
 * The newest version that is applied: one row, one integer; fails with SQLSTATE 42P01 in an empty
 * database.
 */
extern const char schema_query[];

/*
 * One migration as a transaction of several statements: waits for another featured that does the
 * same, and does nothing if that one was first.
 */
void schema_apply(struct buf *out, const struct migration *m);

/*
 * Makes the roles warden_api and warden_report if that is allowed, and lets those that exist read
 * schema report. May be repeated.
 */
extern const char schema_grants[];

#endif
