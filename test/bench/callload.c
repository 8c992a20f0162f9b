/* SPDX-License-Identifier: ISC */
/*
 * callload: registers extensions with digest and lets them call each other through a PBX, with RTP
 * that is checked packet by packet. One process is all phones. Results are one line of key=value on
 * stdout. Used by test/bench/run and by the kill tests.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "test/bench/callload.h"

#define DRAIN_MS	45000	/* for what is still under way when the run is over */
#define PACED_RATE	500	/* calls/s from which messages are read once a millisecond */
#define SIP_EVENT	LOAD_RTP_SOCKS

static volatile sig_atomic_t stopped;

static void
on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static _Noreturn void
usage(void)
{
	fputs("usage: callload [options] IP:PORT\n"
	      "  -e FIRST-LAST  extensions (1001-1004); the first half calls the second\n"
	      "  -p PASSWORD    of all of them; %s in it is the number\n"
	      "  -P FILE        lines \"NUMBER PASSWORD ...\" in place of -e and -p\n"
	      "  -R RATE        registrations per second (100); 0: no registering\n"
	      "  -F ROUNDS      after that all refresh their registrations so many times (0), at the same rate\n"
	    "  -c RATE        calls per second (0: none)\n"
	      "  -n CALLS       in all, or -t SECONDS to go on for so long\n"
	      "  -m MAX         calls at once; no more are begun while so many are there\n"
	      "  -H MS          from answer to BYE (0)\n"
	      "  -A MS          from ringing to answer (0)\n"
	      "  -r             RTP, 50 packets/s each way, every packet checked\n"
	      "  -b             the called one hangs up\n"
	      "  -B             a caller that got 503 stays away for its Retry-After\n"
	      "  -l IP          own address (127.0.0.1)\n"
	      "  -u PORT        own SIP port (any)\n"
	      "  -E FILE        test/stack's DIR/run/env: cost of those processes\n"
	      "  -w             after registering, wait for SIGINT, answering calls\n"
	      "  -v             tell of each failure on stderr\n"
	      "exit status: 0 all went well, 1 something failed, 2 usage or no resources\n",
	    stderr);
	exit(2);
}

/* ---- sending -------------------------------------------------------------------------------- */

const char *
load_local(const struct load *l)
{
	static char text[32];

	if (text[0] == '\0')
		snprintf(text, sizeof(text), "%s:%u", inet_ntoa(l->local.sin_addr),
		    ntohs(l->local.sin_port));
	return text;
}

void
load_send(struct load *l, const char *text, int len)
{
	/* A lost datagram is what the retransmission timers are for. */
	if (sendto(l->sip_fd, text, (size_t)len, 0, (struct sockaddr *)&l->server,
	        sizeof(l->server)) < 0 &&
	    l->verbose)
		fprintf(stderr, "send: %m\n");
}

static void
txn_again(void *arg)
{
	struct txn *t = arg;
	struct load *l = t->load;

	if (l->wheel.now_ms >= t->deadline_ms) {
		if (t->timed_out != NULL)
			t->timed_out(t->arg);
		return;
	}
	l->retransmissions++;
	load_send(l, t->text, t->len);
	t->interval_ms = 2 * t->interval_ms < t->cap_ms ? 2 * t->interval_ms : t->cap_ms;
	load_arm(&l->wheel, &t->timer, t->interval_ms);
}

void
txn_start(struct load *l, struct txn *t, const char *text, int len, uint32_t cap_ms,
    void (*timed_out)(void *), void *arg)
{
	free(t->text);
	t->text = load_alloc((size_t)len + 1);
	memcpy(t->text, text, (size_t)len);
	t->len = len;
	t->interval_ms = T1_MS;
	t->cap_ms = cap_ms;
	t->deadline_ms = l->wheel.now_ms + TIMEOUT_MS;
	t->load = l;
	t->timed_out = timed_out;
	t->arg = arg;
	t->timer.fn = txn_again;
	t->timer.arg = t;
	load_send(l, text, len);
	load_arm(&l->wheel, &t->timer, T1_MS);
}

void
txn_wait(struct txn *t, uint64_t in_ms)
{
	t->deadline_ms = t->load->wheel.now_ms + in_ms;
	load_arm(&t->load->wheel, &t->timer, in_ms);
}

void
txn_stop(struct txn *t)
{
	load_disarm(&t->timer);
}

