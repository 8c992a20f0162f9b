/* SPDX-License-Identifier: ISC */
/*
 * The field tables made from the schema, and the four things done with them: encode, decode, print, scan. No message has code of
 * its own here: a new one is a new entry in the schema.
 */
#include "common/ipc/msg.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/str.h"
#include "common/ipc/wire.h"

/* Pass 1: the wire size of each message, asserted. */
#define MSG(name, number, from, to) enum { wire_size_##name = 0
#define U8(f) + 1
#define U16(f) + 2
#define U32(f) + 4
#define U64(f) + 8
#define STR(f, max) + 2 + (max)
#define BIN(f, n) + (n)
#define VIEW(f, max) + 2 + (max)
#define SINCE(n)
#define END(name) };                                                                               \
	_Static_assert((int)wire_size_##name + IPC_HEAD_LEN <= IPC_PACKET_MAX, #name " does not fit a packet");
#include "common/ipc/schema/all.def"
#include "common/ipc/schema/undef.h"

/*
 * Pass 2: the fields. A field's offset is taken from a local typedef that MSG opens and END closes, inside a function whose only work is to
 * return the static table.
 */
#define MSG(name, number, from, to)                                                                \
	static const struct ipc_field *fields_##name(size_t *n)                                    \
	{                                                                                          \
		typedef struct msg_##name this_msg;                                                \
		static const struct ipc_field table[] = {
#define F(kind_, f, max_) { .kind = (kind_), .name = #f, .off = offsetof(this_msg, f), .max = (max_) },
#define U8(f) F(IPC_K_U8, f, 1)
#define U16(f) F(IPC_K_U16, f, 2)
#define U32(f) F(IPC_K_U32, f, 4)
#define U64(f) F(IPC_K_U64, f, 8)
#define STR(f, max) F(IPC_K_STR, f, max)
#define BIN(f, n) F(IPC_K_BIN, f, n)
#define VIEW(f, max) F(IPC_K_VIEW, f, max)
#define SINCE(n) { .kind = IPC_K_SINCE, .max = (n) },
#define END(name)                                                                                  \
		{ .kind = IPC_K_SINCE, .max = 0 } };                                               \
		(void)sizeof(this_msg);                                                            \
		*n = sizeof(table) / sizeof(table[0]) - 1;                                         \
		return table;                                                                      \
	}
#include "common/ipc/schema/all.def"
#include "common/ipc/schema/undef.h"
#undef F

/* Pass 3: one definition each, in the order of the schema. */
#include "common/ipc/schema/empty.h"
#define SIPD IPC_SIPD
#define MEDIAD IPC_MEDIAD
#define FEATURED IPC_FEATURED
#define APID IPC_APID
#define ANY IPC_ANY
#define MSG(name_, number, from_, to_) INDEX_##name_,
enum {
#include "common/ipc/schema/all.def"
	NDEFS
};
#undef MSG
#define MSG(name_, number, from_, to_)                                                             \
	[INDEX_##name_] = { .type = (number), .from = (from_), .to = (to_), .name = #name_,        \
		.size = sizeof(struct msg_##name_) },
static struct ipc_def defs[NDEFS] = {
#include "common/ipc/schema/all.def"
};
#include "common/ipc/schema/undef.h"

/* type to index + 1; types are below 0x1000 */
static uint16_t by_type[0x1000];

__attribute__((constructor)) static void
defs_init(void)
{
#define MSG(name, number, from, to)                                                                \
	defs[INDEX_##name].fields = fields_##name(&defs[INDEX_##name].nfields);                    \
	by_type[number] = INDEX_##name + 1;
#include "common/ipc/schema/empty.h"
#include "common/ipc/schema/all.def"
#include "common/ipc/schema/undef.h"
}

const struct ipc_def *
ipc_def(uint16_t type)
{
	if (type >= sizeof(by_type) / sizeof(by_type[0]) || by_type[type] == 0)
		return NULL;
	return &defs[by_type[type] - 1];
}

const struct ipc_def *
ipc_def_by_name(const char *name)
{
	for (size_t i = 0; i < NDEFS; i++)
		if (strcmp(defs[i].name, name) == 0)
			return &defs[i];
	return NULL;
}

size_t
ipc_def_count(void)
{
	return NDEFS;
}

const struct ipc_def *
ipc_def_at(size_t i)
{
	return i < NDEFS ? &defs[i] : NULL;
}

struct ipc_view
ipc_view_str(const char *s)
{
	return (struct ipc_view){ .p = (const uint8_t *)s, .len = s != NULL ? strlen(s) : 0 };
}

static uint64_t
field_uint(const struct ipc_field *f, const void *body)
{
	const char *at = (const char *)body + f->off;
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	switch (f->max) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		memcpy(&u16, at, 2);
		return u16;
	case 4:
		memcpy(&u32, at, 4);
		return u32;
	default:
		memcpy(&u64, at, 8);
		return u64;
	}
}

static void
field_set_uint(const struct ipc_field *f, void *body, uint64_t v)
{
	char *at = (char *)body + f->off;
	uint32_t u32 = (uint32_t)v;
	uint16_t u16 = (uint16_t)v;

	switch (f->max) {
	case 1:
		*(uint8_t *)at = (uint8_t)v;
		break;
	case 2:
		memcpy(at, &u16, 2);
		break;
	case 4:
		memcpy(at, &u32, 4);
		break;
	default:
		memcpy(at, &v, 8);
		break;
	}
}

int
ipc_encode(uint8_t *out, size_t max, uint16_t type, uint8_t flags, uint32_t id, const void *body, uint16_t minor)
{
	const struct ipc_def *def = ipc_def(type);
	struct ipc_w w = { .p = out, .max = max };

	if (def == NULL)
		return -EMSGSIZE;
	if (def->nfields > 0 && def->fields[0].kind == IPC_K_SINCE && def->fields[0].max > minor)
		return -EPROTONOSUPPORT;
	ipc_w_uint(&w, type, 2);
	ipc_w_uint(&w, flags, 1);
	ipc_w_uint(&w, id, 4);
	for (size_t i = 0; i < def->nfields; i++) {
		const struct ipc_field *f = &def->fields[i];
		const char *at = (const char *)body + f->off;
		const struct ipc_view *view;

		if (f->kind == IPC_K_SINCE && f->max > minor)
			break;
		switch (f->kind) {
		case IPC_K_U8:
		case IPC_K_U16:
		case IPC_K_U32:
		case IPC_K_U64:
			ipc_w_uint(&w, field_uint(f, body), (unsigned)f->max);
			break;
		case IPC_K_STR:
			ipc_w_view(&w, at, strnlen(at, f->max));
			break;
		case IPC_K_BIN:
			ipc_w_bytes(&w, at, f->max);
			break;
		case IPC_K_VIEW:
			view = (const struct ipc_view *)at;
			if (view->len > f->max)
				w.failed = true;
			ipc_w_view(&w, view->p, view->len);
			break;
		case IPC_K_SINCE:
			break;
		}
	}
	return w.failed ? -EMSGSIZE : (int)w.len;
}

static void
decode_field(struct ipc_r *r, const struct ipc_field *f, void *body)
{
	char *at = (char *)body + f->off;
	struct ipc_view *view;

	switch (f->kind) {
	case IPC_K_U8:
	case IPC_K_U16:
	case IPC_K_U32:
	case IPC_K_U64:
		field_set_uint(f, body, ipc_r_uint(r, (unsigned)f->max));
		break;
	case IPC_K_STR:
		ipc_r_str(r, at, f->max);
		break;
	case IPC_K_BIN:
		ipc_r_bytes(r, at, f->max);
		break;
	case IPC_K_VIEW:
		view = (struct ipc_view *)at;
		view->p = ipc_r_view(r, f->max, &view->len);
		break;
	case IPC_K_SINCE:
		break;
	}
}

int
ipc_decode(struct ipc_msg *msg, union ipc_any *store, const uint8_t *packet, size_t len, uint16_t minor)
{
	struct ipc_r r = { .p = packet, .len = len };
	const struct ipc_def *def;

	msg->type = (uint16_t)ipc_r_uint(&r, 2);
	msg->flags = (uint8_t)ipc_r_uint(&r, 1);
	msg->id = (uint32_t)ipc_r_uint(&r, 4);
	msg->body = store;
	msg->fd = -1;
	def = ipc_def(msg->type);
	if (r.failed || def == NULL)
		return -EBADMSG;
	memset(store, 0, def->size);
	for (size_t i = 0; i < def->nfields; i++) {
		if (def->fields[i].kind == IPC_K_SINCE && def->fields[i].max > minor)
			break;
		decode_field(&r, &def->fields[i], store);
	}
	return r.failed || r.len != 0 ? -EBADMSG : 0;
}

/* A word that needs no quotes. */
static bool
is_plain(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] <= ' ' || p[i] >= 0x7f || p[i] == '"' || p[i] == '\\')
			return false;
	return n > 0;
}

static void
print_bytes(struct buf *out, const uint8_t *p, size_t n)
{
	if (is_plain(p, n)) {
		buf_add(out, p, n);
		return;
	}
	buf_char(out, '"');
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '"' || p[i] == '\\')
			buf_fmt(out, "\\%c", p[i]);
		else if (p[i] == '\n')
			buf_str(out, "\\n");
		else if (p[i] == '\r')
			buf_str(out, "\\r");
		else if (p[i] < ' ' || p[i] >= 0x7f)
			buf_fmt(out, "\\x%02x", p[i]);
		else
			buf_char(out, (char)p[i]);
	}
	buf_char(out, '"');
}

