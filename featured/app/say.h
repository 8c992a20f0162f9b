/* SPDX-License-Identifier: ISC */
/*
 * Numbers, dates and lengths as play lists of prompts ("fr:vm-youhave&digits/3&vm-messages"), in
 * English, French, Spanish, Italian and Russian, as far as the recorded prompts go. What another
 * language's prompts lack is played in English by mediad. Pure, but for the machine's time zone.
 *
 * Russian has no recorded hundreds: from 200 on a number is said digit by digit.
 */
#ifndef WARDEN_FEATURED_APP_SAY_H
#define WARDEN_FEATURED_APP_SAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/id.h"

#define SAY_MAX 256 /* of a list, with its NUL: media_play's path */

struct say {
	char list[SAY_MAX];
	size_t n;
	bool full; /* something did not fit and was left out */
	char language[3];
};

/* language: "" or two letters; unknown ones are English. */
void say_begin(struct say *s, const char *language);
void say_prompt(struct say *s, const char *prompt); /* one or a list of them */
void say_voicemail(struct say *s, const char *box, const struct uuid *file);
void say_number(struct say *s, uint32_t n);           /* below a million; else digit by digit */
void say_digits(struct say *s, const char *text);     /* 0-9 * #; others are passed over */
/* A moment as seen from now: today, yesterday, or the date; and the time of day. Unix ms. */
void say_moment(struct say *s, uint64_t at_ms, uint64_t now_ms);
/* "2 minutes 5 seconds" */
void say_duration(struct say *s, uint64_t ms);

#endif
