/* SPDX-License-Identifier: ISC */
/*
 * The call core against a sipd, a mediad and an API gone mad: any message at any time about any
 * leg, with lost connections, restarts from the checkpoint and time between them. Nothing of it may
 * crash featured or make it keep more than there is room for. The input is a program: each step a
 * byte that says what, then the fields' bytes.
 *
 * links: featured/call/ featured/app/ featured/route/ featured/reg/userstate.c
 * featured/reg/mailbox.c featured/reg/mailbox_pins.c featured/reg/mailbox_sync.c
 * featured/reg/digest.c featured/settings.c
 * featured/settings_keys.c featured/settings_codes.c common/conf/conf.c common/conf/bind.c
 * common/conf/node.c common/conf/value.c common/conf/print.c common/base/ckpt.c
 * common/base/ckpt_file.c common/base/log.c common/base/mem.c common/base/buf.c common/base/str.c
 * common/base/id.c common/base/clock.c common/base/addr.c common/base/net.c common/ipc/msg.c
 * common/ipc/wire.c
 * libs: yaml-0.1 libcrypto
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/ipc/msg.h"
#include "featured/call/core.h"
#include "featured/reg/userstate.h"
#include "featured/settings.h"

#define STEPS_MAX 200
/* opening a checkpoint costs what it has room for; and there is to be an end of it */
#define CALLS_MAX 60
#define IDS_MAX   32

struct input {
	const uint8_t *p;
	size_t n;
};

struct fuzz {
	struct core *core;
	struct settings settings;
	struct extension extensions[2];
	struct ring_group group;
	struct paging_group page;
	struct userstates *users;
	char dir[40];
	uint64_t mono_ms;
	uint64_t ids[IDS_MAX]; /* of legs that either side has named */
	size_t nids;
	uint8_t auth;
};

static const uint16_t sip_types[] = { MSG_leg_offered, MSG_leg_ringing, MSG_leg_answered,
	MSG_leg_acked, MSG_leg_gone, MSG_leg_reoffer, MSG_leg_reinvited, MSG_leg_refresh,
	MSG_leg_info, MSG_sync_begin, MSG_sync_leg, MSG_sync_end, MSG_leg_refer };
static const uint16_t media_types[] = { MSG_media_sdp, MSG_media_failed, MSG_media_marked,
	MSG_media_played, MSG_media_dtmf, MSG_media_silent, MSG_media_closed, MSG_sync_begin,
	MSG_sync_session, MSG_sync_end };

static const char *const numbers[] = { "*43", "70", "700", "**1002", "*8", "1002", "6001", "6900",
	"*721002", "*801002", "*66" };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t
