/* SPDX-License-Identifier: ISC */
/*
 * Legs: making and freeing them, the table's one interpreter, and the verbs for apps. What each row
 * of the table does is in leg_do.c's actions, named in leg_do.h. No app is known here:
 * call_leg_event() tells them.
 */
#include "featured/call/leg.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/ipc/msg.h"
#include "featured/call/call.h"
#include "featured/call/leg_do.h"
#include "featured/call/session.h"

struct row {
	leg_action *action; /* NULL: impossible */
	uint8_t to;
	const char *name;
};

/* One row for each ON; a second one for the same pair is refused by the compiler. */
static const struct row rows[LEG_STATES][LEG_EVENTS] = {
#define STATE(name, text)
#define EVENT(name, text)
#define ON(from, event, action_, to_)                                                              \
	[LEG_##from][LEV_##event] = { .action = do_##action_, .to = LEG_##to_, .name = #action_ },
#include "featured/call/leg_fsm.def"
#undef STATE
#undef EVENT
#undef ON
};

static const char *const state_names[LEG_STATES] = {
	[LEG_NONE] = "NONE",
#define STATE(name, text) [LEG_##name] = #name,
#define EVENT(name, text)
#define ON(from, event, action, to)
#include "featured/call/leg_fsm.def"
#undef STATE
#undef EVENT
#undef ON
};

static const char *const event_names[LEG_EVENTS] = {
#define STATE(name, text)
#define EVENT(name, text) [LEV_##name] = #name,
#define ON(from, event, action, to)
#include "featured/call/leg_fsm.def"
#undef STATE
#undef EVENT
#undef ON
};

const char *
leg_state_name(uint8_t state)
{
	return state < LEG_STATES ? state_names[state] : "unknown";
}

void
leg_fsm_print(void (*line)(void *arg, const char *text), void *arg)
{
	char text[160];

	line(arg, "digraph leg {");
	for (int s = LEG_NONE + 1; s < LEG_STATES; s++)
		for (int e = 0; e < LEG_EVENTS; e++) {
			const struct row *row = &rows[s][e];

			if (row->action == NULL)
				continue;
			str_format(text, sizeof(text), "\t%s -> %s [label=\"%s / %s\"];",
			    state_names[s], state_names[row->to], event_names[e], row->name);
			line(arg, text);
		}
	line(arg, "}");
}

void
leg_dirty(struct core *core, struct leg *leg)
{
	leg->dirty = true;
	call_dirty(core, leg->call);
}

struct leg *
leg_find(const struct core *core, uint64_t id)
{
	struct leg *leg;

	HASH_FIND(hh, core->legs, &id, sizeof(id), leg);
	return leg;
}

struct leg *
leg_new(struct core *core, struct call *call, uint64_t id, bool incoming)
{
	struct leg *leg = mem_new(sizeof(*leg));

	if (leg == NULL)
		return NULL;
	leg->slot = ckpt_alloc(core->legs_ck);
	leg->dial_slot = CKPT_NONE;
	if (leg->slot == CKPT_NONE) {
		log_limited(&core->bucket, LL_ERROR, "no room for another leg");
		mem_free(&leg);
		return NULL;
	}
	while (id == 0 || (!incoming && leg_find(core, id) != NULL))
		id = id_u64();
	leg->r.id = id;
	leg->r.call = call->r.id;
	leg->r.incoming = incoming;
	leg->r.state = incoming ? LEG_OFFERED : LEG_MAKING;
	leg->call = call;
	leg->heard_sipd = core->sipd.round;
	TAILQ_INSERT_TAIL(&call->legs, leg, next);
	HASH_ADD(hh, core->legs, r.id, sizeof(leg->r.id), leg);
	leg_dirty(core, leg);
	return leg;
}

void
leg_free(struct core *core, struct leg *leg)
{
	HASH_DEL(core->legs, leg);
	TAILQ_REMOVE(&leg->call->legs, leg, next);
	leg_forget_user(core, leg);
	store_forget_leg(core, leg);
	session_drop_copy(leg);
	free(leg->dial);
	free(leg);
}

void
leg_event(struct core *core, struct leg *leg, enum leg_event event, const struct leg_arg *arg)
{
	static const struct leg_arg nothing;
	const struct row *row = &rows[leg->r.state][event];

	if (row->action == NULL) {
		core->stats.impossible_events++;
		log_limited(&core->bucket, LL_WARNING, "impossible event for a leg",
		    kv_x("leg", leg->r.id), kv_s("state", state_names[leg->r.state]),
		    kv_s("event", event_names[event]), kv_uuid("call", leg->r.call.b));
		trace_add(core, leg->call, "app", "impossible", "leg=%016llx %s in %s",
		    (unsigned long long)leg->r.id, event_names[event], state_names[leg->r.state]);
		return;
	}
	leg->r.state = row->to;
	leg_dirty(core, leg);
	row->action(core, leg, arg != NULL ? arg : &nothing);
}

void
core_to_sipd(struct core *core, struct leg *leg, uint16_t type, const void *body)
{
	if (leg != NULL)
		leg->heard_sipd = core->sipd.round;
	if (core->sipd.up)
		out_message(core->out, OUT_SIPD, type, body);
}

void
core_to_mediad(struct core *core, struct leg *leg, uint16_t type, const void *body)
{
	core->media_seq++;
	if (leg != NULL)
		leg->heard_mediad = core->mediad.round;
	if (core->mediad.up)
		out_message(core->out, OUT_MEDIAD, type, body);
}

/*
 * Verbs.
 */

void
leg_dial(struct core *core, struct leg *leg, const struct core_contact *contact, uint16_t ring_s,
    const struct leg *like, bool late)
{
	leg->dial = mem_new(sizeof(*leg->dial));
	if (leg->dial == NULL) {
		leg_event(core, leg, LEV_failed,
		    &(struct leg_arg){ .status = 503, .reason = "no memory" });
		return;
	}
	leg->dial->leg = leg->r.id;
	leg->dial->contact = *contact;
	leg->dial->ring_s = ring_s;
	str_copy(leg->r.far, sizeof(leg->r.far), contact->route);
	leg->r.late = late;
	leg_dirty(core, leg);
	session_want(core, leg, WANT_DIAL, like != NULL ? like->r.id : 0);
}

void
leg_progress(struct core *core, struct leg *leg, uint16_t status, bool early,
    const struct leg *like)
{
	if (leg->r.late)
		early = (early || leg_must_offer(leg)) && leg_takes_early(leg) &&
		    !leg->r.early_sent;
	leg_event(core, leg, LEV_progress, &(struct leg_arg){ .status = status, .kind = early });
	if (early && leg->r.state == LEG_OFFERED) {
		leg->r.want_status = status;
		session_want(core, leg, WANT_PROGRESS, like != NULL ? like->r.id : 0);
	}
}

void
leg_answer(struct core *core, struct leg *leg, const struct leg *like)
{
	leg->r.like = like != NULL ? like->r.id : 0;
	leg_event(core, leg, LEV_answer, NULL);
}

void
leg_refuse(struct core *core, struct leg *leg, uint16_t status, uint8_t q850)
{
	leg->r.refuse_status = status;
	leg->r.q850 = q850;
	leg_event(core, leg, LEV_refuse, &(struct leg_arg){ .status = status, .q850 = q850 });
}

void
leg_hangup(struct core *core, struct leg *leg, uint8_t q850)
{
	leg->r.q850 = q850;
	leg->r.told_gone = 1;
	if (leg->r.state == LEG_OFFERED || leg->r.state == LEG_ANSWERING)
		leg->r.refuse_status = 480;
	leg_event(core, leg, LEV_hangup, &(struct leg_arg){ .status = 480, .q850 = q850 });
}
