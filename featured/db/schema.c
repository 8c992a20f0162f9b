/* SPDX-License-Identifier: ISC */
/*
 * The migrations as bytes of the program (the assembler reads the files; the Makefile makes this
 * object anew when one changes), and the statements around them. A new file in featured/db/schema
 * is one more line of MIGRATIONS here; test/unit/schema_test.c holds the two together.
 */
#include "featured/db/schema.h"

#define MIGRATIONS                                                                                 \
	MIGRATION(1, "0001", first)                                                                \
	MIGRATION(2, "0002", user_state)                                                           \
	MIGRATION(3, "0003", recording)                                                            \
	MIGRATION(4, "0004", voicemail)                                                            \
	MIGRATION(5, "0005", parties)                                                              \
	MIGRATION(6, "0006", voicemail_kind)

#define MIGRATION(version, digits, name)                                                           \
	__asm__(".section .rodata\n"                                                               \
		".global warden_sql_" #name "\n"                                                   \
		"warden_sql_" #name ":\n"                                                          \
		".incbin \"featured/db/schema/" digits "_" #name ".sql\"\n"                        \
		".byte 0\n"                                                                        \
		".previous\n");                                                                    \
	extern const char warden_sql_##name[];
MIGRATIONS
#undef MIGRATION

static const struct migration migrations[] = {
#define MIGRATION(version, digits, name) { version, #name, warden_sql_##name },
	MIGRATIONS
#undef MIGRATION
};

const char schema_query[] = "SELECT max(version) FROM schema_migration";

const char schema_grants[] =
    "DO $grants$\n"
    "DECLARE name text;\n"
    "BEGIN\n"
    "	FOREACH name IN ARRAY ARRAY['warden_api', 'warden_report'] LOOP\n"
    "		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN\n"
    "			CONTINUE WHEN NOT (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE "
    "rolname = current_user);\n"
    "			EXECUTE format('CREATE ROLE %I %s', name, CASE name WHEN 'warden_api' THEN "
    "'LOGIN' ELSE 'NOLOGIN' END);\n"
    "		END IF;\n"
    "		CONTINUE WHEN has_schema_privilege(name, 'report', 'USAGE') AND NOT EXISTS (\n"
    "			SELECT FROM pg_class WHERE relnamespace = 'report'::regnamespace AND "
    "relkind = 'v'\n"
    "				AND NOT has_table_privilege(name, oid, 'SELECT'));\n"
    "		EXECUTE format('GRANT USAGE ON SCHEMA report TO %I', name);\n"
    "		EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA report TO %I', name);\n"
    "	END LOOP;\n"
    "END $grants$";

const struct migration *
schema_migrations(size_t *n)
{
	*n = sizeof(migrations) / sizeof(migrations[0]);
	return migrations;
}

int
schema_version(void)
{
	return migrations[sizeof(migrations) / sizeof(migrations[0]) - 1].version;
}

void
schema_apply(struct buf *out, const struct migration *m)
{
	/*
	 * A second featured that applies the same waits for the lock, fails because the tables are
	 * there, and looks again.
	 */
	buf_str(out, "BEGIN;\nSET LOCAL statement_timeout = 0;\n"
	    "SELECT pg_advisory_xact_lock(87263401);\n");
	buf_str(out, m->sql);
	buf_fmt(out, "\nINSERT INTO schema_migration (version, name) VALUES (%d, '%s');\nCOMMIT;\n",
	    m->version, m->name);
}