static void
print_field(struct buf *out, const struct ipc_field *f, const void *body)
{
	const char *at = (const char *)body + f->off;
	const struct ipc_view *view = (const struct ipc_view *)at;
	static const uint8_t zeros[64];
	char hex[2 * 64 + 1];

	switch (f->kind) {
	case IPC_K_U8:
	case IPC_K_U16:
	case IPC_K_U32:
		if (field_uint(f, body) != 0)
			buf_fmt(out, " %s=%" PRIu64, f->name, field_uint(f, body));
		break;
	case IPC_K_U64:
		if (field_uint(f, body) != 0)
			buf_fmt(out, " %s=%016" PRIx64, f->name, field_uint(f, body));
		break;
	case IPC_K_STR:
		if (at[0] == '\0')
			break;
		buf_fmt(out, " %s=", f->name);
		print_bytes(out, (const uint8_t *)at, strnlen(at, f->max));
		break;
	case IPC_K_BIN:
		if (f->max > sizeof(zeros) || memcmp(at, zeros, f->max) == 0)
			break;
		str_hex(hex, at, f->max);
		buf_fmt(out, " %s=%s", f->name, hex);
		break;
	case IPC_K_VIEW:
		if (view->len == 0)
			break;
		buf_fmt(out, " %s=", f->name);
		print_bytes(out, view->p, view->len);
		break;
	case IPC_K_SINCE:
		break;
	}
}

