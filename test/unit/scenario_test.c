/* SPDX-License-Identifier: ISC */
/*
 * Runs the files of test/scenario against featured's call core: messages in, messages out, as text.
 * No socket, no database, no clock; the checkpoint is a real one in a temporary directory, so that
 * `restart` is what a kill -9 would leave. test/scenario/README says how the files are written.
 * Usage: scenario_test [FILE...]
 *
 * links: featured/call/ featured/app/ featured/route/ featured/reg/userstate.c
 * featured/reg/mailbox.c featured/reg/mailbox_pins.c featured/reg/mailbox_sync.c
 * featured/reg/digest.c featured/settings.c featured/settings_keys.c featured/settings_codes.c
 * common/conf/conf.c common/conf/bind.c common/conf/node.c common/conf/value.c
 * common/conf/print.c common/base/ckpt_file.c common/base/log.c common/base/mem.c
 * common/base/buf.c common/base/str.c common/base/id.c common/base/clock.c common/base/addr.c
 * common/base/net.c common/ipc/msg.c common/ipc/wire.c
 * libs: yaml-0.1 libcrypto
 */
#include <ctype.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/ckpt_torn.h"

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/msg.h"
#include "featured/call/core.h"
#include "featured/reg/userstate.h"
#include "featured/reg/digest.h"
#include "featured/reg/mailbox.h"
#include "featured/settings.h"

#define SYMBOLS_MAX    64
#define CONTACTS_MAX   64
#define EXTENSIONS_MAX 32
#define START_REAL     UINT64_C(1700000000000)

struct symbol {
	char name[32];
	uint64_t id;
};

struct contact {
	char user[65];
	struct core_contact contact;
};

struct run {
	const char *file;
	int line;
	bool failed;
	char dir[64];
	struct settings settings;
	struct extension extensions[EXTENSIONS_MAX];
	struct contact contacts[CONTACTS_MAX];
	size_t ncontacts;
	struct symbol symbols[SYMBOLS_MAX];
	size_t nsymbols;
	struct core *core;
	struct userstates *users;
	struct ring_group groups[8];
	struct paging_group pages[4];
	struct announcement announcements[4];
	char *texts[64]; /* of lists in the settings */
	size_t ntexts;
	struct mailbox *mailbox;
	uint64_t mono_ms;
	enum core_auth auth;
	char auth_user[65];
	bool durable;        /* the spool writes at once */
	bool open;           /* calls may live at the end */
	uint64_t impossible; /* expected */
	struct uuid finals[64];
	size_t nfinals;
	struct uuid rows[64];
	size_t nrows;
	struct uuid last_call;
	char *output[512]; /* what the last turn said */
	size_t noutput;
	size_t at; /* how much of it was expected */
};

static void
complain(struct run *run, const char *what, const char *detail)
{
	fprintf(stderr, "%s:%d: %s: %s\n", run->file, run->line, what, detail);
	run->failed = true;
}

/*
 * The world.
 */

static size_t
env_contacts(void *arg, const char *user, struct core_contact *out, size_t max)
{
	const struct run *run = arg;
	size_t n = 0;

	for (size_t i = 0; i < run->ncontacts && n < max; i++)
		if (strcmp(run->contacts[i].user, user) == 0)
			out[n++] = run->contacts[i].contact;
	return n;
}

static enum core_auth
env_auth(void *arg, const struct msg_leg_offered *m, struct core_auth_reply *reply)
{
	const struct run *run = arg;

	(void)m;
	str_copy(reply->user, sizeof(reply->user), run->auth_user);
	str_copy(reply->realm, sizeof(reply->realm), "warden");
	str_copy(reply->nonce, sizeof(reply->nonce), "n1");
	return run->auth;
}

