/* SPDX-License-Identifier: ISC */
/* See say.h: numbers, dates and lengths as lists of prompts. */
#include "featured/app/say.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/str.h"

void
say_begin(struct say *s, const char *language)
{
	memset(s, 0, sizeof(*s));
	if (strlen(language) != 2 || str_eq(language, "en"))
		return;
	str_copy(s->language, sizeof(s->language), language);
	str_format(s->list, sizeof(s->list), "%s:", language);
	s->n = strlen(s->list);
}

void
say_prompt(struct say *s, const char *prompt)
{
	bool first = s->n == 0 || s->list[s->n - 1] == ':';

	if (!str_format(s->list + s->n, sizeof(s->list) - s->n, "%s%s", first ? "" : "&", prompt)) {
		s->list[s->n] = '\0';
		s->full = true;
		return;
	}
	s->n += strlen(s->list + s->n);
}

void
say_voicemail(struct say *s, const char *box, const struct uuid *file)
{
	char text[128], id[UUID_STR_LEN + 1];

	uuid_print(file, id);
	str_format(text, sizeof(text), "voicemail:%s/%s", box, id);
	say_prompt(s, text);
}

static void
one(struct say *s, uint32_t n)
{
	char text[24];

	str_format(text, sizeof(text), "digits/%u", n);
	say_prompt(s, text);
}

void
say_digits(struct say *s, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text >= '0' && *text <= '9')
			one(s, (uint32_t)(*text - '0'));
		else if (*text == '*')
			say_prompt(s, "digits/star");
		else if (*text == '#')
			say_prompt(s, "digits/pound");
	}
}

static bool
is(const struct say *s, const char *language)
{
	return str_eq(s->language, language);
}

/* 21 to 99; what is below are prompts of their own in every language. */
static void
tens(struct say *s, uint32_t n)
{
	uint32_t ten = n / 10 * 10, rest = n % 10;

	if (rest == 0) {
		one(s, n);
	} else if (is(s, "fr") && (ten == 70 || ten == 90)) {
		/* soixante et onze, quatre-vingt-quinze */
		one(s, ten - 10);
		if (n == 71)
			say_prompt(s, "digits/et");
		one(s, n - ten + 10);
	} else if (is(s, "es") && n < 30) {
		one(s, n);
	} else if (is(s, "it") && (rest == 1 || rest == 8)) {
		one(s, n);	/* ventuno, ventotto: the tens lose their end */
	} else {
		one(s, ten);
		if (is(s, "fr") && rest == 1 && ten < 80)
			say_prompt(s, "digits/et");
		else if (is(s, "es"))
			say_prompt(s, "digits/and");
		one(s, rest);
	}
}

static void
under_1000(struct say *s, uint32_t n)
{
	uint32_t hundreds = n / 100, rest = n % 100;

	if (hundreds > 0 && is(s, "es")) {
		if (hundreds == 1)
			say_prompt(s, rest == 0 ? "digits/hundred" : "digits/100-and");
		else
			one(s, hundreds * 100);
	} else if (hundreds > 0) {
		/* In English one says one hundred, elsewhere just hundred. */
		if (hundreds > 1 || s->language[0] == '\0')
			one(s, hundreds);
		say_prompt(s, "digits/hundred");
	}
	if (rest > 20)
		tens(s, rest);
	else if (rest > 0)
		one(s, rest);
}

void
say_number(struct say *s, uint32_t n)
{
	uint32_t thousands = n / 1000;
	char text[16];

	if (n >= 1000000 || (is(s, "ru") && n >= 200)) {
		str_format(text, sizeof(text), "%u", n);
		say_digits(s, text);
		return;
	}
	if (n == 0)
		one(s, 0);
	if (thousands > 0) {
		if (thousands > 1 || s->language[0] == '\0')
			under_1000(s, thousands);
		say_prompt(s, is(s, "it") && thousands > 1 ? "digits/thousands" : "digits/thousand");
	}
	under_1000(s, n % 1000);
}

static void
clock_time(struct say *s, const struct tm *tm)
{
	int hour = tm->tm_hour % 12 == 0 ? 12 : tm->tm_hour % 12;

	say_prompt(s, "digits/at");
	if (s->language[0] != '\0') {
		/* 24 hours: "at 14 hours 30", as their prompts are */
		say_number(s, (uint32_t)tm->tm_hour);
		if (is(s, "fr"))
			say_prompt(s, "digits/oclock");
		if (tm->tm_min > 0 && (is(s, "es") || is(s, "it")))
			say_prompt(s, is(s, "es") ? "digits/and" : "digits/e");
		if (tm->tm_min > 0)
			say_number(s, (uint32_t)tm->tm_min);
		return;
	}
	say_number(s, (uint32_t)hour);
	if (tm->tm_min == 0)
		say_prompt(s, "digits/oclock");
	else if (tm->tm_min < 10)
		say_prompt(s, "digits/oh");
	if (tm->tm_min > 0)
		say_number(s, (uint32_t)tm->tm_min);
	say_prompt(s, tm->tm_hour < 12 ? "digits/a-m" : "digits/p-m");
}

static void
date(struct say *s, const struct tm *tm)
{
	char month[16], weekday[16];

	str_format(weekday, sizeof(weekday), "digits/day-%d", tm->tm_wday);
	str_format(month, sizeof(month), "digits/mon-%d", tm->tm_mon);
	say_prompt(s, weekday);
	if (s->language[0] == '\0') {
		char day[16];

		say_prompt(s, month);
		/* h-20 and h-30 are the ordinals; h-21 is 20 and h-1 */
		if (tm->tm_mday > 20 && tm->tm_mday % 10 != 0) {
			one(s, (uint32_t)(tm->tm_mday / 10 * 10));
			str_format(day, sizeof(day), "digits/h-%d", tm->tm_mday % 10);
		} else {
			str_format(day, sizeof(day), "digits/h-%d", tm->tm_mday);
		}
		say_prompt(s, day);
		return;
	}
	if (is(s, "fr") && tm->tm_mday == 1)
		say_prompt(s, "digits/h-1");
	else
		say_number(s, (uint32_t)tm->tm_mday);
	if (is(s, "es"))
		say_prompt(s, "digits/es-de");
	say_prompt(s, month);
}

void
say_moment(struct say *s, uint64_t at_ms, uint64_t now_ms)
{
	time_t at = (time_t)(at_ms / 1000), now = (time_t)(now_ms / 1000);
	time_t before = now - 24 * 60 * 60;
	struct tm tm, today, yesterday;

	if (localtime_r(&at, &tm) == NULL || localtime_r(&now, &today) == NULL ||
	    localtime_r(&before, &yesterday) == NULL)
		return;
	if (tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday)
		say_prompt(s, "digits/today");
	else if (tm.tm_year == yesterday.tm_year && tm.tm_yday == yesterday.tm_yday)
		say_prompt(s, "digits/yesterday");
	else
		date(s, &tm);
	clock_time(s, &tm);
}

void
say_duration(struct say *s, uint64_t ms)
{
	uint32_t seconds = (uint32_t)((ms + 500) / 1000), minutes = seconds / 60;

	if (minutes > 0) {
		say_number(s, minutes);
		say_prompt(s, minutes == 1 ? "minute" : "minutes");
	}
	if (seconds % 60 > 0 || minutes == 0) {
		say_number(s, seconds % 60);
		say_prompt(s, seconds % 60 == 1 ? "second" : "seconds");
	}
}
