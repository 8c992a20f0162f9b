/* SPDX-License-Identifier: ISC */
/* What the files mailbox*.c share. */
#ifndef WARDEN_FEATURED_REG_MAILBOX_IMPL_H
#define WARDEN_FEATURED_REG_MAILBOX_IMPL_H

#include <sys/queue.h>

#include <pthread.h>
#include <uthash.h>

#include "common/base/ckpt.h"
#include "common/base/log.h"
#include "featured/reg/mailbox.h"

struct box;

struct entry {
	struct mailbox_item item; /* first: an item is its entry */
	UT_hash_handle hh;        /* by item.id */
	TAILQ_ENTRY(entry) next;  /* of its box, in order of arrival */
	struct box *box;
	uint32_t slot;
};
TAILQ_HEAD(entry_list, entry);

struct pin_rec {
	char box[MAILBOX_USER_LEN + 1];
	uint8_t salt[16];
	uint8_t hash[32];   /* SHA-256 of salt and PIN; all 0: not changed */
	uint32_t failures;  /* since the last right one */
	uint64_t locked_ms; /* until then, Unix ms */
};

/* What belongs to one user; stays once made. */
struct box {
	UT_hash_handle hh;
	TAILQ_ENTRY(box) next_told;
	bool telling;
	uint64_t change; /* what is to be told: its newest one's number */
	bool was_told; /* of these counts */
	struct mailbox_counts counts;
	struct entry_list items;
	struct pin_rec pin;
	uint32_t pin_slot; /* CKPT_NONE: none */
	char user[MAILBOX_USER_LEN + 1];
};
TAILQ_HEAD(box_list, box);

/* The thread that brings the checkpoints to the disk. */
struct mailbox_sync {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t come;
	bool running, stop;
	uint64_t wanted, done; /* numbers of changes */
	int fds[2];
	int event_fd;
	sd_event_source *source;
};

struct mailbox {
	struct entry *items;
	struct box *boxes;
	struct ckpt *items_ck, *pins_ck;
	struct box_list told; /* to be told of, in the order of their changes */
	void (*watcher)(void *arg, const char *user);
	void *watcher_arg;
	struct mailbox_sync sync;
	/* mailbox_db.c's, NULL without a database: so that this links without one. */
	void (*db_changed)(struct mailbox *mb);
	void (*db_close)(struct mailbox *mb);
	struct db *db;
	sd_event *event;
	sd_event_source *db_timer;
	bool db_up, db_busy, db_waiting;
	bool loading; /* what the table has, and the index has not */
	uint32_t taken; /* so many of these */
	struct uuid loaded; /* up to this one */
	bool mail; /* each message makes an event for a mail */
	struct log_bucket bucket;
};

/* mailbox_sync.c */
int mailbox_sync_start(struct mailbox *mb, const char *const paths[2]);
void mailbox_sync_stop(struct mailbox *mb);
void mailbox_sync_want(struct mailbox *mb); /* something was changed */
/* calls the watcher for those in told whose newest change is not after done */
void mailbox_tell(struct mailbox *mb, uint64_t done);

/* mailbox_load.c: rows that the index lacks are taken up. At each connection. */
void mailbox_load(struct mailbox *mb);

/* mailbox.c */
struct box *mailbox_box(const struct mailbox *mb, const char *user); /* NULL: none */
struct box *mailbox_box_made(struct mailbox *mb, const char *user);  /* NULL: no memory, too long */
/* An item as it stands in the database. NULL: it is known, not sound, or there is no room. */
struct mailbox_item *mailbox_take(struct mailbox *mb, const struct mailbox_item *item);
void mailbox_save(struct mailbox *mb, struct entry *e);
/* Forgets the item if nobody needs to hear of it any more. */
void mailbox_forget(struct mailbox *mb, struct entry *e);

#endif
