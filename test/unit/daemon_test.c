/* SPDX-License-Identifier: ISC */
/*
 * The daemon skeleton, as a process: arguments and their exit codes, what -n prints, reload by
 * SIGHUP, stop, the sandbox. Each case forks and becomes a small daemon; what it says on stderr is
 * read back.
 *
 * links: common/daemon/daemon.c common/daemon/drop.c common/daemon/fds.c common/daemon/sandbox.c
 * common/conf/conf.c common/conf/bind.c common/conf/node.c common/conf/value.c common/conf/print.c
 * common/base/buf.c common/base/mem.c common/base/str.c common/base/log.c common/base/clock.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "common/daemon/daemon.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

struct settings {
	int64_t		port;
	struct conf_logging logging;
};

static const struct conf_key keys[] = {
	{ "server.port", CONF_INT, CONF_F(struct settings, port), "5060", 1, 65535,
	    .help = "port" },
	CONF_LOGGING(struct settings, logging),
	{ .path = NULL },
};

static char dir[200], file[220];

/* A child: its process and what it says. */
struct child {
	pid_t	pid;
	int	out;
	char	text[8192];
	size_t	len;
};

static void
write_file(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0, 1);
	fclose(f);
	chmod(file, 0644);
}

static int
setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%.150s/daemon-test-%d", tmp != NULL ? tmp : "/tmp", getpid());
	snprintf(file, sizeof(file), "%s/d.yml", dir);
	if (mkdir(dir, 0755) < 0 || (tmp != NULL && chmod(tmp, 0755) < 0))
		return -1;
	write_file("server:\n  port: 5070\n");
	return 0;
}

static int
teardown(void **state)
{
	char cmd[300];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static bool
take_settings(struct daemon *d, void *fresh)
{
	struct settings *s = fresh, *old = d->settings;

	log_info("offered", kv_i("old", old->port), kv_i("new", s->port));
	return s->port != 666 || conf_error(d->conf, "server.port", "not that one");
}

/* What the small daemon does when it is up. */
enum deed {
	NOTHING,
	FORBIDDEN_CALL,
	NETWORK,
};

static void
do_deed(enum deed deed)
{
	switch (deed) {
	case NOTHING:
		break;
	case FORBIDDEN_CALL:
		if (fork() == 0)
			_exit(0);
		break;
	case NETWORK:
		log_info("network", kv_s("inet", socket(AF_INET, SOCK_DGRAM, 0) < 0 ? "no" : "yes"),
		    kv_s("unix", socket(AF_UNIX, SOCK_DGRAM, 0) < 0 ? "no" : "yes"));
		break;
	}
}

static _Noreturn void
run(char **argv, enum deed deed)
{
	static struct settings s;
	static struct conf conf = { .keys = keys, .size = sizeof(s) };
	static struct daemon d;
	int argc = 0, r;

	while (argv[argc] != NULL)
		argc++;
	d.reload = take_settings;
	daemon_init(&d, argc, argv, "sipd", &conf, &s, &s.logging);
	daemon_drop(&d, 256);
	daemon_sandbox(&d, NULL, false);
	daemon_ready(&d);
	do_deed(deed);
	r = daemon_run(&d);
	log_info("ended", kv_i("port", s.port));
	exit(r);
}

/* Starts the daemon with these arguments, besides its directories and, as root, its user. */
static void
start(struct child *c, enum deed deed, const char *a1, const char *a2)
{
	static char name[] = "sipd", r[] = "-r", s[] = "-s", u[] = "-u", nobody[] = "nobody";
	char run_dir[220], state_dir[220];
	char *argv[12] = { name, r, run_dir, s, state_dir };
	int p[2], n = 5;

	snprintf(run_dir, sizeof(run_dir), "%s/run", dir);
	snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	if (geteuid() == 0) {
		argv[n++] = u;
		argv[n++] = nobody;
	}
	if (a1 != NULL)
		argv[n++] = (char *)(uintptr_t)a1;
	if (a2 != NULL)
		argv[n++] = (char *)(uintptr_t)a2;
	memset(c, 0, sizeof(*c));
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0) {
		for (int sig = 1; sig < 32; sig++)
			signal(sig, SIG_DFL);	/* cmocka's handlers are not the daemon's */
		dup2(p[1], STDOUT_FILENO);
		dup2(p[1], STDERR_FILENO);
		run(argv, deed);
	}
	close(p[1]);
	c->out = p[0];
}

/* Reads until what the child said holds text (NULL: until it says no more). */
static void
await(struct child *c, const char *text)
{
	while (text == NULL || strstr(c->text, text) == NULL) {
		struct pollfd pfd = { .fd = c->out, .events = POLLIN };
		ssize_t n;

		assert_true(c->len < sizeof(c->text) - 1);
		if (poll(&pfd, 1, 10000) != 1)
			fail_msg("waited for \"%s\", got: %s", text != NULL ? text : "the end",
			    c->text);
		n = read(c->out, c->text + c->len, sizeof(c->text) - 1 - c->len);
		if (n <= 0) {
			if (text != NULL)
				fail_msg("no \"%s\" in: %s", text, c->text);
			return;
		}
		c->len += (size_t)n;
	}
}

