/* SPDX-License-Identifier: ISC */
/*
 * Numbers, dates and lengths as prompts, in every language; and that every prompt that they use is
 * there, where the packages of prompts are installed.
 *
 * links: featured/app/say.c common/base/str.c common/base/id.c common/base/log.c common/base/mem.c
 * common/base/buf.c common/base/clock.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "featured/app/say.h"

static const struct {
	const char *language, *dir;
} voices[] = {
	{ "", "/usr/share/asterisk/sounds/en_US_f_Allison" },
	{ "fr", "/usr/share/asterisk/sounds/fr_CA_f_June" },
	{ "es", "/usr/share/asterisk/sounds/es_MX_f_Allison" },
	{ "it", "/usr/share/asterisk/sounds/it_IT_m_Carlo" },
	{ "ru", "/usr/share/asterisk/sounds/ru_RU_f_IvrvoiceRU" },
};

static void
number_is(const char *language, uint32_t n, const char *want)
{
	struct say s;

	say_begin(&s, language);
	say_number(&s, n);
	assert_string_equal(s.list, want);
}

static void
numbers(void **state)
{
	(void)state;
	number_is("en", 0, "digits/0");
	number_is("", 20, "digits/20");
	number_is("", 21, "digits/20&digits/1");
	number_is("", 1345, "digits/1&digits/thousand&digits/3&digits/hundred&digits/40&digits/5");
	number_is("", 100, "digits/1&digits/hundred");
	number_is("fr", 21, "fr:digits/20&digits/et&digits/1");
	number_is("fr", 71, "fr:digits/60&digits/et&digits/11");
	number_is("fr", 80, "fr:digits/80");
	number_is("fr", 81, "fr:digits/80&digits/1");
	number_is("fr", 95, "fr:digits/80&digits/15");
	number_is("fr", 200, "fr:digits/2&digits/hundred");
	number_is("fr", 1000, "fr:digits/thousand");
	number_is("es", 29, "es:digits/29");
	number_is("es", 31, "es:digits/30&digits/and&digits/1");
	number_is("es", 100, "es:digits/hundred");
	number_is("es", 101, "es:digits/100-and&digits/1");
	number_is("es", 523, "es:digits/500&digits/23");
	number_is("it", 28, "it:digits/28");
	number_is("it", 42, "it:digits/40&digits/2");
	number_is("it", 2000, "it:digits/2&digits/thousands");
	number_is("ru", 142, "ru:digits/hundred&digits/40&digits/2");
	number_is("ru", 250, "ru:digits/2&digits/5&digits/0");
	number_is("", 1234567, "digits/1&digits/2&digits/3&digits/4&digits/5&digits/6&digits/7");
}

static void
moments(void **state)
{
	const uint64_t now = UINT64_C(1700000000000); /* Tuesday 2023-11-14, 22:13:20 UTC */
	struct say s;

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	say_begin(&s, "");
	say_moment(&s, now, now);
	assert_string_equal(s.list, "digits/today&digits/at&digits/10&digits/13&digits/p-m");
	say_begin(&s, "");
	say_moment(&s, now - 86400000 - (8 * 60 + 20) * 1000, now);
	assert_string_equal(s.list,
	    "digits/yesterday&digits/at&digits/10&digits/oh&digits/5&digits/p-m");
	say_begin(&s, "");
	say_moment(&s, now + UINT64_C(8) * 86400000 - (13 * 60 + 20) * 1000, now);
	assert_string_equal(s.list, "digits/day-3&digits/mon-10&digits/20&digits/h-2&digits/at&"
	                            "digits/10&digits/oclock&digits/p-m");
	say_begin(&s, "fr");
	say_moment(&s, now - UINT64_C(13) * 86400000, now);
	assert_string_equal(s.list, "fr:digits/day-3&digits/h-1&digits/mon-10&digits/at&digits/20&"
	                            "digits/2&digits/oclock&digits/13");
	say_begin(&s, "");
	say_duration(&s, 61200);
	assert_string_equal(s.list, "digits/1&minute&digits/1&second");
	say_begin(&s, "");
	say_duration(&s, 200);
	assert_string_equal(s.list, "digits/0&seconds");
}

static void
what_does_not_fit_is_told(void **state)
{
	struct say s;

	(void)state;
	say_begin(&s, "fr");
	for (int i = 0; i < 40; i++)
		say_prompt(&s, "vm-youhave");
	assert_true(s.full);
	assert_int_equal(strlen(s.list), s.n);
	assert_true(s.n < SAY_MAX);
}

static void
each_is_there(const char *dir, const struct say *s)
{
	char copy[SAY_MAX], path[400], *save, *name;

	assert_false(s->full);
	str_copy(copy, sizeof(copy), s->list + (s->language[0] != '\0' ? 3 : 0));
	for (name = strtok_r(copy, "&", &save); name != NULL; name = strtok_r(NULL, "&", &save)) {
		str_format(path, sizeof(path), "%s/%s.wav", dir, name);
		if (access(path, R_OK) != 0)
			fail_msg("%s is missing", path);
	}
}

static void
prompts_exist(void **state)
{
	const uint64_t now = UINT64_C(1700000000000);
	struct say s;

	(void)state;
	for (size_t v = 0; v < sizeof(voices) / sizeof(voices[0]); v++) {
		if (access(voices[v].dir, R_OK) != 0)
			continue;
		for (uint32_t n = 0; n < 3000; n += n < 1100 ? 1 : 37) {
			say_begin(&s, voices[v].language);
			say_number(&s, n);
			each_is_there(voices[v].dir, &s);
		}
		/* each day of a year, each at another minute */
		for (uint64_t d = 0; d < 366; d++) {
			say_begin(&s, voices[v].language);
			say_moment(&s, now - d * (86400000 + 61000), now);
			each_is_there(voices[v].dir, &s);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(moments),
		cmocka_unit_test(what_does_not_fit_is_told),
		cmocka_unit_test(prompts_exist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
