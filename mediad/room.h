/* SPDX-License-Identifier: ISC */
/*
 * Rooms: streams that all hear each other. Once a tick what everybody says is added up, and each
 * member hears the sum less its own part (N-1). A room belongs to one worker, and so do its members.
 *
 * Called by the worker's thread alone.
 */
#ifndef WARDEN_MEDIAD_ROOM_H
#define WARDEN_MEDIAD_ROOM_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "mediad/voice.h"

struct stream;

LIST_HEAD(room_members, stream);

struct room {
	uint64_t		 id;
	LIST_ENTRY(room)	 next;
	struct room_members	 members;
	unsigned		 n;
	unsigned		 talkers;	/* heard in this tick */
	uint32_t		 chime;		/* samples of the tone that are still to come */
	int32_t			 sum[VOICE_FRAME];
};

LIST_HEAD(room_list, room);

/*
 * Puts s into the room, which is made if it is not in the list. flags: enum media_room_flags.
 * Returns false when out of memory. A member only gets new flags.
 */
bool room_join(struct room_list *rooms, struct stream *s, uint64_t id, uint8_t flags);

/* Out of its room, if it is in one; ends the room with its last member. */
void room_leave(struct stream *s);

/* Adds up what the members' voices have said in this tick. */
void room_mix(struct room *room);

/* What s hears of it. */
void room_hear(const struct room *room, const struct stream *s, int16_t *pcm);

#endif
