/* SPDX-License-Identifier: ISC */
/*
 * Stands in for featured in tests of sipd alone: takes every registration and every call, dials the
 * newest binding of the called user, and passes SDP through, both ways and unread. Keeps its state
 * over sipd's restarts, not over its own. usage: sip_peer RUN_DIR [-a] [-c] [-n]   -a: log every
 * message's text form to stderr; -c: challenge who sends no credentials (any will do); -n: dial the
 * contact's URI, not its source
 */
#include <systemd/sd-event.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/ipc/peer.h"

struct binding {
	UT_hash_handle hh;
	char user[65];
	char uri[256];
	char params[256];
	char source[57];
	uint8_t transport;
	uint32_t expires_s;
};

struct half {
	UT_hash_handle hh;
	uint64_t leg;
	struct half *other;
	bool a;
	bool up;
	bool gone;
	bool heard;
	uint32_t serial;
	char user[65];
};

static struct {
	struct ipc_server *server;
	struct ipc_peer *peer;
	struct binding *bindings;
	struct half *halves;
	struct msg_reg_contact contact;
	bool have_contact;
	bool verbose;
	bool challenge;
	bool no_route;
} self;

static struct half *
half_find(uint64_t leg)
{
	struct half *h;

	HASH_FIND(hh, self.halves, &leg, sizeof(leg), h);
	return h;
}

static struct half *
half_new(uint64_t leg, bool a)
{
	struct half *h = mem_must(sizeof(*h));

	h->leg = leg;
	h->a = a;
	HASH_ADD(hh, self.halves, leg, sizeof(h->leg), h);
	return h;
}

static void
say(uint16_t type, const void *body)
{
	ipc_send(self.peer, type, body);
}

static void
on_offered(const struct msg_leg_offered *m)
{
	struct msg_leg_dial d = {
		.leg = id_u64(), .max_forwards = m->max_forwards - 1, .ring_s = 60
	};
	struct half *a, *b;
	struct binding *to;

	if (self.challenge && !m->auth_present) {
		say(MSG_leg_challenge,
		    &(struct msg_leg_challenge){ .leg = m->leg, .realm = "warden", .nonce = "n" });
		return;
	}
	say(MSG_leg_taken, &(struct msg_leg_taken){ .leg = m->leg });
	if (m->over || half_find(m->leg) != NULL)
		return;
	HASH_FIND_STR(self.bindings, m->to_user, to);
	if (to == NULL) {
		say(MSG_leg_refuse,
		    &(struct msg_leg_refuse){ .leg = m->leg, .status = 404, .q850_cause = 1 });
		return;
	}
	a = half_new(m->leg, true);
	b = half_new(d.leg, false);
	a->other = b;
	b->other = a;
	str_copy(a->user, sizeof(a->user), m->from_user);
	str_copy(b->user, sizeof(b->user), m->to_user);
	str_copy(d.request_uri, sizeof(d.request_uri), to->uri);
	if (!self.no_route) {
		str_copy(d.route, sizeof(d.route), to->source);
		d.transport = to->transport;
	}
	str_copy(d.from_user, sizeof(d.from_user), m->from_user);
	str_copy(d.from_domain, sizeof(d.from_domain), m->from_domain);
	str_copy(d.from_name, sizeof(d.from_name), m->from_name);
	str_copy(d.to_user, sizeof(d.to_user), m->to_user);
	str_copy(d.to_domain, sizeof(d.to_domain), m->to_domain);
	str_copy(d.call_uuid, sizeof(d.call_uuid), "0193a0b0-0000-7000-8000-000000000000");
	d.sdp = m->sdp;
	say(MSG_leg_dial, &d);
}

static void
half_free(struct half *h)
{
	if (h->other != NULL)
		h->other->other = NULL;
	HASH_DEL(self.halves, h);
	free(h);
}

static void
on_gone(const struct msg_leg_gone *m)
{
	struct half *h = half_find(m->leg), *o;

	say(MSG_leg_forget, &(struct msg_leg_forget){ .leg = m->leg });
	if (h == NULL)
		return;
	o = h->other;
	if (o != NULL && !o->up && o->a) {
		say(MSG_leg_refuse,
		    &(struct msg_leg_refuse){ .leg = o->leg,
		        .status = m->status >= 300 ? m->status : 480,
		        .q850_cause = m->q850_cause });
		half_free(o);
	} else if (o != NULL) {
		struct msg_leg_hangup m2 = { .leg = o->leg, .q850_cause = 16 };
		struct binding *now;

		HASH_FIND_STR(self.bindings, o->user, now);
		if (now != NULL && now->transport == SIP_TRANSPORT_TCP)
			str_copy(m2.route, sizeof(m2.route), now->source);
		say(MSG_leg_hangup, &m2);
	}
	half_free(h);
}

