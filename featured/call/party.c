/* SPDX-License-Identifier: ISC */
/* See party.h. Used by leg_do.c for what goes to phones, and by whatever joins calls. */
#include "featured/call/party.h"

#include <string.h>

#include "featured/settings.h"

static uint8_t
headers(const struct core *core)
{
	switch ((enum identity_headers)core->settings->dialplan.identity_headers) {
	case IDENTITY_PAI:
		return SIP_PARTY_PAI;
	case IDENTITY_RPID:
		return SIP_PARTY_RPID;
	case IDENTITY_BOTH:
		return SIP_PARTY_PAI | SIP_PARTY_RPID;
	case IDENTITY_NONE:
		break;
	}
	return SIP_PARTY_NONE;
}

/* The party that is at the end of that leg; of a leg of another call too. */
static bool
party_at(const struct core *core, const struct leg *leg, struct party *out)
{
	const struct call_rec *call = &leg->call->r;
	const struct extension *ext = settings_extension(core->settings, leg->r.user);

	memset(out, 0, sizeof(*out));
	if (call->withheld && strcmp(leg->r.user, call->from) == 0)
		return false;
	str_copy(out->user, sizeof(out->user), leg->r.user);
	if (ext != NULL)
		str_copy(out->name, sizeof(out->name), ext->name);
	else if (strcmp(leg->r.user, call->from) == 0)
		str_copy(out->name, sizeof(out->name), call->from_name);
	out->headers = headers(core);
	return out->user[0] != '\0' && out->headers != 0;
}

bool
party_of(const struct core *core, const struct leg *leg, struct party *out)
{
	const struct call_rec *call = &leg->call->r;
	uint64_t other = leg->r.peer != 0 ? leg->r.peer
	    : leg->r.id == call->caller   ? call->callee
	                                  : call->caller;
	const struct leg *peer = other != 0 ? leg_find(core, other) : NULL;

	return peer != NULL && party_at(core, peer, out);
}

static void
print_one(const char *number, uint8_t reason, char *out, size_t size)
{
	size_t n = strlen(out);

	if (!str_format(out + n, size - n, "%s%s %s", n > 0 ? "," : "", number,
	        divert_reason_name(reason)))
		out[n] = '\0';
}

/* "1002 unconditional,1003 no-answer"; what does not fit is left out. */
static void
print_diverted(const struct leg *leg, char *out, size_t size)
{
	const struct call_rec *call = &leg->call->r;

	out[0] = '\0';
	for (uint8_t i = 0; i < call->diverted_n && i < CALL_DIVERTS_MAX; i++)
		print_one(call->diverted[i].number, call->diverted[i].reason, out, size);
	if (leg->r.deflected_by[0] != '\0')
		print_one(leg->r.deflected_by, DIVERT_PHONE, out, size);
}

void
party_dial(const struct core *core, struct leg *leg, struct msg_leg_dial *m)
{
	const struct call_rec *call = &leg->call->r;
	const char *domain = core->settings->server.domain;
	bool other = call->shown_from[0] != '\0' && strcmp(call->shown_from, call->from) != 0;
	const char *user = other ? call->shown_from : call->from,
	           *name = other ? call->shown_name : call->from_name;

	if (leg->r.late) {
		/* A leg that the API rings to become the caller sees whom it will talk to. */
		str_copy(m->from_user, sizeof(m->from_user), call->to);
		str_copy(m->from_domain, sizeof(m->from_domain), domain);
		return;
	}
	print_diverted(leg, m->diverted, sizeof(m->diverted));
	str_copy(m->diversion, sizeof(m->diversion), call->diversion);
	str_copy(m->history, sizeof(m->history), call->history);
	if (call->withheld && !other) {
		m->withheld = 1;
		str_copy(m->from_user, sizeof(m->from_user), "anonymous");
		str_copy(m->from_name, sizeof(m->from_name), "Anonymous");
		str_copy(m->from_domain, sizeof(m->from_domain), "anonymous.invalid");
		return;
	}
	str_copy(leg->party_told, sizeof(leg->party_told), user);
	str_copy(m->from_user, sizeof(m->from_user), user);
	str_copy(m->from_name, sizeof(m->from_name), name);
	str_copy(m->from_domain, sizeof(m->from_domain), domain);
	m->party_headers = headers(core);
	if (m->party_headers != 0) {
		str_copy(m->party_user, sizeof(m->party_user), user);
		str_copy(m->party_name, sizeof(m->party_name), name);
	}
}

void
party_changed(struct core *core, struct leg *leg)
{
	struct msg_leg_party m = { .leg = leg->r.id };
	struct party party;

	if (!leg_is_up(leg) || !party_of(core, leg, &party) ||
	    strcmp(leg->party_told, party.user) == 0)
		return;
	str_copy(leg->party_told, sizeof(leg->party_told), party.user);
	str_copy(m.user, sizeof(m.user), party.user);
	str_copy(m.name, sizeof(m.name), party.name);
	m.headers = party.headers;
	trace_add(core, leg->call, "sip", "party", "leg=%016llx talks to %s",
	    (unsigned long long)leg->r.id, party.user);
	core_to_sipd(core, leg, MSG_leg_party, &m);
}
