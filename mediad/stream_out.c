/* SPDX-License-Identifier: ISC */
/*
 * Packets of our own making: a sound is sent to the far end in frames of the agreed length, by the
 * worker's tick.
 */
#include <string.h>

#include "mediad/g711.h"
#include "mediad/stream.h"
#include "mediad/worker.h"

#define FRAME_MAX 480	/* 60 ms */

/*
 * The next n samples of the sound, which may begin again. Returns false when it was over before the
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

bool
stream_play_tick(struct worker *w, struct stream *s, uint32_t samples, uint64_t now_us)
{
	uint8_t *packet = w->packet + IO_HEADROOM;
	uint32_t frame = (uint32_t)s->now.ptime_ms * (SOUND_RATE / 1000);
	int16_t pcm[FRAME_MAX];
	struct rtp r;

	if (frame < 80 || frame > FRAME_MAX)
		frame = 160;
	s->play_due += samples;
	while (s->play_due >= frame) {
		s->play_due -= frame;
		if (!next_samples(s, pcm, frame))
			return false;
		if (!s->may_send)
			continue;	/* held: the sound goes on unheard */
		rtp_tx_make(&s->st.tx, &r, frame, now_us);
		r.pt = s->now.tx_pt[s->now.codec];
		rtp_write_head(packet, &r);
		g711_from_linear((enum sdp_codec)s->now.codec, packet + RTP_HEAD_LEN, pcm, frame);
		stream_send(w, s, packet, RTP_HEAD_LEN + frame);
		io_flush(w->io);	/* the packet's memory is used again */
	}
	return true;
}
