/* SPDX-License-Identifier: ISC */
/*
 * Voicemail's index: every message, greeting and announcement that was or is being recorded, and
 * each mailbox's changed PIN. In memory, and in two checkpoints in the state directory (mailbox.ckpt,
 * mailbox_pins.ckpt), so that it works while PostgreSQL is away and survives any kill; a thread
 * brings changes to the disk (mailbox_sync.c), and PostgreSQL gets a row of each (mailbox_db.c),
 * from which the index is made anew where it was lost (mailbox_load.c).
 *
 * An item exists before its file does: mailbox_new(), then mediad is told to record. What is not
 * kept in the end is GONE: it stays until mediad has said that the file is no more, and PostgreSQL
 * that it has heard. So there is no file that nobody knows.
 *
 * Main thread only. Pointers to items are good until the item is forgotten, which only happens in
 * mailbox_forget(); text in them is never longer than its field.
 */
#ifndef WARDEN_FEATURED_REG_MAILBOX_H
#define WARDEN_FEATURED_REG_MAILBOX_H

#include <systemd/sd-event.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/id.h"

#define MAILBOX_ITEMS_MAX 30000
#define MAILBOX_PINS_MAX  20000
#define MAILBOX_USER_LEN  64

struct db;
struct mailbox;

enum mailbox_kind {
	MAILBOX_MESSAGE = 1,
	MAILBOX_UNAVAILABLE = 2, /* greetings */
	MAILBOX_BUSY = 3,
	MAILBOX_NAME = 4,
	MAILBOX_TEMPORARY = 5,
	MAILBOX_COMMENT = 6,      /* put before a forwarded message */
	MAILBOX_ANNOUNCEMENT = 7, /* box is its number */
};

enum mailbox_state {
	MAILBOX_RECORDING = 1,
	MAILBOX_DRAFT = 2,  /* recorded; whoever recorded it may still throw it away */
	MAILBOX_KEPT = 3,
	MAILBOX_DELETED = 4, /* by its owner, who may take it back until he hangs up */
	MAILBOX_GONE = 5,
};

/* Folders; the keys that choose them in the menu. */
enum mailbox_folder {
	MAILBOX_NEW,
	MAILBOX_OLD,
	MAILBOX_WORK,
	MAILBOX_FAMILY,
	MAILBOX_FRIENDS,
	MAILBOX_FOLDERS
};

/* The record in the checkpoint: fields are only appended. */
struct mailbox_item {
	struct uuid id;
	struct uuid call;     /* in which it is or was recorded */
	struct uuid file;     /* its sound; of a forwarded message the first one's */
	struct uuid comment;  /* the sound of what was said before it; all 0: nothing */
	char box[MAILBOX_USER_LEN + 1];
	char file_box[MAILBOX_USER_LEN + 1];    /* the sound is at file_box/file */
	char comment_box[MAILBOX_USER_LEN + 1];
	char from[65];
	char from_name[129];
	uint8_t kind;         /* enum mailbox_kind */
	uint8_t state;        /* enum mailbox_state */
	uint8_t folder;       /* enum mailbox_folder */
	uint8_t heard;        /* NEW, but played: counts as old, and becomes it at the end */
	uint8_t urgent;
	uint8_t lost;         /* RECORDING, but mediad knows of no recording: is there a file? */
	uint8_t file_gone;    /* mediad has said so */
	uint8_t pad;
	uint32_t duration_ms;
	uint32_t version;     /* counts changes */
	uint32_t stored;      /* the version that PostgreSQL has */
	uint32_t pad2;
	uint64_t bytes;
	uint64_t received_ms; /* Unix ms */
	uint64_t changed_ms;
};

struct mailbox_counts {
	uint32_t fresh, old;               /* messages */
	uint32_t fresh_urgent, old_urgent; /* of them */
};

