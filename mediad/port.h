/* SPDX-License-Identifier: ISC */
/*
 * The RTP port range: even ports for RTP, the odd one after it for RTCP. Free ones wait in a line;
 * who is freed goes to its end, so that late packets of an ended call find nobody for as long as
 * possible. Main thread only.
 */
#ifndef WARDEN_MEDIAD_PORT_H
#define WARDEN_MEDIAD_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "mediad/io.h"

struct port_line;

struct port_pair {
	struct io_port	*rtp, *rtcp;
	uint16_t	 number;	/* of the RTP port; 0: none */
};

/* first..last, both usable. Returns 0 or -ENOMEM. */
int port_line_new(struct port_line **out, uint16_t first, uint16_t last);
void port_line_free(struct port_line **line);

/*
 * Opens a pair on the address of local (its port is ignored). A port that somebody else has is
 * tried again later. Returns 0, -EADDRINUSE when there is none left, or another -errno (no
 * descriptors, no such address).
 */
int port_take(struct port_line *line, const union addr *local, struct port_pair *out);

/*
 * The pair that a session had before a restart, also one that is out of the range now. Returns 0 or
 * -errno. When all have theirs again: port_line_settle(), before the first port_take().
 */
int port_take_again(struct port_line *line, const union addr *local, uint16_t number,
    struct port_pair *out);
void port_line_settle(struct port_line *line);

/* Closes both and puts the number at the end of the line. Takes an empty pair. */
void port_give_back(struct port_line *line, struct port_pair *pair);

/*
 * Another range: sessions keep the ports that they have. Returns 0 or -ENOMEM (the old range
 * stays).
 */
int port_line_range(struct port_line *line, uint16_t first, uint16_t last);

unsigned port_line_used(const struct port_line *line);
unsigned port_line_total(const struct port_line *line);

#endif
