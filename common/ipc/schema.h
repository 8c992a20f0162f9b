/* SPDX-License-Identifier: ISC */
/* Made from the schema: one struct msg_NAME and one MSG_NAME number for each message. See schema/all.def. */
#ifndef WARDEN_IPC_SCHEMA_H
#define WARDEN_IPC_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "common/ipc/enums.h"

/* Bytes inside a received packet (valid only during the handler), or the sender's own. */
struct ipc_view {
	const uint8_t	*p;
	size_t		 len;
};

/* A view of a C string. */
struct ipc_view ipc_view_str(const char *s);

#define MSG(name, number, from, to) struct msg_##name {
#define U8(f) uint8_t f;
#define U16(f) uint16_t f;
#define U32(f) uint32_t f;
#define U64(f) uint64_t f;
#define STR(f, max) char f[(max) + 1];
#define BIN(f, n) uint8_t f[n];
#define VIEW(f, max) struct ipc_view f;
#define SINCE(n)
#define END(name) };
#include "common/ipc/schema/all.def"
#include "common/ipc/schema/undef.h"

enum ipc_type {
#define MSG(name, number, from, to) MSG_##name = (number),
#include "common/ipc/schema/empty.h"
#include "common/ipc/schema/all.def"
#include "common/ipc/schema/undef.h"
};

#endif
