/* SPDX-License-Identifier: ISC */
/* One recording on its writer thread, see record_job.h. */
#include "mediad/record_job.h"

#include <sys/stat.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"

#define FRAMES_MS	(RECORD_RATE / 1000)
#define HOLD		RECORD_RATE	/* frames: a machine that stalls for a second loses nothing */
#define BATCH		(RECORD_RATE / 2)
#define HEADER_US	3000000
#define VOICE		100		/* mean amplitude of 20 ms that is no silence: -50 dBFS */
#define VOICE_FRAMES	160

_Static_assert(HOLD + BATCH + 2 * TRACK_AHEAD < TRACK_WINDOW, "what is not written yet must fit");

static int64_t
frame_of(const struct record_job *job, uint64_t us)
{
	if (us < job->conf.base_us)
		return 0;
	return (int64_t)((us - job->conf.base_us) * FRAMES_MS / 1000);
}

static void
over(struct record_job *job, enum media_record_outcome outcome, int error)
{
	if (job->over)
		return;
	job->over = true;
	job->outcome = outcome;
	if (error != 0)
		log_error("recording cannot be written", kv_x("record", job->conf.record),
		    kv_s("path", job->conf.path), kv_s("error", strerror(-error)));
}

static void
failed(struct record_job *job, int error)
{
	over(job, error == -ENOSPC || error == -EDQUOT ? MEDIA_RECORD_DISK_FULL
	        : error == -EFBIG ? MEDIA_RECORD_LIMIT : MEDIA_RECORD_FAILED, error);
}

