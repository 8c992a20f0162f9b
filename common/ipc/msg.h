/* SPDX-License-Identifier: ISC */
/*
 * Messages as structs, bytes and text, all by the one field table that is made from the schema.
 *
 * A packet is: type u16, flags u8, request id u32, body. The text form, "leg_dial
 * leg=00000000000000a1 route=127.0.0.1:5062", is what traces show and what test/scenario is written
 * in.
 */
#ifndef WARDEN_IPC_MSG_H
#define WARDEN_IPC_MSG_H

#include "common/base/buf.h"
#include "common/ipc/schema.h"

#define IPC_MAJOR 1
#define IPC_MINOR 2
#define IPC_HEAD_LEN 7
#define IPC_PACKET_MAX (20 * 1024)

enum ipc_flags {
	IPC_REQUEST = 1,	/* wants one end: a reply without MORE, or an error */
	IPC_REPLY = 2,
	IPC_ERROR = 4,		/* with REPLY; the body is msg_error */
	IPC_MORE = 8,		/* with REPLY: an item, the end comes later */
};

enum ipc_kind {
	IPC_K_U8,
	IPC_K_U16,
	IPC_K_U32,
	IPC_K_U64,
	IPC_K_STR,
	IPC_K_BIN,
	IPC_K_VIEW,
	IPC_K_SINCE,	/* no field: max is the minor version from which the next ones are known */
};

struct ipc_field {
	enum ipc_kind	 kind;
	const char	*name;
	size_t		 off;
	size_t		 max;
};

struct ipc_def {
	uint16_t		 type;
	uint8_t			 from;	/* set of enum ipc_role */
	uint8_t			 to;
	const char		*name;
	size_t			 size;	/* of struct msg_NAME */
	const struct ipc_field	*fields;
	size_t			 nfields;
};

/*
 * A message received. body points to a struct msg_NAME that lives until the handler returns, and so
 * do its views.
 */
struct ipc_msg {
	uint16_t	 type;
	uint8_t		 flags;
	uint32_t	 id;
	const void	*body;
	int		 fd;	/* passed along, or -1; the handler that keeps it sets this to -1 */
};

/* Big enough for every struct msg_NAME. */
union ipc_any {
#define MSG(name, number, from, to) struct msg_##name name;
#include "common/ipc/schema/empty.h"
#include "common/ipc/schema/all.def"
#include "common/ipc/schema/undef.h"
};

const struct ipc_def *ipc_def(uint16_t type);			/* NULL: unknown */
const struct ipc_def *ipc_def_by_name(const char *name);
size_t ipc_def_count(void);
const struct ipc_def *ipc_def_at(size_t i);

/*
 * Writes a packet for a peer that knows up to minor. Returns its length, -EMSGSIZE, or
 * -EPROTONOSUPPORT: that peer does not know the message.
 */
int ipc_encode(uint8_t *out, size_t max, uint16_t type, uint8_t flags, uint32_t id,
    const void *body, uint16_t minor);

/*
 * Reads a packet: every byte must be accounted for. msg->body is set to store. Returns 0, or
 * -EBADMSG.
 */
int ipc_decode(struct ipc_msg *msg, union ipc_any *store, const uint8_t *packet, size_t len,
    uint16_t minor);

/* The text form. Empty and zero fields are left out. */
void ipc_print(struct buf *out, uint16_t type, const void *body);

/*
 * The text form read back: fields not named are zero. views points into hold, which must outlive
 * the body. Returns 0, or -EINVAL with the reason in err (err_size bytes).
 */
int ipc_scan(const char *text, uint16_t *type, union ipc_any *store, struct buf *hold, char *err,
    size_t err_size);

const char *ipc_role_name(uint8_t role);
const char *ipc_transport_name(uint8_t transport);	/* "udp" */
const char *ipc_call_state_name(uint8_t state);		/* "calling" */
const char *ipc_leg_end_name(uint8_t cause);

#endif
