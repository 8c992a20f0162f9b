/* SPDX-License-Identifier: ISC */
/*
 * A packet from a peer: whatever decodes must encode to the same bytes again, print, and scan back from its text to the same bytes.
 * And text as a scenario has it: whatever scans must print and scan to the same.
 */
/* links: common/ipc/msg.c common/ipc/wire.c common/base/buf.c common/base/str.c common/base/log.c common/base/mem.c common/base/clock.c common/base/id.c */
#include <stdlib.h>
#include <string.h>

#include "common/ipc/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
text_round_trip(const char *text, uint8_t *wire, size_t max)
{
	static uint8_t again[IPC_PACKET_MAX];
	static union ipc_any body, back;
	struct buf hold = BUF_INIT(1 << 20), hold2 = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
	uint16_t type, type2;
	char err[128];
	int n, m;

	if (ipc_scan(text, &type, &body, &hold, err, sizeof(err)) == 0) {
		ipc_print(&out, type, &body);
		check(!out.failed);
		check(ipc_scan(out.data, &type2, &back, &hold2, err, sizeof(err)) == 0 && type == type2);
		n = ipc_encode(wire, max, type, 0, 0, &body, IPC_MINOR);
		m = ipc_encode(again, sizeof(again), type, 0, 0, &back, IPC_MINOR);
		check(n > 0 && n == m && memcmp(wire, again, (size_t)n) == 0);
	}
	buf_free(&hold);
	buf_free(&hold2);
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t wire[IPC_PACKET_MAX];
	static union ipc_any body;
	struct buf text = BUF_INIT(1 << 20);
	struct ipc_msg msg;
	char *line;
	int n;

	if (size > 0 && size < IPC_PACKET_MAX && data[0] >= ' ') {
		line = strndup((const char *)data, size);
		text_round_trip(line, wire, sizeof(wire));
		free(line);
		return 0;
	}
	if (ipc_decode(&msg, &body, data, size, IPC_MINOR) != 0)
		return 0;
	n = ipc_encode(wire, sizeof(wire), msg.type, msg.flags, msg.id, &body, IPC_MINOR);
	check(n == (int)size && memcmp(wire, data, size) == 0);
	ipc_print(&text, msg.type, &body);
	check(!text.failed);
	text_round_trip(text.data, wire, sizeof(wire));
	buf_free(&text);
	return 0;
}
