/* SPDX-License-Identifier: ISC */
/*
 * The mediad binary with this test as its featured and as the phones: offers, answers, RTP both
 * ways, sources, direction, keys, sounds, silence, figures, ports, kill -9.
 *
 * links: common/ipc/msg.c common/ipc/wire.c common/ipc/peer.c common/ipc/pending.c
 * common/ipc/endpoint.c common/base/buf.c common/base/str.c common/base/log.c common/base/mem.c
 * common/base/clock.c common/base/id.c common/base/addr.c mediad/rtp.c mediad/rtcp.c
 * mediad/g711.c
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
#include "mediad/g711.h"
#include "mediad/rtcp.h"
#include "mediad/rtp.h"
#include "test/unit/free_ports.h"

#define SEEN_MAX	4096
#define WAIT_MS		20000	/* for what must come: the machine may be busy */
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
		str_ncopy(s->sdp, sizeof(s->sdp), (const char *)s->body.media_sdp.sdp.p,
		    s->body.media_sdp.sdp.len);
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

/* Runs the loop until mediad has told a message of the type, from index *at on; fails after WAIT_MS. */
static struct seen *
expect(uint16_t type, unsigned *at)
{
	uint64_t until = clock_mono_ms() + WAIT_MS;

	for (;;) {
		for (; *at < fx.nseen; (*at)++) {
			if (fx.seen[*at].type == type)
				return &fx.seen[(*at)++];
			if (fx.seen[*at].type == MSG_media_failed && type != MSG_media_failed)
				print_error("media_failed: %s\n",
				    fx.seen[*at].body.media_failed.reason);
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
		execl(fx.bin, "mediad", "-f", conf, "-r", fx.dir, "-s", fx.dir, "-o", range1, "-o",
		    range2, "-o", sounds, "-o", "server.silence_timeout=1", "-o",
		    "server.workers=2", user == NULL ? NULL : "-u", user, NULL);
		_exit(127);
	}
	for (until = clock_mono_ms() + WAIT_MS; fx.ups == ups;) {
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
	if (sig == SIGTERM && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		fail_msg("mediad ended with status %#x", (unsigned)status);
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
	fx.base = free_ports(40);
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
	    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %u "
	    "RTP/AVP %s\r\n"
	    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n%s",
	    p->port, pts, extra));
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
	assert_int_equal(sendto(fd, b, RTP_HEAD_LEN + n, 0, &p->to.sa, addr_len(&p->to)),
	    (ssize_t)(RTP_HEAD_LEN + n));
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
offer_from(uint64_t session, uint64_t call, const struct phone *p, const char *pts,
    const char *extra)
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
		assert_true(hear(b.rtp, &r, store, WAIT_MS));
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
		assert_true(hear(a.rtp, &r, store, WAIT_MS));
		assert_int_equal(r.payload[159], 200 - i);
	}
	/* A lost packet stays visible, a new SSRC, a jump and a new timestamp do not. */
	a.seq++;
	a.ts += 160;
	say(&a, PCMU, 1);
	assert_true(hear(b.rtp, &r, store, WAIT_MS));
	assert_int_equal((uint16_t)(r.seq - seq), 2);
	seq = r.seq;
	ts = r.ts;
	a.ssrc = 0x12345678;
	a.seq = (uint16_t)(a.seq + 30000);
	a.ts += 0x55555555;
	say(&a, PCMU, 1);
	assert_true(hear(b.rtp, &r, store, WAIT_MS));
	assert_int_equal((uint16_t)(r.seq - seq), 1);
	assert_int_equal(r.ssrc, ssrc);
	assert_in_range(r.ts - ts, 160, WAIT_MS * 8);
	assert_true(r.marker);

	SEND(media_close, .session = 1);
	SEND(media_close, .session = 2);
	s = expect(MSG_media_closed, &at);
	assert_int_equal(s->body.media_closed.packets_in + s->body.media_closed.packets_out,
	    52 + 50);
	assert_string_equal(s->body.media_closed.codec, "PCMU");
	s = expect(MSG_media_closed, &at);
	assert_int_equal(s->body.media_closed.packets_in + s->body.media_closed.packets_out,
	    52 + 50);
	SEND(media_close, .session = 9);
	s = expect(MSG_media_closed, &at);
	assert_int_equal(s->body.media_closed.packets_in, 0);
	phone_close(&a);
	phone_close(&b);
}

/* A stranger's socket that speaks to p's port. */
static void
stranger_says(const struct phone *p, int fd, uint32_t ssrc, uint16_t seq, uint8_t fill)
{
	struct phone x = *p;
	uint8_t voice[160];

	memset(voice, fill, sizeof(voice));
	x.ssrc = ssrc;
	x.seq = seq;
	send_rtp(&x, fd, PCMU, false, voice, sizeof(voice));
}

