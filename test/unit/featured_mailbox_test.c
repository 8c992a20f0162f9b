/* SPDX-License-Identifier: ISC */
/*
 * The index of voicemail: order, folders, deletion and what becomes of files, PINs; what a kill and a
 * damaged record leave of it; and that phones are told once a change is on the disk.
 *
 * links: featured/reg/mailbox.c featured/reg/mailbox_pins.c
 * featured/reg/mailbox_sync.c featured/reg/digest.c common/base/ckpt.c
 * common/base/ckpt_file.c common/base/id.c common/base/log.c common/base/clock.c common/base/str.c
 * common/base/mem.c common/base/buf.c
 * libs: libcrypto libsystemd
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "featured/reg/digest.h"
#include "featured/reg/mailbox.h"
#include "test/unit/oom.h"

static char dir[300];
static const struct uuid nobody;

/* An empty index in a directory of its own. */
static struct mailbox *
fresh(const char *name)
{
	struct mailbox *mb;

	str_format(dir, sizeof(dir), "%s/%s", getenv("TMPDIR"), name);
	mkdir(dir, 0700);
	assert_int_equal(mailbox_open(&mb, NULL, dir), 0);
	return mb;
}

static struct mailbox *
again(struct mailbox *mb)
{
	mailbox_close(&mb);
	assert_null(mb);
	assert_int_equal(mailbox_open(&mb, NULL, dir), 0);
	return mb;
}

static struct mailbox_item *
message(struct mailbox *mb, const char *box, const char *from, uint64_t now_ms)
{
	struct mailbox_item *item = mailbox_new(mb, MAILBOX_MESSAGE, box, &nobody, now_ms);

	assert_non_null(item);
	assert_int_equal(item->state, MAILBOX_RECORDING);
	str_copy(item->from, sizeof(item->from), from);
	item->state = MAILBOX_KEPT;
	item->duration_ms = 1000;
	mailbox_changed(mb, item, now_ms);
	return item;
}

static void
is_order(const struct mailbox *mb, enum mailbox_folder folder, const char *wanted)
{
	char got[64] = "";

	for (size_t i = 0; i < mailbox_folder_size(mb, "1002", folder); i++)
		str_format(got + strlen(got), sizeof(got) - strlen(got), "%s",
		    mailbox_nth(mb, "1002", folder, i)->from);
	assert_string_equal(got, wanted);
	assert_null(mailbox_nth(mb, "1002", folder, strlen(wanted)));
}

static void
is_count(const struct mailbox *mb, const char *box, uint32_t fresh_n, uint32_t old, uint32_t urgent)
{
	struct mailbox_counts c;

	mailbox_count(mb, box, &c);
	assert_int_equal(c.fresh, fresh_n);
	assert_int_equal(c.old, old);
	assert_int_equal(c.fresh_urgent, urgent);
}

static void
order(void **unused)
{
	struct mailbox *mb = fresh("order");
	struct mailbox_item *b, *c;

	(void)unused;
	is_count(NULL, "1002", 0, 0, 0);
	is_count(mb, "1002", 0, 0, 0);
	assert_null(mailbox_nth(mb, "1002", MAILBOX_NEW, 0));
	/* A clock that goes back, and two in the same millisecond. */
	message(mb, "1002", "a", 5000);
	b = message(mb, "1002", "b", 7000);
	c = message(mb, "1002", "c", 6000);
	message(mb, "1002", "d", 7000);
	message(mb, "1003", "x", 100);
	is_order(mb, MAILBOX_NEW, "acbd");
	b->urgent = 1;
	mailbox_changed(mb, b, 8000);
	is_order(mb, MAILBOX_NEW, "bacd");
	is_count(mb, "1002", 4, 0, 1);
	c->folder = MAILBOX_WORK;
	mailbox_changed(mb, c, 8000);
	is_order(mb, MAILBOX_WORK, "c");
	is_order(mb, MAILBOX_NEW, "bad");
	is_count(mb, "1002", 3, 1, 1);
	b->heard = 1; /* in its place until the session ends, but it counts as old */
	mailbox_changed(mb, b, 8000);
	is_count(mb, "1002", 2, 2, 0);
	assert_int_equal(mailbox_size(mb, "1002"), 4);
	mb = again(mb);
	is_order(mb, MAILBOX_NEW, "bad");
	is_order(mb, MAILBOX_WORK, "c");
	is_count(mb, "1002", 2, 2, 0);
	is_count(mb, "1003", 1, 0, 0);
	mailbox_close(&mb);
	assert_int_equal(mailbox_folder_by_name("friends"), MAILBOX_FRIENDS);
	assert_int_equal(mailbox_folder_by_name("nonsense"), -1);
	assert_string_equal(mailbox_folder_name(200), "unknown");
}

