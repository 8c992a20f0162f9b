/* SPDX-License-Identifier: ISC */
/*
 * Request targets: whatever comes, parsed segments and parameters are clean text inside the
 * target's own memory, and routing does not stumble.
 */
/*
 * links: apid/target.c apid/route.c apid/text.c common/base/str.c common/base/buf.c
 * common/base/mem.c common/base/log.c common/base/clock.c
 */
/* libs: jansson */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apid/resources.h"
#include "apid/target.h"
#include "apid/text.h"

/* The table wants its handlers; none is called here. */
#define ROUTE(m, p, a, h) void h(struct request *req) { (void)req; abort(); }
#include "apid/routes.def"
#undef ROUTE

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const struct target *t, const char *s)
{
	if (s < t->text || s + strlen(s) > t->text + TARGET_RAW_MAX || text_utf8_length(s) < 0)
		abort();
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "date", "limit", NULL };
	char *raw = malloc(size + 1), allow_text[64];
	struct target *t = malloc(sizeof(*t));
	const struct route *route;
	const char *arg;
	unsigned allow;

	memcpy(raw, data, size);
	raw[size] = '\0';
	if (target_parse(t, raw) == NULL && !t->asterisk) {
		if (t->nsegments == 0 || t->nsegments > TARGET_SEGMENTS ||
		    t->nparams > TARGET_PARAMS)
			abort();
		for (size_t i = 0; i < t->nsegments; i++)
			check_text(t, t->segment[i]);
		for (size_t i = 0; i < t->nparams; i++) {
			check_text(t, t->param[i].name);
			check_text(t, t->param[i].value);
			if (target_param(t, t->param[i].name) != t->param[i].value)
				abort();
		}
		target_stranger(t, names);
		for (unsigned m = HTTP_GET; m <= HTTP_OTHER; m <<= 1) {
			route = route_find(m, t, &allow, &arg);
			if (route != NULL && (allow & m) == 0)
				abort();
			route_allow(allow, allow_text);
		}
	}
	free(t);
	free(raw);
	return 0;
}
