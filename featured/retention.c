/* SPDX-License-Identifier: ISC */
/* Recordings whose time is over or that a crash cut short, old events and rows: see retention.h. */
#include "featured/retention.h"

#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/db/db.h"
#include "featured/call/recording.h"
#include "featured/featured.h"
#include "featured/wav.h"

#define FIRST_US  5000000
#define EVERY_US  60000000
#define REMOVE_MS 10000
#define PRUNE_EVERY 60	/* of these */
#define BACKLOG_MAX 100 /* rows in the spool: what they say is not known yet */

/* $1: days, $2: MB; 0 none. */
static const char over[] =
    "SELECT id, path FROM recording WHERE state IN ('done', 'failed') AND ("
    " ($1::bigint > 0 AND end_time < now() - $1::bigint * interval '1 day')"
    " OR ($2::bigint > 0 AND id IN (SELECT id FROM (SELECT id, sum(bytes) OVER (ORDER BY id DESC)"
    "  AS total FROM recording WHERE state IN ('done', 'failed')) AS s"
    "  WHERE total > $2::bigint * 1048576)))"
    " ORDER BY id LIMIT 50";

static const char mark[] =
    "UPDATE recording SET state = 'deleted', rev = rev + 1, bytes = 0, stored = now() WHERE id = "
    "$1::uuid";

/* $1: the last one that was looked at. */
static const char running[] =
    "SELECT id, path FROM recording WHERE state = 'recording' AND id > $1::uuid ORDER BY id LIMIT 50";

/* Its rev stays: whoever writes it after all has a higher one. */
static const char finish[] =
    "UPDATE recording SET state = $2, bytes = $3::bigint, duration_ms = $4::bigint, outcome = $5, "
    "end_time = start_time + $4::bigint * interval '1 millisecond', stored = now()"
    " WHERE id = $1::uuid AND state = 'recording'";

static const char prune_outbox[] =
    "DELETE FROM outbox WHERE created < now() - interval '30 days' OR created <"
    " (SELECT created FROM outbox ORDER BY created DESC OFFSET 100000 LIMIT 1)";
static const char prune_voicemail[] =
    "DELETE FROM voicemail_message WHERE state = 'gone' AND changed < now() - interval '30 days'";

struct retention {
	struct featured	*f;
	sd_event_source	*timer;
	struct uuid	 looked;	/* at running ones up to this */
	unsigned	 ticks;
};

/* A file that mediad was asked to remove, or whether there is. */
struct removal {
	struct featured	*f;
	char		 id[UUID_STR_LEN + 1];
};

static void
ask(struct retention *t, uint16_t type, const char *id, const char *path, ipc_reply_cb *cb)
{
	union {
		struct msg_media_file_remove remove;
		struct msg_media_file_get get;
	} m = { 0 };
	size_t len = strlen(path), end = strlen(".wav");
	struct removal *r;

	if (len <= end || strcmp(path + len - end, ".wav") != 0 ||
	    (r = mem_new(sizeof(*r))) == NULL)
		return;
	if (type == MSG_media_file_remove) {
		m.remove.kind = MEDIA_RECORD_CALL;
		str_ncopy(m.remove.path, sizeof(m.remove.path), path, len - end);
	} else {
		m.get.kind = MEDIA_RECORD_CALL;
		str_ncopy(m.get.path, sizeof(m.get.path), path, len - end);
	}
	r->f = t->f;
	str_copy(r->id, sizeof(r->id), id);
	if (ipc_request(ipc_server_peer(t->f->server, IPC_MEDIAD), type, &m, REMOVE_MS, cb, r) != 0)
		mem_free(&r);	/* mediad is away: the next time */
}

static void
on_removed(void *arg, const struct ipc_msg *reply)
{
	struct removal *r = arg;
	const char *params[] = { r->id };

	if (reply->type == MSG_done && db_exec(r->f->db, mark, 1, params, NULL, NULL) == 0)
		log_info("recording deleted: its time is over", kv_s("recording", r->id));
	mem_free(&r);
}

static void
on_over(void *arg, const struct db_answer *answer)
{
	struct retention *t = arg;

	if (!answer->ok) {
		if (!answer->retry)
			log_error("old recordings cannot be found", kv_s("why", answer->why));
		return;
	}
	for (int i = 0; i < db_rows(answer); i++)
		ask(t, MSG_media_file_remove, db_value(answer, i, 0), db_value(answer, i, 1),
		    on_removed);
}