static void
default_settings(struct run *run)
{
	static char *emergency[] = { (char *)"112", (char *)"911" };
	struct settings *s = &run->settings;

	memset(s, 0, sizeof(*s));
	s->extensions.v = run->extensions;
	str_copy(s->dialplan.internal_pattern, sizeof(s->dialplan.internal_pattern), "^1[0-9]{3}$");
	str_copy(s->dialplan.conference_pattern, sizeof(s->dialplan.conference_pattern),
	    "^2[0-9]{3}$");
	str_copy(s->dialplan.parking_pattern, sizeof(s->dialplan.parking_pattern), "^7[0-9]$");
	str_copy(s->dialplan.queue_pattern, sizeof(s->dialplan.queue_pattern), "^8[0-9]{3}$");
	str_copy(s->dialplan.voicemail_pattern, sizeof(s->dialplan.voicemail_pattern),
	    "^\\*[0-9]{3,4}$");
	s->dialplan.emergency = (struct conf_strs){ .v = emergency, .n = 2 };
	str_copy(s->server.domain, sizeof(s->server.domain), "warden");
	s->dialplan.ring_time_s = 60;
	s->dialplan.digit_timeout_s = 4;
	s->features.call_transfer = s->features.call_parking = true;
	s->features.call_recording = s->features.call_hold = true;
	s->parking.range_start = 70;
	s->parking.range_end = 71;
	s->parking.timeout_s = 120;
	s->parking.ringback_s = 30;
	s->features.max_call_duration_s = 7200;
	s->features.voicemail = true;
	s->voicemail.max_message_duration_s = 180;
	s->voicemail.min_message_duration_s = 1;
	s->voicemail.max_silence_s = 10;
	s->voicemail.max_messages = 3;
	s->security.max_failed_attempts = 5;
	s->security.ban_duration_s = 300;
	str_copy(s->server.language, sizeof(s->server.language), "en");
	s->media.rtp_timeout_s = 60;
}

/*
 * Symbols: A stands for the id that was first seen in its place.
 */

/* The oldest gave way to what came after SYMBOLS_MAX. */
static size_t
symbols(const struct run *run)
{
	return run->nsymbols < SYMBOLS_MAX ? run->nsymbols : SYMBOLS_MAX;
}

static uint64_t
symbol_id(struct run *run, const char *name)
{
	for (size_t i = 0; i < symbols(run); i++)
		if (strcmp(run->symbols[i].name, name) == 0)
			return run->symbols[i].id;
	return 0;
}

static uint64_t
symbol_make(struct run *run, const char *name, uint64_t id)
{
	struct symbol *s = &run->symbols[run->nsymbols++ % SYMBOLS_MAX];

	str_copy(s->name, sizeof(s->name), name);
	s->id = id != 0 ? id : 0xa000 + run->nsymbols;
	return s->id;
}

static bool
is_symbol(const char *value)
{
	return isupper((unsigned char)value[0]);
}

static const struct ipc_field *
field_of(const struct ipc_def *def, const char *name)
{
	for (size_t i = 0; def != NULL && i < def->nfields; i++)
		if (def->fields[i].kind != IPC_K_SINCE && strcmp(def->fields[i].name, name) == 0)
			return &def->fields[i];
	return NULL;
}

/* Replaces symbols by their ids (made when new) in a message as text. */
static void
expand(struct run *run, const char *text, char *out, size_t size)
{
	char copy[1024], *save, *word, *eq;
	const struct ipc_def *def;
	uint64_t id;
	size_t n = 0;

	str_copy(copy, sizeof(copy), text);
	word = strtok_r(copy, " ", &save);
	def = word != NULL ? ipc_def_by_name(word) : NULL;
	out[0] = '\0';
	for (; word != NULL; word = strtok_r(NULL, " ", &save)) {
		const struct ipc_field *f;

		eq = strchr(word, '=');
		if (eq != NULL) {
			*eq = '\0';
			f = field_of(def, word);
			if (f != NULL && f->kind == IPC_K_U64 && is_symbol(eq + 1)) {
				id = symbol_id(run, eq + 1);
				if (id == 0)
					id = symbol_make(run, eq + 1, 0);
				n += (size_t)snprintf(out + n, size - n, "%s%s=%016" PRIx64,
				    n > 0 ? " " : "", word, id);
				continue;
			}
			*eq = '=';
		}
		n += (size_t)snprintf(out + n, size - n, "%s%s", n > 0 ? " " : "", word);
	}
}

/*
 * Turns.
 */

static void
forget_output(struct run *run)
{
	while (run->at < run->noutput)
		complain(run, "not expected", run->output[run->at++]);
	for (size_t i = 0; i < run->noutput; i++)
		free(run->output[i]);
	run->noutput = run->at = 0;
}

