/* SPDX-License-Identifier: ISC */
/*
 * /api/v1/extensions/{number}: what its user has set, forwards and such, read and changed. A change
 * names only what is to be another; null or "" turns a forward off, empties a speed dial.
 */
#include <string.h>

#include "apid/apid.h"
#include "apid/request.h"
#include "apid/resources.h"
#include "apid/text.h"
#include "common/base/str.h"

#define LIST_MAX 4096

/* ---- answers ---- */

static json_t *
text_or_null(const char *s)
{
	return s[0] != '\0' ? text_json(s) : json_null();
}

/* The next word of *p (up to a blank or end) into word; false: none is left. */
static bool
next_word(const char **p, const char *end, char *word, size_t size)
{
	size_t n = 0;

	while (*p < end && **p == ' ')
		(*p)++;
	while (*p + n < end && (*p)[n] != ' ')
		n++;
	if (n == 0)
		return false;
	str_ncopy(word, size, *p, n);
	*p += n;
	return true;
}

static json_t *
blacklist_doc(const struct ipc_view *text)
{
	const char *p = (const char *)text->p, *end = p + text->len;
	json_t *list = json_array();
	char word[65];

	while (next_word(&p, end, word, sizeof(word)))
		json_array_append_new(list, text_json(word));
	return list;
}

static json_t *
speed_doc(const struct ipc_view *text)
{
	const char *p = (const char *)text->p, *end = p + text->len;
	json_t *object = json_object();
	char word[65];

	while (next_word(&p, end, word, sizeof(word))) {
		if (strlen(word) < 4 || word[2] != '=')
			continue;
		word[2] = '\0';
		json_object_set_new(object, word, text_json(word + 3));
	}
	return object;
}

static void
on_state(void *arg, const struct ipc_msg *reply)
{
	struct request *req = arg;
	const struct msg_user_state *u = request_reply_body(req, reply, MSG_user_state);

	if (u == NULL)
		return;
	request_json(req, 200,
	    json_pack("{s:o, s:o, s:b, s:i, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	        "number", text_json(u->number), "name", text_json(u->name), "registered",
	        u->registered, "calls", (int)u->calls, "dnd", u->dnd, "reject_anonymous",
	        u->reject_anonymous, "call_waiting", u->call_waiting, "forward_all",
	        text_or_null(u->forward_all), "forward_busy", text_or_null(u->forward_busy),
	        "forward_noanswer", text_or_null(u->forward_noanswer), "forward_unregistered",
	        text_or_null(u->forward_unregistered), "last_caller",
	        text_or_null(u->last_caller), "last_dialled", text_or_null(u->last_dialled),
	        "blacklist", blacklist_doc(&u->blacklist), "speed_dials",
	        speed_doc(&u->speed_dials)));
}

/* The route's {number}. False: answered 404. */
static bool
number_of(struct request *req, char *out, size_t size)
{
	if (str_copy(out, size, req->arg))
		return true;
	request_error(req, 404, "no such extension");
	return false;
}

void
res_v1_user(struct request *req)
{
	struct msg_user_get get = { 0 };

	if (request_query(req, NULL) && number_of(req, get.number, sizeof(get.number)))
		request_ask(req, MSG_user_get, &get, on_state);
}

/* ---- changes ---- */

enum member {
	DND,
	REJECT_ANONYMOUS,
	CALL_WAITING,
	FORWARD_ALL,
	FORWARD_BUSY,
	FORWARD_NOANSWER,
	FORWARD_UNREGISTERED,
	BLACKLIST,
	SPEED_DIALS,
	MEMBERS
};

static const char *const names[MEMBERS] = { "dnd", "reject_anonymous", "call_waiting",
	"forward_all", "forward_busy", "forward_noanswer", "forward_unregistered", "blacklist",
	"speed_dials" };

/* A string of printable ASCII without blanks, or null for "". False: it is none. */
static bool
take_number(const json_t *value, char *out, size_t size)
{
	const char *s = json_is_null(value) ? "" : json_string_value(value);

	if (s == NULL)
		return false;
	for (const char *p = s; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == '=')
			return false;
	return str_copy(out, size, s);
}

