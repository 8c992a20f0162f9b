/* SPDX-License-Identifier: ISC */
/*
 * YAML events to a tree, see node.h. Called by conf.c and its fuzz target. Bounded in depth and in
 * keys per mapping, so that no text of any size costs more than its size.
 */
#include "common/conf/node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/base/mem.h"
#include "common/base/str.h"

#define DEPTH_MAX	8
#define KEYS_MAX	1000

struct reader {
	yaml_parser_t	 yaml;
	yaml_event_t	 event;		/* the current one */
	bool		 has_event;
	const char	*text;
	struct node_error *err;
};

static int
fail(struct reader *r, int line, const char *text)
{
	if (r->err->text[0] == '\0') {
		r->err->line = line;
		str_copy(r->err->text, sizeof(r->err->text), text);
	}
	return -EINVAL;
}

static int
out_of_memory(struct reader *r, int line)
{
	fail(r, line, "out of memory");
	return -ENOMEM;
}

static int
event_line(const struct reader *r)
{
	return (int)r->event.start_mark.line + 1;
}

/* Takes libyaml's own error over. Reader errors have an offset only. */
static int
yaml_fail(struct reader *r)
{
	char text[160];
	int line = (int)r->yaml.problem_mark.line + 1;

	if (r->yaml.error == YAML_MEMORY_ERROR)
		return out_of_memory(r, 0);
	if (r->yaml.error == YAML_READER_ERROR) {
		line = 1;
		for (size_t i = 0; i < r->yaml.problem_offset; i++)
			line += r->text[i] == '\n';
	}
	str_format(text, sizeof(text), "not YAML: %s",
	    r->yaml.problem != NULL ? r->yaml.problem : "unreadable");
	return fail(r, line, text);
}

static int
next_event(struct reader *r)
{
	if (r->has_event)
		yaml_event_delete(&r->event);
	r->has_event = false;
	if (!yaml_parser_parse(&r->yaml, &r->event))
		return yaml_fail(r);
	r->has_event = true;
	return 0;
}

void
node_free(struct node **n)
{
	struct node *p = *n;

	/* Depth is bounded by DEPTH_MAX, so the recursion is. */
	while (p != NULL) {
		struct node *next = p->next;

		node_free(&p->kids);
		free(p->text);
		free(p->key);
		free(p);
		p = next;
	}
	*n = NULL;
}

static int parse_node(struct reader *r, unsigned depth, struct node **out);

static int
parse_scalar(struct reader *r, struct node *n)
{
	const char *value = (const char *)r->event.data.scalar.value;

	if (r->event.data.scalar.anchor != NULL)
		return fail(r, n->line, "anchors are not supported");
	if (r->event.data.scalar.tag != NULL)
		return fail(r, n->line, "tags are not supported");
	if (strlen(value) != r->event.data.scalar.length)
		return fail(r, n->line, "a NUL byte inside a value");
	n->kind = NODE_SCALAR;
	n->plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text = mem_strdup(value);
	return n->text != NULL ? 0 : out_of_memory(r, n->line);
}

/* The key of the next entry of a mapping: *key is the caller's. */
static int
parse_key(struct reader *r, const struct node *map, char **key)
{
	char text[160];
	const char *value;

	if (r->event.type != YAML_SCALAR_EVENT)
		return fail(r, event_line(r), "a key must be a plain word");
	value = (const char *)r->event.data.scalar.value;
	if (strlen(value) != r->event.data.scalar.length)
		return fail(r, event_line(r), "a NUL byte inside a key");
	if (node_kid(map, value, strlen(value)) != NULL) {
		str_format(text, sizeof(text), "key \"%.80s\" is given twice", value);
		return fail(r, event_line(r), text);
	}
	*key = mem_strdup(value);
	return *key != NULL ? 0 : out_of_memory(r, event_line(r));
}

