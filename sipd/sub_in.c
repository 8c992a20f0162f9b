/* SPDX-License-Identifier: ISC */
/*
 * SUBSCRIBE: a new one is read and featured is asked (who is it, may it, which topics); one inside
 * its dialog refreshes or ends the subscription here, without a question, as a re-INVITE would be:
 * who knows the dialog's tags was let in when it began, and lamps go on while featured is away.
 */
#include "sipd/sub.h"

#include "sipd/sub_in.h"

#include <string.h>

#include "common/base/ckpt.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/asked.h"
#include "sipd/auth.h"
#include "sipd/dialog.h"
#include "sipd/nat.h"
#include "sipd/stack.h"

#define FETCH_MS 5000 /* a subscription of no length waits so long for its document */

/* A new one while featured is asked. */
struct ask {
	struct asked a;
	struct sub *sub;
	uint32_t remote_cseq;
	char tag[DIALOG_TAG_LEN + 1];
};

static void
finish(struct ask *ask)
{
	asked_end(&ask->a);
	if (ask->sub != NULL)
		sub_free(ask->sub);
	free(ask);
}

static void
answer_ok(nta_incoming_t *irq, const struct sub *sub, uint32_t expires_s)
{
	char expires[16];

	str_format(expires, sizeof(expires), "%u", expires_s);
	nta_incoming_treply(irq, SIP_200_OK, SIPTAG_EXPIRES_STR(expires),
	    SIPTAG_CONTACT_STR(sub->id_text.contact), SIPTAG_SERVER(sipd.server),
	    TAG_IF(sub->list, SIPTAG_REQUIRE_STR("eventlist")),
	    SIPTAG_ALLOW_EVENTS(sipd.allow_events), TAG_END());
}

static void
refuse(struct ask *ask, int status, const char *phrase)
{
	nta_incoming_t *irq = asked_take(&ask->a);

	if (irq != NULL)
		nta_incoming_treply(irq, status, phrase, SIPTAG_SERVER(sipd.server), TAG_END());
}

/* It might have become a list, and has not. */
static bool
one_watch(struct sub *sub)
{
	struct watch *one = mem_new(sizeof(*one));

	if (one == NULL || sub->nwatches > 0) {
		free(one);
		return false;
	}
	free(sub->watches);
	sub->watches = one;
	return true;
}

static void
accepted(struct ask *ask, const struct msg_sub_accepted *m)
{
	struct sub *sub = ask->sub;
	nta_incoming_t *irq;

	sub->min_s = m->min_s;
	sub->max_s = m->max_s;
	sub->expires_at = clock_mono_ms() + (uint64_t)m->expires_s * 1000;
	sub->list = m->topic == 0;
	sub->full = sub->list;
	if (!sub_add(sub, m->watcher) ||
	    (!sub->list && (!one_watch(sub) || !sub_watch(sub, m->topic, m->user, NULL))) ||
	    sub_dialog_make(sub, ask->remote_cseq) < 0) {
		refuse(ask, SIP_503_SERVICE_UNAVAILABLE);
		return;
	}
	if (!sub_store(sub)) {
		sipd.count.unsaved++;
		refuse(ask, 500, "Headers Too Long Or Too Many Subscriptions");
		return;
	}
	if ((irq = asked_take(&ask->a)) == NULL)
		return;
	nta_incoming_tag(irq, ask->tag);
	answer_ok(irq, sub, m->expires_s);
	ask->sub = NULL; /* the table's now */
	sub->force = true;
	if (m->expires_s == 0) {
		sub->fetch = true;
		sub->expires_at = clock_mono_ms() + FETCH_MS;
		sub_end(sub, "timeout");
		return;
	}
	sub_kick(sub);
}

static void
member(struct ask *ask, const struct msg_sub_member *m)
{
	struct sub *sub = ask->sub;

	if (sub->watches == NULL || sub->nwatches >= SUB_MEMBERS_MAX)
		return;
	sub_watch(sub, m->topic, m->user, m->name);
}

static void
on_reply(void *arg, const struct ipc_msg *reply)
{
	struct ask *ask = arg;

	switch (reply->type) {
	case MSG_sub_member:
		member(ask, reply->body);
		return;
	case MSG_sub_accepted:
		accepted(ask, reply->body);
		break;
	case MSG_watch_challenge:
		asked_watch_challenge(&ask->a, reply->body);
		break;
	case MSG_watch_too_brief:
		asked_too_brief(&ask->a,
		    ((const struct msg_watch_too_brief *)reply->body)->min_expires_s);
		break;
	case MSG_error:
		asked_failed(&ask->a, reply->body);
		break;
	default: {
		struct msg_error e = { .status = 500 };

		if (reply->flags & IPC_MORE)
			return;
		log_error("unexpected reply to sub_request", kv_u("type", reply->type));
		asked_failed(&ask->a, &e);
		break;
	}
	}
	finish(ask);
}

/* Fills the request. Returns 0 or the status to refuse with. */
static int
read_request(struct msg_sub_request *r, const sip_t *sip)
{
	if (sip->sip_event == NULL || sip->sip_event->o_type == NULL)
		return 489; /* RFC 6665 section 4.2.1.1: 489, also when there is none */
	if (!str_copy(r->event, sizeof(r->event), sip->sip_event->o_type))
		return 489;
	if (!asked_users(r->to_user, r->from_user, sip))
		return 404;
	r->expires_s = asked_expires(sip);
	r->lists = sip_has_feature(sip->sip_supported, "eventlist") ||
	    sip_has_feature((const sip_supported_t *)sip->sip_require, "eventlist");
	asked_source(r->source, &r->transport, sip);
	asked_agent(r->user_agent, sip);
	return auth_of_subscribe(r, sip) ? 0 : 400;
}

