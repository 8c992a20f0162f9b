/* SPDX-License-Identifier: ISC */
/*
 * A feature that owns a call's legs for a while. An app never blocks and never waits: it is told,
 * and tells; its state is in call->r.u, so that it is in the checkpoint. It ends by call_app_done()
 * (the plan goes on) or by call_end() (the call is over).
 */
#ifndef WARDEN_FEATURED_APP_APP_H
#define WARDEN_FEATURED_APP_APP_H

#include "featured/call/call.h"

enum app_media_event {
	APP_MEDIA_PLAYED, /* value: the play's number; outcome */
	APP_MEDIA_DTMF,   /* value: the digit */
	APP_MEDIA_SILENT, /* value: for so many ms; 0: no longer */
};

struct app {
	const char *name;
	void (*start)(struct core *, struct call *, const struct plan_step *);
	/* NULL, like those below it: it has nothing to do with them. */
	void (*leg_event)(struct core *, struct call *, struct leg *, enum call_leg_event,
	    const struct leg_arg *);
	void (*media_event)(struct core *, struct call *, struct leg *, enum app_media_event,
	    uint32_t value, uint8_t outcome);
	void (*timer)(struct core *, struct call *, enum call_timer); /* TIMER_RING and TIMER_APP */
	void (*stop)(struct core *,
	    struct call *); /* the call ends; legs are ended by the caller */
};

const struct app *app_by_id(uint8_t id); /* enum app_id; NULL: unknown (of a newer daemon) */

extern const struct app app_dial, app_echo, app_announce, app_refuse, app_originate;
extern const struct app app_bridge, app_consult, app_park, app_retrieve, app_pickup, app_replace;
extern const struct app app_forward, app_setting, app_find_me, app_group, app_intercom, app_page;
extern const struct app app_leave, app_mailbox, app_announcement, app_status,
    app_recorded;

#endif
