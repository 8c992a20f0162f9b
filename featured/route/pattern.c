/* SPDX-License-Identifier: ISC */
/* See pattern.h. Called by dialplan.c for each number that is no extension. */
#include "featured/route/pattern.h"

#include <string.h>

#include "common/base/str.h"

bool
pattern_match(struct patterns *p, const char *pattern, const char *number)
{
	struct pattern *k;

	if (pattern[0] == '\0')
		return false;
	for (unsigned i = 0; i < PATTERNS_KEPT; i++)
		if (strcmp(p->kept[i].text, pattern) == 0)
			return p->kept[i].ok && regexec(&p->kept[i].re, number, 0, NULL, 0) == 0;
	k = &p->kept[p->next++ % PATTERNS_KEPT];
	if (k->ok)
		regfree(&k->re);
	k->ok = str_copy(k->text, sizeof(k->text), pattern) &&
	    regcomp(&k->re, pattern, REG_EXTENDED | REG_NOSUB) == 0;
	return k->ok && regexec(&k->re, number, 0, NULL, 0) == 0;
}

void
patterns_free(struct patterns *p)
{
	for (unsigned i = 0; i < PATTERNS_KEPT; i++) {
		if (p->kept[i].ok)
			regfree(&p->kept[i].re);
		p->kept[i].ok = false;
	}
}
