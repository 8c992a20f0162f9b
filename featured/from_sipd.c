/* SPDX-License-Identifier: ISC */
/*
 * Messages of sipd: registrations go to reg/, figures to the gauges, everything about legs to the
 * call core. And the core's questions about users: where they can be reached, and whether they are
 * who they say.
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/featured.h"

#define BANS_TOLD 512

void
from_sipd(struct featured *f, struct ipc_peer *peer, const struct ipc_msg *msg)
{
	switch (msg->type) {
	case MSG_reg_contact:
		register_contact(f->registrar, msg->body);
		break;
	case MSG_reg_request:
		register_request(f->registrar, peer, msg->id, msg->body);
		break;
	case MSG_gauge:
		gauge_told(f->gauges, IPC_SIPD, msg->body);
		break;
	case MSG_sync_begin:
		watch_sync_begin(f->watch);
		core_sipd(f->core, msg->type, msg->body);
		break;
	case MSG_sync_end:
		watch_sync_end(f->watch);
		core_sipd(f->core, msg->type, msg->body);
		break;
	default:
		if (!watch_sipd(f->watch, peer, msg, clock_real_ms()) &&
		    !core_sipd(f->core, msg->type, msg->body))
			log_warning("sipd said what nobody here understands",
			    kv_u("type", msg->type));
		break;
	}
}

static void
tell_ban(void *arg, const char *ip, uint64_t until_ms)
{
	const struct featured *f = arg;
	struct ipc_peer *sipd = ipc_server_peer(f->server, IPC_SIPD);
	struct msg_auth_ban m = { .until_ms = until_ms };

	if (sipd == NULL || ipc_peer_minor(sipd) < 1)
		return;
	str_copy(m.ip, sizeof(m.ip), ip);
	ipc_send(sipd, MSG_auth_ban, &m);
}

void
from_sipd_policy(struct featured *f)
{
	struct ipc_peer *sipd = ipc_server_peer(f->server, IPC_SIPD);
	struct msg_auth_policy m;
	struct auth_ban *bans;
	size_t n;

	auth_watch(f->auth, tell_ban, f);
	if (sipd == NULL || ipc_peer_minor(sipd) < 1)
		return;
	auth_policy(f->auth, &m);
	ipc_send(sipd, MSG_auth_policy, &m);
	/* Of who is not told sipd learns when it asks. */
	if ((bans = mem_new(BANS_TOLD * sizeof(*bans))) == NULL)
		return;
	n = auth_bans(f->auth, clock_real_ms(), bans, BANS_TOLD);
	for (size_t i = 0; i < n && i < BANS_TOLD; i++)
		tell_ban(f, bans[i].ip, bans[i].until_ms);
	mem_free(&bans);
}

static size_t
contacts(void *arg, const char *user, struct core_contact *out, size_t max)
{
	const struct featured *f = arg;
	const struct binding *found[CORE_CONTACTS_MAX];
	size_t n = bindings_lookup(f->bindings, user, clock_real_ms(), found,
	    max < CORE_CONTACTS_MAX ? max : CORE_CONTACTS_MAX);

	for (size_t i = 0; i < n; i++) {
		str_copy(out[i].uri, sizeof(out[i].uri), found[i]->uri);
		/* To where the REGISTER came from: that is what NAT lets through. With a Path it is
		 * the proxy's affair. */
		str_copy(out[i].route, sizeof(out[i].route),
		    found[i]->path[0] != '\0' ? "" : found[i]->source);
		str_copy(out[i].path, sizeof(out[i].path), found[i]->path);
		out[i].transport = found[i]->transport;
	}
	return n;
}

static enum core_auth
authenticate(void *arg, const struct msg_leg_offered *m, struct core_auth_reply *reply)
{
	struct featured *f = arg;
	struct auth_request request = AUTH_REQUEST(m);
	struct auth_verdict verdict;

	auth_check(f->auth, &request, clock_real_ms(), &verdict);
	switch (verdict.result) {
	case AUTH_OK:
		str_copy(reply->user, sizeof(reply->user), verdict.user);
		return CORE_AUTH_OK;
	case AUTH_CHALLENGE:
		str_copy(reply->realm, sizeof(reply->realm), verdict.realm);
		str_copy(reply->nonce, sizeof(reply->nonce), verdict.nonce);
		reply->stale = verdict.stale;
		return CORE_AUTH_CHALLENGE;
	case AUTH_FORBIDDEN:
		return CORE_AUTH_FORBIDDEN;
	case AUTH_BANNED:
		return CORE_AUTH_BANNED;
	}
	return CORE_AUTH_FORBIDDEN;
}

static void
parties(void *arg, const uint8_t call[UUID_LEN], const struct core_party *list, size_t n)
{
	const struct featured *f = arg;

	lamps_parties(watch_lamps(f->watch), call, list, n);
}

struct core_env
from_sipd_env(struct featured *f)
{
	return (struct core_env){
		.contacts = contacts, .auth = authenticate, .parties = parties, .arg = f
	};
}

static void
send_to_sipd(void *arg, uint16_t type, const void *body)
{
	const struct featured *f = arg;

	if (f->server != NULL)
		ipc_send(ipc_server_peer(f->server, IPC_SIPD), type, body);
}

static struct ipc_peer *
sipd_peer(void *arg)
{
	const struct featured *f = arg;

	return f->server != NULL ? ipc_server_peer(f->server, IPC_SIPD) : NULL;
}

struct texts_env
from_sipd_texts_env(struct featured *f)
{
	return (struct texts_env){
		.keep = f->keep, .bindings = f->bindings, .sipd = sipd_peer, .arg = f
	};
}

static bool
mailbox_of(void *arg, const char *user, struct watch_mailbox *out)
{
	const struct featured *f = arg;
	struct mailbox_counts n;

	if (!f->settings.features.voicemail || settings_extension(&f->settings, user) == NULL)
		return false;
	mailbox_count(f->mailbox, user, &n);
	*out = (struct watch_mailbox){ n.fresh, n.old, n.fresh_urgent, n.old_urgent };
	return true;
}

static void
on_mailbox(void *arg, const char *user)
{
	struct featured *f = arg;

	watch_mailbox_changed(f->watch, user, clock_real_ms());
	watch_flush(f->watch, clock_real_ms());
}

void
from_sipd_mailbox(struct featured *f)
{
	mailbox_watch(f->mailbox, on_mailbox, f);
}

static uint16_t
leg_ends(void *arg, uint64_t leg, char *who, char *other)
{
	return core_leg_ends(((const struct featured *)arg)->core, leg, who, other);
}

struct watch_env
from_sipd_watch_env(struct featured *f)
{
	return (struct watch_env){ .mailbox = mailbox_of,
		.leg_ends = leg_ends,
		.auth = f->auth,
		.bindings = f->bindings,
		.users = f->users,
		.texts = f->texts,
		.send = send_to_sipd,
		.arg = f };
}
