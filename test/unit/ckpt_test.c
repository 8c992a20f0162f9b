/* SPDX-License-Identifier: ISC */
/*
 * The checkpoint: what calls live in. Kills at any instruction, torn copies, poisoned records,
 * other layouts, damaged files.
 *
 * links: common/base/ckpt.c common/base/ckpt_file.c common/base/log.c common/base/clock.c common/base/str.c
 * common/base/mem.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/ckpt.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "test/unit/oom.h"

#define MAGIC 0x4c454731

struct rec {
	uint64_t	a;
	uint8_t		fill[1000];
	uint64_t	b;
};

struct longer {
	struct rec	rec;
	uint64_t	added[5];
};

static char path[300], bad[310];

static void
fill(struct rec *r, uint64_t n)
{
	r->a = n;
	memset(r->fill, (int)n, sizeof(r->fill));
	r->b = n;
}

static void
assert_whole(const struct rec *r)
{
	assert_non_null(r);
	assert_true(r->a == r->b);
	for (size_t i = 0; i < sizeof(r->fill); i++)
		assert_int_equal(r->fill[i], (uint8_t)r->a);
}

static struct ckpt *
reopen(void)
{
	struct ckpt *ck;

	assert_int_equal(ckpt_open_tail(&ck, path, MAGIC, 1, sizeof(struct rec), 100, 64), 0);
	return ck;
}

static int
setup(void **state)
{
	const char *dir = getenv("TMPDIR");

	(void)state;
	snprintf(path, sizeof(path), "%.250s/ckpt-test-%d", dir != NULL ? dir : "/tmp", getpid());
	snprintf(bad, sizeof(bad), "%s.bad", path);
	unlink(path);
	unlink(bad);
	log_setup(LL_ERROR, "", false);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	unlink(bad);
	return 0;
}

static void
records_are_there_after_a_reopen(void **state)
{
	struct ckpt *ck = reopen();
	uint32_t slots[50];
	struct rec r;
	struct stat st;

	(void)state;
	for (uint32_t i = 0; i < 50; i++) {
		slots[i] = ckpt_alloc(ck);
		assert_int_equal(slots[i], i);
		assert_null(ckpt_get(ck, slots[i]));
		fill(&r, i);
		ckpt_put(ck, slots[i], &r);
		snprintf(ckpt_tail(ck, slots[i]), 64, "trace %u", i);
	}
	fill(&r, 1000);
	ckpt_put(ck, 7, &r);
	fill(&r, 2000);
	ckpt_put(ck, 7, &r);
	ckpt_del(ck, 3);
	ckpt_del(ck, CKPT_NONE);
	assert_int_equal(ckpt_alloc(ck), 3);	/* taken, but never put: not there afterwards */
	assert_int_equal(ckpt_count(ck), 49);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	ckpt_close(&ck);
	assert_null(ck);
	ckpt_close(&ck);

	ck = reopen();
	assert_int_equal(ckpt_count(ck), 49);
	for (uint32_t s = ckpt_next(ck, 0), i = 0; i < 50; i++) {
		if (i == 3)
			continue;
		assert_int_equal(s, i);
		assert_whole(ckpt_get(ck, s));
		assert_int_equal(((const struct rec *)ckpt_get(ck, s))->a, i == 7 ? 2000 : i);
		assert_int_equal(atoi(ckpt_tail(ck, s) + 6), i);
		s = ckpt_next(ck, s + 1);
		if (i == 49)
			assert_int_equal(s, CKPT_NONE);
	}
	assert_null(ckpt_get(ck, 3));
	assert_null(ckpt_get(ck, CKPT_NONE));
	assert_int_equal(ckpt_alloc(ck), 3);
	assert_string_equal(ckpt_tail(ck, 3), "");
	ckpt_close(&ck);
}

static void
a_full_one_says_so(void **state)
{
	struct ckpt *ck = reopen();
	struct rec r;

	(void)state;
	fill(&r, 1);
	for (uint32_t i = 0; i < 100; i++)
		ckpt_put(ck, ckpt_alloc(ck), &r);
	assert_int_equal(ckpt_alloc(ck), CKPT_NONE);
	ckpt_del(ck, 42);
	ckpt_del(ck, 17);
	assert_int_equal(ckpt_alloc(ck), 17);
	assert_int_equal(ckpt_alloc(ck), 42);
	assert_int_equal(ckpt_alloc(ck), CKPT_NONE);
	ckpt_close(&ck);
}