/* Opens or makes the files in dir. event NULL (tests): no thread, changes are told at once. */
int mailbox_open(struct mailbox **out, sd_event *event, const char *dir);
void mailbox_close(struct mailbox **mb);
void mailbox_database(struct mailbox *mb, struct db *db); /* borrowed */
/* Should each message put an event into the outbox? */
void mailbox_mail(struct mailbox *mb, bool yes);

/*
 * cb is called for a user whose counts may have changed, once the change is on the disk. One
 * watcher.
 */
void mailbox_watch(struct mailbox *mb, void (*cb)(void *arg, const char *user), void *arg);
/* Message waiting. mb NULL: none. */
void mailbox_count(const struct mailbox *mb, const char *user, struct mailbox_counts *counts);
/* The same in short. */
void mailbox_counts(const struct mailbox *mb, const char *user, uint32_t *fresh, uint32_t *old);

/* A new item in state RECORDING, its file named like it. NULL: full. */
struct mailbox_item *mailbox_new(struct mailbox *mb, enum mailbox_kind kind, const char *box,
    const struct uuid *call, uint64_t now_ms);
struct mailbox_item *mailbox_find(const struct mailbox *mb, const struct uuid *id);
/* After a change of item: it goes to the disk, to PostgreSQL, and is told. */
void mailbox_changed(struct mailbox *mb, struct mailbox_item *item, uint64_t now_ms);
/* The item is not wanted any more. Its file may be (another message's): mailbox_file_used(). */
void mailbox_gone(struct mailbox *mb, struct mailbox_item *item, uint64_t now_ms);
/* Is the sound needed by an item that is not GONE? */
bool mailbox_file_used(const struct mailbox *mb, const struct uuid *file);
/* mediad says that the file is no more. Forgets items that nobody needs to hear of. */
void mailbox_file_gone(struct mailbox *mb, const struct uuid *file, uint64_t now_ms);

/* A copy of message for box, with comment (NULL: none) before it. NULL: full. */
struct mailbox_item *mailbox_forward(struct mailbox *mb, const struct mailbox_item *message,
    const struct mailbox_item *comment, const char *box, uint64_t now_ms);

/* The greeting (or announcement) that box has; NULL: none. */
struct mailbox_item *mailbox_greeting(const struct mailbox *mb, const char *box,
    enum mailbox_kind kind);

/*
 * The messages of a folder in order of arrival, urgent ones first, DELETED ones too: how many, and
 * the i-th.
 */
size_t mailbox_folder_size(const struct mailbox *mb, const char *box, enum mailbox_folder folder);
struct mailbox_item *mailbox_nth(const struct mailbox *mb, const char *box,
    enum mailbox_folder folder, size_t i);
/* All messages of box that its owner can hear, and those that are being left. */
size_t mailbox_size(const struct mailbox *mb, const char *box);

/* cb for every item; it may change or end the item. */
void mailbox_each(struct mailbox *mb, void (*cb)(void *arg, struct mailbox_item *item), void *arg);

/* PINs: one that was changed by phone counts in place of the settings' one. */
bool mailbox_pin_ok(const struct mailbox *mb, const char *box, const char *settings_pin,
    const char *pin);
bool mailbox_pin_set(struct mailbox *mb, const char *box, const char *pin);
/* Wrong ones are counted; after max of them the box is closed for lock_ms. */
void mailbox_pin_wrong(struct mailbox *mb, const char *box, uint32_t max, uint64_t lock_ms,
    uint64_t now_ms);
void mailbox_pin_right(struct mailbox *mb, const char *box);
bool mailbox_pin_locked(const struct mailbox *mb, const char *box, uint64_t now_ms);

const char *mailbox_kind_name(uint8_t kind);
const char *mailbox_state_name(uint8_t state);
const char *mailbox_folder_name(uint8_t folder); /* "new", "old", "work", ... */
/* -1: no such folder. */
int mailbox_folder_by_name(const char *name);

#endif