/* The phone sends from an address that its SDP does not say; a stranger comes later. */
static void
source_is_learned_and_held(void **state)
{
	struct phone a, b;
	uint8_t store[2048];
	uint16_t port;
	struct rtp r;
	int nat, stranger;

	(void)state;
	phone_open(&a, 1);
	phone_open(&b, 2);
	nat = udp(&port);
	stranger = udp(&port);
	call_up(&a, &b, "0 101", "0 101");
	/* b's packets go to a's SDP address until a's source is known. */
	say(&b, PCMU, 1);
	assert_true(hear(a.rtp, &r, store, WAIT_MS));
	for (int i = 0; i < 5; i++) {
		usleep(20000);
		a.seq++;
		a.ts += 160;
		stranger_says(&a, nat, a.ssrc, a.seq, 7);
		assert_true(hear(b.rtp, &r, store, WAIT_MS));
	}
	say(&b, PCMU, 2);
	assert_true(hear(nat, &r, store, WAIT_MS));
	for (int i = 0; i < 20; i++)
		stranger_says(&a, stranger, 99, (uint16_t)(100 + i), 9);
	assert_false(hear(b.rtp, &r, store, 100));
	say(&b, PCMU, 3);
	assert_true(hear(nat, &r, store, WAIT_MS));
	assert_false(hear(stranger, &r, store, 50));
	/* What SDP says is right, whenever it comes. */
	say(&a, PCMU, 8);
	assert_true(hear(b.rtp, &r, store, WAIT_MS));
	say(&b, PCMU, 4);
	assert_true(hear(a.rtp, &r, store, WAIT_MS));
	for (int i = 0; i < 20; i++)
		stranger_says(&a, stranger, a.ssrc, (uint16_t)(a.seq + 1 + i), 9);
	assert_false(hear(b.rtp, &r, store, 100));
	say(&b, PCMU, 5);
	assert_true(hear(a.rtp, &r, store, WAIT_MS));
	close(nat);
	close(stranger);
	phone_close(&a);
	phone_close(&b);
}

/* mu-law on one side, A-law on the other; telephone-event under two numbers; keys told once. */
static void
codecs_and_keys_are_mapped(void **state)
{
	struct phone a, b;
	uint8_t store[2048], key[4] = { 5, 10, 0, 0 };
	unsigned at;
	struct seen *s;
	struct rtp r;
	uint32_t ts;

	(void)state;
	phone_open(&a, 1);
	phone_open(&b, 2);
	call_up(&a, &b, "0 101", "8 101");
	at = fx.nseen;
	say(&a, PCMU, 0xff);		/* silence in both laws */
	assert_true(hear(b.rtp, &r, store, WAIT_MS));
	assert_int_equal(r.pt, PCMA);
	assert_int_equal(r.payload[0], 0xd5);
	ts = r.ts;
	say(&b, PCMA, 0xd5);
	assert_true(hear(a.rtp, &r, store, WAIT_MS));
	assert_int_equal(r.pt, PCMU);
	assert_int_equal(r.payload[0], 0xfe);	/* A-law has no 0; its +1 is 8 */
	/* The key 5, its three ends sent thrice; then # whose ends are all lost. */
	a.ts += 160;
	for (int i = 0; i < 8; i++) {
		a.seq++;
		key[1] = i >= 5 ? 0x8a : 10;
		put_be16(key + 2, (uint16_t)((i >= 5 ? 5 : i + 1) * 160));
		send_rtp(&a, a.rtp, EVENT, i == 0, key, sizeof(key));
		assert_true(hear(b.rtp, &r, store, WAIT_MS));
		assert_int_equal(r.pt, EVENT);
		assert_int_equal(r.ts - ts, 160);
		assert_int_equal(r.len, 4);
	}
	s = expect(MSG_media_dtmf, &at);
	assert_int_equal(s->body.media_dtmf.digit, '5');
	assert_int_equal(s->body.media_dtmf.session, 1);
	key[0] = 11;
	key[1] = 10;
	a.seq++;
	a.ts += 1600;
	put_be16(key + 2, 320);
	send_rtp(&a, a.rtp, EVENT, true, key, sizeof(key));
	s = expect(MSG_media_dtmf, &at);
	assert_int_equal(s->body.media_dtmf.digit, '#');
	assert_in_range(s->body.media_dtmf.duration_ms, 40, 40);
	phone_close(&a);
	phone_close(&b);
}

/* Who holds gets nothing and is not heard; afterwards it goes on. */
static void
hold_stops_media(void **state)
{
	struct phone a, b;
	uint8_t store[2048];
	unsigned at;
	struct rtp r;

	(void)state;
	phone_open(&a, 1);
	phone_open(&b, 2);
	call_up(&a, &b, "0 101", "0 101");
	say(&b, PCMU, 1);
	assert_true(hear(a.rtp, &r, store, WAIT_MS));
	say(&a, PCMU, 1);
	assert_true(hear(b.rtp, &r, store, WAIT_MS));
	static const char *const holds[] = { "a=sendonly\r\n", "a=inactive\r\n" };
	for (unsigned i = 0; i < 2; i++) {
		at = fx.nseen;
		offer_from(1, 77, &a, "0 101", holds[i]);
		SEND(media_make_answer, .session = 1);
		struct seen *s = expect(MSG_media_sdp, &at);
		assert_non_null(strstr(s->sdp, i == 0 ? "a=recvonly" : "a=inactive"));
		assert_int_equal(s->body.media_sdp.direction,
		    i == 0 ? MEDIA_SENDONLY : MEDIA_INACTIVE);
		say(&b, PCMU, 2);
		assert_false(hear(a.rtp, &r, store, 60));
		say(&a, PCMU, 2);
		assert_int_equal(hear(b.rtp, &r, store, i == 0 ? WAIT_MS : 60), i == 0);
		offer_from(1, 77, &a, "0 101", "a=sendrecv\r\n");
		SEND(media_make_answer, .session = 1);
		expect(MSG_media_sdp, &at);
		say(&b, PCMU, 3);
		assert_true(hear(a.rtp, &r, store, WAIT_MS));
		say(&a, PCMU, 3);
		assert_true(hear(b.rtp, &r, store, WAIT_MS));
	}
	phone_close(&a);
	phone_close(&b);
}

