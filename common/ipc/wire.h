/* SPDX-License-Identifier: ISC */
/*
 * Cursors over bytes, big-endian, with a sticky error: read or write freely, check once at the end. A reader that failed reads
 * zeros. Strings have a length of 16 bits before them and no NUL; one inside is an error.
 */
#ifndef WARDEN_IPC_WIRE_H
#define WARDEN_IPC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipc_w {
	uint8_t	*p;
	size_t	 len;
	size_t	 max;
	bool	 failed;
};

struct ipc_r {
	const uint8_t	*p;
	size_t		 len;	/* left */
	bool		 failed;
};

void ipc_w_uint(struct ipc_w *w, uint64_t v, unsigned bytes);
void ipc_w_bytes(struct ipc_w *w, const void *p, size_t n);
void ipc_w_view(struct ipc_w *w, const void *p, size_t n);	/* length, then bytes */

uint64_t ipc_r_uint(struct ipc_r *r, unsigned bytes);
void ipc_r_bytes(struct ipc_r *r, void *dst, size_t n);
void ipc_r_str(struct ipc_r *r, char *dst, size_t max);		/* dst has max + 1 bytes */
const uint8_t *ipc_r_view(struct ipc_r *r, size_t max, size_t *len);

#endif
