/* SPDX-License-Identifier: ISC */
/*
 * See from_apid.h. Every message of apid is a request and gets exactly one end here, at once (but
 * for reload); nothing waits for PostgreSQL. main.c calls it inside a turn of the call core.
 */
#include <errno.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/call/core.h"
#include "featured/db/db.h"
#include "featured/db/spool.h"
#include "featured/db/tokens.h"
#include "featured/gauges.h"
#include "featured/reg/auth.h"
#include "featured/reg/bindings.h"
#include "featured/watch.h"

#define RELOAD_DEADLINE_MS 2000	/* shorter than apid's own */
#define BANS_MAX 500	/* that are listed; the gauge addresses_banned counts all */

/* A request on its way through this file. */
struct asked {
	struct api_context *api;
	struct ipc_peer *peer;
	uint32_t id;
	uint32_t items;
};

static void
item(struct asked *a, uint16_t type, const void *body)
{
	ipc_reply_item(a->peer, a->id, type, body);
	a->items++;
}

static void
list_end(const struct asked *a)
{
	struct msg_list_end end = { .count = a->items };

	ipc_reply(a->peer, a->id, MSG_list_end, &end);
}

static void
done(const struct asked *a)
{
	struct msg_done m;

	ipc_reply(a->peer, a->id, MSG_done, &m);
}

/* ---- status, extensions ---- */

static void
status_get(struct asked *a)
{
	const struct api_context *api = a->api;
	struct core_stats s;
	struct msg_status m = {
		.sipd_up = core_synced(api->core, IPC_SIPD),
		.mediad_up = core_synced(api->core, IPC_MEDIAD),
		.database_up = db_up(api->db),
		.started_ms = api->started_ms,
		.registered_extensions = bindings_aors(api->bindings),
		.spooled_cdrs = spool_count(api->spool),
	};

	core_stats(api->core, &s);
	m.active_calls = s.active_calls;
	m.total_calls = s.total_calls;
	m.parked_calls = s.parked_calls;
	m.active_recordings = s.recordings;
	ipc_reply(a->peer, a->id, MSG_status, &m);
}

static void
extension_item(struct asked *a, const struct extension *x, uint64_t now_ms)
{
	const struct binding *contacts[10], *newest = NULL;
	size_t n = bindings_lookup(a->api->bindings, x->number, now_ms, contacts, 10);
	struct msg_extension_item m = { .registered = n > 0, .contacts = (uint8_t)n };

	for (size_t i = 0; i < n; i++) {
		if (newest == NULL || contacts[i]->updated_ms > newest->updated_ms)
			newest = contacts[i];
	}
	str_copy(m.number, sizeof(m.number), x->number);
	str_copy(m.name, sizeof(m.name), x->name);
	if (newest != NULL) {
		str_copy(m.contact, sizeof(m.contact), newest->uri);
		str_copy(m.user_agent, sizeof(m.user_agent), newest->user_agent);
		m.expires_ms = newest->expires_ms;
	}
	item(a, MSG_extension_item, &m);
}

static void
extensions_get(struct asked *a)
{
	const struct settings *s = a->api->settings;
	uint64_t now_ms = clock_real_ms();

	for (size_t i = 0; i < s->extensions.n; i++)
		extension_item(a, settings_extension_at(s, i), now_ms);
	list_end(a);
}

/* ---- calls ---- */

static void
on_call(void *arg, const struct msg_call_item *m)
{
	item(arg, MSG_call_item, m);
}

static void
call_get(struct asked *a, const struct msg_call_get *m)
{
	struct msg_call_item found = { 0 };

	if (core_call_get(a->api->core, m->call, &found))
		ipc_reply(a->peer, a->id, MSG_call_item, &found);
	else
		ipc_reply_error(a->peer, a->id, 404, "no such call");
}

