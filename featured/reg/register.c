/* SPDX-License-Identifier: ISC */
/*
 * See register.h. RFC 3261 section 10.3, in its order: who are you, which AOR, may you, then all
 * contacts are looked at before the first is changed, so that a REGISTER is carried out whole or
 * not at all. Called by from_sipd.c; waits for nothing.
 */
#include "featured/reg/register.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#define CONTACTS_MAX	16
#define NOT_SAID	UINT32_MAX
/*
 * A request with a lower CSeq than the last one of its Call-ID within this time was overtaken on
 * its way; later, the phone has begun anew.
 */
#define OVERTAKEN_MS	32000

struct registrar {
	const struct settings	*settings;
	struct auth		*auth;
	struct bindings		*bindings;
	uint64_t		 txn;		/* whose contacts these are */
	struct msg_reg_contact	 contacts[CONTACTS_MAX];
	size_t			 n;
	bool			 too_many;
	void			(*watch)(void *arg, const char *user, bool registered);
	void			*watch_arg;
	struct log_bucket	 log;
};

/* One REGISTER while it is worked on. */
struct work {
	struct registrar		*r;
	const struct msg_reg_request	*m;
	struct ipc_peer			*peer;
	uint32_t			 id;
	uint64_t			 now_ms;
	char				 aor[AOR_LEN + 1];
	char				 moved_from[57];	/* see reg_accepted */
};

