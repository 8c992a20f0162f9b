/* SPDX-License-Identifier: ISC */
/* Settings and their keys as text: the output of -n and the manual's list of keys, see conf.h. */
#include <string.h>

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/conf/conf.h"
#include "common/conf/value.h"

#define TEXT_MAX (1 << 20)

static void
print_strs(const struct conf_strs *s, struct buf *b)
{
	buf_char(b, '[');
	for (size_t i = 0; i < s->n; i++) {
		if (i > 0)
			buf_str(b, ", ");
		value_quote(s->v[i], b);
	}
	buf_char(b, ']');
}

static void
print_key(const struct conf_key *key, const void *base, const char *where, bool inert, FILE *out)
{
	const void *field = (const char *)base + key->off;
	const char *mark = key->inert || inert ? "\t# no effect yet" : "";
	struct buf b = BUF_INIT(TEXT_MAX);

	switch (key->type) {
	case CONF_STR:
	case CONF_INT:
	case CONF_BOOL:
	case CONF_ENUM:
		value_print(key, base, &b);
		fprintf(out, "%s%s = %s%s\n", where, key->path, b.data != NULL ? b.data : "", mark);
		break;
	case CONF_STRS:
		print_strs(field, &b);
		fprintf(out, "%s%s = %s%s\n", where, key->path, b.data != NULL ? b.data : "", mark);
		break;
	case CONF_MAP: {
		const struct conf_pairs *p = field;

		if (p->n == 0)
			fprintf(out, "%s%s = {}%s\n", where, key->path, mark);
		for (size_t i = 0; i < p->n; i++) {
			buf_reset(&b);
			value_quote(p->v[i].value, &b);
			fprintf(out, "%s%s.%s = %s%s\n", where, key->path, p->v[i].key,
			    b.data != NULL ? b.data : "", mark);
		}
		break;
	}
	case CONF_LIST: {
		const struct conf_items *it = field;
		char item[200];

		if (it->n == 0)
			fprintf(out, "%s%s = []%s\n", where, key->path, mark);
		for (size_t i = 0; i < it->n; i++) {
			const void *at = (const char *)it->v + i * key->size;

			str_format(item, sizeof(item), "%s%s[%zu].", where, key->path, i);
			for (const struct conf_key *k = key->item; k->path != NULL; k++)
				print_key(k, at, item, key->inert, out);
		}
		break;
	}
	}
	buf_free(&b);
}

void
conf_print(const struct conf *conf, const void *settings, FILE *out)
{
	for (const struct conf_key *key = conf->keys; key->path != NULL; key++)
		print_key(key, settings, "", false, out);
}

static void
print_keys(const struct conf_key *keys, const char *where, FILE *out)
{
	char wanted[300], item[200];

	for (; keys->path != NULL; keys++) {
		value_wanted(keys, wanted, sizeof(wanted));
		fprintf(out, "%s%s\n\t%s%s\n\t%s", where, keys->path,
		    keys->help != NULL ? keys->help : "", keys->inert ? " (no effect yet)" : "",
		    wanted);
		if (keys->def == NULL && value_is_scalar(keys))
			fprintf(out, "; must be given\n");
		else if (keys->def == NULL)
			fprintf(out, "; default: empty\n");
		else
			fprintf(out, "; default: %s\n", *keys->def != '\0' ? keys->def : "empty");
		if (keys->type == CONF_LIST) {
			str_format(item, sizeof(item), "%s%s[].", where, keys->path);
			print_keys(keys->item, item, out);
		}
	}
}

void
conf_print_keys(const struct conf *conf, FILE *out)
{
	print_keys(conf->keys, "", out);
}
