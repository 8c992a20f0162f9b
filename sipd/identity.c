/* SPDX-License-Identifier: ISC */
/* See identity.h: what requests say about identity, and the headers that say it to phones. */
#include "sipd/sipd.h"

#include <sofia-sip/msg_header.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/identity.h"
#include "sipd/leg.h"
#include "sipd/session_timer.h"
#include "sipd/to_featured.h"


/*
 * What came in.
 */

/* All values of a header that sofia does not know, joined by commas; control characters become
 * blanks. What does not fit is left out from a whole header on. */
static void
gather(char *out, size_t size, const sip_t *sip, const char *name)
{
	size_t n = 0, len;

	out[0] = '\0';
	for (const sip_unknown_t *u = sip->sip_unknown; u != NULL; u = u->un_next) {
		if (u->un_name == NULL || u->un_value == NULL || !str_ieq(u->un_name, name))
			continue;
		len = strlen(u->un_value);
		if (n + len + 3 > size)
			return;
		n += (size_t)snprintf(out + n, size - n, "%s%s", n > 0 ? ", " : "", u->un_value);
	}
	for (char *p = out; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
}

static bool
withheld(const sip_t *sip)
{
	static const char *const wishes[] = { "id", "user", "header" };
	const url_t *from = sip->sip_from->a_url;
	char party[256];

	if (sip->sip_privacy != NULL)
		for (const msg_param_t *v = sip->sip_privacy->priv_values; v != NULL && *v != NULL;
		     v++)
			for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
				if (str_ieq(*v, wishes[i]))
					return true;
	if ((from->url_user != NULL && str_ieq(from->url_user, "anonymous")) ||
	    (from->url_host != NULL && str_ieq(from->url_host, "anonymous.invalid")))
		return true;
	gather(party, sizeof(party), sip, "Remote-Party-ID");
	return strstr(party, "privacy=full") != NULL || strstr(party, "privacy=uri") != NULL;
}

void
identity_of_request(struct msg_leg_offered *m, const sip_t *sip)
{
	unsigned by_diversion, by_history;

	gather(m->diversion, sizeof(m->diversion), sip, "Diversion");
	gather(m->history, sizeof(m->history), sip, "History-Info");
	m->withheld = withheld(sip);
	by_diversion = identity_entries(m->diversion, "counter", false);
	by_history = identity_entries(m->history, "cause", true);
	m->diversions = (uint8_t)(by_diversion > by_history ? by_diversion : by_history);
}

/*
 * What goes out.
 */

static void
add(char *out, size_t size, const char *header, const char *value)
{
	size_t n = strlen(out);

	if (value[0] == '\0')
		return;
	if (!str_format(out + n, size - n, "%s%s: %s", n > 0 ? "\r\n" : "", header, value))
		out[n] = '\0';
}

static void
party(char *out, size_t size, const char *user, const char *name, const char *domain,
    const char *side, unsigned headers)
{
	char shown[300], uri[400], value[800];

	if (user[0] == '\0')
		return;
	identity_print_name(shown, sizeof(shown), name);
	identity_print_uri(uri, sizeof(uri), user, domain);
	str_format(value, sizeof(value), "%s<%s>", shown, uri);
	if ((headers & SIP_PARTY_PAI) != 0)
		add(out, size, "P-Asserted-Identity", value);
	str_format(value, sizeof(value), "%s<%s>;party=%s;screen=yes;privacy=off", shown, uri, side);
	if ((headers & SIP_PARTY_RPID) != 0)
		add(out, size, "Remote-Party-ID", value);
}

void
identity_of_dial(char *out, size_t size, const struct msg_leg_dial *m)
{
	const char *domain = m->to_domain[0] != '\0' ? m->to_domain : "warden";
	char value[2048];

	out[0] = '\0';
	party(out, size, m->party_user, m->party_name, domain, "calling", m->party_headers);
	if (m->withheld)
		add(out, size, "Privacy", "id");
	identity_diversion(value, sizeof(value), m->diverted, m->diversion, domain);
	add(out, size, "Diversion", value);
	identity_history(value, sizeof(value), m->diverted, m->history, m->to_user, domain);
	add(out, size, "History-Info", value);
	if (!m->auto_answer)
		return;
	/* Snom, Yealink, Grandstream and Polycom each know one of these; RFC 5373 the last. */
	str_format(value, sizeof(value), "<sip:%s>;answer-after=0", domain);
	add(out, size, "Call-Info", value);
	add(out, size, "Alert-Info", "<http://www.notused.com>;info=alert-autoanswer;delay=0");
	add(out, size, "Alert-Info", "Ring Answer");
	add(out, size, "Answer-Mode", "Auto");
}

/* The domain that the far end knows us by: of its To, or of our From. */
static void
own_domain(char *out, size_t size, const struct leg *leg)
{
	const char *at = strrchr(leg->id_text.local, '@');

	str_copy(out, size, "warden");
	if (at == NULL || at[1] == '\0')
		return;
	at++;
	if (strcspn(at, ">;? ") > 0)
		str_ncopy(out, size, at, strcspn(at, ">;? "));
}

void
identity_of_party(char *out, size_t size, const struct leg *leg, const char *user,
    const char *name, unsigned headers)
{
	char domain[128];

	out[0] = '\0';
	own_domain(domain, sizeof(domain), leg);
	party(out, size, user, name, domain, leg->incoming ? "called" : "calling", headers);
}

void
identity_keep(struct leg *leg, const char *headers)
{
	free(leg->party);
	leg->party = headers[0] != '\0' ? mem_strdup(headers) : NULL;
}

void
identity_changed(struct leg *leg, const struct msg_leg_party *m)
{
	char text[IDENTITY_PARTY_MAX];

	if (leg->phase != PHASE_UP)
		return;
	identity_of_party(text, sizeof(text), leg, m->user, m->name, m->headers);
	if (text[0] == '\0' || (leg->party != NULL && strcmp(leg->party, text) == 0))
		return;
	identity_keep(leg, text);
	session_timer_tell(leg);
}
