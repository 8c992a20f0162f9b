/* SPDX-License-Identifier: ISC */
/*
 * rtpmediad: mediad alone under RTP, with this program as its featured and a generator as all the
 * phones: CPU per relayed packet, latency, loss. For work on the packet path; test/bench/run
 * measures the whole suite. Compare with rtpfloor in the same minute.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/ipc/peer.h"
#include "test/bench/load.h"

#define WARM_S 2

struct bench {
	struct load_rtp		 gen;
	struct sockaddr_in	*ports;		/* of mediad, by leg */
	unsigned		 nlegs, got;
	struct ipc_server	*server;
	sd_event		*event;
	pid_t			 mediad;
	bool			 up;
	bool			 record, music;
	unsigned		 recorded, failed;
	char			 dir[64], files[64];
};

static void
on_up(void *arg, struct ipc_peer *peer)
{
	(void)peer;
	((struct bench *)arg)->up = true;
}

static void
on_down(void *arg, struct ipc_peer *peer, const char *why)
{
	(void)arg;
	(void)peer;
	(void)why;
}

static void
on_message(void *arg, struct ipc_peer *peer, const struct ipc_msg *msg)
{
	const union ipc_any *b = msg->body;
	struct bench *x = arg;
	const char *m;
	char text[2048];

	(void)peer;
	if (msg->type == MSG_media_failed)
		load_die("media_failed: %s", b->media_failed.reason);
	if (msg->type == MSG_media_recorded) {
		x->recorded++;
		x->failed += b->media_recorded.outcome != MEDIA_RECORD_DONE;
	}
	if (msg->type != MSG_media_sdp)
		return;
	str_ncopy(text, sizeof(text), (const char *)b->media_sdp.sdp.p, b->media_sdp.sdp.len);
	if ((m = strstr(text, "m=audio ")) == NULL)
		load_die("no audio in mediad's SDP");
	x->ports[b->media_sdp.session - 1].sin_port = htons((uint16_t)atoi(m + 8));
	x->got++;
}

static void
start_mediad(struct bench *x, const char *bin, const char *workers)
{
	char conf[96], w[64], files[128];
	FILE *f;

	str_format(conf, sizeof(conf), "%s/mediad.yml", x->dir);
	str_format(w, sizeof(w), "server.workers=%s", workers);
	str_format(files, sizeof(files), "recording.storage_path=%s", x->files);
	if ((f = fopen(conf, "w")) == NULL || fprintf(f, "logging: {level: WARNING}\n") < 0 ||
	    fclose(f) != 0)
		load_die("%s: %m", conf);
	chmod(conf, 0644);
	if ((x->mediad = fork()) == 0) {
		execl(bin, "mediad", "-f", conf, "-r", x->dir, "-s", x->dir, "-o", w, "-o", files, "-o",
		    "server.rtp_port_range_start=20000", "-o", "server.rtp_port_range_end=32000",
		    geteuid() == 0 ? "-u" : NULL, "nobody", NULL);
		_exit(127);
	}
	while (!x->up) {
		sd_event_run(x->event, 100000);
		if (waitpid(x->mediad, NULL, WNOHANG) == x->mediad)
			load_die("%s does not start", bin);
	}
}

static void
listen_here(struct bench *x)
{
	struct ipc_identity ids[2] = { { .uid = geteuid(), .roles = IPC_MEDIAD } };
	struct ipc_handler h = { .up = on_up, .down = on_down, .message = on_message, .arg = x };
	struct passwd *pw = getpwnam("nobody");
	char sock[96];

	if (geteuid() == 0 && pw != NULL)
		ids[0].uid = pw->pw_uid;
	/* the runtime directory is in memory, as it is under systemd; recordings go to a disk */
	str_copy(x->dir, sizeof(x->dir), "/dev/shm/rtpmediad.XXXXXX");
	str_copy(x->files, sizeof(x->files), "/tmp/rtpmediad.XXXXXX");
	if (mkdtemp(x->dir) == NULL || mkdtemp(x->files) == NULL)
		load_die("mkdtemp: %m");
	chmod(x->dir, 0777);
	chmod(x->files, 0777);
	str_format(sock, sizeof(sock), "%s/featured.sock", x->dir);
	sd_event_new(&x->event);
	if (ipc_listen(&x->server, x->event, IPC_FEATURED, sock, -1, ids, &h) < 0)
		load_die("%s: cannot listen", sock);
	chmod(sock, 0666);
}

