/* SPDX-License-Identifier: ISC */
/*
 * Rows of voicemail_message that the index does not know are taken up: its file was lost, or the
 * table has come from elsewhere. A page at a time, each time the database comes. What the index
 * knows is never overwritten: it is the newer one. Answers come in the order of the statements, and
 * an item is forgotten only when the table has heard that it is gone, so no page brings it back.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "featured/db/db.h"
#include "featured/reg/mailbox_impl.h"

#define PAGE 500
#define TEXT(n) #n
#define LIMIT(n) TEXT(n)

static const char page[] =
    "SELECT id, mailbox, kind, state, folder, heard::int, urgent::int, caller, caller_name, call_id,"
    " round(extract(epoch FROM received) * 1000)::bigint,"
    " round(extract(epoch FROM changed) * 1000)::bigint, duration_ms, bytes, file, comment_file"
    " FROM voicemail_message WHERE state <> 'gone' AND id > $1::uuid ORDER BY id LIMIT "
    LIMIT(PAGE);

/* "BOX/UUID". */
static bool
read_path(const char *text, char *box, struct uuid *file)
{
	const char *slash = strrchr(text, '/');

	return slash != NULL &&
	    str_ncopy(box, MAILBOX_USER_LEN + 1, text, (size_t)(slash - text)) &&
	    uuid_parse(file, slash + 1) == 0;
}

static uint8_t
by_name(const char *(*name)(uint8_t), uint8_t first, uint8_t last, const char *text)
{
	for (uint8_t i = first; i <= last; i++)
		if (str_eq(name(i), text))
			return i;
	return 0;
}

static bool
read_row(const struct db_answer *a, int i, struct mailbox_item *item)
{
	int folder = mailbox_folder_by_name(db_value(a, i, 4));

	memset(item, 0, sizeof(*item));
	item->kind = by_name(mailbox_kind_name, MAILBOX_MESSAGE, MAILBOX_ANNOUNCEMENT,
	    db_value(a, i, 2));
	item->state = by_name(mailbox_state_name, MAILBOX_RECORDING, MAILBOX_DELETED,
	    db_value(a, i, 3));
	if (folder < 0 || item->kind == 0 || item->state == 0)
		return false;
	item->folder = (uint8_t)folder;
	item->heard = folder == MAILBOX_NEW && db_value(a, i, 5)[0] == '1';
	item->urgent = db_value(a, i, 6)[0] == '1';
	item->received_ms = strtoull(db_value(a, i, 10), NULL, 10);
	item->changed_ms = strtoull(db_value(a, i, 11), NULL, 10);
	item->duration_ms = (uint32_t)strtoul(db_value(a, i, 12), NULL, 10);
	item->bytes = strtoull(db_value(a, i, 13), NULL, 10);
	item->version = item->stored = 1;
	return uuid_parse(&item->id, db_value(a, i, 0)) == 0 &&
	    str_copy(item->box, sizeof(item->box), db_value(a, i, 1)) &&
	    str_copy(item->from, sizeof(item->from), db_value(a, i, 7)) &&
	    str_copy(item->from_name, sizeof(item->from_name), db_value(a, i, 8)) &&
	    uuid_parse(&item->call, db_value(a, i, 9)) == 0 &&
	    read_path(db_value(a, i, 14), item->file_box, &item->file) &&
	    (db_value(a, i, 15)[0] == '\0' ||
	        read_path(db_value(a, i, 15), item->comment_box, &item->comment));
}

/*
 * What was not finished then: a message that was being recorded is looked for (voicefiles.c), one
 * that was in review is kept, as if its caller had hung up; a greeting that nobody accepted goes.
 */
static void
take(struct mailbox *mb, const struct mailbox_item *row)
{
	struct mailbox_item *item = mailbox_take(mb, row);
	uint64_t now_ms = clock_real_ms();

	if (item == NULL)
		return;
	mb->taken++;
	if (item->state != MAILBOX_RECORDING && item->state != MAILBOX_DRAFT)
		return;
	if (item->kind != MAILBOX_MESSAGE) {
		mailbox_gone(mb, item, now_ms);
		return;
	}
	if (item->state == MAILBOX_RECORDING)
		item->lost = 1;
	else
		item->state = MAILBOX_KEPT;
	mailbox_changed(mb, item, now_ms);
}

static void ask(struct mailbox *mb);

static void
on_page(void *arg, const struct db_answer *answer)
{
	struct mailbox *mb = arg;
	struct mailbox_item row;
	int n;

	if (!answer->ok) {
		mb->loading = false;
		if (!answer->retry)
			log_error("messages cannot be read from the database",
			    kv_s("why", answer->why));
		return;
	}
	n = db_rows(answer);
	for (int i = 0; i < n; i++) {
		if (read_row(answer, i, &row))
			take(mb, &row);
		else
			log_limited(&mb->bucket, LL_WARNING,
			    "a row of voicemail_message is not what we write",
			    kv_s("id", db_value(answer, i, 0)));
		if (i == n - 1 && uuid_parse(&mb->loaded, db_value(answer, i, 0)) != 0)
			n = 0;
	}
	if (n == PAGE) {
		ask(mb);
		return;
	}
	mb->loading = false;
	if (mb->taken > 0)
		log_warning("messages were taken up from the database: the index had lost them, or "
		            "never had them",
		    kv_u("items", mb->taken));
}

static void
ask(struct mailbox *mb)
{
	char from[UUID_STR_LEN + 1];
	const char *params[] = { from };

	uuid_print(&mb->loaded, from);
	/* Full: at the next connection. */
	mb->loading = db_exec(mb->db, page, 1, params, on_page, mb) == 0;
}

void
mailbox_load(struct mailbox *mb)
{
	if (mb->loading)
		return;
	memset(&mb->loaded, 0, sizeof(mb->loaded));
	mb->taken = 0;
	ask(mb);
}
