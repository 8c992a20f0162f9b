/* SPDX-License-Identifier: ISC */
/*
 * NOTIFY: composing and sending one, and what its answer means for the subscription. Called by
 * sub.c, which says when; stores before it sends.
 */
#include "sipd/sub.h"

#include <string.h>

#include "common/base/ckpt.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/dialog.h"
#include "sipd/doc.h"

#define BODY_MAX      60000 /* of any NOTIFY */
#define PACKET_BODY   1000  /* beyond it a message may not fit a packet: RFC 3261 section 18.1.1 */
#define STREAM_BODY   40000 /* of one NOTIFY of a list, by TCP */
#define FAILURES_MAX  5
#define RETRY_MS      1000 /* doubled each time */
#define LIST_TYPE                                                                                  \
	"multipart/related;type=\"application/rlmi+xml\";start=\"<list@%s>\";"                     \
	"boundary=\"" DOC_BOUNDARY "\""

static void
dialog_attributes(struct buf *out, uint64_t id)
{
	if (leg_find(id) != NULL)
		doc_dialog(out, id);
}

/* The members whose documents go into this NOTIFY, as many as fit budget; a full one names all. */
static void
compose_list(struct sub *sub, struct buf *out, const struct doc_holes *holes, size_t budget)
{
	struct doc_member *m = mem_new((sub->nwatches + 1) * sizeof(*m));
	struct ipc_view *bodies = mem_new((sub->nwatches + 1) * sizeof(*bodies));
	size_t n = 0, used = 0;

	for (unsigned i = 0; m != NULL && bodies != NULL && i < sub->nwatches; i++) {
		struct watch *w = &sub->watches[i];
		const struct topic *t = w->topic;
		bool news = t->hash != 0 && t->hash != w->sent &&
		    (used == 0 || used + t->body.len <= budget);

		if (!news && !sub->full)
			continue;
		m[n] = (struct doc_member){ .user = t->user, .name = w->name, .number = i };
		if (news) {
			used += t->body.len;
			bodies[n] = (struct ipc_view){ t->body.p, t->body.len };
			m[n].body = &bodies[n];
			m[n].content_type = t->content_type;
			w->sending = t->hash;
		}
		n++;
	}
	if (m != NULL && bodies != NULL)
		doc_list(out, sub->user, sub->full, m, n, holes);
	free(m);
	free(bodies);
}

/* type: size bytes. */
static void
compose(struct sub *sub, struct buf *out, char *type, size_t size)
{
	const struct doc_holes holes = {
		.version = sub->version, .host = sub->host, .dialog = dialog_attributes
	};
	const struct topic *t;
	struct ipc_view body;

	type[0] = '\0';
	for (unsigned i = 0; i < sub->nwatches; i++)
		sub->watches[i].sending = 0;
	if (sub->list) {
		str_format(type, size, LIST_TYPE, sub->host);
		compose_list(sub, out, &holes,
		    sub->transport == SIP_TRANSPORT_UDP ? PACKET_BODY / 2 : STREAM_BODY);
		return;
	}
	t = sub->nwatches == 1 ? sub->watches[0].topic : NULL;
	if (t == NULL || t->hash == 0)
		return;
	body = (struct ipc_view){ t->body.p, t->body.len };
	str_copy(type, size, t->content_type);
	doc_fill(out, &body, &holes);
	sub->watches[0].sending = t->hash;
}

static bool
is_final(int status)
{
	return status == 404 || status == 405 || status == 410 || status == 416 ||
	    (status >= 480 && status <= 485) || status == 489 || status == 501 || status == 604;
}

static void
arrived(struct sub *sub)
{
	sub->failures = 0;
	sub->retry_at = 0;
	for (unsigned i = 0; i < sub->nwatches; i++)
		if (sub->watches[i].sending != 0)
			sub->watches[i].sent = sub->watches[i].sending;
	sub_store(sub);
}