void
ipc_print(struct buf *out, uint16_t type, const void *body)
{
	const struct ipc_def *def = ipc_def(type);

	if (def == NULL) {
		buf_fmt(out, "unknown-0x%04x", type);
		return;
	}
	buf_str(out, def->name);
	for (size_t i = 0; i < def->nfields; i++)
		print_field(out, &def->fields[i], body);
}

/* One value, quoted or not, from *s into hold. Returns where it starts there, or SIZE_MAX. */
static size_t
scan_value(const char **s, struct buf *hold)
{
	size_t start = hold->len;
	const char *p = *s;
	uint8_t byte;

	if (*p != '"') {
		while (*p != '\0' && *p != ' ')
			buf_char(hold, *p++);
		*s = p;
		return start;
	}
	for (p++; *p != '"'; p++) {
		if (*p == '\0')
			return SIZE_MAX;
		if (*p != '\\') {
			buf_char(hold, *p);
			continue;
		}
		p++;
		if (*p == 'n' || *p == 'r') {
			buf_char(hold, *p == 'n' ? '\n' : '\r');
		} else if (*p == 'x') {
			char hex[3] = { p[1], p[1] != '\0' ? p[2] : '\0', '\0' };

			if (str_unhex(&byte, 1, hex) != 0)
				return SIZE_MAX;
			buf_char(hold, (char)byte);
			p += 2;
		} else if (*p == '"' || *p == '\\') {
			buf_char(hold, *p);
		} else {
			return SIZE_MAX;
		}
	}
	*s = p + 1;
	return start;
}

static bool
scan_uint(const struct ipc_field *f, const char *text, void *body)
{
	uint64_t v = 0;
	int64_t i;
	size_t n = strlen(text);

	if (f->kind == IPC_K_U64) {
		if (n == 0 || n > 16)
			return false;
		for (size_t k = 0; k < n; k++) {
			const char *digits = "0123456789abcdef";
			const char *d = strchr(digits, text[k]);

			if (d == NULL)
				return false;
			v = v << 4 | (uint64_t)(d - digits);
		}
	} else {
		if (str_to_i64(text, 0, (1LL << (8 * f->max)) - 1, &i) != 0)
			return false;
		v = (uint64_t)i;
	}
	field_set_uint(f, body, v);
	return true;
}