int
registrar_new(struct registrar **out, const struct settings *settings, struct auth *auth,
    struct bindings *bindings)
{
	struct registrar *r = mem_new(sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	r->settings = settings;
	r->auth = auth;
	r->bindings = bindings;
	*out = r;
	return 0;
}

void
registrar_free(struct registrar **r)
{
	mem_free(r);
}

void
registrar_settings(struct registrar *r, const struct settings *settings)
{
	r->settings = settings;
}

void
registrar_watch(struct registrar *r, void (*cb)(void *arg, const char *user, bool registered),
    void *arg)
{
	r->watch = cb;
	r->watch_arg = arg;
}

static void
forget(struct registrar *r)
{
	r->n = 0;
	r->too_many = false;
	r->txn = 0;
}

void
register_lost(struct registrar *r)
{
	forget(r);
}

void
register_contact(struct registrar *r, const struct msg_reg_contact *m)
{
	if (m->txn != r->txn) {
		forget(r);
		r->txn = m->txn;
	}
	if (r->n == CONTACTS_MAX)
		r->too_many = true;
	else
		r->contacts[r->n++] = *m;
}

/* ---- contacts ---- */

static bool
is_sip(const char *uri)
{
	return strncasecmp(uri, "sip:", 4) == 0 || strncasecmp(uri, "sips:", 5) == 0;
}

/* Seconds that this contact asks for; 0 removes it. */
static uint32_t
wanted(const struct work *w, const struct msg_reg_contact *c)
{
	uint32_t s = c->expires_s != NOT_SAID ? c->expires_s : w->m->expires_s;

	if (s == NOT_SAID)
		s = (uint32_t)w->r->settings->registration.default_expires_s;
	if (s > w->r->settings->registration.max_expires_s)
		s = (uint32_t)w->r->settings->registration.max_expires_s;
	return s;
}

/* The value of a header parameter such as +sip.instance, as sent; len 0: not there. */
static const char *
param(const char *params, const char *name, size_t *len)
{
	size_t n = strlen(name);

	*len = 0;
	for (const char *p = params; *p != '\0';) {
		const char *end = p;
		bool quoted = false;

		while (*p == ';' || *p == ' ')
			p++;
		for (end = p; *end != '\0' && (quoted || *end != ';'); end++)
			quoted ^= *end == '"';
		if (strncasecmp(p, name, n) == 0 && p[n] == '=') {
			*len = (size_t)(end - p) - n - 1;
			return p + n + 1;
		}
		p = end;
	}
	return "";
}

static bool
same_param(const char *a, const char *b, const char *name)
{
	size_t alen, blen;
	const char *av = param(a, name, &alen), *bv = param(b, name, &blen);

	return alen == blen && memcmp(av, bv, alen) == 0;
}

/* Without its port and what follows: "sip:1001@10.0.0.5"; bytes of it. */
static size_t
uri_host_len(const char *uri)
{
	const char *at = strchr(uri, '@');
	const char *host = at != NULL ? at + 1 : strchr(uri, ':') + 1;

	if (*host == '[')
		host += strcspn(host, "]");
	return (size_t)(host - uri) + strcspn(host, ":;");
}

/*
 * The same Call-ID (RFC 3261 section 10.2.4: a phone keeps it as long as it runs), over TCP, the same user and host: its Contact
 * names the port of its connection, which is another one now.
 */
static bool
same_flow(const struct work *w, const struct msg_reg_contact *c, const struct binding *one)
{
	size_t n = uri_host_len(one->uri);

	return w->r->n == 1 && one->transport == SIP_TRANSPORT_TCP && w->m->transport == SIP_TRANSPORT_TCP &&
	    str_eq(one->sip_call_id, w->m->sip_call_id) && w->m->cseq > one->cseq && !str_eq(one->source, w->m->source) &&
	    uri_host_len(c->uri) == n && strncasecmp(one->uri, c->uri, n) == 0;
}

/*
 * The binding that this contact refreshes: the same URI, or the same device and flow (RFC 5626
 * section 6: +sip.instance and reg-id) that has come back with another address after a restart, or a phone whose TCP connection is another.
 */
static struct binding *
match(const struct work *w, const struct msg_reg_contact *c)
{
	struct binding *one;
	size_t len;

	for (one = bindings_first(w->r->bindings, w->aor); one != NULL; one = bindings_next(one)) {
		if (str_eq(one->uri, c->uri))
			return one;
	}
	param(c->params, "+sip.instance", &len);
	for (one = bindings_first(w->r->bindings, w->aor); one != NULL; one = bindings_next(one)) {
		if (len > 0 ? same_param(one->params, c->params, "+sip.instance") &&
		            same_param(one->params, c->params, "reg-id")
		            : same_flow(w, c, one))
			return one;
	}
	return NULL;
}

static bool
is_overtaken(const struct work *w, const struct binding *one)
{
	return str_eq(one->sip_call_id, w->m->sip_call_id) && w->m->cseq < one->cseq &&
	    w->now_ms < one->updated_ms + OVERTAKEN_MS;
}

static void
fill(const struct work *w, const struct msg_reg_contact *c, struct binding *b)
{
	const struct msg_reg_request *m = w->m;

	str_copy(b->uri, sizeof(b->uri), c->uri);
	str_copy(b->params, sizeof(b->params), c->params);
	str_copy(b->source, sizeof(b->source), m->source);
	str_copy(b->path, sizeof(b->path), m->path);
	str_copy(b->user_agent, sizeof(b->user_agent), m->user_agent);
	str_copy(b->sip_call_id, sizeof(b->sip_call_id), m->sip_call_id);
	b->cseq = m->cseq;
	b->q = c->q;
	b->transport = m->transport;
	b->updated_ms = w->now_ms;
	b->expires_ms = w->now_ms + (uint64_t)wanted(w, c) * 1000;
}

/* False: no room. */
static bool
apply(struct work *w, const struct msg_reg_contact *c)
{
	struct binding *one = match(w, c), fresh = { 0 };

	if (one != NULL && is_overtaken(w, one))
		return true;
	if (wanted(w, c) == 0) {
		if (one != NULL)
			bindings_remove(w->r->bindings, one, "unregistered");
		return true;
	}
	if (one != NULL) {
		if (!str_eq(one->sip_call_id, w->m->sip_call_id)) {
			one->anew_ms = w->now_ms;
			bindings_set_told_empty(one, false);
		}
		if (one->transport == SIP_TRANSPORT_TCP && w->m->transport == SIP_TRANSPORT_TCP &&
		    !str_eq(one->source, w->m->source))
			str_copy(w->moved_from, sizeof(w->moved_from), one->source);
		fill(w, c, one);
		bindings_changed(w->r->bindings, one);
		return true;
	}
	str_copy(fresh.aor, sizeof(fresh.aor), w->aor);
	fresh.since_ms = fresh.anew_ms = w->now_ms;
	fill(w, c, &fresh);
	if (bindings_add(w->r->bindings, &fresh) == NULL)
		return false;
	log_info("contact registered", kv_s("aor", w->aor), kv_s("contact", c->uri),
	    kv_s("source", w->m->source), kv_u("expires_s", wanted(w, c)),
	    kv_s("user_agent", w->m->user_agent));
	return true;
}

/* ---- replies ---- */

static void
refuse(const struct work *w, uint16_t status, const char *reason)
{
	log_limited(&w->r->log, LL_INFO, "REGISTER refused", kv_u("status", status),
	    kv_s("reason", reason), kv_s("user", w->m->aor_user), kv_s("source", w->m->source));
	ipc_reply_error(w->peer, w->id, status, reason);
}

static void
accept_all(const struct work *w)
{
	struct msg_reg_accepted done = { 0 };
	struct msg_reg_binding item = { 0 };

	for (struct binding *b = bindings_first(w->r->bindings, w->aor); b != NULL;
	     b = bindings_next(b)) {
		if (b->expires_ms <= w->now_ms)
			continue;
		str_copy(item.uri, sizeof(item.uri), b->uri);
		str_copy(item.params, sizeof(item.params), b->params);
		item.expires_s = (uint32_t)((b->expires_ms - w->now_ms + 999) / 1000);
		ipc_reply_item(w->peer, w->id, MSG_reg_binding, &item);
		done.count++;
	}
	str_copy(done.moved_from, sizeof(done.moved_from), w->moved_from);
	ipc_reply(w->peer, w->id, MSG_reg_accepted, &done);
}

static void
challenge(const struct work *w, const struct auth_verdict *v)
{
	struct msg_reg_challenge c = { .stale = v->stale };

	str_copy(c.realm, sizeof(c.realm), v->realm);
	str_copy(c.nonce, sizeof(c.nonce), v->nonce);
	ipc_reply(w->peer, w->id, MSG_reg_challenge, &c);
}

/* ---- the request ---- */

/* True: this source may change this AOR. Else it has been answered. */
static bool
may(const struct work *w)
{
	const struct auth_request req = AUTH_REQUEST(w->m);
	struct auth_verdict v;

	auth_check(w->r->auth, &req, w->now_ms, &v);
	switch (v.result) {
	case AUTH_OK:
		break;
	case AUTH_CHALLENGE:
		challenge(w, &v);
		return false;
	case AUTH_FORBIDDEN:
		refuse(w, 403, "wrong credentials");
		return false;
	case AUTH_BANNED:
		refuse(w, 403, "banned");
		return false;
	}
	/* In this order, so that who is not the AOR's user learns nothing of it. */
	if (v.user[0] != '\0' && !str_eq(v.user, w->m->aor_user)) {
		refuse(w, 403, "not your address of record");
		return false;
	}
	if (settings_extension(w->r->settings, w->m->aor_user) == NULL) {
		refuse(w, 404, "no such address of record");
		return false;
	}
	return true;
}

/* Contact: *. True: done. */
static bool
remove_all(const struct work *w)
{
	struct binding *b, *next;

	if (w->m->expires_s != 0 || w->r->n > 1) {
		refuse(w, 400, "Contact: * wants Expires: 0 and no other contact");
		return false;
	}
	for (b = bindings_first(w->r->bindings, w->aor); b != NULL; b = next) {
		next = bindings_next(b);
		if (!is_overtaken(w, b))
			bindings_remove(w->r->bindings, b, "unregistered");
	}
	return true;
}

/* All contacts, before any is changed. True: they can be carried out. */
static bool
check_contacts(const struct work *w)
{
	const struct registrar *r = w->r;
	int64_t min = r->settings->registration.min_expires_s;

	if (r->too_many) {
		refuse(w, 400, "too many contacts");
		return false;
	}
	for (size_t i = 0; i < r->n; i++) {
		uint32_t s = wanted(w, &r->contacts[i]);

		if (!is_sip(r->contacts[i].uri)) {
			refuse(w, 400, "a Contact that is no SIP URI");
			return false;
		}
		if (s > 0 && s < min) {
			struct msg_reg_too_brief brief = { .min_expires_s = (uint32_t)min };

			ipc_reply(w->peer, w->id, MSG_reg_too_brief, &brief);
			return false;
		}
	}
	return true;
}

static bool
change(struct work *w)
{
	struct registrar *r = w->r;

	if (w->m->star)
		return remove_all(w);
	if (!check_contacts(w))
		return false;
	for (size_t i = 0; i < r->n; i++) {
		/* Cisco's keep-alive says expires=0 and does not mean it. */
		if (w->m->keepalive && wanted(w, &r->contacts[i]) == 0)
			continue;
		if (!apply(w, &r->contacts[i])) {
			refuse(w, 503, "no room for another contact");
			return false;
		}
	}
	return true;
}

void
register_request(struct registrar *r, struct ipc_peer *peer, uint32_t id,
    const struct msg_reg_request *m)
{
	struct work w = { .r = r, .m = m, .peer = peer, .id = id, .now_ms = clock_real_ms() };

	/*
	 * Contacts of another transaction, or fewer than were sent: a peer that came back in
	 * between.
	 */
	if (m->txn != r->txn)
		forget(r);
	if (!m->star && !r->too_many && r->n != m->contacts) {
		ipc_reply_error(peer, id, 503, "contacts were lost");
		forget(r);
		return;
	}
	str_format(w.aor, sizeof(w.aor), "%s@%s", m->aor_user, r->settings->server.domain);
	if (may(&w) && change(&w)) {
		accept_all(&w);
		if (r->watch != NULL)
			r->watch(r->watch_arg, m->aor_user,
			    bindings_first(r->bindings, w.aor) != NULL);
	}
	forget(r);
}