static void
keep_output(struct run *run)
{
	struct out *out = core_out(run->core);
	struct buf text = BUF_INIT(20000);

	for (size_t i = 0; i < out_count(out); i++) {
		const struct out_item *item = out_at(out, i);
		const struct cdr *cdr = item->body;

		buf_reset(&text);
		if (item->kind == OUT_CDR_ANSWERED)
			continue; /* the intent once more */
		if (item->kind == OUT_CDR_INTENT || item->kind == OUT_CDR_FINAL) {
			run->last_call = cdr->call;
			buf_fmt(&text, "%s from=%s to=%s",
			    item->kind == OUT_CDR_INTENT ? "cdr_intent" : "cdr_final", cdr->from,
			    cdr->to);
			if (item->kind == OUT_CDR_FINAL) {
				buf_fmt(&text,
				    " disposition=%s status=%u by=%s bill_ms=%llu "
				    "answered_by=%s transferred_by=%s transferred_to=%s "
				    "cause=%s "
				    "caller_codec=%s"
				    " callee_codec=%s",
				    cdr_disposition_name(cdr->disposition), cdr->status,
				    cdr_side_name(cdr->hangup_by),
				    (unsigned long long)(cdr->answer_ms != 0
				            ? cdr->end_ms - cdr->answer_ms
				            : 0),
				    cdr->answered_by, cdr->transferred_by, cdr->transferred_to,
				    cdr->hangup_cause, cdr->caller.codec, cdr->callee.codec);
				run->finals[run->nfinals++ % 64] = cdr->call;
				for (char *p = strstr(text.data, "cause="); *p != '\0'; p++)
					if (*p == ' ' && strncmp(p, " caller_", 8) != 0 &&
					    strncmp(p, " callee_", 8) != 0)
						*p = '-';
			}
		} else if (item->kind == OUT_RECORDING) {
			const struct recording_row *row = item->body;

			buf_fmt(&text, "recording state=%s by=%s from=%s to=%s outcome=%s ms=%u",
			    recording_state_name(row->state), row->by, row->from, row->to,
			    row->outcome, row->duration_ms);
			run->rows[run->nrows++ % 64] = row->id;
			for (char *p = strstr(text.data, "outcome="); *p != '\0'; p++)
				if (*p == ' ' && strncmp(p, " ms=", 4) != 0)
					*p = '-';
		} else {
			ipc_print(&text, item->type, item->body);
		}
		if (run->noutput < 512)
			run->output[run->noutput++] = mem_strdup(text.data);
	}
	buf_free(&text);
}

static void
begin(struct run *run)
{
	forget_output(run);
	core_begin(run->core, run->mono_ms, START_REAL + run->mono_ms);
}

static void
end(struct run *run)
{
	core_end(run->core);
	keep_output(run);
	if ((run->nfinals == 0 && run->nrows == 0) || !run->durable)
		return;
	core_begin(run->core, run->mono_ms, START_REAL + run->mono_ms);
	for (size_t i = 0; i < run->nfinals; i++)
		core_cdr_durable(run->core, run->finals[i].b);
	run->nfinals = 0;
	for (size_t i = 0; i < run->nrows; i++)
		core_row_durable(run->core, run->rows[i].b);
	run->nrows = 0;
	core_end(run->core);
	keep_output(run);
}

static void
start_core(struct run *run)
{
	struct core_env env = { .contacts = env_contacts, .auth = env_auth, .arg = run };

	if (mailbox_open(&run->mailbox, NULL, run->dir) != 0) {
		complain(run, "mailbox_open", run->dir);
		exit(1);
	}
	env.mailbox = run->mailbox;

	if (core_new(&run->core, run->dir, &run->settings, &env, run->mono_ms,
	        START_REAL + run->mono_ms) != 0) {
		complain(run, "core_new", run->dir);
		exit(1);
	}
	if (userstates_open(&run->users, run->dir, run->dir) != 0) {
		complain(run, "userstates_open", run->dir);
		exit(1);
	}
	core_set_users(run->core, run->users);
	keep_output(run);
	if (run->durable && run->nfinals > 0) {
		core_begin(run->core, run->mono_ms, START_REAL + run->mono_ms);
		for (size_t i = 0; i < run->nfinals; i++)
			core_cdr_durable(run->core, run->finals[i].b);
		run->nfinals = 0;
		core_end(run->core);
	}
}

static void
connect_both(struct run *run)
{
	static const uint8_t roles[] = { IPC_SIPD, IPC_MEDIAD };
	struct msg_sync_end none = { .count = 0 };

	core_begin(run->core, run->mono_ms, START_REAL + run->mono_ms);
	for (int i = 0; i < 2; i++) {
		core_peer(run->core, roles[i], true);
		(roles[i] == IPC_SIPD ? core_sipd : core_mediad)(run->core, MSG_sync_begin, &none);
		(roles[i] == IPC_SIPD ? core_sipd : core_mediad)(run->core, MSG_sync_end, &none);
	}
	core_end(run->core);
}

