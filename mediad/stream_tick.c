/* SPDX-License-Identifier: ISC */
/*
 * What a tick of 20 ms brings to a stream that is not merely relayed: its far end's frame in
 * (stream_tick_hear, for all of them first), then what it is to hear: keys, a sound, its room, or the
 * frames of whom it is connected to (stream_tick_say).
 */
#include <string.h>

#include "mediad/room.h"
#include "mediad/stream.h"
#include "mediad/worker.h"

/*
 * The next samples of the sound, which may begin again. Returns false when it was over before the
 * first of them.
 */
static bool
next_samples(struct stream *s, int16_t *pcm, uint32_t n)
{
	const struct sound *sound = s->sound;
	uint32_t done = 0, take;

	if (s->st.play_at >= sound->n && s->st.play_left == 1)
		return false;
	while (done < n) {
		if (s->st.play_at >= sound->n) {
			if (s->st.play_left == 1)
				break;		/* the last frame ends in silence */
			if (s->st.play_left > 1)
				s->st.play_left--;
			s->st.play_at = 0;
		}
		take = sound->n - s->st.play_at;
		if (take > n - done)
			take = n - done;
		memcpy(pcm + done, sound->pcm + s->st.play_at, take * sizeof(*pcm));
		s->st.play_at += take;
		done += take;
	}
	memset(pcm + done, 0, (n - done) * sizeof(*pcm));
	return true;
}

/* Whose frames it is sent when they cannot be relayed as packets. */
static struct stream *
talker(const struct stream *s)
{
	return !s->frames ? NULL : s->echo ? (struct stream *)(uintptr_t)s : s->peer;
}

/* Somebody wants to have what the far end says as frames. */
static bool
listened_to(const struct stream *s)
{
	if (s->room != NULL || (s->echo && s->frames))
		return true;
	if (s->peer != NULL && s->peer->frames)
		return true;
	return s->voice != NULL && s->voice->band != NULL && !stream_is_g711(s);
}

void
stream_tick_hear(struct worker *w, struct stream *s, uint64_t now_us)
{
	struct voice *v = s->voice;

	if (v == NULL)
		return;
	if (v->in != NULL && !listened_to(s))
		receive_free(&v->in);
	voice_hear(s, now_us);
	if (v->said && v->band != NULL && !stream_is_g711(s))
		stream_band(w, s, v->frame, VOICE_FRAME);
	if (v->said && stream_band_mutes(s))
		memset(v->frame, 0, sizeof(v->frame));
}

bool
stream_tick_say(struct worker *w, struct stream *s, uint64_t now_us)
{
	struct stream *from = talker(s);
	int16_t pcm[VOICE_FRAME];
	bool sound = false;

	if (s->play != 0 && !(sound = next_samples(s, pcm, VOICE_FRAME)))
		worker_played(w, s);
	if (voice_keys(w, s, now_us))
		return true;
	if (sound) {
		voice_say(w, s, pcm, VOICE_FRAME, now_us);
	} else if (s->music != NULL) {
		music_say(w, s, now_us);
	} else if (s->room != NULL) {
		room_hear(s->room, s, pcm);
		voice_say(w, s, pcm, VOICE_FRAME, now_us);
	} else if (from != NULL && from->voice != NULL && from->voice->said) {
		voice_say(w, s, from->voice->frame, from->voice->nframe, now_us);
	}
	return s->play != 0 || s->music != NULL || s->frames || listened_to(s);
}
