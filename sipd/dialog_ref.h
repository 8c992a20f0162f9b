/* SPDX-License-Identifier: ISC */
/*
 * Texts that name a dialog: the value of Replaces (RFC 3891), also within a Refer-To URI's header
 * part, and of Target-Dialog (RFC 4538). Pure: no sofia, so that it can be fuzzed.
 */
#ifndef WARDEN_SIPD_DIALOG_REF_H
#define WARDEN_SIPD_DIALOG_REF_H

#include <stdbool.h>
#include <stddef.h>

struct dialog_ref {
	char call_id[256];
	char to_tag[129];   /* to-tag, remote-tag: of the one who gets the text */
	char from_tag[129]; /* from-tag, local-tag: of the other one */
	bool early_only;
};

/* "12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only". false: no Call-ID or not both tags, or too
 * long. */
bool dialog_ref_parse(struct dialog_ref *ref, const char *text, size_t len);

/* The Replaces in a URI's header part ("Replaces=a%40b%3Bto-tag%3D..&X=y"). Returns 0: there is none,
 * 1: it is in ref, -1: one that cannot be understood. */
int dialog_ref_of_headers(struct dialog_ref *ref, const char *headers);

#endif
