/* SPDX-License-Identifier: ISC */
/*
 * Storage against a PostgreSQL of its own, which comes and goes: migrations, the queue of
 * statements, the spool of call records (each stored exactly once, whatever dies), bindings after
 * the machine restarted, tokens. Skipped where PostgreSQL is not installed.
 *
 * links: featured/db/db.c featured/db/conn.c featured/db/schema.c featured/db/migrate.c
 * featured/db/spool.c featured/db/spool_line.c featured/db/spool_thread.c featured/db/spool_files.c
 * featured/db/spool_scan.c featured/db/spool_drain.c featured/db/spool_tables.c
 * featured/db/tokens.c featured/db/text.c featured/db/atomic.c featured/call/cdr_names.c
 * featured/reg/bindings.c featured/reg/bindings_db.c featured/reg/digest.c featured/reg/userstate.c
 * featured/reg/userstate_db.c common/base/ckpt.c common/base/ckpt_file.c common/base/id.c
 * common/base/log.c common/base/clock.c common/base/str.c common/base/mem.c common/base/buf.c
 * libs: libpq jansson libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "featured/db/db.h"
#include "featured/db/schema.h"
#include "featured/db/spool.h"
#include "featured/db/tokens.h"
#include "featured/reg/bindings.h"
#include "featured/reg/digest.h"
#include "featured/reg/userstate.h"
#include "test/unit/pg.h"

static struct pg pg;
static struct settings settings;
static sd_event *event;
static char state[300];

/* Runs the loop until done, at most 90 s. */
#define RUN_UNTIL(done)                                                                            \
	do {                                                                                       \
		uint64_t until_ = clock_mono_ms() + 90000;                                         \
		while (!(done)) {                                                                  \
			sd_event_run(event, 50000);                                                \
			assert_true(clock_mono_ms() < until_);                                     \
		}                                                                                  \
	} while (0)

static void
empty_state(void)
{
	char line[700];

	str_format(state, sizeof(state), "%s/state", getenv("TMPDIR"));
	str_format(line, sizeof(line), "rm -rf %s && mkdir %s", state, state);
	assert_int_equal(system(line), 0);
}

static int
set_up(void **unused)
{
	(void)unused;
	memset(&settings, 0, sizeof(settings));
	str_copy(settings.server.domain, sizeof(settings.server.domain), "warden");
	str_copy(settings.database.host, sizeof(settings.database.host), pg.dir);
	str_copy(settings.database.name, sizeof(settings.database.name), "warden");
	str_copy(settings.database.user, sizeof(settings.database.user), "warden");
	settings.registration.max_contacts = 10;
	empty_state();
	assert_int_equal(sd_event_new(&event), 0);
	return 0;
}

static int
tear_down(void **unused)
{
	(void)unused;
	event = sd_event_unref(event);
	return 0;
}

