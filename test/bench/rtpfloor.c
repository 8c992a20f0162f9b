/* SPDX-License-Identifier: ISC */
/*
 * rtpfloor: what relaying RTP costs at the least on this machine: a bare loop of edge-triggered
 * epoll, recvmmsg and send on connected sockets that looks at nothing and rewrites nothing, with as
 * many ports as a PBX has for so many calls (four each, RTCP's idle). Measured twice: serving each
 * packet as it comes, and waiting a millisecond after each round so that packets come in batches.
 * The lower of the two is the floor with which test/bench/run compares mediad, in the same run.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/bench/load.h"

#define BATCH	8
#define ROUND	256
#define WARM_US	1000000

struct leg {
	int	rtp, rtcp;
	int	other;		/* index of the leg that its packets go to */
};

struct floor_run {
	struct load_rtp		 gen;
	struct leg		*legs;
	struct sockaddr_in	*ports;		/* of the legs */
	size_t			 nlegs;
	int			 ep;
	uint64_t		 relayed;
};

static uint64_t
cpu_us(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000 +
	    (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
}

static void
pause_us(uint64_t us)
{
	struct timespec ts = { 0, (long)us * 1000 };

	nanosleep(&ts, NULL);
}

/* ---- the relay ------------------------------------------------------------------------------ */

static void
legs_open(struct floor_run *f, const struct in_addr *ip)
{
	struct sockaddr_in gen = { .sin_family = AF_INET, .sin_addr = *ip }, bound;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };

	for (size_t i = 0; i < f->nlegs; i++) {
		struct leg *leg = &f->legs[i];

		leg->rtp = load_socket(ip, 0, &f->ports[i]);
		leg->rtcp = load_socket(ip, 0, &bound);
		leg->other = (int)(i ^ 1);
		/* The generator's end of this leg will have the number i + 1 and so that socket. */
		gen.sin_port = htons(f->gen.port[i % LOAD_RTP_SOCKS]);
		if (connect(leg->rtp, (struct sockaddr *)&gen, sizeof(gen)) < 0)
			load_die("connect: %m");
		ev.data.u32 = (uint32_t)i;
		if (epoll_ctl(f->ep, EPOLL_CTL_ADD, leg->rtp, &ev) < 0)
			load_die("epoll: %m");
	}
}

static void
relay_leg(struct floor_run *f, struct leg *from)
{
	static uint8_t data[BATCH][1500];
	static struct mmsghdr msgs[BATCH];
	static struct iovec iov[BATCH];
	int n, out = f->legs[from->other].rtp;

	do {
		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){ data[i], sizeof(data[i]) };
			msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
		}
		n = recvmmsg(from->rtp, msgs, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			if (send(out, data[i], msgs[i].msg_len, 0) > 0)
				f->relayed++;
	} while (n == BATCH);
}

/* Relays for so long; returns CPU microseconds for each packet, without the first second. */
static double
relay(struct floor_run *f, double seconds, uint64_t wait_us)
{
	uint64_t begin = load_now_us(), now = begin, cpu = 0, packets = 0;
	struct epoll_event ev[ROUND];
	bool warm = false;
	int n;

	while (now - begin < WARM_US + (uint64_t)(seconds * 1e6)) {
		n = epoll_wait(f->ep, ev, ROUND, 100);
		for (int i = 0; i < n; i++)
			relay_leg(f, &f->legs[ev[i].data.u32]);
		if (wait_us > 0 && n > 0)
			pause_us(wait_us);
		now = load_now_us();
		if (!warm && now - begin >= WARM_US) {
			warm = true;
			cpu = cpu_us();
			packets = f->relayed;
		}
	}
	return f->relayed > packets ? (double)(cpu_us() - cpu) / (double)(f->relayed - packets) : 0;
}

/* ---- the generator, a process of its own ---------------------------------------------------- */

