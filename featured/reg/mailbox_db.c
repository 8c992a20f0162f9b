/* SPDX-License-Identifier: ISC */
/*
 * The index on its way to PostgreSQL (table voicemail_message): whatever has another version than
 * the database was given is written, many rows by one statement, a moment after the change, and all
 * of it when the database comes back. Each kept message also puts an event for its mail into the
 * outbox, once, when settings ask for it.
 */
#include <errno.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/db/db.h"
#include "featured/db/text.h"
#include "featured/reg/mailbox_impl.h"

#define BATCH    500
#define DELAY_US 200000
#define RETRY_US 5000000
#define COLUMNS  17
/* So old a message makes no event any more: events stay 30 days (featured/retention.c), so none
 * comes twice. */
#define MAIL_WITHIN_MS (7 * UINT64_C(86400000))

static const char upsert[] =
    "WITH fresh AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], "
    "$5::boolean[], $6::boolean[], $7::text[], $8::text[], $9::uuid[], $10::bigint[], "
    "$11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::boolean[], "
    "$17::text[])"
    " AS t(id, mailbox, state, folder, heard, urgent, caller, caller_name, call_id, received, "
    "changed, duration_ms, bytes, file, comment_file, mail, kind)), mails AS ("
    "INSERT INTO outbox (kind, subject, payload) SELECT 'voicemail', id, jsonb_build_object("
    "'mailbox', mailbox, 'caller', caller, 'caller_name', caller_name, 'urgent', urgent, "
    "'received', to_timestamp(received / 1000.0), 'duration_ms', duration_ms, 'file', file)"
    " FROM fresh WHERE mail ON CONFLICT DO NOTHING)"
    " INSERT INTO voicemail_message (id, mailbox, state, folder, heard, urgent, caller, "
    "caller_name, call_id, received, changed, duration_ms, bytes, file, comment_file, kind)"
    " SELECT id, mailbox, state, folder, heard, urgent, caller, caller_name, call_id, "
    "to_timestamp(received / 1000.0), to_timestamp(changed / 1000.0), "
    "duration_ms, bytes, file, comment_file, kind FROM fresh"
    " ON CONFLICT (id) DO UPDATE SET mailbox = excluded.mailbox, state = excluded.state, folder = "
    "excluded.folder, heard = excluded.heard, urgent = excluded.urgent, changed = "
    "excluded.changed, duration_ms = excluded.duration_ms, bytes = excluded.bytes";

/* What a statement under way brings, to be marked when it has. */
struct batch {
	struct mailbox *mb;
	size_t n;
	struct {
		struct uuid id;
		uint32_t version;
	} v[BATCH];
};

static void work(struct mailbox *mb);

static int
on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct mailbox *mb = arg;

	(void)source;
	(void)usec;
	mb->db_waiting = false;
	work(mb);
	return 0;
}

static void
arm(struct mailbox *mb, uint64_t delay_us)
{
	int r = 0;

	if (mb->db_waiting || mb->event == NULL)
		return;
	if (mb->db_timer == NULL) {
		r = sd_event_add_time_relative(mb->event, &mb->db_timer, CLOCK_MONOTONIC, delay_us,
		    50000, on_timer, mb);
	} else {
		sd_event_source_set_time_relative(mb->db_timer, delay_us);
		sd_event_source_set_enabled(mb->db_timer, SD_EVENT_ONESHOT);
	}
	mb->db_waiting = r >= 0;
}

static void
on_changed(struct mailbox *mb)
{
	if (mb->db_up)
		arm(mb, DELAY_US);
}

static void
on_written(void *arg, const struct db_answer *answer)
{
	struct batch *b = arg;
	struct mailbox *mb = b->mb;
	struct mailbox_item *item;

	mb->db_busy = false;
	for (size_t i = 0; answer->ok && i < b->n; i++) {
		if ((item = mailbox_find(mb, &b->v[i].id)) == NULL)
			continue;
		item->stored = b->v[i].version;
		mailbox_save(mb, (struct entry *)item);
		mailbox_forget(mb, (struct entry *)item);
	}
	if (!answer->ok && !answer->retry)
		log_error("messages cannot be stored in the database", kv_s("why", answer->why));
	mem_free(&b);
	if (answer->ok)
		work(mb);
	else
		arm(mb, RETRY_US);
}