static void
two_processes_cannot_share_one(void **state)
{
	struct ckpt *ck = reopen(), *other;

	(void)state;
	assert_int_equal(ckpt_open(&other, path, MAGIC, 1, sizeof(struct rec), 100), -EBUSY);
	assert_null(other);
	ckpt_close(&ck);
}

/*
 * The child updates, deletes and makes records as fast as it can and is killed after a random
 * while; what it has said to have done (in shared memory, before and after each step) is held
 * against what is found. Slot 0 to 3 each.
 */
struct said {
	_Atomic uint64_t put[4];	/* begun */
	_Atomic uint64_t done[4];	/* done for certain; 0: deleted for certain */
	_Atomic uint64_t rounds;
};

static _Noreturn void
churn(struct said *said)
{
	struct ckpt *ck = reopen();
	uint32_t slot[4];
	uint64_t n[4];
	struct rec r;

	for (int i = 0; i < 4; i++) {
		slot[i] = (uint32_t)i;
		if (ckpt_get(ck, slot[i]) == NULL)
			assert_int_equal(slot[i] = ckpt_alloc(ck), i);
		n[i] = said->put[i];
	}
	for (uint64_t step = 1;; step++) {
		int i = (int)(step % 4);

		said->put[i] = ++n[i];
		fill(&r, n[i]);
		ckpt_put(ck, slot[i], &r);
		said->done[i] = n[i];
		if (step % 64 == (uint64_t)i) {
			/* From here the record may be there or not, until the next put is done. */
			said->done[i] = 0;
			ckpt_del(ck, slot[i]);
			slot[i] = ckpt_alloc(ck);
		}
		said->rounds++;
	}
}

static void
check_after_kill(const struct said *said)
{
	struct ckpt *ck = reopen();

	for (uint32_t i = 0; i < 4; i++) {
		const struct rec *r = ckpt_get(ck, i);

		if (r == NULL) {
			assert_int_equal(said->done[i], 0);
			continue;
		}
		assert_whole(r);
		/* Either what was done last, or what had begun. */
		assert_true(r->a == said->put[i] || r->a + 1 == said->put[i]);
		assert_true(r->a >= said->done[i]);
	}
	ckpt_close(&ck);
}

static void
a_kill_at_any_instruction_loses_nothing(void **state)
{
	struct said *said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned seed = (unsigned)getpid();

	(void)state;
	assert_true(said != MAP_FAILED);
	for (int i = 0; i < 150; i++) {
		struct timespec ts = { .tv_nsec = 0 };
		uint64_t before = said->rounds;
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			churn(said);
		while (said->rounds < before + 50)
			sched_yield();
		ts.tv_nsec = rand_r(&seed) % 2000000;
		nanosleep(&ts, NULL);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		check_after_kill(said);
	}
	munmap(said, sizeof(*said));
}

/* Writes n bytes at off into the file, as a half-done store would. */
static void
scribble(off_t off, const void *p, size_t n)
{
	int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, n, off), n);
	close(fd);
}

/*
 * Where slot's copy lies: head 4096, then per slot 16 bytes, then copies of 16 + size, rounded up.
 */
static off_t
copy_off(uint32_t slot, int which)
{
	off_t copy = (16 + (off_t)sizeof(struct rec) + 15) / 16 * 16;
	off_t stride = (16 + 2 * copy + 64 + 63) / 64 * 64;

	return 4096 + slot * stride + 16 + which * copy;
}

