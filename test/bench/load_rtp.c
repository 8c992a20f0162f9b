/* SPDX-License-Identifier: ISC */
/*
 * The load tools' RTP ends. A payload says who sent it, whom its sender hears, its number and when
 * it was sent, so that the receiver knows that the audio is the other party's, whole, in order, and
 * how long it took. Ends share a few sockets: they are told apart by the port that packets come
 * from, which a relay has for each leg.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "test/bench/load.h"

#define BATCH		64
#define MAGIC		0x57617264656e5254ull
#define RTP_HEADER	12
#define SAMPLES		160
#define STOP_PACKETS	3

struct payload {
	uint64_t	magic;
	uint64_t	sent_us;
	uint32_t	from;		/* id of the end */
	uint32_t	hears;		/* id of the end that it hears, 0 none yet */
	uint32_t	number;
	uint32_t	last;		/* 1: the sender is about to stop */
	uint8_t		fill[SAMPLES - 32];
};
_Static_assert(sizeof(struct payload) == SAMPLES, "20 ms of G.711");

struct packet {
	uint8_t		header[RTP_HEADER];
	struct payload	body;
} __attribute__((packed));

static void
fill_make(uint8_t *fill, uint32_t from, uint32_t number)
{
	uint64_t x = ((uint64_t)from << 32 | number) * 0x9e3779b97f4a7c15ull;

	for (size_t i = 0; i < sizeof(((struct payload *)0)->fill); i += 8) {
		memcpy(fill + i, &x, 8);
		x = x * 6364136223846793005ull + 1442695040888963407ull;
	}
}

void
load_rtp_init(struct load_rtp *r, const struct in_addr *ip)
{
	struct sockaddr_in bound;

	memset(r, 0, sizeof(*r));
	for (int i = 0; i < LOAD_RTP_SOCKS; i++) {
		do {	/* phones use even ports; a relay may send RTCP to the next one */
			r->fd[i] = load_socket(ip, 0, &bound);
		} while (ntohs(bound.sin_port) % 2 != 0);
		r->port[i] = ntohs(bound.sin_port);
	}
	r->by_port = load_alloc(65536 * sizeof(*r->by_port));
	r->next_tick_ms = load_now_us() / 1000;
}

int
load_rtp_pick(struct load_rtp *r)
{
	return (int)(r->last_id % LOAD_RTP_SOCKS);
}

void
load_rtp_start(struct load_rtp *r, struct load_end *e, int sock, const struct sockaddr_in *to)
{
	struct load_end **phase;

	memset(e, 0, sizeof(*e));
	e->id = ++r->last_id;
	e->sock = sock;
	e->to = *to;
	r->by_port[ntohs(to->sin_port)] = e;
	phase = &r->phase[e->id % LOAD_PACKET_MS];
	e->next = *phase;
	e->prev = phase;
	if (e->next != NULL)
		e->next->prev = &e->next;
	*phase = e;
}

void
load_rtp_wind_down(struct load_end *e)
{
	if (e->prev == NULL || e->stopping)
		return;
	e->stopping = true;
	e->stop = STOP_PACKETS;
}

void
load_rtp_end(struct load_rtp *r, struct load_end *e)
{
	if (e->prev == NULL)
		return;
	*e->prev = e->next;
	if (e->next != NULL)
		e->next->prev = e->prev;
	e->prev = NULL;
	if (r->by_port[ntohs(e->to.sin_port)] == e)
		r->by_port[ntohs(e->to.sin_port)] = NULL;
	r->head += e->head;
	r->lost += e->lost;
	r->wrong += e->wrong;
	r->seq_jumps += e->seq_jumps;
	if (e->gap_us > r->gap_us)
		r->gap_us = e->gap_us;
}

void
load_rtp_move(struct load_rtp *r, struct load_end *e, const struct sockaddr_in *to)
{
	if (e->prev == NULL || to->sin_port == 0 || memcmp(&e->to, to, sizeof(*to)) == 0)
		return;
	if (r->by_port[ntohs(e->to.sin_port)] == e)
		r->by_port[ntohs(e->to.sin_port)] = NULL;
	e->to = *to;
	r->by_port[ntohs(to->sin_port)] = e;
}

/* ---- sending -------------------------------------------------------------------------------- */

static void
packet_make(struct packet *p, struct load_end *e, uint64_t now_us)
{
	uint32_t ts = htonl(e->sent * SAMPLES), ssrc = htonl(0x10000000u + e->id);
	uint16_t seq = htons((uint16_t)e->sent);

	p->header[0] = 0x80;
	p->header[1] = e->sent == 0 ? 0x80 : 0;
	memcpy(p->header + 2, &seq, 2);
	memcpy(p->header + 4, &ts, 4);
	memcpy(p->header + 8, &ssrc, 4);
	p->body.magic = MAGIC;
	p->body.sent_us = now_us;
	p->body.from = e->id;
	p->body.hears = e->peer;
	p->body.number = e->sent;
	p->body.last = e->stopping;
	fill_make(p->body.fill, e->id, e->sent);
	e->sent++;
}

static void
flush(struct load_rtp *r, int sock, struct mmsghdr *msgs, unsigned n)
{
	unsigned done = 0;
	int sent;

	while (done < n) {
		sent = sendmmsg(r->fd[sock], msgs + done, n - done, 0);
		if (sent > 0) {
			done += (unsigned)sent;
		} else { /* a refused port of an ended call is told here once, and costs nothing */
			if (errno != ECONNREFUSED) {
				r->send_failed++;
				done++;
			}
		}
	}
}

