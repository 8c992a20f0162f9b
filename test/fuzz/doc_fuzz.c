/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the filling of documents' holes, and the attributes that are made of a phone's own headers
 * (Call-ID, From, To): nothing of them may break out of its attribute. Input: Call-ID, newline, To,
 * newline, From, newline, body. links: sipd/doc.c common/base/buf.c common/base/mem.c
 * common/base/str.c common/base/log.c common/base/clock.c
 */
#include <stdlib.h>
#include <string.h>

#include "sipd/doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *call_id, *local, *remote;

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

	(void)leg;
	doc_dialog(out, call_id, local, remote, "tag\"<");
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
	uint8_t *copy;

	call_id = line(&data, &size);
	local = line(&data, &size);
	remote = line(&data, &size);
	copy = malloc(size > 0 ? size : 1);
	memcpy(copy, data, size);
	body = (struct ipc_view){ copy, size };
	doc_fill(&out, &body, &holes);
	for (size_t i = 0; i < out.len; i++)
		if (out.data[i] == 1 || out.data[i] == 2 || out.data[i] == 3)
			abort();
	members[0] = (struct doc_member){ .user = call_id, .name = local };
	members[1] = (struct doc_member){
		.user = local, .name = remote, .content_type = "a/b", .body = &body, .number = 1
	};
	doc_list(&again, "list", true, members, 2, &holes);
	buf_free(&out);
	buf_free(&again);
	free(copy);
	free(call_id);
	free(local);
	free(remote);
	return 0;
}
