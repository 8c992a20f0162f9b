/* SPDX-License-Identifier: ISC */
/* See mailbox.h: the index of messages, greetings and announcements. */
#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/reg/mailbox_impl.h"

#define ITEMS_MAGIC 0x574d5347 /* "WMSG" */
#define PINS_MAGIC  0x5750494e /* "WPIN" */
#define VERSION     1

/* ---- names ---- */

const char *
mailbox_kind_name(uint8_t kind)
{
	static const char *const names[] = { "", "message", "unavailable", "busy", "name",
		"temporary", "comment", "announcement" };

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

const char *
mailbox_state_name(uint8_t state)
{
	static const char *const names[] = { "", "recording", "draft", "kept", "deleted", "gone" };

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

static const char *const folders[MAILBOX_FOLDERS] = { "new", "old", "work", "family", "friends" };

const char *
mailbox_folder_name(uint8_t folder)
{
	return folder < MAILBOX_FOLDERS ? folders[folder] : "unknown";
}

int
mailbox_folder_by_name(const char *name)
{
	for (int i = 0; i < MAILBOX_FOLDERS; i++) {
		if (str_eq(folders[i], name))
			return i;
	}
	return -1;
}

/* ---- boxes and entries ---- */

struct box *
mailbox_box(const struct mailbox *mb, const char *user)
{
	struct box *box = NULL;

	if (mb != NULL)
		HASH_FIND(hh, mb->boxes, user, strlen(user), box);
	return box;
}

struct box *
mailbox_box_made(struct mailbox *mb, const char *user)
{
	struct box *box = mailbox_box(mb, user);

	if (box != NULL || strlen(user) > MAILBOX_USER_LEN)
		return box;
	if ((box = mem_new(sizeof(*box))) == NULL)
		return NULL;
	str_copy(box->user, sizeof(box->user), user);
	str_copy(box->pin.box, sizeof(box->pin.box), user);
	box->pin_slot = CKPT_NONE;
	TAILQ_INIT(&box->items);
	HASH_ADD(hh, mb->boxes, user, strlen(box->user), box);
	return box;
}

static void
insert(struct box *box, struct entry *e)
{
	struct entry *after = TAILQ_LAST(&box->items, entry_list);

	while (after != NULL && after->item.received_ms > e->item.received_ms)
		after = TAILQ_PREV(after, entry_list, next);
	if (after != NULL)
		TAILQ_INSERT_AFTER(&box->items, after, e, next);
	else
		TAILQ_INSERT_HEAD(&box->items, e, next);
	e->box = box;
}

static struct entry *
add(struct mailbox *mb, const struct mailbox_item *item, uint32_t slot)
{
	struct box *box = mailbox_box_made(mb, item->box);
	struct entry *e = box != NULL ? mem_new(sizeof(*e)) : NULL;

	if (e == NULL)
		return NULL;
	e->item = *item;
	e->slot = slot;
	insert(box, e);
	HASH_ADD(hh, mb->items, item.id, sizeof(e->item.id), e);
	return e;
}

void
mailbox_save(struct mailbox *mb, struct entry *e)
{
	ckpt_put(mb->items_ck, e->slot, &e->item);
}

void
mailbox_forget(struct mailbox *mb, struct entry *e)
{
	const struct mailbox_item *i = &e->item;

	if (i->state != MAILBOX_GONE || !i->file_gone ||
	    (mb->db != NULL && i->stored != i->version))
		return;
	ckpt_del(mb->items_ck, e->slot);
	HASH_DEL(mb->items, e);
	TAILQ_REMOVE(&e->box->items, e, next);
	mem_free(&e);
}

static void
tell_of(struct mailbox *mb, struct box *box)
{
	if (box->telling)
		TAILQ_REMOVE(&mb->told, box, next_told);
	box->telling = true;
	box->change = mb->sync.wanted + 1;	/* mailbox_sync_want() follows */
	TAILQ_INSERT_TAIL(&mb->told, box, next_told);
}

/* ---- opening ---- */

/* A record that has passed its checksum, but was written by something else than this. */
static bool
is_sound(const struct mailbox_item *i)
{
#define ENDS(field) (memchr((field), '\0', sizeof(field)) != NULL)
	return i->kind >= MAILBOX_MESSAGE && i->kind <= MAILBOX_ANNOUNCEMENT &&
	    i->state >= MAILBOX_RECORDING && i->state <= MAILBOX_GONE &&
	    i->folder < MAILBOX_FOLDERS && ENDS(i->box) && ENDS(i->file_box) &&
	    ENDS(i->comment_box) && ENDS(i->from) && ENDS(i->from_name);
#undef ENDS
}

/* Returns 0 or -ENOMEM: then everything stays on the disk for the next try. */
static int
load(struct mailbox *mb)
{
	const struct mailbox_item *item;
	const struct pin_rec *pin;
	struct box *box;

	for (uint32_t s = ckpt_next(mb->items_ck, 0); s != CKPT_NONE;
	     s = ckpt_next(mb->items_ck, s + 1)) {
		item = ckpt_get(mb->items_ck, s);
		if (item == NULL || !is_sound(item) || mailbox_find(mb, &item->id) != NULL) {
			log_error("a message's record is not usable and dropped", kv_u("slot", s));
			ckpt_del(mb->items_ck, s);
		} else if (add(mb, item, s) == NULL) {
			return -ENOMEM;
		}
	}
	for (uint32_t s = ckpt_next(mb->pins_ck, 0); s != CKPT_NONE;
	     s = ckpt_next(mb->pins_ck, s + 1)) {
		pin = ckpt_get(mb->pins_ck, s);
		if (pin == NULL || memchr(pin->box, '\0', sizeof(pin->box)) == NULL) {
			ckpt_del(mb->pins_ck, s);
			continue;
		}
		if ((box = mailbox_box_made(mb, pin->box)) == NULL)
			return -ENOMEM;
		if (box->pin_slot != CKPT_NONE) {
			ckpt_del(mb->pins_ck, s);
			continue;
		}
		box->pin = *pin;
		box->pin_slot = s;
	}
	return 0;
}

int
mailbox_open(struct mailbox **out, sd_event *event, const char *dir)
{
	struct mailbox *mb = mem_new(sizeof(*mb));
	char items[300], pins[300];
	const char *const paths[2] = { items, pins };
	int r;

	*out = NULL;
	if (mb == NULL)
		return -ENOMEM;
	mb->event = event;
	mb->sync.fds[0] = mb->sync.fds[1] = mb->sync.event_fd = -1;
	TAILQ_INIT(&mb->told);
	r = str_format(items, sizeof(items), "%s/mailbox.ckpt", dir) &&
	        str_format(pins, sizeof(pins), "%s/mailbox_pins.ckpt", dir)
	    ? 0
	    : -ENAMETOOLONG;
	if (r == 0)
		r = ckpt_open(&mb->items_ck, items, ITEMS_MAGIC, VERSION,
		    sizeof(struct mailbox_item), MAILBOX_ITEMS_MAX);
	if (r == 0)
		r = ckpt_open(&mb->pins_ck, pins, PINS_MAGIC, VERSION, sizeof(struct pin_rec),
		    MAILBOX_PINS_MAX);
	if (r == 0)
		r = load(mb);
	if (r == 0)
		r = mailbox_sync_start(mb, paths);
	if (r < 0)
		mailbox_close(&mb);
	*out = mb;
	return r;
}

void
mailbox_close(struct mailbox **pp)
{
	struct mailbox *mb = *pp;
	struct entry *e, *etmp;
	struct box *box, *btmp;

	*pp = NULL;
	if (mb == NULL)
		return;
	if (mb->db_close != NULL)
		mb->db_close(mb);
	mailbox_sync_stop(mb);
	HASH_ITER(hh, mb->items, e, etmp)
	{
		HASH_DEL(mb->items, e);
		free(e);
	}
	HASH_ITER(hh, mb->boxes, box, btmp)
	{
		HASH_DEL(mb->boxes, box);
		free(box);
	}
	ckpt_close(&mb->items_ck);
	ckpt_close(&mb->pins_ck);
	free(mb);
}

void
mailbox_watch(struct mailbox *mb, void (*cb)(void *arg, const char *user), void *arg)
{
	mb->watcher = cb;
	mb->watcher_arg = arg;
}

void
mailbox_mail(struct mailbox *mb, bool yes)
{
	mb->mail = yes;
}

/* ---- items ---- */

struct mailbox_item *
mailbox_find(const struct mailbox *mb, const struct uuid *id)
{
	struct entry *e = NULL;

	if (mb != NULL)
		HASH_FIND(hh, mb->items, id, sizeof(*id), e);
	return e != NULL ? &e->item : NULL;
}

void
mailbox_changed(struct mailbox *mb, struct mailbox_item *item, uint64_t now_ms)
{
	struct entry *e = (struct entry *)item;

	item->version++;
	item->changed_ms = now_ms;
	mailbox_save(mb, e);
	if (item->kind == MAILBOX_MESSAGE)
		tell_of(mb, e->box);
	if (mb->db_changed != NULL)
		mb->db_changed(mb);
	mailbox_sync_want(mb);
}

struct mailbox_item *
mailbox_take(struct mailbox *mb, const struct mailbox_item *item)
{
	struct entry *e;
	uint32_t slot;

	if (!is_sound(item) || mailbox_find(mb, &item->id) != NULL)
		return NULL;
	slot = ckpt_alloc(mb->items_ck);
	e = slot != CKPT_NONE ? add(mb, item, slot) : NULL;
	if (e == NULL) {
		log_limited(&mb->bucket, LL_ERROR, "no room for another message");
		ckpt_del(mb->items_ck, slot);
		return NULL;
	}
	mailbox_save(mb, e);
	if (item->kind == MAILBOX_MESSAGE)
		tell_of(mb, e->box);
	mailbox_sync_want(mb);
	return &e->item;
}

static struct mailbox_item *
make(struct mailbox *mb, const struct mailbox_item *item, uint64_t now_ms)
{
	struct mailbox_item *made = mailbox_take(mb, item);

	if (made != NULL)
		mailbox_changed(mb, made, now_ms);
	return made;
}

struct mailbox_item *
mailbox_new(struct mailbox *mb, enum mailbox_kind kind, const char *box, const struct uuid *call,
    uint64_t now_ms)
{
	struct mailbox_item item = { .id = uuid_v7(now_ms),
		.call = *call,
		.kind = (uint8_t)kind,
		.state = MAILBOX_RECORDING,
		.received_ms = now_ms };

	if (mb == NULL)
		return NULL;
	item.file = item.id;
	str_copy(item.box, sizeof(item.box), box);
	str_copy(item.file_box, sizeof(item.file_box), box);
	return make(mb, &item, now_ms);
}

struct mailbox_item *
mailbox_forward(struct mailbox *mb, const struct mailbox_item *message,
    const struct mailbox_item *comment, const char *box, uint64_t now_ms)
{
	struct mailbox_item item = *message;

	item.id = uuid_v7(now_ms);
	item.state = MAILBOX_KEPT;
	item.folder = MAILBOX_NEW;
	item.heard = 0;
	item.version = item.stored = 0;
	item.received_ms = now_ms;
	str_copy(item.box, sizeof(item.box), box);
	if (comment != NULL) {
		item.comment = comment->file;
		str_copy(item.comment_box, sizeof(item.comment_box), comment->file_box);
		item.duration_ms += comment->duration_ms;
	}
	return make(mb, &item, now_ms);
}

bool
mailbox_file_used(const struct mailbox *mb, const struct uuid *file)
{
	for (const struct entry *e = mb->items; e != NULL; e = e->hh.next) {
		if (e->item.state != MAILBOX_GONE &&
		    (uuid_cmp(&e->item.file, file) == 0 || uuid_cmp(&e->item.comment, file) == 0))
			return true;
	}
	return false;
}

static bool
comment_used(const struct mailbox *mb, const struct uuid *file)
{
	for (const struct entry *e = mb->items; e != NULL; e = e->hh.next) {
		if (e->item.state != MAILBOX_GONE && e->item.kind == MAILBOX_MESSAGE &&
		    uuid_cmp(&e->item.comment, file) == 0)
			return true;
	}
	return false;
}

void
mailbox_gone(struct mailbox *mb, struct mailbox_item *item, uint64_t now_ms)
{
	struct mailbox_item *comment;

	if (item->state == MAILBOX_GONE)
		return;
	item->state = MAILBOX_GONE;
	/* Who has the sound now sees to its end. */
	item->file_gone = mailbox_file_used(mb, &item->file);
	mailbox_changed(mb, item, now_ms);
	/* The comment goes with the last message that it stands before. */
	if (item->comment_box[0] != '\0' && (comment = mailbox_find(mb, &item->comment)) != NULL &&
	    !comment_used(mb, &item->comment))
		mailbox_gone(mb, comment, now_ms);
	mailbox_forget(mb, (struct entry *)item);
}

void
mailbox_file_gone(struct mailbox *mb, const struct uuid *file, uint64_t now_ms)
{
	struct entry *e, *tmp;

	HASH_ITER(hh, mb->items, e, tmp)
	{
		if (e->item.state != MAILBOX_GONE || e->item.file_gone ||
		    uuid_cmp(&e->item.file, file) != 0)
			continue;
		e->item.file_gone = 1;
		e->item.changed_ms = now_ms;
		mailbox_save(mb, e);
		mailbox_sync_want(mb);
		mailbox_forget(mb, e);
	}
}

void
mailbox_each(struct mailbox *mb, void (*cb)(void *arg, struct mailbox_item *item), void *arg)
{
	struct entry *e, *tmp;

	if (mb == NULL)
		return;
	HASH_ITER(hh, mb->items, e, tmp)
	cb(arg, &e->item);
}

/* ---- looking ---- */

static bool
is_message(const struct mailbox_item *i)
{
	return i->kind == MAILBOX_MESSAGE &&
	    (i->state == MAILBOX_KEPT || i->state == MAILBOX_DELETED);
}

void
mailbox_count(const struct mailbox *mb, const char *user, struct mailbox_counts *c)
{
	const struct box *box = mailbox_box(mb, user);
	const struct entry *e;

	memset(c, 0, sizeof(*c));
	if (box == NULL)
		return;
	TAILQ_FOREACH(e, &box->items, next)
	{
		if (!is_message(&e->item) || e->item.state == MAILBOX_DELETED)
			continue;
		if (e->item.folder == MAILBOX_NEW && !e->item.heard) {
			c->fresh++;
			c->fresh_urgent += e->item.urgent;
		} else {
			c->old++;
			c->old_urgent += e->item.urgent;
		}
	}
}

void
mailbox_counts(const struct mailbox *mb, const char *user, uint32_t *fresh, uint32_t *old)
{
	struct mailbox_counts c;

	mailbox_count(mb, user, &c);
	*fresh = c.fresh;
	*old = c.old;
}

struct mailbox_item *
mailbox_greeting(const struct mailbox *mb, const char *user, enum mailbox_kind kind)
{
	const struct box *box = mailbox_box(mb, user);
	struct mailbox_item *newest = NULL;
	struct entry *e;

	if (box == NULL)
		return NULL;
	TAILQ_FOREACH(e, &box->items, next)
	{
		if (e->item.kind == kind && e->item.state == MAILBOX_KEPT)
			newest = &e->item;
	}
	return newest;
}

struct mailbox_item *
mailbox_nth(const struct mailbox *mb, const char *user, enum mailbox_folder folder, size_t i)
{
	const struct box *box = mailbox_box(mb, user);
	struct entry *e;

	for (int urgent = 1; box != NULL && urgent >= 0; urgent--) {
		TAILQ_FOREACH(e, &box->items, next)
		{
			if (is_message(&e->item) && e->item.folder == folder &&
			    (e->item.urgent != 0) == urgent && i-- == 0)
				return &e->item;
		}
	}
	return NULL;
}

size_t
mailbox_folder_size(const struct mailbox *mb, const char *user, enum mailbox_folder folder)
{
	const struct box *box = mailbox_box(mb, user);
	const struct entry *e;
	size_t n = 0;

	if (box == NULL)
		return 0;
	TAILQ_FOREACH(e, &box->items, next)
	n += is_message(&e->item) && e->item.folder == folder;
	return n;
}

size_t
mailbox_size(const struct mailbox *mb, const char *user)
{
	const struct box *box = mailbox_box(mb, user);
	const struct entry *e;
	size_t n = 0;

	if (box == NULL)
		return 0;
	TAILQ_FOREACH(e, &box->items, next)
	n += e->item.kind == MAILBOX_MESSAGE && e->item.state != MAILBOX_GONE;
	return n;
}