static void
call_start(struct asked *a, const struct msg_call_start *m)
{
	struct msg_call_started started = { 0 };
	const char *reason = "";
	struct uuid call;
	uint16_t status = core_call_start(a->api->core, m->from, m->to, &call, &reason);

	if (status != 0) {
		ipc_reply_error(a->peer, a->id, status, reason);
		return;
	}
	memcpy(started.call, call.b, UUID_LEN);
	ipc_reply(a->peer, a->id, MSG_call_started, &started);
}

static void
call_hangup(struct asked *a, const struct msg_call_hangup *m)
{
	uint16_t status = core_call_hangup(a->api->core, m->call);

	if (status != 0)
		ipc_reply_error(a->peer, a->id, status, "no such call");
	else
		done(a);
}

static void
on_trace(void *arg, const struct msg_trace_item *m)
{
	item(arg, MSG_trace_item, m);
}

static void
trace_get(struct asked *a, const struct msg_trace_get *m)
{
	if (core_trace(a->api->core, m->call, on_trace, a))
		list_end(a);
	else
		ipc_reply_error(a->peer, a->id, 404, "no such call");
}

/* ---- tokens ---- */

static void
token_info(struct msg_token_info *m, const struct token *k)
{
	*m = (struct msg_token_info){ .id = k->id, .admin = k->admin, .created_ms = k->created_ms };
	str_copy(m->name, sizeof(m->name), k->name);
}

static void
token_check(const struct asked *a, const struct msg_token_check *m)
{
	const struct token *k = tokens_check(a->api->tokens, m->hash);
	struct msg_token_info info;

	if (k == NULL) {
		ipc_reply_error(a->peer, a->id, 401, "no such token");
		return;
	}
	token_info(&info, k);
	ipc_reply(a->peer, a->id, MSG_token_info, &info);
}

static void
token_create(const struct asked *a, const struct msg_token_create *m)
{
	struct msg_token_made made = { 0 };
	const struct token *k;

	if (m->name[0] == '\0') {
		ipc_reply_error(a->peer, a->id, 400, "a token needs a name");
		return;
	}
	if ((k = tokens_create(a->api->tokens, m->name, m->admin, made.token)) == NULL) {
		ipc_reply_error(a->peer, a->id, errno == ENOBUFS ? 409 : 503,
		    errno == ENOBUFS ? "there are too many tokens" : "the token cannot be stored");
		return;
	}
	made.id = k->id;
	log_info("token made", kv_u("id", k->id), kv_s("name", k->name),
	    kv_s("admin", k->admin ? "true" : "false"));
	ipc_reply(a->peer, a->id, MSG_token_made, &made);
	explicit_bzero(&made, sizeof(made));
}

static void
tokens_get(struct asked *a)
{
	struct msg_token_info info;
	const struct token *k;
	size_t i = 0;

	while ((k = tokens_next(a->api->tokens, &i)) != NULL) {
		token_info(&info, k);
		item(a, MSG_token_info, &info);
	}
	list_end(a);
}

static void
token_delete(const struct asked *a, const struct msg_token_delete *m)
{
	int r = tokens_revoke(a->api->tokens, m->id);

	if (r == 0) {
		log_info("token revoked", kv_u("id", m->id));
		done(a);
	} else {
		ipc_reply_error(a->peer, a->id, r == -ENOENT ? 404 : 503,
		    r == -ENOENT ? "no such token" : "it cannot be stored");
	}
}

/* ---- bans ---- */

static void
bans_get(struct asked *a)
{
	struct auth_ban bans[BANS_MAX];
	size_t n = auth_bans(a->api->auth, clock_real_ms(), bans, BANS_MAX);

	for (size_t i = 0; i < n && i < BANS_MAX; i++) {
		struct msg_ban_item m = {
			.failures = bans[i].failures,
			.until_ms = bans[i].until_ms,
		};

		str_copy(m.address, sizeof(m.address), bans[i].ip);
		item(a, MSG_ban_item, &m);
	}
	list_end(a);
}

