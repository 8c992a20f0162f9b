/* SPDX-License-Identifier: ISC */
/*
 * Keys (DTMF) in the body of an INFO: application/dtmf-relay ("Signal=5", "Duration=160") and
 * application/dtmf (the key alone), as phones send them; there is no RFC. Pure.
 */
#ifndef WARDEN_SIPD_INFO_H
#define WARDEN_SIPD_INFO_H

#include <stddef.h>
#include <stdint.h>

#define INFO_KEY_TYPE	"application/dtmf-relay"
#define INFO_KEY_MAX	40

/*
 * The key (0-9 * # A-D) in a body of that content type, or 0: it is none. *ms: how long, 0 not said.
 * Numbers stand for keys too: 10 *, 11 #, 12-15 A-D.
 */
char info_key(const char *type, const char *body, size_t len, uint16_t *ms);

/* The body of our own; returns its length. ms 0: a usual one. */
size_t info_key_body(char out[INFO_KEY_MAX], char key, uint16_t ms);

#endif
