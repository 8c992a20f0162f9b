/* SPDX-License-Identifier: ISC */
/*
 * A spoken message to a caller that has no answer yet, as early media (183), or to one that has;
 * then the plan goes on. When there is no such prompt, no SDP to play it to, or too many hear one
 * already, the plan goes on at once.
 */
#include "featured/app/app.h"
#include "featured/call/session.h"
#include "common/ipc/msg.h"

#define LONGEST_MS  20000
#define AT_ONCE_MAX 100 /* a wrong dialler in a loop must not cost media */

static void
done(struct core *core, struct call *call)
{
	struct leg *caller = call_caller(core, call);

	if (caller != NULL)
		session_play_stop(core, caller);
	core->announcing--;
	call->r.u.announce.playing = 0;
	call_app_done(core, call, OUTCOME_DONE, 480, 31);
}

static void
announce_start(struct core *core, struct call *call, const struct plan_step *step)
{
	struct leg *caller = call_caller(core, call);

	call->r.u.announce.playing = 1;
	core->announcing++;
	if (caller == NULL || core->announcing > AT_ONCE_MAX ||
	    (!leg_is_up(caller) && (!leg_takes_early(caller) || !core->mediad.up))) {
		done(core, call);
		return;
	}
	if (!leg_is_up(caller))
		leg_progress(core, caller, 183, true, NULL);
	call->r.u.announce.play = session_play(core, caller, step->target, 1);
	call_timer(core, call, TIMER_APP, LONGEST_MS);
}

static void
announce_media_event(struct core *core, struct call *call, struct leg *leg,
    enum app_media_event event, uint32_t value, uint8_t outcome)
{
	if (event != APP_MEDIA_PLAYED || value != call->r.u.announce.play ||
	    !call->r.u.announce.playing)
		return;
	if (outcome == MEDIA_PLAYED_FAILED)
		trace_add(core, call, "media", "no-prompt", "%s", leg->r.path);
	done(core, call);
}

static void
announce_timer(struct core *core, struct call *call, enum call_timer kind)
{
	if (kind == TIMER_APP && call->r.u.announce.playing)
		done(core, call);
}

static void
announce_stop(struct core *core, struct call *call)
{
	if (call->r.u.announce.playing)
		core->announcing--;
}

const struct app app_announce = {
	.name = "announce",
	.start = announce_start,
	.media_event = announce_media_event,
	.timer = announce_timer,
	.stop = announce_stop,
};
