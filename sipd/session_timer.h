/* SPDX-License-Identifier: ISC */
/*
 * Session timers (RFC 4028): a dead far end is noticed by the refresh that does not come or is not
 * answered. The interval and who refreshes stand in leg->session_s and leg->we_refresh.
 */
#ifndef WARDEN_SIPD_SESSION_TIMER_H
#define WARDEN_SIPD_SESSION_TIMER_H

#include "sipd/leg.h"

#define SESSION_TIMER_STR 48

/* The request asks for less than we accept: our minimum in seconds, for 422 with Min-SE; else 0. */
unsigned session_timer_too_short(const sip_t *sip);

/* What a received INVITE or UPDATE says. */
void session_timer_of_request(struct leg *leg, const sip_t *sip);

/* Session-Expires for our 2xx to it, in out; NULL: none. */
const char *session_timer_answer(const struct leg *leg, char *out);

/* Session-Expires for a request of ours; NULL: none. */
const char *session_timer_ask(const struct leg *leg, char *out);

/* What a 2xx to our INVITE or UPDATE says. */
void session_timer_of_response(struct leg *leg, const sip_t *sip);

/* From now on, for one interval. */
void session_timer_start(struct leg *leg);

/* leg->party has changed: told by UPDATE, or featured is asked for an offer to tell it with. */
void session_timer_tell(struct leg *leg);

/* It is time for our refresh: UPDATE, or featured is asked for an offer. */
void session_timer_refresh(struct leg *leg);

#endif