static int
finish(struct child *c)
{
	int status;

	await(c, NULL);
	close(c->out);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	return status;
}

static void
expect_exit(const char *a1, const char *a2, int code, const char *text)
{
	struct child c;
	int status;

	start(&c, NOTHING, a1, a2);
	status = finish(&c);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != code || strstr(c.text, text) == NULL)
		fail_msg("status %x, text: %s", (unsigned)status, c.text);
}

static void
arguments_are_checked(void **state)
{
	char arg[260], want[300];

	(void)state;
	snprintf(arg, sizeof(arg), "-f%s", file);
	expect_exit(arg, "-n", 0, "server.port = 5070\nlogging.level = INFO\n");
	expect_exit(arg, "-noserver.port=1", 0, "server.port = 1\n");
	expect_exit(arg, "-nx", 64, "usage: sipd");
	expect_exit(arg, "-K", 0, "a whole number from 1 to 65535; default: 5060\n");
	expect_exit("-V", NULL, 0, "sipd " WARDEN_VERSION "\n");
	expect_exit("-x", NULL, 64, "sipd: unknown option: -x\nusage: sipd");
	expect_exit("-f", NULL, 64, "sipd: option needs a value: -f");
	expect_exit("-f", "/nowhere/x.yml", 78, "sipd: /nowhere/x.yml: No such file or directory");
	expect_exit(arg, "-oserver.port=0", 78,
	    "sipd: -o server.port: want a whole number from 1 to 65535");
	write_file("server:\n  prt: 1\n");
	snprintf(want, sizeof(want),
	    "sipd: %s:2: server.prt: unknown key; -K prints those there are\n", file);
	expect_exit(arg, NULL, 78, want);
	write_file("logging:\n  file: /nowhere/log\n");
	expect_exit(arg, NULL, 1,
	    "/nowhere/log: cannot open the log file: No such file or directory");
}

static void
it_will_not_run_as_root(void **state)
{
	char arg[260];

	(void)state;
	if (geteuid() != 0)
		skip();
	snprintf(arg, sizeof(arg), "-f%s", file);
	expect_exit(arg, "-uroot", 1, "sipd: -u root: will not run as root");
	expect_exit(arg, "-uno-such-user", 1, "sipd: -u no-such-user: no such user");
}

static void
hup_reloads_and_term_stops(void **state)
{
	struct child c;
	struct stat st;
	char arg[260], own[260];
	int status;

	(void)state;
	snprintf(arg, sizeof(arg), "-f%s", file);
	snprintf(own, sizeof(own), "%s/run/sipd", dir);
	start(&c, NOTHING, arg, NULL);
	await(&c, "msg=ready");
	assert_int_equal(stat(own, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	if (geteuid() == 0)
		assert_int_equal(st.st_uid, getpwnam("nobody")->pw_uid);
	write_file("server:\n  port: 5071\n");
	kill(c.pid, SIGHUP);
	await(&c, "msg=offered old=5070 new=5071");
	await(&c, "msg=\"settings taken\"");
	/* A bad file changes nothing, and says so; what the daemon itself refuses too. */
	write_file("server:\n  port: x\n");
	kill(c.pid, SIGHUP);
	await(&c, ":2: server.port: want a whole number from 1 to 65535, not x");
	write_file("server:\n  port: 666\n");
	kill(c.pid, SIGHUP);
	await(&c, "offered old=5071 new=666");
	await(&c, "not that one");
	kill(c.pid, SIGTERM);
	status = finish(&c);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_non_null(strstr(c.text, "msg=ended port=5071"));
}

static void
the_sandbox_kills(void **state)
{
	struct child c;
	char arg[260];
	int status;

	(void)state;
	if (SANITIZED)
		skip();
	snprintf(arg, sizeof(arg), "-f%s", file);
	start(&c, FORBIDDEN_CALL, arg, NULL);
	status = finish(&c);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	/* For developers: with the name of the call. */
	setenv("WARDEN_SANDBOX_TRAP", "1", 1);
	start(&c, FORBIDDEN_CALL, arg, NULL);
	status = finish(&c);
	unsetenv("WARDEN_SANDBOX_TRAP");
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGSYS);
	assert_non_null(strstr(c.text, "forbidden system call\" name=clone"));
}

static void
without_inet_there_is_no_network(void **state)
{
	struct child c;
	char arg[260];

	(void)state;
	if (SANITIZED)
		skip();
	snprintf(arg, sizeof(arg), "-f%s", file);
	start(&c, NETWORK, arg, NULL);
	await(&c, "msg=network inet=no unix=yes");
	kill(c.pid, SIGTERM);
	assert_int_equal(finish(&c), 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(arguments_are_checked),
		T(it_will_not_run_as_root),
		T(hup_reloads_and_term_stops),
		T(the_sandbox_kills),
		T(without_inet_there_is_no_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
