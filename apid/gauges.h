/* SPDX-License-Identifier: ISC */
/* Figures as featured passes them on, collected and printed in Prometheus' text format. Pure. */
#ifndef WARDEN_APID_GAUGES_H
#define WARDEN_APID_GAUGES_H

#include "common/base/buf.h"
#include "common/ipc/schema.h"

struct gauges;

/*
 * Adds a figure to *g (made when NULL). Names are those of Prometheus without warden_, labels
 * allowed: sip_requests_total{method="INVITE"}. What is no such name, comes twice, or is too much
 * is left out.
 */
void gauges_add(struct gauges **g, const struct msg_gauge *m);

/*
 * Sorted, so that a metric's lines stand together as the format demands. A metric that out has
 * already is left out. g may be NULL.
 */
void gauges_print(struct buf *out, struct gauges *g);

void gauges_free(struct gauges **g);

#endif
