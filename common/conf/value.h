/* SPDX-License-Identifier: ISC */
/* One setting's value: text to its field, its field to text. Private to common/conf. */
#ifndef WARDEN_CONF_VALUE_H
#define WARDEN_CONF_VALUE_H

#include "common/base/buf.h"
#include "common/conf/conf.h"
#include "common/conf/node.h"

/* The field of key in base. */
static inline void *
value_field(const struct conf_key *key, void *base)
{
	return (char *)base + key->off;
}

/* True for what one scalar sets: strings, numbers, truths and choices. */
bool value_is_scalar(const struct conf_key *key);

/*
 * Sets the field of a scalar key from text. plain: written without quotes. Returns 0, or -EINVAL
 * with the reason, without the key's name, in why (size bytes).
 */
int value_set(const struct conf_key *key, void *base, const char *text, bool plain, char *why,
    size_t size);

/* What a key wants, in words: "a number from 1 to 65535". */
void value_wanted(const struct conf_key *key, char *out, size_t size);

/* Adds a scalar's value to out, as one would write it. */
void value_print(const struct conf_key *key, const void *base, struct buf *out);

/* Adds text to out, in quotes where YAML wants them. */
void value_quote(const char *text, struct buf *out);

#endif