/* Silence is told, again and again, and its end. */
static void
silence_is_told(void **state)
{
	struct phone a, b;
	unsigned at;
	struct seen *s;

	(void)state;
	phone_open(&a, 1);
	phone_open(&b, 2);
	call_up(&a, &b, "0 101", "0 101");
	at = fx.nseen;
	do {
		s = expect(MSG_media_silent, &at);
	} while (s->body.media_silent.session != 1);
	assert_in_range(s->body.media_silent.silent_ms, 1000, WAIT_MS);
	do {
		s = expect(MSG_media_silent, &at);
	} while (s->body.media_silent.session != 1);
	assert_in_range(s->body.media_silent.silent_ms, 2000, WAIT_MS);
	say(&a, PCMU, 1);
	do {
		s = expect(MSG_media_silent, &at);
	} while (s->body.media_silent.session != 1);
	assert_int_equal(s->body.media_silent.silent_ms, 0);
	phone_close(&a);
	phone_close(&b);
}

/* A file of 16 kHz stereo, made here: half a second of a constant. */
static void
write_wav(const char *name, unsigned rate, unsigned channels, unsigned frames)
{
	char path[PATH_MAX + 64];
	uint32_t bytes = frames * channels * 2, rate_bytes = rate * channels * 2;
	uint8_t h[44] = "RIFF    WAVEfmt \x10\0\0\0\1\0";
	uint32_t riff = 36 + bytes;
	int16_t sample = 8000;
	FILE *f;

	memcpy(h + 4, &riff, 4);
	h[22] = (uint8_t)channels;
	memcpy(h + 24, &rate, 4);
	memcpy(h + 28, &rate_bytes, 4);
	h[32] = (uint8_t)(channels * 2);
	h[34] = 16;
	memcpy(h + 36, "data", 4);
	memcpy(h + 40, &bytes, 4);
	str_format(path, sizeof(path), "%s/%s", fx.dir, name);
	assert_non_null(f = fopen(path, "w"));
	fwrite(h, 1, sizeof(h), f);
	for (unsigned i = 0; i < frames * channels; i++)
		fwrite(&sample, 2, 1, f);
	fclose(f);
	chmod(path, 0644);
}

static void
sounds_and_echo(void **state)
{
	struct phone a;
	uint8_t store[2048];
	unsigned at = 0, n = 0;
	struct seen *s;
	struct rtp r;
	uint64_t first = 0, last = 0;
	uint32_t ts = 0;
	uint16_t seq = 0;

	(void)state;
	write_wav("hello.wav", 16000, 2, 8000);
	phone_open(&a, 1);
	offer_from(1, 5, &a, "8 0 101", "");
	SEND(media_make_answer, .session = 1);
	take_port(&a, expect(MSG_media_sdp, &at)->sdp);
	SEND(media_play, .session = 1, .play = 7, .loops = 2, .path = "hello");
	while (n < 50 && hear(a.rtp, &r, store, WAIT_MS)) {
		assert_int_equal(r.pt, PCMA);
		assert_int_equal(r.len, 160);
		if (n > 0) {
			assert_int_equal((uint16_t)(r.seq - seq), 1);
			assert_int_equal(r.ts - ts, 160);
		} else {
			first = clock_mono_ms();
			assert_true(r.marker);
		}
		last = clock_mono_ms();
		seq = r.seq;
		ts = r.ts;
		n++;
	}
	assert_int_equal(n, 50);
	assert_in_range(last - first, 900, WAIT_MS);
	assert_false(hear(a.rtp, &r, store, 100));
	s = expect(MSG_media_played, &at);
	assert_int_equal(s->body.media_played.play, 7);
	assert_int_equal(s->body.media_played.outcome, MEDIA_PLAYED_DONE);

	SEND(media_play, .session = 1, .play = 8, .loops = 0, .path = "tone:ringback");
	assert_true(hear(a.rtp, &r, store, WAIT_MS));
	SEND(media_play, .session = 1, .play = 9, .loops = 1, .path = "../etc/passwd");
	s = expect(MSG_media_played, &at);
	assert_int_equal(s->body.media_played.play, 9);
	assert_int_equal(s->body.media_played.outcome, MEDIA_PLAYED_FAILED);
	SEND(media_play_stop, .session = 1);
	s = expect(MSG_media_played, &at);
	assert_int_equal(s->body.media_played.play, 8);
	assert_int_equal(s->body.media_played.outcome, MEDIA_PLAYED_STOPPED);

	SEND(media_echo, .session = 1, .on = 1);
	turn(50);
	while (hear(a.rtp, &r, store, 40))
		continue;
	for (unsigned i = 0; i < 10; i++) {
		say(&a, PCMA, (uint8_t)i);
		assert_true(hear(a.rtp, &r, store, WAIT_MS));
		assert_int_equal(r.pt, PCMA);
		assert_int_equal(r.payload[0], i);
		if (i > 0)
			assert_int_equal((uint16_t)(r.seq - seq), 1);
		seq = r.seq;
	}
	phone_close(&a);
}

