/* SPDX-License-Identifier: ISC */
/*
 * See spool_line.h. Writing is by hand, because it happens at every call; reading is jansson's,
 * after a start. Fuzzed.
 */
#include "featured/db/spool_line.h"

#include <jansson.h>

#include <errno.h>
#include <string.h>

#include "common/base/str.h"
#include "featured/db/text.h"

/* ---- writing ---- */

static void
put_string(struct buf *out, const char *s)
{
	buf_char(out, '"');
	while (*s != '\0') {
		size_t plain = 0;
		unsigned char c;

		/* Mostly there is nothing to escape: copy whole stretches. */
		while ((c = (unsigned char)s[plain]) >= ' ' && c < 0x7f && c != '"' && c != '\\')
			plain++;
		if (plain > 0)
			buf_add(out, s, plain);
		s += plain;
		if (c == '\0')
			break;
		if (c == '\n')
			buf_add(out, "\\n", 2);
		else if (c == '\t')
			buf_add(out, "\\t", 2);
		else if (c == '"' || c == '\\')
			buf_fmt(out, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			buf_fmt(out, "\\u%04x", c);
		else
			s += text_utf8_one(out, s) - 1;
		s++;
	}
	buf_char(out, '"');
}

/* ,"prefix_key": with the pieces' own quotes: printf would cost more than all the rest. */
static void
add_key(struct buf *out, const char *prefix, const char *key)
{
	buf_add(out, ",\"", 2);
	buf_str(out, prefix);
	buf_str(out, key);
	buf_add(out, "\":", 2);
}

static void
put_num(struct buf *out, uint64_t v)
{
	char digits[20], *p = digits + sizeof(digits);

	if (v > INT64_MAX)
		v = INT64_MAX;
	do {
		*--p = (char)('0' + v % 10);
	} while ((v /= 10) != 0);
	buf_add(out, p, (size_t)(digits + sizeof(digits) - p));
}

static void
add_str(struct buf *out, const char *key, const char *v)
{
	add_key(out, "", key);
	put_string(out, v);
}

static void
add_some(struct buf *out, const char *key, const char *v)
{
	if (v[0] != '\0')
		add_str(out, key, v);
}

static void
add_num(struct buf *out, const char *key, uint64_t v)
{
	add_key(out, "", key);
	put_num(out, v);
}

static void
head_as(struct buf *out, const char *kind, const char *name, const struct uuid *id)
{
	char text[UUID_STR_LEN + 1];

	uuid_print(id, text);
	buf_str(out, "{\"kind\":\"");
	buf_str(out, kind);
	buf_str(out, "\",\"");
	buf_str(out, name);
	buf_str(out, "\":\"");
	buf_str(out, text);
	buf_char(out, '"');
}

static void
head(struct buf *out, const char *kind, const struct uuid *call)
{
	head_as(out, kind, "call_id", call);
}

static void
add_media(struct buf *out, const char *party, const struct cdr_media *m)
{
	const struct {
		const char	*key;
		uint64_t	 v;
	} figures[] = {
		{ "packets_in", m->packets_in },
		{ "packets_out", m->packets_out },
		{ "lost_in", m->lost_in },
		{ "jitter_us", m->jitter_us },
		{ "far_lost", m->far_lost },
		{ "far_jitter_us", m->far_jitter_us },
		{ "rtt_us", m->rtt_us },
	};

	if (m->codec[0] == '\0' && m->packets_in == 0 && m->packets_out == 0)
		return;
	add_key(out, party, "codec");
	put_string(out, m->codec);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		add_key(out, party, figures[i].key);
		put_num(out, figures[i].v);
	}
	add_key(out, party, "remote");
	put_string(out, m->remote);
}

static void
add_start(struct buf *out, const struct cdr *cdr)
{
	add_str(out, "from_extension", cdr->from);
	add_str(out, "from_name", cdr->from_name);
	add_str(out, "to_extension", cdr->to);
	add_num(out, "start_ms", cdr->start_ms);
	if (cdr->answer_ms != 0)
		add_num(out, "answer_ms", cdr->answer_ms);
	add_some(out, "answered_by", cdr->answered_by);
	add_some(out, "transferred_by", cdr->transferred_by);
	add_some(out, "transferred_to", cdr->transferred_to);
	add_some(out, "recording_file", cdr->recording_file);
	add_str(out, "user_agent", cdr->user_agent);
	add_str(out, "sip_call_id", cdr->sip_call_id);
}

void
spool_line_intent(struct buf *out, const struct cdr *cdr)
{
	head(out, "intent", &cdr->call);
	add_start(out, cdr);
	buf_str(out, "}\n");
}

void
spool_line_end(struct buf *out, const struct uuid *call)
{
	head(out, "end", call);
	buf_str(out, "}\n");
}

