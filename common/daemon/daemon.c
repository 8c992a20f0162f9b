/* SPDX-License-Identifier: ISC */
/*
 * The skeleton of a daemon, see daemon.h: arguments, settings, loop, signals, reload. Privileges
 * are in drop.c, the sandbox in sandbox.c, systemd's descriptors in fds.c. Knows none of the
 * daemons.
 */
#include "common/daemon/daemon.h"

#include <systemd/sd-daemon.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

/*
 * Exit codes that tell systemd not to try again (sysexits.h; RestartPreventExitStatus in the
 * units).
 */
#define EXIT_USAGE	64
#define EXIT_CONFIG	78

static _Noreturn void
usage(const char *name, const char *what, const char *arg)
{
	fatal_status(EXIT_USAGE,
	    "%s%s\nusage: %s [-nKV] [-f file] [-o section.key=value] [-r rundir] [-s statedir] [-u "
	    "user]",
	    what, arg, name);
}

static void
set_dir(char *dst, size_t size, const char *value)
{
	if (*value == '\0' || !str_copy(dst, size, value))
		fatal("directory name of a wrong length: \"%s\"", value);
}

struct args {
	bool	 check;		/* -n */
	bool	 keys;		/* -K */
	size_t	 noverrides;
};

/* One option with a value. */
static void
take_value(struct daemon *d, struct args *a, char option, char *value)
{
	switch (option) {
	case 'f':
		d->file = value;
		break;
	case 'o':
		d->overrides[a->noverrides++] = value;
		break;
	case 'u':
		d->user = value;
		break;
	case 'r':
		set_dir(d->run_dir, sizeof(d->run_dir), value);
		break;
	case 's':
		set_dir(d->state_dir, sizeof(d->state_dir), value);
		break;
	}
}

/*
 * Short options as getopt(3) reads them; long ones and operands are kept for the daemon, in their
 * order.
 */
static void
parse_args(struct daemon *d, int argc, char **argv, struct args *a)
{
	bool options = true;

	d->overrides = mem_must((size_t)(argc + 1) * sizeof(*d->overrides));
	d->argv = mem_must((size_t)(argc + 1) * sizeof(*d->argv));
	for (int i = 1; i < argc; i++) {
		char *s = argv[i];

		if (options && str_eq(s, "--")) {
			options = false;
			continue;
		}
		if (!options || s[0] != '-' || s[1] == '-' || s[1] == '\0') {
			d->argv[d->argc++] = s;
			continue;
		}
		for (s++; *s != '\0'; s++) {
			if (*s == 'n') {
				a->check = true;
			} else if (*s == 'K') {
				a->keys = true;
			} else if (*s == 'V') {
				printf("%s %s\n", d->name, WARDEN_VERSION);
				exit(0);
			} else if (strchr("fours", *s) != NULL) {
				char *value = s[1] != '\0' ? s + 1 : argv[++i];

				if (value == NULL)
					usage(d->name, "option needs a value: -",
					    (char[]){ *s, '\0' });
				take_value(d, a, *s, value);
				break;
			} else {
				usage(d->name, "unknown option: -", (char[]){ *s, '\0' });
			}
		}
	}
}

bool
daemon_mode(const struct daemon *d, const char *option, const char *const *known)
{
	bool found = false;

	for (int i = 0; i < d->argc; i++) {
		const char *const *k = known;

		while (*k != NULL && !str_eq(*k, d->argv[i]))
			k++;
		if (*k == NULL)
			usage(d->name, "unknown argument: ", d->argv[i]);
		found = found || str_eq(option, d->argv[i]);
	}
	return found;
}

/* Signals are taken by the loop: blocked here, before there is any thread that could get one. */
static void
block_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		fatal("sigprocmask: %s", strerror(errno));
}