/* Killed in the middle of a call: same ports, same stream, and featured hears what lives. */
static void
killed_and_back(void **state)
{
	struct phone a, b;
	uint8_t store[2048];
	unsigned at;
	struct seen *s;
	struct rtp r;
	uint32_t ssrc;
	uint16_t seq;
	uint64_t t0;

	(void)state;
	phone_open(&a, 1);
	phone_open(&b, 2);
	call_up(&a, &b, "0 101", "0 101");
	for (int i = 0; i < 5; i++) {
		say(&a, PCMU, 1);
		assert_true(hear(b.rtp, &r, store, WAIT_MS));
		say(&b, PCMU, 1);
		assert_true(hear(a.rtp, &r, store, WAIT_MS));
	}
	for (int round = 0; round < 3; round++) {
		say(&a, PCMU, 1);
		assert_true(hear(b.rtp, &r, store, WAIT_MS));
		seq = r.seq;
		ssrc = r.ssrc;
		at = fx.nseen;
		kill_mediad(SIGKILL);
		t0 = clock_mono_ms();
		start_mediad();
		print_message("back after %u ms\n", (unsigned)(clock_mono_ms() - t0));
		expect(MSG_sync_begin, &at);
		s = expect(MSG_sync_session, &at);
		assert_int_equal(s->body.sync_session.peer, 3 - s->body.sync_session.session);
		assert_int_equal(s->body.sync_session.negotiated, 1);
		expect(MSG_sync_session, &at);
		s = expect(MSG_sync_end, &at);
		assert_int_equal(s->body.sync_end.count, 2);
		say(&a, PCMU, 1);
		assert_true(hear(b.rtp, &r, store, WAIT_MS));
		assert_int_equal(r.ssrc, ssrc);
		assert_int_equal((uint16_t)(r.seq - seq), 1);
		say(&b, PCMU, 1);
		assert_true(hear(a.rtp, &r, store, WAIT_MS));
	}
	at = fx.nseen;
	SEND(media_close, .session = 1);
	s = expect(MSG_media_closed, &at);
	assert_int_equal(s->body.media_closed.packets_in, 5 + 3 * 2);
	assert_int_equal(s->body.media_closed.packets_out, 5 + 3);
	assert_int_equal(s->body.media_closed.lost_in, 0);
	phone_close(&a);
	phone_close(&b);
}

/* All 20 pairs, no more; what is closed is free again, the longest free one first. */
static void
ports_run_out_and_come_back(void **state)
{
	struct phone a;
	unsigned at = 0;
	struct seen *s;

	(void)state;
	phone_open(&a, 1);
	for (int round = 0; round < 3; round++) {
		for (uint64_t id = 1; id <= 21; id++)
			offer_from(id, id, &a, "0", "");
		s = expect(MSG_media_failed, &at);
		assert_int_equal(s->body.media_failed.session, 21);
		assert_int_equal(s->body.media_failed.status, 503);
		assert_int_equal(s->body.media_failed.command, MSG_media_offer);
		for (uint64_t id = 1; id <= 20; id++)
			SEND(media_close, .session = id);
		for (uint64_t id = 1; id <= 20; id++)
			expect(MSG_media_closed, &at);
		if (round == 1) {
			kill_mediad(SIGKILL);
			start_mediad();
		}
	}
	/* Nothing in common, or no SDP at all: refused, and no port is lost. */
	for (int i = 0; i < 50; i++) {
		offer_from(1, 1, &a, "97", "");
		s = expect(MSG_media_failed, &at);
		assert_int_equal(s->body.media_failed.status, 488);
		SEND(media_offer, .session = 2, .call = 2, .sdp = ipc_view_str("hello"));
		s = expect(MSG_media_failed, &at);
		assert_int_equal(s->body.media_failed.status, 488);
	}
	phone_close(&a);
}

/* Both ways of RTCP: what the far end reports is in the figures, and it gets reports itself. */
static void
rtcp_is_exchanged(void **state)
{
	struct phone a, b;
	uint8_t store[2048], report[RTCP_MAX];
	struct rtcp_report sr = {
		.sender = true, .ntp = 0x1234567812345678, .rtp_ts = 1, .cname = "phone"
	};
	struct rtcp_heard h;
	struct pollfd pfd;
	union addr to;
	unsigned at;
	struct seen *s;
	struct rtp r;
	ssize_t n;

	(void)state;
	phone_open(&a, 1);
	phone_open(&b, 2);
	call_up(&a, &b, "0 101", "0 101");
	for (int i = 0; i < 10; i++) {
		say(&a, PCMU, 1);
		assert_true(hear(b.rtp, &r, store, WAIT_MS));
		say(&b, PCMU, 1);
		assert_true(hear(a.rtp, &r, store, WAIT_MS));
	}
	sr.ssrc = a.ssrc;
	sr.has_block = true;
	sr.block.ssrc = r.ssrc;		/* the stream that a hears */
	sr.block.lost = 17;
	sr.block.jitter = 80;
	to = a.to;
	addr_set_port(&to, (uint16_t)(addr_port(&a.to) + 1));
	n = (ssize_t)rtcp_build(report, &sr);
	sendto(a.rtcp, report, (size_t)n, 0, &to.sa, addr_len(&to));
	pfd = (struct pollfd){ .fd = a.rtcp, .events = POLLIN };
	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);	/* to where our RTCP came from */
	n = recv(a.rtcp, store, sizeof(store), 0);
	assert_true(rtcp_parse(&h, store, (size_t)n, a.ssrc));
	assert_true(h.has_sr);
	assert_true(h.has_block);
	assert_int_equal(h.sr_ssrc, r.ssrc);
	assert_int_equal(h.block.lsr, 0x56781234);
	assert_int_equal(h.block.lost, 0);
	at = fx.nseen;
	SEND(media_close, .session = 1);
	s = expect(MSG_media_closed, &at);
	assert_int_equal(s->body.media_closed.far_lost, 17);
	assert_int_equal(s->body.media_closed.far_jitter_us, 10000);
	assert_int_equal(s->body.media_closed.lost_in, 0);
	phone_close(&a);
	phone_close(&b);
}

