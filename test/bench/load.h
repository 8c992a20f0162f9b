/* SPDX-License-Identifier: ISC */
/*
 * The parts of the load tools: a timer wheel, histograms, RTP ends that check each packet, process
 * figures, SIP text and digest. callload is made of all of them, rtpfloor of the RTP part. Test
 * code: it stops with a message when the machine has no room.
 */
#ifndef WARDEN_LOAD_H
#define WARDEN_LOAD_H

#include <netinet/in.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

_Noreturn void load_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *load_alloc(size_t size);			/* zeroed, never NULL */
uint64_t load_now_us(void);			/* monotonic */
/* A UDP socket with large buffers. */
int load_socket(const struct in_addr *ip, uint16_t port, struct sockaddr_in *bound);

/* ---- figures (load_stat.c) ------------------------------------------------------------------ */

/* Microseconds in buckets of 3 %. */
struct load_hist {
	uint64_t	n;
	uint64_t	max;
	uint32_t	bucket[2048];
};

void load_hist_add(struct load_hist *h, uint64_t us);
double load_hist_ms(const struct load_hist *h, double quantile);	/* 0 when empty */

#define LOAD_PROCS 8

/* A process whose cost is measured. */
struct load_proc {
	char		name[32];	/* "sipd" */
	pid_t		pid;
	uint64_t	cpu_us;		/* user + system at load_procs_mark() */
	/* times that its threads had waited and went on, likewise */
	uint64_t	wakes;
	/* memory at load_procs_mark(); RSS where PSS cannot be read */
	uint64_t	pss_kb;
};

struct load_procs {
	size_t			n;
	struct load_proc	proc[LOAD_PROCS];
};

/*
 * PID_NAME=1234 lines of a file as test/stack writes it; with every child of a pid counted to it.
 */
void load_procs_read(struct load_procs *p, const char *env_path);
void load_procs_mark(struct load_procs *p);
/*
 * Prints " PREFIXcpu_NAME_us=..." and " PREFIXwakes_NAME=..." per unit since the mark, and the
 * sums " PREFIXcpu_us=..." and " PREFIXwakes=...".
 */
void load_procs_print_cpu(const struct load_procs *p, FILE *f, double units, const char *prefix);
/* Prints " PREFIXmem_NAME_kb=..." per unit and the sum: memory now less that at the mark. */
void load_procs_print_mem(const struct load_procs *p, FILE *f, double units, const char *prefix);

/* ---- timers (load_timer.c): a wheel of milliseconds ----------------------------------------- */

struct load_timer {
	struct load_timer	*next, **prev;	/* prev NULL: not armed */
	uint64_t		 due_ms;
	void			(*fn)(void *);
	void			*arg;
};

#define LOAD_WHEEL 4096

struct load_wheel {
	uint64_t		 now_ms;
	struct load_timer	*slot[LOAD_WHEEL];
};

void load_wheel_init(struct load_wheel *w);
void load_arm(struct load_wheel *w, struct load_timer *t, uint64_t in_ms); /* again: moves it */
void load_disarm(struct load_timer *t);
void load_wheel_run(struct load_wheel *w, uint64_t now_ms);

/* ---- RTP (load_rtp.c) ----------------------------------------------------------------------- */

#define LOAD_PACKET_MS	20
#define LOAD_RTP_SOCKS	4

/*
 * One end of one call: sends 50 packets/s of PCMU whose payload says who sent it, when and as
 * which; checks what comes.
 */
struct load_end {
	struct load_end		*next, **prev;	/* in its phase of the 20 ms */
	uint32_t		 id;		/* never 0 */
	uint32_t		 peer;		/* whom we hear; 0 nobody yet */
	int			 sock;		/* index */
	struct sockaddr_in	 to;
	uint32_t		 sent;
	uint32_t		 received;
	uint32_t		 head;		/* packets of the peer before the first that came */
	uint32_t		 lost;		/* gaps after it */
	uint32_t		 wrong;		/* content, order or sender not as they must be */
	uint32_t		 expect;
	uint64_t		 last_us;
	uint64_t		 gap_us;	/* longest wait between two packets */
	uint16_t		 last_seq;	/* of the RTP header */
	uint32_t		 ssrc;
	/* RTP header not continuous although the payload is */
	uint32_t		 seq_jumps;
	/* packets to send with the mark "last" before falling silent */
	uint8_t			 stop;
	bool			 stopping;
	bool			 silent;	/* all sent */
};

