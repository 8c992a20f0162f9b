/* SPDX-License-Identifier: ISC */
/*
 * See crowd.h. sofia does not list its connections, but the descriptors say who they are with, and by
 * that sofia finds them. What is known of one is kept in its own idle time, so that it goes with it.
 */
#include "sipd/crowd.h"

#include <dirent.h>
#include <errno.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/tport.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/nat.h"
#include "sipd/stack.h"

#define EVERY_US 1000000

/* Idle times, in ms: new ones have STACK_IDLE_MS. */
#define IDLE_STRANGER (STACK_IDLE_MS - 1) /* was there at the last count */
#define IDLE_KNOWN    (STACK_IDLE_MS - 2)

struct one {
	uint8_t key[16];
	union addr far;
};

static struct {
	sd_event_source *timer;
	size_t most; /* in all; beyond it no stranger stays */
} crowd;

static usize_t
idle_of(const tport_t *tp)
{
	usize_t idle = 0;

	tport_get_params(tp, TPTAG_IDLE_REF(idle), TAG_END());
	return idle;
}

void
crowd_known(const msg_t *msg, const sip_t *sip)
{
	tport_t *tp;

	if (nat_transport(sip->sip_via) != SIP_TRANSPORT_TCP ||
	    (tp = tport_delivered_by(nta_agent_tports(sipd.agent), msg)) == NULL ||
	    !tport_is_secondary(tp) || idle_of(tp) == IDLE_KNOWN)
		return;
	tport_set_params(tp, TPTAG_IDLE(IDLE_KNOWN), TAG_END());
}

/* Whom the descriptor is connected with, if that is one to be counted. */
static bool
look(int fd, struct one *out)
{
	socklen_t len = sizeof(out->far);
	uint8_t ip[16];

	memset(&out->far, 0, sizeof(out->far));
	if (getpeername(fd, &out->far.sa, &len) < 0 ||
	    (out->far.sa.sa_family != AF_INET && out->far.sa.sa_family != AF_INET6))
		return false;
	net_bytes(&out->far, ip);
	net_customer(ip, out->key);
	return !net_any_has(sipd.set.allow_nets, sipd.set.allow_n, ip);
}

/* All connections of sources that have a limit; *out is the caller's. */
static size_t
collect(struct one **out)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0, cap = 0;
	struct one *grown;
	struct dirent *e;

	*out = NULL;
	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (n == cap) {
			cap = cap == 0 ? 64 : cap * 2;
			if ((grown = mem_grow(*out, cap, sizeof(*grown))) == NULL)
				break;
			*out = grown;
		}
		if (e->d_name[0] != '.' && look(atoi(e->d_name), &(*out)[n]))
			n++;
	}
	if (dir != NULL)
		closedir(dir);
	return n;
}

static int
by_key(const void *a, const void *b)
{
	return memcmp(((const struct one *)a)->key, ((const struct one *)b)->key, 16);
}

/* Of n connections of one source, strangers' beyond the limit are closed. Returns how many. */
static unsigned
thin_out(const struct one *v, size_t n, size_t limit)
{
	size_t strangers = 0;
	unsigned closed = 0;
	tport_t *tp;

	for (size_t i = 0; i < n; i++) {
		if ((tp = nat_connection(&v[i].far)) == NULL || idle_of(tp) == IDLE_KNOWN)
			continue;
		if (idle_of(tp) != IDLE_STRANGER) {	/* it has a second to say who it is */
			tport_set_params(tp, TPTAG_IDLE(IDLE_STRANGER), TAG_END());
		} else if (++strangers > limit) {
			tport_shutdown(tp, 2);
			closed++;
		}
	}
	return closed;
}

static void
count(void)
{
	static struct log_bucket bucket;
	size_t limit = (size_t)sipd.set.max_connections, n, from, to;
	char ip[ADDR_STR_LEN + 1];
	unsigned closed;
	struct one *v;

	n = collect(&v);
	if (n > 0)
		qsort(v, n, sizeof(*v), by_key);
	if (n > crowd.most)
		limit = 0;
	for (from = 0; from < n; from = to) {
		for (to = from + 1; to < n && by_key(&v[from], &v[to]) == 0; to++)
			continue;
		if (to - from <= limit || (closed = thin_out(v + from, to - from, limit)) == 0)
			continue;
		sipd.count.crowded += closed;
		addr_print_ip(&v[from].far, ip);
		log_limited(&bucket, LL_WARNING,
		    "too many connections without credentials, some are closed",
		    kv_s("source", ip), kv_u("closed", closed));
	}
	mem_free(&v);
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)usec;
	(void)arg;
	if (sipd.set.max_connections > 0)
		count();
	sd_event_source_set_time(source, clock_mono_us() + EVERY_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int
crowd_init(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return -errno;
	crowd.most = (size_t)rl.rlim_cur / 4 * 3;
	return sd_event_add_time(sipd.d.event, &crowd.timer, CLOCK_MONOTONIC,
	    clock_mono_us() + EVERY_US, 100000, on_timer, NULL);
}
