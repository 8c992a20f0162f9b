/* SPDX-License-Identifier: ISC */
/*
 * mediad: reads and writes SDP, and carries the RTP of all calls. featured tells it what to do; it
 * decides nothing about calls. The main thread has IPC, SDP, ports and sessions; workers have the
 * packets; a loader thread has the sound files.
 */
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "mediad/g711.h"
#include "mediad/mediad.h"

#define FILES		65536
#define NICE		(-11)
#define EVENTS_MAX	(1 << 20)
#define EVENTS_A_TURN	256	/* of workers, before the loop looks at featured again */
#define GAUGES_US	5000000

/* What this daemon calls besides the common list. */
static const char *const calls[] = { "recvmmsg", "sendmmsg", "clock_nanosleep", NULL };

static void
loaded(void *arg, const struct loader_result *r)
{
	struct mediad *m = arg;
	struct ev ev = {
		.type = EV_LOADED, .session = r->session, .number = r->play, .sound = r->sound
	};
	uint64_t one = 1;
	int pushed;

	if (r->music != NULL) {
		ev.what = 1;
		str_copy(ev.text, sizeof(ev.text), r->music);
	}
	pushed = queue_push(&m->events, &ev);
	if (pushed < 0)
		sound_unref(&ev.sound);
	else if (pushed == 1 && write(m->events_fd, &one, sizeof(one)) == -1 && errno != EAGAIN)
		panic("cannot wake the main thread");
}

void
mediad_event(struct mediad *m, const struct ev *ev)
{
	uint64_t one = 1;
	int pushed;

	while ((pushed = queue_push(&m->events, ev)) < 0)
		usleep(1000);
	if (pushed == 1 && write(m->events_fd, &one, sizeof(one)) == -1 && errno != EAGAIN)
		panic("cannot wake the main thread");
}

static int
on_events(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct mediad *m = arg;
	uint64_t n, one = 1;
	unsigned left = EVENTS_A_TURN;
	struct ev ev;

	(void)source;
	(void)revents;
	if (read(fd, &n, sizeof(n)) == -1 && errno != EAGAIN)
		return -errno;
	while (left > 0 && queue_pop(&m->events, &ev)) {
		to_featured_event(m, &ev);
		left--;
	}
	if (left == 0 && write(fd, &one, sizeof(one)) == -1)
		return -errno;
	return 0;
}

/* Some worker has work: not before the turn is over, so that it wakes once for all of it. */
static void
work(void *arg)
{
	struct mediad *m = arg;

	sd_event_source_set_enabled(m->wake, SD_EVENT_ONESHOT);
}

static int
on_wake(sd_event_source *source, void *arg)
{
	struct mediad *m = arg;

	(void)source;
	for (unsigned i = 0; i < m->nworkers; i++)
		worker_wake(&m->workers[i]);
	return 0;
}

