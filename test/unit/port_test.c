/* SPDX-License-Identifier: ISC */
/*
 * The line of RTP ports: order of use, what others hold, none lost. Also the queue between threads.
 */
/*
 * links: mediad/port.c mediad/io_epoll.c mediad/queue.c common/base/addr.c common/base/str.c
 * common/base/log.c common/base/mem.c common/base/clock.c common/base/buf.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "mediad/port.h"
#include "mediad/queue.h"
#include "test/unit/free_ports.h"
#include "test/unit/oom.h"

static uint16_t first;

static void
ports_go_around(void **state)
{
	struct port_pair p[5];
	struct port_line *l;
	union addr any;

	(void)state;
	addr_from_ip(&any, "127.0.0.1", 0);
	assert_int_equal(port_line_new(&l, (uint16_t)(first - 1), (uint16_t)(first + 7)), 0);
	assert_int_equal(port_line_total(l), 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(port_take(l, &any, &p[i]), 0);
		assert_int_equal(p[i].number, first + 2 * i);
	}
	assert_int_equal(port_take(l, &any, &p[4]), -EADDRINUSE);
	assert_int_equal(port_line_used(l), 4);
	port_give_back(l, &p[2]);
	port_give_back(l, &p[0]);
	assert_int_equal(port_take(l, &any, &p[0]), 0);
	assert_int_equal(p[0].number, first + 4);
	/* Another range: who is in use stays, and leaves it for good. */
	assert_int_equal(port_line_range(l, (uint16_t)(first + 4), (uint16_t)(first + 9)), 0);
	assert_int_equal(port_take(l, &any, &p[2]), 0);
	assert_int_equal(p[2].number, first + 8);
	assert_int_equal(port_take(l, &any, &p[4]), -EADDRINUSE);
	port_give_back(l, &p[1]);			/* out of the range now */
	assert_int_equal(port_take(l, &any, &p[4]), -EADDRINUSE);
	port_give_back(l, &p[3]);
	assert_int_equal(port_take(l, &any, &p[3]), 0);
	assert_int_equal(p[3].number, first + 6);
	port_give_back(l, &p[0]);
	port_give_back(l, &p[2]);
	port_give_back(l, &p[3]);
	port_give_back(l, &p[3]);			/* empty: nothing happens */
	assert_int_equal(port_line_used(l), 0);
	/* After a restart. */
	assert_int_equal(port_take_again(l, &any, (uint16_t)(first + 6), &p[0]), 0);
	assert_int_equal(port_take_again(l, &any, (uint16_t)(first + 6), &p[1]), -EADDRINUSE);
	port_line_settle(l);
	for (int i = 1; i < 3; i++) {
		assert_int_equal(port_take(l, &any, &p[i]), 0);
		assert_int_equal(p[i].number, i == 1 ? first + 8 : first + 4);
		assert_int_not_equal(p[i].number, first + 6);
	}
	assert_int_equal(port_take(l, &any, &p[3]), -EADDRINUSE);
	for (int i = 0; i < 3; i++)
		port_give_back(l, &p[i]);
	port_line_free(&l);
}

static void
foreign_ports_are_passed_over(void **state)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct port_pair p[4];
	struct port_line *l;
	union addr any;

	(void)state;
	addr_from_ip(&any, "127.0.0.1", (uint16_t)(first + 1));
	assert_int_equal(bind(fd, &any.sa, addr_len(&any)), 0);	/* an RTCP port */
	assert_int_equal(port_line_new(&l, first, (uint16_t)(first + 5)), 0);
	assert_int_equal(port_take(l, &any, &p[0]), 0);
	assert_int_equal(p[0].number, first + 2);
	assert_int_equal(port_take(l, &any, &p[1]), 0);
	assert_int_equal(port_take(l, &any, &p[2]), -EADDRINUSE);
	close(fd);
	assert_int_equal(port_take(l, &any, &p[2]), 0);
	assert_int_equal(p[2].number, first);
	for (int i = 0; i < 3; i++)
		port_give_back(l, &p[i]);
	port_line_free(&l);
}

static void
queue_keeps_order_and_bound(void **state)
{
	struct queue q;
	unsigned in = 0, out = 0, v;

	(void)state;
	queue_init(&q, sizeof(v), 256);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 7 + round; i++, in++)
			assert_int_equal(queue_push(&q, &in), in == out);
		for (int i = 0; i < 5 + round && out < in; i++, out++) {
			assert_true(queue_pop(&q, &v));
			assert_int_equal(v, out);
		}
	}
	while (queue_push(&q, &in) >= 0)
		in++;
	assert_int_equal(in - out, 256);
	while (queue_pop(&q, &v))
		assert_int_equal(v, out++);
	assert_int_equal(in, out);
	queue_destroy(&q);
}

static void
one_life(void *arg)
{
	struct port_pair p = { 0 };
	struct port_line *l;
	union addr any;

	(void)arg;
	addr_from_ip(&any, "127.0.0.1", 0);
	if (port_line_new(&l, first, (uint16_t)(first + 3)) < 0)
		return;
	if (port_take(l, &any, &p) < 0)
		assert_int_equal(port_line_used(l), 0);
	port_line_range(l, first, (uint16_t)(first + 7));
	port_give_back(l, &p);
	assert_int_equal(port_line_used(l), 0);
	port_take(l, &any, &p);
	port_give_back(l, &p);
	assert_int_equal(port_line_used(l), 0);
	port_line_free(&l);
}

static void
memory_may_run_out(void **state)
{
	(void)state;
	oom_each(one_life, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_go_around),
		cmocka_unit_test(foreign_ports_are_passed_over),
		cmocka_unit_test(queue_keeps_order_and_bound),
		cmocka_unit_test(memory_may_run_out),
	};

	first = (uint16_t)free_ports(24);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