void
txn_free(struct txn *t)
{
	txn_stop(t);
	free(t->text);
	t->text = NULL;
}

/* ---- receiving ------------------------------------------------------------------------------ */

static struct ext *
ext_of(struct load *l, const char *call_id)
{
	char number[32];
	unsigned run;

	if (sscanf(call_id, "r%x-%31[^.]", &run, number) != 2 || run != l->run)
		return NULL;
	for (size_t i = 0; i < l->nexts; i++)
		if (strcmp(l->exts[i].number, number) == 0)
			return &l->exts[i];
	return NULL;
}

static void
got_message(struct load *l, char *text, size_t len)
{
	static struct load_msg m;
	struct call *c;
	struct ext *e;

	if (len <= 4)	/* keep-alive */
		return;
	if (!load_msg_read(&m, text, len)) {
		l->bad_messages++;
		return;
	}
	if (m.status != 0 && strcmp(m.method, "REGISTER") == 0) {
		if ((e = ext_of(l, m.call_id)) != NULL)
			reg_response(e, &m);
		return;
	}
	c = call_find(l, m.call_id);
	if (m.status == 0)
		call_request(l, c, &m);
	else if (c != NULL)
		call_response(c, &m);
}

static void
read_sip(struct load *l)
{
	static char text[65536];
	ssize_t n;

	for (int i = 0; i < 256; i++) {		/* and then RTP has its turn */
		n = recv(l->sip_fd, text, sizeof(text) - 1, MSG_DONTWAIT);
		if (n < 0)
			return;
		got_message(l, text, (size_t)n);
	}
}

/*
 * One round of the loop: everything that came, until the next millisecond, and then what that one
 * brings.
 */
static void
turn(struct load *l, int ep)
{
	struct epoll_event ev[LOAD_RTP_SOCKS + 1];
	uint64_t now_us = load_now_us(), next_us = (l->wheel.now_ms + 1) * 1000;
	struct timespec ts = { 0, next_us > now_us ? (long)(next_us - now_us) * 1000 : 0 };
	int n;

	/* At such rates a wake-up for each message would take the machine from whom we measure. */
	if (l->call_rate > PACED_RATE) {
		nanosleep(&ts, NULL);
		ts.tv_nsec = 0;
	}
	n = epoll_pwait2(ep, ev, LOAD_RTP_SOCKS + 1, &ts, NULL);
	for (int i = 0; i < n; i++) {
		if (ev[i].data.u32 == SIP_EVENT)
			read_sip(l);
		else
			load_rtp_read(&l->rtp, (int)ev[i].data.u32);
	}
	now_us = load_now_us();
	load_wheel_run(&l->wheel, now_us / 1000);
	load_rtp_tick(&l->rtp, now_us / 1000);
}

/* ---- phases --------------------------------------------------------------------------------- */

static void
print_hist(const char *name, const struct load_hist *h)
{
	printf(" %s_p50_ms=%.2f %s_p99_ms=%.2f %s_max_ms=%.2f", name, load_hist_ms(h, 0.5), name,
	    load_hist_ms(h, 0.99), name, (double)h->max / 1000);
}

static void
phase_register(struct load *l, int ep, const char *name, size_t rounds)
{
	uint64_t begin = load_now_us(), end;
	size_t next = 0, total = rounds * l->nexts;

	l->reg_done = 0;
	l->reg_time = (struct load_hist){ 0 };
	load_procs_mark(&l->procs);
	while (!stopped && l->reg_done + l->reg_failed < total) {
		while (next < total &&
		    (double)(load_now_us() - begin) / 1e6 * l->reg_rate >= (double)next)
			reg_start(&l->exts[next++ % l->nexts]);
		turn(l, ep);
	}
	end = load_now_us();
	printf("phase=%s registered=%lu failed=%lu retransmissions=%lu seconds=%.2f", name,
	    l->reg_done, l->reg_failed, l->retransmissions, (double)(end - begin) / 1e6);
	print_hist("register", &l->reg_time);
	load_procs_print_cpu(&l->procs, stdout, (double)l->reg_done, "");
	printf("\n");
	fflush(stdout);
	l->retransmissions = 0;
}

/* The next caller that need not stay away; NULL when all must. */
static struct ext *
next_caller(struct load *l, size_t *turn_no)
{
	size_t half = l->nexts / 2 > 0 ? l->nexts / 2 : 1;

	for (size_t i = 0; i < half; i++) {
		struct ext *e = &l->exts[(*turn_no)++ % half];

		if (e->quiet_until_ms <= l->wheel.now_ms)
			return e;
		l->withheld++;
	}
	return NULL;
}

