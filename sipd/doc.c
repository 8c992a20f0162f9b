/* SPDX-License-Identifier: ISC */
/* Documents for subscriptions; see doc.h. Called by notify.c for each NOTIFY. */
#include "sipd/doc.h"

#include <string.h>

#include "common/base/str.h"
#include "common/ipc/holes.h"
#include "sipd/dialog_ref.h"

static uint64_t
hole_leg(const uint8_t *hex)
{
	char text[HOLE_DIALOG_HEX + 1];
	uint8_t b[8];
	uint64_t id = 0;

	memcpy(text, hex, HOLE_DIALOG_HEX);
	text[HOLE_DIALOG_HEX] = '\0';
	if (str_unhex(b, 8, text) < 0)
		return 0;
	for (unsigned i = 0; i < 8; i++)
		id = id << 8 | b[i];
	return id;
}

void
doc_fill(struct buf *out, const struct ipc_view *body, const struct doc_holes *holes)
{
	const uint8_t *p = body->p, *end = body->p + body->len, *from = p;
	uint64_t leg;

	while (p < end) {
		if (*p > HOLE_DIALOG || *p == 0) {
			p++;
			continue;
		}
		buf_add(out, from, (size_t)(p - from));
		switch (*p++) {
		case HOLE_VERSION:
			buf_fmt(out, "%u", holes->version);
			break;
		case HOLE_HOST:
			buf_xml(out, holes->host);
			break;
		case HOLE_DIALOG:
			if (end - p < HOLE_DIALOG_HEX)
				return;
			leg = hole_leg(p);
			p += HOLE_DIALOG_HEX;
			if (leg != 0 && holes->dialog != NULL)
				holes->dialog(out, leg);
			break;
		}
		from = p;
	}
	buf_add(out, from, (size_t)(p - from));
}

void
doc_dialog(struct buf *out, uint64_t leg)
{
	buf_fmt(out,
	    " call-id=\"" DIALOG_REF_LAMP "%016llx\" local-tag=\"%016llx\" remote-tag=\"%016llx\"",
	    (unsigned long long)leg, (unsigned long long)leg, (unsigned long long)leg);
}

static void
uri(struct buf *out, const char *user, const struct doc_holes *holes)
{
	buf_str(out, "sip:");
	buf_xml(out, user);
	buf_char(out, '@');
	buf_xml(out, holes->host);
}

static void
part_id(struct buf *out, unsigned number, const struct doc_holes *holes)
{
	buf_fmt(out, "part%u@", number);
	buf_xml(out, holes->host);
}

static void
resource(struct buf *out, const struct doc_member *m, const struct doc_holes *holes)
{
	buf_str(out, "<resource uri=\"");
	uri(out, m->user, holes);
	buf_str(out, "\">");
	if (m->name[0] != '\0') {
		buf_str(out, "<name>");
		buf_xml(out, m->name);
		buf_str(out, "</name>");
	}
	if (m->content_type != NULL) {
		buf_str(out, "<instance id=\"1\" state=\"active\" cid=\"");
		part_id(out, m->number, holes);
		buf_str(out, "\"/>");
	}
	buf_str(out, "</resource>\r\n");
}

void
doc_list(struct buf *out, const char *uri_user, bool full, const struct doc_member *members,
    size_t n, const struct doc_holes *holes)
{
	buf_str(out,
	    "--" DOC_BOUNDARY "\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <list@");
	buf_str(out, holes->host);
	buf_str(out, ">\r\nContent-Type: application/rlmi+xml;charset=\"UTF-8\"\r\n\r\n"
	             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
	             "<list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"");
	uri(out, uri_user, holes);
	buf_fmt(out, "\" version=\"%u\" fullState=\"%s\">\r\n", holes->version,
	    full ? "true" : "false");
	for (size_t i = 0; i < n; i++)
		resource(out, &members[i], holes);
	buf_str(out, "</list>\r\n");
	for (size_t i = 0; i < n; i++) {
		if (members[i].content_type == NULL)
			continue;
		buf_str(out, "\r\n--" DOC_BOUNDARY
		             "\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <");
		part_id(out, members[i].number, holes);
		buf_fmt(out, ">\r\nContent-Type: %s\r\n\r\n", members[i].content_type);
		doc_fill(out, members[i].body, holes);
	}
	buf_str(out, "\r\n--" DOC_BOUNDARY "--\r\n");
}
