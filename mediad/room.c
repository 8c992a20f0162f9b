/* SPDX-License-Identifier: ISC */
/* Rooms and their mix, see room.h. */
#include "mediad/room.h"

#include <math.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/ipc/enums.h"
#include "mediad/stream.h"

#define CHIME_SAMPLES	(VOICE_FRAME * 10)	/* 200 ms */
#define CHIME_HZ	600.0
#define CHIME_AMPLITUDE	2000.0

static bool
heard(const struct stream *s)
{
	return (s->room_flags & MEDIA_ROOM_MUTE) == 0 && s->voice != NULL && s->voice->said;
}

bool
room_join(struct room_list *rooms, struct stream *s, uint64_t id, uint8_t flags)
{
	struct room *room;

	s->room_flags = flags;
	if (s->room != NULL && s->room->id == id)
		return true;
	room_leave(s);
	LIST_FOREACH(room, rooms, next)
		if (room->id == id)
			break;
	if (room == NULL) {
		if ((room = mem_new(sizeof(*room))) == NULL)
			return false;
		room->id = id;
		LIST_INIT(&room->members);
		LIST_INSERT_HEAD(rooms, room, next);
	}
	if (room->n > 0 && (flags & MEDIA_ROOM_TONE))
		room->chime = CHIME_SAMPLES;
	LIST_INSERT_HEAD(&room->members, s, member);
	room->n++;
	s->room = room;
	return true;
}

void
room_leave(struct stream *s)
{
	struct room *room = s->room;

	if (room == NULL)
		return;
	LIST_REMOVE(s, member);
	s->room = NULL;
	if (s->room_flags & MEDIA_ROOM_TONE)
		room->chime = CHIME_SAMPLES;
	if (--room->n > 0)
		return;
	LIST_REMOVE(room, next);
	mem_free(&room);
}

void
room_mix(struct room *room)
{
	struct stream *s;

	memset(room->sum, 0, sizeof(room->sum));
	room->talkers = 0;
	LIST_FOREACH(s, &room->members, member) {
		if (!heard(s))
			continue;
		room->talkers++;
		for (unsigned i = 0; i < VOICE_FRAME; i++)
			room->sum[i] += s->voice->frame[i];
	}
	for (unsigned i = 0; i < VOICE_FRAME && room->chime > 0; i++, room->chime--)
		room->sum[i] += (int32_t)(CHIME_AMPLITUDE *
		    sin(2 * M_PI * CHIME_HZ * room->chime / VOICE_RATE));
}

void
room_hear(const struct room *room, const struct stream *s, int16_t *pcm)
{
	bool own = heard(s);

	for (unsigned i = 0; i < VOICE_FRAME; i++) {
		int32_t v = room->sum[i] - (own ? s->voice->frame[i] : 0);

		pcm[i] = (int16_t)(v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v);
	}
}