static void
on_leg(const struct ipc_msg *msg)
{
	struct half *h = half_find(*(const uint64_t *)msg->body), *o = h != NULL ? h->other : NULL;
	const struct msg_leg_ringing *ringing;
	const struct msg_leg_answered *answered;
	const struct msg_leg_reoffer *reoffer;
	const struct msg_leg_reinvited *reinvited;

	switch (msg->type) {
	case MSG_leg_ringing:
		ringing = msg->body;
		if (o != NULL)
			say(MSG_leg_progress,
			    &(struct msg_leg_progress){
			        .leg = o->leg, .status = ringing->status, .sdp = ringing->sdp });
		break;
	case MSG_leg_answered:
		answered = msg->body;
		say(MSG_leg_settled, &(struct msg_leg_settled){ .leg = answered->leg });
		if (h != NULL)
			h->up = true;
		if (o != NULL) {
			o->up = true;
			say(MSG_leg_answer,
			    &(struct msg_leg_answer){ .leg = o->leg, .sdp = answered->sdp });
		}
		break;
	case MSG_leg_reoffer:
		reoffer = msg->body;
		if (o == NULL) {
			say(MSG_leg_reanswer,
			    &(struct msg_leg_reanswer){
			        .leg = reoffer->leg, .serial = reoffer->serial, .status = 481 });
			break;
		}
		h->serial = reoffer->serial;
		say(MSG_leg_reinvite,
		    &(struct msg_leg_reinvite){ .leg = o->leg, .sdp = reoffer->sdp });
		break;
	case MSG_leg_reinvited:
		reinvited = msg->body;
		if (o != NULL)
			say(MSG_leg_reanswer,
			    &(struct msg_leg_reanswer){ .leg = o->leg,
			        .serial = o->serial,
			        .status = reinvited->status,
			        .sdp = reinvited->sdp });
		break;
	default:
		break;
	}
}

static void
on_register(struct ipc_peer *peer, const struct ipc_msg *msg)
{
	const struct msg_reg_request *r = msg->body;
	struct binding *b;

	if (self.challenge && !r->auth_present) {
		self.have_contact = false;
		ipc_reply(peer, msg->id, MSG_reg_challenge,
		    &(struct msg_reg_challenge){ .realm = "warden", .nonce = "n" });
		return;
	}
	HASH_FIND_STR(self.bindings, r->aor_user, b);
	if (self.have_contact) {
		if (b == NULL) {
			b = mem_must(sizeof(*b));
			str_copy(b->user, sizeof(b->user), r->aor_user);
			HASH_ADD_STR(self.bindings, user, b);
		}
		str_copy(b->uri, sizeof(b->uri), self.contact.uri);
		str_copy(b->params, sizeof(b->params), self.contact.params);
		str_copy(b->source, sizeof(b->source), r->source);
		b->transport = r->transport;
		b->expires_s = self.contact.expires_s != UINT32_MAX ? self.contact.expires_s
		    : r->expires_s != UINT32_MAX                    ? r->expires_s
		                                                    : 3600;
	}
	if ((r->star || (b != NULL && b->expires_s == 0)) && b != NULL) {
		HASH_DEL(self.bindings, b);
		free(b);
		b = NULL;
	}
	self.have_contact = false;
	if (b != NULL) {
		struct msg_reg_binding out = { .expires_s = b->expires_s };

		str_copy(out.uri, sizeof(out.uri), b->uri);
		str_copy(out.params, sizeof(out.params), b->params);
		ipc_reply_item(peer, msg->id, MSG_reg_binding, &out);
	}
	ipc_reply(peer, msg->id, MSG_reg_accepted,
	    &(struct msg_reg_accepted){ .count = b != NULL });
}

/* After a restart of sipd: what it does not name is over; what is half way is ordered again. */
static void
on_sync_end(void)
{
	struct half *h, *next;

	HASH_ITER(hh, self.halves, h, next)
	if (!h->heard)
		fprintf(stderr, "LOST leg %016" PRIx64 "\n", h->leg);
}

static void
on_message(void *arg, struct ipc_peer *peer, const struct ipc_msg *msg)
{
	struct buf text = BUF_INIT(65536);
	struct half *h;

	(void)arg;
	if (self.verbose && msg->type != MSG_gauge) {
		ipc_print(&text, msg->type, msg->body);
		fprintf(stderr, "> %s\n", text.data);
		buf_free(&text);
	}
	switch (msg->type) {
	case MSG_leg_offered:
		on_offered(msg->body);
		break;
	case MSG_leg_gone:
		on_gone(msg->body);
		break;
	case MSG_reg_contact:
		self.contact = *(const struct msg_reg_contact *)msg->body;
		self.have_contact = true;
		break;
	case MSG_reg_request:
		on_register(peer, msg);
		break;
	case MSG_sync_begin:
		for (h = self.halves; h != NULL; h = h->hh.next)
			h->heard = false;
		break;
	case MSG_sync_leg:
		if ((h = half_find(*(const uint64_t *)msg->body)) != NULL)
			h->heard = true;
		break;
	case MSG_sync_end:
		on_sync_end();
		break;
	case MSG_gauge:
		break;
	default:
		on_leg(msg);
		break;
	}
}

static void
on_up(void *arg, struct ipc_peer *peer)
{
	(void)arg;
	self.peer = peer;
}

static void
on_down(void *arg, struct ipc_peer *peer, const char *why)
{
	(void)arg;
	(void)why;
	if (self.peer == peer)
		self.peer = NULL;
}

int
main(int argc, char **argv)
{
	const struct ipc_handler handler = { .up = on_up, .down = on_down, .message = on_message };
	const struct ipc_identity ids[] = { { getuid(), IPC_SIPD }, { 0, 0 } };
	char path[300];
	sd_event *event;

	if (argc < 2)
		fatal("usage: %s RUN_DIR [-a] [-c] [-n]", argv[0]);
	for (int i = 2; i < argc; i++) {
		self.verbose |= str_eq(argv[i], "-a");
		self.challenge |= str_eq(argv[i], "-c");
		self.no_route |= str_eq(argv[i], "-n");
	}
	log_open("sip_peer");
	str_format(path, sizeof(path), "%s/featured.sock", argv[1]);
	if (sd_event_default(&event) < 0 ||
	    ipc_listen(&self.server, event, IPC_FEATURED, path, -1, ids, &handler) < 0)
		fatal("cannot listen on %s", path);
	return sd_event_loop(event) < 0;
}
