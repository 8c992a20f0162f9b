/* SPDX-License-Identifier: ISC */
/*
 * The figures of sipd and mediad, inside: gauges.c keeps them, from_apid.c tells them. Others use
 * gauge_told() of from_apid.h.
 */
#ifndef WARDEN_FEATURED_GAUGES_H
#define WARDEN_FEATURED_GAUGES_H

#include "featured/from_apid.h"

struct gauge {
	uint8_t			role;
	struct msg_gauge	m;
};

struct gauges {
	struct gauge	*v;
	size_t		 n, room;
};

#endif