/*
 * Lines.
 */

static void
say(struct run *run, const char *text)
{
	char expanded[2048], err[256];
	struct buf hold = BUF_INIT(64 * 1024);
	union ipc_any body;
	uint16_t type;
	uint8_t from = 0;

	if (str_starts(text, "sipd ")) {
		from = IPC_SIPD;
		text += 5;
	} else if (str_starts(text, "mediad ")) {
		from = IPC_MEDIAD;
		text += 7;
	}
	expand(run, text, expanded, sizeof(expanded));
	if (ipc_scan(expanded, &type, &body, &hold, err, sizeof(err)) != 0) {
		complain(run, "bad message", err);
	} else {
		if (from == 0)
			from = ipc_def(type)->from;
		begin(run);
		if (!((from & IPC_SIPD) != 0 ? core_sipd : core_mediad)(run->core, type, &body))
			complain(run, "not the core's", expanded);
		end(run);
	}
	buf_free(&hold);
}

/* Is " name=value" in text? A value of 0 is left out there. */
static bool
has_word(const char *text, const char *word)
{
	size_t n = strlen(word);
	const char *p = text, *eq = strchr(word, '=');

	while ((p = strstr(p, word)) != NULL) {
		if (p > text && p[-1] == ' ' && (p[n] == ' ' || p[n] == '\0'))
			return true;
		p++;
	}
	if (eq == NULL || strcmp(eq, "=0") != 0)
		return false;
	char name[64];
	snprintf(name, sizeof(name), " %.*s=", (int)(eq - word), word);
	return strstr(text, name) == NULL;
}

/* The id in text's field, 0 when it has none. */
static uint64_t
id_in(const char *text, const char *field)
{
	char name[64];
	const char *p;

	snprintf(name, sizeof(name), " %s=", field);
	p = strstr(text, name);
	return p != NULL ? strtoull(p + strlen(name), NULL, 16) : 0;
}

