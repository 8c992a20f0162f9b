/* SPDX-License-Identifier: ISC */
/*
 * Addresses: where a packet came from, which address of ours the far end can reach, and where to
 * send what belongs to a dialog. Behind NAT the source address is right and the Contact is not (RFC
 * 3581, RFC 5626 in spirit).
 */
#ifndef WARDEN_SIPD_NAT_H
#define WARDEN_SIPD_NAT_H

#include "sipd/sipd.h"

#define URI_HOP_LEN 96 /* "sip:[addr]:port;transport=tcp" with its NUL */

/* The source of a received request, as its top Via says after nta has put in received and rport. 0,
 * or -EINVAL. */
int nat_source(union addr *source, const sip_t *sip);
/* An IP literal as it stands in a URI, with brackets or not; its port becomes 5060. 0, or -EINVAL
 * for a name. */
int nat_host(union addr *a, const char *host);
uint8_t nat_transport(const sip_via_t *via); /* enum sip_transport */

/* "sip:IP:PORT;transport=tcp"; out has URI_HOP_LEN bytes. */
void nat_hop(char *out, const union addr *to, uint8_t transport);

/*
 * sofia has a socket for each address of ours. Which to use for a far end is named by a string that
 * lives for ever (TPTAG_IDENT of the socket), so that packets come from the address that our
 * Contact says.
 */
const char *nat_bind_add(const union addr *ours); /* NULL: too many addresses */
const char *nat_bind_find(const char *name);      /* the same string again, or NULL */
/* The one by which msg came. NULL: unknown. */
const char *nat_bind_of(const msg_t *msg);
/* The one from which the kernel would send to to. NULL: any. */
const char *nat_bind_for(const union addr *to);

/* Our Contact: "<sip:IP:PORT;transport=tcp>". bind NULL: the first address that we listen on. out
 * has URI_HOP_LEN + 2 bytes. */
void nat_contact(char *out, const char *bind, uint8_t transport);

/*
 * Should requests of the dialog go to source rather than to contact? Over TCP always (the
 * connection is there), over UDP when the contact's address is another one than the packet's.
 */
bool nat_use_source(const union addr *source, const url_t *contact, uint8_t transport);

/* The TCP connection with to that is open; NULL: none. */
tport_t *nat_connection(const union addr *to);

static inline bool
nat_connected(const union addr *to)
{
	return nat_connection(to) != NULL;
}

/* What nat_hop() wrote, as an address. */
bool nat_hop_address(union addr *a, const char *hop);

/* sip: or sips:, with a host: the only URIs that we route by. */
bool nat_uri_ok(const url_t *url);

#endif