static void
ban_delete(const struct asked *a, const struct msg_ban_delete *m)
{
	if (auth_unban(a->api->auth, m->address))
		done(a);
	else
		ipc_reply_error(a->peer, a->id, 404, "this address is not banned");
}

/* ---- figures ---- */

static void
figure(struct asked *a, const char *name, bool counter, uint64_t value)
{
	struct msg_gauge m = { .counter = counter, .value = value };

	str_copy(m.name, sizeof(m.name), name);
	item(a, MSG_gauge, &m);
}

static void
own_figures(struct asked *a)
{
	const struct api_context *api = a->api;
	struct auth_counts auth;
	struct core_stats s;

	core_stats(api->core, &s);
	auth_count(api->auth, &auth);
	figure(a, "calls_active", false, s.active_calls);
	figure(a, "calls_total", true, s.total_calls);
	figure(a, "calls_answered_total", true, s.answered_calls);
	figure(a, "calls_failed_total", true, s.failed_calls);
	figure(a, "calls_shed_total", true, s.shed_calls);
	figure(a, "calls_recorded", false, s.recordings);
	figure(a, "calls_parked", false, s.parked_calls);
	figure(a, "legs_active", false, s.legs);
	figure(a, "leg_events_impossible_total", true, s.impossible_events);
	figure(a, "legs_swept_total", true, s.swept_legs);
	figure(a, "commands_repeated_total", true, s.repeated_commands);
	figure(a, "extensions", false, api->settings->extensions.n);
	figure(a, "extensions_registered", false, bindings_aors(api->bindings));
	figure(a, "contacts", false, bindings_count(api->bindings));
	figure(a, "auth_accepted_total", true, auth.accepted);
	figure(a, "auth_challenged_total", true, auth.challenged);
	figure(a, "auth_stale_total", true, auth.stale);
	figure(a, "auth_replayed_total", true, auth.replayed);
	figure(a, "auth_wrong_total", true, auth.forbidden);
	figure(a, "auth_banned_total", true, auth.banned);
	figure(a, "addresses_banned", false, auth_bans(api->auth, clock_real_ms(), NULL, 0));
	figure(a, "nonces_used", false, auth.nonces);
	figure(a, "database_up", false, db_up(api->db));
	figure(a, "database_statements_waiting", false, db_queued(api->db));
	figure(a, "cdr_spooled", false, spool_count(api->spool));
	figure(a, "cdr_spool_failing", false, spool_failing(api->spool));
}

static void
gauges_get(struct asked *a)
{
	const struct gauges *g = a->api->gauges;

	own_figures(a);
	for (size_t i = 0; i < g->n; i++) {
		/* Of a daemon that is away the last figures say nothing. */
		if (ipc_server_peer(a->api->server, g->v[i].role) != NULL)
			item(a, MSG_gauge, &g->v[i].m);
	}
	list_end(a);
}

/* ---- reload ---- */

/* A reload that sipd and mediad are asked about; apid hears the first complaint, or done. */
struct reloading {
	struct api_context *api;
	struct ipc_peer *apid; /* ours, so that a new one cannot be at its address */
	uint32_t id;
	unsigned waiting;
	char why[256];
};

static void
reload_over(struct reloading *r)
{
	struct msg_done m;

	if (--r->waiting > 0)
		return;
	/* Another apid than the one that asked knows nothing of it. */
	if (ipc_server_peer(r->api->server, IPC_APID) == r->apid) {
		if (r->why[0] != '\0')
			ipc_reply_error(r->apid, r->id, 400, r->why);
		else
			ipc_reply(r->apid, r->id, MSG_done, &m);
	}
	ipc_unref(&r->apid);
	mem_free(&r);
}

