/* SPDX-License-Identifier: ISC */
/* Finds the SDP in a message's body (RFC 3261 section 7.4, RFC 2046 multipart). Pure: no sofia, so
 * that it can be fuzzed by itself. */
#ifndef WARDEN_SIPD_BODY_H
#define WARDEN_SIPD_BODY_H

#include <stddef.h>

#include "common/ipc/schema.h"

#define BODY_SDP_MAX 16384 /* what IPC carries */

/*
 * type: the Content-Type's media type, NULL none (then it is taken for SDP); boundary: its
 * parameter, with or without quotes, NULL none. encoded: there is a Content-Encoding other than
 * identity. *sdp becomes a view into body, empty when there is no SDP. Returns 0, or the status to
 * answer with: 400, 413 or 415.
 */
int body_sdp(struct ipc_view *sdp, const char *type, const char *boundary, int encoded,
    const char *body, size_t len);

#endif