static void
send_phase(struct load_rtp *r, struct load_end *list)
{
	static struct packet packets[LOAD_RTP_SOCKS][BATCH];
	static struct mmsghdr msgs[LOAD_RTP_SOCKS][BATCH];
	static struct iovec iov[LOAD_RTP_SOCKS][BATCH];
	unsigned n[LOAD_RTP_SOCKS] = { 0 };
	uint64_t now_us = load_now_us();

	for (struct load_end *e = list; e != NULL; e = e->next) {
		unsigned s = (unsigned)e->sock, i = n[s];

		if (e->silent)
			continue;
		if (e->stopping && e->stop-- == 0) {
			e->silent = true;
			continue;
		}
		packet_make(&packets[s][i], e, now_us);
		r->sent++;
		iov[s][i] = (struct iovec){ &packets[s][i], sizeof(packets[s][i]) };
		msgs[s][i].msg_hdr = (struct msghdr){ .msg_name = &e->to,
			.msg_namelen = sizeof(e->to),
			.msg_iov = &iov[s][i],
			.msg_iovlen = 1 };
		if (++n[s] == BATCH) {
			flush(r, (int)s, msgs[s], BATCH);
			n[s] = 0;
			now_us = load_now_us();
		}
	}
	for (int s = 0; s < LOAD_RTP_SOCKS; s++)
		flush(r, s, msgs[s], n[s]);
}

void
load_rtp_tick(struct load_rtp *r, uint64_t now_ms)
{
	for (; r->next_tick_ms <= now_ms; r->next_tick_ms++)
		if (r->phase[r->next_tick_ms % LOAD_PACKET_MS] != NULL)
			send_phase(r, r->phase[r->next_tick_ms % LOAD_PACKET_MS]);
}

/* ---- receiving ------------------------------------------------------------------------------ */

/* The RTP header must go on from packet to packet, whatever a relay makes of it. */
static void
check_header(struct load_end *e, const struct packet *p)
{
	uint16_t seq;
	uint32_t ssrc;

	memcpy(&seq, p->header + 2, 2);
	memcpy(&ssrc, p->header + 8, 4);
	seq = ntohs(seq);
	if (e->received > 0 && (ssrc != e->ssrc || seq != (uint16_t)(e->last_seq + 1)))
		e->seq_jumps++;
	e->ssrc = ssrc;
	e->last_seq = seq;
}

static void
check_packet(struct load_rtp *r, struct load_end *e, const struct packet *p, uint64_t now_us)
{
	uint8_t fill[sizeof(p->body.fill)];

	if (e->peer == 0) {
		e->peer = p->body.from;
		e->head = p->body.number;
		e->expect = p->body.number;
	}
	fill_make(fill, p->body.from, p->body.number);
	if (p->body.from != e->peer || (p->body.hears != 0 && p->body.hears != e->id) ||
	    memcmp(fill, p->body.fill, sizeof(fill)) != 0 || p->body.number < e->expect) {
		e->wrong++;
		return;
	}
	if (p->body.number == e->expect)
		check_header(e, p);
	else
		e->last_seq = (uint16_t)(p->header[2] << 8 | p->header[3]);
	e->lost += p->body.number - e->expect;
	e->expect = p->body.number + 1;
	if (e->received++ > 0 && now_us - e->last_us > e->gap_us)
		e->gap_us = now_us - e->last_us;
	e->last_us = now_us;
	r->received++;
	load_hist_add(&r->latency, now_us > p->body.sent_us ? now_us - p->body.sent_us : 0);
	if (p->body.last)
		load_rtp_wind_down(e);
}

void
load_rtp_read(struct load_rtp *r, int sock)
{
	static struct packet packets[BATCH];
	static struct mmsghdr msgs[BATCH];
	static struct iovec iov[BATCH];
	static struct sockaddr_in from[BATCH];
	struct load_end *e;
	uint64_t now_us;
	int n;

	do {
		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){ &packets[i], sizeof(packets[i]) };
			msgs[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
				.msg_namelen = sizeof(from[i]),
				.msg_iov = &iov[i],
				.msg_iovlen = 1 };
		}
		n = recvmmsg(r->fd[sock], msgs, BATCH, MSG_DONTWAIT, NULL);
		now_us = load_now_us();
		for (int i = 0; i < n; i++) {
			e = r->by_port[ntohs(from[i].sin_port)];
			if (e == NULL || msgs[i].msg_len != sizeof(struct packet) ||
			    packets[i].body.magic != MAGIC)
				r->stray++;
			else
				check_packet(r, e, &packets[i], now_us);
		}
	} while (n == BATCH);
}

void
load_rtp_print(const struct load_rtp *r, FILE *f)
{
	double expected = (double)(r->received + r->lost);

	fprintf(f,
	    " rtp_sent=%lu rtp_received=%lu rtp_head=%lu rtp_lost=%lu rtp_lost_percent=%.4f "
	    "rtp_wrong=%lu rtp_stray=%lu"
	    " rtp_seq_jumps=%lu rtp_gap_max_ms=%.1f rtp_send_failed=%lu rtp_p50_ms=%.3f "
	    "rtp_p99_ms=%.3f rtp_max_ms=%.3f",
	    r->sent, r->received, r->head, r->lost,
	    expected > 0 ? 100.0 * (double)r->lost / expected : 0.0, r->wrong, r->stray,
	    r->seq_jumps, (double)r->gap_us / 1000, r->send_failed, load_hist_ms(&r->latency, 0.5),
	    load_hist_ms(&r->latency, 0.99), (double)r->latency.max / 1000);
}
