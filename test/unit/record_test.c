/* SPDX-License-Identifier: ISC */
/*
 * Recordings without a network: the tap's ring, and a job that turns packets into a WAV file: order,
 * loss, sources that change, clocks that differ, pauses, limits, silence, and a process that dies.
 *
 * links: mediad/tap.c mediad/record_file.c mediad/record_track.c mediad/record_job.c mediad/codec.c
 * mediad/g711.c mediad/sdp_codec.c common/base/log.c common/base/mem.c common/base/str.c
 * common/base/clock.c common/base/buf.c
 * libs: spandsp opus speexdsp
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "mediad/g711.h"
#include "mediad/record_job.h"

#define T0	UINT64_C(5000000000)	/* us */
#define PACKET	20000			/* us */

static struct tap *tap;
static struct tap_pen pen;
static struct record_job *job;
static struct record_scratch scratch;
static char dir[256];
static unsigned rate = RECORD_RATE;

static int
setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	g711_tables();
	str_format(dir, sizeof(dir), "%s/record.XXXXXX", tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(dir));
	tap = calloc(1, sizeof(*tap));
	job = calloc(1, sizeof(*job));
	job->file.fd = -1;
	return 0;
}

static int
teardown(void **state)
{
	char cmd[300];

	(void)state;
	record_job_end(job);
	free(tap);
	free(job);
	str_format(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static void
begin(uint8_t flags, uint32_t max_ms, uint32_t silence_ms, bool again)
{
	memset(job, 0, sizeof(*job));
	job->conf = (struct record_job_conf){
		.record = 7, .tap = tap, .flags = flags, .max_ms = max_ms, .silence_ms = silence_ms,
		.base_us = T0, .again = again, .rate = rate,
	};
	str_copy(job->conf.root, sizeof(job->conf.root), dir);
	str_copy(job->conf.path, sizeof(job->conf.path), "a/b/x.wav");
	record_job_begin(job, T0);
	assert_false(job->over);
}

/* 20 ms of the constant value (as mu-law knows it). */
static bool
push(enum tap_track track, uint32_t ssrc, uint16_t seq, uint32_t ts, uint64_t at_us, int16_t value)
{
	struct tap_packet p = { .at_us = at_us, .ts = ts, .ssrc = ssrc, .seq = seq, .len = 160,
		.track = (uint8_t)track, .codec = SDP_CODEC_PCMU };
	uint8_t payload[160];

	memset(payload, g711_ulaw_encode(value), sizeof(payload));
	tap_pen(&pen, tap);
	return tap_push(&pen, &p, payload);
}

static int16_t *
samples(size_t *n)
{
	static int16_t pcm[1 << 20];
	char path[300];
	uint8_t head[44];
	FILE *f;

	str_format(path, sizeof(path), "%s/a/b/x.wav", dir);
	assert_non_null(f = fopen(path, "r"));
	assert_int_equal(fread(head, 1, 44, f), 44);
	*n = fread(pcm, 2, 1 << 20, f);
	fclose(f);
	assert_memory_equal(head, "RIFF", 4);
	assert_int_equal(head[40] | head[41] << 8 | head[42] << 16, *n * 2);
	return pcm;
}

static int16_t
heard(int16_t value)
{
	return g711_ulaw_decode(g711_ulaw_encode(value));
}

static void
stop(uint64_t at_us)
{
	record_job_order(job, &(struct record_order){ RECORD_ORDER_STOP, at_us }, &scratch);
	assert_true(job->over);
	record_job_end(job);
}

static void
ring(void **state)
{
	const struct tap_packet *p;
	uint32_t at = 0, in = 0, out = 0;

	(void)state;
	for (int round = 0; round < 50; round++) {
		while (push(TAP_IN, 1, (uint16_t)in, in, T0 + in, 100))
			in++;
		while ((p = tap_next(tap, &at)) != NULL) {
			assert_int_equal(p->at_us, T0 + out++);
			assert_int_equal(p->len, 160);
			assert_int_equal(tap_payload(p)[159], g711_ulaw_encode(100));
			tap_free(tap, at);
			if (out % 7 == (unsigned)round % 7)
				break;
		}
	}
	assert_true(in > 700);		/* 7 s both ways, and all came out in order */
	assert_true(in - out < TAP_RING / 184 + 1);
	assert_int_equal(atomic_load(&tap->drops), 50);
	memset(tap->ring, 0x5a, sizeof(tap->ring));	/* damaged: nothing, and no endless loop */
	while (tap_next(tap, &at) != NULL)
		;
	assert_null(tap_next(tap, &at));
}

static void
stereo_in_order(void **state)
{
	static const int order[] = { 1, 0, 3, 2, 2, 4 };	/* late ones, and one twice */
	int16_t *pcm;
	size_t n;

	(void)state;
	begin(MEDIA_RECORD_STEREO, 0, 0, false);
	for (unsigned i = 0; i < 300; i++) {
		unsigned k = i < 6 ? (unsigned)order[i] : i - 1;

		push(TAP_IN, 1, (uint16_t)k, 1000 + k * 160, T0 + i * PACKET, (int16_t)(k * 50));
		push(TAP_OUT, 2, (uint16_t)i, 70000 + i * 160, T0 + i * PACKET, (int16_t)(-9 * i));
		if (i % 13 == 0)
			record_job_step(job, T0 + i * PACKET, &scratch);
	}
	stop(T0 + 300 * PACKET);
	pcm = samples(&n);
	assert_int_equal(n, 300 * 160 * 2);
	/* the first came was number 1: what is before the first sound that was seen is cut */
	for (unsigned k = 2; k < 298; k++) {
		assert_int_equal(pcm[2 * ((k - 1) * 160 + 80)], heard((int16_t)(k * 50)));
		assert_int_equal(pcm[2 * (k * 160 + 80) + 1], heard((int16_t)(-9 * (int)k)));
	}
}

/* Packets lost are concealed, a pause of the speaker is silence, length stays. */
static void
loss_and_pause(void **state)
{
	int16_t *pcm;
	size_t n;
	unsigned seq = 0;

	(void)state;
	begin(MEDIA_RECORD_FAR_ONLY, 0, 0, false);
	for (unsigned i = 0; i < 200; i++) {
		bool said = i < 60 || i >= 100;

		if (said && i != 20 && i != 150)
			push(TAP_IN, 1, (uint16_t)seq, i * 160, T0 + i * PACKET + i % 3 * 9000, 2000);
		seq += said;
		record_job_step(job, T0 + i * PACKET, &scratch);
	}
	stop(T0 + 200 * PACKET);
	pcm = samples(&n);
	assert_int_equal(n, 200 * 160);
	assert_int_equal(pcm[19 * 160 + 80], heard(2000));
	assert_true(pcm[20 * 160 + 10] > 500);		/* not silent */
	assert_int_equal(pcm[21 * 160 + 80], heard(2000));
	assert_int_equal(pcm[80 * 160], 0);
	assert_int_equal(pcm[101 * 160 + 80], heard(2000));
}

/* Another source, and timestamps that jump, go on at the time of their arrival. */
static void
sources_change(void **state)
{
	int16_t *pcm;
	size_t n;

	(void)state;
	begin(0, 0, 0, false);
	for (unsigned i = 0; i < 150; i++) {
		uint32_t ts = i * 160 + (i < 50 ? 0 : i < 100 ? 0x80000000u : 999);

		push(TAP_IN, i < 100 ? 1 : 2, (uint16_t)i, ts, T0 + i * PACKET,
		    (int16_t)(1000 + 20 * i));
		push(TAP_OUT, 9, (uint16_t)i, i * 160, T0 + i * PACKET, 300);
		record_job_step(job, T0 + i * PACKET, &scratch);
	}
	stop(T0 + 150 * PACKET);
	pcm = samples(&n);
	assert_int_equal(n, 150 * 160);
	for (unsigned i = 0; i < 149; i++)	/* both in one channel */
		assert_int_equal(pcm[i * 160 + 80], heard((int16_t)(1000 + 20 * i)) + heard(300));
}

/* A sender whose clock is 1 % off for five minutes: no drift away, nearly all is there. */
static void
clocks_differ(void **state)
{
	size_t n, quiet;
	char path[300];
	int16_t *pcm;

	(void)state;
	for (int sign = -1; sign <= 1; sign += 2) {
		memset(tap, 0, sizeof(*tap));
		begin(MEDIA_RECORD_FAR_ONLY, 0, 0, false);
		for (unsigned i = 0; i < 6000; i++) {
			uint64_t at = T0 + i * (uint64_t)(PACKET + sign * 200);

			assert_true(push(TAP_IN, 1, (uint16_t)i, i * 160, at, 1000));
			record_job_step(job, at, &scratch);
		}
		stop(T0 + 6000 * (uint64_t)(PACKET + sign * 200));
		pcm = samples(&n);
		assert_in_range(n, 6000 * (uint64_t)(PACKET + sign * 200) / 125,
		    6000 * (uint64_t)(PACKET + sign * 200) / 125 + 2 * TRACK_AHEAD_MS * 8);
		quiet = 0;
		for (size_t i = 0; i < n; i++)
			quiet += pcm[i] < 500;
		assert_true(quiet < n / 40);
		str_format(path, sizeof(path), "%s/a/b/x.wav", dir);
		unlink(path);
	}
}

static void
paused(void **state)
{
	int16_t *pcm;
	size_t n;

	(void)state;
	begin(MEDIA_RECORD_FAR_ONLY, 0, 0, false);
	for (unsigned i = 0; i < 150; i++) {
		uint64_t at = T0 + i * PACKET;

		push(TAP_IN, 1, (uint16_t)i, i * 160, at, (int16_t)(1000 + 20 * i));
		if (i == 50)
			record_job_order(job, &(struct record_order){ RECORD_ORDER_PAUSE, at },
			    &scratch);
		if (i == 100)
			record_job_order(job, &(struct record_order){ RECORD_ORDER_RESUME, at },
			    &scratch);
		record_job_step(job, at, &scratch);
	}
	stop(T0 + 150 * PACKET);
	pcm = samples(&n);
	assert_int_equal(n, 100 * 160);
	assert_int_equal(pcm[49 * 160 + 80], heard(1000 + 20 * 49));
	assert_int_equal(pcm[50 * 160 + 80], heard(1000 + 20 * 100));
}

static void
limits(void **state)
{
	char path[300];
	size_t n;

	(void)state;
	begin(MEDIA_RECORD_FAR_ONLY, 1990, 0, false);
	for (unsigned i = 0; i < 200 && !job->over; i++) {
		push(TAP_IN, 1, (uint16_t)i, i * 160, T0 + i * PACKET, 1000);
		record_job_step(job, T0 + i * PACKET, &scratch);
	}
	assert_true(job->over);
	assert_int_equal(job->outcome, MEDIA_RECORD_LIMIT);
	record_job_end(job);
	assert_int_equal(record_job_ms(job), 1990);
	samples(&n);
	assert_int_equal(n, 1990 * 8);
	str_format(path, sizeof(path), "%s/a/b/x.wav", dir);
	unlink(path);

	memset(tap, 0, sizeof(*tap));
	begin(MEDIA_RECORD_FAR_ONLY, 60000, 3000, false);
	for (unsigned i = 0; i < 600 && !job->over; i++) {
		push(TAP_IN, 1, (uint16_t)i, i * 160, T0 + i * PACKET, i < 100 ? 1000 : 8);
		record_job_step(job, T0 + i * PACKET, &scratch);
	}
	assert_true(job->over);
	assert_int_equal(job->outcome, MEDIA_RECORD_SILENCE);
	record_job_end(job);
	assert_in_range(record_job_ms(job), 4900, 5600);
}

/* The process dies with a second of sound unwritten: the next one finds all of it. */
static void
killed(void **state)
{
	struct record_job *dead = malloc(sizeof(*dead));
	int16_t *pcm;
	size_t n;
	unsigned i;

	(void)state;
	begin(MEDIA_RECORD_STEREO, 0, 0, false);
	for (i = 0; i < 173; i++) {
		push(TAP_IN, 1, (uint16_t)i, i * 160, T0 + i * PACKET + 7000, (int16_t)(i * 50));
		push(TAP_OUT, 2, (uint16_t)i, i * 160, T0 + i * PACKET, 400);
		record_job_step(job, T0 + i * PACKET, &scratch);
	}
	*dead = *job;		/* never closed, its header is old */
	assert_true(dead->file.frames < 173 * 160);
	begin(MEDIA_RECORD_STEREO, 0, 0, true);
	for (i = 200; i < 300; i++) {	/* after a gap of half a second */
		push(TAP_IN, 1, (uint16_t)i, i * 160, T0 + i * PACKET + 7000, (int16_t)(i * 50));
		record_job_step(job, T0 + i * PACKET, &scratch);
	}
	stop(T0 + 300 * PACKET);
	pcm = samples(&n);
	assert_int_equal(n, (300 * 160 + 56) * 2);	/* the jitter's 7 ms, too */
	for (i = 0; i < 299; i++) {
		int16_t want = i < 173 || i >= 200 ? heard((int16_t)(i * 50)) : 0;

		assert_int_equal(pcm[2 * (i * 160 + 56 + 80)], want);
		if (i < 173)
			assert_int_equal(pcm[2 * (i * 160 + 80) + 1], heard(400));
	}
	close(dead->file.fd);
	track_free(&dead->track[0]);
	track_free(&dead->track[1]);
	free(dead);
}

/* The writer hangs for five seconds, then takes all at once: nothing is lost. */
static void
disk_hangs(void **state)
{
	int16_t *pcm;
	size_t n;

	(void)state;
	begin(MEDIA_RECORD_STEREO, 0, 0, false);
	for (unsigned i = 0; i < 500; i++) {
		assert_true(push(TAP_IN, 1, (uint16_t)i, i * 160, T0 + i * PACKET,
		    (int16_t)(i * 30)));
		assert_true(push(TAP_OUT, 1, (uint16_t)i, i * 160, T0 + i * PACKET, 100));
		if (i < 100 || i > 350)
			record_job_step(job, T0 + i * PACKET, &scratch);
	}
	stop(T0 + 500 * PACKET);
	pcm = samples(&n);
	assert_int_equal(n, 500 * 160 * 2);
	for (unsigned i = 0; i < 500; i++) {
		assert_int_equal(pcm[2 * (i * 160 + 80)], heard((int16_t)(i * 30)));
		assert_int_equal(pcm[2 * (i * 160 + 80) + 1], heard(100));
	}
}

/* The worker stands still for three seconds, then reads all that the kernel has kept: it is where it was said. */
static void
stands_still(void **state)
{
	int16_t *pcm;
	size_t n;

	(void)state;
	begin(MEDIA_RECORD_FAR_ONLY, 0, 0, false);
	for (unsigned i = 0; i < 600; i++) {
		unsigned k = i >= 100 && i < 250 ? 250 : i;

		assert_true(push(TAP_IN, 1, (uint16_t)i, i * 160, T0 + k * PACKET, (int16_t)(i * 30)));
		if (k == i)
			record_job_step(job, T0 + i * PACKET, &scratch);
	}
	stop(T0 + 600 * PACKET);
	pcm = samples(&n);
	assert_int_equal(n, 600 * 160);
	for (unsigned i = 0; i < 600; i++)
		assert_int_equal(pcm[i * 160 + 80], heard((int16_t)(i * 30)));
}

/* A wide file: twice the frames, also of a codec that is not; whoever goes on with it finds that out. */
static void
wide(void **state)
{
	struct record_job *dead = malloc(sizeof(*dead));
	int16_t *pcm;
	size_t n;

	(void)state;
	rate = RECORD_RATE_WIDE;
	begin(MEDIA_RECORD_STEREO, 0, 0, false);
	rate = RECORD_RATE;
	for (unsigned i = 0; i < 200; i++) {
		if (i == 100) {
			*dead = *job;
			begin(MEDIA_RECORD_STEREO, 0, 0, true);
		}
		push(TAP_IN, 1, (uint16_t)i, i * 160, T0 + i * PACKET, 2000);
		if (i != 150)
			push(TAP_OUT, 2, (uint16_t)i, i * 160, T0 + i * PACKET, -3000);
		record_job_step(job, T0 + i * PACKET, &scratch);
	}
	stop(T0 + 200 * PACKET);
	assert_int_equal(record_job_ms(job), 4000);
	pcm = samples(&n);
	assert_int_equal(n, 200 * 320 * 2);
	for (unsigned i = 1; i < 200; i++) {
		assert_in_range(pcm[2 * (i * 320 + 160)], 1900, 2100);
		assert_in_range(pcm[2 * (i * 320 + 160) + 1] + 4000, 800, i == 150 ? 3000 : 1200);
	}
	close(dead->file.fd);
	track_free(&dead->track[0]);
	track_free(&dead->track[1]);
	free(dead);
}

/* What must stay free on the disk stays free: the recording ends, and what it has is valid. */
static void
disk_fills(void **state)
{
	unsigned i;
	size_t n;

	(void)state;
	begin(0, 0, 0, false);
	for (i = 0; i < 1000 && !job->over; i++) {
		push(TAP_IN, 1, (uint16_t)i, i * 160, T0 + i * PACKET, 100);
		if (i == 200)
			job->conf.reserve = UINT64_MAX;
		record_job_step(job, T0 + i * PACKET, &scratch);
	}
	assert_true(job->over);
	assert_int_equal(job->outcome, MEDIA_RECORD_DISK_FULL);
	record_job_end(job);
	samples(&n);
	assert_in_range(n, 200 * 160, i * 160);
}

static void
names(void **state)
{
	(void)state;
	assert_true(record_path_ok("2026-11-24/0193-ab.x"));
	assert_false(record_path_ok(""));
	assert_false(record_path_ok("/etc/x"));
	assert_false(record_path_ok("a/../x"));
	assert_false(record_path_ok(".hidden"));
	assert_false(record_path_ok("a//b"));
	assert_false(record_path_ok("a/"));
	assert_false(record_path_ok("a b"));
}

/* What the machine's death leaves: more in the file than its header says. */
static void
header_behind(void **state)
{
	static const int16_t pcm[401];
	struct record_file f, seen;

	(void)state;
	assert_int_equal(record_file_make(&f, dir, "behind.wav", 2, RECORD_RATE_WIDE), 0);
	assert_int_equal(record_file_append(&f, pcm, 200), 0);
	assert_true(record_file_behind(&seen, f.fd, RECORD_WAV_HEAD + 801)); /* half a frame more */
	assert_int_equal(seen.frames, 200);
	assert_int_equal(seen.channels, 2);
	assert_int_equal(seen.rate, f.rate);
	seen.fd = f.fd;
	assert_int_equal(record_file_header(&seen), 0);
	assert_false(record_file_behind(&seen, f.fd, RECORD_WAV_HEAD + 801));
	assert_false(record_file_behind(&seen, f.fd, 0));
	assert_int_equal(pwrite(f.fd, "X", 1, 0), 1);
	assert_false(record_file_behind(&seen, f.fd, RECORD_WAV_HEAD + 8000));
	record_file_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ring, setup, teardown),
		cmocka_unit_test_setup_teardown(stereo_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(loss_and_pause, setup, teardown),
		cmocka_unit_test_setup_teardown(sources_change, setup, teardown),
		cmocka_unit_test_setup_teardown(clocks_differ, setup, teardown),
		cmocka_unit_test_setup_teardown(paused, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
		cmocka_unit_test_setup_teardown(killed, setup, teardown),
		cmocka_unit_test_setup_teardown(disk_hangs, setup, teardown),
		cmocka_unit_test_setup_teardown(stands_still, setup, teardown),
		cmocka_unit_test_setup_teardown(wide, setup, teardown),
		cmocka_unit_test_setup_teardown(disk_fills, setup, teardown),
		cmocka_unit_test(names),
		cmocka_unit_test_setup_teardown(header_behind, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
