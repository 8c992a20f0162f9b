/* SPDX-License-Identifier: ISC */
/* The apps by the number that the checkpoint has; and the smallest of them. */
#include "featured/app/app.h"

const struct app *
app_by_id(uint8_t id)
{
	switch ((enum app_id)id) {
	case APP_NONE:
		return NULL;
	case APP_DIAL:
		return &app_dial;
	case APP_ECHO:
		return &app_echo;
	case APP_ANNOUNCE:
		return &app_announce;
	case APP_REFUSE:
		return &app_refuse;
	case APP_ORIGINATE:
		return &app_originate;
	case APP_BRIDGE:
		return &app_bridge;
	case APP_CONSULT:
		return &app_consult;
	case APP_PARK:
		return &app_park;
	case APP_RETRIEVE:
		return &app_retrieve;
	case APP_PICKUP:
		return &app_pickup;
	case APP_REPLACE:
		return &app_replace;
	case APP_FORWARD:
		return &app_forward;
	case APP_SETTING:
		return &app_setting;
	case APP_FIND_ME:
		return &app_find_me;
	case APP_GROUP:
		return &app_group;
	case APP_INTERCOM:
		return &app_intercom;
	case APP_LEAVE:
		return &app_leave;
	case APP_MAILBOX:
		return &app_mailbox;
	case APP_ANNOUNCEMENT:
		return &app_announcement;
	case APP_RECORDED:
		return &app_recorded;
	case APP_STATUS:
		return &app_status;
	case APP_PAGE:
		return &app_page;
	}
	return NULL;
}

static void
refuse_start(struct core *core, struct call *call, const struct plan_step *step)
{
	call_end(core, call, step->status, step->q850, CDR_SIDE_SYSTEM, NULL);
}

const struct app app_refuse = {
	.name = "refuse",
	.start = refuse_start,
};
