/* SPDX-License-Identifier: ISC */
/* PUBLISH: the document is read here, featured hears what it means. Entity tags are featured's. */
#include "sipd/publish.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/asked.h"
#include "sipd/auth.h"
#include "sipd/nat.h"
#include "sipd/pidf.h"
#include "sipd/stack.h"

struct ask {
	struct asked a;
};

static void
accepted(struct ask *ask, const struct msg_publish_accepted *m)
{
	nta_incoming_t *irq = asked_take(&ask->a);
	char expires[16];

	str_format(expires, sizeof(expires), "%u", m->expires_s);
	if (irq != NULL)
		nta_incoming_treply(irq, SIP_200_OK, SIPTAG_EXPIRES_STR(expires),
		    TAG_IF(m->etag[0] != '\0', SIPTAG_ETAG_STR(m->etag)),
		    SIPTAG_SERVER(sipd.server), TAG_END());
}

static void
on_reply(void *arg, const struct ipc_msg *reply)
{
	struct ask *ask = arg;

	switch (reply->type) {
	case MSG_publish_accepted:
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
	default:
		log_error("unexpected reply to publish_request", kv_u("type", reply->type));
		asked_failed(&ask->a, &(struct msg_error){ .status = 500 });
		break;
	}
	asked_end(&ask->a);
	free(ask);
}

static int
read_body(struct msg_publish_request *r, const sip_t *sip)
{
	const sip_payload_t *pl = sip->sip_payload;
	const sip_content_type_t *c = sip->sip_content_type;
	struct pidf pidf;
	int status;

	if (pl == NULL || pl->pl_data == NULL || pl->pl_len == 0)
		return r->etag[0] != '\0' ? 0 : 400; /* a refresh or a removal names what */
	if (c == NULL || c->c_type == NULL || !str_ieq(c->c_type, "application/pidf+xml"))
		return 415;
	if ((status = pidf_read(&pidf, pl->pl_data, pl->pl_len)) != 0)
		return status;
	r->status = pidf.status;
	str_copy(r->note, sizeof(r->note), pidf.note);
	return 0;
}

static int
read_request(struct msg_publish_request *r, const sip_t *sip)
{
	if (sip->sip_event == NULL || sip->sip_event->o_type == NULL ||
	    !str_ieq(sip->sip_event->o_type, "presence"))
		return 489;
	str_copy(r->event, sizeof(r->event), "presence");
	if (!asked_users(r->to_user, r->from_user, sip))
		return 404;
	if (sip->sip_if_match != NULL &&
	    !str_copy(r->etag, sizeof(r->etag), sip->sip_if_match->g_string))
		return 412; /* longer than any of ours */
	r->expires_s = asked_expires(sip);
	asked_source(r->source, &r->transport, sip);
	if (!auth_of_publish(r, sip))
		return 400;
	return read_body(r, sip);
}

void
publish_new(msg_t *msg, sip_t *sip)
{
	struct msg_publish_request r = { 0 };
	struct ask *ask;
	int status;

	if (!asked_may_user(msg, sip, NULL))
		return;
	if ((status = read_request(&r, sip)) != 0) {
		sipd.count.bad++;
		nta_msg_treply(sipd.agent, msg, status, NULL, SIPTAG_SERVER(sipd.server),
		    TAG_IF(status == 489, SIPTAG_ALLOW_EVENTS_STR("presence")),
		    TAG_IF(status == 415, SIPTAG_ACCEPT_STR("application/pidf+xml")), TAG_END());
		return;
	}
	if ((ask = mem_new(sizeof(*ask))) == NULL) {
		stack_refuse(msg, SIP_500_INTERNAL_SERVER_ERROR, ASKED_RETRY_AFTER_S);
		return;
	}
	if (!asked_begin(&ask->a, msg, sip, r.auth_present)) {
		free(ask);
		return;
	}
	if (!asked_send(&ask->a, MSG_publish_request, &r, on_reply, ask))
		free(ask);
}
