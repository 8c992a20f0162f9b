/* SPDX-License-Identifier: ISC */
/* Connections: who is let in, what ends a connection, how requests end, what a full queue does, and coming back. */
/* links: common/ipc/msg.c common/ipc/wire.c common/ipc/peer.c common/ipc/pending.c common/ipc/endpoint.c common/base/buf.c common/base/str.c common/base/log.c common/base/mem.c common/base/clock.c common/base/id.c */
/* libs: libsystemd */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/ipc/peer.h"

/* One end's view of what happened. */
struct end {
	int		 ups, downs, messages, replies, items;
	uint16_t	 last_type, error_status;
	uint64_t	 last_leg;
	char		 why[96];
	char		 passed[16];
	uint32_t	 request_id;
	struct ipc_peer	*asker;
	bool		 answer;	/* requests at once */
};

struct fixture {
	char			 dir[64], path[96];
	sd_event		*event;
	struct ipc_server	*server;
	struct ipc_client	*client;
	struct end		 s, c;
};

static void
on_up(void *arg, struct ipc_peer *peer)
{
	(void)peer;
	((struct end *)arg)->ups++;
}

static void
on_down(void *arg, struct ipc_peer *peer, const char *why)
{
	struct end *e = arg;

	(void)peer;
	e->downs++;
	str_copy(e->why, sizeof(e->why), why);
}

static void
on_message(void *arg, struct ipc_peer *peer, const struct ipc_msg *msg)
{
	struct end *e = arg;

	e->messages++;
	e->last_type = msg->type;
	if (msg->type == MSG_leg_taken)
		e->last_leg = ((const struct msg_leg_taken *)msg->body)->leg;
	if (msg->fd != -1)
		assert_int_equal(read(msg->fd, e->passed, sizeof(e->passed) - 1), 5);
	if ((msg->flags & IPC_REQUEST) == 0)
		return;
	e->request_id = msg->id;
	if (!e->answer)
		return;
	ipc_reply_item(peer, msg->id, MSG_reg_binding, &(struct msg_reg_binding){ .uri = "sip:a" });
	ipc_reply_item(peer, msg->id, MSG_reg_binding, &(struct msg_reg_binding){ .uri = "sip:b" });
	ipc_reply(peer, msg->id, MSG_reg_accepted, &(struct msg_reg_accepted){ .count = 2 });
}

static void
on_reply(void *arg, const struct ipc_msg *reply)
{
	struct end *e = arg;

	if (reply->flags & IPC_MORE)
		e->items++;
	else
		e->replies++;
	if (reply->flags & IPC_ERROR)
		e->error_status = ((const struct msg_error *)reply->body)->status;
}

static const struct ipc_handler handlers = { .up = on_up, .down = on_down, .message = on_message };

static void
serve(struct fixture *f)
{
	const struct ipc_identity ids[] = { { .uid = getuid(), .roles = IPC_SIPD | IPC_MEDIAD }, { 0 } };
	struct ipc_handler h = handlers;

	h.arg = &f->s;
	assert_int_equal(ipc_listen(&f->server, f->event, IPC_FEATURED, f->path, -1, ids, &h), 0);
}

static void
join(struct fixture *f, uint8_t role)
{
	struct ipc_handler h = handlers;

	h.arg = &f->c;
	assert_int_equal(ipc_connect(&f->client, f->event, role, f->path, &h), 0);
}

