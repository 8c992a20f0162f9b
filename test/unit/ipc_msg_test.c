/* SPDX-License-Identifier: ISC */
/* Messages as bytes and text: every message of the schema goes both ways unchanged; what is malformed is refused. */
/* links: common/ipc/msg.c common/ipc/wire.c common/base/buf.c common/base/str.c common/base/log.c common/base/mem.c common/base/clock.c common/base/id.c */
#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/ipc/msg.h"

/* Fills each field with something that depends on its place, as long as the field may be. */
static void
fill(const struct ipc_def *def, union ipc_any *body, uint8_t *bytes)
{
	memset(body, 0, sizeof(*body));
	for (size_t i = 0; i < def->nfields; i++) {
		const struct ipc_field *f = &def->fields[i];
		char *at = (char *)body + f->off;

		switch (f->kind) {
		case IPC_K_STR:
			memset(at, 'a' + (int)(i % 26), f->max);
			break;
		case IPC_K_VIEW:
			*(struct ipc_view *)at = (struct ipc_view){ .p = bytes, .len = f->max };
			break;
		case IPC_K_SINCE:
			break;
		case IPC_K_U8:
		case IPC_K_U16:
		case IPC_K_U32:
		case IPC_K_U64:
		case IPC_K_BIN:
			memset(at, (int)(0x11 * (i % 14 + 1)), f->max);
			break;
		}
	}
}

static void
every_message_survives_the_wire(void **state)
{
	static uint8_t wire[IPC_PACKET_MAX], again[IPC_PACKET_MAX], bytes[IPC_PACKET_MAX];
	union ipc_any in, out;
	struct ipc_msg msg;

	(void)state;
	memset(bytes, 0xa5, sizeof(bytes));
	for (size_t i = 0; i < ipc_def_count(); i++) {
		const struct ipc_def *def = ipc_def_at(i);
		int n, m;

		fill(def, &in, bytes);
		n = ipc_encode(wire, sizeof(wire), def->type, IPC_REQUEST, 77, &in, IPC_MINOR);
		assert_true(n >= IPC_HEAD_LEN);
		assert_int_equal(ipc_decode(&msg, &out, wire, (size_t)n, IPC_MINOR), 0);
		assert_int_equal(msg.type, def->type);
		assert_int_equal(msg.id, 77);
		assert_int_equal(msg.flags, IPC_REQUEST);
		m = ipc_encode(again, sizeof(again), def->type, IPC_REQUEST, 77, &out, IPC_MINOR);
		assert_int_equal(m, n);
		assert_memory_equal(wire, again, (size_t)n);
		/* one byte less, one byte more: both are refused */
		assert_int_equal(ipc_decode(&msg, &out, wire, (size_t)n - 1, IPC_MINOR), -EBADMSG);
		if ((size_t)n < sizeof(wire))
			assert_int_equal(ipc_decode(&msg, &out, wire, (size_t)n + 1, IPC_MINOR), -EBADMSG);
	}
}

static void
every_message_survives_its_text(void **state)
{
	static uint8_t wire[IPC_PACKET_MAX], again[IPC_PACKET_MAX], bytes[IPC_PACKET_MAX];
	union ipc_any in, out;
	char err[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < ipc_def_count(); i++) {
		const struct ipc_def *def = ipc_def_at(i);
		struct buf text = BUF_INIT(1 << 20), hold = BUF_INIT(1 << 20);
		uint16_t type;
		int n;

		fill(def, &in, bytes);
		ipc_print(&text, def->type, &in);
		assert_false(text.failed);
		if (ipc_scan(text.data, &type, &out, &hold, err, sizeof(err)) != 0)
			fail_msg("%s: %s", def->name, err);
		assert_int_equal(type, def->type);
		n = ipc_encode(wire, sizeof(wire), def->type, 0, 0, &in, IPC_MINOR);
		assert_int_equal(ipc_encode(again, sizeof(again), type, 0, 0, &out, IPC_MINOR), n);
		assert_memory_equal(wire, again, (size_t)n);
		buf_free(&text);
		buf_free(&hold);
	}
}

static void
text_is_as_a_scenario_writes_it(void **state)
{
	struct msg_leg_progress m = { .leg = 0xa, .status = 183, .sdp = ipc_view_str("v=0\r\n") };
	struct buf text = BUF_INIT(1000);

	(void)state;
	ipc_print(&text, MSG_leg_progress, &m);
	assert_string_equal(text.data, "leg_progress leg=000000000000000a status=183 sdp=\"v=0\\r\\n\"");
	buf_free(&text);
}

static void
bad_text_is_explained(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "leg_nothing leg=1", "no message leg_nothing" },
		{ "leg_taken lag=1", "leg_taken has no field lag" },
		{ "leg_taken leg=xyz", "bad value for leg_taken.leg" },
		{ "leg_taken leg=12345678901234567", "bad value for leg_taken.leg" },
		{ "leg_progress status=70000", "bad value for leg_progress.status" },
		{ "leg_progress sdp=\"open", "bad value for leg_progress.sdp" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf hold = BUF_INIT(1000);
		union ipc_any body;
		char err[128] = "";
		uint16_t type;

		assert_int_equal(ipc_scan(cases[i].text, &type, &body, &hold, err, sizeof(err)), -EINVAL);
		assert_string_equal(err, cases[i].why);
		buf_free(&hold);
	}
}

static void
what_does_not_fit_is_refused(void **state)
{
	static uint8_t wire[IPC_PACKET_MAX], big[20000];
	struct msg_leg_answer m = { .leg = 1, .sdp = { .p = big, .len = 16385 } };
	struct msg_leg_taken t = { .leg = 1 };
	union ipc_any out;
	struct ipc_msg msg;
	int n;

	(void)state;
	assert_int_equal(ipc_encode(wire, sizeof(wire), MSG_leg_answer, 0, 0, &m, IPC_MINOR), -EMSGSIZE);
	assert_int_equal(ipc_encode(wire, sizeof(wire), 0x0fff, 0, 0, &t, IPC_MINOR), -EMSGSIZE);
	assert_int_equal(ipc_encode(wire, 10, MSG_leg_taken, 0, 0, &t, IPC_MINOR), -EMSGSIZE);
	/* a message that minor 0 does not know is not sent to it */
	assert_int_equal(ipc_encode(wire, sizeof(wire), MSG_topic_idle, 0, 0, &(struct msg_topic_idle){ .topic = 1 }, 0), -EPROTONOSUPPORT);
	/* an unknown number, and a NUL inside a string */
	assert_int_equal(ipc_decode(&msg, &out, (const uint8_t *)"\x0f\xff\0\0\0\0\0", 7, IPC_MINOR), -EBADMSG);
	assert_int_equal(ipc_decode(&msg, &out, (const uint8_t *)"\xff\xff\0\0\0\0\0", 7, IPC_MINOR), -EBADMSG);
	n = ipc_encode(wire, sizeof(wire), MSG_error, 0, 0, &(struct msg_error){ .status = 1, .reason = "abc" }, IPC_MINOR);
	assert_int_equal(ipc_decode(&msg, &out, wire, (size_t)n, IPC_MINOR), 0);
	wire[n - 2] = '\0';
	assert_int_equal(ipc_decode(&msg, &out, wire, (size_t)n, IPC_MINOR), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_survives_the_wire),
		cmocka_unit_test(every_message_survives_its_text),
		cmocka_unit_test(text_is_as_a_scenario_writes_it),
		cmocka_unit_test(bad_text_is_explained),
		cmocka_unit_test(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests_name("ipc_msg", tests, NULL, NULL);
}