static void
deleting(void **unused)
{
	struct mailbox *mb = fresh("deleting");
	struct mailbox_item *item = message(mb, "1002", "a", 5000), *copy, *comment;
	struct uuid id = item->id, file = item->file, second, said;

	(void)unused;
	item->state = MAILBOX_DELETED;
	mailbox_changed(mb, item, 6000);
	is_count(mb, "1002", 0, 0, 0);
	is_order(mb, MAILBOX_NEW, "a"); /* to be taken back */
	assert_int_equal(mailbox_size(mb, "1002"), 1);
	item->state = MAILBOX_KEPT;
	mailbox_changed(mb, item, 6000);
	is_count(mb, "1002", 1, 0, 0);

	/* Forwarded with a comment: one file, needed until both are gone. */
	comment = mailbox_new(mb, MAILBOX_COMMENT, "1003", &nobody, 7000);
	comment->duration_ms = 500;
	comment->state = MAILBOX_KEPT;
	mailbox_changed(mb, comment, 7000);
	said = comment->file;
	copy = mailbox_forward(mb, item, comment, "1003", 8000);
	second = copy->id;
	assert_int_equal(copy->duration_ms, 1500);
	assert_string_equal(copy->file_box, "1002");
	is_count(mb, "1003", 1, 0, 0);
	mailbox_gone(mb, item, 9000);
	assert_null(mailbox_find(mb, &id)); /* nobody has to hear of it: forgotten */
	assert_true(mailbox_file_used(mb, &file));
	mb = again(mb);
	is_count(mb, "1003", 1, 0, 0);
	mailbox_gone(mb, mailbox_find(mb, &second), 9000);
	assert_false(mailbox_file_used(mb, &file));
	assert_false(mailbox_file_used(mb, &said));
	/* It stays until the file is no more, also over a kill: no file that nobody knows. */
	mb = again(mb);
	assert_int_equal(mailbox_find(mb, &second)->state, MAILBOX_GONE);
	assert_int_equal(mailbox_find(mb, &said)->state, MAILBOX_GONE);
	assert_int_equal(mailbox_size(mb, "1003"), 0);
	mailbox_file_gone(mb, &file, 9500);
	mailbox_file_gone(mb, &said, 9500);
	assert_null(mailbox_find(mb, &second));
	assert_null(mailbox_find(mb, &said));
	mailbox_close(&mb);
}

static void
greetings(void **unused)
{
	struct mailbox *mb = fresh("greetings");
	struct mailbox_item *item;

	(void)unused;
	assert_null(mailbox_greeting(mb, "1002", MAILBOX_TEMPORARY));
	item = mailbox_new(mb, MAILBOX_TEMPORARY, "1002", &nobody, 5000);
	item->state = MAILBOX_DRAFT;
	mailbox_changed(mb, item, 5000);
	assert_null(mailbox_greeting(mb, "1002", MAILBOX_TEMPORARY));
	item->state = MAILBOX_KEPT;
	mailbox_changed(mb, item, 5000);
	assert_ptr_equal(mailbox_greeting(mb, "1002", MAILBOX_TEMPORARY), item);
	assert_null(mailbox_greeting(mb, "1002", MAILBOX_BUSY));
	assert_null(mailbox_greeting(mb, "1003", MAILBOX_TEMPORARY));
	/* It is no message. */
	is_count(mb, "1002", 0, 0, 0);
	assert_int_equal(mailbox_size(mb, "1002"), 0);
	mailbox_close(&mb);
}

static void
pins(void **unused)
{
	struct mailbox *mb = fresh("pins");

	(void)unused;
	assert_true(mailbox_pin_ok(mb, "1002", "4321", "4321"));
	assert_false(mailbox_pin_ok(mb, "1002", "4321", "432"));
	assert_false(mailbox_pin_ok(mb, "1002", "", ""));
	assert_true(mailbox_pin_set(mb, "1002", "98765"));
	assert_true(mailbox_pin_ok(mb, "1002", "4321", "98765"));
	assert_false(mailbox_pin_ok(mb, "1002", "4321", "4321"));
	for (int i = 0; i < 2; i++)
		mailbox_pin_wrong(mb, "1002", 3, 1000, 5000);
	assert_false(mailbox_pin_locked(mb, "1002", 5000));
	mb = again(mb); /* a kill gives no new tries */
	assert_true(mailbox_pin_ok(mb, "1002", "4321", "98765"));
	mailbox_pin_wrong(mb, "1002", 3, 1000, 5000);
	assert_true(mailbox_pin_locked(mb, "1002", 5999));
	assert_false(mailbox_pin_locked(mb, "1002", 6000));
	assert_false(mailbox_pin_locked(mb, "1003", 5000));
	mailbox_pin_right(mb, "1002");
	assert_false(mailbox_pin_locked(mb, "1002", 5000));
	mailbox_close(&mb);
}

