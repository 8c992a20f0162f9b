/* SPDX-License-Identifier: ISC */
/*
 * The registrar: REGISTERs as sipd passes them (schema/reg.def) against auth and bindings, by RFC
 * 3261 section 10.3, RFC 3327 (Path), and what phones really send. from_sipd.c calls it; every
 * request is answered before register_request() returns.
 */
#ifndef WARDEN_REG_REGISTER_H
#define WARDEN_REG_REGISTER_H

#include "common/ipc/peer.h"
#include "featured/reg/auth.h"
#include "featured/reg/bindings.h"

struct registrar;

/* auth and bindings are borrowed. Returns 0 or -errno. */
int registrar_new(struct registrar **out, const struct settings *settings, struct auth *auth,
    struct bindings *bindings);
void registrar_free(struct registrar **r);
void registrar_settings(struct registrar *r, const struct settings *settings);

/* MSG_reg_contact: kept until the reg_request with the same txn, or until the peer is lost. */
void register_contact(struct registrar *r, const struct msg_reg_contact *m);
/* MSG_reg_request with its request id: replies to peer. */
void register_request(struct registrar *r, struct ipc_peer *peer, uint32_t id,
    const struct msg_reg_request *m);
/* sipd's connection is gone: forgets contacts without a request. */
void register_lost(struct registrar *r);

/*
 * Called after a phone has registered, refreshed or left, with its AOR's user: presence, message
 * waiting and the call core may want to know. NULL none.
 */
void registrar_watch(struct registrar *r, void (*cb)(void *arg, const char *user, bool registered),
    void *arg);

#endif
