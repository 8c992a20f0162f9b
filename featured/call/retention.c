/* SPDX-License-Identifier: ISC */
/*
 * Messages whose time is over: those that were heard longer ago than voicemail.retention_days, and
 * deleted ones whose owner's call ended with a crash.
 */
#include "featured/call/call.h"
#include "featured/reg/mailbox.h"
#include "featured/settings.h"

#define DAY_MS UINT64_C(86400000)

static void
check(void *arg, struct mailbox_item *item)
{
	struct core *core = arg;
	uint64_t days = (uint64_t)core->settings->voicemail.retention_days;
	bool heard = item->heard || item->folder != MAILBOX_NEW, old = false;

	if (item->kind == MAILBOX_MESSAGE && item->state == MAILBOX_DELETED)
		old = core->real_ms > item->changed_ms + DAY_MS;
	else if (item->kind == MAILBOX_MESSAGE && item->state == MAILBOX_KEPT && heard && days > 0)
		old = core->real_ms > item->changed_ms + days * DAY_MS;
	if (old)
		mailbox_gone(core->env.mailbox, item, core->real_ms);
}

void
core_mailbox_tick(struct core *core)
{
	mailbox_each(core->env.mailbox, check, core);
}
