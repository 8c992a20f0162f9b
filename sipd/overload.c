/* SPDX-License-Identifier: ISC */
/*
 * Shedding: at more than we can carry, new INVITEs are answered 503 before they cost anything, so
 * that what was let in gets through; queues that only grow would make every call late and each late
 * one a retransmission. The signs are delays, ours (what waits in the sockets) and featured's (how
 * long it takes to take a leg). What belongs to a call is never touched.
 */
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "sipd/leg.h"

#define LOOK_US 2000 /* how often the sockets are looked at */
#define BACKLOG_HIGH                                                                               \
	(192 << 10) /* bytes of packet buffers: some 150 messages, 30 to 60 ms of work */
#define BACKLOG_LOW  (48 << 10)
#define LATE_HIGH_US 100000 /* featured takes a leg this late */
#define LATE_LOW_US  40000
#define PROBE_US     1000000
/*
 * So many legs must wait for featured before its being late means that there is too much to do: at 800 calls/s and 100 ms there are 80. Fewer
 * wait because it starts again or the machine is busy elsewhere, and they have time.
 */
#define CROWD	     20
#define FDS_MAX      4096

void
overload_init(void)
{
	struct overload *o = &sipd.overload;
	union addr a;
	socklen_t len;
	int type;

	o->nfds = 0;
	/* sofia does not tell its descriptors; they are the datagram sockets on our port. */
	for (int fd = 3; fd < FDS_MAX && o->nfds < SIPD_BINDS_MAX; fd++) {
		len = sizeof(type);
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_DGRAM)
			continue;
		len = sizeof(a);
		if (getsockname(fd, &a.sa, &len) < 0 ||
		    (a.sa.sa_family != AF_INET && a.sa.sa_family != AF_INET6))
			continue;
		if (addr_port(&a) == (uint16_t)sipd.set.port)
			o->fds[o->nfds++] = fd;
	}
}

void
overload_offered(struct leg *leg)
{
	struct overload *o = &sipd.overload;

	if (leg->offered_us == 0 && o->waiting++ == 0)
		o->heard_us = clock_mono_us();
	leg->offered_us = clock_mono_us();
}

void
overload_heard(struct leg *leg)
{
	struct overload *o = &sipd.overload;

	if (leg->offered_us == 0)
		return;
	if (o->waiting > 0)
		o->waiting--;
	o->heard_us = clock_mono_us();
	o->late_us = (o->late_us * 3 + (o->heard_us - leg->offered_us)) / 4;
	leg->offered_us = 0;
}

void
overload_reset(void)
{
	struct leg *leg, *next;

	HASH_ITER(hh, sipd.legs, leg, next)
	leg->offered_us = 0;
	sipd.overload.waiting = 0;
	sipd.overload.late_us = 0;
}

static uint32_t
backlog(void)
{
	uint32_t info[SK_MEMINFO_VARS], most = 0;
	socklen_t len;

	for (unsigned i = 0; i < sipd.overload.nfds; i++) {
		len = sizeof(info);
		if (getsockopt(sipd.overload.fds[i], SOL_SOCKET, SO_MEMINFO, info, &len) == 0 &&
		    info[SK_MEMINFO_RMEM_ALLOC] > most)
			most = info[SK_MEMINFO_RMEM_ALLOC];
	}
	return most;
}

/* How late featured is: by its last answers, or by the one that does not come. */
static uint64_t
lateness(uint64_t now)
{
	const struct overload *o = &sipd.overload;
	uint64_t silent = now - o->heard_us;

	if (o->waiting < CROWD)
		return 0;
	return silent > o->late_us ? silent : o->late_us;
}

/* Looks again if the last look is old. */
static void
look(void)
{
	struct overload *o = &sipd.overload;
	uint64_t now = clock_mono_us(), late;
	uint32_t bytes;
	bool was = o->shedding;

	if (now - o->looked_us < LOOK_US)
		return;
	o->looked_us = now;
	bytes = backlog();
	late = sipd.peer != NULL ? lateness(now) : 0;
	if (bytes > BACKLOG_HIGH || late > LATE_HIGH_US)
		o->shedding = true;
	else if (bytes < BACKLOG_LOW && late < LATE_LOW_US)
		o->shedding = false;
	if (o->shedding && !was)
		log_limited(&o->bucket, LL_WARNING, "too much to do: new calls get 503",
		    kv_u("backlog_bytes", bytes), kv_u("featured_us", late));
}

unsigned
overload_refuse(void)
{
	uint8_t r;

	look();
	/* Or nobody would ever find out that featured answers again. */
	if (sipd.overload.shedding && sipd.overload.looked_us - sipd.overload.probe_us > PROBE_US) {
		sipd.overload.probe_us = sipd.overload.looked_us;
		return 0;
	}
	if (!sipd.overload.shedding && sipd.setups < (unsigned)sipd.set.max_setups &&
	    (sipd.peer == NULL || !ipc_congested(sipd.peer)))
		return 0;
	/* Not all at the same moment again. */
	id_random(&r, sizeof(r));
	return 2 + r % 5;
}
