/* SPDX-License-Identifier: ISC */
/*
 * Texts that name a dialog: the value of Replaces (RFC 3891), also within a Refer-To URI's header
 * part, and of Target-Dialog (RFC 4538). Pure: no sofia, so that it can be fuzzed.
 */
#ifndef WARDEN_SIPD_DIALOG_REF_H
#define WARDEN_SIPD_DIALOG_REF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dialog_ref {
	char call_id[256];
	char to_tag[129];   /* to-tag, remote-tag: of the one who gets the text */
	char from_tag[129]; /* from-tag, local-tag: of the other one */
	bool early_only;
};

/*
 * "12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only". false: no Call-ID or not both tags, or
 * too long.
 */
bool dialog_ref_parse(struct dialog_ref *ref, const char *text, size_t len);

/*
 * Who watches a lamp is told names that are made up, and never the dialog's own: who knows those
 * can end, redirect and transfer the call like its party. A made-up one is good for a pickup only.
 * The leg that it means, or 0: it is not one of those.
 */
#define DIALOG_REF_LAMP "lamp-"
uint64_t dialog_ref_lamp(const struct dialog_ref *ref);

/*
 * The Replaces in a URI's header part ("Replaces=a%40b%3Bto-tag%3D..&X=y"). Returns 0: there is
 * none, 1: it is in ref, -1: one that cannot be understood.
 */
int dialog_ref_of_headers(struct dialog_ref *ref, const char *headers);

#endif
