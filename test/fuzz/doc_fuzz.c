/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the filling of documents' holes, and lists of names: nothing of them may break out of its
 * attribute. Input: three names, each with a newline, then the body. links: sipd/doc.c
 * common/base/buf.c common/base/mem.c common/base/str.c common/base/log.c common/base/clock.c
 */
#include <stdlib.h>
#include <string.h>

#include "sipd/doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *
line(const uint8_t **p, size_t *left)
{
	const uint8_t *nl = memchr(*p, '\n', *left);
	size_t n = nl != NULL ? (size_t)(nl - *p) : *left;
	char *s = malloc(n + 1);

	memcpy(s, *p, n);
	s[n] = '\0';
	*p += nl != NULL ? n + 1 : n;
	*left -= nl != NULL ? n + 1 : n;
	return s;
}

static void
dialog(struct buf *out, uint64_t leg)
{
	size_t from = out->len, quotes = 0;

	doc_dialog(out, leg);
	for (size_t i = from; i < out->len; i++) {
		if (out->data[i] == '<' || out->data[i] == '>')
			abort();
		quotes += out->data[i] == '"';
	}
	if (quotes % 2 != 0 && !out->failed)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = BUF_INIT(1 << 20), again = BUF_INIT(1 << 20);
	struct doc_holes holes = { .version = 7, .host = "h", .dialog = dialog };
	struct doc_member members[2] = { 0 };
	struct ipc_view body;
	char *user, *name, *other;
	uint8_t *copy;

	user = line(&data, &size);
	name = line(&data, &size);
	other = line(&data, &size);
	copy = malloc(size > 0 ? size : 1);
	memcpy(copy, data, size);
	body = (struct ipc_view){ copy, size };
	doc_fill(&out, &body, &holes);
	for (size_t i = 0; i < out.len; i++)
		if (out.data[i] == 1 || out.data[i] == 2 || out.data[i] == 3)
			abort();
	members[0] = (struct doc_member){ .user = user, .name = name };
	members[1] = (struct doc_member){
		.user = name, .name = other, .content_type = "a/b", .body = &body, .number = 1
	};
	doc_list(&again, "list", true, members, 2, &holes);
	buf_free(&out);
	buf_free(&again);
	free(copy);
	free(user);
	free(name);
	free(other);
	return 0;
}