static void
print_calls(struct load *l, double seconds, double offering, uint64_t in_time)
{
	printf("phase=calls started=%lu answered=%lu completed=%lu failed=%lu timeouts=%lu "
	       "dropped=%lu bye_failed=%lu withheld=%lu"
	       " at_once=%lu retransmissions=%lu seconds=%.2f offered_rate=%.1f goodput=%.1f "
	       "uas_calls=%lu bad_messages=%lu",
	    l->started, l->answered, l->completed, l->failed, l->timeouts, l->dropped,
	    l->bye_failed, l->withheld, l->up_max, l->retransmissions, seconds,
	    (double)l->started / offering, (double)in_time / offering, l->uas_calls,
	    l->bad_messages);
	for (int i = 300; i < 700; i++)
		if (l->status[i] != 0)
			printf(" status_%d=%lu", i, l->status[i]);
	print_hist("ring", &l->ring_time);
	print_hist("setup", &l->setup_time);
	print_hist("bye", &l->bye_time);
	if (l->refuse_time.n != 0)
		print_hist("refuse", &l->refuse_time);
	load_procs_print_cpu(&l->procs, stdout, (double)l->completed, "");
	load_procs_print_mem(&l->procs, stdout, (double)l->completed, "over_");
	if (l->with_rtp)
		load_rtp_print(&l->rtp, stdout);
	fflush(l->plateau_out);
	printf("%s\n", l->plateau_text);
	fflush(stdout);
}

static void
phase_calls(struct load *l, int ep, double seconds)
{
	uint64_t begin = load_now_us(), offered_until, drain, done = 0, in_time;
	size_t callers = 0, half = l->nexts / 2;
	double elapsed = 0;

	load_procs_mark(&l->procs);
	while (!stopped && l->started < l->calls_max && (seconds <= 0 || elapsed < seconds)) {
		elapsed = (double)(load_now_us() - begin) / 1e6;
		while (l->started < l->calls_max && l->active < l->active_max &&
		    elapsed * l->call_rate >= (double)done) {
			struct ext *from = next_caller(l, &callers);

			done++;
			if (from != NULL)
				call_start(l, from,
				    &l->exts[(half + l->started % (l->nexts - half)) % l->nexts]);
		}
		if (l->active >= l->active_max)		/* the rate is not made up for later */
			done = (uint64_t)(elapsed * l->call_rate) + 1;
		turn(l, ep);
	}
	offered_until = load_now_us();
	in_time = l->completed;
	if (stopped)
		call_end_all(l);
	stopped = 0;
	drain = load_now_us() + ((uint64_t)DRAIN_MS + l->hold_ms + l->answer_ms) * 1000;
	while (l->active > 0 && !stopped && load_now_us() < drain)
		turn(l, ep);
	print_calls(l, (double)(load_now_us() - begin) / 1e6, (double)(offered_until - begin) / 1e6,
	    in_time);
}

/* ---- start ---------------------------------------------------------------------------------- */

static void
ext_add(struct load *l, const char *number, const char *password)
{
	struct ext *e;

	if (l->nexts % 1024 == 0 &&
	    (l->exts = realloc(l->exts, (l->nexts + 1024) * sizeof(*l->exts))) == NULL)
		load_die("out of memory");
	e = &l->exts[l->nexts++];
	memset(e, 0, sizeof(*e));
	e->load = l;
	snprintf(e->number, sizeof(e->number), "%s", number);
	snprintf(e->password, sizeof(e->password), "%s", password);
}

static void
exts_from_range(struct load *l, const char *range, const char *pattern)
{
	char number[16], password[64];
	unsigned first, last;
	const char *at;

	if (sscanf(range, "%u-%u", &first, &last) != 2 || last < first)
		usage();
	for (unsigned i = first; i <= last; i++) {
		snprintf(number, sizeof(number), "%u", i);
		at = strstr(pattern, "%s");
		if (at == NULL)
			snprintf(password, sizeof(password), "%s", pattern);
		else
			snprintf(password, sizeof(password), "%.*s%s%s", (int)(at - pattern),
			    pattern, number, at + 2);
		ext_add(l, number, password);
	}
}

