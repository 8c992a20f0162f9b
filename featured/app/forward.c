/* SPDX-License-Identifier: ISC */
/* A step of a plan that leads to another number: the plan of that one takes this one's place. */
#include "featured/app/app.h"

static void
forward_start(struct core *core, struct call *call, const struct plan_step *step)
{
	char to[65];

	str_copy(to, sizeof(to), step->target); /* the step goes with its plan */
	call_divert(core, call, to, (enum divert_reason)step->status);
}

const struct app app_forward = {
	.name = "forward",
	.start = forward_start,
};
