/* SPDX-License-Identifier: ISC */
/* Plans as text, and how they are put together. */
#include "featured/call/plan.h"

#include <string.h>

#include "common/base/str.h"

const char *
app_name(uint8_t app)
{
	switch ((enum app_id)app) {
	case APP_NONE:
		return "none";
	case APP_DIAL:
		return "dial";
	case APP_ECHO:
		return "echo";
	case APP_ANNOUNCE:
		return "announce";
	case APP_REFUSE:
		return "refuse";
	case APP_ORIGINATE:
		return "originate";
	case APP_BRIDGE:
		return "bridge";
	case APP_CONSULT:
		return "consult";
	case APP_PARK:
		return "park";
	case APP_RETRIEVE:
		return "retrieve";
	case APP_PICKUP:
		return "pickup";
	case APP_REPLACE:
		return "replace";
	case APP_FORWARD:
		return "forward";
	case APP_SETTING:
		return "setting";
	case APP_FIND_ME:
		return "find-me";
	case APP_GROUP:
		return "group";
	case APP_INTERCOM:
		return "intercom";
	case APP_PAGE:
		return "page";
	case APP_LEAVE:
		return "voicemail";
	case APP_MAILBOX:
		return "mailbox";
	case APP_ANNOUNCEMENT:
		return "announcement";
	case APP_STATUS:
		return "status";
	case APP_RECORDED:
		return "recorded";
	}
	return "unknown";
}

const char *
outcome_name(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_DONE:
		return "DONE";
	case OUTCOME_BUSY:
		return "BUSY";
	case OUTCOME_NOANSWER:
		return "NOANSWER";
	case OUTCOME_UNREGISTERED:
		return "UNREGISTERED";
	case OUTCOME_FAILED:
		return "FAILED";
	case OUTCOMES:
		break;
	}
	return "?";
}

const char *
divert_reason_name(uint8_t reason)
{
	switch ((enum divert_reason)reason) {
	case DIVERT_NONE:
		break;
	case DIVERT_ALL:
		return "unconditional";
	case DIVERT_BUSY:
		return "user-busy";
	case DIVERT_NOANSWER:
	case DIVERT_GROUP:
		return "no-answer";
	case DIVERT_UNREGISTERED:
		return "unavailable";
	case DIVERT_DND:
		return "do-not-disturb";
	case DIVERT_PHONE:
		return "deflection";
	}
	return "unknown";
}

struct plan_step *
plan_add(struct plan *plan, enum app_id app, const char *target)
{
	struct plan_step *s;

	if (plan->n == PLAN_STEPS_MAX)
		return NULL;
	s = &plan->steps[plan->n++];
	memset(s, 0, sizeof(*s));
	memset(s->next, PLAN_END, sizeof(s->next));
	s->app = app;
	str_copy(s->target, sizeof(s->target), target);
	return s;
}

void
plan_print(const struct plan *plan, struct buf *out)
{
	for (uint8_t i = 0; i < plan->n; i++) {
		const struct plan_step *s = &plan->steps[i];

		buf_fmt(out, "%s%s", i > 0 ? " | " : "", app_name(s->app));
		if (s->target[0] != '\0')
			buf_fmt(out, " %s", s->target);
		if (s->seconds != 0)
			buf_fmt(out, " %us", s->seconds);
		if (s->app == APP_FORWARD)
			buf_fmt(out, " %s", divert_reason_name((uint8_t)s->status));
		else if (s->status != 0)
			buf_fmt(out, " %u", s->status);
	}
}