/* b speaks before its answer is there: heard. Then the answer moves where a's sound goes. */
static void
media_before_the_answer(void **state)
{
	struct phone a, b;
	uint8_t store[2048];
	unsigned at = fx.nseen;
	struct rtp r;

	(void)state;
	phone_open(&a, 1);
	phone_open(&b, 2);
	offer_from(1, 77, &a, "0 101", "");
	SEND(media_make_offer, .session = 2, .call = 77, .like = 1);
	take_port(&b, expect(MSG_media_sdp, &at)->sdp);
	SEND(media_connect, .a = 1, .b = 2);
	SEND(media_make_answer, .session = 1);
	take_port(&a, expect(MSG_media_sdp, &at)->sdp);
	say(&b, PCMU, 4);
	assert_true(hear(a.rtp, &r, store, WAIT_MS));
	assert_int_equal(r.payload[0], 4);
	say(&a, PCMU, 5);
	assert_false(hear(b.rtp, &r, store, 60));
	answer_from(2, &b, "0 101", "");
	SEND(media_make_answer, .session = 1);	/* tells when the answer was taken */
	expect(MSG_media_sdp, &at);
	say(&a, PCMU, 6);
	assert_true(hear(b.rtp, &r, store, WAIT_MS));
	assert_int_equal(r.payload[0], 6);
	phone_close(&a);
	phone_close(&b);
}

/* Sessions of different calls, whatever their workers, are connected in turn; each hears one. */
static void
calls_are_merged(void **state)
{
	enum { N = 6 };
	struct phone p[N];
	uint8_t store[2048];
	unsigned at = fx.nseen;
	struct rtp r;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		phone_open(&p[i], i + 1);
		offer_from(i + 1, 1000 + i, &p[i], "0 101", "");
		SEND(media_make_answer, .session = i + 1);
		take_port(&p[i], expect(MSG_media_sdp, &at)->sdp);
	}
	for (unsigned step = 1; step < N; step++) {
		for (unsigned i = 0; i < N; i++)
			SEND(media_connect, .a = i + 1, .b = (i + step) % N + 1);
		/* The last two connects stand: N with step, and whoever is left. */
		SEND(media_connect, .a = 1, .b = step + 1);
		SEND(media_make_answer, .session = 1);	/* tells when all is done */
		expect(MSG_media_sdp, &at);
		say(&p[0], PCMU, (uint8_t)step);
		assert_true(hear(p[step].rtp, &r, store, WAIT_MS));
		assert_int_equal(r.payload[0], step);
		say(&p[step], PCMU, (uint8_t)(100 + step));
		assert_true(hear(p[0].rtp, &r, store, WAIT_MS));
		assert_int_equal(r.payload[0], 100 + step);
	}
	SEND(media_disconnect, .session = 1);
	SEND(media_make_answer, .session = 1);
	expect(MSG_media_sdp, &at);
	say(&p[0], PCMU, 1);
	for (unsigned i = 0; i < N; i++)
		assert_false(hear(p[i].rtp, &r, store, 20));
	for (unsigned i = 0; i < N; i++)
		phone_close(&p[i]);
}

/* A sound goes on over a kill, with numbers that go on, too; so does an echo. */
static void
sound_survives_a_kill(void **state)
{
	struct phone a;
	uint8_t store[2048];
	unsigned at = fx.nseen;
	struct seen *s;
	struct rtp r;
	uint32_t ts = 0;
	uint16_t seq = 0;

	(void)state;
	phone_open(&a, 1);
	offer_from(1, 5, &a, "0 101", "a=ptime:30\r\n");
	SEND(media_make_answer, .session = 1);
	take_port(&a, expect(MSG_media_sdp, &at)->sdp);
	SEND(media_play, .session = 1, .play = 3, .loops = 0, .path = "tone:dial");
	for (int i = 0; i < 20; i++) {
		assert_true(hear(a.rtp, &r, store, WAIT_MS));
		assert_int_equal(r.len, 240);
		if (i > 0) {
			assert_int_equal((uint16_t)(r.seq - seq), 1);
			assert_int_equal(r.ts - ts, 240);
		}
		seq = r.seq;
		ts = r.ts;
	}
	kill_mediad(SIGKILL);
	while (hear(a.rtp, &r, store, 40)) {
		seq = r.seq;
		ts = r.ts;
	}
	start_mediad();
	s = expect(MSG_sync_session, &at);
	assert_int_equal(s->body.sync_session.play, 3);
	assert_true(hear(a.rtp, &r, store, WAIT_MS));
	assert_int_equal((uint16_t)(r.seq - seq), 1);
	assert_in_range(r.ts - ts, 240, WAIT_MS * 8);
	/* repeated */
	SEND(media_play, .session = 1, .play = 3, .loops = 0, .path = "tone:dial");
	assert_true(hear(a.rtp, &r, store, WAIT_MS));
	SEND(media_play_stop, .session = 1);
	s = expect(MSG_media_played, &at);
	assert_int_equal(s->body.media_played.play, 3);
	assert_int_equal(s->body.media_played.outcome, MEDIA_PLAYED_STOPPED);
	SEND(media_echo, .session = 1, .on = 1);
	SEND(media_make_answer, .session = 1);	/* tells when it is done */
	expect(MSG_media_sdp, &at);
	kill_mediad(SIGKILL);
	start_mediad();
	while (hear(a.rtp, &r, store, 40))
		continue;
	say(&a, PCMU, 9);
	assert_true(hear(a.rtp, &r, store, WAIT_MS));
	assert_int_equal(r.payload[0], 9);
	phone_close(&a);
}

