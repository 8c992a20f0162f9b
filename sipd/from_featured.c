/* SPDX-License-Identifier: ISC */
/* featured's commands about legs, one case each, and its coming and going. Called by common/ipc. */
#include "sipd/from_featured.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "sipd/checkpoint.h"
#include "sipd/dialog.h"
#include "sipd/gate.h"
#include "sipd/identity.h"
#include "sipd/info.h"
#include "sipd/invite.h"
#include "sipd/leg.h"
#include "sipd/message.h"
#include "sipd/refer.h"
#include "sipd/stack.h"
#include "sipd/sub_words.h"
#include "sipd/to_featured.h"

#define HOLD_MS 5000
#define MSG_leg_last 0x01ff /* all of sip.def begin with the leg */

static void
on_up(void *arg, struct ipc_peer *peer)
{
	(void)arg;
	sipd.peer = peer;
	overload_reset();
	log_info("connected to featured", kv_u("epoch", ipc_peer_epoch(peer)));
	resync();
}

static void
on_down(void *arg, struct ipc_peer *peer, const char *why)
{
	uint64_t until = clock_mono_ms() + HOLD_MS;
	struct leg *leg, *next;

	(void)arg;
	(void)peer;
	sipd.peer = NULL;
	sipd.peer_down_ms = clock_mono_ms();
	log_warning("featured is away", kv_s("reason", why));
	HASH_ITER(hh, sipd.legs, leg, next)
	if (leg->phase == PHASE_OFFERED && !leg->taken) {
		leg->give_up_at = until;
		leg->timer_at = 0;
		leg_timer(leg);
	}
}

static void
taken(struct leg *leg)
{
	if (leg->taken)
		return;
	overload_heard(leg);
	leg->taken = true;
	if (leg->phase == PHASE_OFFERED)
		leg->give_up_at = 0;
	checkpoint_save(leg);
}

static void
refuse(struct leg *leg, const struct msg_leg_refuse *m)
{
	if (leg->phase != PHASE_OFFERED)
		return;
	invite_in_refuse(leg, m->status, m->reason, m->retry_after_s, m->q850_cause, m->warning);
	leg_drop(leg);
}

static void
settled(struct leg *leg)
{
	leg->settled = true;
	if (leg->open != OPEN_NONE || leg->phase == PHASE_GONE)
		return;
	blob_free(&leg->event);
	free(leg->user_agent);
	leg->user_agent = NULL;
	checkpoint_open_done(leg);
}

static void
forget(struct leg *leg)
{
	if (leg->phase != PHASE_GONE)
		return;
	leg->forgotten = true;
	if (leg->orq != NULL || leg->bye != NULL || leg->bye_wanted)
		checkpoint_save(leg);
}

static void
send_info(struct leg *leg, const struct msg_leg_info *m)
{
	const char *type = m->digit != 0 ? INFO_KEY_TYPE : m->content_type;
	char key[INFO_KEY_MAX];
	sip_payload_t body[1];
	nta_outgoing_t *orq;

	if (leg->phase != PHASE_UP)
		return;
	sip_payload_init(body);
	body->pl_data = (char *)(uintptr_t)m->body.p;
	body->pl_len = m->body.len;
	if (m->digit != 0) {
		body->pl_data = key;
		body->pl_len = info_key_body(key, (char)m->digit, m->duration_ms);
	}
	dialog_next_cseq(leg);
	orq = nta_outgoing_tcreate(leg->dialog, NULL, NULL, dialog_hop(leg), SIP_METHOD_INFO, NULL,
	    DIALOG_BIND(leg), SIPTAG_USER_AGENT(sipd.user_agent),
	    TAG_IF(type[0] != '\0', SIPTAG_CONTENT_TYPE_STR(type)),
	    TAG_IF(body->pl_len > 0, SIPTAG_PAYLOAD(body)), TAG_END());
	if (orq != NULL)
		nta_outgoing_destroy(orq);
}

