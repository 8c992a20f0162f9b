/* SPDX-License-Identifier: ISC */
/* Writing legs to the checkpoint; see checkpoint.h. restore.c reads it. Hot path: no allocation, no
 * system call. */
#include "sipd/checkpoint.h"

#include <string.h>

#include "common/base/ckpt.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "sipd/checkpoint_rec.h"

void
checkpoint_init(void)
{
	char path[300];
	int r;

	str_format(path, sizeof(path), "%s/legs.ckpt", sipd.d.own_dir);
	r = ckpt_open(&sipd.ck_legs, path, LEGS_MAGIC, LEGS_VERSION, sizeof(struct leg_rec),
	    SIPD_LEGS_MAX);
	if (r < 0)
		fatal("%s: %s", path, strerror(-r));
	str_format(path, sizeof(path), "%s/open.ckpt", sipd.d.own_dir);
	r = ckpt_open_tail(&sipd.ck_open, path, OPEN_MAGIC, OPEN_VERSION, sizeof(struct open_rec),
	    SIPD_OPEN_MAX, OPEN_TAIL);
	if (r < 0)
		fatal("%s: %s", path, strerror(-r));
	str_format(path, sizeof(path), "%s/long.ckpt", sipd.d.own_dir);
	r = ckpt_open_tail(&sipd.ck_long, path, LONG_MAGIC, LONG_VERSION, sizeof(struct long_rec),
	    SIPD_LONG_MAX, LONG_TAIL);
	if (r < 0)
		fatal("%s: %s", path, strerror(-r));
}

void
checkpoint_close(void)
{
	ckpt_close(&sipd.ck_legs);
	ckpt_close(&sipd.ck_open);
	ckpt_close(&sipd.ck_long);
}

struct packed {
	char *p;
	size_t len;
	size_t max;
};

/* Appends s with its NUL; false when there is no room. */
static bool
pack(struct packed *to, const char *s)
{
	size_t len = s != NULL ? strlen(s) + 1 : 1;

	if (to->len + len > to->max)
		return false;
	memcpy(to->p + to->len, s != NULL ? s : "", len);
	to->len += len;
	return true;
}

static bool
pack_all(struct packed *to, const struct leg *leg)
{
	const struct dialog_id *id = &leg->id_text;

	return pack(to, id->call_id) && pack(to, id->local) && pack(to, id->remote) &&
	    pack(to, id->target) && pack(to, id->route) && pack(to, id->next_hop) &&
	    pack(to, id->contact) && pack(to, leg->gone != NULL ? leg->gone->reason : "") &&
	    pack(to, leg->gone != NULL ? leg->gone->redirect : "") &&
	    pack(to, leg->bind != NULL ? leg->bind : "");
}

/* The text into a slot of long.ckpt, anew each time: the record that names it is what makes it
 * valid. */
static uint32_t
put_long(const struct leg *leg)
{
	uint32_t slot = ckpt_alloc(sipd.ck_long);
	struct packed to = { .max = LONG_TAIL };

	if (slot == CKPT_NONE)
		return CKPT_NONE;
	to.p = ckpt_tail(sipd.ck_long, slot);
	if (!pack_all(&to, leg)) {
		ckpt_del(sipd.ck_long, slot);
		return CKPT_NONE;
	}
	ckpt_put(sipd.ck_long, slot, &(struct long_rec){ .leg = leg->id, .len = (uint32_t)to.len });
	return slot;
}

