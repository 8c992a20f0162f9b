/* SPDX-License-Identifier: ISC */
/* A call's record, made from the call and its legs; and the words for causes (ITU-T Q.850) and
 * statuses (RFC 3398 section 7.2.4.1). */
#include <string.h>

#include "featured/call/call.h"

const char *
cdr_cause_text(uint8_t q850)
{
	static const struct {
		uint8_t q850;
		const char *text;
	} table[] = {
		{ 1, "unallocated number" },
		{ 16, "normal clearing" },
		{ 17, "user busy" },
		{ 18, "no user responding" },
		{ 19, "no answer" },
		{ 20, "subscriber absent" },
		{ 21, "call rejected" },
		{ 22, "number changed" },
		{ 26, "answered elsewhere" },
		{ 27, "destination out of order" },
		{ 28, "address incomplete" },
		{ 31, "normal unspecified" },
		{ 34, "no circuit available" },
		{ 38, "network out of order" },
		{ 41, "temporary failure" },
		{ 42, "switching equipment congestion" },
		{ 47, "resource unavailable" },
		{ 57, "bearer capability not authorized" },
		{ 79, "service not implemented" },
		{ 88, "incompatible destination" },
		{ 102, "recovery on timer expiry" },
		{ 111, "protocol error" },
		{ 127, "interworking" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].q850 == q850)
			return table[i].text;
	return "normal unspecified";
}

uint8_t
cdr_q850_of_status(uint16_t status)
{
	switch (status) {
	case 200:
	case 487:
		return 16;
	case 404:
	case 604:
		return 1;
	case 410:
		return 22;
	case 408:
		return 102;
	case 480:
		return 18;
	case 401:
	case 402:
	case 403:
	case 407:
	case 603:
		return 21;
	case 484:
		return 28;
	case 486:
	case 600:
		return 17;
	case 415:
	case 488:
	case 606:
		return 88;
	case 501:
		return 79;
	case 503:
		return 42;
	case 504:
		return 102;
	case 500:
		return 41;
	case 502:
		return 38;
	default:
		return 127;
	}
}

/* The callee of the record: who was talked to, else the first one that was tried. */
static const struct leg *
callee_leg(const struct core *core, const struct call *call)
{
	const struct leg *leg = call->r.callee != 0 ? leg_find(core, call->r.callee) : NULL;

	if (leg != NULL)
		return leg;
	TAILQ_FOREACH(leg, &call->legs, next)
	if (leg->r.id != call->r.caller)
		return leg;
	return NULL;
}

void
cdr_fill(const struct core *core, const struct call *call, struct cdr *cdr)
{
	const struct leg *caller = call_caller(core, call), *callee = callee_leg(core, call);
	const struct call_rec *r = &call->r;

	memset(cdr, 0, sizeof(*cdr));
	cdr->call = r->id;
	str_copy(cdr->from, sizeof(cdr->from), r->from);
	str_copy(cdr->from_name, sizeof(cdr->from_name), r->from_name);
	str_copy(cdr->to, sizeof(cdr->to), r->to);
	str_copy(cdr->user_agent, sizeof(cdr->user_agent), r->user_agent);
	str_copy(cdr->sip_call_id, sizeof(cdr->sip_call_id), r->sip_call_id);
	str_copy(cdr->answered_by, sizeof(cdr->answered_by), r->answered_by);
	str_copy(cdr->transferred_by, sizeof(cdr->transferred_by), r->parker);
	str_copy(cdr->transferred_to, sizeof(cdr->transferred_to), r->transferred_to);
	cdr->start_ms = r->start_ms;
	cdr->answer_ms = r->answer_ms;
	cdr->end_ms = r->end_ms;
	cdr->disposition = r->disposition;
	cdr->status = r->status;
	cdr->q850 = r->q850;
	cdr->hangup_by = r->hangup_by;
	str_copy(cdr->recording_file, sizeof(cdr->recording_file), r->recording);
	str_copy(cdr->hangup_cause, sizeof(cdr->hangup_cause), r->cause);
	if (caller != NULL)
		cdr->caller = caller->r.figures;
	if (callee != NULL)
		cdr->callee = callee->r.figures;
	if (r->ending)
		cdr->trace = ckpt_tail(core->calls_ck, call->slot);
}
