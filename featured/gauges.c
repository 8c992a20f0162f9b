/* SPDX-License-Identifier: ISC */
/*
 * What sipd and mediad tell of themselves (`gauge`, every 5 s), kept until apid asks for it.
 * Bounded: a name is remembered once, up to GAUGES_MAX.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "featured/gauges.h"

#define GAUGES_MAX 512

int
gauges_new(struct gauges **out)
{
	*out = mem_new(sizeof(**out));
	return *out != NULL ? 0 : -ENOMEM;
}

void
gauges_free(struct gauges **g)
{
	if (*g != NULL)
		free((*g)->v);
	mem_free(g);
}

void
gauge_told(struct gauges *g, uint8_t role, const struct msg_gauge *m)
{
	struct gauge *grown;

	for (size_t i = 0; i < g->n; i++) {
		if (g->v[i].role == role && str_eq(g->v[i].m.name, m->name)) {
			g->v[i].m = *m;
			return;
		}
	}
	if (g->n == GAUGES_MAX)
		return;
	if (g->n == g->room) {
		if ((grown = mem_grow(g->v, g->room + 64, sizeof(*grown))) == NULL)
			return;
		g->v = grown;
		g->room += 64;
	}
	g->v[g->n++] = (struct gauge){ .role = role, .m = *m };
}
