/* SPDX-License-Identifier: ISC */
/*
 * Documents for subscriptions: fills the holes that featured has left in them
 * (common/ipc/schema/watch.def), and writes what holds the documents of a resource list together
 * (RFC 4662). Pure: no sofia, so that it can be tested and fuzzed by itself.
 */
#ifndef WARDEN_SIPD_DOC_H
#define WARDEN_SIPD_DOC_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/ipc/schema.h"

/* What the holes are filled with. */
struct doc_holes {
	uint32_t version; /* documents that the subscription has got before */
	const char *host; /* by which it calls us, as in a URI */
	/* The attributes of that leg's dialog into out; nothing when it is unknown. NULL: never. */
	void (*dialog)(struct buf *out, uint64_t leg);
};

void doc_fill(struct buf *out, const struct ipc_view *body, const struct doc_holes *holes);

/* call-id="..." and the tags by which a watcher may name that leg's dialog (dialog_ref_lamp()). */
void doc_dialog(struct buf *out, uint64_t leg);

/* A part of a resource list's NOTIFY. */
struct doc_member {
	const char *user, *name;
	const char *content_type;  /* of body; NULL: no document goes with it this time */
	const struct ipc_view *body;
	unsigned number;           /* names the part; unlike that of any other member */
};

#define DOC_BOUNDARY "warden-list-part"

/*
 * multipart/related of the list's members: the RLMI document (version, full: it names every
 * member) and a part for each that has a body. uri_user: the list's own.
 */
void doc_list(struct buf *out, const char *uri_user, bool full, const struct doc_member *members,
    size_t n, const struct doc_holes *holes);

#endif