static bool
disk_has_room(const struct record_job *job, uint64_t reserve)
{
	struct statfs fs;
	int fd = open(job->conf.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool room = true;

	if (fd != -1 && fstatfs(fd, &fs) == 0)
		room = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize >= reserve;
	if (fd != -1)
		close(fd);
	return room;
}

static int
open_file(struct record_job *job)
{
	unsigned channels = job->conf.flags & MEDIA_RECORD_STEREO ? 2 : 1;
	int r = -ENOENT;

	if (job->conf.again)
		r = record_file_again(&job->file, job->conf.root, job->conf.path, channels);
	if (r != -ENOENT)
		return r;
	if (!disk_has_room(job, job->conf.reserve))
		return -ENOSPC;
	return record_file_make(&job->file, job->conf.root, job->conf.path, channels);
}

void
record_job_begin(struct record_job *job, uint64_t now_us)
{
	int64_t done;
	int r;

	job->file.fd = -1;
	job->header_us = now_us;
	if ((r = open_file(job)) < 0) {
		failed(job, r);
		return;
	}
	done = (int64_t)job->file.frames;
	job->at = atomic_load_explicit(&job->conf.tap->tail, memory_order_relaxed);
	job->voice = done;
	job->track[TAP_IN] = track_new(&job->conf.tap->anchor[TAP_IN], done);
	if (!(job->conf.flags & MEDIA_RECORD_FAR_ONLY))
		job->track[TAP_OUT] = track_new(&job->conf.tap->anchor[TAP_OUT], done);
	if (job->track[TAP_IN] == NULL ||
	    (job->track[TAP_OUT] == NULL && !(job->conf.flags & MEDIA_RECORD_FAR_ONLY)))
		failed(job, -ENOMEM);
}

/* ---- sound to the file ---------------------------------------------------------------------- */

static int16_t
clip(int v)
{
	return (int16_t)(v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v);
}

/* n frames that do not wrap in the windows. */
static void
interleave(const struct record_job *job, size_t pos, size_t n, int16_t *out)
{
	const int16_t *a = job->track[TAP_IN]->win + pos;
	const int16_t *b = job->track[TAP_OUT] == NULL ? NULL : job->track[TAP_OUT]->win + pos;

	if (b == NULL) {
		memcpy(out, a, n * sizeof(*a));
	} else if (job->conf.flags & MEDIA_RECORD_STEREO) {
		for (size_t i = 0; i < n; i++) {
			out[2 * i] = a[i];
			out[2 * i + 1] = b[i];
		}
	} else {
		for (size_t i = 0; i < n; i++)
			out[i] = clip(a[i] + b[i]);
	}
}

/* Where the far end was last heard in the next n frames. */
static void
listen(struct record_job *job, int64_t from, int64_t to)
{
	const int16_t *win = job->track[TAP_IN]->win;
	uint32_t sum = 0;
	unsigned n = 0;

	for (int64_t f = from; f < to; f++) {
		int v = win[f % TRACK_WINDOW];

		sum += (uint32_t)(v < 0 ? -v : v);
		if (++n == VOICE_FRAMES) {
			if (sum > VOICE * VOICE_FRAMES)
				job->voice = f;
			sum = n = 0;
		}
	}
}

/* The next n frames (at most a window). */
static void
write_out(struct record_job *job, size_t n, int16_t *scratch)
{
	struct record_track *in = job->track[TAP_IN], *out = job->track[TAP_OUT];
	size_t pos = (size_t)in->done % TRACK_WINDOW;
	size_t first = TRACK_WINDOW - pos < n ? TRACK_WINDOW - pos : n;
	int64_t to = in->done + (int64_t)n;
	int r;

	if (job->conf.silence_ms > 0)
		listen(job, in->done, to);
	interleave(job, pos, first, scratch);
	if (first < n)
		interleave(job, 0, n - first, scratch + first * job->file.channels);
	if ((r = record_file_append(&job->file, scratch, (uint32_t)n)) < 0) {
		failed(job, r);
		return;
	}
	track_advance(in, to);
	if (out != NULL)
		track_advance(out, to);
}

/* Writes what is before frame `to`; less than a batch is left for later unless all is wanted. */
static void
flush(struct record_job *job, int64_t to, bool all, int16_t *scratch)
{
	struct record_track *in = job->track[TAP_IN];
	int64_t max = (int64_t)job->conf.max_ms * FRAMES_MS, n;

	if (max > 0 && to > max)
		to = max;
	while (!job->over && to > in->done) {
		n = to - in->done;
		if (n < BATCH && !all && to != max)
			break;
		write_out(job, (size_t)(n < TRACK_WINDOW ? n : TRACK_WINDOW), scratch);
	}
	if (max > 0 && in->done >= max)
		over(job, MEDIA_RECORD_LIMIT, 0);
	if (job->conf.silence_ms > 0 &&
	    in->done - job->voice >= (int64_t)job->conf.silence_ms * FRAMES_MS)
		over(job, MEDIA_RECORD_SILENCE, 0);
}

/* ---- packets -------------------------------------------------------------------------------- */

static void
decode(struct record_job *job, uint64_t until_us)
{
	for (unsigned i = 0; i < 2; i++) {
		if (job->track[i] != NULL)
			track_decode(job->track[i], until_us);
	}
}

/* All packets that came before until_us (UINT64_MAX: all there are). */
static void
take_packets(struct record_job *job, uint64_t until_us, int16_t *scratch)
{
	const struct tap_packet *p;
	const uint8_t *payload;
	uint32_t at;
	int64_t now;

	while (!job->over) {
		at = job->at;
		if ((p = tap_next(job->conf.tap, &at, &payload)) == NULL || p->at_us >= until_us)
			break;
		job->at = at;
		if (job->conf.paused_us != 0 || p->track > TAP_OUT || job->track[p->track] == NULL)
			continue;
		now = frame_of(job, p->at_us);
		/* the disk hung: make room as if it were then */
		if (now - HOLD > job->track[TAP_IN]->done + BATCH) {
			decode(job, p->at_us);
			flush(job, now - HOLD, false, scratch);
		}
		track_packet(job->track[p->track], p, payload, now);
	}
}

/* What is on the disk need not be kept in the tap. */
static void
free_packets(struct record_job *job)
{
	uint32_t at = atomic_load_explicit(&job->conf.tap->tail, memory_order_relaxed), next = at;
	const struct tap_packet *p;
	const uint8_t *payload;
	int64_t done;

	if (job->track[TAP_IN] == NULL)
		return;
	done = job->track[TAP_IN]->done;
	while (at != job->at && (p = tap_next(job->conf.tap, &next, &payload)) != NULL) {
		if (job->conf.paused_us == 0 && !job->over &&
		    (frame_of(job, p->at_us) + 2 * TRACK_AHEAD > done ||
		        p == track_oldest(job->track[TAP_IN]) ||
		        (job->track[TAP_OUT] != NULL &&
		            p == track_oldest(job->track[TAP_OUT]))))
			break;
		at = next;
	}
	tap_free(job->conf.tap, at);
}

void
record_job_step(struct record_job *job, uint64_t now_us, int16_t *scratch)
{
	uint64_t drops = atomic_load_explicit(&job->conf.tap->drops, memory_order_relaxed);
	int r;

	if (job->over)
		return;
	take_packets(job, UINT64_MAX, scratch);
	if (!job->over && job->conf.paused_us == 0) {
		decode(job, now_us - TRACK_WAIT_MS * 1000);
		flush(job, frame_of(job, now_us) - HOLD, false, scratch);
	}
	free_packets(job);
	if (!job->over && now_us - job->header_us >= HEADER_US) {
		job->header_us = now_us;
		if (job->file.told != job->file.frames && (r = record_file_header(&job->file)) < 0)
			failed(job, r);
		/* Others need the disk, too: call records. */
		if (!disk_has_room(job, job->conf.reserve / 2))
			failed(job, -ENOSPC);
	}
	if (drops > job->drops_told) {
		log_warning("recording loses packets: the disk is too slow",
		    kv_x("record", job->conf.record), kv_u("packets", drops - job->drops_told));
		job->drops_told = drops;
	}
}

/* What was heard until then may lie a little ahead: the first packet was late, or clocks differ. */
static int64_t
end_of(const struct record_job *job, uint64_t us)
{
	int64_t end = frame_of(job, us);

	for (unsigned i = 0; i < 2; i++) {
		if (job->track[i] != NULL && job->track[i]->end > end)
			end = job->track[i]->end;
	}
	return end;
}

void
record_job_order(struct record_job *job, const struct record_order *order, int16_t *scratch)
{
	if (job->over)
		return;
	take_packets(job, order->at_us, scratch);
	if (!job->over && order->kind != RECORD_ORDER_RESUME && job->conf.paused_us == 0) {
		decode(job, UINT64_MAX);
		flush(job, end_of(job, order->at_us), true, scratch);
	}
	switch (order->kind) {
	case RECORD_ORDER_PAUSE:
		if (job->conf.paused_us == 0)
			job->conf.paused_us = order->at_us;
		break;
	case RECORD_ORDER_RESUME:
		if (job->conf.paused_us == 0)
			break;
		job->conf.base_us += order->at_us - job->conf.paused_us;
		job->conf.paused_us = 0;
		for (unsigned i = 0; i < 2; i++)	/* time has stood still */
			memset(&job->conf.tap->anchor[i], 0, sizeof(job->conf.tap->anchor[i]));
		break;
	case RECORD_ORDER_STOP:
		over(job, MEDIA_RECORD_DONE, 0);
		break;
	}
	free_packets(job);
}

uint64_t
record_job_end(struct record_job *job)
{
	uint64_t bytes = 0;
	int r;

	if (job->file.fd != -1) {
		bytes = RECORD_WAV_HEAD + job->file.frames * job->file.channels * sizeof(int16_t);
		if ((r = record_file_close(&job->file)) < 0) {
			log_error("recording may be incomplete", kv_x("record", job->conf.record),
			    kv_s("error", strerror(-r)));
			if (job->outcome != MEDIA_RECORD_DISK_FULL)
				job->outcome = MEDIA_RECORD_FAILED;
		}
	}
	track_free(&job->track[TAP_IN]);
	track_free(&job->track[TAP_OUT]);
	return bytes;
}

uint32_t
record_job_ms(const struct record_job *job)
{
	uint64_t ms = job->file.frames / FRAMES_MS;

	return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}