static void
on_passed_on(struct reloading *r, uint8_t role, const struct ipc_msg *reply)
{
	const struct msg_error *e = reply->body;

	if (reply->type == MSG_error) {
		log_warning("settings not taken", kv_s("peer", ipc_role_name(role)),
		    kv_s("why", e->reason));
		if (r->why[0] == '\0')
			str_format(r->why, sizeof(r->why), "%s: %s", ipc_role_name(role), e->reason);
	}
	reload_over(r);
}

static void
on_sipd(void *arg, const struct ipc_msg *reply)
{
	on_passed_on(arg, IPC_SIPD, reply);
}

static void
on_mediad(void *arg, const struct ipc_msg *reply)
{
	on_passed_on(arg, IPC_MEDIAD, reply);
}

/* One that is away reads its settings when it starts. */
static void
pass_on(struct reloading *r, uint8_t role, ipc_reply_cb *cb)
{
	struct ipc_peer *peer = ipc_server_peer(r->api->server, role);
	struct msg_reload m;

	if (peer != NULL && ipc_request(peer, MSG_reload, &m, RELOAD_DEADLINE_MS, cb, r) == 0)
		r->waiting++;
}

static void
reload(const struct asked *a)
{
	char why[256] = "";
	struct reloading *r;

	if (a->api->reload == NULL || a->api->reload(a->api->arg, why, sizeof(why)) < 0) {
		ipc_reply_error(a->peer, a->id, 400,
		    why[0] != '\0' ? why : "the settings cannot be read");
		return;
	}
	if ((r = mem_new(sizeof(*r))) == NULL) {
		ipc_reply_error(a->peer, a->id, 500, "out of memory");
		return;
	}
	*r = (struct reloading){
		.api = a->api, .apid = ipc_ref(a->peer), .id = a->id, .waiting = 1
	};
	pass_on(r, IPC_SIPD, on_sipd);
	pass_on(r, IPC_MEDIAD, on_mediad);
	reload_over(r);
}

/* ---- the switch ---- */

/* Messages that featured may get from apid; false: none of them. */
static bool
dispatch(struct asked *a, const struct ipc_msg *msg)
{
	switch (msg->type) {
	case MSG_status_get:
		status_get(a);
		return true;
	case MSG_extensions_get:
		extensions_get(a);
		return true;
	case MSG_calls_get:
		core_calls(a->api->core, on_call, a);
		list_end(a);
		return true;
	case MSG_call_get:
		call_get(a, msg->body);
		return true;
	case MSG_call_start:
		call_start(a, msg->body);
		return true;
	case MSG_call_hangup:
		call_hangup(a, msg->body);
		return true;
	case MSG_trace_get:
		trace_get(a, msg->body);
		return true;
	case MSG_token_check:
		token_check(a, msg->body);
		return true;
	case MSG_token_create:
		token_create(a, msg->body);
		return true;
	case MSG_tokens_get:
		tokens_get(a);
		return true;
	case MSG_token_delete:
		token_delete(a, msg->body);
		return true;
	case MSG_bans_get:
		bans_get(a);
		return true;
	case MSG_ban_delete:
		ban_delete(a, msg->body);
		return true;
	case MSG_gauges_get:
		gauges_get(a);
		return true;
	case MSG_reload:
		reload(a);
		return true;
	}
	return from_apid_transfer(a->api, a->peer, msg) ||
	    from_apid_record(a->api, a->peer, msg) ||
	    from_apid_user(a->api, a->peer, msg) ||
	    from_apid_voicemail(a->api, a->peer, msg);
}

void
from_apid(struct api_context *api, struct ipc_peer *peer, const struct ipc_msg *msg)
{
	struct asked a = { .api = api, .peer = peer, .id = msg->id };

	if ((msg->flags & IPC_REQUEST) == 0 ||
	    (!dispatch(&a, msg) && !watch_apid(api->watch, peer, msg, clock_real_ms())))
		log_warning("apid says what nobody asked for", kv_u("type", msg->type));
}
