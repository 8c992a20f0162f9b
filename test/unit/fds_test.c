/* SPDX-License-Identifier: ISC */
/*
 * Descriptors over a restart, with the test in systemd's place: what a daemon puts into the store
 * is taken from the notify socket, and given to its next process by LISTEN_FDS.
 *
 * links: common/daemon/fds.c common/base/log.c common/base/clock.c common/base/str.c
 * common/base/mem.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/daemon/daemon.h"

/* The next notification, and the descriptor that came with it (or -1). */
static int
notification(int sock, char *text, size_t size)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = text, .iov_len = size - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd = -1;
	ssize_t n = recvmsg(sock, &msg, MSG_DONTWAIT);

	assert_true(n > 0);
	text[n] = '\0';
	for (c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	if (getsockname(fd, (struct sockaddr *)&sin, &len) < 0)
		return 0;
	return ntohs(sin.sin_port);
}

/* The next process: finds stored at 3, a listening socket of that name at 4, and nothing else. */
static int
successor(int stored, int listening, uint16_t port)
{
	char pid[20];
	int a = fcntl(stored, F_DUPFD, 10), b = fcntl(listening, F_DUPFD, 10);

	if (dup2(a, 3) != 3 || dup2(b, 4) != 4)
		return 1;
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_FDNAMES", "rtp:rtp", 1);
	/* A listening socket is found behind one of the same name that does not listen. */
	if (daemon_listen_fd("other") != -1 || daemon_listen_fd("rtp") != 4)
		return 2;
	if (daemon_fd_take("other") != -1 || daemon_fd_take("rtp") != 3 || port_of(3) != port)
		return 3;
	/* Each is given out once, and not inherited by programs started. */
	if (daemon_fd_take("rtp") != -1 || daemon_listen_fd("rtp") != -1)
		return 4;
	if ((fcntl(4, F_GETFL) & O_NONBLOCK) == 0)
		return 5;
	return fcntl(3, F_GETFD) & FD_CLOEXEC ? 0 : 6;
}

static void
a_socket_outlives_its_process(void **state)
{
	const char *dir = getenv("TMPDIR");
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
	    udp = socket(AF_INET, SOCK_DGRAM, 0);
	int tcp = socket(AF_INET, SOCK_STREAM, 0), stored, status;
	char text[400];
	uint16_t port;
	pid_t pid;

	(void)state;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.80s/notify-%d", dir != NULL ? dir : "/tmp",
	    getpid());
	assert_int_equal(bind(sock, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(bind(udp, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(tcp, 1), 0);
	port = port_of(udp);
	setenv("NOTIFY_SOCKET", sun.sun_path, 1);

	daemon_fd_store("rtp", udp);
	close(udp);
	stored = notification(sock, text, sizeof(text));
	assert_string_equal(text, "FDSTORE=1\nFDNAME=rtp\nFDPOLL=0");
	assert_true(stored >= 0);
	assert_int_equal(port_of(stored), port);
	daemon_fd_unstore("rtp");
	assert_int_equal(notification(sock, text, sizeof(text)), -1);
	assert_string_equal(text, "FDSTOREREMOVE=1\nFDNAME=rtp");

	if ((pid = fork()) == 0)
		_exit(successor(stored, tcp, port));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(stored);
	close(tcp);
	close(sock);
	unlink(sun.sun_path);
	unsetenv("NOTIFY_SOCKET");
}

static void
without_systemd_there_is_nothing(void **state)
{
	(void)state;
	assert_int_equal(daemon_listen_fd("featured"), -1);
	assert_int_equal(daemon_fd_take("rtp"), -1);
	daemon_fd_store("rtp", 0);
	daemon_fd_unstore("rtp");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		/* first: what was passed is looked up once in a process */
		cmocka_unit_test(a_socket_outlives_its_process),
		cmocka_unit_test(without_systemd_there_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
