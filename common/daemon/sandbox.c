/* SPDX-License-Identifier: ISC */
/*
 * The seccomp filter and what goes with it, see daemon_sandbox(). The common list below is what a
 * loop over sockets with files, timers and a log needs; a daemon names the rest. Nothing on it
 * starts a program, maps code, or looks at another process.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "common/daemon/daemon.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static const char *const common_calls[] = {
	/* bytes and messages */
	"read",
	"write",
	"readv",
	"writev",
	"pread64",
	"pwrite64",
	"recvfrom",
	"sendto",
	"recvmsg",
	"sendmsg",
	"recvmmsg",
	"sendmmsg",
	"lseek",
	"accept",
	"accept4",
	"connect",
	"shutdown",
	"getsockopt",
	"setsockopt",
	"getsockname",
	"getpeername",
	/* the loop */
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"epoll_pwait2",
	"poll",
	"ppoll",
	"timerfd_create",
	"timerfd_settime",
	"timerfd_gettime",
	"signalfd4",
	"eventfd2",
	"pipe2",
	/* files: the log, checkpoints, settings, spools */
	"open",
	"openat",
	"close",
	"close_range",
	"dup",
	"dup2",
	"dup3",
	"fcntl",
	"flock",
	"fstat",
	"stat",
	"lstat",
	"newfstatat",
	"statx",
	"access",
	"faccessat",
	"faccessat2",
	"getdents64",
	"mkdir",
	"mkdirat",
	"rename",
	"renameat",
	"renameat2",
	"unlink",
	"unlinkat",
	"ftruncate",
	"fallocate",
	"fsync",
	"fdatasync",
	"readlink",
	"readlinkat",
	"fstatfs",
	"getcwd",
	/* memory and threads that are there already */
	"brk",
	"munmap",
	"mremap",
	"madvise",
	"futex",
	"set_robust_list",
	"rseq",
	"membarrier",
	"sched_yield",
	"sched_getaffinity",
	/* time, itself, chance */
	"clock_gettime",
	"clock_getres",
	"clock_nanosleep",
	"nanosleep",
	"gettimeofday",
	"time",
	"times",
	"getpid",
	"gettid",
	"getppid",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"getrusage",
	"sysinfo",
	"uname",
	"getrandom",
	/* signals and the end */
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigaltstack",
	"restart_syscall",
	"exit",
	"exit_group",
	NULL,
};

static const char *const inet_calls[] = { "bind", "listen", NULL };

static void
must(int r, const char *what)
{
	if (r < 0)
		fatal("seccomp: %s: %s", what, strerror(-r));
}

static void
allow(scmp_filter_ctx ctx, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	if (nr == __NR_SCMP_ERROR)
		fatal("seccomp: no system call is named \"%s\"", name);
	/* A negative number: known, but not on this machine's architecture. */
	if (nr >= 0)
		must(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0), name);
}

static bool
listed(const char *const *names, const char *name)
{
	for (; names != NULL && *names != NULL; names++) {
		if (str_eq(*names, name))
			return true;
	}
	return false;
}

/* One call under a condition on one argument. */
static void
rule(scmp_filter_ctx ctx, uint32_t action, const char *name, unsigned arg, enum scmp_compare op,
    scmp_datum_t a, scmp_datum_t b)
{
	struct scmp_arg_cmp cmp = { .arg = arg, .op = op, .datum_a = a, .datum_b = b };

	must(seccomp_rule_add_array(ctx, action, seccomp_syscall_resolve_name(name), 1, &cmp),
	    name);
}

static void
allow_sockets(scmp_filter_ctx ctx, bool inet)
{
	rule(ctx, SCMP_ACT_ALLOW, "socket", 0, SCMP_CMP_EQ, AF_UNIX, 0);
	/*
	 * A library that asks for a network where there is none hears so; that is no reason to die.
	 */
	if (!inet) {
		rule(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 0, SCMP_CMP_NE, AF_UNIX, 0);
		return;
	}
	rule(ctx, SCMP_ACT_ALLOW, "socket", 0, SCMP_CMP_EQ, AF_INET, 0);
	rule(ctx, SCMP_ACT_ALLOW, "socket", 0, SCMP_CMP_EQ, AF_INET6, 0);
	rule(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 0, SCMP_CMP_EQ, AF_NETLINK, 0);
}

