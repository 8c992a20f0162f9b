/* SPDX-License-Identifier: ISC */
/*
 * Directories, limits and the change of user, see daemon_drop(). Runs once, as root only when told
 * whom to become. What it makes as root it hands to the user; what is there already it leaves as it
 * is, and says so when the user cannot use it.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/str.h"
#include "common/daemon/daemon.h"

/* Makes one directory for pw (NULL: for ourselves) unless it is there. */
static void
make_dir(const char *path, mode_t mode, const struct passwd *pw)
{
	int fd;

	if (mkdir(path, mode) < 0) {
		if (errno != EEXIST)
			fatal("cannot make %s: %s", path, strerror(errno));
		return;
	}
	if (pw == NULL)
		return;
	/* By descriptor, so that nobody can put a link in its place meanwhile. */
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0 ||
	    fchown(fd, pw->pw_uid, pw->pw_gid) < 0)
		fatal("cannot give %s to %s: %s", path, pw->pw_name, strerror(errno));
	close(fd);
}

/* The directories above path, for everybody to pass. */
static void
make_parents(const char *path)
{
	char part[256];

	for (const char *p = path + 1; (p = strchr(p, '/')) != NULL; p++) {
		str_ncopy(part, sizeof(part), path, (size_t)(p - path));
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			fatal("cannot make %s: %s", part, strerror(errno));
	}
}

static void
raise_nofile(unsigned long want)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		fatal("getrlimit: %s", strerror(errno));
	if (rl.rlim_cur >= want)
		return;
	rl.rlim_cur = want;
	if (rl.rlim_max < want)
		rl.rlim_max = want;
	if (setrlimit(RLIMIT_NOFILE, &rl) == 0)
		return;
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) < 0)
		fatal("setrlimit: %s", strerror(errno));
	log_warning("fewer files than wanted may be open: this bounds the calls",
	    kv_u("wanted", want), kv_u("limit", rl.rlim_cur));
}

static void
become(const struct passwd *pw)
{
	if (initgroups(pw->pw_name, pw->pw_gid) < 0 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		fatal("cannot become %s: %s", pw->pw_name, strerror(errno));
	if (pw->pw_uid != 0 && (setuid(0) == 0 || setgid(0) == 0))
		fatal("became %s, but could become root again", pw->pw_name);
}

static void
check_dir(const char *path, const char *user)
{
	if (access(path, R_OK | W_OK | X_OK) < 0)
		fatal("%s: not usable by user %s: %s", path, user, strerror(errno));
}

void
daemon_drop(struct daemon *d, unsigned long nofile)
{
	struct passwd *pw = NULL, *self;
	bool root = geteuid() == 0;
	const char *user;
	int r;

	if (d->user != NULL) {
		errno = 0;
		if ((pw = getpwnam(d->user)) == NULL)
			fatal("-u %s: %s", d->user, errno != 0 ? strerror(errno) : "no such user");
		if (pw->pw_uid == 0)
			fatal("-u %s: will not run as root", d->user);
		if (!root && pw->pw_uid != geteuid())
			fatal("-u %s: only root can become another user", d->user);
	} else if (root) {
		fatal("will not run as root: say which user to become with -u");
	}
	make_parents(d->own_dir);
	make_parents(d->state_dir);
	make_dir(d->own_dir, 0700, root ? pw : NULL);
	make_dir(d->state_dir, 0700, root ? pw : NULL);
	raise_nofile(nofile);
	if (root)
		become(pw);
	/* Also loads what libc needs to look users up, before the sandbox forbids loading code. */
	self = getpwuid(geteuid());
	user = self != NULL ? self->pw_name : "?";
	umask(0077);
	check_dir(d->own_dir, user);
	check_dir(d->state_dir, user);
	r = log_setup((enum log_level)d->logging->level, d->logging->file, d->logging->console);
	if (r < 0)
		fatal("%s: cannot open the log file: %s", d->logging->file, strerror(-r));
}
