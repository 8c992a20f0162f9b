/* SPDX-License-Identifier: ISC */
/*
 * The mediad binary with this test as its featured and as the phones: offers, answers, RTP both ways, sources, direction, keys, sounds,
 * silence, figures, ports, kill -9.
 *
 * links: common/ipc/msg.c common/ipc/wire.c common/ipc/peer.c common/ipc/pending.c common/ipc/endpoint.c
 * common/base/buf.c common/base/str.c common/base/log.c common/base/mem.c common/base/clock.c common/base/id.c
 * common/base/addr.c mediad/rtp.c mediad/rtcp.c
 * libs: libsystemd
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/addr.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/ipc/peer.h"
#include "mediad/rtcp.h"
#include "mediad/rtp.h"

#define SEEN_MAX	4096
#define PCMU		0
#define PCMA		8
#define EVENT		101

/* What mediad told. */
struct seen {
	uint16_t	type;
	uint32_t	id;
	union ipc_any	body;
	char		sdp[2048];
};

struct fixture {
	char			 dir[PATH_MAX], sock[PATH_MAX + 32], bin[PATH_MAX];
	sd_event		*event;
	struct ipc_server	*server;
	pid_t			 pid;
	int			 ups;
	unsigned		 nseen;
	struct seen		*seen;
	unsigned		 base;	/* first RTP port */
};

/* A phone's RTP and RTCP sockets. */
struct phone {
	int		 rtp, rtcp;
	uint16_t	 port;
	uint16_t	 seq;
	uint32_t	 ts, ssrc;
	union addr	 to;	/* mediad's RTP port for it */
};

static struct fixture fx;

static void
on_up(void *arg, struct ipc_peer *peer)
{
	(void)arg;
	(void)peer;
	fx.ups++;
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
	struct seen *s;

	(void)arg;
	(void)peer;
	if (msg->type == MSG_gauge || fx.nseen == SEEN_MAX)
		return;
	s = &fx.seen[fx.nseen++];
	s->type = msg->type;
	memcpy(&s->body, msg->body, ipc_def(msg->type)->size);
	if (msg->type == MSG_media_sdp)
		str_ncopy(s->sdp, sizeof(s->sdp), (const char *)s->body.media_sdp.sdp.p, s->body.media_sdp.sdp.len);
}

static struct ipc_peer *
mediad(void)
{
	return ipc_server_peer(fx.server, IPC_MEDIAD);
}

static void
turn(unsigned ms)
{
	sd_event_run(fx.event, (uint64_t)ms * 1000);
}

/* Runs the loop until mediad has told a message of the type, from index *at on; fails after 5 s. */
static struct seen *
expect(uint16_t type, unsigned *at)
{
	uint64_t until = clock_mono_ms() + 5000;

	for (;;) {
		for (; *at < fx.nseen; (*at)++) {
			if (fx.seen[*at].type == type)
				return &fx.seen[(*at)++];
			if (fx.seen[*at].type == MSG_media_failed && type != MSG_media_failed)
				print_error("media_failed: %s\n", fx.seen[*at].body.media_failed.reason);
		}
		if (clock_mono_ms() > until)
			fail_msg("no %s came", ipc_def(type)->name);
		turn(50);
	}
}

static void
start_mediad(void)
{
	char range1[64], range2[64], sounds[PATH_MAX + 64];
	int ups = fx.ups;
	uint64_t until;

	str_format(range1, sizeof(range1), "server.rtp_port_range_start=%u", fx.base);
	str_format(range2, sizeof(range2), "server.rtp_port_range_end=%u", fx.base + 39);
	str_format(sounds, sizeof(sounds), "sounds.directories=[%s]", fx.dir);
	if ((fx.pid = fork()) == 0) {
		const char *user = geteuid() == 0 ? "nobody" : NULL;
		char conf[PATH_MAX + 32];

		str_format(conf, sizeof(conf), "%s/mediad.yml", fx.dir);
		execl(fx.bin, "mediad", "-f", conf, "-r", fx.dir, "-s", fx.dir, "-o", range1, "-o", range2, "-o", sounds,
		    "-o", "server.silence_timeout=1", "-o", "server.workers=2", user == NULL ? NULL : "-u", user, NULL);
		_exit(127);
	}
	for (until = clock_mono_ms() + 5000; fx.ups == ups;) {
		if (clock_mono_ms() > until)
			fail_msg("mediad did not connect");
		turn(50);
	}
}

static void
kill_mediad(int sig)
{
	int status;

	kill(fx.pid, sig);
	waitpid(fx.pid, &status, 0);
	fx.pid = 0;
}

