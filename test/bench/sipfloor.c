/* SPDX-License-Identifier: ISC */
/*
 * sipfloor: the least that a call through two SIP dialogs costs with this SIP library on this machine, now. A
 * back-to-back user agent in one process and one thread, on sofia's nta layer: an INVITE makes another one, answers
 * and BYE pass through, SDP as it is. It asks nobody, keeps nothing, knows no user: every call goes to one address.
 * test/bench/run drives it with the same load as the suite and in the same run, so that a call's cost can be told
 * as a ratio: of absolute figures a machine makes what it likes.
 *
 *   sipfloor LISTEN-PORT TO-PORT	both on 127.0.0.1, UDP; until SIGTERM
 */
struct call;
struct side;
#define NTA_LEG_MAGIC_T      struct side
#define NTA_INCOMING_MAGIC_T struct call
#define NTA_OUTGOING_MAGIC_T struct call
#define NTA_AGENT_MAGIC_T    void
#define SU_ROOT_MAGIC_T      void
#include "test/bench/floor.h"

struct side {
	struct call	*call;
	nta_leg_t	*leg;
};

struct call {
	struct side	 in, out;
	nta_incoming_t	*invite;	/* the caller's */
	nta_outgoing_t	*branch;	/* ours */
	nta_incoming_t	*bye;
};

static int to_port;
static char contact[64];

static void
call_free(struct call *c)
{
	if (c->invite != NULL)
		nta_incoming_destroy(c->invite);
	if (c->branch != NULL)
		nta_outgoing_destroy(c->branch);
	if (c->in.leg != NULL)
		nta_leg_destroy(c->in.leg);
	if (c->out.leg != NULL)
		nta_leg_destroy(c->out.leg);
	free(c);
}

/* The other side's answer to our BYE. */
static int
bye_answered(struct call *c, nta_outgoing_t *orq, const sip_t *sip)
{
	if (sip != NULL && sip->sip_status->st_status < 200)
		return 0;
	nta_incoming_treply(c->bye, SIP_200_OK, TAG_END());
	nta_incoming_destroy(c->bye);
	nta_outgoing_destroy(orq);
	call_free(c);
	return 0;
}

static int
in_dialog(struct side *side, nta_leg_t *leg, nta_incoming_t *irq, const sip_t *sip)
{
	struct call *c = side->call;
	struct side *other = side == &c->in ? &c->out : &c->in;

	(void)leg;
	if (sip->sip_request->rq_method == sip_method_ack)
		return 0;
	if (sip->sip_request->rq_method != sip_method_bye || c->bye != NULL)
		return 501;
	c->bye = irq;
	if (nta_outgoing_tcreate(other->leg, bye_answered, c, NULL, SIP_METHOD_BYE, NULL, TAG_END()) == NULL)
		return 500;
	return 0;
}

static int
acked(struct call *c, nta_incoming_t *irq, const sip_t *sip)
{
	(void)c;
	(void)irq;
	(void)sip;
	return 0;
}

static int
answered(struct call *c, nta_outgoing_t *orq, const sip_t *sip)
{
	int status = sip != NULL ? sip->sip_status->st_status : 408;
	nta_outgoing_t *ack;

	if (status == 100)
		return 0;
	if (status >= 200 && status < 300) {
		sip_cseq_t cseq[1];

		*cseq = *sip->sip_cseq;
		cseq->cs_method = sip_method_ack;
		cseq->cs_method_name = "ACK";
		nta_leg_rtag(c->out.leg, sip->sip_to->a_tag);
		nta_leg_client_route(c->out.leg, sip->sip_record_route, sip->sip_contact);
		ack = nta_outgoing_tcreate(c->out.leg, NULL, NULL, NULL, SIP_METHOD_ACK, NULL, SIPTAG_CSEQ(cseq),
		    NTATAG_ACK_BRANCH(nta_outgoing_branch(orq)), TAG_END());
		if (ack != NULL)
			nta_outgoing_destroy(ack);
	}
	nta_incoming_treply(c->invite, status, sip != NULL ? sip->sip_status->st_phrase : NULL,
	    SIPTAG_CONTACT_STR(contact), TAG_IF(sip != NULL && sip->sip_payload != NULL, SIPTAG_CONTENT_TYPE(sip != NULL ? sip->sip_content_type : NULL)),
	    TAG_IF(sip != NULL && sip->sip_payload != NULL, SIPTAG_PAYLOAD(sip != NULL ? sip->sip_payload : NULL)), TAG_END());
	if (status >= 300)
		call_free(c);
	return 0;
}

static int
outside(struct side *none, nta_leg_t *leg, nta_incoming_t *irq, const sip_t *sip)
{
	struct call *c;
	char uri[96], from[96], to[100];

	(void)none;
	(void)leg;
	if (sip->sip_request->rq_method != sip_method_invite || sip->sip_contact == NULL)
		return sip->sip_request->rq_method == sip_method_ack ? 0 : 481;
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return 500;
	c->in.call = c->out.call = c;
	c->invite = irq;
	snprintf(uri, sizeof(uri), "sip:%.32s@127.0.0.1:%d", sip->sip_request->rq_url->url_user, to_port);
	snprintf(from, sizeof(from), "<sip:%.32s@127.0.0.1>", sip->sip_from->a_url->url_user);
	snprintf(to, sizeof(to), "<%s>", uri);
	c->in.leg = nta_leg_tcreate(agent, in_dialog, &c->in, SIPTAG_CALL_ID(sip->sip_call_id), SIPTAG_FROM(sip->sip_to),
	    SIPTAG_TO(sip->sip_from), TAG_END());
	c->out.leg = nta_leg_tcreate(agent, in_dialog, &c->out, SIPTAG_FROM_STR(from), SIPTAG_TO_STR(to), TAG_END());
	if (c->in.leg == NULL || c->out.leg == NULL)
		abort();
	nta_leg_tag(c->in.leg, nta_incoming_tag(irq, NULL));
	nta_leg_tag(c->out.leg, NULL);
	nta_leg_server_route(c->in.leg, sip->sip_record_route, sip->sip_contact);
	nta_incoming_bind(irq, acked, c);
	nta_incoming_treply(irq, SIP_100_TRYING, TAG_END());
	c->branch = nta_outgoing_tcreate(c->out.leg, answered, c, (url_string_t *)uri, SIP_METHOD_INVITE,
	    (url_string_t *)uri, SIPTAG_CONTACT_STR(contact), SIPTAG_CONTENT_TYPE(sip->sip_content_type),
	    SIPTAG_PAYLOAD(sip->sip_payload), TAG_END());
	if (c->branch == NULL)
		abort();
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc != 3) {
		fputs("usage: sipfloor LISTEN-PORT TO-PORT\n", stderr);
		return 2;
	}
	to_port = atoi(argv[2]);
	snprintf(contact, sizeof(contact), "<sip:127.0.0.1:%d>", atoi(argv[1]));
	floor_open(atoi(argv[1]), outside);
	floor_run("");
	return 0;
}