struct load_rtp {
	int			 fd[LOAD_RTP_SOCKS];
	uint16_t		 port[LOAD_RTP_SOCKS];
	uint32_t		 last_id;
	uint64_t		 next_tick_ms;
	struct load_end		*phase[LOAD_PACKET_MS];
	struct load_end		**by_port;	/* 65536 by the port that packets come from */
	uint64_t		 sent, received, head, lost, wrong;
	uint64_t		 stray, seq_jumps, gap_us, send_failed;
	struct load_hist	 latency;
};

void load_rtp_init(struct load_rtp *r, const struct in_addr *ip);
/* A socket for a new end: its index; r->port[index] goes into the SDP. */
int load_rtp_pick(struct load_rtp *r);
/* Starts sending from socket sock to `to`, whose port is also where packets come from. */
void load_rtp_start(struct load_rtp *r, struct load_end *e, int sock, const struct sockaddr_in *to);
/* The far end's address changed by a new SDP. */
void load_rtp_move(struct load_rtp *r, struct load_end *e, const struct sockaddr_in *to);
/* Three more packets marked as the last ones; the other side stops when it gets one. */
void load_rtp_wind_down(struct load_end *e);
/* Ends it and adds its figures to r's. Harmless when it was never started. */
void load_rtp_end(struct load_rtp *r, struct load_end *e);
/* Sends what is due; call once a millisecond. */
void load_rtp_tick(struct load_rtp *r, uint64_t now_ms);
/* Reads one socket empty. */
void load_rtp_read(struct load_rtp *r, int sock);
void load_rtp_print(const struct load_rtp *r, FILE *f);

/* ---- SIP text (load_sip.c) ------------------------------------------------------------------ */

#define LOAD_MSG_MAX 4096

struct load_msg {
	/* NUL-terminated; the views below are NUL-terminated copies */
	char		*text;
	int		 status;		/* 0: a request */
	char		 method[16];		/* of the request, or of CSeq */
	char		 uri[256];
	char		 call_id[160];
	char		 from[384], to[384];	/* whole header values */
	char		 from_tag[96], to_tag[96];
	char		 contact[256];		/* URI only */
	uint32_t	 cseq;
	int		 retry_after;		/* -1 none */
	const char	*body;
	struct sockaddr_in rtp;			/* of an SDP body; port 0 none */
};

/* Reads a message in place. False when it is not one that we can use. */
bool load_msg_read(struct load_msg *m, char *text, size_t len);
/* The value of the nth header of that name (long form), copied; false if there is none. */
bool load_msg_header(const struct load_msg *m, const char *name, int nth, char *out, size_t size);
/*
 * All Via, Record-Route, From, To (with tag), Call-ID, CSeq of a request for its response. Returns
 * the length.
 */
int load_msg_echo(const struct load_msg *m, const char *to_tag, char *out, size_t size);
int load_sdp(char *out, size_t size, const struct in_addr *ip, uint16_t port, unsigned version,
    const char *direction);

/*
 * Whether m is a challenge that we should answer, having answered so many before: the first, and
 * one more that says stale=true (the PBX was restarted, or the nonce expired on its way).
 */
bool load_challenged(const struct load_msg *m, unsigned before);

/*
 * The Authorization header line (with CRLF) that answers the challenges of m (a 401 or 407).
 * Returns its length, or -1: nothing that we can answer.
 */
int load_digest(const struct load_msg *m, const char *user, const char *password,
    const char *method, const char *uri, char *out, size_t size);

#endif
