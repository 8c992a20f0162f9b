/* SPDX-License-Identifier: ISC */
/*
 * A request outside of dialogs that waits for featured's word: REGISTER, SUBSCRIBE, PUBLISH,
 * MESSAGE. One without credentials will be challenged, and a challenge is given without a
 * transaction (RFC 3261 section 26.3.2.4): the message is held. Each ends with exactly one answer,
 * because every IPC request ends once.
 */
#ifndef WARDEN_SIPD_ASKED_H
#define WARDEN_SIPD_ASKED_H

#include "common/ipc/peer.h"
#include "sipd/sipd.h"

#define ASKED_DEADLINE_MS   4000
#define ASKED_RETRY_AFTER_S 10

struct asked {
	nta_incoming_t *irq;
	msg_t *msg;
	tport_t *tport; /* by which msg came; a reference */
};

/*
 * May featured be asked now, about one who has passed the gate (gate.h)? Else the request has been
 * answered (or is dropped, so that the phone sends it again: featured is just restarting) and msg
 * is gone. Also refuses what a Require header wants and we do not have, but for the tag also (NULL
 * none).
 */
bool asked_may(msg_t *msg, const sip_t *sip, const char *also);
/*
 * The same for a request that makes no dialog with its user as the target: not inside a dialog
 * (481), and not too far away (483).
 */
bool asked_may_user(msg_t *msg, const sip_t *sip, const char *also);

/* Takes msg. False: it is gone without an answer. */
bool asked_begin(struct asked *a, msg_t *msg, sip_t *sip, bool credentials);

/*
 * Asks featured; cb gets a's struct as arg. False: answered with 503, and asked_end() has been
 * done.
 */
bool asked_send(struct asked *a, uint16_t type, const void *body, ipc_reply_cb *cb, void *arg);

/* The server transaction; NULL when it cannot be made. Answer it with nta_incoming_treply(), then
 * asked_end(). */
nta_incoming_t *asked_take(struct asked *a);
/* Lets go of what is left. */
void asked_end(struct asked *a);

/* These answer; asked_end() is still to be called. */
void asked_challenge(struct asked *a, const char *realm, const char *nonce, bool stale);
void asked_watch_challenge(struct asked *a, const struct msg_watch_challenge *m);
void asked_too_brief(struct asked *a, uint32_t min_expires_s);
/* featured's error: its status, or 503 with Retry-After for the daemons' own troubles. */
void asked_failed(struct asked *a, const struct msg_error *e);

/* The user part of a URI, unescaped. False: none, or too long. out has size bytes. */
bool asked_user(char *out, size_t size, const url_t *url);
/*
 * Whom it is for and whom it is from: the users of the request URI and From. 64 octets each, as all
 * messages have them. False: it is for nobody.
 */
bool asked_users(char to[65], char from[65], const sip_t *sip);
/* Where it came from, and by what kind of phone ("" unknown). */
void asked_source(char source[57], uint8_t *transport, const sip_t *sip);
void asked_agent(char agent[129], const sip_t *sip);
/* Seconds of the Expires header; UINT32_MAX: none. */
uint32_t asked_expires(const sip_t *sip);

#endif
