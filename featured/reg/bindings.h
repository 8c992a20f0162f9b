/* SPDX-License-Identifier: ISC */
/*
 * The location service (RFC 3261 section 10): which contacts an address of record has. In memory,
 * hashed by AOR; each change is put into the checkpoint own_dir/bindings.ckpt at once (a restart of
 * featured finds all again) and written behind into PostgreSQL's table binding (a restart of the
 * machine does).
 *
 * Main thread only. Nothing here waits for the database.
 */
#ifndef WARDEN_REG_BINDINGS_H
#define WARDEN_REG_BINDINGS_H

#include <systemd/sd-event.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "featured/settings.h"

#define BINDINGS_MAX 20000	/* contacts in all */
#define AOR_LEN (EXT_NUMBER_LEN + 1 + DOMAIN_LEN)

struct bindings;
struct db;

/* One contact of an AOR. Also the checkpoint's record: fields are only ever appended. */
struct binding {
	char		aor[AOR_LEN + 1];	/* "1001@warden" */
	/* exactly as the phone sent it: for leg_dial's request_uri and the 200's Contact */
	char		uri[256];
	char		params[256];		/* header parameters other than expires, as sent */
	char		source[57];		/* "IP:PORT" the REGISTER came from */
	char		path[256];
	char		user_agent[129];
	char		sip_call_id[256];
	uint32_t	cseq;
	uint16_t	q;			/* q * 1000 */
	uint8_t		transport;		/* enum sip_transport */
	uint64_t	since_ms;		/* first registered, Unix ms */
	uint64_t	updated_ms;		/* last refreshed */
	uint64_t	expires_ms;		/* Unix ms */
	uint64_t	id;			/* random; the key in the database */
	uint64_t	anew_ms;		/* when its phone began, with this Call-ID */
};

/*
 * What the registrar needs to change a binding. Opens own_dir/bindings.ckpt (own_dir NULL: memory
 * only) and takes up what has not expired.
 * event: for the expiry timer, NULL: none (tests call bindings_expire()). Returns 0 or -errno.
 */
int bindings_open(struct bindings **out, sd_event *event, const char *own_dir,
    const struct settings *settings);
void bindings_close(struct bindings **b);
void bindings_settings(struct bindings *b, const struct settings *settings);

/*
 * Changes go to db from now on; when the checkpoint was new (the machine restarted), the bindings
 * of the database are taken up once it is there.
 */
void bindings_database(struct bindings *b, struct db *db);

/*
 * For dialling: the present contacts of user in the default domain, best q first, then the newest.
 * Up to max pointers into out, valid until the next change (so: not over a turn). Returns how many.
 * leg_dial: request_uri = uri, route = source (a phone behind NAT is reached only there),
 * transport, path.
 */
size_t bindings_lookup(const struct bindings *b, const char *user, uint64_t now_ms,
    const struct binding **out, size_t max);

/* How many AORs have a contact, and how many contacts there are. */
uint32_t bindings_aors(const struct bindings *b);
uint32_t bindings_count(const struct bindings *b);

/* For register.c. aor: "user@domain". */
/* of the AOR, oldest refresh first; NULL none */
struct binding *bindings_first(struct bindings *b, const char *aor);
struct binding *bindings_next(struct binding *one);
/*
 * A copy of want is kept (want->id is made when 0). The oldest gives way when the AOR has
 * max_contacts. NULL: memory or BINDINGS_MAX.
 */
struct binding *bindings_add(struct bindings *b, const struct binding *want);
void bindings_changed(struct bindings *b, struct binding *one);	/* after its fields were written */
void bindings_remove(struct bindings *b, struct binding *one, const char *why);
/*
 * Whether this phone was told when it registered that no message waits, and none has come since. In memory alone: a
 * phone that is told once more is none the worse. A new Call-ID (the phone has started again) makes it false.
 */
bool bindings_told_empty(const struct binding *one);
void bindings_set_told_empty(const struct binding *one, bool told);
/* Drops what has expired; returns when the next one does (Unix ms), UINT64_MAX none. */
uint64_t bindings_expire(struct bindings *b, uint64_t now_ms);

#endif
