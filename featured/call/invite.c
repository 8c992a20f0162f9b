/* SPDX-License-Identifier: ISC */
/*
 * An INVITE outside any dialog: is there room, who is it, may it be that one; then a call is made
 * of it. What is turned away here is no call and leaves no record; everything after it does.
 */
#include "featured/call/invite.h"

#include <string.h>

#include "featured/call/call.h"
#include "featured/call/session.h"
#include "featured/call/transfer.h"
#include "featured/settings.h"

#define RETRY_AFTER_S 3

static void
turn_away(struct core *core, const struct msg_leg_offered *m, uint16_t status,
    uint16_t retry_after_s)
{
	core_to_sipd(core, NULL, MSG_leg_refuse,
	    &(struct msg_leg_refuse){
	        .leg = m->leg, .status = status, .retry_after_s = retry_after_s });
}

/* The leg was refused a moment ago and sipd may not have heard: it is no second call. */
static bool
refused_before(struct core *core, const struct msg_leg_offered *m)
{
	const struct refusal *r;

	for (size_t i = 0; i < CORE_REFUSALS; i++) {
		r = &core->refusals[i];
		if (r->leg != m->leg)
			continue;
		core_to_sipd(core, NULL, MSG_leg_refuse,
		    &(struct msg_leg_refuse){
		        .leg = m->leg, .status = r->status, .q850_cause = r->q850 });
		return true;
	}
	return false;
}

/* Who calls. False: turned away. identity: size 65. */
static bool
authenticate(struct core *core, const struct msg_leg_offered *m, char *identity)
{
	struct core_auth_reply reply = { .stale = 0 };
	struct msg_leg_challenge challenge = { .leg = m->leg };

	switch (core->env.auth(core->env.arg, m, &reply)) {
	case CORE_AUTH_CHALLENGE:
		str_copy(challenge.realm, sizeof(challenge.realm), reply.realm);
		str_copy(challenge.nonce, sizeof(challenge.nonce), reply.nonce);
		challenge.stale = reply.stale;
		core_to_sipd(core, NULL, MSG_leg_challenge, &challenge);
		return false;
	case CORE_AUTH_FORBIDDEN:
	case CORE_AUTH_BANNED:
		turn_away(core, m, 403, 0);
		return false;
	case CORE_AUTH_OK:
		break;
	}
	if (reply.user[0] == '\0') { /* nobody asked for credentials */
		str_copy(identity, 65, m->from_user);
		return true;
	}
	str_copy(identity, 65, reply.user);
	/* From may be a trunk number or anonymous, but not a colleague. */
	if (strcmp(reply.user, m->from_user) != 0 &&
	    settings_extension(core->settings, m->from_user) != NULL) {
		log_limited(&core->bucket, LL_WARNING,
		    "From names another extension than the credentials", kv_s("from", m->from_user),
		    kv_s("user", reply.user), kv_s("source", m->source));
		turn_away(core, m, 403, 0);
		return false;
	}
	return true;
}

static struct leg *
make_call(struct core *core, const struct msg_leg_offered *m, const char *identity)
{
	const struct extension *ext = settings_extension(core->settings, identity);
	struct call *call = call_new(core, CALL_FROM_SIP);
	struct leg *leg;
	struct cdr cdr;

	if (call == NULL)
		return NULL;
	leg = leg_new(core, call, m->leg, true);
	if (leg == NULL) {
		call->r.ending =
		    1; /* freed at the end of the turn; there is nothing to tell of it */
		call->r.cdr = CALL_CDR_DURABLE;
		core->live--;
		return NULL;
	}
	call->r.caller = m->leg;
	call->r.start_ms = m->at_ms != 0 ? m->at_ms : core->real_ms;
	call->r.max_forwards = m->max_forwards > 0 ? m->max_forwards - 1 : 69;
	str_copy(call->r.from, sizeof(call->r.from), identity);
	/* A phone cannot take a colleague's name. */
	str_copy(call->r.from_name, sizeof(call->r.from_name),
	    ext != NULL ? ext->name : m->from_name);
	call->r.withheld = m->withheld;
	call->r.hops = m->diversions;
	str_copy(call->r.diversion, sizeof(call->r.diversion), m->diversion);
	str_copy(call->r.history, sizeof(call->r.history), m->history);
	str_copy(call->r.to, sizeof(call->r.to), m->to_user);
	str_copy(call->r.user_agent, sizeof(call->r.user_agent), m->user_agent);
	str_copy(call->r.sip_call_id, sizeof(call->r.sip_call_id), m->sip_call_id);
	leg_set_user(core, leg, identity);
	str_copy(leg->r.far, sizeof(leg->r.far), m->source);
	leg->r.late = m->sdp.len == 0;
	leg->r.early_offer = m->early_offer;
	trace_add(core, call, "sip", "offered", "leg=%016llx from=%s to=%s source=%s agent=%s%s",
	    (unsigned long long)m->leg, identity, m->to_user, m->source, m->user_agent,
	    leg->r.late ? " late offer" : "");
	call->r.cdr = CALL_CDR_INTENT;
	cdr_fill(core, call, &cdr);
	out_cdr(core->out, OUT_CDR_INTENT, &cdr);
	return leg;
}

/* Its Replaces names a leg of ours: a plan of that alone. */
static void
plan_replace(struct core *core, struct call *call, const struct msg_leg_offered *m)
{
	struct plan_step *step;
	char target[17];

	str_format(target, sizeof(target), "%016llx", (unsigned long long)m->replaces);
	step = plan_add(&call->r.plan, APP_REPLACE, target);
	step->status = m->replaces_early != 0;
	call_dirty(core, call);
}

void
invite_offered(struct core *core, const struct msg_leg_offered *m)
{
	struct leg *leg = leg_find(core, m->leg);
	char identity[65];

	if (leg != NULL) {
		leg->heard_sipd = core->sipd.round;
		leg_event(core, leg, LEV_offered, &(struct leg_arg){ .sdp = m->sdp });
		return;
	}
	if (refused_before(core, m))
		return;
	if (core->congested) {
		core->stats.shed_calls++;
		turn_away(core, m, 503, RETRY_AFTER_S);
		return;
	}
	if (!authenticate(core, m, identity))
		return;
	leg = make_call(core, m, identity);
	if (leg == NULL) {
		core->stats.shed_calls++;
		turn_away(core, m, 503, RETRY_AFTER_S);
		return;
	}
	if (m->over)
		return; /* its leg_gone ends it */
	if (m->replaces != 0)
		plan_replace(core, leg->call, m);
	else
		call_route(core, leg->call);
	if (!leg->r.late && leg->call->r.plan.steps[0].app != APP_REFUSE)
		session_offer(core, leg, m->sdp);
	call_step(core, leg->call, 0);
}
