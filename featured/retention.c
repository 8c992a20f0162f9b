/* SPDX-License-Identifier: ISC */
/* Recordings whose time is over, see retention.h. */
#include "featured/retention.h"

#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/db/db.h"
#include "featured/featured.h"

#define FIRST_US  5000000
#define EVERY_US  60000000
#define REMOVE_MS 10000

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

struct retention {
	struct featured	*f;
	sd_event_source	*timer;
};

/* A file that mediad was asked to remove. */
struct removal {
	struct db	*db;
	char		 id[UUID_STR_LEN + 1];
};

static void
on_removed(void *arg, const struct ipc_msg *reply)
{
	struct removal *r = arg;
	const char *params[] = { r->id };

	if (reply->type == MSG_done && db_exec(r->db, mark, 1, params, NULL, NULL) == 0)
		log_info("recording deleted: its time is over", kv_s("recording", r->id));
	mem_free(&r);
}

static void
take_away(struct retention *t, const char *id, const char *path)
{
	struct msg_media_file_remove m = { .kind = MEDIA_RECORD_CALL };
	size_t len = strlen(path), end = strlen(".wav");
	struct removal *r;

	if (len <= end || strcmp(path + len - end, ".wav") != 0 ||
	    (r = mem_new(sizeof(*r))) == NULL)
		return;
	str_ncopy(m.path, sizeof(m.path), path, len - end);
	r->db = t->f->db;
	str_copy(r->id, sizeof(r->id), id);
	if (ipc_request(ipc_server_peer(t->f->server, IPC_MEDIAD), MSG_media_file_remove, &m,
	        REMOVE_MS, on_removed, r) != 0)
		mem_free(&r);	/* mediad is away: the next time */
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
		take_away(t, db_value(answer, i, 0), db_value(answer, i, 1));
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct retention *t = arg;
	const struct settings *s = &t->f->settings;
	char days[24], mb[24];
	const char *params[] = { days, mb };

	sd_event_source_set_time(source, usec + EVERY_US);
	if ((s->recording.keep_days == 0 && s->recording.keep_mb == 0) || !db_up(t->f->db))
		return 0;
	str_format(days, sizeof(days), "%lld", (long long)s->recording.keep_days);
	str_format(mb, sizeof(mb), "%lld", (long long)s->recording.keep_mb);
	db_exec(t->f->db, over, 2, params, on_over, t);
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