void
daemon_init(struct daemon *d, int argc, char **argv, const char *name, struct conf *conf,
    void *settings, struct conf_logging *logging)
{
	struct args a = { 0 };
	char file[64];
	int r;

	log_open(name);
	d->name = name;
	d->conf = conf;
	d->settings = settings;
	d->logging = logging;
	str_copy(d->run_dir, sizeof(d->run_dir), "/run/warden");
	str_format(d->state_dir, sizeof(d->state_dir), "/var/lib/warden/%s", name);
	parse_args(d, argc, argv, &a);
	if (a.keys) {
		conf_print_keys(conf, stdout);
		exit(fflush(stdout) == 0 ? 0 : 1);
	}
	if (d->file == NULL) {
		str_format(file, sizeof(file), "/etc/warden/%s.yml", name);
		if ((d->file = mem_strdup(file)) == NULL)
			fatal("out of memory");
	}
	if (!str_format(d->own_dir, sizeof(d->own_dir), "%s/%s", d->run_dir, name))
		fatal("directory name too long: %s", d->run_dir);
	if (conf_load(conf, d->file, d->overrides, settings) < 0)
		fatal_status(EXIT_CONFIG, "%s", conf->error);
	if (a.check) {
		conf_print(conf, settings, stdout);
		exit(fflush(stdout) == 0 ? 0 : 1);
	}
	log_setup((enum log_level)logging->level, "", logging->console);
	/* The zone's file is read now, while it can be. */
	tzset();
	block_signals();
	if ((r = sd_event_default(&d->event)) < 0)
		fatal("cannot make the event loop: %s", strerror(-r));
}

int
daemon_reload(struct daemon *d, char *why, size_t size)
{
	void *fresh = mem_new(d->conf->size);
	int r;

	if (fresh == NULL) {
		str_copy(why, size, "out of memory");
		return -ENOMEM;
	}
	if ((r = conf_load(d->conf, d->file, d->overrides, fresh)) < 0) {
		str_copy(why, size, d->conf->error);
	} else if (d->reload != NULL && !d->reload(d, fresh)) {
		r = -EINVAL;
		str_copy(why, size, d->conf->error[0] != '\0' ? d->conf->error : "refused");
		conf_free(d->conf, fresh);
	}
	if (r < 0) {
		log_error("settings not taken, the old ones stay", kv_s("reason", why));
		free(fresh);
		return r;
	}
	conf_free(d->conf, d->settings);
	memcpy(d->settings, fresh, d->conf->size);
	explicit_bzero(fresh, d->conf->size);
	free(fresh);
	r = log_setup((enum log_level)d->logging->level, d->logging->file, d->logging->console);
	if (r < 0)
		log_error("cannot open the log file", kv_s("file", d->logging->file),
		    kv_s("error", strerror(-r)));
	log_info("settings taken", kv_s("file", d->file));
	return 0;
}

static int
on_hup(sd_event_source *s, const struct signalfd_siginfo *si, void *arg)
{
	struct daemon *d = arg;
	char why[512];

	(void)s;
	(void)si;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_mono_us());
	if (daemon_reload(d, why, sizeof(why)) < 0)
		sd_notifyf(0, "READY=1\nSTATUS=Reload failed: %s", why);
	else
		sd_notify(0, "READY=1\nSTATUS=Running");
	return 0;
}

static int
on_stop(sd_event_source *s, const struct signalfd_siginfo *si, void *arg)
{
	struct daemon *d = arg;

	(void)s;
	log_info("stopping", kv_s("signal", strsignal((int)si->ssi_signo)));
	sd_notify(0, "STOPPING=1");
	if (d->stop != NULL && !d->quitting) {
		d->quitting = true;
		d->stop(d);
	} else {
		daemon_quit(d, 0);	/* a second signal does not wait for stop() to be done */
	}
	return 0;
}

void
daemon_ready(struct daemon *d)
{
	int r;

	if ((r = sd_event_add_signal(d->event, NULL, SIGHUP, on_hup, d)) < 0 ||
	    (r = sd_event_add_signal(d->event, NULL, SIGTERM, on_stop, d)) < 0 ||
	    (r = sd_event_add_signal(d->event, NULL, SIGINT, on_stop, d)) < 0)
		fatal("cannot watch for signals: %s", strerror(-r));
	/* Fed by the loop itself: a loop that hangs is a daemon that hangs. */
	if ((r = sd_event_set_watchdog(d->event, 1)) < 0)
		fatal("cannot feed the watchdog: %s", strerror(-r));
	d->ready = true;
	sd_notifyf(0, "READY=1\nSTATUS=Running\nMAINPID=%lu", (unsigned long)getpid());
	log_info("ready", kv_s("version", WARDEN_VERSION), kv_i("pid", getpid()));
}

int
daemon_run(struct daemon *d)
{
	int r = sd_event_loop(d->event);

	if (r < 0) {
		log_error("the event loop failed", kv_s("error", strerror(-r)));
		return 1;
	}
	return d->exit_code;
}

void
daemon_quit(struct daemon *d, int code)
{
	d->quitting = true;
	d->exit_code = code;
	sd_event_exit(d->event, code);
}

int
daemon_exit_code(const struct daemon *d)
{
	return d->exit_code;
}