/* Whatever is thrown at the ports, from whom it may: the call goes on. */
static void
garbage_does_no_harm(void **state)
{
	struct phone a, b;
	uint8_t store[2048], junk[2000];
	uint16_t port;
	struct rtp r;
	union addr to;
	int stranger;

	(void)state;
	srandom(1);
	phone_open(&a, 1);
	phone_open(&b, 2);
	stranger = udp(&port);
	call_up(&a, &b, "0 101", "0 101");
	for (int i = 0; i < 3000; i++) {
		size_t n = (size_t)random() % (i % 10 == 0 ? sizeof(junk) : 60);

		for (size_t k = 0; k < n; k++)
			junk[k] = (uint8_t)random();
		if (n > 1 && i % 3 == 0) {
			junk[0] = (uint8_t)(0x80 | (junk[0] & 0x3f));
			junk[1] = i % 2 ? 0 : (uint8_t)(200 + junk[1] % 4);
		}
		to = a.to;
		addr_set_port(&to, (uint16_t)(addr_port(&a.to) + (i & 1)));
		sendto(i % 5 == 0 ? a.rtcp : stranger, junk, n, 0, &to.sa, addr_len(&to));
		if (i % 100 == 0)
			turn(0);
	}
	while (hear(b.rtp, &r, store, 50) || hear(a.rtp, &r, store, 50))
		continue;
	say(&a, PCMU, 1);
	assert_true(hear(b.rtp, &r, store, WAIT_MS));
	say(&b, PCMU, 2);
	assert_true(hear(a.rtp, &r, store, WAIT_MS));
	close(stranger);
	phone_close(&a);
	phone_close(&b);
}

/* Both legs over IPv6: our addresses are of that family. */
static void
ipv6_works(void **state)
{
	static const char sdp[] = "v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\n"
				  "m=audio %u RTP/AVP 0\r\n";
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct phone a = { .ssrc = 9 };
	uint8_t store[2048];
	socklen_t len = sizeof(union addr);
	unsigned at = fx.nseen;
	char text[512];
	union addr me;
	struct seen *s;
	struct rtp r;

	(void)state;
	if (fd == -1 || addr_from_ip(&me, "::1", 0) != 0 || bind(fd, &me.sa, addr_len(&me)) == -1) {
		print_message("no IPv6 on this machine\n");
		return;
	}
	getsockname(fd, &me.sa, &len);
	str_format(text, sizeof(text), sdp, addr_port(&me));
	SEND(media_offer, .session = 1, .call = 1, .sdp = ipc_view_str(text));
	SEND(media_make_answer, .session = 1);
	SEND(media_echo, .session = 1, .on = 1);
	s = expect(MSG_media_sdp, &at);
	assert_non_null(strstr(s->sdp, "c=IN IP6 ::1\r\n"));
	take_port(&a, s->sdp);
	addr_from_ip(&a.to, "::1", addr_port(&a.to));
	a.rtp = fd;
	say(&a, PCMU, 3);
	assert_true(hear(fd, &r, store, WAIT_MS));
	assert_int_equal(r.payload[0], 3);
	SEND(media_make_offer, .session = 2, .call = 1, .far = "[::1]:5060");
	s = expect(MSG_media_sdp, &at);
	assert_non_null(strstr(s->sdp, "c=IN IP6 ::1\r\n"));
	SEND(media_make_offer, .session = 3, .call = 1, .far = "127.0.0.1:5060", .like = 1);
	s = expect(MSG_media_sdp, &at);
	assert_non_null(strstr(s->sdp, "c=IN IP4 127.0.0.1\r\n"));
	SEND(media_make_offer, .session = 4, .call = 1, .like = 1);
	s = expect(MSG_media_sdp, &at);
	assert_non_null(strstr(s->sdp, "c=IN IP6 ::1\r\n"));
	close(fd);
}

/* Both say 20 ms of something for n packets, in real time. */
static void
talk(struct phone *a, struct phone *b, int n, uint8_t a_says, uint8_t b_says)
{
	uint8_t store[2048];
	struct rtp r;

	while (n-- > 0) {
		say(a, PCMU, a_says);
		say(b, PCMU, b_says);
		assert_true(hear(b->rtp, &r, store, WAIT_MS));
		assert_true(hear(a->rtp, &r, store, WAIT_MS));
		usleep(18000);
	}
}

/* What was said to mediad is done. */
static void
mark(void)
{
	unsigned at = fx.nseen;

	SEND(media_mark, .session = 1);
	expect(MSG_media_marked, &at);
}

/* How many frames of a channel have the loudness of what was said as mu-law 0x10 and 0x50. */
static void
count_loud(const char *path, unsigned channel, unsigned *loud, unsigned *soft, unsigned *frames)
{
	static int16_t pcm[1 << 18];
	uint8_t head[44];
	size_t n;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_int_equal(fread(head, 1, 44, f), 44);
	n = fread(pcm, 2, 1 << 18, f);
	fclose(f);
	assert_int_equal(head[40] | head[41] << 8 | head[42] << 16, n * 2);
	*loud = *soft = 0;
	for (size_t i = channel; i < n; i += head[22]) {
		*loud += pcm[i] < -8000;
		*soft += pcm[i] < -300 && pcm[i] > -1000;
	}
	*frames = (unsigned)(n / head[22]);
}

