/* SPDX-License-Identifier: ISC */
/*
 * Which legs each user has, so that "is 1002 in a call?" costs no search through all calls. Kept by
 * leg_set_user() and leg_free(); memory alone, made again from the legs at the start.
 */
#include <string.h>

#include "common/base/mem.h"
#include "featured/call/call.h"

TAILQ_HEAD(user_legs, leg);

struct user_calls {
	UT_hash_handle hh; /* in core.by_user, by user */
	char user[65];
	struct user_legs legs;
};

void
leg_forget_user(struct core *core, struct leg *leg)
{
	struct user_calls *u = leg->of_user;

	if (u == NULL)
		return;
	leg->of_user = NULL;
	TAILQ_REMOVE(&u->legs, leg, next_of_user);
	if (TAILQ_EMPTY(&u->legs)) {
		HASH_DEL(core->by_user, u);
		mem_free(&u);
	}
}

void
leg_set_user(struct core *core, struct leg *leg, const char *user)
{
	struct user_calls *u;

	leg_forget_user(core, leg);
	if (user != leg->r.user)
		str_copy(leg->r.user, sizeof(leg->r.user), user);
	if (user[0] == '\0')
		return;
	HASH_FIND_STR(core->by_user, leg->r.user, u);
	if (u == NULL) {
		if ((u = mem_new(sizeof(*u))) == NULL)
			return; /* it is not counted, that is all */
		str_copy(u->user, sizeof(u->user), leg->r.user);
		TAILQ_INIT(&u->legs);
		HASH_ADD_STR(core->by_user, user, u);
	}
	leg->of_user = u;
	TAILQ_INSERT_TAIL(&u->legs, leg, next_of_user);
}

size_t
user_calls(const struct core *core, const char *user, const struct call *but)
{
	const struct call *seen[16];
	const struct user_calls *u;
	const struct leg *leg;
	size_t n = 0, i;

	HASH_FIND_STR(core->by_user, user, u);
	if (u == NULL)
		return 0;
	TAILQ_FOREACH(leg, &u->legs, next_of_user)
	{
		if (leg->call == but || leg->call->r.ending || leg->r.state == LEG_OVER ||
		    leg->r.state == LEG_CLOSING)
			continue;
		/* A call that rings several phones of the user is one. */
		for (i = 0; i < n && seen[i] != leg->call; i++)
			continue;
		if (i == n && n < sizeof(seen) / sizeof(seen[0]))
			seen[n++] = leg->call;
	}
	return n;
}