/* Memory, but no code: what asks for executable pages is refused. */
static void
allow_data_pages(scmp_filter_ctx ctx, const char *name)
{
	rule(ctx, SCMP_ACT_ALLOW, name, 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	rule(ctx, SCMP_ACT_ERRNO(EPERM), name, 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
}

/* Calls that are allowed with some arguments only, unless a daemon has named them whole. */
static void
allow_some(scmp_filter_ctx ctx, const char *const *names)
{
	static const unsigned long ioctls[] = { FIONREAD, FIONBIO, FIOCLEX, TCGETS };

	if (!listed(names, "mmap"))
		allow_data_pages(ctx, "mmap");
	if (!listed(names, "mprotect"))
		allow_data_pages(ctx, "mprotect");
	if (!listed(names, "prctl"))
		rule(ctx, SCMP_ACT_ALLOW, "prctl", 0, SCMP_CMP_EQ, PR_SET_NAME, 0);
	/* Reading limits, not setting them. */
	if (!listed(names, "prlimit64"))
		rule(ctx, SCMP_ACT_ALLOW, "prlimit64", 2, SCMP_CMP_EQ, 0, 0);
	/* abort(): signals to itself alone. */
	if (!listed(names, "tgkill"))
		rule(ctx, SCMP_ACT_ALLOW, "tgkill", 0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0);
	for (size_t i = 0; !listed(names, "ioctl") && i < sizeof(ioctls) / sizeof(ioctls[0]); i++)
		rule(ctx, SCMP_ACT_ALLOW, "ioctl", 1, SCMP_CMP_EQ, ioctls[i], 0);
}

/*
 * For developers: says which call it was, then ends. Not a place for anything that could be killed
 * itself.
 */
static void
on_sigsys(int sig, siginfo_t *si, void *context)
{
	char *name = seccomp_syscall_resolve_num_arch(si->si_arch, si->si_syscall);

	(void)sig;
	(void)context;
	log_error("sandbox: forbidden system call", kv_s("name", name != NULL ? name : "?"),
	    kv_i("number", si->si_syscall));
	_exit(128 + SIGSYS);
}

static void
limit(int what, rlim_t to, const char *name)
{
	struct rlimit rl = { .rlim_cur = to, .rlim_max = to };

	if (setrlimit(what, &rl) < 0)
		fatal("setrlimit %s: %s", name, strerror(errno));
}

/* Builds and loads the filter for all threads. */
static void
load_filter(const char *const *names, bool inet, bool trap)
{
	scmp_filter_ctx ctx = seccomp_init(trap ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS);

	if (ctx == NULL)
		fatal("seccomp: cannot make a filter");
	must(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1), "all threads");
	/* The kernel writes who was killed for which call number to its audit log. */
	if (seccomp_api_get() >= 3)
		must(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1), "log");
	must(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimise");
	for (const char *const *n = common_calls; *n != NULL; n++)
		allow(ctx, *n);
	for (const char *const *n = inet_calls; inet && *n != NULL; n++)
		allow(ctx, *n);
	for (const char *const *n = names; n != NULL && *n != NULL; n++)
		allow(ctx, *n);
	allow_sockets(ctx, inet);
	allow_some(ctx, names);
	must(seccomp_load(ctx), "load");
	seccomp_release(ctx);
}

void
daemon_sandbox(struct daemon *d, const char *const *names, bool inet)
{
	const char *env = getenv("WARDEN_SANDBOX_TRAP");
	bool trap = env != NULL && str_eq(env, "1");

	(void)d;
	if (SANITIZED)
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fatal("prctl: %s", strerror(errno));
	if (!trap && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		fatal("prctl: %s", strerror(errno));
	if (!listed(names, "clone3"))
		limit(RLIMIT_NPROC, 0, "NPROC");
	limit(RLIMIT_MSGQUEUE, 0, "MSGQUEUE");
	if (trap) {
		struct sigaction sa = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };

		sigaction(SIGSYS, &sa, NULL);
	}
	load_filter(names, inet, trap);
}
