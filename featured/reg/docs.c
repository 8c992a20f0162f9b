/* SPDX-License-Identifier: ISC */
/* Documents of subscriptions; see docs.h. */
#include "featured/reg/docs.h"

#include <string.h>

#include "common/base/str.h"
#include "common/ipc/enums.h"
#include "common/ipc/holes.h"

/* What may stand in the user part of a URI; the rest is escaped. */
static void
user_part(struct buf *out, const char *user)
{
	for (const char *p = user; *p != '\0'; p++)
		if (strchr("-_.!~*()+=$,;", *p) != NULL || (*p >= '0' && *p <= '9') ||
		    (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
			buf_char(out, *p);
		else
			buf_fmt(out, "%%%02X", (unsigned char)*p);
}

static void
address(struct buf *out, const char *user)
{
	buf_str(out, "sip:");
	user_part(out, user);
	buf_str(out, "@" HOLE_HOST_STR);
}

const char *
docs_status_name(uint8_t status)
{
	switch ((enum presence_status)status) {
	case PRESENCE_AVAILABLE:
		return "available";
	case PRESENCE_BUSY:
		return "busy";
	case PRESENCE_AWAY:
		return "away";
	case PRESENCE_DND:
		return "do_not_disturb";
	case PRESENCE_IN_CALL:
		return "in_call";
	case PRESENCE_IN_MEETING:
		return "in_meeting";
	case PRESENCE_OFFLINE:
		return "offline";
	}
	return NULL;
}

/* The activity of RPID and the words that a phone shows when the user has none of his own. */
static void
activity(uint8_t status, const char **element, const char **words)
{
	*element = NULL;
	*words = "";
	switch ((enum presence_status)status) {
	case PRESENCE_AVAILABLE:
		*words = "Available";
		break;
	case PRESENCE_BUSY:
		*element = "busy";
		*words = "Busy";
		break;
	case PRESENCE_AWAY:
		*element = "away";
		*words = "Away";
		break;
	case PRESENCE_DND:
		*element = "busy";
		*words = "Do not disturb";
		break;
	case PRESENCE_IN_CALL:
		*element = "on-the-phone";
		*words = "On the phone";
		break;
	case PRESENCE_IN_MEETING:
		*element = "meeting";
		*words = "In a meeting";
		break;
	case PRESENCE_OFFLINE:
		*words = "Offline";
		break;
	}
}

void
docs_pidf(struct buf *out, const char *user, uint8_t status, const char *message, bool on_phone)
{
	const char *element, *words;

	activity(status, &element, &words);
	if (message[0] != '\0')
		words = message;
	buf_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
	             "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" "
	             "xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" "
	             "xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"");
	address(out, user);
	buf_str(out, "\">\r\n<tuple id=\"t1\"><status><basic>");
	buf_str(out, status == PRESENCE_OFFLINE ? "closed" : "open");
	buf_str(out, "</basic></status><contact>");
	address(out, user);
	buf_str(out, "</contact><note>");
	buf_xml(out, words);
	buf_str(out, "</note></tuple>\r\n<dm:person id=\"p1\">");
	if (element != NULL || on_phone) {
		buf_str(out, "<rpid:activities>");
		if (element != NULL)
			buf_fmt(out, "<rpid:%s/>", element);
		if (on_phone && (element == NULL || !str_eq(element, "on-the-phone")))
			buf_str(out, "<rpid:on-the-phone/>");
		buf_str(out, "</rpid:activities>");
	}
	buf_str(out, "<dm:note>");
	buf_xml(out, words);
	buf_str(out, "</dm:note></dm:person>\r\n</presence>\r\n");
}

static const char *
state_name(uint8_t state)
{
	switch ((enum docs_state)state) {
	case DOCS_TRYING:
		return "trying";
	case DOCS_EARLY:
		return "early";
	case DOCS_CONFIRMED:
		return "confirmed";
	}
	return "trying";
}

static void
dialog(struct buf *out, const char *user, const struct docs_dialog *d)
{
	buf_fmt(out, "<dialog id=\"%016llx\"" HOLE_DIALOG_STR "%016llx direction=\"%s\">",
	    (unsigned long long)d->leg, (unsigned long long)d->leg,
	    d->initiator ? "initiator" : "recipient");
	buf_fmt(out, "<state>%s</state>", state_name(d->state));
	if (d->remote[0] != '\0') {
		buf_str(out, "<remote><identity");
		if (d->remote_name[0] != '\0') {
			buf_str(out, " display=\"");
			buf_xml(out, d->remote_name);
			buf_char(out, '"');
		}
		buf_char(out, '>');
		address(out, d->remote);
		buf_str(out, "</identity><target uri=\"");
		address(out, d->remote);
		buf_str(out, "\"/></remote>");
	}
	buf_str(out, "<local><identity>");
	address(out, user);
	buf_str(out, "</identity><target uri=\"");
	address(out, user);
	buf_str(out, "\">");
	if (d->held)
		buf_str(out, "<param pname=\"+sip.rendering\" pvalue=\"no\"/>");
	buf_str(out, "</target></local></dialog>\r\n");
}

void
docs_dialog_info(struct buf *out, const char *user, const struct docs_dialog *dialogs, size_t n)
{
	buf_str(out,
	    "<?xml version=\"1.0\"?>\r\n"
	    "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"" HOLE_VERSION_STR
	    "\" state=\"full\" entity=\"");
	address(out, user);
	buf_str(out, "\">\r\n");
	for (size_t i = 0; i < n && i < DOCS_DIALOGS_MAX; i++)
		dialog(out, user, &dialogs[i]);
	buf_str(out, "</dialog-info>\r\n");
}

void
docs_summary(struct buf *out, const char *account, unsigned fresh, unsigned old,
    unsigned fresh_urgent, unsigned old_urgent)
{
	buf_fmt(out, "Messages-Waiting: %s\r\nMessage-Account: ", fresh > 0 ? "yes" : "no");
	address(out, account);
	buf_fmt(out, "\r\nVoice-Message: %u/%u (%u/%u)\r\n", fresh, old, fresh_urgent, old_urgent);
}

uint64_t
docs_hash(const char *type, const struct buf *body)
{
	uint64_t h = 14695981039346656037ULL; /* FNV-1a */

	for (const char *p = type; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 1099511628211ULL;
	for (size_t i = 0; i < body->len; i++)
		h = (h ^ (unsigned char)body->data[i]) * 1099511628211ULL;
	return h != 0 ? h : 1;
}