static _Noreturn void
generate(struct floor_run *f, double seconds)
{
	struct load_end *ends = load_alloc(f->nlegs * sizeof(*ends));
	struct epoll_event ev[LOAD_RTP_SOCKS] = { { .events = EPOLLIN } };
	uint64_t until = load_now_us() + (uint64_t)(seconds * 1e6), now, next;
	int ep = epoll_create1(EPOLL_CLOEXEC), n;

	for (int i = 0; i < LOAD_RTP_SOCKS; i++) {
		ev[0].events = EPOLLIN;
		ev[0].data.u32 = (uint32_t)i;
		epoll_ctl(ep, EPOLL_CTL_ADD, f->gen.fd[i], &ev[0]);
	}
	for (size_t i = 0; i < f->nlegs; i++)
		load_rtp_start(&f->gen, &ends[i], (int)(i % LOAD_RTP_SOCKS), &f->ports[i]);
	f->gen.next_tick_ms = load_now_us() / 1000;
	while ((now = load_now_us()) < until + 200000) {
		struct timespec ts;

		next = f->gen.next_tick_ms * 1000;
		ts = (struct timespec){ 0, next > now ? (long)(next - now) * 1000 : 0 };
		n = epoll_pwait2(ep, ev, LOAD_RTP_SOCKS, &ts, NULL);
		for (int i = 0; i < n; i++)
			load_rtp_read(&f->gen, (int)ev[i].data.u32);
		if (now >= until)
			for (size_t i = 0; i < f->nlegs; i++)
				load_rtp_wind_down(&ends[i]);
		load_rtp_tick(&f->gen, load_now_us() / 1000);
	}
	for (size_t i = 0; i < f->nlegs; i++)
		load_rtp_end(&f->gen, &ends[i]);
	load_rtp_print(&f->gen, stdout);
	fflush(stdout);
	_exit(f->gen.wrong != 0);
}

int
main(int argc, char **argv)
{
	static struct floor_run f;
	struct rlimit nofile;
	double seconds = 5, plain, paced;
	unsigned calls = 500;
	struct in_addr ip;
	int c, status;
	pid_t child;

	while ((c = getopt(argc, argv, "n:t:")) != -1) {
		if (c == 'n')
			calls = (unsigned)atoi(optarg);
		else if (c == 't')
			seconds = atof(optarg);
		else
			load_die("usage: rtpfloor [-n CALLS (500)] [-t SECONDS of each of the two "
			         "ways (5)]");
	}
	if (calls < 1 || calls > 10000 || seconds <= 0)
		load_die("rtpfloor: 1 to 10000 calls, for a while");
	getrlimit(RLIMIT_NOFILE, &nofile);
	nofile.rlim_cur = nofile.rlim_max;
	setrlimit(RLIMIT_NOFILE, &nofile);
	inet_pton(AF_INET, "127.0.0.1", &ip);
	f.nlegs = 2 * calls;
	f.legs = load_alloc(f.nlegs * sizeof(*f.legs));
	f.ports = load_alloc(f.nlegs * sizeof(*f.ports));
	if ((f.ep = epoll_create1(EPOLL_CLOEXEC)) < 0)
		load_die("epoll: %m");
	load_rtp_init(&f.gen, &ip);
	legs_open(&f, &ip);
	printf("phase=floor calls=%u", calls);
	fflush(stdout);
	if ((child = fork()) < 0)
		load_die("fork: %m");
	if (child == 0)
		generate(&f, 2 * seconds + 2.0 * WARM_US / 1e6);
	for (int i = 0; i < LOAD_RTP_SOCKS; i++)
		close(f.gen.fd[i]);
	plain = relay(&f, seconds, 0);
	paced = relay(&f, seconds, 1000);
	relay(&f, 0.5, 1000);		/* what is still on its way */
	waitpid(child, &status, 0);
	printf(" floor_plain_us=%.2f floor_paced_us=%.2f\n", plain, paced);
	return plain == 0 || paced == 0;
}
