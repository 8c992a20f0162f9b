/* SPDX-License-Identifier: ISC */
/* Presence documents; see pidf.h. Called by publish.c. */
#include "sipd/pidf.h"

#include <expat.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/str.h"
#include "common/ipc/enums.h"

#define NS         '|'
#define DEPTH_MAX  32
#define PIDF_NS    "urn:ietf:params:xml:ns:pidf"
#define RPID_NS    "urn:ietf:params:xml:ns:pidf:rpid"
#define MODEL_NS   "urn:ietf:params:xml:ns:pidf:data-model"

enum text_of { TEXT_NONE, TEXT_BASIC, TEXT_NOTE };

struct reading {
	XML_Parser parser;
	unsigned depth;
	enum text_of text_of;
	char text[PIDF_NOTE_LEN + 1];
	size_t len;
	bool presence; /* the root is what it has to be */
	bool in_activities;
	bool open, basic;
	uint8_t activity;
	char note[PIDF_NOTE_LEN + 1];
	bool bad;
};

/* Activities of RPID (RFC 4480 section 3.2) and of those phones that say more. */
static const struct {
	const char *name;
	uint8_t status;
} activities[] = {
	{ "on-the-phone", PRESENCE_BUSY }, { "busy", PRESENCE_BUSY },
	{ "dnd", PRESENCE_DND }, { "do-not-disturb", PRESENCE_DND },
	{ "permanent-absence", PRESENCE_OFFLINE }, { "sleeping", PRESENCE_DND },
	{ "away", PRESENCE_AWAY }, { "appointment", PRESENCE_AWAY },
	{ "breakfast", PRESENCE_AWAY }, { "dinner", PRESENCE_AWAY }, { "holiday", PRESENCE_AWAY },
	{ "in-transit", PRESENCE_AWAY }, { "lunch", PRESENCE_AWAY }, { "meal", PRESENCE_AWAY },
	{ "shopping", PRESENCE_AWAY }, { "spectator", PRESENCE_AWAY },
	{ "steering", PRESENCE_AWAY }, { "travel", PRESENCE_AWAY }, { "tv", PRESENCE_AWAY },
	{ "vacation", PRESENCE_AWAY }, { "worship", PRESENCE_AWAY },
	{ "meeting", PRESENCE_IN_MEETING }, { "presentation", PRESENCE_IN_MEETING },
	{ "performance", PRESENCE_IN_MEETING }, { "working", PRESENCE_BUSY },
};

static bool
is_named(const char *name, const char *ns, const char *local)
{
	size_t len = strlen(ns);

	return strncmp(name, ns, len) == 0 && name[len] == NS && strcmp(name + len + 1, local) == 0;
}

static void
activity(struct reading *r, const char *name)
{
	const char *local = strrchr(name, NS);

	if (local == NULL || r->activity != 0)
		return;
	for (size_t i = 0; i < sizeof(activities) / sizeof(activities[0]); i++)
		if (strcmp(activities[i].name, local + 1) == 0)
			r->activity = activities[i].status;
}

static void
on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct reading *r = arg;

	(void)attributes;
	r->text_of = TEXT_NONE;
	if (++r->depth > DEPTH_MAX) {
		r->bad = true;
		XML_StopParser(r->parser, XML_FALSE);
		return;
	}
	if (r->depth == 1)
		r->presence = is_named(name, PIDF_NS, "presence");
	if (r->in_activities)
		activity(r, name);
	if (is_named(name, RPID_NS, "activities"))
		r->in_activities = true;
	else if (is_named(name, PIDF_NS, "basic"))
		r->text_of = TEXT_BASIC;
	else if (is_named(name, PIDF_NS, "note") || is_named(name, MODEL_NS, "note") ||
	    is_named(name, RPID_NS, "note"))
		r->text_of = TEXT_NOTE;
	r->len = 0;
}

/* Without what is around it, and no control characters. */
static void
take_note(struct reading *r)
{
	size_t from = 0;

	while (from < r->len && (unsigned char)r->text[from] <= ' ')
		from++;
	while (r->len > from && (unsigned char)r->text[r->len - 1] <= ' ')
		r->len--;
	/* A cut in the middle of a character takes all of it away. */
	if (r->len == PIDF_NOTE_LEN) {
		size_t at = r->len - 1;

		while (at > from && ((unsigned char)r->text[at] & 0xc0) == 0x80)
			at--;
		if ((unsigned char)r->text[at] >= 0xc0)
			r->len = at;
	}
	if (r->note[0] != '\0' || r->len == from)
		return;
	str_ncopy(r->note, sizeof(r->note), r->text + from, r->len - from);
	for (char *p = r->note; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
}

static void
on_end(void *arg, const XML_Char *name)
{
	struct reading *r = arg;

	r->depth--;
	if (r->text_of == TEXT_BASIC) {
		r->text[r->len] = '\0';
		r->basic = true;
		r->open = r->open || str_ieq(r->text, "open");
	} else if (r->text_of == TEXT_NOTE) {
		take_note(r);
	}
	r->text_of = TEXT_NONE;
	if (is_named(name, RPID_NS, "activities"))
		r->in_activities = false;
}

static void
on_text(void *arg, const XML_Char *text, int len)
{
	struct reading *r = arg;

	if (r->text_of == TEXT_NONE)
		return;
	if ((size_t)len > PIDF_NOTE_LEN - r->len)
		len = (int)(PIDF_NOTE_LEN - r->len);
	memcpy(r->text + r->len, text, (size_t)len);
	r->len += (size_t)len;
}

static void
on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid, const XML_Char *pubid,
    int subset)
{
	struct reading *r = arg;

	(void)name;
	(void)sysid;
	(void)pubid;
	(void)subset;
	r->bad = true;
	XML_StopParser(r->parser, XML_FALSE);
}

int
pidf_read(struct pidf *out, const char *body, size_t len)
{
	struct reading r = { 0 };
	bool ok;

	*out = (struct pidf){ 0 };
	if (len > PIDF_MAX)
		return 413;
	if ((r.parser = XML_ParserCreateNS(NULL, NS)) == NULL)
		return 500;
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_start, on_end);
	XML_SetCharacterDataHandler(r.parser, on_text);
	XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
	ok = XML_Parse(r.parser, body, (int)len, 1) == XML_STATUS_OK && !r.bad && r.presence;
	XML_ParserFree(r.parser);
	if (!ok)
		return 400;
	out->status = r.basic && !r.open ? PRESENCE_OFFLINE
	    : r.activity != 0            ? r.activity
	                                 : PRESENCE_AVAILABLE;
	memcpy(out->note, r.note, sizeof(out->note));
	return 0;
}
