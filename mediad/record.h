/* SPDX-License-Identifier: ISC */
/*
 * Recordings as the main thread sees them: which session each follows, its record that outlives the
 * process (records.ckpt, the tap in its tail), and its end, which is kept until featured has taken
 * it. The sound goes from workers by taps (tap.h) to the recorder's threads. Main thread only.
 */
#ifndef WARDEN_MEDIAD_RECORD_H
#define WARDEN_MEDIAD_RECORD_H

#include "common/ipc/msg.h"
#include "mediad/recorder.h"
#include "mediad/worker.h"

struct mediad;
struct recording;

#define RECORD_CK_MAGIC		0x4d524543	/* "MREC" */
#define RECORD_CK_VERSION	1
#define RECORDS_MAX		2048
/* the id of the beep before a recording; featured's own ones are smaller */
#define RECORD_BEEP_PLAY	UINT32_MAX

/* Opens the checkpoint and starts the threads; fatal() on failure. Before record_restore(). */
void record_open(struct mediad *m);
/* Takes up what the process before had, behind session_restore(). */
void record_restore(struct mediad *m);
void record_close(struct mediad *m);

/* What featured says. */
void record_begin(struct mediad *m, const struct msg_media_record *msg);
void record_move(struct mediad *m, const struct msg_media_record_move *msg);
void record_pause(struct mediad *m, uint64_t id, bool on);
void record_stop(struct mediad *m, uint64_t id);
void record_forget(struct mediad *m, uint64_t id);

/* After a reconnection, within the reconciliation: how it stands. */
void record_sync(struct mediad *m);

/* Events: a stream is tapped no longer; a file is closed; a beep is over; a session is gone. */
void record_untapped(struct mediad *m, uint64_t id);
void record_ended(struct mediad *m, const struct recorder_result *result);
void record_beeped(struct mediad *m, uint64_t session);
void record_tick(struct mediad *m);	/* every few seconds */
void record_session_gone(struct mediad *m, uint64_t session);

/* Is that file still being written? */
bool record_goes_on(const struct mediad *m, uint8_t kind, const char *path);
unsigned record_count(const struct mediad *m);	/* that go on */

/* The storage directory of a kind. False: no such kind. */
bool record_root(const struct mediad *m, uint8_t kind, char *out, size_t size);

/* Octets free where calls are recorded; warns when there are few. UINT64_MAX: not known. */
uint64_t record_disk_free(struct mediad *m);

/* A file, opened for reading. Returns its descriptor or -errno. */
int record_file_get(const struct mediad *m, uint8_t kind, const char *path, uint64_t *bytes);
int record_file_remove(const struct mediad *m, uint8_t kind, const char *path);

#endif
