/* SPDX-License-Identifier: ISC */
/*
 * Descriptors that systemd passes at start (sockets of .socket units and what the process before us
 * kept in the fd store), and the store itself, see daemon.h. Each is given out once. Everything
 * here does nothing without systemd.
 */
#include <systemd/sd-daemon.h>

#include <sys/socket.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/daemon/daemon.h"

/* What was passed to this process: fixed at start, so it belongs to no daemon's state. */
static struct {
	bool	 known;
	int	 n;
	char	**names;
	bool	*taken;
} passed;

static void
find_passed(void)
{
	if (passed.known)
		return;
	passed.known = true;
	passed.n = sd_listen_fds_with_names(0, &passed.names);
	if (passed.n < 0) {
		log_warning("systemd's descriptors cannot be read");
		passed.n = 0;
	}
	if (passed.n > 0)
		passed.taken = mem_must((size_t)passed.n * sizeof(*passed.taken));
}

static int
take(const char *name, bool listening)
{
	find_passed();
	for (int i = 0; i < passed.n; i++) {
		int fd = SD_LISTEN_FDS_START + i, on = 0;
		socklen_t len = sizeof(on);

		if (passed.taken[i] || !str_eq(passed.names[i], name))
			continue;
		if (listening && (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) < 0 || !on))
			continue;
		passed.taken[i] = true;
		/* systemd makes its sockets blocking; a loop must not hang in accept(). */
		if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
			panic("fcntl");
		return fd;
	}
	return -1;
}

int
daemon_listen_fd(const char *name)
{
	return take(name, true);
}

int
daemon_fd_take(const char *name)
{
	return take(name, false);
}

void
daemon_fd_store(const char *name, int fd)
{
	char text[300];

	/* Not polled: an ICMP error on a media socket is no reason to forget it. */
	if (str_format(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name))
		sd_pid_notify_with_fds(0, 0, text, &fd, 1);
}

void
daemon_fd_unstore(const char *name)
{
	sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}