static void
add_path(struct buf *c, const char *box, const struct uuid *file)
{
	char text[MAILBOX_USER_LEN + UUID_STR_LEN + 3], id[UUID_STR_LEN + 1];

	uuid_print(file, id);
	str_format(text, sizeof(text), "%s/%s", box, id);
	text_array_str(c, text);
}

static void
add_row(struct buf *c, const struct mailbox_item *i, bool mail)
{
	char id[UUID_STR_LEN + 1];

	uuid_print(&i->id, id);
	text_array_str(&c[0], id);
	text_array_str(&c[1], i->box);
	text_array_str(&c[2], mailbox_state_name(i->state));
	text_array_str(&c[3], mailbox_folder_name(i->folder));
	text_array_str(&c[4], i->heard || i->folder != MAILBOX_NEW ? "true" : "false");
	text_array_str(&c[5], i->urgent ? "true" : "false");
	text_array_str(&c[6], i->from);
	text_array_str(&c[7], i->from_name);
	uuid_print(&i->call, id);
	text_array_str(&c[8], id);
	text_array_num(&c[9], (long long)i->received_ms);
	text_array_num(&c[10], (long long)i->changed_ms);
	text_array_num(&c[11], i->duration_ms);
	text_array_num(&c[12], (long long)i->bytes);
	add_path(&c[13], i->file_box, &i->file);
	if (i->comment_box[0] != '\0')
		add_path(&c[14], i->comment_box, &i->comment);
	else
		text_array_null(&c[14]);
	text_array_str(&c[15], mail ? "true" : "false");
	text_array_str(&c[16], mailbox_kind_name(i->kind));
}

/* Is there a message to be told of? */
static bool
is_news(const struct mailbox *mb, const struct mailbox_item *i)
{
	return mb->mail && i->kind == MAILBOX_MESSAGE && i->state == MAILBOX_KEPT &&
	    i->changed_ms < i->received_ms + MAIL_WITHIN_MS;
}

static bool
is_due(const struct mailbox_item *i)
{
	return i->version != i->stored;
}

/* The next statement, if there is anything to write. */
static void
work(struct mailbox *mb)
{
	struct buf c[COLUMNS];
	const char *params[COLUMNS];
	struct batch *b;
	struct entry *e;
	int r = 0;

	if (mb->db_busy || !mb->db_up || mb->db == NULL)
		return;
	if ((b = mem_new(sizeof(*b))) == NULL) {
		arm(mb, RETRY_US);
		return;
	}
	b->mb = mb;
	for (int i = 0; i < COLUMNS; i++) {
		c[i] = (struct buf)BUF_INIT(BATCH * 600);
		text_array_begin(&c[i]);
	}
	for (e = mb->items; e != NULL && b->n < BATCH; e = e->hh.next) {
		if (!is_due(&e->item))
			continue;
		b->v[b->n].id = e->item.id;
		b->v[b->n++].version = e->item.version;
		add_row(c, &e->item, is_news(mb, &e->item));
	}
	for (int i = 0; i < COLUMNS; i++) {
		text_array_end(&c[i]);
		params[i] = c[i].data;
		r = c[i].failed ? -ENOMEM : r;
	}
	if (r == 0 && b->n > 0) {
		r = db_exec(mb->db, upsert, COLUMNS, params, on_written, b);
		mb->db_busy = r == 0;
	}
	for (int i = 0; i < COLUMNS; i++)
		buf_free(&c[i]);
	if (!mb->db_busy)
		mem_free(&b);
	if (r < 0)
		arm(mb, RETRY_US);
}

static void
on_db(void *arg, bool up)
{
	struct mailbox *mb = arg;

	mb->db_up = up;
	if (!up)
		return;
	mailbox_load(mb);
	work(mb);
}

static void
on_close(struct mailbox *mb)
{
	db_unwatch(mb->db, mb);
	sd_event_source_disable_unref(mb->db_timer);
}

void
mailbox_database(struct mailbox *mb, struct db *db)
{
	mb->db = db;
	mb->db_changed = on_changed;
	mb->db_close = on_close;
	db_watch(db, on_db, mb);
}