static bool
fill(struct leg_rec *rec, const struct leg *leg)
{
	struct packed to = { .p = rec->text, .max = sizeof(rec->text) };

	*rec = (struct leg_rec){
		.id = leg->id,
		.answered_ms = leg->answered_ms,
		.refresh_at = leg->refresh_at,
		.expire_at = leg->expire_at,
		.give_up_at = leg->give_up_at,
		.cseq = leg->cseq,
		.remote_cseq = leg->dialog != NULL ? nta_leg_get_rseq(leg->dialog) : 0,
		.invite_cseq = leg->invite_cseq,
		.session_s = leg->session_s,
		.serial = leg->serial,
		.open_slot = leg->open_slot,
		.long_slot = CKPT_NONE,
		.last_status = leg->last_status,
		.phase = leg->phase,
		.open = leg->open,
		.transport = leg->transport,
		.bye_q850 = leg->bye_q850,
		.flags = (leg->incoming ? REC_INCOMING : 0) | (leg->taken ? REC_TAKEN : 0) |
		    (leg->settled ? REC_SETTLED : 0) | (leg->forgotten ? REC_FORGOTTEN : 0) |
		    (leg->late ? REC_LATE : 0) | (leg->cancelled ? REC_CANCELLED : 0) |
		    (leg->bye_wanted ? REC_BYE_WANTED : 0) |
		    (leg->far_update ? REC_FAR_UPDATE : 0) | (leg->far_timer ? REC_FAR_TIMER : 0) |
		    (leg->we_refresh ? REC_WE_REFRESH : 0) | (leg->bye_open ? REC_BYE_OPEN : 0) |
		    (leg->early_sdp ? REC_EARLY_SDP : 0) | (leg->agreed ? REC_AGREED : 0) |
		    (leg->moved ? REC_MOVED : 0),
	};
	memcpy(rec->branch, leg->branch, sizeof(rec->branch));
	if (leg->gone != NULL) {
		rec->gone_ms = leg->gone->at_ms;
		rec->gone_status = leg->gone->status;
		rec->gone_cause = leg->gone->cause;
		rec->gone_q850 = leg->gone->q850;
	}
	if (pack_all(&to, leg)) {
		rec->text_len = (uint16_t)to.len;
		return true;
	}
	rec->text_len = 0;
	return (rec->long_slot = put_long(leg)) != CKPT_NONE;
}

void
checkpoint_save(struct leg *leg)
{
	struct leg_rec rec;
	uint32_t was = leg->long_slot;

	if (leg->slot == CKPT_NONE && (leg->slot = ckpt_alloc(sipd.ck_legs)) == CKPT_NONE) {
		sipd.count.unsaved++;
		return;
	}
	if (!fill(&rec, leg)) {
		/* Absurdly long headers: the call goes on, but a restart will not find it. */
		log_limited(&sipd.noise, LL_WARNING, "leg does not fit the checkpoint",
		    kv_x("leg", leg->id));
		sipd.count.unsaved++;
		ckpt_del(sipd.ck_legs, leg->slot);
		leg->slot = CKPT_NONE;
		return;
	}
	ckpt_put(sipd.ck_legs, leg->slot, &rec);
	leg->long_slot = rec.long_slot;
	ckpt_del(sipd.ck_long, was);
}

void
checkpoint_forget(struct leg *leg)
{
	ckpt_del(sipd.ck_legs, leg->slot);
	ckpt_del(sipd.ck_open, leg->open_slot);
	ckpt_del(sipd.ck_long, leg->long_slot);
	leg->slot = leg->open_slot = leg->long_slot = CKPT_NONE;
}

/* Writes an open record: a, then b behind it. Either may already be there (NULL). */
static void
put_open(struct leg *leg, uint8_t kind, const void *a, size_t a_len, const void *b, size_t b_len)
{
	struct open_rec rec = { .leg = leg->id, .kind = kind };
	const struct open_rec *old;
	char *tail;

	if (leg->open_slot == CKPT_NONE &&
	    (leg->open_slot = ckpt_alloc(sipd.ck_open)) == CKPT_NONE) {
		sipd.count.unsaved++;
		return;
	}
	old = ckpt_get(sipd.ck_open, leg->open_slot);
	tail = ckpt_tail(sipd.ck_open, leg->open_slot);
	if (a == NULL && old != NULL)
		a_len = old->a_len;
	if (a_len + b_len > OPEN_TAIL) {
		log_limited(&sipd.noise, LL_WARNING, "message does not fit the checkpoint",
		    kv_x("leg", leg->id), kv_u("length", a_len + b_len));
		sipd.count.unsaved++;
		ckpt_del(sipd.ck_open, leg->open_slot);
		leg->open_slot = CKPT_NONE;
		return;
	}
	if (a != NULL)
		memcpy(tail, a, a_len);
	if (b != NULL)
		memcpy(tail + a_len, b, b_len);
	rec.a_len = (uint32_t)a_len;
	rec.b_len = (uint32_t)b_len;
	rec.has_b = b != NULL;
	rec.status = kind == REC_TOLD ? leg->told_status : 0;
	ckpt_put(sipd.ck_open, leg->open_slot, &rec);
}