static int
setup(void **state)
{
	struct ipc_identity ids[2] = { { .roles = IPC_MEDIAD } };
	struct ipc_handler h = { .up = on_up, .down = on_down, .message = on_message };
	const char *tmp = getenv("TMPDIR");
	char path[PATH_MAX + 32];
	struct passwd *pw;
	FILE *f;
	ssize_t n;

	(void)state;
	memset(&fx, 0, sizeof(fx));
	fx.seen = calloc(SEEN_MAX, sizeof(*fx.seen));
	fx.base = 20000 + (unsigned)getpid() % 20000 / 40 * 40;
	n = readlink("/proc/self/exe", fx.bin, sizeof(fx.bin) - 32);
	assert_true(n > 0);
	fx.bin[n] = '\0';
	strcpy(strrchr(fx.bin, '/'), "/../bin/mediad");
	str_format(fx.dir, sizeof(fx.dir), "%s/mediad.XXXXXX", tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(fx.dir));
	if (tmp != NULL)
		chmod(tmp, 0755);
	chmod(fx.dir, 0777);
	str_format(path, sizeof(path), "%s/mediad.yml", fx.dir);
	assert_non_null(f = fopen(path, "w"));
	fprintf(f, "logging: {level: INFO}\n");
	fclose(f);
	chmod(path, 0644);
	ids[0].uid = geteuid();
	if (geteuid() == 0 && (pw = getpwnam("nobody")) != NULL)
		ids[0].uid = pw->pw_uid;
	assert_int_equal(sd_event_new(&fx.event), 0);
	str_format(fx.sock, sizeof(fx.sock), "%s/featured.sock", fx.dir);
	assert_int_equal(ipc_listen(&fx.server, fx.event, IPC_FEATURED, fx.sock, -1, ids, &h), 0);
	chmod(fx.sock, 0666);
	start_mediad();
	return 0;
}

static int
teardown(void **state)
{
	char cmd[PATH_MAX + 16];

	(void)state;
	if (fx.pid > 0)
		kill_mediad(SIGTERM);
	ipc_server_free(&fx.server);
	sd_event_unref(fx.event);
	free(fx.seen);
	str_format(cmd, sizeof(cmd), "rm -rf '%s'", fx.dir);
	return system(cmd);
}

static int
udp(uint16_t *port)
{
	union addr a;
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	addr_from_ip(&a, "127.0.0.1", 0);
	assert_int_equal(bind(fd, &a.sa, addr_len(&a)), 0);
	getsockname(fd, &a.sa, &len);
	*port = addr_port(&a);
	return fd;
}

static void
phone_open(struct phone *p, uint32_t ssrc)
{
	uint16_t rtcp;

	memset(p, 0, sizeof(*p));
	p->rtp = udp(&p->port);
	p->rtcp = udp(&rtcp);
	p->ssrc = ssrc;
	p->seq = (uint16_t)(ssrc * 77);
	p->ts = ssrc * 1001;
}

static void
phone_close(struct phone *p)
{
	close(p->rtp);
	close(p->rtcp);
}