/* Calls of two sessions each: 1 and 2, 3 and 4, ... */
static void
make_calls(struct bench *x)
{
	struct ipc_peer *p = ipc_server_peer(x->server, IPC_MEDIAD);
	char text[512];

	for (unsigned i = 0; i < x->nlegs; i += 2) {
		struct msg_media_offer offer = { .session = i + 1, .call = i + 1 };
		struct msg_media_make_offer make = {
			.session = i + 2, .call = i + 1, .like = i + 1
		};
		struct msg_media_answer answer = { .session = i + 2 };

		for (unsigned leg = 0; leg < 2; leg++) {
			str_format(text, sizeof(text),
			    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 "
			    "0\r\n"
			    "m=audio %u RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n",
			    x->gen.port[(i + leg) % LOAD_RTP_SOCKS]);
			if (leg == 0) {
				offer.sdp = ipc_view_str(text);
				ipc_send(p, MSG_media_offer, &offer);
				ipc_send(p, MSG_media_make_offer, &make);
			} else {
				answer.sdp = ipc_view_str(text);
				ipc_send(p, MSG_media_answer, &answer);
			}
		}
		ipc_send(p, MSG_media_connect,
		    &(struct msg_media_connect){ .a = i + 1, .b = i + 2 });
		ipc_send(p, MSG_media_make_answer,
		    &(struct msg_media_make_answer){ .session = i + 1, .like = i + 2 });
		ipc_flush(p);
		while (x->got < i + 2)
			sd_event_run(x->event, 1000000);
	}
}

static _Noreturn void
generate(struct bench *x, double seconds)
{
	struct load_end *ends = load_alloc(x->nlegs * sizeof(*ends));
	struct epoll_event ev[LOAD_RTP_SOCKS] = { { .events = EPOLLIN } };
	uint64_t until = load_now_us() + (uint64_t)(seconds * 1e6), now, next;
	int ep = epoll_create1(EPOLL_CLOEXEC), n;

	for (int i = 0; i < LOAD_RTP_SOCKS; i++) {
		ev[0].events = EPOLLIN;
		ev[0].data.u32 = (uint32_t)i;
		epoll_ctl(ep, EPOLL_CTL_ADD, x->gen.fd[i], &ev[0]);
	}
	for (unsigned i = 0; i < x->nlegs; i++)
		load_rtp_start(&x->gen, &ends[i], (int)(i % LOAD_RTP_SOCKS), &x->ports[i]);
	x->gen.next_tick_ms = load_now_us() / 1000;
	while ((now = load_now_us()) < until + 200000) {
		struct timespec ts;

		next = x->gen.next_tick_ms * 1000;
		ts = (struct timespec){ 0, next > now ? (long)(next - now) * 1000 : 0 };
		n = epoll_pwait2(ep, ev, LOAD_RTP_SOCKS, &ts, NULL);
		for (int i = 0; i < n; i++)
			load_rtp_read(&x->gen, (int)ev[i].data.u32);
		if (now >= until)
			for (unsigned i = 0; i < x->nlegs; i++)
				load_rtp_wind_down(&ends[i]);
		load_rtp_tick(&x->gen, load_now_us() / 1000);
	}
	for (unsigned i = 0; i < x->nlegs; i++)
		load_rtp_end(&x->gen, &ends[i]);
	load_rtp_print(&x->gen, stdout);
	printf("\n");
	fflush(stdout);
	_exit(x->gen.wrong != 0);
}

/* User and system time of a process in us, of all its threads, in steps of a nanosecond. */
static double
cpu_of(pid_t pid)
{
	clockid_t clock;
	struct timespec ts;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) != 0)
		load_die("CPU clock of %d: %m", (int)pid);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static long
rss_kb(pid_t pid)
{
	char path[64], line[128];
	long kb = 0;
	FILE *f;

	str_format(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "Pss:", 4) == 0)
			kb = atol(line + 4);
	}
	fclose(f);
	return kb;
}

/*
 * Each call recorded in stereo, or each leg held with music, besides what was measured before: what
 * it costs a second of a recording or of a listener. Recordings are read again: every frame between
 * the first sound and the last must be there.
 */
static double
more(struct bench *x, double seconds, double before, unsigned units)
{
	struct ipc_peer *p = ipc_server_peer(x->server, IPC_MEDIAD);
	uint64_t until;
	double cpu;

	for (unsigned i = 0; x->record && i < x->nlegs; i += 2) {
		struct msg_media_record m = { .record = i + 1, .session = i + 1,
			.kind = MEDIA_RECORD_CALL, .flags = MEDIA_RECORD_STEREO };

		str_format(m.path, sizeof(m.path), "%u", i);
		ipc_send(p, MSG_media_record, &m);
	}
	for (unsigned i = 0; x->music && i < x->nlegs; i++)
		ipc_send(p, MSG_media_music,
		    &(struct msg_media_music){ .session = i + 1, .on = 1 });
	ipc_flush(p);
	sleep(WARM_S);
	cpu = cpu_of(x->mediad);
	for (until = load_now_us() + (uint64_t)(seconds * 1e6); load_now_us() < until;)
		sd_event_run(x->event, 100000);
	cpu = cpu_of(x->mediad) - cpu;
	for (unsigned i = 0; x->record && i < x->nlegs; i += 2)
		ipc_send(p, MSG_media_record_stop,
		    &(struct msg_media_record_stop){ .record = i + 1 });
	ipc_flush(p);
	for (until = load_now_us() + 60000000; x->record && load_now_us() < until &&
	     x->recorded < x->nlegs / 2;)
		sd_event_run(x->event, 100000);
	return (cpu - before) / (seconds * units);
}