/* Runs the loop until *counter reaches n; fails after 5 s. */
static void
until(struct fixture *f, const int *counter, int n)
{
	uint64_t end = clock_mono_ms() + 5000;

	while (*counter < n) {
		assert_true(clock_mono_ms() < end);
		assert_true(sd_event_run(f->event, 100000) >= 0);
	}
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/ipc-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	str_format(f->path, sizeof(f->path), "%s/sock", f->dir);
	assert_true(sd_event_new(&f->event) >= 0);
	f->s.answer = true;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	ipc_client_free(&f->client);
	ipc_unref(&f->s.asker);
	ipc_server_free(&f->server);
	sd_event_unref(f->event);
	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void
statements_arrive_in_order(void **state)
{
	struct fixture *f = *state;
	struct ipc_peer *peer;

	serve(f);
	join(f, IPC_SIPD);
	until(f, &f->s.ups, 1);
	until(f, &f->c.ups, 1);
	peer = ipc_server_peer(f->server, IPC_SIPD);
	assert_non_null(peer);
	assert_null(ipc_server_peer(f->server, IPC_MEDIAD));
	for (uint64_t i = 1; i <= 1500; i++)
		assert_int_equal(ipc_send(peer, MSG_leg_taken, &(struct msg_leg_taken){ .leg = i }), 0);
	assert_int_equal(ipc_queued(peer), 1500);
	until(f, &f->c.messages, 1500);
	assert_int_equal(f->c.last_leg, 1500);
	assert_int_equal(ipc_queued(peer), 0);
}

static void
what_is_lazy_goes_with_others_or_later(void **state)
{
	struct fixture *f = *state;
	struct ipc_peer *peer;
	uint64_t began;

	serve(f);
	join(f, IPC_SIPD);
	until(f, &f->s.ups, 1);
	until(f, &f->c.ups, 1);
	peer = ipc_server_peer(f->server, IPC_SIPD);
	began = clock_mono_ms();
	assert_int_equal(ipc_send_lazily(peer, MSG_leg_taken, &(struct msg_leg_taken){ .leg = 1 }), 0);
	assert_int_equal(ipc_queued(peer), 1);
	assert_false(ipc_due(peer));
	until(f, &f->c.messages, 1);
	assert_true(clock_mono_ms() - began >= IPC_LAZY_US / 1000 - 1);
	assert_int_equal(ipc_send_lazily(peer, MSG_leg_taken, &(struct msg_leg_taken){ .leg = 2 }), 0);
	assert_int_equal(ipc_send(peer, MSG_leg_taken, &(struct msg_leg_taken){ .leg = 3 }), 0);
	assert_true(ipc_due(peer));
	ipc_flush(peer);
	assert_int_equal(ipc_queued(peer), 0);
	until(f, &f->c.messages, 3);
	assert_int_equal(f->c.last_leg, 3);
}

static void
a_request_ends_once(void **state)
{
	struct fixture *f = *state;
	struct msg_reg_request reg = { .txn = 1 };

	serve(f);
	join(f, IPC_SIPD);
	until(f, &f->c.ups, 1);
	assert_int_equal(ipc_request(ipc_client_peer(f->client), MSG_reg_request, &reg, 1000, on_reply, &f->c), 0);
	until(f, &f->c.replies, 1);
	assert_int_equal(f->c.items, 2);
	assert_int_equal(f->c.error_status, 0);
	/* by its deadline; what comes after that is nobody's */
	f->s.answer = false;
	assert_int_equal(ipc_request(ipc_client_peer(f->client), MSG_reg_request, &reg, 30, on_reply, &f->c), 0);
	until(f, &f->c.replies, 2);
	assert_int_equal(f->c.error_status, 504);
	ipc_reply_error(ipc_server_peer(f->server, IPC_SIPD), f->s.request_id, 500, "late");
	/* by the loss of its peer */
	assert_int_equal(ipc_request(ipc_client_peer(f->client), MSG_reg_request, &reg, 5000, on_reply, &f->c), 0);
	until(f, &f->s.messages, 3);
	assert_int_equal(f->c.replies, 2);
	ipc_drop(ipc_server_peer(f->server, IPC_SIPD), "test");
	until(f, &f->c.replies, 3);
	assert_int_equal(f->c.error_status, 503);
	until(f, &f->c.downs, 1);
	assert_int_equal(f->c.replies, 3);
}

static void
saying_what_one_may_not_costs_the_connection(void **state)
{
	struct fixture *f = *state;

	serve(f);
	join(f, IPC_SIPD);
	until(f, &f->c.ups, 1);
	/* leg_taken is featured's to say */
	ipc_send(ipc_client_peer(f->client), MSG_leg_taken, &(struct msg_leg_taken){ .leg = 1 });
	until(f, &f->s.downs, 1);
	assert_string_equal(f->s.why, "it said what it may not");
	assert_int_equal(f->s.messages, 0);
	until(f, &f->c.ups, 2);
}

static void
raw_bytes_are_refused(struct fixture *f, const void *bytes, size_t n)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0), closed = 0;
	char reply[1000];

	str_copy(sun.sun_path, sizeof(sun.sun_path), f->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(send(fd, bytes, n, 0), (ssize_t)n);
	for (int i = 0; i < 100 && !closed; i++) {
		sd_event_run(f->event, 10000);
		closed = recv(fd, reply, sizeof(reply), MSG_DONTWAIT) == 0;
	}
	assert_true(closed);
	close(fd);
}

static void
a_role_that_the_uid_has_not_is_refused(void **state)
{
	struct fixture *f = *state;

	serve(f);
	raw_bytes_are_refused(f, "\0\1\0\0\0\0\0\0\1\0\0\10\0\0\0\0\0\0\0\0", 20);	/* hello of apid */
	raw_bytes_are_refused(f, "\0\1\0\0\0\0\0\0\1\0\0\3\0\0\0\0\0\0\0\0", 20);	/* two roles at once */
	assert_int_equal(f->s.ups, 0);
}

static void
malformed_bytes_cost_the_connection(void **state)
{
	struct fixture *f = *state;

	serve(f);
	raw_bytes_are_refused(f, "x", 1);
	raw_bytes_are_refused(f, "\0\1\0\0\0\0\0", 7);			/* hello without a body */
	raw_bytes_are_refused(f, "\1\1\0\0\0\0\0", 7);			/* something else before hello */
	raw_bytes_are_refused(f, "\0\1\0\0\0\0\0\0\2\0\0\1\0\0\0\0\0\0\0\0", 20);	/* another major */
	assert_int_equal(f->s.ups, 0);
}

