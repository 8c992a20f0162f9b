/* SPDX-License-Identifier: ISC */
/* Cursors over packets; see wire.h. Used by msg.c alone, so that every byte from a peer passes these bounds checks. */
#include "common/ipc/wire.h"

#include <string.h>

static uint8_t *
w_room(struct ipc_w *w, size_t n)
{
	uint8_t *at;

	if (w->failed || n > w->max - w->len) {
		w->failed = true;
		return NULL;
	}
	at = w->p + w->len;
	w->len += n;
	return at;
}

void
ipc_w_uint(struct ipc_w *w, uint64_t v, unsigned bytes)
{
	uint8_t *at = w_room(w, bytes);

	if (at == NULL)
		return;
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

void
ipc_w_bytes(struct ipc_w *w, const void *p, size_t n)
{
	uint8_t *at = w_room(w, n);

	if (at != NULL && n > 0)
		memcpy(at, p, n);
}

void
ipc_w_view(struct ipc_w *w, const void *p, size_t n)
{
	if (n > UINT16_MAX)
		w->failed = true;
	ipc_w_uint(w, n, 2);
	ipc_w_bytes(w, p, n);
}

static const uint8_t *
r_take(struct ipc_r *r, size_t n)
{
	const uint8_t *at = r->p;

	if (r->failed || n > r->len) {
		r->failed = true;
		return NULL;
	}
	r->p += n;
	r->len -= n;
	return at;
}

uint64_t
ipc_r_uint(struct ipc_r *r, unsigned bytes)
{
	const uint8_t *at = r_take(r, bytes);
	uint64_t v = 0;

	if (at == NULL)
		return 0;
	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | at[i];
	return v;
}

void
ipc_r_bytes(struct ipc_r *r, void *dst, size_t n)
{
	const uint8_t *at = r_take(r, n);

	if (at != NULL)
		memcpy(dst, at, n);
	else
		memset(dst, 0, n);
}

const uint8_t *
ipc_r_view(struct ipc_r *r, size_t max, size_t *len)
{
	size_t n = ipc_r_uint(r, 2);
	const uint8_t *at;

	*len = 0;
	if (n > max)
		r->failed = true;
	at = r_take(r, n);
	if (at != NULL)
		*len = n;
	return at;
}

void
ipc_r_str(struct ipc_r *r, char *dst, size_t max)
{
	size_t n;
	const uint8_t *at = ipc_r_view(r, max, &n);

	dst[0] = '\0';
	if (at == NULL)
		return;
	if (memchr(at, '\0', n) != NULL) {
		r->failed = true;
		return;
	}
	memcpy(dst, at, n);
	dst[n] = '\0';
}
