/* SPDX-License-Identifier: ISC */
/*
 * Files of voicemail that the index no longer needs: mediad is asked to remove them, a few at a
 * time, until it has; and files of recordings that mediad lost with the machine: is there one?
 */
#include <errno.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/call/voicefile.h"
#include "featured/featured.h"
#include "featured/wav.h"

#define AT_ONCE_MAX 16
#define DEADLINE_MS 10000

struct asking {
	struct featured *f;
	struct uuid id; /* of the item */
	struct uuid file;
};

static void
on_removed(void *arg, const struct ipc_msg *reply)
{
	struct asking *a = arg;

	a->f->removing--;
	if (reply->type == MSG_done)
		mailbox_file_gone(a->f->mailbox, &a->file, clock_real_ms());
	else
		log_warning("the file of a message cannot be removed",
		    kv_s("why", ((const struct msg_error *)reply->body)->reason));
	mem_free(&a);
}

static void
on_found(void *arg, const struct ipc_msg *reply)
{
	struct asking *a = arg;
	struct mailbox *mb = a->f->mailbox;
	struct mailbox_item *item = mailbox_find(mb, &a->id);
	uint64_t bytes = reply->type == MSG_media_file ? ((const struct msg_media_file *)reply->body)->bytes : 0;
	uint64_t ms = wav_ms(reply->fd, bytes);
	const struct msg_error *error = reply->body;

	a->f->removing--;
	if (item != NULL && item->lost &&
	    (reply->type == MSG_media_file || error->status == 404)) {
		item->lost = 0;
		item->state = MAILBOX_DRAFT;
		if (ms > 0) {
			item->bytes = bytes;
			item->duration_ms = (uint32_t)ms;
			item->state = MAILBOX_KEPT;
			mailbox_changed(mb, item, clock_real_ms());
			log_info("a message that mediad had lost is kept",
			    kv_s("mailbox", item->box), kv_s("caller", item->from),
			    kv_u("ms", item->duration_ms));
		} else {
			log_warning("a message is lost: it was being recorded, and there is no file",
			    kv_s("mailbox", item->box), kv_s("caller", item->from));
			mailbox_gone(mb, item, clock_real_ms());
		}
	}
	mem_free(&a);
}

static void
ask(void *arg, struct mailbox_item *item)
{
	struct featured *f = arg;
	struct ipc_peer *peer = ipc_server_peer(f->server, IPC_MEDIAD);
	bool remove = item->state == MAILBOX_GONE && !item->file_gone;
	struct msg_media_file_remove m = {
		.kind = item->kind == MAILBOX_ANNOUNCEMENT ? MEDIA_RECORD_ANNOUNCEMENT
		                                           : MEDIA_RECORD_VOICEMAIL
	};
	struct msg_media_file_get get = { .kind = m.kind };
	struct asking *a;
	char path[128];
	int r;

	if ((!remove && !item->lost) || peer == NULL || f->removing >= AT_ONCE_MAX ||
	    (a = mem_new(sizeof(*a))) == NULL)
		return;
	*a = (struct asking){ .f = f, .id = item->id, .file = item->file };
	voicefile_path(item->file_box, &item->file, path);
	str_copy(m.path, sizeof(m.path), path);
	str_copy(get.path, sizeof(get.path), path);
	r = remove ? ipc_request(peer, MSG_media_file_remove, &m, DEADLINE_MS, on_removed, a)
	           : ipc_request(peer, MSG_media_file_get, &get, DEADLINE_MS, on_found, a);
	if (r == 0)
		f->removing++;
	else
		mem_free(&a);
}

void
voicefiles_tick(struct featured *f)
{
	if (f->server != NULL && f->removing == 0 && core_synced(f->core, IPC_MEDIAD))
		mailbox_each(f->mailbox, ask, f);
}
