/* SPDX-License-Identifier: ISC */
/*
 * The loop: sofia's su_root is the outer one, sd-event (IPC, signals, watchdog) is nested in it by
 * its descriptor.
 *
 * sd-event's sources that need no descriptor (IPC's flush at the end of a turn is one) would wait
 * for the next descriptor event, so before sofia goes to sleep end_of_turn() lets them run. Main
 * thread only.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "common/base/clock.h"
#include "sipd/sipd.h"

/*
 * sofia's clock, by a hook that it has for tests. Its own is the real-time clock, which jumps, and
 * its loop does not sleep in the last millisecond before a timer but spins: at 300 calls/s, with a
 * timer due in every one, that is all of a core. Whole milliseconds of the monotonic clock cure
 * both.
 */
extern void (*_su_time)(su_time_t *tv);

static void
whole_ms(su_time_t *tv)
{
	static uint64_t base;
	uint64_t ms = clock_mono_ms();

	if (tv == NULL)
		return;
	if (base == 0)
		base = (uint64_t)tv->tv_sec * 1000 - ms;
	ms += base;
	tv->tv_sec = (unsigned long)(ms / 1000);
	tv->tv_usec = (unsigned long)(ms % 1000 * 1000);
}

/* Dispatches what is ready; leaves sd-event armed, that is with its descriptor telling the truth.
 */
static void
run_events(void)
{
	sd_event *e = sipd.d.event;
	int r;

	for (unsigned i = 0; i < 64; i++) {
		switch (sd_event_get_state(e)) {
		case SD_EVENT_INITIAL:
			r = sd_event_prepare(e);
			break;
		case SD_EVENT_ARMED:
			r = sd_event_wait(e, 0);
			break;
		case SD_EVENT_PENDING:
			r = 1;
			break;
		default:
			return;
		}
		if (r < 0) {
			log_error("event loop", kv_i("error", r));
			return;
		}
		if (sd_event_get_state(e) == SD_EVENT_PENDING)
			sd_event_dispatch(e);
		else if (sd_event_get_state(e) == SD_EVENT_ARMED)
			return;
		if (sd_event_get_state(e) == SD_EVENT_FINISHED) {
			su_root_break(sipd.root);
			return;
		}
	}
}

static int
on_readable(struct sipd *s, su_wait_t *wait, struct sipd *arg)
{
	(void)s;
	(void)wait;
	(void)arg;
	run_events();
	return 0;
}

/* Before each sleep of sofia's loop. */
static void
end_of_turn(struct sipd *s, su_root_t *root)
{
	(void)root;
	if (s->draining)
		return;
	s->draining = true;
	/* The cheap way first: the flush by itself needs no turn of sd-event's. */
	if (ipc_due(s->peer))
		ipc_flush(s->peer);
	if (sd_event_get_state(s->d.event) != SD_EVENT_ARMED ||
	    (s->peer != NULL && ipc_congested(s->peer)))
		run_events();
	s->draining = false;
}

int
loop_init(void)
{
	if (su_init() != 0)
		return -ENOMEM;
	_su_time = whole_ms;
	su_home_init(sipd.home);
	if ((sipd.root = su_root_create(&sipd)) == NULL)
		return -ENOMEM;
	su_root_threading(sipd.root, 0);
	if (su_wait_create(&sipd.wait, sd_event_get_fd(sipd.d.event), SU_WAIT_IN) < 0 ||
	    su_root_register(sipd.root, &sipd.wait, on_readable, &sipd, su_pri_normal) < 0 ||
	    su_root_add_prepoll(sipd.root, end_of_turn, &sipd) < 0)
		return -ENOMEM;
	return 0;
}

void
loop_run(void)
{
	su_root_run(sipd.root);
}

void
loop_stop(void)
{
	su_root_break(sipd.root);
}

void
loop_done(void)
{
	su_root_remove_prepoll(sipd.root);
	su_root_deregister(sipd.root, 1);
	su_root_destroy(sipd.root);
	su_home_deinit(sipd.home);
	su_deinit();
}