static void
a_torn_copy_leaves_the_older_one(void **state)
{
	struct ckpt *ck = reopen();
	uint64_t zero = 0;
	struct rec r;

	(void)state;
	for (uint32_t s = 0; s < 4; s++) {
		assert_int_equal(ckpt_alloc(ck), s);
		fill(&r, 10);
		ckpt_put(ck, s, &r);
		fill(&r, 11);
		ckpt_put(ck, s, &r);
	}
	ckpt_close(&ck);
	/* 0: a byte of the younger record; 1: its generation; 2: both copies; 3: the older one. */
	scribble(copy_off(0, 1) + 16 + 500, "x", 1);
	scribble(copy_off(1, 1), &zero, sizeof(zero));
	scribble(copy_off(2, 0) + 16, "x", 1);
	scribble(copy_off(2, 1) + 16 + 1015, "x", 1);
	scribble(copy_off(3, 0) + 8, "x", 1);
	ck = reopen();
	assert_int_equal(ckpt_count(ck), 3);
	assert_int_equal(((const struct rec *)ckpt_get(ck, 0))->a, 10);
	assert_int_equal(((const struct rec *)ckpt_get(ck, 1))->a, 10);
	assert_null(ckpt_get(ck, 2));
	assert_int_equal(((const struct rec *)ckpt_get(ck, 3))->a, 11);
	/* They go on: a put after that wins over both. */
	fill(&r, 12);
	ckpt_put(ck, 0, &r);
	ckpt_put(ck, 3, &r);
	ckpt_close(&ck);
	ck = reopen();
	assert_int_equal(((const struct rec *)ckpt_get(ck, 0))->a, 12);
	assert_int_equal(((const struct rec *)ckpt_get(ck, 3))->a, 12);
	ckpt_close(&ck);
}

static void
a_record_of_another_slot_is_none(void **state)
{
	struct ckpt *ck = reopen();
	char copy[16 + sizeof(struct rec)];
	struct rec r;
	int fd;

	(void)state;
	fill(&r, 5);
	ckpt_put(ck, ckpt_alloc(ck), &r);
	ckpt_put(ck, ckpt_alloc(ck), &r);
	ckpt_del(ck, 1);
	ckpt_close(&ck);
	assert_true((fd = open(path, O_RDONLY)) >= 0);
	assert_int_equal(pread(fd, copy, sizeof(copy), copy_off(0, 0)), sizeof(copy));
	close(fd);
	scribble(copy_off(1, 0), copy, sizeof(copy));
	ck = reopen();
	assert_int_equal(ckpt_count(ck), 1);
	ckpt_close(&ck);
}

/* A process that dies while it works on slot (or on none, CKPT_NONE). */
static void
die_in(uint32_t slot)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct ckpt *ck = reopen();

		if (slot != CKPT_NONE && ckpt_get(ck, slot) == NULL)
			_exit(1);
		ckpt_enter(ck, 2);
		ckpt_leave(ck);
		ckpt_enter(ck, 1);
		ckpt_leave(ck);
		/* Some harmless steps first: they are no excuse. */
		ckpt_enter(ck, 0);
		ckpt_leave(ck);
		if (slot != CKPT_NONE)
			ckpt_enter(ck, slot);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void
a_poisoned_record_is_dropped_at_the_second_death(void **state)
{
	struct ckpt *ck = reopen();
	struct rec r;

	(void)state;
	for (uint32_t s = 0; s < 3; s++) {
		fill(&r, s);
		ckpt_put(ck, ckpt_alloc(ck), &r);
	}
	ckpt_close(&ck);
	/* Once, then a death elsewhere: the count starts again. */
	die_in(0);
	die_in(CKPT_NONE);
	die_in(0);
	ck = reopen();
	assert_int_equal(ckpt_count(ck), 3);
	/* A clean stop in the middle is no death. */
	ckpt_enter(ck, 0);
	ckpt_close(&ck);
	die_in(0);
	die_in(0);
	ck = reopen();
	assert_int_equal(ckpt_count(ck), 2);
	assert_null(ckpt_get(ck, 0));
	assert_whole(ckpt_get(ck, 1));
	assert_whole(ckpt_get(ck, 2));
	/* The slot is free for others, without a past. */
	assert_int_equal(ckpt_alloc(ck), 0);
	ckpt_put(ck, 0, &r);
	ckpt_close(&ck);
	die_in(0);
	ck = reopen();
	assert_int_equal(ckpt_count(ck), 3);
	ckpt_close(&ck);
}

