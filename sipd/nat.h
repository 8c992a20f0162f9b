/* SPDX-License-Identifier: ISC */
/*
 * Addresses: where a packet came from, which address of ours the far end can reach, and where to send what belongs to a
 * dialog. Behind NAT the source address is right and the Contact is not (RFC 3581, RFC 5626 in spirit).
 */
#ifndef WARDEN_SIPD_NAT_H
#define WARDEN_SIPD_NAT_H

#include "sipd/sipd.h"

#define URI_HOP_LEN 96	/* "sip:[addr]:port;transport=tcp" with its NUL */

/* The source of a received request, as its top Via says after nta has put in received and rport. 0, or -EINVAL. */
int nat_source(union addr *source, const sip_t *sip);
uint8_t nat_transport(const sip_via_t *via);	/* enum sip_transport */

/* "sip:IP:PORT;transport=tcp"; out has URI_HOP_LEN bytes. */
void nat_hop(char *out, const union addr *to, uint8_t transport);

/*
 * Our Contact for the far end at to: "<sip:IP:PORT;transport=tcp>" with the address that the kernel would send from.
 * out has URI_HOP_LEN + 2 bytes.
 */
void nat_contact(char *out, const union addr *to, uint8_t transport);

/* The same without knowing the far end (it is a name): the first address that we listen on. */
void nat_contact_any(char *out, uint8_t transport);

/*
 * Should requests of the dialog go to source rather than to contact? Over TCP always (the connection is there), over
 * UDP when the contact's address is another one than the packet's.
 */
bool nat_use_source(const union addr *source, const url_t *contact, uint8_t transport);

/* sip: or sips:, with a host: the only URIs that we route by. */
bool nat_uri_ok(const url_t *url);

#endif
