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

#define HOLD_MS		1000	/* a machine that stalls for a second loses nothing */
#define HEADER_US	3000000
#define VOICE		100	/* mean amplitude of 20 ms that is no silence: -50 dBFS */
#define VOICE_MS	20

_Static_assert(RECORD_BATCH_MS + TRACK_OVER_MS <= RECORD_SCRATCH_MS, "room for a batch");

static int64_t
frames(const struct record_job *job, uint64_t ms)
{
	return (int64_t)ms * (job->file.rate / 1000);
}

static int64_t
frame_of(const struct record_job *job, uint64_t us)
{
	if (us < job->conf.base_us)
		return 0;
	return (int64_t)((us - job->conf.base_us) * (job->file.rate / 1000) / 1000);
}

static uint64_t
us_of(const struct record_job *job, int64_t frame)
{
	return job->conf.base_us + (uint64_t)frame * 1000 / (job->file.rate / 1000);
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
has_room(int fd, uint64_t reserve)
{
	struct statfs fs;

	return fstatfs(fd, &fs) != 0 || (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize >= reserve;
}

static bool
disk_has_room(const struct record_job *job)
{
	int fd = open(job->conf.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool room = fd == -1 || has_room(fd, job->conf.reserve);

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
	if (!disk_has_room(job))
		return -ENOSPC;
	return record_file_make(&job->file, job->conf.root, job->conf.path, channels,
	    job->conf.rate);
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
	job->track[TAP_IN] = track_new(&job->conf.tap->anchor[TAP_IN], job->file.rate / 1000, done);
	if (!(job->conf.flags & MEDIA_RECORD_FAR_ONLY))
		job->track[TAP_OUT] = track_new(&job->conf.tap->anchor[TAP_OUT],
		    job->file.rate / 1000, done);
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

typedef int16_t vec8 __attribute__((vector_size(16)));

/* Left, right, left, ...: eight at a time, which compilers do not find out at -O2. */
static void
interleave(const int16_t *a, const int16_t *b, size_t n, int16_t *out)
{
	size_t i = 0;
	vec8 x, y, z;

	for (; i + 8 <= n; i += 8) {
		memcpy(&x, a + i, sizeof(x));
		memcpy(&y, b + i, sizeof(y));
		z = __builtin_shufflevector(x, y, 0, 8, 1, 9, 2, 10, 3, 11);
		memcpy(out + 2 * i, &z, sizeof(z));
		z = __builtin_shufflevector(x, y, 4, 12, 5, 13, 6, 14, 7, 15);
		memcpy(out + 2 * i + 8, &z, sizeof(z));
	}
	for (; i < n; i++) {
		out[2 * i] = a[i];
		out[2 * i + 1] = b[i];
	}
}

/* n frames of both into out. */
static void
join(bool stereo, const int16_t *a, const int16_t *b, size_t n, int16_t *out)
{
	if (stereo) {
		interleave(a, b, n, out);
		return;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = clip(a[i] + b[i]);
}

/* Where the far end was last heard in n frames of it. */
static void
find_voice(struct record_job *job, int64_t from, const int16_t *pcm, size_t n)
{
	size_t part = (size_t)frames(job, VOICE_MS);

	for (size_t at = 0; at + part <= n; at += part) {
		size_t sum = 0;

		for (size_t i = at; i < at + part; i++)
			sum += (size_t)(pcm[i] < 0 ? -pcm[i] : pcm[i]);
		if (sum > VOICE * part)
			job->voice = from + (int64_t)(at + part);
	}
}

/* The frames before `to`, at most a batch. */
static void
write_out(struct record_job *job, int64_t to, struct record_scratch *scratch)
{
	struct record_track *in = job->track[TAP_IN], *out = job->track[TAP_OUT];
	int64_t from = in->done;
	uint32_t n = (uint32_t)(to - from);
	int16_t *pcm = scratch->in;
	int r;

	track_read(in, to, scratch->in);
	if (job->conf.silence_ms > 0)
		find_voice(job, from, scratch->in, n);
	if (out != NULL) {
		track_read(out, to, scratch->out);
		pcm = scratch->both;
		join(job->file.channels == 2, scratch->in, scratch->out, n, pcm);
	}
	if ((r = record_file_append(&job->file, pcm, n)) < 0)
		failed(job, r);
}

/* Whether it is over where it stands. */
static void
check_limits(struct record_job *job)
{
	int64_t max = frames(job, job->conf.max_ms), done = job->track[TAP_IN]->done;

	if (max > 0 && done >= max)
		over(job, MEDIA_RECORD_LIMIT, 0);
	if (job->conf.silence_ms > 0 && done - job->voice >= frames(job, job->conf.silence_ms))
		over(job, MEDIA_RECORD_SILENCE, 0);
}

/* ---- packets -------------------------------------------------------------------------------- */

static bool
full(const struct record_job *job)
{
	for (unsigned i = 0; i < 2; i++) {
		if (job->track[i] != NULL && job->track[i]->nheld == TRACK_HELD)
			return true;
	}
	return false;
}

/* The packets that came before until_us, as many as tracks hold. */
static void
take_packets(struct record_job *job, uint64_t until_us)
{
	const struct tap_packet *p;
	uint32_t at;

	while (!full(job)) {
		at = job->at;
		if ((p = tap_next(job->conf.tap, &at)) == NULL || p->at_us >= until_us)
			break;
		job->at = at;
		if (job->conf.paused_us == 0 && p->track <= TAP_OUT && job->track[p->track] != NULL)
			track_packet(job->track[p->track], p, frame_of(job, p->at_us));
	}
}

/* What is on the disk need not be kept in the tap; what tracks hold came later than that. */
static void
free_packets(struct record_job *job)
{
	uint32_t at = atomic_load_explicit(&job->conf.tap->tail, memory_order_relaxed), next = at;
	const struct tap_packet *p;
	int64_t done;

	if (job->track[TAP_IN] == NULL)
		return;
	done = job->track[TAP_IN]->done - frames(job, 2 * TRACK_AHEAD_MS);
	while (at != job->at && (p = tap_next(job->conf.tap, &next)) != NULL) {
		if (job->conf.paused_us == 0 && !job->over && frame_of(job, p->at_us) > done)
			break;
		at = next;
	}
	tap_free(job->conf.tap, at);
}

/*
 * Writes batch after batch, each when a second has passed in which late packets could come; packets
 * of until_us and later are left.
 */
static void
write_batches(struct record_job *job, uint64_t now_us, uint64_t until_us,
    struct record_scratch *scratch)
{
	int64_t max = frames(job, job->conf.max_ms), to;

	while (!job->over) {
		to = job->track[TAP_IN]->done + frames(job, RECORD_BATCH_MS);
		if (max > 0 && to > max)
			to = max;
		if (us_of(job, to) + HOLD_MS * 1000 > now_us)
			break;
		take_packets(job, until_us);
		write_out(job, to, scratch);
		check_limits(job);
		free_packets(job);
	}
}

void
record_job_step(struct record_job *job, uint64_t now_us, struct record_scratch *scratch)
{
	uint64_t drops;
	int r;

	if (job->over)
		return;
	if (job->conf.paused_us != 0) {
		take_packets(job, UINT64_MAX);
		free_packets(job);
	} else {
		write_batches(job, now_us, UINT64_MAX, scratch);
	}
	if (job->over || now_us - job->header_us < HEADER_US)
		return;
	job->header_us = now_us;
	if (job->file.told != job->file.frames && (r = record_file_header(&job->file)) < 0)
		failed(job, r);
	/* Others need the disk, too: call records. */
	if (!has_room(job->file.fd, job->conf.reserve / 2))
		failed(job, -ENOSPC);
	drops = atomic_load_explicit(&job->conf.tap->drops, memory_order_relaxed);
	if (drops > job->drops_told) {
		log_warning("recording loses packets: the disk is too slow",
		    kv_x("record", job->conf.record), kv_u("packets", drops - job->drops_told));
		job->drops_told = drops;
	}
}

/*
 * All that came before us. What was heard until then may lie a little ahead: the first packet was
 * late, or clocks differ.
 */
static void
write_all(struct record_job *job, uint64_t us, struct record_scratch *scratch)
{
	int64_t max = frames(job, job->conf.max_ms), end = frame_of(job, us), to;
	struct record_track *in = job->track[TAP_IN];

	write_batches(job, us, us, scratch);
	while (!job->over) {
		take_packets(job, us);
		for (unsigned i = 0; i < 2; i++) {
			if (job->track[i] != NULL && job->track[i]->heard > end)
				end = job->track[i]->heard;
		}
		if (max > 0 && end > max)
			end = max;
		to = in->done + frames(job, RECORD_BATCH_MS);
		if (to > end)
			to = end;
		if (to <= in->done)
			break;
		write_out(job, to, scratch);
		check_limits(job);
	}
}

void
record_job_order(struct record_job *job, const struct record_order *order,
    struct record_scratch *scratch)
{
	if (job->over)
		return;
	if (job->conf.paused_us != 0)
		take_packets(job, order->at_us);
	else if (order->kind != RECORD_ORDER_RESUME)
		write_all(job, order->at_us, scratch);
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
	uint64_t ms = job->file.rate == 0 ? 0 : job->file.frames * 1000 / job->file.rate;

	return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}