/* A command about a leg that exists. */
static void
command(struct leg *leg, const struct ipc_msg *msg)
{
	switch (msg->type) {
	case MSG_leg_taken:
		taken(leg);
		break;
	/* Not stored as taken: killed before the refusal is out, we offer it again and are told again. */
	case MSG_leg_challenge:
		overload_heard(leg);
		invite_in_challenge(leg, msg->body);
		break;
	case MSG_leg_refuse:
		overload_heard(leg);
		refuse(leg, msg->body);
		break;
	case MSG_leg_progress:
		invite_in_progress(leg, msg->body);
		break;
	case MSG_leg_answer:
		taken(leg);
		invite_in_answer(leg, msg->body);
		break;
	case MSG_leg_settled:
		settled(leg);
		break;
	case MSG_leg_hangup:
		leg->taken = true;
		dialog_connection(leg, ((const struct msg_leg_hangup *)msg->body)->route);
		if (leg->phase == PHASE_GONE)
			tell_gone(leg);
		else
			leg_hangup(leg, LEG_END_LOCAL,
			    ((const struct msg_leg_hangup *)msg->body)->q850_cause);
		break;
	case MSG_leg_forget:
		forget(leg);
		break;
	case MSG_leg_reanswer:
		reinvite_answer(leg, msg->body);
		break;
	case MSG_leg_reinvite:
		reinvite_send(leg, &((const struct msg_leg_reinvite *)msg->body)->sdp);
		break;
	case MSG_leg_refer_answer:
		refer_answer(leg, msg->body);
		break;
	case MSG_leg_refer_progress:
		refer_progress(leg, msg->body);
		break;
	case MSG_leg_info:
		send_info(leg, msg->body);
		break;
	case MSG_leg_party:
		identity_changed(leg, msg->body);
		break;
	}
}

static void
reload(struct ipc_peer *peer, const struct ipc_msg *msg)
{
	char why[255];

	if (daemon_reload(&sipd.d, why, sizeof(why)) < 0)
		ipc_reply_error(peer, msg->id, 400, why);
	else
		ipc_reply(peer, msg->id, MSG_done, &(struct msg_done){});
}

/* About subscriptions and texts. False: it is none of these. */
static bool
watch_command(struct ipc_peer *peer, const struct ipc_msg *msg)
{
	switch (msg->type) {
	case MSG_topic_state:
		topic_state(msg->body);
		return true;
	case MSG_topic_end:
		topic_end(msg->body);
		return true;
	case MSG_list_end_subs:
		list_end_subs(msg->body);
		return true;
	case MSG_notice:
		notice_send(msg->body);
		return true;
	case MSG_message_send:
		message_send(peer, msg->id, msg->body);
		return true;
	}
	return false;
}

static void
on_message(void *arg, struct ipc_peer *peer, const struct ipc_msg *msg)
{
	struct leg *leg;
	uint64_t id;

	(void)arg;
	if (msg->type == MSG_leg_dial) {
		invite_out_dial(msg->body);
		return;
	}
	if (msg->type == MSG_auth_policy) {
		gate_policy(msg->body);
		return;
	}
	if (msg->type == MSG_auth_ban) {
		gate_ban(msg->body);
		return;
	}
	if (msg->type == MSG_reload) {
		reload(peer, msg);
		return;
	}
	if (watch_command(peer, msg))
		return;
	if (msg->type < MSG_leg_offered || msg->type > MSG_leg_last) {
		log_warning("message without a meaning here", kv_u("type", msg->type));
		return;
	}
	/* All of them begin with the leg. */
	id = *(const uint64_t *)msg->body;
	if ((leg = leg_find(id)) == NULL) {
		log_debug("command for a leg that is not here", kv_x("leg", id),
		    kv_u("type", msg->type));
		return;
	}
	leg->busy = true;
	checkpoint_enter(leg);
	command(leg, msg);
	checkpoint_leave();
	leg->busy = false;
	leg_reap(leg);
}

int
from_featured_init(void)
{
	static const struct ipc_handler handler = {
		.up = on_up, .down = on_down, .message = on_message
	};
	char path[300];

	sipd.peer_down_ms = clock_mono_ms();
	str_format(path, sizeof(path), "%s/featured.sock", sipd.d.run_dir);
	return ipc_connect(&sipd.client, sipd.d.event, IPC_SIPD, path, &handler);
}
