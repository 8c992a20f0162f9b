/* SPDX-License-Identifier: ISC */
/*
 * The dialog of a subscription (RFC 6665 section 4.5): made by a SUBSCRIBE, refreshed by the next
 * ones, made again after a restart. Called by sub_in.c and sub_store.c.
 */
#include "sipd/sub.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/dialog.h"
#include "sipd/nat.h"

#define TEXT_MAX 2048

static bool
set(char **field, char *text)
{
	if (text == NULL)
		return false;
	free(*field);
	*field = text;
	return true;
}

/* The Record-Route headers as the Route of our requests. */
static char *
route_text(const sip_record_route_t *rr)
{
	char text[TEXT_MAX];
	size_t len = 0;
	issize_t n;

	for (; rr != NULL; rr = rr->r_next) {
		if (len > 0 && len + 2 < sizeof(text)) {
			memcpy(text + len, ", ", 2);
			len += 2;
		}
		n = sip_header_field_e(text + len, sizeof(text) - len, (const sip_header_t *)rr, 0);
		if (n < 0 || len + (size_t)n >= sizeof(text))
			return NULL;
		len += (size_t)n;
	}
	text[len] = '\0';
	return mem_strdup(text);
}

static void
hop_of(char hop[URI_HOP_LEN], const sip_t *sip, uint8_t transport, const char *route)
{
	union addr source;

	hop[0] = '\0';
	if (route[0] == '\0' && nat_source(&source, sip) == 0 &&
	    nat_use_source(&source, sip->sip_contact->m_url, transport))
		nat_hop(hop, &source, transport);
}

int
sub_dialog_of(struct sub *sub, const msg_t *msg, const sip_t *sip, const char *to_tag)
{
	struct dialog_id *id = &sub->id_text;
	char to[TEXT_MAX], hop[URI_HOP_LEN], contact[URI_HOP_LEN + 2];
	issize_t n;

	if (sip->sip_contact == NULL || !dialog_uris_ok(sip))
		return -EINVAL;
	n = sip_header_field_e(to, sizeof(to), (const sip_header_t *)sip->sip_to, 0);
	if (n < 0 || (size_t)n + DIALOG_TAG_LEN + 6 >= sizeof(to))
		return -EMSGSIZE;
	str_format(to + n, sizeof(to) - (size_t)n, ";tag=%s", to_tag);
	sub->transport = nat_transport(sip->sip_via);
	sub->bind = nat_bind_of(msg);
	nat_contact(contact, sub->bind, sub->transport);
	if (!set(&id->route, route_text(sip->sip_record_route)))
		return -EMSGSIZE;
	hop_of(hop, sip, sub->transport, id->route);
	if (!set(&id->local, mem_strdup(to)) ||
	    !set(&id->remote, dialog_header_text(sip->sip_from)) ||
	    !set(&id->call_id, mem_strdup(sip->sip_call_id->i_id)) ||
	    !set(&id->target, dialog_url_text(sip->sip_contact->m_url)) ||
	    !dialog_id_came_by(id, hop) || !set(&id->contact, mem_strdup(contact)))
		return -EMSGSIZE;
	return 0;
}

int
sub_dialog_make(struct sub *sub, uint32_t remote_cseq)
{
	const struct dialog_id *id = &sub->id_text;
	su_home_t home[1] = { SU_HOME_INIT(home) };
	char cseq[24], text[TEXT_MAX + 2];
	sip_route_t *route = NULL;
	sip_contact_t *target;
	int r = 0;

	str_format(cseq, sizeof(cseq), "%u NOTIFY", sub->cseq);
	str_format(text, sizeof(text), "<%s>", id->target);
	target = sip_contact_make(home, text);
	if (id->route[0] != '\0')
		route = sip_route_make(home, id->route);
	sub->dialog = nta_leg_tcreate(sipd.agent, sub_in_dialog, sub,
	    SIPTAG_CALL_ID_STR(id->call_id), SIPTAG_FROM_STR(id->local), SIPTAG_TO_STR(id->remote),
	    SIPTAG_CSEQ_STR(cseq), NTATAG_REMOTE_CSEQ(remote_cseq), TAG_END());
	if (sub->dialog == NULL || target == NULL || (id->route[0] != '\0' && route == NULL) ||
	    nta_leg_server_route(sub->dialog, (sip_record_route_t *)route, target) < 0)
		r = -ENOMEM;
	su_home_deinit(home);
	return r;
}

void
sub_dialog_refresh(struct sub *sub, const sip_t *sip)
{
	const sip_contact_t *m = sip->sip_contact;
	char hop[URI_HOP_LEN], *text;

	if (m == NULL || !nat_uri_ok(m->m_url) || (text = dialog_url_text(m->m_url)) == NULL)
		return;
	sub->transport = nat_transport(sip->sip_via);
	hop_of(hop, sip, sub->transport, sub->id_text.route);
	dialog_id_came_by(&sub->id_text, hop);
	if (strcmp(text, sub->id_text.target) != 0)
		nta_leg_server_route(sub->dialog, NULL, m);
	set(&sub->id_text.target, text);
}

/* The phone's own address by TCP, for what is too long for a packet (RFC 3261 section 18.1.1). NULL:
 * it has none that we could reach. */
static url_string_t *
by_tcp(const struct sub *sub)
{
	static char hop[TEXT_MAX];
	su_home_t home[1] = { SU_HOME_INIT(home) };
	url_t *url = url_make(home, sub->id_text.target);
	bool ok = url != NULL && nat_uri_ok(url);

	if (ok)
		ok = str_format(hop, sizeof(hop), "sip:%s%s%s;transport=tcp", url->url_host,
		    url->url_port != NULL ? ":" : "", url->url_port != NULL ? url->url_port : "");
	su_home_deinit(home);
	return ok ? URL_STRING_MAKE(hop) : NULL;
}

url_string_t *
sub_dialog_hop(const struct sub *sub)
{
	if (sub->by_tcp)
		return by_tcp(sub);
	return dialog_id_hop(&sub->id_text, sub->transport);
}