void
checkpoint_open_request(struct leg *leg, msg_t *msg, const sip_t *sip)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	size_t len = 0;
	char *text = msg_as_string(home, msg, (msg_pub_t *)(uintptr_t)sip, 0, &len);

	if (text != NULL)
		put_open(leg, leg->open, text, len, NULL, 0);
	su_home_deinit(home);
	checkpoint_save(leg);
}

void
checkpoint_open_answer(struct leg *leg, const struct ipc_view *sdp)
{
	if (leg->open_slot != CKPT_NONE)
		put_open(leg, leg->open, NULL, 0, sdp->p, sdp->len);
	checkpoint_save(leg);
}

void
checkpoint_open_dial(struct leg *leg, const struct msg_leg_dial *m)
{
	uint8_t wire[IPC_PACKET_MAX];
	int len = ipc_encode(wire, sizeof(wire), MSG_leg_dial, 0, 0, m, IPC_MINOR);

	if (len > 0)
		put_open(leg, OPEN_INVITE_OUT, wire, (size_t)len, NULL, 0);
	checkpoint_save(leg);
}

bool
checkpoint_open_dialled(struct leg *leg, struct msg_leg_dial *m, void **hold)
{
	const struct open_rec *rec = leg->open_slot != CKPT_NONE
	    ? ckpt_get(sipd.ck_open, leg->open_slot)
	    : NULL;
	union ipc_any store;
	struct ipc_msg msg;
	uint8_t *copy;

	*hold = NULL;
	if (rec == NULL || rec->leg != leg->id || rec->kind != OPEN_INVITE_OUT ||
	    rec->a_len > OPEN_TAIL)
		return false;
	if ((copy = mem_new(rec->a_len + 1)) == NULL)
		return false;
	memcpy(copy, ckpt_tail(sipd.ck_open, leg->open_slot), rec->a_len);
	/* It may be an older sipd's, whose schema had fewer fields. */
	for (int minor = IPC_MINOR; minor >= 0; minor--) {
		if (ipc_decode(&msg, &store, copy, rec->a_len, (uint16_t)minor) != 0)
			continue;
		if (msg.type != MSG_leg_dial)
			break;
		*m = store.leg_dial;
		*hold = copy;
		return true;
	}
	free(copy);
	return false;
}

void
checkpoint_open_answered(struct leg *leg)
{
	char b[OPEN_TAIL];
	size_t n = 0;

	str_copy(b, 129, leg->user_agent);
	n = strlen(b) + 1;
	if (leg->event.len > sizeof(b) - n)
		return;
	if (leg->event.len > 0)
		memcpy(b + n, leg->event.p, leg->event.len);
	put_open(leg, OPEN_INVITE_OUT, "", 0, b, n + leg->event.len);
	checkpoint_save(leg);
}

void
checkpoint_open_offer(struct leg *leg)
{
	put_open(leg, OPEN_REINVITE_OUT, leg->event.len > 0 ? (const char *)leg->event.p : "",
	    leg->event.len, NULL, 0);
	checkpoint_save(leg);
}

void
checkpoint_open_done(struct leg *leg)
{
	uint32_t slot = leg->open_slot;

	/* In a slot of its own: the record that names it is what makes it valid. */
	leg->open_slot = CKPT_NONE;
	if (leg->told.len > 0 || leg->told_status != 0)
		put_open(leg, REC_TOLD, "", 0, leg->told.len > 0 ? (const char *)leg->told.p : "",
		    leg->told.len);
	checkpoint_save(leg);
	ckpt_del(sipd.ck_open, slot);
}

void
checkpoint_enter(const struct leg *leg)
{
	if (leg->slot != CKPT_NONE)
		ckpt_enter(sipd.ck_legs, leg->slot);
}

void
checkpoint_leave(void)
{
	ckpt_leave(sipd.ck_legs);
}
