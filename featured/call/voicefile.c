/* SPDX-License-Identifier: ISC */
/* See voicefile.h: recordings of voicemail, from the item to the file and back. */
#include "featured/call/voicefile.h"

#include <string.h>

#include "common/ipc/msg.h"
#include "featured/call/call.h"
#include "featured/settings.h"

#define NAME_MS 10000

uint64_t
voicefile_record_id(const struct mailbox_item *item)
{
	uint64_t id;

	memcpy(&id, item->id.b + 8, sizeof(id));
	return id;
}

void
voicefile_path(const char *box, const struct uuid *file, char *out)
{
	char id[UUID_STR_LEN + 1];

	uuid_print(file, id);
	str_format(out, 128, "%s/%s", box, id);
}

static uint8_t
kind_of(const struct mailbox_item *item)
{
	return item->kind == MAILBOX_ANNOUNCEMENT ? MEDIA_RECORD_ANNOUNCEMENT
	                                          : MEDIA_RECORD_VOICEMAIL;
}

uint32_t
voicefile_limit_ms(const struct core *core, uint8_t kind)
{
	if (kind == MAILBOX_NAME)
		return NAME_MS;
	return (uint32_t)core->settings->voicemail.max_message_duration_s * 1000;
}

void
voicefile_record(struct core *core, struct leg *leg, const struct mailbox_item *item)
{
	struct msg_media_record m = { .record = voicefile_record_id(item),
		.session = leg->r.id,
		.kind = kind_of(item),
		.flags = MEDIA_RECORD_FAR_ONLY,
		.max_ms = voicefile_limit_ms(core, item->kind) };
	char path[128];

	if (item->kind != MAILBOX_NAME)
		m.silence_ms = (uint32_t)core->settings->voicemail.max_silence_s * 1000;
	voicefile_path(item->file_box, &item->file, path);
	str_copy(m.path, sizeof(m.path), path);
	core_to_mediad(core, leg, MSG_media_record, &m);
}

void
voicefile_record_stop(struct core *core, struct leg *leg, uint64_t record)
{
	core_to_mediad(core, leg, MSG_media_record_stop,
	    &(struct msg_media_record_stop){ .record = record });
}

struct search {
	uint64_t record;
	struct mailbox_item *found;
};

static void
compare(void *arg, struct mailbox_item *item)
{
	struct search *s = arg;

	if (item->state == MAILBOX_RECORDING && voicefile_record_id(item) == s->record)
		s->found = item;
}

static struct mailbox_item *
item_of(const struct core *core, uint64_t record)
{
	struct search s = { .record = record };

	mailbox_each(core->env.mailbox, compare, &s);
	return s.found;
}

bool
voicefile_known(const struct core *core, uint64_t record)
{
	return item_of(core, record) != NULL;
}

/* The live call that records item; NULL none. */
static struct call *
call_of(const struct core *core, const struct mailbox_item *item)
{
	struct call *call = call_find(core, item->call.b);

	if (call == NULL || call->r.ending || call->menu == NULL ||
	    uuid_cmp(&call->menu->r.v.item, &item->id) != 0)
		return NULL;
	return call;
}

bool
voicefile_recorded(struct core *core, const struct msg_media_recorded *m)
{
	struct mailbox_item *item = item_of(core, m->record);
	struct mailbox *mb = core->env.mailbox;
	struct call *call;
	bool good;

	if (item == NULL)
		return false;
	item->duration_ms = m->duration_ms;
	item->bytes = m->bytes;
	call = call_of(core, item);
	/* Of one that mediad does not know (the machine has restarted) there may be a file all the
	 * same: featured/voicefiles.c looks. */
	if (m->outcome == 0 && call == NULL && item->kind == MAILBOX_MESSAGE) {
		item->lost = 1;
		mailbox_changed(mb, item, core->real_ms);
		return true;
	}
	good = m->bytes > 0 &&
	    m->duration_ms >= (uint32_t)core->settings->voicemail.min_message_duration_s * 1000;
	/* Who hangs up has left a message; a greeting must be accepted. */
	if (!good || (call == NULL && item->kind != MAILBOX_MESSAGE)) {
		item->state = MAILBOX_DRAFT;
		mailbox_gone(mb, item, core->real_ms);
	} else {
		item->state = call != NULL ? MAILBOX_DRAFT : MAILBOX_KEPT;
		mailbox_changed(mb, item, core->real_ms);
	}
	core_to_mediad(core, NULL, MSG_media_record_forget,
	    &(struct msg_media_record_forget){ .record = m->record });
	if (call != NULL) {
		trace_add(core, call, "media", "recorded", "outcome=%u ms=%u", m->outcome,
		    m->duration_ms);
		vm_recorded(core, call, item);
	}
	return true;
}

static void
say_again(void *arg, struct mailbox_item *item)
{
	struct core *core = arg;
	struct call *call;
	struct leg *caller;

	if (item->state != MAILBOX_RECORDING && item->state != MAILBOX_DRAFT)
		return;
	call = call_of(core, item);
	if (item->state == MAILBOX_DRAFT) {
		if (call == NULL && item->kind == MAILBOX_MESSAGE) {
			item->state = MAILBOX_KEPT;
			mailbox_changed(core->env.mailbox, item, core->real_ms);
		} else if (call == NULL) {
			mailbox_gone(core->env.mailbox, item, core->real_ms);
		}
		return;
	}
	caller = call != NULL ? call_caller(core, call) : NULL;
	/* One that mediad has had is told as recorded, or as not known: then it is thrown away. */
	if (caller == NULL)
		voicefile_record_stop(core, NULL, voicefile_record_id(item));
	else
		voicefile_record(core, caller, item);
}

void
voicefile_sync(struct core *core)
{
	mailbox_each(core->env.mailbox, say_again, core);
}