static void
migrations(void **unused)
{
	struct db *db;

	(void)unused;
	assert_int_equal(db_migrate_main(&settings, true), 0);
	assert_string_equal(pg_value(&pg,
	                        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
	    "0");
	assert_int_equal(db_open(&db, event, &settings), 0);
	RUN_UNTIL(db_up(db));
	assert_int_equal(atoi(pg_value(&pg, "SELECT max(version) FROM schema_migration")),
	    schema_version());
	assert_int_equal(db_migrate_main(&settings, false), 0);
	/*
	 * Whatever stands in schema/ is in the program, and every table and column says what it is.
	 */
	assert_string_equal(
	    pg_value(&pg,
	        "SELECT string_agg(c.relname || '.' || a.attname, ' ') FROM pg_class c JOIN "
	        "pg_attribute a ON a.attrelid = c.oid "
	        "WHERE c.relnamespace IN ('public'::regnamespace, 'report'::regnamespace) AND "
	        "c.relkind IN ('r', 'v') AND a.attnum > 0 "
	        "AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)"),
	    "");
	db_close(&db);
}

static void
schema_files(void **unused)
{
	struct dirent *e;
	size_t n, files = 0;
	DIR *dir = opendir("featured/db/schema");

	(void)unused;
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		files += strstr(e->d_name, ".sql") != NULL;
	closedir(dir);
	schema_migrations(&n);
	assert_int_equal(files, n);
}

struct heard {
	int	 n, ok, retry;
	char	 value[100];
	char	 why[200];
};

static void
on_answer(void *arg, const struct db_answer *a)
{
	struct heard *h = arg;

	h->n++;
	h->ok += a->ok;
	h->retry += a->retry;
	str_copy(h->value, sizeof(h->value), a->ok && db_rows(a) > 0 ? db_value(a, 0, 0) : "");
	str_copy(h->why, sizeof(h->why), a->why);
}

static void
statements(void **unused)
{
	const char *params[] = { "a'b\\c", NULL };
	struct heard h = { 0 };
	struct db *db;

	(void)unused;
	assert_int_equal(db_open(&db, event, &settings), 0);
	assert_int_equal(db_exec(db, "SELECT $1::text || coalesce($2::text, '-')", 2, params,
	                     on_answer, &h),
	    0);
	RUN_UNTIL(h.n == 1);
	assert_string_equal(h.value, "a'b\\c-");
	assert_int_equal(db_exec(db, "SELECT no_such_column", 0, NULL, on_answer, &h), 0);
	RUN_UNTIL(h.n == 2);
	assert_int_equal(h.ok, 1);
	assert_int_equal(h.retry, 0);
	assert_non_null(strstr(h.why, "no_such_column"));
	/* Many, in order; then the server goes in the middle of one. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(db_exec(db, "SELECT 1", 0, NULL, on_answer, &h), 0);
	RUN_UNTIL(h.n == 102);
	assert_int_equal(db_exec(db, "SELECT pg_sleep(60)", 0, NULL, on_answer, &h), 0);
	assert_int_equal(db_exec(db, "SELECT 'after'", 0, NULL, on_answer, &h), 0);
	for (int i = 0; i < 20; i++)
		sd_event_run(event, 10000);
	pg_stop(&pg);
	RUN_UNTIL(h.n == 103);
	assert_int_equal(h.retry, 1);
	assert_false(db_up(db));
	/* Nobody waits, and the queue has an end. */
	for (int i = 1; i < DB_QUEUE_MAX; i++)
		assert_int_equal(db_exec(db, "SELECT 1", 0, NULL, NULL, NULL), 0);
	assert_int_equal(db_exec(db, "SELECT 1", 0, NULL, NULL, NULL), -ENOBUFS);
	pg_start(&pg);
	RUN_UNTIL(h.n == 104);
	assert_string_equal(h.value, "after");
	RUN_UNTIL(db_queued(db) == 0);
	db_exec(db, "SELECT 1", 0, NULL, on_answer, &h);
	db_unwatch(db, &h);
	db_exec(db, "SELECT 1", 0, NULL, on_answer, &h);
	db_close(&db);
	assert_int_equal(h.n, 105);
}

/* ---- spool ---- */

static int durable;

static void
on_durable(void *arg, const struct uuid *call)
{
	(void)arg;
	(void)call;
	durable++;
}

static struct cdr
record(unsigned i)
{
	struct cdr cdr = { .call = uuid_v7(clock_real_ms()),
		.start_ms = 1795464791060,
		.answer_ms = 1795464792060,
		.end_ms = 1795464802600,
		.disposition = CDR_ANSWERED,
		.status = 200,
		.q850 = 16,
		.hangup_by = CDR_SIDE_CALLER,
		.trace = "1795464791060\tsip\toffered\tfrom=1001\n1795464792060\tsip\tanswered\tby="
		         "1002\n" };

	str_format(cdr.from, sizeof(cdr.from), "%u", 1001 + i);
	str_copy(cdr.from_name, sizeof(cdr.from_name), "A \"quoted\\\" n\xc3\xa4me \xff\x01\n.");
	str_copy(cdr.to, sizeof(cdr.to), "1002");
	str_copy(cdr.answered_by, sizeof(cdr.answered_by), "*1002");
	str_copy(cdr.transferred_to, sizeof(cdr.transferred_to), "1003");
	str_copy(cdr.hangup_cause, sizeof(cdr.hangup_cause), "normal clearing");
	str_copy(cdr.user_agent, sizeof(cdr.user_agent), "phone/1.0");
	str_copy(cdr.sip_call_id, sizeof(cdr.sip_call_id), "abc@host");
	str_copy(cdr.caller.codec, sizeof(cdr.caller.codec), "PCMU");
	str_copy(cdr.caller.remote, sizeof(cdr.caller.remote), "192.0.2.7:4000");
	cdr.caller.packets_in = 500;
	cdr.caller.lost_in = 3;
	cdr.caller.jitter_us = 1500;
	return cdr;
}

static void
records_arrive(void **unused)
{
	struct cdr cdr = record(0);
	struct spool *s;
	struct db *db;

	(void)unused;
	durable = 0;
	assert_int_equal(db_open(&db, event, &settings), 0);
	assert_int_equal(spool_open(&s, event, state, db), 0);
	spool_watch(s, on_durable, NULL);
	assert_int_equal(spool_intent(s, &cdr), 0);
	assert_int_equal(spool_final(s, &cdr), 0);
	assert_int_equal(spool_count(s), 1);
	RUN_UNTIL(spool_count(s) == 0);
	assert_int_equal(durable, 1);
	assert_string_equal(pg_value(&pg,
	                        "SELECT from_extension, to_extension, disposition, duration, "
	                        "billsec, hangup_cause, user_agent, recording_file, "
	                        "caller_codec, caller_packets_in, caller_lost_in, "
	                        "caller_jitter_ms::float, callee_codec, hangup_by, answered_by, "
	                        "transferred_by, transferred_to, from_name FROM report.cdr"),
	    "1001|1002|answered|12|11|normal "
	    "clearing|phone/1.0||PCMU|500|3|1.5||caller|*1002||1003|A "
	    "\"quoted\\\" n\xc3\xa4me ?\x01\n.");
	assert_string_equal(pg_value(&pg,
	                        "SELECT extract(epoch FROM start_time), extract(epoch FROM "
	                        "answer_time) FROM cdr"),
	    "1795464791.060000|1795464792.060000");
	assert_string_equal(pg_value(&pg,
	                        "SELECT position, source, event, detail FROM report.call_event"),
	    "1|sip|offered|from=1001\n2|sip|answered|by=1002");
	assert_string_equal(pg_value(&pg,
	                        "SELECT total, answered, billsec FROM report.calls_per_day"),
	    "1|1|11");
	assert_string_equal(pg_value(&pg, "SELECT party, loss_percent FROM report.call_quality"),
	    "caller|0.596");
	/* The same once more changes nothing. */
	str_copy(cdr.to, sizeof(cdr.to), "9999");
	assert_int_equal(spool_final(s, &cdr), 0);
	RUN_UNTIL(spool_count(s) == 0);
	assert_string_equal(pg_value(&pg, "SELECT to_extension FROM cdr"), "1002");
	spool_close(&s);
	db_close(&db);
}

static unsigned row_durable;

static void
on_row(void *arg, const struct uuid *id)
{
	(void)arg;
	(void)id;
	row_durable++;
}

/* Rows of recordings go the same way: the newest state wins, whatever comes again. */
static void
recordings_arrive(void **unused)
{
	struct recording_row row = { .rev = 1, .state = RECORDING_RUNNING, .channels = 2,
		.path = "2026-11-24/x.wav", .from = "1001", .to = "1002", .by = "auto",
		.start_ms = 1795464791060 };
	struct spool *s;
	struct db *db;
	struct cdr cdr;

	(void)unused;
	durable = row_durable = 0;
	pg_value(&pg, "DELETE FROM cdr");
	cdr = record(7);
	str_copy(cdr.recording_file, sizeof(cdr.recording_file), row.path);
	row.id = uuid_v7(1);
	row.call = cdr.call;
	assert_int_equal(spool_open(&s, event, state, NULL), 0);
	spool_watch(s, on_durable, NULL);
	spool_watch_rows(s, on_row, NULL);
	assert_int_equal(spool_recording(s, &row), 0);
	assert_int_equal(spool_final(s, &cdr), 0);
	row.rev = 2;
	row.state = RECORDING_DONE;
	row.duration_ms = 1500;
	str_copy(row.outcome, sizeof(row.outcome), "stopped");
	assert_int_equal(spool_recording(s, &row), 0);
	RUN_UNTIL(row_durable == 2 && durable == 1);
	spool_close(&s);
	/* the process ends before the database comes */
	assert_int_equal(db_open(&db, event, &settings), 0);
	assert_int_equal(spool_open(&s, event, state, db), 0);
	assert_int_equal(spool_count(s), 3);
	RUN_UNTIL(spool_count(s) == 0);
	assert_string_equal(pg_value(&pg,
	    "SELECT state, path, channels, from_extension, started_by, duration_ms, outcome FROM "
	    "report.recording"), "done|2026-11-24/x.wav|2|1001|auto|1500|stopped");
	assert_string_equal(pg_value(&pg, "SELECT recording_file FROM report.cdr"),
	    "2026-11-24/x.wav");
	row.rev = 1;		/* an old one, once more */
	row.state = RECORDING_RUNNING;
	assert_int_equal(spool_recording(s, &row), 0);
	RUN_UNTIL(spool_count(s) == 0);
	assert_string_equal(pg_value(&pg, "SELECT state FROM recording"), "done");
	spool_close(&s);
	db_close(&db);
}

static void
database_away(void **unused)
{
	enum { N = 3000 };
	struct spool *s;
	struct db *db;
	struct cdr cdr;

	(void)unused;
	durable = 0;
	pg_value(&pg, "DELETE FROM cdr");
	assert_int_equal(db_open(&db, event, &settings), 0);
	assert_int_equal(spool_open(&s, event, state, db), 0);
	RUN_UNTIL(db_up(db));
	spool_watch(s, on_durable, NULL);
	for (unsigned i = 0; i < N; i++) {
		cdr = record(i);
		assert_int_equal(spool_intent(s, &cdr), 0);
		assert_int_equal(spool_final(s, &cdr), 0);
		/* It goes and comes in the middle of draining. */
		if (i == 500 || i == 2000) {
			for (int k = 0; k < 20; k++)
				sd_event_run(event, 10000);
			pg_stop(&pg);
		}
		if (i == 1500)
			pg_start(&pg);
		if (i % 10 == 0)
			sd_event_run(event, 0);
	}
	RUN_UNTIL(durable == N);
	assert_in_range(spool_count(s), 1, N);
	/* A restart of ours meanwhile: they are found again. */
	spool_close(&s);
	assert_int_equal(spool_open(&s, event, state, db), 0);
	spool_sweep(s, clock_real_ms());
	assert_in_range(spool_count(s), 1, N);
	pg_start(&pg);
	RUN_UNTIL(spool_count(s) == 0);
	assert_string_equal(pg_value(&pg,
	                        "SELECT count(*), count(DISTINCT from_extension) FROM cdr"),
	    "3000|3000");
	spool_close(&s);
	db_close(&db);
}

/* A process that dies: what is in the files is all there is. */
static void
killed(void **unused)
{
	struct cdr a = record(1), b = record(2), c = record(3), d = record(4);
	char path[400];
	struct spool *s;
	struct db *db;
	FILE *f;

	(void)unused;
	durable = 0;
	pg_value(&pg, "DELETE FROM cdr");
	/*
	 * a ended; b and d were answered, c rang when everything died; d is found again in the
	 * checkpoint.
	 */
	a.answer_ms = b.answer_ms = c.answer_ms = d.answer_ms = 0;
	assert_int_equal(spool_open(&s, event, state, NULL), 0);
	spool_watch(s, on_durable, NULL);
	spool_intent(s, &a);
	spool_intent(s, &b);
	spool_intent(s, &c);
	spool_intent(s, &d);
	b.answer_ms = d.answer_ms = 1795464792060;
	spool_intent(s, &b);
	spool_intent(s, &d);
	spool_final(s, &a);
	RUN_UNTIL(durable == 1);
	spool_close(&s);
	/* Lines cut short at the ends, and rubbish. */
	str_format(path, sizeof(path), "%s/spool/intents.jsonl", state);
	f = fopen(path, "a");
	fprintf(f, "rubbish\n{\"kind\":\"intent\",\"call_id\":\"0193");
	fclose(f);
	str_format(path, sizeof(path), "%s/spool/cdr-00000001.jsonl", state);
	f = fopen(path, "a");
	fprintf(f, "\n\nrubbish\n{\"kind\":\"final\",\"call_id\":\"0193");
	fclose(f);

	assert_int_equal(db_open(&db, event, &settings), 0);
	assert_int_equal(spool_open(&s, event, state, db), 0);
	spool_watch(s, on_durable, NULL);
	spool_keep(s, &d.call);
	assert_int_equal(spool_sweep(s, clock_real_ms()), 2);
	RUN_UNTIL(spool_count(s) == 0);
	assert_string_equal(pg_value(&pg,
	                        "SELECT from_extension, disposition, hangup_cause, hangup_by FROM "
	                        "cdr ORDER BY 1"),
	    "1002|answered|normal clearing|caller\n1003|answered|system "
	    "restart|system\n1004|failed|system restart|system");
	spool_close(&s);
	/* Nothing is swept twice, and d still has its intent. */
	assert_int_equal(spool_open(&s, event, state, db), 0);
	spool_keep(s, &d.call);
	assert_int_equal(spool_sweep(s, clock_real_ms()), 0);
	spool_final(s, &d);
	RUN_UNTIL(spool_count(s) == 0);
	assert_string_equal(pg_value(&pg, "SELECT count(*) FROM cdr"), "4");
	spool_close(&s);
	assert_int_equal(spool_open(&s, event, state, db), 0);
	assert_int_equal(spool_sweep(s, clock_real_ms()), 0);
	spool_close(&s);
	db_close(&db);
}

static void
refused_record(void **unused)
{
	char line[400];
	struct spool *s;
	struct db *db;
	struct cdr cdr;
	FILE *f;

	(void)unused;
	pg_value(&pg, "DELETE FROM cdr");
	str_format(line, sizeof(line), "%s/spool", state);
	mkdir(line, 0700);
	str_format(line, sizeof(line), "%s/spool/cdr-00000007.jsonl", state);
	f = fopen(line, "a");
	fprintf(f,
	    "{\"kind\":\"final\",\"call_id\":\"01930000-0000-7000-8000-000000000001\",\"start_ms\":"
	    "\"never\"}\n");
	fclose(f);
	assert_int_equal(spool_open(&s, event, state, NULL), 0);
	for (unsigned i = 0; i < 5; i++) {
		cdr = record(i);
		spool_final(s, &cdr);
	}
	spool_close(&s);
	assert_int_equal(db_open(&db, event, &settings), 0);
	assert_int_equal(spool_open(&s, event, state, db), 0);
	assert_int_equal(spool_count(s), 6);
	RUN_UNTIL(spool_count(s) == 0);
	spool_close(&s);
	assert_string_equal(pg_value(&pg, "SELECT count(*) FROM cdr"), "5");
	str_format(line, sizeof(line), "grep -q never %s/spool/refused.jsonl", state);
	assert_int_equal(system(line), 0);
	db_close(&db);
}

/* A table that is not there, or not ours, is no fault of a record: all of them wait for it. */
static void
table_away(void **unused)
{
	struct spool *s;
	struct cdr cdr;
	struct db *db;

	(void)unused;
	pg_value(&pg, "DELETE FROM cdr");
	assert_int_equal(db_open(&db, event, &settings), 0);
	RUN_UNTIL(db_up(db));
	pg_value(&pg, "ALTER TABLE cdr RENAME TO cdr_away");
	assert_int_equal(spool_open(&s, event, state, db), 0);
	durable = 0;
	spool_watch(s, on_durable, NULL);
	for (unsigned i = 0; i < 3; i++) {
		cdr = record(i);
		spool_final(s, &cdr);
	}
	RUN_UNTIL(durable == 3);
	for (int i = 0; i < 10; i++)
		sd_event_run(event, 50000);
	assert_int_equal(spool_count(s), 3);
	pg_value(&pg, "ALTER TABLE cdr_away RENAME TO cdr");
	RUN_UNTIL(spool_count(s) == 0);
	assert_string_equal(pg_value(&pg, "SELECT count(*) FROM cdr"), "3");
	spool_close(&s);
	db_close(&db);
}

/* What PostgreSQL refuses stays in the spool as long as the disk has no room to set it aside. */
static void
refused_and_full(void **unused)
{
	char line[400], aside[400];
	struct spool *s;
	struct db *db;
	FILE *f;

	(void)unused;
	str_format(line, sizeof(line), "%s/spool", state);
	mkdir(line, 0700);
	str_format(line, sizeof(line), "%s/spool/cdr-00000007.jsonl", state);
	f = fopen(line, "a");
	fprintf(f,
	    "{\"kind\":\"final\",\"call_id\":\"01930000-0000-7000-8000-000000000001\",\"start_ms\":"
	    "\"never\"}\n");
	fclose(f);
	/* A directory in its place is refused like a disk that is full. */
	str_format(aside, sizeof(aside), "%s/spool/refused.jsonl", state);
	assert_int_equal(mkdir(aside, 0700), 0);
	assert_int_equal(db_open(&db, event, &settings), 0);
	assert_int_equal(spool_open(&s, event, state, db), 0);
	RUN_UNTIL(db_up(db));
	for (int i = 0; i < 20; i++)
		sd_event_run(event, 50000);
	assert_int_equal(spool_count(s), 1);
	assert_int_equal(access(line, F_OK), 0);
	assert_int_equal(rmdir(aside), 0);
	RUN_UNTIL(spool_count(s) == 0);
	spool_close(&s);
	str_format(line, sizeof(line), "grep -q never %s", aside);
	assert_int_equal(system(line), 0);
	db_close(&db);
}

/* A file that is shorter than it was is drained as far as it goes, and given up. */
static void
file_cut_short(void **unused)
{
	char path[400];
	struct spool *s;
	struct cdr cdr;
	struct db *db;

	(void)unused;
	pg_value(&pg, "DELETE FROM cdr");
	assert_int_equal(spool_open(&s, event, state, NULL), 0);
	cdr = record(0);
	spool_final(s, &cdr);
	spool_close(&s);
	assert_int_equal(spool_open(&s, event, state, NULL), 0);
	spool_close(&s);
	assert_int_equal(db_open(&db, event, &settings), 0);
	assert_int_equal(spool_open(&s, event, state, db), 0);
	str_format(path, sizeof(path), "%s/spool/cdr-00000001.jsonl", state);
	assert_int_equal(truncate(path, 0), 0);
	RUN_UNTIL(access(path, F_OK) != 0);
	cdr = record(1);
	spool_final(s, &cdr);
	RUN_UNTIL(atoi(pg_value(&pg, "SELECT count(*) FROM cdr")) == 1);
	spool_close(&s);
	db_close(&db);
}

static void
full_disk(void **unused)
{
	char line[400];
	struct spool *s;
	struct cdr cdr;
	unsigned n = 0;

	(void)unused;
	if (getuid() != 0 || mount("tmpfs", state, "tmpfs", 0, "size=256k") != 0)
		skip();
	durable = 0;
	assert_int_equal(spool_open(&s, event, state, NULL), 0);
	spool_watch(s, on_durable, NULL);
	while (!spool_failing(s) && n < 20000) {
		cdr = record(n++);
		assert_int_equal(spool_final(s, &cdr), 0);
		sd_event_run(event, 1000);
	}
	assert_true(spool_failing(s));
	for (unsigned i = 0; i < 100; i++, n++) {
		cdr = record(n);
		assert_int_equal(spool_final(s, &cdr), 0);
	}
	assert_true(durable < (int)n);
	str_format(line, sizeof(line), "mount -o remount,size=64m %s", state);
	assert_int_equal(system(line), 0);
	RUN_UNTIL(durable == (int)n);
	assert_false(spool_failing(s));
	spool_close(&s);
	str_format(line, sizeof(line), "test $(cat %s/spool/cdr-*.jsonl | grep -c final) -ge %u",
	    state, n);
	assert_int_equal(system(line), 0);
	assert_int_equal(umount(state), 0);
}

/* ---- bindings and tokens ---- */

static void
machine_restarted(void **unused)
{
	struct binding one = { .q = 700, .transport = 2, .cseq = 7 };
	const struct binding *found[2];
	struct bindings *b;
	struct db *db;

	(void)unused;
	assert_int_equal(db_open(&db, event, &settings), 0);
	assert_int_equal(bindings_open(&b, event, state, &settings), 0);
	bindings_database(b, db);
	for (int i = 0; i < 1200; i++) {
		str_format(one.aor, sizeof(one.aor), "%d@warden", 1000 + i);
		str_format(one.uri, sizeof(one.uri), "sip:%d@10.0.0.5;x=\"{,}\\", i);
		str_copy(one.params, sizeof(one.params), "\xff\xfe");
		one.since_ms = one.updated_ms = clock_real_ms();
		one.expires_ms = clock_real_ms() + 600000;
		assert_non_null(bindings_add(b, &one));
	}
	RUN_UNTIL(str_eq(pg_value(&pg, "SELECT count(*) FROM binding"), "1200"));
	bindings_remove(b, bindings_first(b, "1003@warden"), "test");
	RUN_UNTIL(str_eq(pg_value(&pg, "SELECT count(*) FROM binding"), "1199"));
	/* Gone while the database is away: found out by comparing. */
	pg_stop(&pg);
	RUN_UNTIL(!db_up(db));
	bindings_remove(b, bindings_first(b, "1004@warden"), "test");
	bindings_first(b, "1005@warden")->expires_ms += 1000000;
	bindings_changed(b, bindings_first(b, "1005@warden"));
	pg_start(&pg);
	RUN_UNTIL(str_eq(pg_value(&pg, "SELECT count(*) FROM binding"), "1198"));
	RUN_UNTIL(str_eq(
	    pg_value(&pg, "SELECT count(*) FROM binding WHERE expires > now() + interval '1000 s'"),
	    "1"));
	bindings_close(&b);
	/* A checkpoint knows better than the database. */
	assert_int_equal(bindings_open(&b, event, state, &settings), 0);
	assert_int_equal(bindings_count(b), 1198);
	bindings_close(&b);
	/* Without one, it is the database that knows. */
	empty_state();
	assert_int_equal(bindings_open(&b, event, state, &settings), 0);
	bindings_database(b, db);
	db_close(&db);
	assert_int_equal(db_open(&db, event, &settings), 0);
	bindings_database(b, db);
	RUN_UNTIL(bindings_count(b) == 1198);
	assert_int_equal(bindings_lookup(b, "1007", clock_real_ms(), found, 2), 1);
	assert_string_equal(found[0]->uri, "sip:7@10.0.0.5;x=\"{,}\\");
	assert_string_equal(found[0]->params, "??");
	assert_int_equal(found[0]->transport, 2);
	assert_int_equal(found[0]->cseq, 7);
	assert_int_equal(found[0]->q, 700);
	bindings_close(&b);
	db_close(&db);
}

static void
tokens(void **unused)
{
	char text[TOKEN_TEXT_LEN + 1], line[400];
	uint8_t hash[TOKEN_HASH_LEN];
	const struct token *k;
	struct tokens *t;
	struct db *db;
	size_t i = 0;

	(void)unused;
	assert_int_equal(db_open(&db, event, &settings), 0);
	assert_int_equal(tokens_open(&t, state, db), 0);
	RUN_UNTIL(str_eq(pg_value(&pg, "SELECT name, admin FROM api_token"), "first|t"));
	/* Made while the database is away. */
	pg_stop(&pg);
	RUN_UNTIL(!db_up(db));
	k = tokens_create(t, "second\n\xff", false, text);
	assert_non_null(k);
	assert_int_equal(k->id, 2);
	digest_sha256(text, strlen(text), hash);
	assert_ptr_equal(tokens_check(t, hash), k);
	hash[0] ^= 1;
	assert_null(tokens_check(t, hash));
	hash[0] ^= 1;
	tokens_close(&t);
	assert_int_equal(tokens_open(&t, state, db), 0);
	k = tokens_check(t, hash);
	assert_non_null(k);
	assert_string_equal(k->name, "second??");
	assert_false(k->admin);
	pg_start(&pg);
	RUN_UNTIL(str_eq(pg_value(&pg, "SELECT count(*) FROM api_token"), "2"));
	assert_int_equal(tokens_revoke(t, 2), 0);
	assert_int_equal(tokens_revoke(t, 2), -ENOENT);
	assert_null(tokens_check(t, hash));
	RUN_UNTIL(str_eq(pg_value(&pg, "SELECT count(*) FROM api_token WHERE revoked IS NOT NULL"),
	    "1"));
	tokens_close(&t);
	/* A machine set up anew over the old database. */
	str_format(line, sizeof(line), "rm %s/tokens", state);
	assert_int_equal(system(line), 0);
	assert_int_equal(tokens_open(&t, state, db), 0);
	RUN_UNTIL((i = 0, tokens_next(t, &i) != NULL));
	i = 0;
	assert_string_equal(tokens_next(t, &i)->name, "first");
	assert_null(tokens_next(t, &i));
	assert_null(tokens_check(t, hash));
	tokens_close(&t);
	db_close(&db);
}

static int
make_pg(void **unused)
{
	(void)unused;
	pg_make(&pg);
	return 0;
}

static int
remove_pg(void **unused)
{
	(void)unused;
	pg_remove(&pg);
	return 0;
}

/*
 * What users set: the table follows, and fills a new machine; of two copies the later one counts.
 */
static void
user_states(void **unused)
{
	struct userstates_db *copy = NULL;
	struct userstates *u;
	struct user_state s = { 0 };
	struct db *db;

	(void)unused;
	assert_int_equal(db_open(&db, event, &settings), 0);
	assert_int_equal(userstates_open(&u, state, state), 0);
	str_copy(s.number, sizeof(s.number), "1001");
	str_copy(s.forward[USER_FORWARD_BUSY], sizeof(s.forward[0]), "1002");
	assert_true(user_blacklist_add(&s, "0190*"));
	/* Set before there is a database, and after. */
	assert_int_equal(userstates_set(u, &s, 1000), 0);
	assert_int_equal(userstates_db_open(&copy, u, db), 0);
	RUN_UNTIL(db_up(db) && strcmp(pg_value(&pg, "SELECT count(*) FROM user_state"), "1") == 0);
	assert_string_equal(
	    pg_value(&pg,
	        "SELECT forward_busy || ' ' || array_to_string(blacklist, ',') || ' ' || "
	        "coalesce(forward_all, '-') FROM user_state"),
	    "1002 0190* -");
	s.dnd = 1;
	assert_int_equal(userstates_set(u, &s, 2000), 0);
	RUN_UNTIL(strcmp(pg_value(&pg, "SELECT dnd FROM user_state"), "t") == 0);
	userstates_db_close(&copy);
	userstates_close(&u);

	empty_state();
	assert_int_equal(userstates_open(&u, state, state), 0);
	s.dnd = 0;
	assert_int_equal(userstates_set(u, &s, 1500), 0);
	str_copy(s.number, sizeof(s.number), "1003");
	assert_int_equal(userstates_set(u, &s, 1500), 0);
	assert_int_equal(userstates_db_open(&copy, u, db), 0);
	userstates_db_close(&copy);
	db_close(&db);
	assert_int_equal(db_open(&db, event, &settings), 0);
	assert_int_equal(userstates_db_open(&copy, u, db), 0);
	RUN_UNTIL(userstates_get(u, "1001")->dnd);
	RUN_UNTIL(strcmp(pg_value(&pg, "SELECT count(*) FROM user_state"), "2") == 0);
	assert_int_equal(userstates_get(u, "1001")->changed_ms, 2000);
	userstates_db_close(&copy);
	userstates_close(&u);
	db_close(&db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schema_files),
		cmocka_unit_test_setup_teardown(migrations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(statements, set_up, tear_down),
		cmocka_unit_test_setup_teardown(records_arrive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(recordings_arrive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(database_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused_record, set_up, tear_down),
		cmocka_unit_test_setup_teardown(table_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused_and_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(file_cut_short, set_up, tear_down),
		cmocka_unit_test_setup_teardown(full_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(machine_restarted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tokens, set_up, tear_down),
		cmocka_unit_test_setup_teardown(user_states, set_up, tear_down),
	};

	if (!pg_have(&pg)) {
		puts("PostgreSQL is not installed: skipped");
		return 0;
	}
	return cmocka_run_group_tests(tests, make_pg, remove_pg);
}