/* len bytes at start of hold, with a NUL behind them. view->p holds an offset into hold until the end of ipc_scan(), because hold may move while it grows. */
static bool
scan_field(const struct ipc_field *f, const struct buf *hold, size_t start, size_t len, void *body)
{
	char *at = (char *)body + f->off;

	switch (f->kind) {
	case IPC_K_U8:
	case IPC_K_U16:
	case IPC_K_U32:
	case IPC_K_U64:
		return scan_uint(f, hold->data + start, body);
	case IPC_K_STR:
		return len <= f->max && str_ncopy(at, f->max + 1, hold->data + start, len);
	case IPC_K_BIN:
		return str_unhex(at, f->max, hold->data + start) == 0;
	case IPC_K_VIEW:
		((struct ipc_view *)at)->p = (const uint8_t *)(uintptr_t)start;
		((struct ipc_view *)at)->len = len;
		return len <= f->max;
	case IPC_K_SINCE:
		break;
	}
	return false;
}

static const struct ipc_field *
field_by_name(const struct ipc_def *def, const char *name, size_t n)
{
	for (size_t i = 0; i < def->nfields; i++)
		if (def->fields[i].kind != IPC_K_SINCE && strlen(def->fields[i].name) == n &&
		    memcmp(def->fields[i].name, name, n) == 0)
			return &def->fields[i];
	return NULL;
}

int
ipc_scan(const char *text, uint16_t *type, union ipc_any *store, struct buf *hold, char *err, size_t err_size)
{
	const struct ipc_def *def;
	const struct ipc_field *f;
	char name[64];
	size_t n = strcspn(text, " "), start, len;

	str_ncopy(name, sizeof(name), text, n);
	def = ipc_def_by_name(name);
	if (def == NULL) {
		str_format(err, err_size, "no message %s", name);
		return -EINVAL;
	}
	*type = def->type;
	memset(store, 0, sizeof(*store));
	for (text += n; *(text += strspn(text, " ")) != '\0';) {
		n = strcspn(text, "= ");
		f = field_by_name(def, text, n);
		if (f == NULL || text[n] != '=') {
			str_format(err, err_size, "%s has no field %.*s", name, (int)n, text);
			return -EINVAL;
		}
		text += n + 1;
		start = scan_value(&text, hold);
		len = hold->len - start;
		buf_char(hold, '\0');
		if (start == SIZE_MAX || hold->failed || (*text != ' ' && *text != '\0') ||
		    !scan_field(f, hold, start, len, store)) {
			str_format(err, err_size, "bad value for %s.%s", name, f->name);
			return -EINVAL;
		}
	}
	for (size_t i = 0; i < def->nfields; i++)
		if (def->fields[i].kind == IPC_K_VIEW) {
			struct ipc_view *v = (struct ipc_view *)((char *)store + def->fields[i].off);

			v->p = v->len > 0 ? (const uint8_t *)hold->data + (uintptr_t)v->p : NULL;
		}
	return 0;
}

const char *
ipc_role_name(uint8_t role)
{
	switch ((enum ipc_role)role) {
	case IPC_SIPD:
		return "sipd";
	case IPC_MEDIAD:
		return "mediad";
	case IPC_FEATURED:
		return "featured";
	case IPC_APID:
		return "apid";
	case IPC_ANY:
		return "any";
	}
	return "unknown";
}

const char *
ipc_transport_name(uint8_t transport)
{
	switch ((enum sip_transport)transport) {
	case SIP_TRANSPORT_ANY:
		return "any";
	case SIP_TRANSPORT_UDP:
		return "udp";
	case SIP_TRANSPORT_TCP:
		return "tcp";
	case SIP_TRANSPORT_TLS:
		return "tls";
	case SIP_TRANSPORT_WSS:
		return "wss";
	}
	return "unknown";
}

const char *
ipc_call_state_name(uint8_t state)
{
	switch ((enum call_state)state) {
	case CALL_CALLING:
		return "calling";
	case CALL_RINGING:
		return "ringing";
	case CALL_CONNECTED:
		return "connected";
	case CALL_HOLD:
		return "hold";
	case CALL_TRANSFERRING:
		return "transferring";
	case CALL_ENDED:
		return "ended";
	}
	return "unknown";
}

const char *
ipc_leg_end_name(uint8_t cause)
{
	switch ((enum leg_end)cause) {
	case LEG_END_REMOTE:
		return "remote";
	case LEG_END_LOCAL:
		return "local";
	case LEG_END_TIMEOUT:
		return "timeout";
	case LEG_END_TRANSPORT:
		return "transport";
	case LEG_END_LOST:
		return "lost";
	}
	return "unknown";
}