static void
on_file(void *arg, const struct ipc_msg *reply)
{
	const struct msg_media_file *file = reply->body;

	*(int *)arg = reply->type == MSG_media_file && reply->fd != -1 ? (int)file->bytes : -2;
}

/* A call is recorded, mediad dies in it, the recording goes on and moves to the other session. */
static void
call_recorded(void **state)
{
	struct msg_media_file_get get = { .kind = MEDIA_RECORD_CALL, .path = "day/one" };
	unsigned at, loud, soft, frames;
	char path[PATH_MAX + 64];
	struct phone a, b;
	struct seen *s;
	uint64_t until;
	int file = -1;

	(void)state;
	phone_open(&a, 1);
	phone_open(&b, 2);
	call_up(&a, &b, "0 101", "0 101");
	at = fx.nseen;
	SEND(media_record, .record = 5, .session = 1, .kind = MEDIA_RECORD_CALL,
	    .flags = MEDIA_RECORD_STEREO, .path = "day/one");
	SEND(media_record, .record = 6, .session = 2, .kind = MEDIA_RECORD_CALL,
	    .path = "../evil");
	s = expect(MSG_media_recorded, &at);
	assert_int_equal(s->body.media_recorded.record, 6);
	assert_int_equal(s->body.media_recorded.outcome, MEDIA_RECORD_FAILED);
	mark();
	talk(&a, &b, 50, 0x10, 0x50);
	kill_mediad(SIGKILL);
	start_mediad();
	s = expect(MSG_sync_record, &at);
	assert_int_equal(s->body.sync_record.record, 5);
	assert_int_equal(s->body.sync_record.session, 1);
	talk(&a, &b, 50, 0x10, 0x50);
	SEND(media_record_move, .record = 5, .session = 2, .swap = 1);
	talk(&a, &b, 50, 0x10, 0x50);
	SEND(media_record_pause, .record = 5, .on = 1);
	mark();
	talk(&a, &b, 20, 0x10, 0x50);
	SEND(media_record_stop, .record = 5);
	s = expect(MSG_media_recorded, &at);
	assert_int_equal(s->body.media_recorded.outcome, MEDIA_RECORD_DONE);
	str_format(path, sizeof(path), "%s/recordings/day/one.wav", fx.dir);
	count_loud(path, 0, &loud, &soft, &frames);
	assert_in_range(loud, 145 * 160, 151 * 160);	/* what was on its way in a kill may go */
	assert_int_equal(soft, 0);
	assert_int_equal(frames / 8, s->body.media_recorded.duration_ms);
	count_loud(path, 1, &loud, &soft, &frames);
	assert_in_range(soft, 145 * 160, 151 * 160);
	assert_int_equal(loud, 0);
	/* told again until it is forgotten; the file travels as a descriptor */
	SEND(media_record_stop, .record = 5);
	s = expect(MSG_media_recorded, &at);
	assert_int_equal(s->body.media_recorded.bytes, 44 + frames * 4);
	SEND(media_record_forget, .record = 5);
	SEND(media_record_stop, .record = 5);
	assert_int_equal(expect(MSG_media_recorded, &at)->body.media_recorded.outcome, 0);
	assert_int_equal(ipc_request(mediad(), MSG_media_file_get, &get, WAIT_MS, on_file, &file), 0);
	for (until = clock_mono_ms() + WAIT_MS; file == -1 && clock_mono_ms() < until;)
		turn(20);
	assert_int_equal(file, 44 + frames * 4);
	phone_close(&a);
	phone_close(&b);
}

/* A beep first, the far end's voice only, over with its session. */
static void
message_recorded(void **state)
{
	unsigned at, loud, soft, frames, i;
	char path[PATH_MAX + 64];
	struct phone a, b;
	struct seen *s;

	(void)state;
	phone_open(&a, 1);
	phone_open(&b, 2);
	call_up(&a, &b, "0 101", "0 101");
	at = fx.nseen;
	SEND(media_record, .record = 8, .session = 1, .kind = MEDIA_RECORD_VOICEMAIL,
	    .flags = MEDIA_RECORD_FAR_ONLY | MEDIA_RECORD_BEEP, .max_ms = 60000,
	    .path = "1001/m");
	turn(10);
	for (i = 0; i < 100; i++) {
		say(&a, PCMU, 0x10);
		say(&b, PCMU, 0x50);
		turn(0);
		usleep(18000);
	}
	SEND(media_close, .session = 1);
	s = expect(MSG_media_recorded, &at);
	assert_int_equal(s->body.media_recorded.outcome, MEDIA_RECORD_GONE);
	for (i = 0; i < fx.nseen; i++)
		assert_int_not_equal(fx.seen[i].type, MSG_media_played);
	str_format(path, sizeof(path), "%s/voicemail/1001/m.wav", fx.dir);
	count_loud(path, 0, &loud, &soft, &frames);
	assert_in_range(loud, 40 * 160, 95 * 160);
	assert_int_equal(soft, 0);
	phone_close(&a);
	phone_close(&b);
}

#define ROOM 99

/* What a phone has heard of late: the level of the last packet of mu-law. */
static int
level(struct phone *p)
{
	uint8_t store[2048];
	struct rtp r;
	int v = 0;

	for (;;) {
		ssize_t n = recv(p->rtp, store, sizeof(store), MSG_DONTWAIT);

		if (n <= 0 || !rtp_parse(&r, store, (size_t)n))
			break;
		if (r.pt == PCMU && r.len > 0)
			v = g711_ulaw_decode(r.payload[r.len / 2]);
	}
	return v;
}

