/* SPDX-License-Identifier: ISC */
/*
 * The files of voicemail at mediad: what is to be recorded, and what becomes of it. Between the
 * mailboxes' index (reg/mailbox.h) and the recorder's messages (media.def). The app that records
 * hears of the end by vm_recorded(); when its call is over, a message is kept and a greeting is not.
 */
#ifndef WARDEN_FEATURED_CALL_VOICEFILE_H
#define WARDEN_FEATURED_CALL_VOICEFILE_H

#include "featured/call/model.h"
#include "featured/reg/mailbox.h"

/* The recorder's number for the item: part of its id. */
uint64_t voicefile_record_id(const struct mailbox_item *item);

/* How long one of that kind may become; its silence is limited by voicemail.max_silence, a name's not. */
uint32_t voicefile_limit_ms(const struct core *core, uint8_t kind);

void voicefile_record(struct core *core, struct leg *leg, const struct mailbox_item *item);
void voicefile_record_stop(struct core *core, struct leg *leg, uint64_t record);

/* Is it the recording of an item? */
bool voicefile_known(const struct core *core, uint64_t record);

/* mediad says that a recording is over. False: none of ours. */
bool voicefile_recorded(struct core *core, const struct msg_media_recorded *m);

/* mediad's sync_end: what should be recorded is told again, and of what nobody records any more the
 * end is asked for. */
void voicefile_sync(struct core *core);

/* BOX/UUID, as in media_record and `voicemail:`. out: 128 bytes. */
void voicefile_path(const char *box, const struct uuid *file, char *out);

/* app/voicemail.c */
void vm_recorded(struct core *core, struct call *call, struct mailbox_item *item);

#endif