static void
exts_from_file(struct load *l, const char *path)
{
	char line[256], number[32], password[64];
	FILE *f = fopen(path, "r");

	if (f == NULL)
		load_die("%s: %m", path);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%31s %63s", number, password) == 2 && number[0] != '#')
			ext_add(l, number, password);
	fclose(f);
}

static int
open_all(struct load *l, const char *own_ip, uint16_t own_port)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = SIP_EVENT };
	struct in_addr ip;
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (inet_pton(AF_INET, own_ip, &ip) != 1)
		usage();
	l->sip_fd = load_socket(&ip, own_port, &l->local);
	load_rtp_init(&l->rtp, &ip);
	load_wheel_init(&l->wheel);
	l->run = (unsigned)(load_now_us() ^ (uint64_t)getpid() << 16);
	srandom(l->run);
	l->plateau_out = open_memstream(&l->plateau_text, &l->plateau_len);
	if (ep < 0 || l->plateau_out == NULL || epoll_ctl(ep, EPOLL_CTL_ADD, l->sip_fd, &ev) < 0)
		load_die("epoll: %m");
	for (int i = 0; i < LOAD_RTP_SOCKS; i++) {
		ev.data.u32 = (uint32_t)i;
		if (epoll_ctl(ep, EPOLL_CTL_ADD, l->rtp.fd[i], &ev) < 0)
			load_die("epoll: %m");
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGPIPE, SIG_IGN);
	return ep;
}

static void
server_of(struct load *l, char *text)
{
	char *colon = strrchr(text, ':');

	if (colon == NULL)
		usage();
	*colon = '\0';
	l->server.sin_family = AF_INET;
	l->server.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, text, &l->server.sin_addr) != 1)
		usage();
}

int
main(int argc, char **argv)
{
	static struct load l = {
		.reg_rate = 100, .calls_max = UINT64_MAX, .active_max = UINT64_MAX
	};
	const char *range = "1001-1004", *password = "", *file = NULL, *own_ip = "127.0.0.1",
	           *env = NULL;
	bool wait = false, bad;
	double seconds = 0;
	size_t rounds = 0;
	int c, ep, own_port = 0;

	while ((c = getopt(argc, argv, "e:p:P:R:F:c:n:t:m:H:A:rbBl:u:E:wv")) != -1) {
		switch (c) {
		case 'e': range = optarg; break;
		case 'p': password = optarg; break;
		case 'P': file = optarg; break;
		case 'R': l.reg_rate = atof(optarg); break;
		case 'F': rounds = strtoull(optarg, NULL, 10); break;
		case 'c': l.call_rate = atof(optarg); break;
		case 'n': l.calls_max = strtoull(optarg, NULL, 10); break;
		case 't': seconds = atof(optarg); break;
		case 'm': l.active_max = strtoull(optarg, NULL, 10); break;
		case 'H': l.hold_ms = (uint32_t)atoi(optarg); break;
		case 'A': l.answer_ms = (uint32_t)atoi(optarg); break;
		case 'r': l.with_rtp = true; break;
		case 'b': l.callee_hangs_up = true; break;
		case 'B': l.obey_retry = true; break;
		case 'l': own_ip = optarg; break;
		case 'u': own_port = atoi(optarg); break;
		case 'E': env = optarg; break;
		case 'w': wait = true; break;
		case 'v': l.verbose = true; break;
		default: usage();
		}
	}
	if (optind != argc - 1 || (l.call_rate > 0 && l.calls_max == UINT64_MAX && seconds <= 0))
		usage();
	server_of(&l, argv[optind]);
	if (file != NULL)
		exts_from_file(&l, file);
	else
		exts_from_range(&l, range, password);
	if (l.nexts < 2)
		load_die("at least two extensions are needed");
	if (env != NULL)
		load_procs_read(&l.procs, env);
	ep = open_all(&l, own_ip, (uint16_t)own_port);
	if (l.reg_rate > 0)
		phase_register(&l, ep, "register", 1);
	if (l.reg_rate > 0 && rounds > 0 && l.reg_failed == 0)
		phase_register(&l, ep, "refresh", rounds);
	bad = l.reg_failed != 0;
	while (wait && !stopped)
		turn(&l, ep);
	if (l.call_rate > 0 && !stopped) {
		phase_calls(&l, ep, seconds);
		bad = bad || l.completed != l.started || l.rtp.lost != 0 || l.rtp.wrong != 0;
	}
	return bad;
}