/* "1" of Event: dialog;id=1, what a header may hold alone. */
static bool
event_id_ok(const char *id)
{
	return strlen(id) <= 64 &&
	    id[strspn(id,
	        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	        "0123456789-.!%*_+`'~")] == '\0';
}

static struct sub *
make_sub(struct ask *ask, const struct msg_sub_request *r, const msg_t *msg, const sip_t *sip)
{
	struct sub *sub = sub_new();
	const char *id = sip->sip_event->o_id != NULL ? sip->sip_event->o_id : "";
	const char *host = sip->sip_request->rq_url->url_host;

	if (sub == NULL)
		return NULL;
	id_text(ask->tag, DIALOG_TAG_LEN);
	if ((sub->event = mem_strdup(r->event)) == NULL ||
	    (sub->event_id = mem_strdup(event_id_ok(id) ? id : "")) == NULL ||
	    (sub->host = mem_strdup(host != NULL ? host : "")) == NULL ||
	    (sub->user = mem_strdup(r->to_user)) == NULL ||
	    (sub->watches = mem_new((r->lists ? SUB_MEMBERS_MAX : 1) * sizeof(*sub->watches))) ==
	        NULL ||
	    sub_dialog_of(sub, msg, sip, ask->tag) < 0) {
		sub_free(sub);
		return NULL;
	}
	return sub;
}

void
sub_in_new(msg_t *msg, sip_t *sip)
{
	struct msg_sub_request r = { 0 };
	struct ask *ask;
	int status;

	if (!asked_may_user(msg, sip, "eventlist"))
		return;
	if ((status = read_request(&r, sip)) == 489) {
		nta_msg_treply(sipd.agent, msg, SIP_489_BAD_EVENT,
		    SIPTAG_ALLOW_EVENTS(sipd.allow_events), SIPTAG_SERVER(sipd.server), TAG_END());
		return;
	}
	if (status == 0 && (sip->sip_contact == NULL || !dialog_uris_ok(sip)))
		status = 400;
	if (status != 0) {
		sipd.count.bad++;
		stack_refuse(msg, status,
		    status == 400 ? "Bad Contact, Record-Route or Credentials" : NULL, 0);
		return;
	}
	if ((ask = mem_new(sizeof(*ask))) == NULL ||
	    (ask->sub = make_sub(ask, &r, msg, sip)) == NULL) {
		free(ask);
		stack_refuse(msg, SIP_500_INTERNAL_SERVER_ERROR, ASKED_RETRY_AFTER_S);
		return;
	}
	r.sub = ask->sub->id;
	ask->remote_cseq = sip->sip_cseq->cs_seq;
	if (!asked_begin(&ask->a, msg, sip, r.auth_present)) {
		finish(ask);
		return;
	}
	if (!asked_send(&ask->a, MSG_sub_request, &r, on_reply, ask))
		finish(ask);
}

/*
 * Inside the dialog.
 */

static void
refresh(struct sub *sub, nta_incoming_t *irq, const sip_t *sip)
{
	uint32_t s = asked_expires(sip);
	char min[16];

	if (sub->ending != NULL || sub->gone) {
		stack_answer(irq, SIP_481_NO_TRANSACTION);
		return;
	}
	if (sip->sip_event == NULL || sip->sip_event->o_type == NULL ||
	    !str_ieq(sip->sip_event->o_type, sub->event)) {
		/* RFC 6665 allows no second subscription in a dialog. */
		nta_incoming_treply(irq, SIP_489_BAD_EVENT, SIPTAG_ALLOW_EVENTS(sipd.allow_events),
		    SIPTAG_SERVER(sipd.server), TAG_END());
		nta_incoming_destroy(irq);
		return;
	}
	if (s == UINT32_MAX || s > sub->max_s)
		s = sub->max_s;
	if (s > 0 && s < sub->min_s) {
		str_format(min, sizeof(min), "%u", sub->min_s);
		nta_incoming_treply(irq, SIP_423_INTERVAL_TOO_BRIEF, SIPTAG_MIN_EXPIRES_STR(min),
		    SIPTAG_SERVER(sipd.server), TAG_END());
		nta_incoming_destroy(irq);
		return;
	}
	sub_dialog_refresh(sub, sip);
	sub->expires_at = clock_mono_ms() + (uint64_t)s * 1000;
	sub->retry_at = 0;
	sub->failures = 0;
	sub->force = true;
	sub->full = sub->list;
	for (unsigned i = 0; sub->list && i < sub->nwatches; i++)
		sub->watches[i].sent = 0;
	if (s > 0)
		sub_store(sub);
	answer_ok(irq, sub, s);
	nta_incoming_destroy(irq);
	if (s == 0)
		sub_end(sub, "timeout");
	else
		sub_kick(sub);
}

int
sub_in_dialog(struct sub *sub, nta_leg_t *dialog, nta_incoming_t *irq, const sip_t *sip)
{
	(void)dialog;
	sub->busy = true;
	if (sub->slot != CKPT_NONE)
		ckpt_enter(sipd.subs->ck, sub->slot);
	switch (sip->sip_request->rq_method) {
	case sip_method_subscribe:
		sipd.count.requests[sip_method_subscribe]++;
		refresh(sub, irq, sip);
		break;
	case sip_method_options:
		stack_options(irq);
		break;
	default: /* a number of sofia's, not an enum of ours */
		nta_incoming_treply(irq, SIP_405_METHOD_NOT_ALLOWED, SIPTAG_ALLOW_STR("SUBSCRIBE"),
		    SIPTAG_SERVER(sipd.server), TAG_END());
		nta_incoming_destroy(irq);
		break;
	}
	ckpt_leave(sipd.subs->ck);
	sub->busy = false;
	sub_reap(sub);
	return 0;
}
