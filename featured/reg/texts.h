/* SPDX-License-Identifier: ISC */
/*
 * Text messages between extensions (RFC 3428). Each is on disk before its sender is told 202, and
 * stays there until a phone of the other user has taken it: at once when one is registered, else
 * when one registers. One at a time for each user, in order. What was sent at the moment of a kill
 * is sent again, with the same Call-ID, CSeq and branch, so that the phone takes it for the same.
 *
 * Main thread only; the disk's work is keep.c's.
 */
#ifndef WARDEN_REG_TEXTS_H
#define WARDEN_REG_TEXTS_H

#include "common/ipc/peer.h"
#include "featured/db/keep.h"
#include "featured/reg/bindings.h"

#define TEXTS_MAX 20000 /* of all users */

struct texts;

struct texts_env {
	struct keep *keep;
	struct bindings *bindings;
	struct ipc_peer *(*sipd)(void *arg); /* NULL while it is away */
	void *arg;
};

/* Reads what is kept. Returns 0 or -errno. */
int texts_open(struct texts **out, const struct settings *settings, const struct texts_env *env);
void texts_close(struct texts **t);
void texts_settings(struct texts *t, const struct settings *settings);

/* A MESSAGE whose sender is who: answers peer's request, now or when it is on disk. */
void texts_take(struct texts *t, struct ipc_peer *peer, uint32_t id,
    const struct msg_message_request *m, const char *who, uint64_t now_ms);

/*
 * Is it a repeat of what was taken (from a sipd that lost its transaction)? Then the request is
 * answered, and needs no proof of who sent it, which it could not give: its nonce's count has been
 * used.
 */
bool texts_repeated(struct texts *t, struct ipc_peer *peer, uint32_t id,
    const struct msg_message_request *m, const char *who);

/* A phone of the user has registered: send what is kept. */
void texts_registered(struct texts *t, const char *user);
/* Once a second: tries again, and forgets what is too old. */
void texts_tick(struct texts *t, uint64_t now_ms);

size_t texts_kept(const struct texts *t);

/* A kept message as bytes, and back; for texts.c and its tests. */
struct text_parts {
	char from[65], from_name[129], to[65], type[129];
	uint64_t at_ms;
	/* of the request that brought it, 0 unknown: a repeat of that is not kept again */
	uint64_t print;
	const char *body;
	size_t body_len;
};
void text_print(const struct text_parts *parts, struct buf *out);
bool text_read(struct text_parts *parts, const char *p, size_t len); /* body points into p */

#endif
