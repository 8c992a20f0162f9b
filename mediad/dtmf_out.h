/* SPDX-License-Identifier: ISC */
/*
 * Keys on their way to a far end, one after the other: 100 ms each and a pause, as telephone-events
 * (RFC 4733) or as tones in the sound. Pure: says what the next 20 ms hold.
 */
#ifndef WARDEN_MEDIAD_DTMF_OUT_H
#define WARDEN_MEDIAD_DTMF_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DTMF_OUT_MAX	32	/* keys that wait; more are lost (nobody types so far ahead) */
#define DTMF_OUT_MS	100
#define DTMF_OUT_GAP_MS	60
#define DTMF_OUT_ENDS	3	/* times that the end is sent (RFC 4733 section 2.5.1.4) */

struct dtmf_out {
	char		keys[DTMF_OUT_MAX];
	uint8_t		n;
	uint8_t		at_ms;		/* of the first key, which is under way */
	uint32_t	ts;		/* of its event: the caller's to set and use */
	uint32_t	phase;		/* samples of the tone so far */
};

/* Returns false when the queue is full, or it is no key (0-9 * # A-D). */
bool dtmf_out_put(struct dtmf_out *d, char key);

struct dtmf_event {
	bool		first;		/* of its key: ts is to be set */
	unsigned	copies;		/* packets of it; 0: a pause between two keys */
	size_t		len;
	uint8_t		payload[4];
};

/*
 * The next 20 ms as an event with durations of so many thousand units a second. False: there is
 * none.
 */
bool dtmf_out_event(struct dtmf_out *d, unsigned khz, struct dtmf_event *out);

/* The next 20 ms as n samples of tone or pause at 8000. False: there is none. */
bool dtmf_out_tone(struct dtmf_out *d, int16_t *pcm, size_t n);

#endif
