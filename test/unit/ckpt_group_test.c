/* SPDX-License-Identifier: ISC */
/*
 * A group of checkpoints: what a turn changes in several files is there after a kill as a whole or
 * not at all.
 *
 * links: common/base/ckpt.c common/base/ckpt_file.c common/base/log.c common/base/mem.c
 * common/base/buf.c common/base/str.c common/base/id.c common/base/clock.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/ckpt.h"
#include "common/base/log.h"

#define N 2

static char paths[N][320];

static void
open_both(struct ckpt *group[N])
{
	for (int i = 0; i < N; i++)
		assert_int_equal(
		    ckpt_open(&group[i], paths[i], 0x47525031, 1, sizeof(uint64_t), 50), 0);
	ckpt_group(group, N);
}

static void
close_both(struct ckpt *group[N])
{
	for (int i = 0; i < N; i++)
		ckpt_close(&group[i]);
}

static void
whole(struct ckpt *group[N])
{
	ckpt_commit(group, N);
	ckpt_sweep(group, N);
}

static void
put(struct ckpt *ck, uint32_t slot, uint64_t value)
{
	ckpt_put(ck, slot, &value);
}

static uint64_t
get(const struct ckpt *ck, uint32_t slot)
{
	const uint64_t *p = ckpt_get(ck, slot);

	return p != NULL ? *p : 0;
}

static int
setup(void **state)
{
	const char *dir = getenv("TMPDIR");

	(void)state;
	for (int i = 0; i < N; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%.250s/ckpt-group-%d-%d",
		    dir != NULL ? dir : "/tmp", getpid(), i);
		unlink(paths[i]);
	}
	log_setup(LL_ERROR, "", false);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (int i = 0; i < N; i++)
		unlink(paths[i]);
	return 0;
}

static void
a_turn_that_is_not_committed_was_not(void **state)
{
	struct ckpt *g[N];

	(void)state;
	open_both(g);
	for (int i = 0; i < N; i++) {
		assert_int_equal(ckpt_alloc(g[i]), 0);
		assert_int_equal(ckpt_alloc(g[i]), 1);
		put(g[i], 0, 10);
		put(g[i], 1, 11);
	}
	whole(g);
	/* changed, changed twice, deleted, made, made and deleted */
	put(g[0], 0, 20);
	put(g[1], 0, 20);
	put(g[1], 0, 21);
	ckpt_del(g[0], 1);
	assert_null(ckpt_get(g[0], 1));
	assert_int_equal(ckpt_count(g[0]), 1);
	assert_int_equal(ckpt_alloc(g[0]), 2); /* not the one that is not free yet */
	put(g[0], 2, 22);
	assert_int_equal(ckpt_alloc(g[1]), 2);
	put(g[1], 2, 23);
	ckpt_del(g[1], 2);
	close_both(g);
	open_both(g);
	for (int i = 0; i < N; i++) {
		assert_int_equal(ckpt_count(g[i]), 2);
		assert_int_equal(get(g[i], 0), 10);
		assert_int_equal(get(g[i], 1), 11);
		assert_int_equal(ckpt_alloc(g[i]), 2);
	}
	/* and the next turn holds */
	put(g[0], 0, 30);
	put(g[1], 2, 31);
	whole(g);
	close_both(g);
	open_both(g);
	assert_int_equal(get(g[0], 0), 30);
	assert_int_equal(get(g[1], 2), 31);
	close_both(g);
}

static void
a_turn_that_is_committed_was(void **state)
{
	struct ckpt *g[N];

	(void)state;
	open_both(g);
	assert_int_equal(ckpt_alloc(g[0]), 0);
	assert_int_equal(ckpt_alloc(g[1]), 0);
	put(g[0], 0, 1);
	put(g[1], 0, 1);
	whole(g);
	put(g[0], 0, 2);
	ckpt_del(g[1], 0);
	ckpt_commit(g, N);
	close_both(g);
	open_both(g);
	assert_int_equal(get(g[0], 0), 2);
	assert_int_equal(get(g[1], 0), 1); /* killed before it was swept: there once more */
	ckpt_del(g[1], 0);
	whole(g);
	assert_int_equal(ckpt_alloc(g[1]), 0);
	close_both(g);
	open_both(g);
	assert_int_equal(ckpt_count(g[1]), 0);
	close_both(g);
}

static void
files_from_before_there_were_groups_count(void **state)
{
	struct ckpt *g[N];

	(void)state;
	for (int i = 0; i < N; i++) {
		assert_int_equal(
		    ckpt_open(&g[i], paths[i], 0x47525031, 1, sizeof(uint64_t), 50), 0);
		assert_int_equal(ckpt_alloc(g[i]), 0);
		for (uint64_t n = 1; n <= 9; n++)
			put(g[i], 0, n);
		ckpt_close(&g[i]);
	}
	open_both(g);
	assert_int_equal(get(g[0], 0), 9);
	assert_int_equal(get(g[1], 0), 9);
	put(g[0], 0, 50);
	close_both(g);
	open_both(g);
	assert_int_equal(get(g[0], 0), 9);
	close_both(g);
}

/* Turn n: slots 0 and 1 of both files say n; slot 2 comes and goes. */
static void
churn(volatile uint64_t *done)
{
	struct ckpt *g[N];
	uint64_t n;

	open_both(g);
	if (ckpt_count(g[0]) == 0)
		for (int i = 0; i < N; i++)
			for (uint32_t s = 0; s < 2; s++)
				if (ckpt_alloc(g[i]) != s)
					_exit(1);
	for (n = get(g[0], 0) + 1;; n++) {
		uint32_t made = ckpt_alloc(g[1]);

		put(g[1], made, n);
		for (int i = 0; i < N; i++) {
			put(g[i], 0, 0);
			put(g[i], 1, n);
			put(g[i], 0, n);
		}
		whole(g);
		ckpt_del(g[1], made);
		*done = n;
	}
}

static void
a_kill_at_any_instruction_leaves_a_whole_turn(void **state)
{
	uint64_t *done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned seed = (unsigned)getpid();
	struct ckpt *g[N];

	(void)state;
	assert_true(done != MAP_FAILED);
	for (int i = 0; i < 150; i++) {
		struct timespec ts = { .tv_nsec = rand_r(&seed) % 2000000 };
		volatile uint64_t *seen = done;
		uint64_t before = *seen, n;
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			churn(done);
		while (*seen < before + 20)
			sched_yield();
		nanosleep(&ts, NULL);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		open_both(g);
		n = get(g[0], 0);
		assert_true(n == *seen || n == *seen + 1);
		for (int f = 0; f < N; f++)
			for (uint32_t s = 0; s < 2; s++)
				assert_int_equal(get(g[f], s), n);
		assert_true(ckpt_count(g[0]) == 2);
		/* Only what was deleted and not swept may be there once more. */
		for (uint32_t s = ckpt_next(g[1], 2); s != CKPT_NONE; s = ckpt_next(g[1], s + 1)) {
			assert_true(get(g[1], s) <= n);
			ckpt_del(g[1], s);
		}
		whole(g);
		close_both(g);
	}
	munmap(done, sizeof(*done));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(a_turn_that_is_not_committed_was_not),
		T(a_turn_that_is_committed_was),
		T(files_from_before_there_were_groups_count),
		T(a_kill_at_any_instruction_leaves_a_whole_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
