/* SPDX-License-Identifier: ISC */
/* What bindings.c and bindings_db.c share. Nobody else includes it. */
#ifndef WARDEN_REG_BINDINGS_IMPL_H
#define WARDEN_REG_BINDINGS_IMPL_H

#include "common/base/ckpt.h"
#include "featured/hash.h"
#include "featured/reg/bindings.h"

struct entry {
	struct binding	 b;		/* first: a struct binding * is a struct entry * */
	struct entry	*next;		/* of the AOR, in order of the last refresh */
	struct aor	*aor;
	uint32_t	 slot;		/* in the checkpoint */
	uint32_t	 heap_at;
	bool		 told_empty;
	/* For the database: to be written. */
	bool		 dirty;
	struct entry	*dirty_next, **dirty_prev;
};

struct aor {
	char		name[AOR_LEN + 1];
	struct entry	*first;
	unsigned	n;
	UT_hash_handle	hh;
};

/* ids to be deleted; more of them are found by the next full comparison */
#define REMOVED_MAX 2000

struct bindings_db {
	struct db	*db;
	bool		 up;
	bool		 loaded;	/* what the database had was taken up, or need not be */
	bool		 busy;	/* a statement is under way: one at a time, so that order holds */
	bool		 compare;	/* rows that memory does not have are to be deleted first */
	struct entry	*dirty;
	struct entry	**dirty_last;
	uint64_t	 removed[REMOVED_MAX];
	size_t		 nremoved;
	sd_event_source	*timer;
	bool		 waiting;	/* the timer is armed */
};

struct bindings {
	const struct settings	*settings;
	sd_event		*event;
	sd_event_source		*timer;
	uint64_t		 armed_ms;
	struct aor		*aors;
	struct entry		**heap;		/* count of them, the soonest expiry first */
	uint32_t		 count;
	struct ckpt		*ckpt;
	bool			 fresh;		/* there was no checkpoint */
	struct bindings_db	 db;
};

void bindings_arm(struct bindings *b);

/* bindings_db.c */
void bindings_db_changed(struct bindings *b, struct entry *e);
void bindings_db_removed(struct bindings *b, struct entry *e);
void bindings_db_close(struct bindings *b);

#endif