static void
a_newer_daemon_reads_the_older_ones(void **state)
{
	struct ckpt *ck = reopen();
	struct rec r;

	(void)state;
	for (uint32_t s = 0; s < 80; s++) {
		fill(&r, s);
		ckpt_put(ck, ckpt_alloc(ck), &r);
		snprintf(ckpt_tail(ck, s), 64, "%050u", s);
	}
	ckpt_del(ck, 5);
	ckpt_close(&ck);

	/* Longer records, a higher version, more of them, a longer tail. */
	assert_int_equal(ckpt_open_tail(&ck, path, MAGIC, 2, sizeof(struct longer), 200, 100), 0);
	assert_int_equal(ckpt_count(ck), 79);
	for (uint32_t s = ckpt_next(ck, 0); s != CKPT_NONE; s = ckpt_next(ck, s + 1)) {
		const struct longer *l = ckpt_get(ck, s);
		const uint64_t none[5] = { 0 };

		assert_whole(&l->rec);
		assert_int_equal(l->rec.a, s);
		assert_memory_equal(l->added, none, sizeof(none));
		assert_int_equal(atoi(ckpt_tail(ck, s)), s);
	}
	assert_int_equal(ckpt_alloc(ck), 5);
	ckpt_close(&ck);

	/* Fewer of them: they are packed into what is left; a shorter tail still ends. */
	assert_int_equal(ckpt_open_tail(&ck, path, MAGIC, 2, sizeof(struct longer), 79, 20), 0);
	assert_int_equal(ckpt_count(ck), 79);
	for (uint32_t s = ckpt_next(ck, 0); s != CKPT_NONE; s = ckpt_next(ck, s + 1)) {
		assert_whole(ckpt_get(ck, s));
		assert_int_equal(strlen(ckpt_tail(ck, s)), 19);
	}
	assert_int_equal(ckpt_alloc(ck), CKPT_NONE);
	ckpt_close(&ck);
	assert_int_equal(ckpt_open_tail(&ck, path, MAGIC, 2, sizeof(struct longer), 10, 0), 0);
	assert_int_equal(ckpt_count(ck), 10);
	assert_null(ckpt_tail(ck, 0));
	ckpt_close(&ck);
	assert_int_not_equal(access(bad, F_OK), 0);

	/* Back to the older daemon: it cannot know the newer records. */
	ck = reopen();
	assert_int_equal(ckpt_count(ck), 0);
	assert_int_equal(access(bad, F_OK), 0);
	ckpt_close(&ck);
}