static void
failed(struct sub *sub, int status)
{
	sipd.count.notify_failures++;
	if (sub->by_tcp && (status == 408 || status == 503)) {
		sub->by_udp = true; /* in parts then, and not again by TCP */
		sub->force = true;
		sub->full = sub->list;
		return;
	}
	if (is_final(status) || ++sub->failures >= FAILURES_MAX) {
		log_limited(&sipd.noise, LL_INFO, "subscription ended by its phone",
		    kv_s("event", sub->event), kv_s("user", sub->user),
		    kv_s("watcher", sub->watcher->name), kv_i("status", status));
		sub->gone = true;
		return;
	}
	/*
	 * 408 and such say nothing about the subscription (RFC 5057): later, or when the phone
	 * asks.
	 */
	sub->force = true;
	sub->full = sub->list;
	sub->retry_at = clock_mono_ms() + ((uint64_t)RETRY_MS << sub->failures);
}

static int
on_response(struct sub *sub, nta_outgoing_t *orq, const sip_t *sip)
{
	int status = nta_outgoing_status(orq);

	(void)sip;
	if (status < 200)
		return 0;
	nta_outgoing_destroy(orq);
	sub->orq = NULL;
	sub->busy = true;
	if (sub->slot != CKPT_NONE)
		ckpt_enter(sipd.subs->ck, sub->slot);
	if (sub->ending != NULL)
		sub->gone = true;
	else if (status < 300)
		arrived(sub);
	else
		failed(sub, status);
	for (unsigned i = 0; i < sub->nwatches; i++)
		sub->watches[i].sending = 0;
	ckpt_leave(sipd.subs->ck);
	sub->busy = false;
	if (!sub->gone)
		sub_kick(sub);
	sub_reap(sub);
	return 0;
}

void
notify_send(struct sub *sub)
{
	struct buf body = BUF_INIT(BODY_MAX);
	char state[96], event[160], type[256];
	uint64_t now = clock_mono_ms();
	sip_payload_t payload[1];

	if (sub->ending != NULL)
		str_format(state, sizeof(state), "terminated;reason=%s", sub->ending);
	else
		str_format(state, sizeof(state), "active;expires=%u",
		    sub->expires_at > now ? (unsigned)((sub->expires_at - now) / 1000) : 0);
	str_format(event, sizeof(event), "%s%s%s", sub->event,
	    sub->event_id[0] != '\0' ? ";id=" : "", sub->event_id);
	compose(sub, &body, type, sizeof(type));
	if (body.failed) {
		log_error("document too big", kv_s("event", sub->event), kv_s("user", sub->user));
		body.len = 0;
	}
	sub->by_tcp = sub->transport == SIP_TRANSPORT_UDP && !sub->by_udp &&
	    body.len > PACKET_BODY && sub->id_text.route[0] == '\0' &&
	    sub->id_text.next_hop[0] == '\0';
	sip_payload_init(payload);
	payload->pl_data = body.data;
	payload->pl_len = body.len;
	sub->cseq++;
	if (body.len > 0)
		sub->version++;
	/* Until the answer is here nobody knows what the phone has. */
	for (unsigned i = 0; i < sub->nwatches; i++)
		if (sub->watches[i].sending != 0)
			sub->watches[i].sent = 0;
	sub->force = false;
	sub->full = false;
	sub_store(sub);
	sipd.count.notifies++;
	sub->orq = nta_outgoing_tcreate(sub->dialog, on_response, sub, sub_dialog_hop(sub),
	    SIP_METHOD_NOTIFY, NULL, DIALOG_BIND(sub), SIPTAG_EVENT_STR(event),
	    SIPTAG_SUBSCRIPTION_STATE_STR(state), SIPTAG_CONTACT_STR(sub->id_text.contact),
	    SIPTAG_USER_AGENT(sipd.user_agent), TAG_IF(sub->list, SIPTAG_REQUIRE_STR("eventlist")),
	    TAG_IF(body.len > 0, SIPTAG_CONTENT_TYPE_STR(type)),
	    TAG_IF(body.len > 0, SIPTAG_PAYLOAD(payload)), TAG_END());
	buf_free(&body);
	if (sub->orq == NULL) {
		log_limited(&sipd.noise, LL_WARNING, "cannot send NOTIFY", kv_x("sub", sub->id));
		if (sub->ending != NULL)
			sub->gone = true;
		else
			failed(sub, 503);
	}
}
