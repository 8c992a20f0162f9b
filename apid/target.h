/* SPDX-License-Identifier: ISC */
/*
 * The request target of HTTP (RFC 9112 section 3.2) taken apart: decoded path segments and query
 * parameters. Pure: no library, no socket. What is not clean is refused, so that the rest of apid
 * never sees a control character or a NUL.
 */
#ifndef WARDEN_APID_TARGET_H
#define WARDEN_APID_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#define TARGET_RAW_MAX 2048	/* bytes of a target that are looked at; longer ones are refused */
#define TARGET_SEGMENTS 8
#define TARGET_PARAMS 8

struct target_param {
	const char	*name;
	const char	*value;		/* "" without one */
};

struct target {
	/* what the pointers below point into */
	char			 text[TARGET_RAW_MAX + 1];
	/* "/api/calls": "api", "calls"; "/": "" */
	const char		*segment[TARGET_SEGMENTS];
	size_t			 nsegments;
	struct target_param	 param[TARGET_PARAMS];
	size_t			 nparams;
	bool			 asterisk;			/* "*", of OPTIONS alone */
};

/*
 * raw: as in the request line, origin form or absolute form. Percent escapes are decoded once,
 * after the split: an escaped slash stays inside its segment. Refused: bad escapes, control
 * characters, text that is not UTF-8, a parameter given twice, too many or too long. Returns NULL,
 * or the reason for a 400 (static text).
 */
const char *target_parse(struct target *t, const char *raw);

/* The parameter's value, or NULL. */
const char *target_param(const struct target *t, const char *name);

/* The name of a parameter that is not among names (NULL-terminated), or NULL when all are. */
const char *target_stranger(const struct target *t, const char *const *names);

#endif