/* Whoever connects and says nothing takes no place from those that do. */
static void
the_silent_give_way(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fds[40];

	serve(f);
	str_copy(sun.sun_path, sizeof(sun.sun_path), f->path);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		fds[i] = socket(AF_UNIX, SOCK_SEQPACKET, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&sun, sizeof(sun)), 0);
		sd_event_run(f->event, 10000);
	}
	join(f, IPC_SIPD);
	until(f, &f->c.ups, 1);
	until(f, &f->s.ups, 1);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		close(fds[i]);
	for (int i = 0; i < 100; i++)
		sd_event_run(f->event, 0);
	assert_int_equal(f->s.downs, 0);
}

static void
a_full_queue_drops_the_peer(void **state)
{
	struct fixture *f = *state;
	struct ipc_peer *peer;
	int r = 0, sent = 0;

	serve(f);
	join(f, IPC_SIPD);
	until(f, &f->s.ups, 1);
	until(f, &f->c.ups, 1);
	peer = ipc_server_peer(f->server, IPC_SIPD);
	assert_false(ipc_congested(peer));
	while (r == 0 && sent < 100000) {
		r = ipc_send(peer, MSG_leg_taken, &(struct msg_leg_taken){ .leg = 1 });
		if (++sent == 3000)
			assert_true(ipc_congested(peer));
	}
	assert_int_equal(r, -ENOBUFS);
	until(f, &f->s.downs, 1);
	until(f, &f->c.ups, 2);
	assert_true(ipc_congested(NULL));
}

static void
the_client_comes_back(void **state)
{
	struct fixture *f = *state;

	join(f, IPC_MEDIAD);	/* nobody listens yet */
	serve(f);
	until(f, &f->c.ups, 1);
	ipc_server_free(&f->server);
	until(f, &f->c.downs, 1);
	assert_null(ipc_client_peer(f->client));
	serve(f);
	until(f, &f->c.ups, 2);
	until(f, &f->s.ups, 2);
}

static void
a_second_connection_replaces_the_first(void **state)
{
	struct fixture *f = *state;
	struct ipc_client *first;

	serve(f);
	join(f, IPC_SIPD);
	until(f, &f->s.ups, 1);
	first = f->client;
	join(f, IPC_SIPD);
	until(f, &f->s.downs, 1);
	assert_string_equal(f->s.why, "a newer connection of its role came");
	ipc_client_free(&first);
	assert_non_null(ipc_server_peer(f->server, IPC_SIPD));
}

static void
descriptors_pass(void **state)
{
	struct fixture *f = *state;
	int p[2];

	serve(f);
	join(f, IPC_SIPD);
	until(f, &f->s.ups, 1);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "hello", 5), 5);
	assert_int_equal(ipc_send_fd(ipc_server_peer(f->server, IPC_SIPD), MSG_leg_taken, &(struct msg_leg_taken){ .leg = 9 }, p[0]), 0);
	close(p[0]);
	close(p[1]);
	until(f, &f->c.messages, 1);
	assert_string_equal(f->c.passed, "hello");
}

/* Room for one descriptor has room for two, on a machine of 64 bits: none may stay open here. */
static void
more_descriptors_than_one_are_refused(void **state)
{
	struct fixture *f = *state;
	union {
		struct cmsghdr	head;
		char		bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char hello[] = "\0\1\0\0\0\0\0\0\1\0\0\1\0\0\0\0\0\0\0", got;
	struct iovec iov = { .iov_base = hello, .iov_len = 20 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.bytes) };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0), p[2];
	ssize_t n = -1;

	serve(f);
	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(2 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.head), (int[]){ p[1], p[1] }, 2 * sizeof(int));
	str_copy(sun.sun_path, sizeof(sun.sun_path), f->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(sendmsg(fd, &m, 0), 20);
	close(p[1]);
	for (int i = 0; i < 100 && n != 0; i++) {
		sd_event_run(f->event, 10000);
		n = read(p[0], &got, 1);	/* 0: nobody has the other end any more */
	}
	assert_int_equal(n, 0);
	assert_int_equal(f->s.ups, 0);
	close(p[0]);
	close(fd);
}

static void
an_answer_to_a_lost_peer_is_an_error(void **state)
{
	struct fixture *f = *state;

	serve(f);
	join(f, IPC_SIPD);
	until(f, &f->s.ups, 1);
	f->s.asker = ipc_ref(ipc_server_peer(f->server, IPC_SIPD));
	ipc_client_free(&f->client);
	until(f, &f->s.downs, 1);
	assert_int_equal(ipc_reply(f->s.asker, 1, MSG_done, &(struct msg_done){}), -ENOTCONN);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(statements_arrive_in_order),
		TEST(what_is_lazy_goes_with_others_or_later),
		TEST(a_request_ends_once),
		TEST(saying_what_one_may_not_costs_the_connection),
		TEST(a_role_that_the_uid_has_not_is_refused),
		TEST(malformed_bytes_cost_the_connection),
		TEST(the_silent_give_way),
		TEST(a_full_queue_drops_the_peer),
		TEST(the_client_comes_back),
		TEST(a_second_connection_replaces_the_first),
		TEST(descriptors_pass),
		TEST(more_descriptors_than_one_are_refused),
		TEST(an_answer_to_a_lost_peer_is_an_error),
	};

	return cmocka_run_group_tests_name("ipc_peer", tests, NULL, NULL);
}