byte(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

static void
remember(struct fuzz *f, uint64_t id)
{
	for (size_t i = 0; i < IDS_MAX; i++)
		if (f->ids[i] == id)
			return;
	f->ids[f->nids++ % IDS_MAX] = id;
}

static void
fill_field(struct fuzz *f, struct input *in, const struct ipc_field *field, char *at)
{
	uint64_t v = byte(in);
	size_t n;

	switch (field->kind) {
	case IPC_K_U8:
		if (strcmp(field->name, "digit") == 0)
			v = (uint64_t)"0123456789*#*2##"[v % 16];
		*(uint8_t *)at = (uint8_t)v;
		break;
	case IPC_K_U16:
		v |= (uint64_t)byte(in) << 8;
		*(uint16_t *)at = (uint16_t)v;
		break;
	case IPC_K_U32:
		v = v < 128 ? v : (v - 128) << 20;
		*(uint32_t *)at = (uint32_t)v;
		break;
	case IPC_K_U64:
		/* One that is known, or a new one. */
		v = v < 224 && f->nids > 0 ? f->ids[v % (f->nids < IDS_MAX ? f->nids : IDS_MAX)]
		                           : v * 0x9e3779b97f4a7c15;
		if (strcmp(field->name, "replaces") == 0 && byte(in) < 200)
			v = 0;
		if (strcmp(field->name, "leg") == 0)
			remember(f, v);
		*(uint64_t *)at = v;
		break;
	case IPC_K_STR:
		n = v % 12 < field->max ? v % 12 : field->max;
		for (size_t i = 0; i < n; i++)
			at[i] = (char)(byte(in) | 1);
		if (v % 3 == 0)
			memcpy(at, v & 16 ? "1001" : "1002", 5);
		else if (v % 7 < 3)
			strcpy(at, numbers[v / 7 % (sizeof(numbers) / sizeof(numbers[0]))]);
		break;
	case IPC_K_VIEW:
		if (v > 64)
			*(struct ipc_view *)at = ipc_view_str("sdp");
		break;
	case IPC_K_BIN:
	case IPC_K_SINCE:
		break;
	}
}

static void
message(struct fuzz *f, struct input *in, bool sip)
{
	static union ipc_any body;
	size_t n = sip ? sizeof(sip_types) / sizeof(sip_types[0])
	               : sizeof(media_types) / sizeof(media_types[0]);
	uint16_t type = (sip ? sip_types : media_types)[byte(in) % n];
	const struct ipc_def *def = ipc_def(type);

	memset(&body, 0, def->size);
	for (size_t i = 0; i < def->nfields; i++)
		if (def->fields[i].kind != IPC_K_SINCE)
			fill_field(f, in, &def->fields[i], (char *)&body + def->fields[i].off);
	(sip ? core_sipd : core_mediad)(f->core, type, &body);
}

/* What was said must be sayable; and records come back as written. */
static void
drain(struct fuzz *f)
{
	static uint8_t packet[IPC_PACKET_MAX];
	struct out *out = core_out(f->core);
	struct uuid final[16], row[16];
	size_t n = 0, rows = 0;

	for (size_t i = 0; i < out_count(out); i++) {
		const struct out_item *item = out_at(out, i);

		if (item->kind == OUT_SIPD || item->kind == OUT_MEDIAD) {
			assert_that(ipc_encode(packet, sizeof(packet), item->type, 0, 0, item->body,
			                IPC_MINOR) > 0);
			remember(f, *(const uint64_t *)item->body);
		} else if (item->kind == OUT_CDR_FINAL && n < 16) {
			final[n++] = ((const struct cdr *)item->body)->call;
		} else if (item->kind == OUT_RECORDING && rows < 16) {
			row[rows++] = ((const struct recording_row *)item->body)->id;
		}
	}
	core_begin(f->core, f->mono_ms, f->mono_ms);
	for (size_t i = 0; i < n; i++)
		core_cdr_durable(f->core, final[i].b);
	for (size_t i = 0; i < rows; i++)
		core_row_durable(f->core, row[i].b);
	core_end(f->core);
}

static size_t
contacts(void *arg, const char *user, struct core_contact *out, size_t max)
{
	(void)arg;
	memset(out, 0, sizeof(*out));
	str_copy(out->uri, sizeof(out->uri), "sip:x@192.0.2.1");
	if (max > 1)
		out[1] = out[0];
	return user[0] == '\0' ? 0 : max > 1 ? 2 : 1;
}

static enum core_auth
auth(void *arg, const struct msg_leg_offered *m, struct core_auth_reply *reply)
{
	struct fuzz *f = arg;

	str_copy(reply->user, sizeof(reply->user), m->from_user);
	return f->auth % 16 == 15 ? CORE_AUTH_FORBIDDEN : CORE_AUTH_OK;
}

static void
start(struct fuzz *f)
{
	struct core_env env = {
		.contacts = contacts, .auth = auth, .arg = f, .max_calls = CALLS_MAX
	};

	if (core_new(&f->core, f->dir, &f->settings, &env, f->mono_ms, f->mono_ms) != 0)
		abort();
	if (userstates_open_for(&f->users, f->dir, f->dir, 16) != 0)
		abort();
	core_set_users(f->core, f->users);
}

static void
step(struct fuzz *f, struct input *in)
{
	uint8_t what = byte(in);
	const char *reason;
	static struct uuid call;
	uint32_t slot;

	if (what == 255) {
		core_free(&f->core);
		userstates_close(&f->users);
		start(f);
		return;
	}
	core_begin(f->core, f->mono_ms, f->mono_ms);
	if (what < 140)
		message(f, in, true);
	else if (what < 220)
		message(f, in, false);
	else if (what < 230)
		core_peer(f->core, what & 1 ? IPC_SIPD : IPC_MEDIAD, what & 2);
	else if (what < 234)
		core_call_start(f->core, "1001", what & 1 ? "1002" : "*43", &call, &reason);
	else if (what < 236)
		core_call_hangup(f->core, call.b);
	else if (what < 237)
		core_call_transfer(f->core, call.b, numbers[byte(in) % 6], &reason);
	else if (what < 239)
		core_call_park(f->core, call.b, "1002", &slot, &reason);
	else if (what < 240)
		f->auth = byte(in);
	else {
		f->mono_ms += (uint64_t)byte(in) << (what & 7);
		core_begin(f->core, f->mono_ms, f->mono_ms);
		core_timers(f->core);
	}
	core_end(f->core);
	drain(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *members[] = { (char *)"1001", (char *)"1002" };
	struct fuzz *f = calloc(1, sizeof(*f));
	struct input in = { .p = data, .n = size };
	char command[64];

	log_setup(LL_ERROR, "", false);
	f->mono_ms = 1000;
	f->settings.extensions.v = f->extensions;
	f->settings.extensions.n = 2;
	f->group = (struct ring_group){ .number = "6001", .strategy = GROUP_LEAST_RECENT,
		.ring_time_s = 20, .members = { .v = members, .n = 2 }, .overflow = "1002" };
	f->page = (struct paging_group){ .number = "6900", .members = { .v = members, .n = 2 } };
	f->settings.ring_groups = (struct conf_items){ .v = &f->group, .n = 1 };
	f->settings.paging_groups = (struct conf_items){ .v = &f->page, .n = 1 };
	str_copy(f->extensions[0].number, sizeof(f->extensions[0].number), "1001");
	str_copy(f->extensions[1].number, sizeof(f->extensions[1].number), "1002");
	f->settings.dialplan.ring_time_s = 60;
	f->settings.features.max_call_duration_s = 7200;
	f->settings.media.rtp_timeout_s = 60;
	f->settings.features.call_transfer = f->settings.features.call_parking = true;
	f->settings.dialplan.digit_timeout_s = 4;
	f->settings.parking.range_start = 70;
	f->settings.parking.range_end = 71;
	f->settings.parking.timeout_s = 120;
	f->settings.parking.ringback_s = 30;
	str_copy(f->settings.dialplan.parking_pattern, sizeof(f->settings.dialplan.parking_pattern),
	    "^7[0-9]$");
	for (int i = 0; i < 2; i++)
		str_copy(f->extensions[i].pickup_group, sizeof(f->extensions[i].pickup_group), "g");
	str_copy(f->dir, sizeof(f->dir), "/dev/shm/core_fuzz.XXXXXX");
	if (mkdtemp(f->dir) == NULL) {
		str_copy(f->dir, sizeof(f->dir), "/tmp/core_fuzz.XXXXXX");
		if (mkdtemp(f->dir) == NULL)
			abort();
	}
	start(f);
	core_begin(f->core, f->mono_ms, f->mono_ms);
	core_peer(f->core, IPC_SIPD, true);
	core_peer(f->core, IPC_MEDIAD, true);
	core_end(f->core);
	for (int i = 0; i < STEPS_MAX && in.n > 0; i++)
		step(f, &in);
	core_free(&f->core);
	userstates_close(&f->users);
	for (const char *const *name = (const char *const[]){ "calls", "legs", "dials", "menus",
	         "recordings", "counts", "users", "recents", NULL };
	     *name != NULL; name++) {
		snprintf(command, sizeof(command), "%s/%s.ckpt", f->dir, *name);
		unlink(command);
	}
	assert_that(rmdir(f->dir) == 0);
	free(f);
	return 0;
}
