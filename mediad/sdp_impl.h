/* SPDX-License-Identifier: ISC */
/* What sdp_negotiate.c and sdp_build.c share; nobody else includes it. */
#ifndef WARDEN_SDP_IMPL_H
#define WARDEN_SDP_IMPL_H

#include "mediad/sdp.h"

#define SDP_PTIME_MS	20	/* of our packets, and asked for in our SDP */
/* telephone-event in our offers, unless the far end has another number for it */
#define SDP_EVENT_PT	101
/* its clock (RFC 4733 section 2.1): that of every codec that we have but Opus */
#define SDP_EVENT_HZ	8000
#define SDP_EVENT48_HZ	48000
#define SDP_EVENT48_PT	110
#define SDP_NOISE_PT	13	/* CN/8000, static (RFC 3551) */
#define SDP_MAXPTIME_MS	60

/* Nothing agreed. */
void sdp_stream_clear(struct sdp_stream *s);

/* RTCP goes to the RTP port + 1 after all, as only one side knows rtcp-mux. */
void sdp_stream_unmux(struct sdp_stream *s);

/* What is left of a when b is lacking too. */
enum media_direction sdp_without(enum media_direction a, enum media_direction b);

#endif
