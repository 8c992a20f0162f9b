/* SPDX-License-Identifier: ISC */
/*
 * The SIP dialog of a leg (RFC 3261 section 12): making it from an INVITE or for one, taking it up
 * again after a restart, requests inside it. Each request's CSeq is in the checkpoint before the
 * request is on the wire.
 */
#ifndef WARDEN_SIPD_DIALOG_H
#define WARDEN_SIPD_DIALOG_H

#include "sipd/leg.h"

#define DIALOG_TAG_LEN 16

/* The URIs by which we would have to route are sip: or sips: with a host. */
bool dialog_uris_ok(const sip_t *sip);

/* Makes the dialog of an incoming INVITE (msg, sip). to_tag: ours. Returns 0 or -ENOMEM. */
int dialog_from_invite(struct leg *leg, const msg_t *msg, const sip_t *sip, const char *to_tag);

/* Makes the dialog of an INVITE that we are going to send, from id_text, which the caller has
 * filled. */
int dialog_for_invite(struct leg *leg);

/* A 2xx (or a 1xx with tag) to our INVITE: the far end's tag, target and route set. Returns 0 or
 * -errno. */
int dialog_confirm(struct leg *leg, const sip_t *response);

/* Contact of a request or 2xx inside the dialog: target refresh (RFC 3261 section 12.2). */
void dialog_refresh_target(struct leg *leg, const sip_t *sip);

/* Makes the dialog anew from id_text, cseq and the far end's last CSeq, silently. */
int dialog_restore(struct leg *leg, uint32_t remote_cseq);

/*
 * The URI to send to, or NULL: as target and route say. For nta's route_url; valid until the next
 * call. The source of a TCP connection that is gone is nobody's address: then it is the target's,
 * by TCP.
 */
url_string_t *dialog_hop(const struct leg *leg);

/*
 * Requests go to hop (nat_hop()'s) from now on, "" to where target or route say. conn: the TCP connection that it is (NULL: none that is known to
 * be this phone's). False: out of memory.
 */
bool dialog_id_set_hop(struct dialog_id *id, const char *hop, const void *conn);
/* The same; something has just come in over it. */
bool dialog_id_came_by(struct dialog_id *id, const char *hop);
/* Is next_hop a TCP connection that is still there? */
bool dialog_id_connected(const struct dialog_id *id);

/* The same for a dialog that is no leg's. */
url_string_t *dialog_id_hop(const struct dialog_id *id, uint8_t transport);
void dialog_id_free(struct dialog_id *id);

/* For nta_outgoing_tcreate()'s tags: the address of ours to send from. */
#define DIALOG_BIND(leg) TAG_IF((leg)->bind != NULL, TPTAG_IDENT((leg)->bind))

/* The far end's TCP connection is gone and it has another one, from "IP:PORT" (RFC 3261 section 18: what a dead port in its Contact
 * cannot reach). Requests go there from now on; "" or a connection that is not there: nothing changes. */
void dialog_connection(struct leg *leg, const char *route);

/* What went to user by the connection from, which is gone, goes to to; both as nat_hop() writes them. False: this leg's did not, or it is there. */
bool dialog_moved(struct leg *leg, const char *user, const char *from, const char *to);

/*
 * Takes the next CSeq and saves it. Call directly before nta_outgoing_tcreate() on leg->dialog for
 * anything but ACK and CANCEL.
 */
void dialog_next_cseq(struct leg *leg);

/* ACK to a 2xx of our INVITE. sdp: the answer to a late offer, NULL none. */
void dialog_ack(struct leg *leg, const struct ipc_view *sdp);

/* BYE, told to nobody: leg->bye is set until it is answered. */
void dialog_bye(struct leg *leg, uint8_t q850);

void dialog_destroy(struct leg *leg);
void dialog_forks_free(struct leg *leg);

/* A new Via branch into leg->branch. */
void dialog_new_branch(struct leg *leg);

/* The value of a header as text on the heap, NULL when out of memory or absurdly long. */
char *dialog_header_text(const void *header);
char *dialog_url_text(const url_t *url); /* the same for a URI, without headers */

#endif