void
spool_line_final(struct buf *out, const struct cdr *cdr)
{
	uint64_t billed = cdr->answer_ms != 0 && cdr->end_ms > cdr->answer_ms
	    ? cdr->end_ms - cdr->answer_ms
	    : 0;

	head(out, "final", &cdr->call);
	add_start(out, cdr);
	add_num(out, "end_ms", cdr->end_ms);
	add_str(out, "disposition", cdr_disposition_name(cdr->disposition));
	add_num(out, "duration_ms", cdr->end_ms > cdr->start_ms ? cdr->end_ms - cdr->start_ms : 0);
	add_num(out, "billsec_ms", billed);
	add_str(out, "hangup_cause", cdr->hangup_cause);
	add_str(out, "hangup_by", cdr_side_name(cdr->hangup_by));
	add_num(out, "sip_status", cdr->status);
	add_num(out, "q850_cause", cdr->q850);
	add_media(out, "caller_", &cdr->caller);
	add_media(out, "callee_", &cdr->callee);
	add_str(out, "trace", cdr->trace != NULL ? cdr->trace : "");
	buf_str(out, "}\n");
}

void
spool_line_recording(struct buf *out, const struct recording_row *row)
{
	char call[UUID_STR_LEN + 1];

	head_as(out, "recording", "id", &row->id);
	uuid_print(&row->call, call);
	add_str(out, "call_id", call);
	add_num(out, "rev", row->rev);
	add_str(out, "state", recording_state_name(row->state));
	add_str(out, "path", row->path);
	add_num(out, "channels", row->channels);
	add_str(out, "from_extension", row->from);
	add_str(out, "to_extension", row->to);
	add_str(out, "started_by", row->by);
	add_num(out, "start_ms", row->start_ms);
	if (row->end_ms != 0)
		add_num(out, "end_ms", row->end_ms);
	add_num(out, "duration_ms", row->duration_ms);
	add_num(out, "bytes", row->bytes);
	add_str(out, "outcome", row->outcome);
	buf_str(out, "}\n");
}

/* ---- reading ---- */

enum spool_kind
spool_line_kind(const char *line, size_t len, struct uuid *call)
{
	static const struct {
		const char	*head;
		enum spool_kind	 kind;
	} heads[] = {
		{ "{\"kind\":\"final\",\"call_id\":\"", SPOOL_FINAL },
		{ "{\"kind\":\"intent\",\"call_id\":\"", SPOOL_INTENT },
		{ "{\"kind\":\"end\",\"call_id\":\"", SPOOL_END },
		{ "{\"kind\":\"recording\",\"id\":\"", SPOOL_RECORDING },
	};
	char id[UUID_STR_LEN + 1];

	if (len > SPOOL_LINE_MAX || len < 2 || line[len - 1] != '}')
		return SPOOL_NONE;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		size_t n = strlen(heads[i].head);

		if (len < n + UUID_STR_LEN + 2 || memcmp(line, heads[i].head, n) != 0)
			continue;
		if (!str_ncopy(id, sizeof(id), line + n, UUID_STR_LEN) ||
		    line[n + UUID_STR_LEN] != '"' || uuid_parse(call, id) < 0)
			return SPOOL_NONE;
		return heads[i].kind;
	}
	return SPOOL_NONE;
}

static void
get_str(const json_t *o, const char *key, char *out, size_t size)
{
	str_copy(out, size, json_string_value(json_object_get(o, key)));
}

static uint64_t
get_num(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v > 0 ? (uint64_t)v : 0;
}

static json_t *
load(const char *line, size_t len)
{
	json_t *o = len <= SPOOL_LINE_MAX ? json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL)
	                                  : NULL;

	if (o != NULL && !json_is_object(o)) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

int
spool_line_read_intent(const char *line, size_t len, struct cdr *cdr)
{
	json_t *o;

	memset(cdr, 0, sizeof(*cdr));
	if (spool_line_kind(line, len, &cdr->call) != SPOOL_INTENT || (o = load(line, len)) == NULL)
		return -EINVAL;
	get_str(o, "from_extension", cdr->from, sizeof(cdr->from));
	get_str(o, "from_name", cdr->from_name, sizeof(cdr->from_name));
	get_str(o, "to_extension", cdr->to, sizeof(cdr->to));
	get_str(o, "answered_by", cdr->answered_by, sizeof(cdr->answered_by));
	get_str(o, "transferred_by", cdr->transferred_by, sizeof(cdr->transferred_by));
	get_str(o, "transferred_to", cdr->transferred_to, sizeof(cdr->transferred_to));
	get_str(o, "user_agent", cdr->user_agent, sizeof(cdr->user_agent));
	get_str(o, "sip_call_id", cdr->sip_call_id, sizeof(cdr->sip_call_id));
	cdr->start_ms = get_num(o, "start_ms");
	cdr->answer_ms = get_num(o, "answer_ms");
	json_decref(o);
	return 0;
}

bool
spool_line_is_json(const char *line, size_t len)
{
	json_t *o = load(line, len);

	json_decref(o);
	return o != NULL;
}
