/* SPDX-License-Identifier: ISC */
/* The core's life, its turns, and what it tells of itself. See core.h for the contract. */
#include "featured/call/core.h"

#include <errno.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/ipc/msg.h"
#include "featured/call/call.h"
#include "featured/call/recording.h"
#include "featured/settings.h"

int
core_new(struct core **out, const char *dir, const struct settings *settings,
    const struct core_env *env, uint64_t mono_ms, uint64_t real_ms)
{
	struct core *core = mem_new(sizeof(*core));
	int r = -ENOMEM;

	if (core == NULL)
		return -ENOMEM;
	core->settings = settings;
	core->env = *env;
	core->sipd.round = core->mediad.round = 1;
	STAILQ_INIT(&core->dirty);
	TAILQ_INIT(&core->ended_order);
	core->out = out_new();
	if (core->out == NULL)
		goto fail;
	r = store_open(core, dir);
	if (r != 0)
		goto fail;
	core_begin(core, mono_ms, real_ms);
	store_load(core);
	core_end(core);
	*out = core;
	return 0;
fail:
	core_free(&core);
	return r;
}

void
core_free(struct core **pcore)
{
	struct core *core = *pcore;
	struct call *call, *tmp;
	struct leg *leg, *ltmp;

	if (core == NULL)
		return;
	/* Memory alone: the records stay where they are. */
	HASH_ITER(hh, core->legs, leg, ltmp)
	{
		HASH_DEL(core->legs, leg);
		leg_forget_user(core, leg);
		free(leg->sdp);
		free(leg->dial);
		free(leg);
	}
	HASH_ITER(hh, core->calls, call, tmp)
	{
		HASH_DEL(core->calls, call);
		free(call->menu);
		free(call);
	}
	trace_free_all(core);
	patterns_free(&core->patterns);
	recording_close(core);
	store_close(core);
	out_free(&core->out);
	free(core->heap);
	mem_free(pcore);
}

void
core_set_settings(struct core *core, const struct settings *settings)
{
	core->settings = settings;
}

void
core_set_users(struct core *core, struct userstates *users)
{
	core->users = users;
}

void
core_begin(struct core *core, uint64_t mono_ms, uint64_t real_ms)
{
	core->mono_ms = mono_ms;
	core->real_ms = real_ms;
	/* A start may have left commands for the first turn; they are repeated by the
	 * reconciliation, records are not. */
	out_reset(core->out);
}

void
core_end(struct core *core)
{
	struct call *call;

	recording_settle(core);
	/* A call may become dirty again while another one is settled, so: until none is. */
	while ((call = STAILQ_FIRST(&core->dirty)) != NULL) {
		parties_look(core, call, false);
		if (call_settle(core, call)) {
			STAILQ_REMOVE_HEAD(&core->dirty, next_dirty);
			free(call);
			continue;
		}
		STAILQ_REMOVE_HEAD(&core->dirty, next_dirty);
		call->dirty = false;
		store_save(core, call);
	}
	recording_settle(core);
	store_save_counts(core);
	store_commit(core);
	ckpt_leave(core->calls_ck);
}

struct out *
core_out(struct core *core)
{
	return core->out;
}

void
core_peer(struct core *core, uint8_t role, bool up)
{
	struct core_peer *peer = role == IPC_SIPD ? &core->sipd : &core->mediad;

	if (role != IPC_SIPD && role != IPC_MEDIAD)
		return;
	peer->up = up;
	peer->synced = false;
	if (up) {
		peer->round++;
		resync_up(core, role);
	}
}

bool
core_synced(const struct core *core, uint8_t role)
{
	const struct core_peer *peer = role == IPC_SIPD ? &core->sipd : &core->mediad;

	return peer->up && peer->synced;
}

void
core_congested(struct core *core, bool yes)
{
	core->congested = yes;
}

void
core_cdr_durable(struct core *core, const uint8_t uuid[UUID_LEN])
{
	struct call *call = call_find(core, uuid);

	if (call == NULL || call->r.cdr != CALL_CDR_FINAL)
		return;
	call->r.cdr = CALL_CDR_DURABLE;
	call_dirty(core, call);
}

void
core_row_durable(struct core *core, const uint8_t uuid[UUID_LEN])
{
	recording_durable(core, uuid);
}

void
core_cdr_again(struct core *core)
{
	struct call *call, *tmp;

	recording_again(core);

	HASH_ITER(hh, core->calls, call, tmp)
	{
		if (call->r.cdr != CALL_CDR_FINAL)
			continue;
		call->r.cdr = CALL_CDR_INTENT;
		call_dirty(core, call);
	}
}

bool
core_has_call(const struct core *core, const uint8_t uuid[UUID_LEN])
{
	return call_find(core, uuid) != NULL;
}

static void
count_one(void *arg, const struct msg_parked_item *item)
{
	(void)item;
	(*(uint32_t *)arg)++;
}

void
core_stats(const struct core *core, struct core_stats *out)
{
	*out = core->stats;
	out->active_calls = core->live;
	out->legs = HASH_COUNT(core->legs);
	core_parked(core, count_one, &out->parked_calls);
	out->recordings = recording_count(core);
}
