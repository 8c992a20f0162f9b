/* SPDX-License-Identifier: ISC */
/*
 * The documents of subscriptions: PIDF (RFC 3863, 4480), dialog-info (RFC 4235), message summary
 * (RFC 3842). Pure: what there is to say goes in, bytes come out, with the holes that sipd fills
 * (common/ipc/schema/watch.def). Called by watch.c once for each change, however many watch.
 */
#ifndef WARDEN_REG_DOCS_H
#define WARDEN_REG_DOCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

#define DOCS_PIDF    "application/pidf+xml"
#define DOCS_DIALOG  "application/dialog-info+xml"
#define DOCS_SUMMARY "application/simple-message-summary"

#define DOCS_DIALOGS_MAX 2 /* so many of a user's go into a document: it shall fit a packet */

enum docs_state {
	DOCS_TRYING = 1,
	DOCS_EARLY = 2,
	DOCS_CONFIRMED = 3,
};

/* One dialog of the user's phone. */
struct docs_dialog {
	uint64_t leg;
	uint8_t state;   /* enum docs_state */
	bool initiator;  /* its phone called */
	bool held;
	char remote[65]; /* the other party, "" unknown */
	char remote_name[129];
};

/* status: enum presence_status. on_phone: besides, there is a call. */
void docs_pidf(struct buf *out, const char *user, uint8_t status, const char *message, bool on_phone);

/* The n dialogs, the most telling first; beyond DOCS_DIALOGS_MAX they are left out. */
void docs_dialog_info(struct buf *out, const char *user, const struct docs_dialog *dialogs, size_t n);

/* account: whose mailbox; urgent ones are among those counted. */
void docs_summary(struct buf *out, const char *account, unsigned fresh, unsigned old,
    unsigned fresh_urgent, unsigned old_urgent);

/* For topic_state: of type and body, never 0. */
uint64_t docs_hash(const char *type, const struct buf *body);

/* "available", ..., as the API says it. NULL: none of ours. */
const char *docs_status_name(uint8_t status);

#endif