static void
a_poison_count_outlives_an_upgrade(void **state)
{
	struct ckpt *ck = reopen();
	struct rec r;
	int status;
	pid_t pid;

	(void)state;
	fill(&r, 1);
	for (int i = 0; i < 3; i++)
		ckpt_put(ck, ckpt_alloc(ck), &r);
	ckpt_close(&ck);
	die_in(0);
	if ((pid = fork()) == 0) {
		if (ckpt_open_tail(&ck, path, MAGIC, 1, sizeof(struct rec), 50, 64) == 0 &&
		    ckpt_count(ck) == 3)
			ckpt_enter(ck, 0);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ck = reopen();
	assert_int_equal(ckpt_count(ck), 2);
	ckpt_close(&ck);
}

static void
expect_moved_aside(const char *why)
{
	struct ckpt *ck;

	unlink(bad);
	assert_int_equal(ckpt_open_tail(&ck, path, MAGIC, 1, sizeof(struct rec), 100, 64), 0);
	if (access(bad, F_OK) != 0)
		fail_msg("%s: was taken", why);
	assert_int_equal(ckpt_count(ck), 0);
	ckpt_close(&ck);
}

static void
what_is_not_ours_is_moved_aside(void **state)
{
	struct ckpt *ck = reopen();
	struct rec r;
	int fd;

	(void)state;
	fill(&r, 1);
	ckpt_put(ck, ckpt_alloc(ck), &r);
	ckpt_close(&ck);
	scribble(0, "x", 1);
	expect_moved_aside("signature");
	scribble(20, "xyz", 3);
	expect_moved_aside("head");
	assert_int_equal(truncate(path, 5000), 0);
	expect_moved_aside("cut short");
	assert_int_equal(truncate(path, 0), 0);
	expect_moved_aside("empty");
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	expect_moved_aside("link");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_moved_aside("fifo");
	assert_true((fd = open(path, O_RDWR | O_TRUNC)) >= 0);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(write(fd, "garbage!", 8), 8);
	close(fd);
	expect_moved_aside("garbage");
	assert_int_equal(ckpt_open_tail(&ck, path, MAGIC + 1, 1, sizeof(struct rec), 100, 64), 0);
	ckpt_close(&ck);
	expect_moved_aside("another kind");
	assert_int_equal(ckpt_open(&ck, "/nowhere/x", MAGIC, 1, 8, 1), -ENOENT);
}

/* Any damage behind the head gives records that are whole, or none. */
static void
random_damage_never_gives_a_wrong_record(void **state)
{
	unsigned seed = 42;

	(void)state;
	for (int round = 0; round < 60; round++) {
		struct ckpt *ck;
		struct rec r;

		unlink(path);
		ck = reopen();
		for (uint32_t s = 0; s < 8; s++) {
			assert_int_equal(ckpt_alloc(ck), s);
			for (uint64_t i = 0; i < 3; i++) {
				fill(&r, s * 10 + i);
				ckpt_put(ck, s, &r);
			}
		}
		ckpt_close(&ck);
		for (int i = 0; i < 20; i++) {
			uint32_t junk = (uint32_t)rand_r(&seed);

			scribble(72 + rand_r(&seed) % 21000, &junk, sizeof(junk));
		}
		ck = reopen();
		for (uint32_t s = ckpt_next(ck, 0); s != CKPT_NONE; s = ckpt_next(ck, s + 1))
			assert_whole(ckpt_get(ck, s));
		ckpt_close(&ck);
	}
}

/* A tmpfs of 100 kB, in a mount namespace of the child's own: 255 where that is not allowed. */
static int
fill_a_small_disk(void)
{
	struct ckpt *ck;
	struct rec r;
	uint32_t n = 0, slot;

	if ((unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/mnt", "tmpfs", 0, "size=100k") < 0)
		return 255;
	if (ckpt_open(&ck, "/mnt/ck", MAGIC, 1, sizeof(r), 100) < 0)
		return 1;
	fill(&r, 1);
	while (n < 100 && (slot = ckpt_alloc(ck)) != CKPT_NONE) {
		ckpt_put(ck, slot, &r);
		n++;
	}
	/* What is there goes on; what is freed can be had again. */
	ckpt_del(ck, 0);
	if (n < 10 || n == 100 || ckpt_count(ck) != n - 1 || ckpt_alloc(ck) != 0)
		return 1;
	ckpt_put(ck, 0, &r);
	ckpt_close(&ck);
	return 0;
}

static void
a_full_disk_is_an_error_and_no_crash(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if ((pid = fork()) == 0)
		_exit(fill_a_small_disk());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 255)
		skip();
	assert_int_equal(status, 0);
}

static void
open_and_close(void *arg)
{
	struct ckpt *ck = NULL;
	struct rec r;

	(void)arg;
	if (ckpt_open_tail(&ck, path, MAGIC, 1, sizeof(r), 100, 64) == 0) {
		uint32_t slot = ckpt_alloc(ck);

		fill(&r, 1);
		ckpt_put(ck, slot, &r);
	}
	ckpt_close(&ck);
	/* And a change of layout. */
	if (ckpt_open_tail(&ck, path, MAGIC, 1, sizeof(r), 200, 64) == 0)
		ckpt_del(ck, ckpt_next(ck, 0));
	ckpt_close(&ck);
}

static void
without_memory_it_is_an_error(void **state)
{
	(void)state;
	oom_each(open_and_close, NULL);
}

static void
an_update_is_fast(void **state)
{
	struct ckpt *ck = reopen();
	const int n = 200000;
	uint64_t start, us;
	struct rec r;

	(void)state;
	fill(&r, 1);
	for (int i = 0; i < 10; i++)
		ckpt_alloc(ck);
	start = clock_mono_us();
	for (int i = 0; i < n; i++) {
		r.a = (uint64_t)i;
		ckpt_put(ck, (uint32_t)i % 10, &r);
	}
	us = clock_mono_us() - start;
	print_message("           %zu bytes: %.3f us a put\n", sizeof(r), (double)us / n);
	ckpt_close(&ck);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(records_are_there_after_a_reopen),
		T(a_full_one_says_so),
		T(two_processes_cannot_share_one),
		T(a_kill_at_any_instruction_loses_nothing),
		T(a_torn_copy_leaves_the_older_one),
		T(a_record_of_another_slot_is_none),
		T(a_poisoned_record_is_dropped_at_the_second_death),
		T(a_newer_daemon_reads_the_older_ones),
		T(a_poison_count_outlives_an_upgrade),
		T(what_is_not_ours_is_moved_aside),
		T(random_damage_never_gives_a_wrong_record),
		T(a_full_disk_is_an_error_and_no_crash),
		T(without_memory_it_is_an_error),
		T(an_update_is_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