static struct ipc_view
sdp_of(const struct phone *p, const char *pts, const char *extra, char *out, size_t size)
{
	assert_true(str_format(out, size,
	    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %u RTP/AVP %s\r\n"
	    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n%s", p->port, pts, extra));
	return ipc_view_str(out);
}

/* The port of the audio line that mediad wrote. */
static void
take_port(struct phone *p, const char *sdp)
{
	const char *m = strstr(sdp, "m=audio ");

	assert_non_null(m);
	assert_int_equal(addr_from_ip(&p->to, "127.0.0.1", (uint16_t)atoi(m + 8)), 0);
}

static void
send_rtp(struct phone *p, int fd, uint8_t pt, bool marker, const void *payload, size_t n)
{
	uint8_t b[512];
	struct rtp r = { .pt = pt, .marker = marker, .seq = p->seq, .ts = p->ts, .ssrc = p->ssrc };

	rtp_write_head(b, &r);
	memcpy(b + RTP_HEAD_LEN, payload, n);
	assert_int_equal(sendto(fd, b, RTP_HEAD_LEN + n, 0, &p->to.sa, addr_len(&p->to)), (ssize_t)(RTP_HEAD_LEN + n));
}

static void
say(struct phone *p, uint8_t pt, uint8_t fill)
{
	uint8_t voice[160];

	memset(voice, fill, sizeof(voice));
	p->seq++;
	p->ts += 160;
	send_rtp(p, p->rtp, pt, false, voice, sizeof(voice));
}

/* Waits up to ms for a packet. Returns false when none came. store holds what r points into. */
static bool
hear(int fd, struct rtp *r, uint8_t store[2048], int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t until = clock_mono_ms() + (uint64_t)ms;
	ssize_t n;

	do {
		if (poll(&pfd, 1, 10) == 1) {
			n = recv(fd, store, 2048, 0);
			assert_true(n > 0);
			assert_true(rtp_parse(r, store, (size_t)n));
			return true;
		}
		turn(0);
	} while (clock_mono_ms() < until);
	return false;
}

static void
offer_from(uint64_t session, uint64_t call, const struct phone *p, const char *pts, const char *extra)
{
	char text[1024];
	struct msg_media_offer m = { .session = session, .call = call };

	m.sdp = sdp_of(p, pts, extra, text, sizeof(text));
	assert_int_equal(ipc_send(mediad(), MSG_media_offer, &m), 0);
}

static void
answer_from(uint64_t session, const struct phone *p, const char *pts, const char *extra)
{
	char text[1024];
	struct msg_media_answer m = { .session = session };

	m.sdp = sdp_of(p, pts, extra, text, sizeof(text));
	assert_int_equal(ipc_send(mediad(), MSG_media_answer, &m), 0);
}

#define SEND(name, ...) assert_int_equal(ipc_send(mediad(), MSG_##name, &(struct msg_##name){ __VA_ARGS__ }), 0)

/* Session 1 is offered by a, session 2 is called and answered by b. */
static void
call_up(struct phone *a, struct phone *b, const char *a_pts, const char *b_pts)
{
	unsigned at = fx.nseen;

	offer_from(1, 77, a, a_pts, "");
	SEND(media_make_offer, .session = 2, .call = 77, .like = 1);
	take_port(b, expect(MSG_media_sdp, &at)->sdp);
	answer_from(2, b, b_pts, "");
	SEND(media_connect, .a = 1, .b = 2);
	SEND(media_make_answer, .session = 1, .like = 2);
	take_port(a, expect(MSG_media_sdp, &at)->sdp);
}

static void
relay_both_ways(void **state)
{
	struct phone a, b;
	uint8_t store[2048];
	uint16_t seq = 0;
	uint32_t ts = 0, ssrc = 0;
	struct seen *s;
	unsigned at = 0;
	struct rtp r;

	(void)state;
	phone_open(&a, 1);
	phone_open(&b, 2);
	call_up(&a, &b, "0 8 101", "0 101");
	for (int i = 0; i < 50; i++) {
		say(&a, PCMU, (uint8_t)i);
		assert_true(hear(b.rtp, &r, store, 1000));
		assert_int_equal(r.pt, PCMU);
		assert_int_equal(r.len, 160);
		assert_int_equal(r.payload[7], i);
		if (i > 0) {
			assert_int_equal((uint16_t)(r.seq - seq), 1);
			assert_int_equal(r.ts - ts, 160);
			assert_int_equal(r.ssrc, ssrc);
			assert_false(r.marker);
		}
		assert_int_not_equal(r.ssrc, a.ssrc);
		seq = r.seq;
		ts = r.ts;
		ssrc = r.ssrc;
		say(&b, PCMU, (uint8_t)(200 - i));
		assert_true(hear(a.rtp, &r, store, 1000));
		assert_int_equal(r.payload[159], 200 - i);
	}
	/* A lost packet stays visible, a new SSRC, a jump and a new timestamp do not. */
	a.seq++;
	a.ts += 160;
	say(&a, PCMU, 1);
	assert_true(hear(b.rtp, &r, store, 1000));
	assert_int_equal((uint16_t)(r.seq - seq), 2);
	seq = r.seq;
	ts = r.ts;
	a.ssrc = 0x12345678;
	a.seq = (uint16_t)(a.seq + 30000);
	a.ts += 0x55555555;
	say(&a, PCMU, 1);
	assert_true(hear(b.rtp, &r, store, 1000));
	assert_int_equal((uint16_t)(r.seq - seq), 1);
	assert_int_equal(r.ssrc, ssrc);
	assert_in_range(r.ts - ts, 160, 8000);
	assert_true(r.marker);

	SEND(media_close, .session = 1);
	SEND(media_close, .session = 2);
	s = expect(MSG_media_closed, &at);
	assert_int_equal(s->body.media_closed.packets_in + s->body.media_closed.packets_out, 52 + 50);
	assert_string_equal(s->body.media_closed.codec, "PCMU");
	s = expect(MSG_media_closed, &at);
	assert_int_equal(s->body.media_closed.packets_in + s->body.media_closed.packets_out, 52 + 50);
	SEND(media_close, .session = 9);
	s = expect(MSG_media_closed, &at);
	assert_int_equal(s->body.media_closed.packets_in, 0);
	phone_close(&a);
	phone_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(relay_both_ways, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
