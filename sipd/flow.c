/* SPDX-License-Identifier: ISC */
/* See flow.h. Filled by register.c; asked by who sends by address: dialog.c, invite_out.c. */
#include "sipd/flow.h"

#include <sofia-sip/tport.h>
#include <uthash.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/asked.h"
#include "sipd/nat.h"

#define FLOWS_MAX 20000

struct flow {
	UT_hash_handle hh;
	const void *tport; /* sofia's; to be compared, never followed: it may be gone */
	char source[57];
	char user[65]; /* who has registered by it; "" nobody yet */
	char said[65]; /* who its first request said that it was */
};

static struct flow *flows;

static void
drop(struct flow *flow)
{
	HASH_DEL(flows, flow);
	free(flow);
}

static tport_t *
connection(const struct flow *flow)
{
	union addr a;
	tport_t *tport = addr_parse(&a, flow->source, 5060) == 0 ? nat_connection(&a) : NULL;

	return tport == flow->tport ? tport : NULL;
}

/* Those whose connection is gone. */
static void
tidy(void)
{
	struct flow *flow, *next;

	HASH_ITER(hh, flows, flow, next)
	if (connection(flow) == NULL)
		drop(flow);
}

static struct flow *
find(const union addr *to)
{
	char source[57];
	struct flow *flow;

	addr_print(to, source);
	HASH_FIND_STR(flows, source, flow);
	if (flow != NULL && connection(flow) == NULL) {
		drop(flow);
		flow = NULL;
	}
	return flow;
}

/* That of the connection with that address, made if need be; NULL: there is no such connection, or no room. */
static struct flow *
flow_at(const union addr *a)
{
	struct flow *flow = find(a);
	tport_t *tport;

	if (flow != NULL || (tport = nat_connection(a)) == NULL)
		return flow;
	if (HASH_COUNT(flows) >= FLOWS_MAX)
		tidy();
	if (HASH_COUNT(flows) >= FLOWS_MAX || (flow = mem_new(sizeof(*flow))) == NULL)
		return NULL;
	addr_print(a, flow->source);
	flow->tport = tport;
	HASH_ADD_STR(flows, source, flow);
	return flow;
}

void
flow_seen(const sip_t *sip)
{
	struct flow *flow;
	union addr a;

	if (nat_source(&a, sip) == 0 && (flow = flow_at(&a)) != NULL && flow->user[0] == '\0')
		asked_user(flow->said, sizeof(flow->said), sip->sip_from->a_url);
}

void
flow_registered(const char *source, const char *user)
{
	struct flow *flow;
	union addr a;

	if (addr_parse(&a, source, 5060) == 0 && (flow = flow_at(&a)) != NULL)
		str_copy(flow->user, sizeof(flow->user), user);
}

tport_t *
flow_of(const union addr *to, const char *user)
{
	const struct flow *flow = find(to);

	return flow != NULL && str_eq(flow->user, user) ? connection(flow) : NULL;
}

bool
flow_is_anothers(const union addr *to, const char *user)
{
	const struct flow *flow = find(to);

	return flow != NULL && !str_eq(flow->user[0] != '\0' ? flow->user : flow->said, user);
}

void
flow_done(void)
{
	struct flow *flow, *next;

	HASH_ITER(hh, flows, flow, next)
	drop(flow);
}