static bool
matches(struct run *run, const char *expected, const char *actual)
{
	char copy[1024], *save, *word, *eq;
	const struct ipc_def *def;
	uint64_t id, have;

	str_copy(copy, sizeof(copy), expected);
	word = strtok_r(copy, " ", &save);
	if (word == NULL || strncmp(actual, word, strcspn(actual, " ")) != 0 ||
	    strlen(word) != strcspn(actual, " "))
		return false;
	def = ipc_def_by_name(word);
	for (word = strtok_r(NULL, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		const struct ipc_field *f;

		eq = strchr(word, '=');
		if (eq == NULL)
			return false;
		*eq = '\0';
		f = field_of(def, word);
		if (f != NULL && f->kind == IPC_K_U64 && is_symbol(eq + 1)) {
			have = id_in(actual, word);
			id = symbol_id(run, eq + 1);
			if (id == 0 && have != 0)
				id = symbol_make(run, eq + 1, have);
			if (id != have)
				return false;
			continue;
		}
		*eq = '=';
		if (!has_word(actual, word))
			return false;
	}
	return true;
}

static void
expect(struct run *run, const char *text)
{
	if (strcmp(text, "*") == 0) {
		run->at = run->noutput;
		return;
	}
	if (run->at == run->noutput) {
		complain(run, "expected, but nothing more came", text);
		return;
	}
	if (!matches(run, text, run->output[run->at])) {
		complain(run, "expected", text);
		fprintf(stderr, "\tgot %s\n", run->output[run->at]);
	}
	run->at++;
}

static void
peer_line(struct run *run, const char *name, bool up)
{
	begin(run);
	core_peer(run->core, strcmp(name, "sipd") == 0 ? IPC_SIPD : IPC_MEDIAD, up);
	end(run);
}

static void
api_line(struct run *run, const char *text)
{
	char from[65], to[65], status[16];
	const char *reason = "";
	uint16_t r;

	begin(run);
	if (sscanf(text, "call %64s %64s %15s", from, to, status) == 3)
		r = core_call_start(run->core, from, to, &run->last_call, &reason);
	else if (sscanf(text, "transfer %64s %15s", to, status) == 2)
		r = core_call_transfer(run->core, run->last_call.b, to, &reason);
	else if (sscanf(text, "park %64s %64s %15s", from, to, status) == 3) {
		uint32_t slot = 0;

		r = core_call_park(run->core, run->last_call.b, from, &slot, &reason);
		if (slot != (uint32_t)atoi(to))
			complain(run, "another slot", to);
	} else if (sscanf(text, "hold %15s", status) == 1)
		r = core_call_hold(run->core, run->last_call.b, true, &reason);
	else if (sscanf(text, "resume %15s", status) == 1)
		r = core_call_hold(run->core, run->last_call.b, false, &reason);
	else if (sscanf(text, "record %64s %15s", to, status) == 2)
		r = core_call_record(run->core, run->last_call.b,
		    strcmp(to, "start") == 0       ? CORE_RECORD_START
		        : strcmp(to, "stop") == 0  ? CORE_RECORD_STOP
		        : strcmp(to, "pause") == 0 ? CORE_RECORD_PAUSE
		                                   : CORE_RECORD_RESUME,
		    &reason);
	else if (sscanf(text, "hangup %15s", status) == 1)
		r = core_call_hangup(run->core, run->last_call.b);
	else {
		complain(run, "what?", text);
		r = 0;
		status[0] = '\0';
	}
	end(run);
	if (r != (uint16_t)atoi(status))
		complain(run, "the API said otherwise", reason);
}

static void
check_line(struct run *run, const char *word, const char *rest)
{
	struct core_stats stats;
	struct msg_call_item item = { .state = CALL_ENDED };
	char text[96];
	long n = atol(rest);

	core_stats(run->core, &stats);
	if (strcmp(word, "state") == 0) {
		if (!core_call_get(run->core, run->last_call.b, &item))
			item.state = CALL_ENDED;
		if (strcmp(ipc_call_state_name(item.state), rest) != 0)
			complain(run, "the call's state is", ipc_call_state_name(item.state));
		return;
	}
	if (strcmp(word, "slot") == 0) {
		struct msg_parked_item parked = { 0 };

		if (core_parked_in(run->core, (uint32_t)n, &parked) != (strchr(rest, ' ') != NULL))
			complain(run, "slot", rest);
		else if (strchr(rest, ' ') != NULL &&
		    strcmp(parked.parker, strchr(rest, ' ') + 1) != 0)
			complain(run, "its parker is", parked.parker);
		return;
	}
	if (strcmp(word, "calls") == 0       ? stats.active_calls == n
	        : strcmp(word, "total") == 0 ? stats.total_calls == (uint64_t)n
	                                     : stats.legs == n)
		return;
	snprintf(text, sizeof(text), "%u calls, %u legs", stats.active_calls, stats.legs);
	complain(run, "there are", text);
}

/* mailbox USER NEW OLD [WORK]: how many messages it must have. */
static void
mailbox_line(struct run *run, const char *rest)
{
	char user[65] = "", text[96];
	unsigned fresh = 0, old = 0, work = 0;
	struct mailbox_counts c;

	sscanf(rest, "%64s %u %u %u", user, &fresh, &old, &work);
	mailbox_count(run->mailbox, user, &c);
	if (c.fresh == fresh && c.old == old &&
	    (work == 0 || mailbox_folder_size(run->mailbox, user, MAILBOX_WORK) == work))
		return;
	snprintf(text, sizeof(text), "%s has %u new, %u old", user, c.fresh, c.old);
	complain(run, "the mailbox", text);
}

static void
traced(void *arg, const struct msg_trace_item *item)
{
	fprintf(arg, "\t%" PRIu64 " %s %s %s\n", item->at_ms - START_REAL, item->source,
	    item->event, item->detail);
}

static struct extension *
extension_of(struct run *run, const char *number)
{
	for (size_t i = 0; i < run->settings.extensions.n; i++)
		if (strcmp(run->extensions[i].number, number) == 0)
			return &run->extensions[i];
	complain(run, "no such extension", number);
	return &run->extensions[0];
}

/* The words of text behind the first so many, as a list of the settings. */
static void
list(struct run *run, struct conf_strs *out, const char *text, int skip)
{
	char *copy = mem_strdup(text), *save, *word;

	run->texts[run->ntexts++] = copy;
	out->v = mem_must(32 * sizeof(*out->v));
	run->texts[run->ntexts++] = (char *)out->v;
	out->n = 0;
	for (word = strtok_r(copy, " ", &save); word != NULL && out->n < 32;
	     word = strtok_r(NULL, " ", &save))
		if (skip-- <= 0)
			out->v[out->n++] = word;
}

/* "user 1002 forward_all=1003" sets, "user_is 1002 last_caller=1001" checks. */
static void
user_line(struct run *run, const char *word, const char *rest)
{
	char number[65] = "", key[65] = "", value[129] = "", have[129] = "";
	struct user_state s;
	const struct user_recent *r;
	struct buf text = BUF_INIT(8192);
	char *at = NULL;

	sscanf(rest, "%64s %64[^=]=%128[^\n]", number, key, value);
	s = *userstates_get(run->users, number);
	r = userstates_recent(run->users, number);
	str_copy(s.number, sizeof(s.number), number);
	for (int i = 0; i < USER_FORWARDS; i++)
		if (strcmp(user_forward_name(i), key) == 0)
			at = s.forward[i];
	if (strcmp(word, "user_is") == 0) {
		if (at != NULL)
			str_copy(have, sizeof(have), at);
		else if (strcmp(key, "dnd") == 0)
			str_copy(have, sizeof(have), s.dnd ? "1" : "0");
		else if (strcmp(key, "last_caller") == 0)
			str_copy(have, sizeof(have), r->last_caller);
		else if (strcmp(key, "last_dialled") == 0)
			str_copy(have, sizeof(have), r->last_dialled);
		else if (strcmp(key, "blacklist") == 0)
			user_blacklist_print(&s, &text);
		else if (strcmp(key, "speed_dial") == 0)
			user_speed_print(&s, &text);
		else
			complain(run, "what?", key);
		if (text.data != NULL)
			str_copy(have, sizeof(have), text.data);
		if (strcmp(have, value) != 0)
			complain(run, key, have);
		buf_free(&text);
		return;
	}
	if (at != NULL)
		str_copy(at, sizeof(s.forward[0]), value);
	else if (strcmp(key, "dnd") == 0)
		s.dnd = value[0] == '1';
	else if (strcmp(key, "reject_anonymous") == 0)
		s.reject_anonymous = value[0] == '1';
	else if (strcmp(key, "call_waiting") == 0)
		s.no_call_waiting = value[0] == '0';
	else if (strcmp(key, "last_caller") == 0)
		userstates_called(run->users, number, value);
	else if (!(strcmp(key, "blacklist") == 0 && user_blacklist_read(&s, value)) &&
	    !(strcmp(key, "speed_dial") == 0 && user_speed_read(&s, value)))
		complain(run, "what?", key);
	userstates_set(run->users, &s, START_REAL + run->mono_ms);
}

static void
set_line(struct run *run, const char *word, char *rest)
{
	char a[128] = "", b[256] = "";

	sscanf(rest, "%127s %255s", a, b);
	if (strcmp(word, "ext") == 0) {
		struct extension *e = &run->extensions[run->settings.extensions.n++];

		str_copy(e->number, sizeof(e->number), a);
		str_copy(e->name, sizeof(e->name), a);
		e->allow_external = strcmp(b, "allow_external") == 0;
		if (strncmp(b, "pin=", 4) == 0)
			str_copy(e->voicemail_pin, sizeof(e->voicemail_pin), b + 4);
		if (str_starts(b, "group="))
			str_copy(e->pickup_group, sizeof(e->pickup_group), b + 6);
	} else if (strcmp(word, "reg") == 0) {
		struct contact *c = &run->contacts[run->ncontacts++];

		str_copy(c->user, sizeof(c->user), a);
		str_copy(c->contact.uri, sizeof(c->contact.uri), b);
		str_copy(c->contact.route, sizeof(c->contact.route), "192.0.2.9:5060");
		c->contact.transport = SIP_TRANSPORT_UDP;
	} else if (strcmp(word, "unreg") == 0) {
		for (size_t i = 0; i < run->ncontacts; i++)
			if (strcmp(run->contacts[i].user, a) == 0)
				run->contacts[i].user[0] = '\0';
	} else if (strcmp(word, "auth") == 0) {
		run->auth = strcmp(a, "challenge") == 0 ? CORE_AUTH_CHALLENGE
		    : strcmp(a, "forbidden") == 0       ? CORE_AUTH_FORBIDDEN
		                                        : CORE_AUTH_OK;
		str_copy(run->auth_user, sizeof(run->auth_user), b);
	} else if (strcmp(word, "congested") == 0) {
		core_congested(run->core, strcmp(a, "yes") == 0);
	} else if (strcmp(word, "durable") == 0) {
		run->durable = strcmp(a, "yes") == 0;
		if (run->durable) {
			begin(run);
			end(run);
		}
	} else if (strcmp(word, "operator") == 0) {
		str_copy(run->settings.voicemail.operator_number,
		    sizeof(run->settings.voicemail.operator_number), a);
	} else if (strcmp(word, "max_messages") == 0) {
		run->settings.voicemail.max_messages = atoi(a);
	} else if (strcmp(word, "retention_days") == 0) {
		run->settings.voicemail.retention_days = atoi(a);
	} else if (strcmp(word, "voicemail") == 0) {
		run->settings.features.voicemail = strcmp(a, "yes") == 0;
	} else if (strcmp(word, "sweep") == 0) {
		begin(run);
		core_mailbox_tick(run->core);
		end(run);
	} else if (strcmp(word, "language") == 0) {
		str_copy(run->settings.server.language, sizeof(run->settings.server.language), a);
	} else if (strcmp(word, "mailbox") == 0) {
		mailbox_line(run, rest);
	} else if (strcmp(word, "max_call_duration") == 0) {
		run->settings.features.max_call_duration_s = atoi(a);
	} else if (strcmp(word, "user") == 0 || strcmp(word, "user_is") == 0) {
		user_line(run, word, rest);
	} else if (strcmp(word, "max_calls") == 0) {
		extension_of(run, a)->max_calls = atoi(b);
	} else if (strcmp(word, "find_me") == 0) {
		struct extension *e = extension_of(run, a);

		e->find_me_strategy = strcmp(b, "all") == 0 ? FIND_ME_ALL : FIND_ME_IN_ORDER;
		list(run, &e->find_me, rest, 2);
	} else if (strcmp(word, "group") == 0) {
		static const char *const names[] = { "all", "in_order", "random", "least_recent" };
		struct ring_group *g = &run->groups[run->settings.ring_groups.n++];

		run->settings.ring_groups.v = run->groups;
		str_copy(g->number, sizeof(g->number), a);
		for (int i = 0; i < 4; i++)
			if (strcmp(b, names[i]) == 0)
				g->strategy = i;
		g->ring_time_s = 20;
		list(run, &g->members, rest, 2);
	} else if (strcmp(word, "paging_group") == 0) {
		struct paging_group *g = &run->pages[run->settings.paging_groups.n++];

		run->settings.paging_groups.v = run->pages;
		str_copy(g->number, sizeof(g->number), a);
		list(run, &g->members, rest, 1);
	} else if (strcmp(word, "announcement") == 0) {
		struct announcement *an =
		    &run->announcements[run->settings.announcements.n++];

		run->settings.announcements.v = run->announcements;
		str_copy(an->number, sizeof(an->number), a);
		str_copy(an->then, sizeof(an->then), strcmp(b, "-") == 0 ? "" : b);
		list(run, &an->recorded_by, rest, 2);
	} else if (strcmp(word, "overflow") == 0) {
		str_copy(run->groups[run->settings.ring_groups.n - 1].overflow,
		    sizeof(run->groups[0].overflow), a);
	} else if (strcmp(word, "blacklist") == 0) {
		list(run, &run->settings.dialplan.blacklist, rest, 0);
	} else if (strcmp(word, "name") == 0) {
		str_copy(extension_of(run, a)->name, sizeof(run->extensions[0].name), b);
	} else if (strcmp(word, "music") == 0) {
		run->settings.features.music_on_hold = true;
		str_copy(extension_of(run, a)->music_on_hold,
		    sizeof(run->extensions[0].music_on_hold), b);
	} else if (strcmp(word, "auto_record") == 0) {
		run->settings.recording.auto_record = strcmp(a, "yes") == 0;
	} else if (strcmp(word, "impossible") == 0) {
		run->impossible = (uint64_t)atoi(a);
	} else {
		complain(run, "what?", word);
	}
}

static void
wait_line(struct run *run, const char *text)
{
	char *unit;
	double n = strtod(text, &unit);

	begin(run);
	run->mono_ms += (uint64_t)(strcmp(unit, "ms") == 0 ? n : n * 1000);
	core_begin(run->core, run->mono_ms, START_REAL + run->mono_ms);
	core_timers(run->core);
	end(run);
}

/* The names will be bound anew. */
static void
anew_line(struct run *run, char *rest)
{
	for (char *save, *name = strtok_r(rest, " ", &save); name != NULL;
	     name = strtok_r(NULL, " ", &save))
		for (size_t i = 0; i < symbols(run); i++)
			if (strcmp(run->symbols[i].name, name) == 0)
				run->symbols[i].name[0] = '\0';
}

static void
one_line(struct run *run, char *line)
{
	char *word = line, *rest;

	line[strcspn(line, "\n")] = '\0';
	rest = word + strcspn(word, " ");
	if (*rest != '\0')
		*rest++ = '\0';
	rest += strspn(rest, " ");
	if (word[0] == '\0' || word[0] == '#')
		return;
	if (strcmp(word, ">") == 0)
		say(run, rest);
	else if (strcmp(word, "<") == 0)
		expect(run, rest);
	else if (strcmp(word, "@") == 0)
		wait_line(run, rest);
	else if (strcmp(word, "up") == 0 || strcmp(word, "down") == 0)
		peer_line(run, rest, strcmp(word, "up") == 0);
	else if (strcmp(word, "restart") == 0) {
		forget_output(run);
		core_free(&run->core);
		userstates_close(&run->users);
		mailbox_close(&run->mailbox);
		torn_mend();
		start_core(run);
	} else if (strcmp(word, "api") == 0)
		api_line(run, rest);
	else if (strcmp(word, "torn") == 0)
		torn_writes = (uint32_t)atoi(rest);
	else if (strcmp(word, "anew") == 0)
		anew_line(run, rest);
	else if (strcmp(word, "open") == 0)
		run->open = true;
	else if (strcmp(word, "trace") == 0)
		core_trace(run->core, run->last_call.b, traced, stderr);
	else if (strcmp(word, "calls") == 0 || strcmp(word, "legs") == 0 ||
	    strcmp(word, "slot") == 0 || strcmp(word, "total") == 0 || strcmp(word, "state") == 0)
		check_line(run, word, rest);
	else
		set_line(run, word, rest);
}

/* What must hold after every scenario. */
static void
finish(struct run *run)
{
	struct core_stats stats;
	char text[64];

	forget_output(run);
	core_stats(run->core, &stats);
	if (stats.impossible_events != run->impossible) {
		snprintf(text, sizeof(text), "%" PRIu64, stats.impossible_events);
		complain(run, "impossible events", text);
	}
	if (!run->open && (stats.active_calls != 0 || stats.legs != 0))
		check_line(run, "legs", "0");
	if (run->failed)
		core_trace(run->core, run->last_call.b, traced, stderr);
	core_free(&run->core);
	userstates_close(&run->users);
	for (size_t i = 0; i < run->ntexts; i++)
		free(run->texts[i]);
	mailbox_close(&run->mailbox);
}

static bool
run_file(const char *file)
{
	struct run *run = mem_must(sizeof(*run));
	FILE *f = fopen(file, "r");
	char line[1024], command[128];
	unsigned times = 0;
	int again_line = 0;
	long again = 0;
	bool ok;

	run->file = file;
	run->durable = true;
	run->mono_ms = 1000;
	str_copy(run->dir, sizeof(run->dir), "/tmp/scenario.XXXXXX");
	if (f == NULL || mkdtemp(run->dir) == NULL) {
		perror(file);
		exit(1);
	}
	default_settings(run);
	start_core(run);
	connect_both(run);
	while (fgets(line, sizeof(line), f) != NULL) {
		run->line++;
		if (sscanf(line, "repeat %u", &times) == 1) {
			again = ftell(f);
			again_line = run->line;
		} else if (strcmp(line, "end\n") != 0) {
			one_line(run, line);
		} else if (times-- > 1) {
			fseek(f, again, SEEK_SET);
			run->line = again_line;
		}
	}
	fclose(f);
	finish(run);
	snprintf(command, sizeof(command), "rm -rf '%s'", run->dir);
	ok = system(command) == 0 && !run->failed;
	printf("%s %s\n", ok ? "ok" : "FAILED", file);
	free(run);
	return ok;
}

int
main(int argc, char **argv)
{
	glob_t files = { 0 };
	bool ok = true;

	setenv("TZ", "UTC", 1);
	digest_init();
	log_open("scenario");
	log_setup(getenv("SCENARIO_LOG") != NULL ? LL_DEBUG : LL_ERROR, "", true);
	for (int i = 1; i < argc; i++)
		ok = run_file(argv[i]) && ok;
	if (argc > 1)
		return ok ? 0 : 1;
	if (glob("test/scenario/*.txt", 0, NULL, &files) != 0) {
		fprintf(stderr, "no test/scenario/*.txt here\n");
		return 1;
	}
	for (size_t i = 0; i < files.gl_pathc; i++)
		ok = run_file(files.gl_pathv[i]) && ok;
	globfree(&files);
	return ok ? 0 : 1;
}