/* ---- what a crash of the machine cut short ---- */

static void
on_found(void *arg, const struct ipc_msg *reply)
{
	const struct msg_media_file *file = reply->body;
	const struct msg_error *error = reply->body;
	struct removal *r = arg;
	char bytes[24] = "0", ms[24] = "0";
	const char *params[] = { r->id, "failed", bytes, ms, "lost" };
	uint64_t length = 0;

	if (reply->type == MSG_media_file) {
		length = wav_ms(reply->fd, file->bytes);
		str_format(bytes, sizeof(bytes), "%llu", (unsigned long long)file->bytes);
	} else if (error->status != 404) {
		mem_free(&r);	/* mediad is away: the next time */
		return;
	}
	if (length > 0) {
		str_format(ms, sizeof(ms), "%llu", (unsigned long long)length);
		params[1] = "done";
		params[4] = "system restart";
	}
	if (db_exec(r->f->db, finish, 5, params, NULL, NULL) == 0)
		log_warning(length > 0 ? "a recording was cut short: its file is kept"
		                       : "a recording is lost: there is nothing in its file",
		    kv_s("recording", r->id), kv_s("ms", ms));
	mem_free(&r);
}

static void
on_running(void *arg, const struct db_answer *answer)
{
	struct retention *t = arg;
	struct uuid id = { 0 };
	int n = answer->ok ? db_rows(answer) : 0;

	if (!answer->ok && !answer->retry)
		log_error("recordings cannot be looked through", kv_s("why", answer->why));
	for (int i = 0; i < n; i++)
		if (uuid_parse(&id, db_value(answer, i, 0)) == 0 &&
		    !recording_known(t->f->core, &id))
			ask(t, MSG_media_file_get, db_value(answer, i, 0), db_value(answer, i, 1),
			    on_found);
	t->looked = n == 50 ? id : (struct uuid){ 0 };
}

static void
look_for_running(struct retention *t)
{
	char from[UUID_STR_LEN + 1];
	const char *params[] = { from };

	uuid_print(&t->looked, from);
	if (spool_count(t->f->spool) < BACKLOG_MAX)
		db_exec(t->f->db, running, 1, params, on_running, t);
}

static void
look_for_old(struct retention *t)
{
	const struct settings *s = &t->f->settings;
	char days[24], mb[24];
	const char *params[] = { days, mb };

	if (s->recording.keep_days == 0 && s->recording.keep_mb == 0)
		return;
	str_format(days, sizeof(days), "%lld", (long long)s->recording.keep_days);
	str_format(mb, sizeof(mb), "%lld", (long long)s->recording.keep_mb);
	db_exec(t->f->db, over, 2, params, on_over, t);
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct retention *t = arg;

	/* Who has not said yet what it records cannot be asked. */
	if (!db_up(t->f->db) || !core_synced(t->f->core, IPC_MEDIAD)) {
		sd_event_source_set_time(source, usec + FIRST_US);
		return 0;
	}
	sd_event_source_set_time(source, usec + EVERY_US);
	look_for_old(t);
	look_for_running(t);
	if (t->ticks++ % PRUNE_EVERY == 0) {
		db_exec(t->f->db, prune_outbox, 0, NULL, NULL, NULL);
		db_exec(t->f->db, prune_voicemail, 0, NULL, NULL, NULL);
	}
	return 0;
}

int
retention_open(struct retention **out, struct featured *f)
{
	struct retention *t = mem_new(sizeof(*t));
	int r;

	*out = NULL;
	if (t == NULL)
		return -ENOMEM;
	t->f = f;
	r = sd_event_add_time_relative(f->d.event, &t->timer, CLOCK_MONOTONIC, FIRST_US, 1000000,
	    on_timer, t);
	if (r >= 0)
		r = sd_event_source_set_enabled(t->timer, SD_EVENT_ON);
	if (r < 0) {
		retention_close(&t);
		return r;
	}
	*out = t;
	return 0;
}

void
retention_close(struct retention **pt)
{
	struct retention *t = *pt;

	if (t == NULL)
		return;
	if (t->f->db != NULL)
		db_unwatch(t->f->db, t);
	t->timer = sd_event_source_disable_unref(t->timer);
	mem_free(pt);
}