static int
on_gauges(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)usec;
	to_featured_gauges(arg);
	record_tick(arg);
	sd_event_source_set_time_relative(source, GAUGES_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void
open_checkpoint(struct ckpt **out, const struct mediad *m, const char *name, uint32_t magic,
    size_t size, size_t tail)
{
	char path[300];
	int r;

	str_format(path, sizeof(path), "%s/%s.ckpt", m->daemon.own_dir, name);
	r = ckpt_open_tail(out, path, magic, SESSION_CK_VERSION, size, SESSIONS_MAX, tail);
	if (r < 0)
		fatal("%s: cannot open: %s", path, strerror(-r));
}

static unsigned
count_cores(void)
{
	cpu_set_t set;
	int n = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	return n < 1 ? 1 : (unsigned)n;
}

static void
start_workers(struct mediad *m)
{
	struct worker_conf conf = {
		.streams = m->streams_ck,
		.events = &m->events,
		.events_fd = m->events_fd,
		.work = work,
		.work_arg = m,
		.silent_ms = (uint32_t)m->settings.server.silence_s * 1000,
	};
	unsigned n = m->settings.server.workers > 0 ? (unsigned)m->settings.server.workers
	                                            : count_cores();
	int r;

	m->workers = mem_must(n * sizeof(*m->workers));
	for (m->nworkers = 0; m->nworkers < n; m->nworkers++) {
		conf.number = m->nworkers;
		if ((r = worker_start(&m->workers[m->nworkers], &conf)) < 0)
			fatal("cannot start a worker thread: %s", strerror(-r));
	}
}

/* dir, if it is relative in the state directory. */
static const char *
storage(const struct mediad *m, const char *dir, char *out, size_t size)
{
	if (!str_format(out, size, "%s%s%s", dir[0] == '/' ? "" : m->daemon.state_dir,
	        dir[0] == '/' ? "" : "/", dir))
		fatal("%s: the path is too long", dir);
	return out;
}

static void
start_loader(struct mediad *m)
{
	const struct conf_pairs *languages = &m->settings.sounds.languages;
	const char **pairs = mem_must((2 * languages->n + 1) * sizeof(*pairs));
	char voicemail[512], announcements[512], music[512];
	struct loader_conf conf = {
		.languages = pairs,
		.voicemail = storage(m, m->settings.voicemail.path, voicemail, sizeof(voicemail)),
		.music = storage(m, m->settings.music.directory, music, sizeof(music)),
		.music_default = m->settings.music.default_class,
		.music_shipped = m->settings.music.shipped,
		.announcements = storage(m, m->settings.sounds.announcements, announcements,
		    sizeof(announcements)),
		.dirs = (const char *const *)m->settings.sounds.directories.v,
		.ndirs = m->settings.sounds.directories.n,
		.cache_bytes = (size_t)m->settings.sounds.cache_mb << 20,
		.done = loaded,
		.arg = m,
	};
	int r;

	for (size_t i = 0; i < languages->n; i++) {
		pairs[2 * i] = languages->v[i].key;
		pairs[2 * i + 1] = languages->v[i].value;
	}
	if ((r = loader_start(&m->loader, &conf)) < 0)
		fatal("cannot start the loader thread: %s", strerror(-r));
	mem_free(&pairs);
}

static void
open_ports(struct mediad *m)
{
	if (port_line_new(&m->ports, (uint16_t)m->settings.server.rtp_first,
	        (uint16_t)m->settings.server.rtp_last) < 0)
		fatal("out of memory");
}

static void
open_events(struct mediad *m)
{
	int r;

	queue_init(&m->events, sizeof(struct ev), EVENTS_MAX);
	m->events_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (m->events_fd == -1)
		fatal("eventfd: %s", strerror(errno));
	if ((r = sd_event_add_io(m->daemon.event, NULL, m->events_fd, EPOLLIN, on_events, m)) < 0 ||
	    (r = sd_event_add_defer(m->daemon.event, &m->wake, on_wake, m)) < 0 ||
	    (r = sd_event_source_set_priority(m->wake, SD_EVENT_PRIORITY_NORMAL + 5)) < 0 ||
	    (r = sd_event_source_set_enabled(m->wake, SD_EVENT_OFF)) < 0 ||
	    (r = sd_event_add_time_relative(m->daemon.event, &m->gauges, CLOCK_MONOTONIC, GAUGES_US,
	         0, on_gauges, m)) < 0)
		fatal("event loop: %s", strerror(-r));
	m->closed = mem_must(MEDIAD_CLOSED * sizeof(*m->closed));
}

static void
connect_featured(struct mediad *m)
{
	struct ipc_handler handler = {
		.up = featured_up, .down = featured_down, .message = from_featured, .arg = m,
	};
	char path[300];
	int r;

	str_format(path, sizeof(path), "%s/featured.sock", m->daemon.run_dir);
	if ((r = ipc_connect(&m->featured, m->daemon.event, IPC_MEDIAD, path, &handler)) < 0)
		fatal("%s: %s", path, strerror(-r));
}

static bool
on_reload(struct daemon *d, void *new_settings)
{
	struct mediad *m = (struct mediad *)((char *)d - offsetof(struct mediad, daemon));
	const struct mediad_settings *s = new_settings;

	if (s->server.workers != m->settings.server.workers ||
	    s->server.silence_s != m->settings.server.silence_s ||
	    s->sounds.cache_mb != m->settings.sounds.cache_mb)
		log_warning("server.workers, server.silence_timeout and sounds are taken at the "
		            "next start");
	return port_line_range(m->ports, (uint16_t)s->server.rtp_first,
	           (uint16_t)s->server.rtp_last) == 0;
}

static void
shut_down(struct mediad *m)
{
	ipc_client_free(&m->featured);
	loader_stop(&m->loader);
	for (unsigned i = 0; i < m->nworkers; i++)
		worker_stop(&m->workers[i]);
	record_close(m);
	session_free_all(m);
	ckpt_close(&m->sessions_ck);
	ckpt_close(&m->streams_ck);
	port_line_free(&m->ports);
}

int
main(int argc, char **argv)
{
	static struct mediad m;
	int code;

	m.conf = (struct conf){
		.keys = mediad_keys, .size = sizeof(m.settings), .check = mediad_settings_check
	};
	m.daemon.reload = on_reload;
	daemon_init(&m.daemon, argc, argv, "mediad", &m.conf, &m.settings, &m.settings.logging);
	/* Sound is in time or it is worthless; SIP can wait a little. Units say Nice= instead. */
	if (geteuid() == 0 && setpriority(PRIO_PROCESS, 0, NICE) == -1)
		log_warning("cannot take precedence over other processes",
		    kv_s("error", strerror(errno)));
	daemon_drop(&m.daemon, FILES);
	g711_tables();
	open_events(&m);
	open_ports(&m);
	open_checkpoint(&m.sessions_ck, &m, "sessions", SESSION_CK_MAGIC,
	    sizeof(struct session_rec), SESSION_PATH_MAX + 1);
	open_checkpoint(&m.streams_ck, &m, "streams", STREAM_CK_MAGIC, sizeof(struct stream_state),
	    sizeof(struct stream_live));
	start_workers(&m);
	start_loader(&m);
	record_open(&m);
	session_restore(&m);
	record_restore(&m);
	connect_featured(&m);
	daemon_sandbox(&m.daemon, calls, true);
	daemon_ready(&m.daemon);
	code = daemon_run(&m.daemon);
	shut_down(&m);
	return code;
}