/* Killed right after a change, with nothing closed. */
static void
killed(void **unused)
{
	struct mailbox *mb = fresh("killed");
	struct mailbox_item *item;
	pid_t child;
	int status;

	(void)unused;
	mailbox_close(&mb);
	if ((child = fork()) == 0) {
		if (mailbox_open(&mb, NULL, dir) != 0)
			_exit(1);
		item = mailbox_new(mb, MAILBOX_MESSAGE, "1002", &nobody, 5000);
		item->state = MAILBOX_KEPT;
		mailbox_changed(mb, item, 5000);
		mailbox_new(mb, MAILBOX_MESSAGE, "1002", &nobody, 6000);
		mailbox_pin_set(mb, "1002", "98765");
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(mailbox_open(&mb, NULL, dir), 0);
	is_count(mb, "1002", 1, 0, 0);
	/* The other one is still being recorded. */
	assert_int_equal(mailbox_folder_size(mb, "1002", MAILBOX_NEW), 1);
	assert_int_equal(mailbox_size(mb, "1002"), 2);
	assert_true(mailbox_pin_ok(mb, "1002", "4321", "98765"));
	mailbox_close(&mb);
}

/* Spoils a byte behind each place where text stands in the checkpoint, up to max of them. */
static int
spoil(const char *text, int max)
{
	char path[340], *map, *at;
	struct stat st;
	int fd, n = 0;

	str_format(path, sizeof(path), "%s/mailbox.ckpt", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	at = map;
	while (n < max &&
	    (at = memmem(at, (size_t)(map + st.st_size - at), text, strlen(text))) != NULL) {
		at[strlen(text) + 1] ^= 0x55;
		at += strlen(text) + 1;
		n++;
	}
	munmap(map, (size_t)st.st_size);
	close(fd);
	return n;
}

static void
damaged(void **unused)
{
	struct mailbox *mb = fresh("damaged");
	struct mailbox_item *item;

	(void)unused;
	message(mb, "1002", "a", 5000);
	message(mb, "1002", "spoilt-one", 6000);
	message(mb, "1002", "c", 7000);
	mailbox_close(&mb);
	assert_in_range(spoil("spoilt-one", 9), 1, 2);
	assert_int_equal(mailbox_open(&mb, NULL, dir), 0);
	is_order(mb, MAILBOX_NEW, "ac");
	/* Room again, and a record whose sum is right but which says nonsense. */
	item = message(mb, "1002", "d", 8000);
	item->state = 77;
	mailbox_changed(mb, item, 8000);
	item = message(mb, "1002", "e", 9000);
	memset(item->from_name, 'x', sizeof(item->from_name));
	mailbox_changed(mb, item, 9000);
	mb = again(mb);
	is_order(mb, MAILBOX_NEW, "ac");
	mb = again(mb);
	is_order(mb, MAILBOX_NEW, "ac");
	mailbox_close(&mb);
}

static void
any(void *arg, struct mailbox_item *item)
{
	*(struct mailbox_item **)arg = item;
}

static void
full(void **unused)
{
	struct mailbox *mb = fresh("full");
	struct mailbox_item *item = NULL;
	struct uuid file;
	char box[16];
	int n = -1;

	(void)unused;
	do {
		str_format(box, sizeof(box), "%d", ++n % 100);
		item = mailbox_new(mb, MAILBOX_MESSAGE, box, &nobody, 5000 + (uint64_t)n);
	} while (item != NULL && n <= MAILBOX_ITEMS_MAX);
	assert_int_equal(n, MAILBOX_ITEMS_MAX);
	mb = again(mb);
	assert_null(mailbox_new(mb, MAILBOX_MESSAGE, "1002", &nobody, 90000));
	/* One that goes makes room, once its file is no more. */
	mailbox_each(mb, any, &item);
	file = item->file;
	mailbox_gone(mb, item, 90000);
	assert_null(mailbox_new(mb, MAILBOX_MESSAGE, "1002", &nobody, 90000));
	mailbox_file_gone(mb, &file, 90000);
	assert_non_null(mailbox_new(mb, MAILBOX_MESSAGE, "1002", &nobody, 90000));
	mailbox_close(&mb);
}

static void
told(void *arg, const char *user)
{
	assert_string_equal(user, "1002");
	++*(int *)arg;
}

/* With the thread: told in the event loop, once for changes that come together, and not again when nothing has changed. */
static void
telling(void **unused)
{
	struct mailbox *mb = fresh("telling");
	struct mailbox_item *item;
	sd_event *event;
	int n = 0;

	(void)unused;
	mailbox_close(&mb);
	assert_int_equal(sd_event_new(&event), 0);
	/* An open that fails closes nothing that is not its own. */
	assert_true(mailbox_open(&mb, event, "/nonexistent") < 0);
	assert_null(mb);
	assert_int_not_equal(fcntl(0, F_GETFD), -1);
	assert_int_equal(mailbox_open(&mb, event, dir), 0);
	mailbox_watch(mb, told, &n);
	item = message(mb, "1002", "a", 5000);
	message(mb, "1002", "b", 6000);
	assert_int_equal(n, 0);
	while (n == 0)
		assert_true(sd_event_run(event, 5000000) > 0);
	assert_int_equal(n, 1);
	item->urgent = 0;
	mailbox_changed(mb, item, 7000);
	while (sd_event_run(event, 300000) > 0)
		continue;
	assert_int_equal(n, 1);
	mailbox_close(&mb);
	sd_event_unref(event);
}

/* In place of libc's: a disk of our own. */
static unsigned disk_us;

int
fdatasync(int fd)
{
	usleep(disk_us);
	return fsync(fd);
}

/* Nobody waits until there is a moment in which no mailbox changes. */
static void
telling_among_others(void **unused)
{
	struct mailbox *mb = fresh("among");
	struct mailbox_item *other;
	uint64_t until_ms;
	sd_event *event;
	int n = 0;

	(void)unused;
	mailbox_close(&mb);
	assert_int_equal(sd_event_new(&event), 0);
	assert_int_equal(mailbox_open(&mb, event, dir), 0);
	mailbox_watch(mb, told, &n);
	other = mailbox_new(mb, MAILBOX_COMMENT, "1003", &nobody, 5000);
	assert_non_null(other);
	message(mb, "1002", "a", 5000);
	disk_us = 100000;
	until_ms = clock_mono_ms() + 5000;
	for (uint64_t at = 6000; n == 0 && clock_mono_ms() < until_ms; at++) {
		mailbox_changed(mb, other, at);
		sd_event_run(event, 0);
	}
	disk_us = 0;
	assert_int_equal(n, 1);
	mailbox_close(&mb);
	sd_event_unref(event);
}

static void
short_of_memory(void *unused)
{
	struct mailbox *mb;
	struct mailbox_item *item, *copy;
	struct uuid file;

	(void)unused;
	if (mailbox_open(&mb, NULL, dir) != 0) {
		assert_null(mb);
		return;
	}
	/* What was there is there: an open that failed has thrown nothing away. */
	assert_true(mailbox_size(mb, "1001") == 1);
	if ((item = mailbox_new(mb, MAILBOX_COMMENT, "1002", &nobody, 5000)) != NULL) {
		file = item->file;
		copy = mailbox_forward(mb, item, NULL, "1003", 5000);
		if (copy != NULL)
			mailbox_gone(mb, copy, 5000);
		mailbox_gone(mb, item, 5000);
		mailbox_file_gone(mb, &file, 5000); /* so that each step finds the same */
	}
	mailbox_pin_set(mb, "1004", "1234");
	mailbox_close(&mb);
}

static void
memory(void **unused)
{
	struct mailbox *mb = fresh("memory");

	(void)unused;
	message(mb, "1001", "a", 5000);
	mailbox_pin_set(mb, "1001", "1234");
	mailbox_close(&mb);
	oom_each(short_of_memory, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(deleting),
		cmocka_unit_test(greetings),
		cmocka_unit_test(pins),
		cmocka_unit_test(killed),
		cmocka_unit_test(damaged),
		cmocka_unit_test(full),
		cmocka_unit_test(telling),
		cmocka_unit_test(telling_among_others),
		cmocka_unit_test(memory),
	};

	digest_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