static bool
near(int v, int want)
{
	return abs(v - want) < 100 + abs(want) / 10;
}

/* Three phones say levels until each hears what it should, or much time is over. */
static void
room_hears(struct phone *p, const int *says, const int *hears)
{
	uint64_t until = clock_mono_ms() + WAIT_MS, due = clock_mono_ms();
	int got[3] = { 0 };
	unsigned right = 0;

	for (; right < 10; due += 20) {
		bool all = true;

		for (unsigned i = 0; i < 3; i++)
			say(&p[i], PCMU, g711_ulaw_encode((int16_t)says[i]));
		while (clock_mono_ms() < due)
			turn(1);
		for (unsigned i = 0; i < 3; i++) {
			got[i] = level(&p[i]);
			all = all && near(got[i], hears[i]);
		}
		right += all;	/* in between something may come too late, on a busy machine */
		if (clock_mono_ms() > until)
			fail_msg("heard %d %d %d instead of %d %d %d", got[0], got[1], got[2], hears[0],
			    hears[1], hears[2]);
	}
}

static void
rooms_mix(void **state)
{
	static const int says[] = { 1000, 2000, 4000 };
	struct phone p[3];
	struct seen *s;
	unsigned at;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		phone_open(&p[i], i + 1);
	call_up(&p[0], &p[1], "0 101", "0 101");
	at = fx.nseen;
	offer_from(3, 78, &p[2], "0 101", "");
	SEND(media_make_answer, .session = 3);
	take_port(&p[2], expect(MSG_media_sdp, &at)->sdp);
	for (uint64_t i = 1; i <= 3; i++)
		SEND(media_join, .session = i, .room = ROOM, .flags = i == 3 ? MEDIA_ROOM_TONE : 0);
	room_hears(p, says, (const int[]){ 6000, 5000, 3000 });
	/* One is muted, and unmuted. */
	SEND(media_join, .session = 2, .room = ROOM, .flags = MEDIA_ROOM_MUTE);
	room_hears(p, says, (const int[]){ 4000, 5000, 1000 });
	SEND(media_join, .session = 2, .room = ROOM);
	room_hears(p, says, (const int[]){ 6000, 5000, 3000 });
	/* mediad dies: they are in the room still. */
	at = fx.nseen;
	kill_mediad(SIGKILL);
	start_mediad();
	for (unsigned i = 0; i < 3; i++) {
		s = expect(MSG_sync_session, &at);
		assert_int_equal(s->body.sync_session.room, ROOM);
	}
	room_hears(p, says, (const int[]){ 6000, 5000, 3000 });
	/* Two go on alone; the third hears nobody. */
	SEND(media_connect, .a = 1, .b = 2);
	room_hears(p, says, (const int[]){ 2000, 1000, 0 });
	SEND(media_leave, .session = 3);
	for (unsigned i = 0; i < 3; i++)
		phone_close(&p[i]);
}

/* One wants packets of 40 ms, the other of 20, and each gets them, whatever comes. */
static void
lengths_are_kept(void **state)
{
	struct phone a, b;
	uint8_t store[2048];
	uint64_t due = clock_mono_ms();
	unsigned at = fx.nseen, n = 0;
	uint32_t ts = 0;
	struct rtp r;

	(void)state;
	phone_open(&a, 1);
	phone_open(&b, 2);
	offer_from(1, 77, &a, "0 101", "a=ptime:40\r\n");
	SEND(media_make_offer, .session = 2, .call = 77, .like = 1);
	take_port(&b, expect(MSG_media_sdp, &at)->sdp);
	assert_non_null(strstr(fx.seen[at - 1].sdp, "a=ptime:40\r\n"));
	answer_from(2, &b, "0 101", "a=ptime:20\r\n");
	SEND(media_connect, .a = 1, .b = 2);
	SEND(media_make_answer, .session = 1, .like = 2);
	take_port(&a, expect(MSG_media_sdp, &at)->sdp);
	for (unsigned i = 0; n < 20 && i < 500; i++, due += 20) {
		say(&b, PCMU, 0x20);	/* as long as it likes itself */
		while (clock_mono_ms() < due)
			turn(1);
		while (hear(a.rtp, &r, store, 0)) {
			if (r.len != 320)
				continue;	/* the first ones pass as they are */
			if (n++ > 0)
				assert_int_equal(r.ts - ts, 320);
			ts = r.ts;
		}
	}
	assert_int_equal(n, 20);
	phone_close(&a);
	phone_close(&b);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(relay_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(source_is_learned_and_held, setup, teardown),
		cmocka_unit_test_setup_teardown(codecs_and_keys_are_mapped, setup, teardown),
		cmocka_unit_test_setup_teardown(hold_stops_media, setup, teardown),
		cmocka_unit_test_setup_teardown(silence_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(sounds_and_echo, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(ports_run_out_and_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(rtcp_is_exchanged, setup, teardown),
		cmocka_unit_test_setup_teardown(media_before_the_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_are_merged, setup, teardown),
		cmocka_unit_test_setup_teardown(sound_survives_a_kill, setup, teardown),
		cmocka_unit_test_setup_teardown(call_recorded, setup, teardown),
		cmocka_unit_test_setup_teardown(message_recorded, setup, teardown),
		cmocka_unit_test_setup_teardown(garbage_does_no_harm, setup, teardown),
		cmocka_unit_test_setup_teardown(rooms_mix, setup, teardown),
		cmocka_unit_test_setup_teardown(lengths_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(ipv6_works, setup, teardown),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
