/* SPDX-License-Identifier: ISC */
/*
 * The skeleton that every daemon shares: arguments, settings, privilege drop, sandbox, loop,
 * readiness, watchdog, reload and stop. A daemon's main() is a table of contents over these calls;
 * see any of the four.
 *
 * Options: -f FILE settings (/etc/warden/NAME.yml), -n check and print them, -o section.key=value
 * override, -u USER user to become (needed when started as root), -r DIR runtime directory
 * (/run/warden), -s DIR state directory (/var/lib/warden/NAME), -K the keys of the settings, -V
 * version. Long reasons for exits go to stderr.
 */
#ifndef WARDEN_DAEMON_H
#define WARDEN_DAEMON_H

#include <systemd/sd-event.h>

#include <stdbool.h>
#include <stddef.h>

#include "common/conf/conf.h"

#define WARDEN_VERSION "0.1.0"

struct daemon {
	const char	 *name;		/* "sipd" */
	struct conf	 *conf;
	void		 *settings;	/* current; replaced on reload */
	struct conf_logging *logging;	/* inside settings */
	const char	 *file;		/* -f */
	const char	**overrides;	/* -o, NULL-terminated */
	const char	 *user;		/* -u or NULL */
	char		  run_dir[200];	/* -r: sockets are here */
	char		  own_dir[232];	/* run_dir/NAME: checkpoints, mode 0700, ours */
	char		  state_dir[200]; /* -s */
	int		  argc;		/* what follows the options, for modes such as --migrate */
	char		**argv;	/* NULL-terminated; the daemon refuses what it does not know */
	bool		  ready;
	bool		  quitting;
	int		  exit_code;
	sd_event	 *event;

	/*
	 * Optional: offered new settings on SIGHUP; returns true when taken. False leaves the old
	 * ones in place.
	 */
	bool		(*reload)(struct daemon *, void *new_settings);
	/* Optional: SIGTERM or SIGINT came; the default ends the loop. */
	void		(*stop)(struct daemon *);
};

/*
 * Parses arguments, opens the log, loads and checks the settings; handles -n and -V (they exit).
 * Makes the loop.
 * settings: the daemon's struct, conf->size bytes. logging: the field in it. Long options that the
 * daemon wants (such as "--migrate") are left in argv. fatal() on any error; exit status 64 for
 * wrong arguments and 78 for wrong settings, so that systemd does not try again.
 */
void daemon_init(struct daemon *d, int argc, char **argv, const char *name, struct conf *conf,
    void *settings, struct conf_logging *logging);

/*
 * Refuses to go on as root without -u; makes own_dir and state_dir (when root, for the user),
 * raises the file limit to nofile, and becomes the user. Ports below 1024 are to be bound before.
 */
void daemon_drop(struct daemon *d, unsigned long nofile);

/*
 * True when the arguments hold the long option (such as "--migrate"). Any argument that is not in
 * known is fatal().
 */
bool daemon_mode(const struct daemon *d, const char *option, const char *const *known);

/*
 * No new privileges, not dumpable, rlimits, then the seccomp filter: kills on any system call that
 * is neither in the common list nor in names (NULL-terminated, by name). inet: may make AF_INET and
 * AF_INET6 sockets (else AF_UNIX alone). Call after every thread and file that needs more was made.
 * Does nothing in a build with sanitizers. With WARDEN_SANDBOX_TRAP=1 in the environment a killed
 * call is first told by name on stderr.
 */
void daemon_sandbox(struct daemon *d, const char *const *names, bool inet);

/* Installs SIGHUP, SIGTERM, SIGINT and the watchdog, tells READY=1. */
void daemon_ready(struct daemon *d);

/*
 * Runs the loop until stop; returns the exit status. (sipd runs sofia's loop instead and calls
 * daemon_exit_code.)
 */
int daemon_run(struct daemon *d);

/* Ends the loop. */
void daemon_quit(struct daemon *d, int code);

/* For a daemon that runs a loop of its own: what to exit with after daemon_quit() or a stop. */
int daemon_exit_code(const struct daemon *d);

/*
 * What SIGHUP does: loads the file again, offers it to reload(), and takes it over into d->settings
 * (whose old lists are freed then) and the log. Returns 0, or -EINVAL / -errno with the reason in
 * why (size bytes; logged too) and everything as it was.
 */
int daemon_reload(struct daemon *d, char *why, size_t size);

/* A listening socket, non-blocking, that systemd passed with this FileDescriptorName, or -1. */
int daemon_listen_fd(const char *name);

/*
 * Keeps fd in systemd's fd store under name, or takes it out. No-ops without systemd. Names are
 * short: those of all descriptors of a daemon travel in one environment variable, which the kernel
 * bounds at 128 KB.
 */
void daemon_fd_store(const char *name, int fd);
void daemon_fd_unstore(const char *name);
/* The fd stored under name by the process before us (the caller's now), or -1. */
int daemon_fd_take(const char *name);

#endif