static bool
take_flag(const json_t *value, uint8_t *out)
{
	*out = json_is_true(value);
	return json_is_boolean(value);
}

static bool
take_blacklist(const json_t *value, struct buf *out)
{
	char number[65];
	size_t i;
	json_t *item;

	if (!json_is_array(value))
		return false;
	json_array_foreach(value, i, item)
	{
		if (!take_number(item, number, sizeof(number)) || number[0] == '\0')
			return false;
		buf_fmt(out, "%s%s", i > 0 ? " " : "", number);
	}
	return !out->failed;
}

static bool
take_speed_dials(json_t *value, struct buf *out)
{
	char number[65];
	const char *key;
	json_t *item;

	if (!json_is_object(value))
		return false;
	json_object_foreach(value, key, item)
	{
		if (strlen(key) != 2 || strspn(key, "0123456789") != 2 ||
		    !take_number(item, number, sizeof(number)))
			return false;
		buf_fmt(out, "%s%s=%s", out->len > 0 ? " " : "", key, number);
	}
	return !out->failed;
}

static bool
take(struct msg_user_set *m, enum member member, json_t *value, struct buf *blacklist,
    struct buf *speed)
{
	switch (member) {
	case DND:
		return take_flag(value, &m->dnd);
	case REJECT_ANONYMOUS:
		return take_flag(value, &m->reject_anonymous);
	case CALL_WAITING:
		return take_flag(value, &m->call_waiting);
	case FORWARD_ALL:
		return take_number(value, m->forward_all, sizeof(m->forward_all));
	case FORWARD_BUSY:
		return take_number(value, m->forward_busy, sizeof(m->forward_busy));
	case FORWARD_NOANSWER:
		return take_number(value, m->forward_noanswer, sizeof(m->forward_noanswer));
	case FORWARD_UNREGISTERED:
		return take_number(value, m->forward_unregistered,
		    sizeof(m->forward_unregistered));
	case BLACKLIST:
		return take_blacklist(value, blacklist);
	case SPEED_DIALS:
		return take_speed_dials(value, speed);
	case MEMBERS:
		break;
	}
	return false;
}

static struct ipc_view
view(const struct buf *b)
{
	return (struct ipc_view){ .p = (const uint8_t *)(b->data != NULL ? b->data : ""),
		.len = b->len };
}

void
res_v1_user_change(struct request *req)
{
	struct msg_user_set m = { 0 };
	struct text_member members[MEMBERS + 1] = { 0 };
	struct buf blacklist = BUF_INIT(LIST_MAX / 2), speed = BUF_INIT(LIST_MAX);
	json_t *values[MEMBERS] = { 0 };
	int bad = -1;

	for (int i = 0; i < MEMBERS; i++)
		members[i] = (struct text_member){ .name = names[i], .json = &values[i] };
	if (!request_query(req, NULL) || !number_of(req, m.number, sizeof(m.number)) ||
	    !request_body(req, members))
		goto out;
	/* A member's bit is 1 << its place: enum user_fields has the same order. */
	for (int i = 0; i < MEMBERS; i++) {
		if (values[i] == NULL)
			continue;
		m.what |= (uint16_t)(1 << i);
		if (!take(&m, (enum member)i, values[i], &blacklist, &speed) && bad < 0)
			bad = i;
	}
	if (bad >= 0) {
		request_error(req, 400, "\"%s\" must be %s", names[bad],
		    bad < FORWARD_ALL        ? "true or false"
		        : bad < BLACKLIST    ? "a number, or null"
		        : bad == BLACKLIST   ? "a list of numbers"
		                             : "an object of numbers by two digits");
	} else if (m.what == 0) {
		request_error(req, 400, "nothing is to be changed");
	} else {
		m.blacklist = view(&blacklist);
		m.speed_dials = view(&speed);
		request_ask(req, MSG_user_set, &m, on_state);
	}
out:
	for (int i = 0; i < MEMBERS; i++)
		json_decref(values[i]);
	buf_free(&blacklist);
	buf_free(&speed);
}
