/* SPDX-License-Identifier: ISC */
/*
 * What sipd tells featured about legs. Each is safe to call while featured is away: what must not
 * be lost is kept by the leg and told by resync.c.
 */
#ifndef WARDEN_SIPD_TO_FEATURED_H
#define WARDEN_SIPD_TO_FEATURED_H

#include "sipd/leg.h"

void tell_offered(struct leg *leg);
void tell_ringing(struct leg *leg, uint16_t status, const struct ipc_view *sdp);
void tell_answered(struct leg *leg); /* from leg->event */
void tell_acked(struct leg *leg); /* from leg->told */
void tell_gone(struct leg *leg);
/* A leg that never came to be. */
void tell_never(uint64_t leg, uint16_t status, enum leg_end cause, const char *reason);
void tell_reoffer(struct leg *leg); /* from leg->event */
void tell_reinvited(struct leg *leg); /* from leg->told and told_status */
void tell_refer(struct leg *leg); /* from leg->refer */
void tell_refresh(struct leg *leg);
void tell_info(struct leg *leg, const char *type, const struct ipc_view *body);

#endif
