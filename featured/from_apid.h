/* SPDX-License-Identifier: ISC */
/*
 * What apid asks (schema/api.def), and the figures that all daemons tell. main.c hands every
 * message of apid to from_apid(), and `gauge` statements of sipd and mediad to gauge_told().
 * Answers from memory only.
 */
#ifndef WARDEN_FEATURED_FROM_APID_H
#define WARDEN_FEATURED_FROM_APID_H

#include "common/ipc/peer.h"
#include "featured/settings.h"

struct auth;
struct bindings;
struct core;
struct db;
struct gauges;
struct mailbox;
struct spool;
struct tokens;
struct userstates;

/* What from_apid() works with; main.c's root struct holds one. settings is replaced on a reload. */
struct api_context {
	const struct settings	*settings;
	struct auth			*auth;
	struct bindings			*bindings;
	struct core			*core;
	struct db			*db;
	struct spool			*spool;
	struct tokens			*tokens;
	struct watch		*watch;
	struct userstates		*users;
	struct mailbox			*mailbox;
	struct gauges			*gauges;
	struct ipc_server		*server;
	uint64_t			 started_ms;
	/* Reads the settings again, like SIGHUP. Returns 0, or -EINVAL with the reason in err. */
	int				(*reload)(void *arg, char *err, size_t err_size);
	void				*arg;
};

void from_apid(struct api_context *api, struct ipc_peer *peer, const struct ipc_msg *msg);
/* from_apid_transfer.c: false: the message is none of those. */
bool from_apid_transfer(struct api_context *api, struct ipc_peer *peer, const struct ipc_msg *msg);

/* from_apid_record.c: the same. */
bool from_apid_record(struct api_context *api, struct ipc_peer *peer, const struct ipc_msg *msg);

/* from_apid_user.c: the same. */
bool from_apid_user(struct api_context *api, struct ipc_peer *peer, const struct ipc_msg *msg);

/* from_apid_voicemail.c: the same. */
bool from_apid_voicemail(struct api_context *api, struct ipc_peer *peer, const struct ipc_msg *msg);

int gauges_new(struct gauges **out);
void gauges_free(struct gauges **g);
/* role: enum ipc_role of the teller. */
void gauge_told(struct gauges *g, uint8_t role, const struct msg_gauge *m);

#endif
