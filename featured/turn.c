/* SPDX-License-Identifier: ISC */
/*
 * Turns of the call core: the clock goes in, and what comes out goes to sipd, mediad and the spool.
 * The core's checkpoint is written by core_end(), before any of it leaves.
 */
#include "common/base/clock.h"
#include "featured/featured.h"

#define TICK_US 1000000
#define RETENTION_TICKS 60

/* NULL: not connected, or not even listening yet. */
static struct ipc_peer *
peer_of(const struct featured *f, uint8_t role)
{
	return f->server != NULL ? ipc_server_peer(f->server, role) : NULL;
}

void
turn_begin(struct featured *f)
{
	struct ipc_peer *sipd = peer_of(f, IPC_SIPD), *mediad = peer_of(f, IPC_MEDIAD);

	core_begin(f->core, clock_mono_ms(), clock_real_ms());
	core_congested(f->core,
	    (sipd != NULL && ipc_congested(sipd)) || (mediad != NULL && ipc_congested(mediad)));
}

static void
arm(struct featured *f)
{
	uint64_t next = core_next_ms(f->core);

	/* Early is harmless; so the timer is moved only forward, and most turns cost no system
	 * call. */
	if (next >= f->armed_ms)
		return;
	f->armed_ms = next;
	sd_event_source_set_time(f->timer, next * 1000);
	sd_event_source_set_enabled(f->timer, SD_EVENT_ONESHOT);
}

static void
send_item(struct featured *f, const struct out_item *item)
{
	struct ipc_peer *to;

	switch (item->kind) {
	case OUT_SIPD:
	case OUT_MEDIAD:
		to = peer_of(f, item->kind == OUT_SIPD ? IPC_SIPD : IPC_MEDIAD);
		/* Nobody waits for what only ends something. */
		if (item->type == MSG_leg_forget || item->type == MSG_media_close)
			ipc_send_lazily(to, item->type, item->body);
		else
			ipc_send(to, item->type, item->body);
		break;
	case OUT_CDR_INTENT:
	case OUT_CDR_ANSWERED:
		spool_intent(f->spool, item->body);
		break;
	case OUT_CDR_FINAL:
		if (spool_final(f->spool, item->body) != 0)
			f->spool_refused = true;
		break;
	case OUT_RECORDING:
		if (spool_recording(f->spool, item->body) != 0)
			f->spool_refused = true;
		break;
	}
}

void
turn_end(struct featured *f)
{
	struct out *out = core_out(f->core);

	core_end(f->core);
	watch_flush(f->watch, clock_real_ms());
	for (size_t i = 0; i < out_count(out); i++)
		send_item(f, out_at(out, i));
	arm(f);
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct featured *f = arg;

	(void)source;
	(void)usec;
	f->armed_ms = UINT64_MAX;
	turn_begin(f);
	core_timers(f->core);
	turn_end(f);
	return 0;
}

/* Records that the spool had no room for are offered again; until it takes them their calls stay in
 * the checkpoint. */
static int
on_tick(sd_event_source *source, uint64_t usec, void *arg)
{
	struct featured *f = arg;

	if (f->spool_refused) {
		f->spool_refused = false;
		turn_begin(f);
		core_cdr_again(f->core);
		turn_end(f);
	}
	watch_tick(f->watch, clock_real_ms());
	watch_flush(f->watch, clock_real_ms());
	voicefiles_tick(f);
	if (++f->ticks % RETENTION_TICKS == 0) {
		turn_begin(f);
		core_mailbox_tick(f->core);
		turn_end(f);
	}
	sd_event_source_set_time(source, usec + TICK_US);
	return 0;
}

static void
on_durable(void *arg, const struct uuid *call)
{
	struct featured *f = arg;

	turn_begin(f);
	core_cdr_durable(f->core, call->b);
	turn_end(f);
}

static void
on_row_durable(void *arg, const struct uuid *id)
{
	struct featured *f = arg;

	turn_begin(f);
	core_row_durable(f->core, id->b);
	turn_end(f);
}

int
turn_init(struct featured *f)
{
	int r;

	f->armed_ms = UINT64_MAX;
	r = sd_event_add_time(f->d.event, &f->timer, CLOCK_MONOTONIC, UINT64_MAX, 1000, on_timer,
	    f);
	if (r >= 0)
		r = sd_event_source_set_enabled(f->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time(f->d.event, &f->tick, CLOCK_MONOTONIC,
		    clock_mono_us() + TICK_US, 100000, on_tick, f);
	if (r >= 0)
		r = sd_event_source_set_enabled(f->tick, SD_EVENT_ON);
	spool_watch(f->spool, on_durable, f);
	spool_watch_rows(f->spool, on_row_durable, f);
	return r < 0 ? r : 0;
}
