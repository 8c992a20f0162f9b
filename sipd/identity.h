/* SPDX-License-Identifier: ISC */
/*
 * Who is at the other end, in headers: P-Asserted-Identity (RFC 3325), Remote-Party-ID, Privacy (RFC
 * 3323), and where a call was before: Diversion (RFC 5806), History-Info (RFC 7044). identity.c
 * reads requests and makes headers, identity_text.c takes their text apart and knows no sofia.
 */
#ifndef WARDEN_SIPD_IDENTITY_H
#define WARDEN_SIPD_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/ipc/schema.h"

struct leg;

#define IDENTITY_HEADERS_MAX 4096 /* of all that identity_of_dial() makes */
#define IDENTITY_PARTY_MAX   1200 /* of what identity_of_party() makes */

/* ---- identity_text.c ---- */

/* What may stand in a user part unescaped; url_escape()'s way. */
#define IDENTITY_RESERVED "\"<>@;?:/ \\,"

/*
 * A name in quotes and a blank, ready to stand before '<'; "" for no name. Control characters are
 * left out, and what does not fit (out has at least 8 bytes).
 */
void identity_print_name(char *out, size_t size, const char *name);
/* "sip:USER@DOMAIN"; "sip:anonymous@anonymous.invalid" without a user. */
void identity_print_uri(char *out, size_t size, const char *user, const char *domain);

/*
 * The number of entries in a header's comma-separated value; one with ";param=N" counts N times (not
 * over 100), one without the parameter once, or, with must, not at all.
 */
unsigned identity_entries(const char *value, const char *param, bool must);

/*
 * Values for the two headers of a call that came to target by way of others. diverted: as in
 * leg_dial. before: the value that came in, "" none. "" when there is nothing to say or no room.
 */
void identity_diversion(char *out, size_t size, const char *diverted, const char *before,
    const char *domain);
void identity_history(char *out, size_t size, const char *diverted, const char *before,
    const char *target, const char *domain);

/* ---- identity.c ---- */

/* Fills the fields about the caller's privacy and the call's past. */
struct sip_s;
void identity_of_request(struct msg_leg_offered *m, const struct sip_s *sip);
/* All of those headers for an INVITE, each line ended by CRLF but the last; "" none. */
void identity_of_dial(char *out, size_t size, const struct msg_leg_dial *m);
/* Those that tell the leg's far end whom it talks to. */
void identity_of_party(char *out, size_t size, const struct leg *leg, const char *user,
    const char *name, unsigned headers);
/* leg_party: remembers it for later re-INVITEs and tells the far end. */
void identity_changed(struct leg *leg, const struct msg_leg_party *m);
/* The same without telling: what was said in an answer. */
void identity_keep(struct leg *leg, const char *headers);

#endif