/* The children of a mapping or list up to its end event. */
static int
parse_kids(struct reader *r, struct node *n, unsigned depth)
{
	yaml_event_type_t end = n->kind == NODE_MAP ? YAML_MAPPING_END_EVENT
	                                            : YAML_SEQUENCE_END_EVENT;
	struct node **last = &n->kids;
	int e;

	if (depth >= DEPTH_MAX)
		return fail(r, n->line, "nested too deeply");
	for (;;) {
		struct node *kid = NULL;
		char *key = NULL;
		int line;

		if ((e = next_event(r)) < 0)
			return e;
		if (r->event.type == end)
			return 0;
		if (n->kind == NODE_MAP && n->nkids == KEYS_MAX)
			return fail(r, event_line(r), "too many keys");
		line = event_line(r);
		if (n->kind == NODE_MAP &&
		    ((e = parse_key(r, n, &key)) < 0 || (e = next_event(r)) < 0)) {
			free(key);
			return e;
		}
		if ((e = parse_node(r, depth + 1, &kid)) < 0) {
			free(key);
			return e;
		}
		kid->key = key;
		if (key != NULL)
			kid->line = line;
		*last = kid;
		last = &kid->next;
		n->nkids++;
	}
}

/* The node that starts with the current event; ends at its last event. */
static int
parse_node(struct reader *r, unsigned depth, struct node **out)
{
	struct node *n = mem_new(sizeof(*n));
	int e = 0;

	if (n == NULL)
		return out_of_memory(r, event_line(r));
	n->line = event_line(r);
	if (r->event.type == YAML_SCALAR_EVENT) {
		e = parse_scalar(r, n);
	} else if (r->event.type == YAML_MAPPING_START_EVENT) {
		n->kind = NODE_MAP;
		if (r->event.data.mapping_start.anchor != NULL)
			e = fail(r, n->line, "anchors are not supported");
		else if (r->event.data.mapping_start.tag != NULL)
			e = fail(r, n->line, "tags are not supported");
		else
			e = parse_kids(r, n, depth);
	} else if (r->event.type == YAML_SEQUENCE_START_EVENT) {
		n->kind = NODE_SEQ;
		if (r->event.data.sequence_start.anchor != NULL)
			e = fail(r, n->line, "anchors are not supported");
		else if (r->event.data.sequence_start.tag != NULL)
			e = fail(r, n->line, "tags are not supported");
		else
			e = parse_kids(r, n, depth);
	} else {
		e = fail(r, n->line,
		    "aliases are not supported; put a text that begins with * in quotes");
	}
	if (e < 0)
		node_free(&n);
	else
		*out = n;
	return e;
}

static int
parse_stream(struct reader *r, struct node **out)
{
	int e;

	if ((e = next_event(r)) < 0 || (e = next_event(r)) < 0)	/* the stream's start is no news */
		return e;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return 0;
	if ((e = next_event(r)) < 0 || (e = parse_node(r, 0, out)) < 0)
		return e;
	/* the document's end, then the stream's */
	if ((e = next_event(r)) < 0 || (e = next_event(r)) < 0)
		return e;
	if (r->event.type != YAML_STREAM_END_EVENT)
		return fail(r, event_line(r), "more than one document");
	return 0;
}

int
node_parse(struct node **out, const char *text, size_t len, struct node_error *err)
{
	struct reader r = { .text = text, .err = err };
	int e;

	*out = NULL;
	memset(err, 0, sizeof(*err));
	if (!yaml_parser_initialize(&r.yaml))
		return out_of_memory(&r, 0);
	yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, len);
	/* One encoding: a byte order mark of UTF-16 is not text of ours. */
	yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
	e = parse_stream(&r, out);
	if (r.has_event)
		yaml_event_delete(&r.event);
	yaml_parser_delete(&r.yaml);
	if (e < 0)
		node_free(out);
	return e;
}

const struct node *
node_kid(const struct node *map, const char *key, size_t key_len)
{
	for (const struct node *k = map->kids; k != NULL; k = k->next) {
		if (k->key != NULL && strlen(k->key) == key_len &&
		    memcmp(k->key, key, key_len) == 0)
			return k;
	}
	return NULL;
}

const struct node *
node_find(const struct node *top, const char *path)
{
	const struct node *at = top;

	while (at != NULL && *path != '\0') {
		const struct node *kid = NULL;

		if (*path == '[') {
			char *end;
			unsigned long i = strtoul(path + 1, &end, 10);

			if (at->kind != NODE_SEQ || *end != ']')
				break;
			for (kid = at->kids; kid != NULL && i > 0; i--)
				kid = kid->next;
			path = end + 1;
		} else {
			size_t n;

			path += *path == '.';
			n = strcspn(path, ".[");
			if (at->kind != NODE_MAP)
				break;
			kid = node_kid(at, path, n);
			path += n;
		}
		if (kid == NULL)
			break;
		at = kid;
	}
	return at;
}
