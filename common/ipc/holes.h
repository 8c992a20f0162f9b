/* SPDX-License-Identifier: ISC */
/* The holes in documents of subscriptions (common/ipc/schema/watch.def), as bytes and, to be put into text, as strings. */
#ifndef WARDEN_IPC_HOLES_H
#define WARDEN_IPC_HOLES_H

enum hole {
	HOLE_VERSION = 1,
	HOLE_HOST = 2,
	HOLE_DIALOG = 3, /* followed by HOLE_DIALOG_HEX digits */
};

#define HOLE_VERSION_STR "\1"
#define HOLE_HOST_STR	 "\2"
#define HOLE_DIALOG_STR	 "\3"
#define HOLE_DIALOG_HEX	 16

#endif
