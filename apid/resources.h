/* SPDX-License-Identifier: ISC */
/* The handlers that routes.def names, one declaration each. The res_*.c files define them. */
#ifndef WARDEN_APID_RESOURCES_H
#define WARDEN_APID_RESOURCES_H

#include "apid/route.h"

#define ROUTE(m, p, a, h) route_handler h;
#include "apid/routes.def"
#undef ROUTE

#endif