/* Frames that are missing in a recording, all together: runs of silence in what never is silent. */
static unsigned long
missing(const struct bench *x, unsigned i)
{
	unsigned long lost = 0;
	char path[128];
	int16_t frame[2];
	FILE *f;

	str_format(path, sizeof(path), "%s/%u.wav", x->files, i);
	if ((f = fopen(path, "r")) == NULL || fseek(f, 44, SEEK_SET) != 0)
		load_die("%s: %m", path);
	for (unsigned long run[2] = { 0 }, heard[2] = { 0 };
	     fread(frame, sizeof(frame), 1, f) == 1;) {
		for (int c = 0; c < 2; c++) {
			if (frame[c] == 0) {
				run[c]++;
				continue;
			}
			if (heard[c]++ > 0 && run[c] >= 80)
				lost += run[c];
			run[c] = 0;
		}
	}
	fclose(f);
	return lost;
}

int
main(int argc, char **argv)
{
	static struct bench x;
	const char *workers = "0";
	bool die = false;
	char bin[PATH_MAX];
	double seconds = 10, cpu;
	unsigned calls = 500;
	struct rlimit nofile;
	struct in_addr ip;
	long before;
	pid_t child;
	ssize_t n;
	int c;

	while ((c = getopt(argc, argv, "kn:t:w:RM")) != -1) {
		if (c == 'n')
			calls = (unsigned)atoi(optarg);
		else if (c == 't')
			seconds = atof(optarg);
		else if (c == 'w')
			workers = optarg;
		else if (c == 'k')
			die = true;
		else if (c == 'R')
			x.record = true;
		else if (c == 'M')
			x.music = true;
		else
			load_die("usage: rtpmediad [-k|-R|-M] [-n CALLS] [-t SECONDS] [-w WORKERS]; "
			         "-R: then all are recorded, -M: hear music; -k: "
			         "kill -9 once, "
			         "rtp_gap_max_ms is then what the phones noticed");
	}
	getrlimit(RLIMIT_NOFILE, &nofile);
	nofile.rlim_cur = nofile.rlim_max;
	setrlimit(RLIMIT_NOFILE, &nofile);
	if ((n = readlink("/proc/self/exe", bin, sizeof(bin) - 32)) < 0)
		load_die("readlink: %m");
	bin[n] = '\0';
	strcpy(strrchr(bin, '/'), "/../bin/mediad");
	inet_pton(AF_INET, "127.0.0.1", &ip);
	x.nlegs = 2 * calls;
	x.ports = load_alloc(x.nlegs * sizeof(*x.ports));
	for (unsigned i = 0; i < x.nlegs; i++)
		x.ports[i] = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = ip };
	load_rtp_init(&x.gen, &ip);
	listen_here(&x);
	start_mediad(&x, bin, workers);
	before = rss_kb(x.mediad);
	make_calls(&x);
	printf("phase=mediad calls=%u kb_per_call=%.1f", calls,
	    (double)(rss_kb(x.mediad) - before) / calls);
	fflush(stdout);
	if ((child = fork()) == 0)
		generate(&x, (x.record || x.music ? 2 * seconds + WARM_S : seconds) + 2 * WARM_S);
	sleep(WARM_S);
	cpu = cpu_of(x.mediad);
	usleep((useconds_t)(seconds * 1e6));
	cpu = cpu_of(x.mediad) - cpu;
	printf(" cpu_us_per_packet=%.2f", cpu / (seconds * x.nlegs * 50));
	fflush(stdout);
	if (x.record || x.music) {
		unsigned units = x.record ? calls : x.nlegs;
		unsigned long lost = 0;
		double us = more(&x, seconds, cpu, units);

		printf(" %s_us_per_second=%.1f", x.record ? "record" : "music", us);
		for (unsigned i = 0; x.record && i < x.nlegs; i += 2)
			lost += missing(&x, i);
		if (x.record)
			printf(" recorded=%u record_failed=%u samples_lost=%lu", x.recorded,
			    x.failed, lost);
	}
	if (die) {
		uint64_t from = clock_mono_us(), gone;

		kill(x.mediad, SIGKILL);
		waitpid(x.mediad, NULL, 0);
		gone = clock_mono_us();
		x.up = false;
		start_mediad(&x, bin, workers);
		printf(" exit_ms=%.1f restart_ms=%.1f", (double)(gone - from) / 1000,
		    (double)(clock_mono_us() - gone) / 1000);
	}
	fflush(stdout);
	waitpid(child, NULL, 0);
	kill(x.mediad, SIGKILL);
	waitpid(x.mediad, NULL, 0);
	execlp("rm", "rm", "-rf", x.dir, x.files, NULL);
	return 1;
}
