/* SPDX-License-Identifier: ISC */
/*
 * Documents of subscriptions: featured's with their holes, sipd's filling of these, and presence
 * documents of phones.
 * links: featured/reg/docs.c sipd/doc.c sipd/pidf.c featured/reg/texts_file.c common/base/buf.c
 * common/base/mem.c common/base/str.c common/base/log.c common/base/clock.c
 * libs: expat
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "common/ipc/enums.h"
#include "featured/reg/docs.h"
#include "featured/reg/texts.h"
#include "sipd/doc.h"
#include "sipd/pidf.h"

static void
attributes(struct buf *out, uint64_t leg)
{
	if (leg != 0xa3)
		doc_dialog(out, leg);
}

static char *
filled(struct buf *doc, struct buf *out)
{
	const struct ipc_view body = { (const uint8_t *)doc->data, doc->len };
	const struct doc_holes holes = { .version = 41, .host = "[::1]&", .dialog = attributes };

	doc_fill(out, &body, &holes);
	assert_false(doc->failed || out->failed);
	buf_free(doc);
	return out->data;
}

static void
has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in %s", part, text);
}

static void
dialogs_have_what_a_pickup_needs(void **state)
{
	const struct docs_dialog d[] = {
		{ .leg = 0xa1, .state = DOCS_CONFIRMED, .initiator = true, .remote = "00#49",
		    .remote_name = "A <\"&\001B>", .held = true },
		{ .leg = 0xa2, .state = DOCS_EARLY, .remote = "1001" },
		{ .leg = 0xa3, .state = DOCS_TRYING, .remote = "left out" },
	};
	struct buf doc = BUF_INIT(8192), out = BUF_INIT(8192);
	const char *t;

	(void)state;
	docs_dialog_info(&doc, "1002", d, 3);
	t = filled(&doc, &out);
	has(t, "version=\"41\" state=\"full\" entity=\"sip:1002@[::1]&amp;\"");
	has(t, "<dialog id=\"00000000000000a1\" call-id=\"lamp-00000000000000a1\" "
	       "local-tag=\"00000000000000a1\" remote-tag=\"00000000000000a1\" "
	       "direction=\"initiator\"><state>confirmed</state>");
	has(t, "display=\"A &lt;&quot;&amp; B&gt;\">sip:00%2349@");
	has(t, "+sip.rendering");
	has(t, "<dialog id=\"00000000000000a2\" call-id=\"lamp-00000000000000a2\" "
	       "local-tag=\"00000000000000a2\" remote-tag=\"00000000000000a2\" "
	       "direction=\"recipient\"><state>early</state>");
	assert_null(strstr(t, "00a3"));
	buf_free(&out);
	docs_dialog_info(&doc, "1002", d + 2, 1);
	has(filled(&doc, &out),
	    "<dialog id=\"00000000000000a3\" direction=\"recipient\"><state>trying");
	buf_free(&out);
}

static void
a_state_comes_back_as_it_went(void **state)
{
	static const uint8_t same[] = { PRESENCE_AVAILABLE, PRESENCE_BUSY, PRESENCE_AWAY,
		PRESENCE_IN_MEETING, PRESENCE_OFFLINE };

	(void)state;
	for (size_t i = 0; i < sizeof(same); i++) {
		struct buf doc = BUF_INIT(8192), out = BUF_INIT(8192);
		struct pidf p;
		const char *t;

		docs_pidf(&doc, "1002", same[i], "a <note> & more", false);
		t = filled(&doc, &out);
		assert_int_equal(pidf_read(&p, t, strlen(t)), 0);
		assert_int_equal(p.status, same[i]);
		assert_string_equal(p.note, "a <note> & more");
		buf_free(&out);
	}
}

static void
odd_documents_are_refused(void **state)
{
	static const char *const bad[] = { "", "x", "<presence/>", "<a><b></a>",
		"<!DOCTYPE p [<!ENTITY e 'x'>]><presence xmlns=\"urn:ietf:params:xml:ns:pidf\"/>",
		"<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"></presence>x" };
	struct pidf p;
	char deep[1000] = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\">";
	char *big = mem_must(PIDF_MAX + 2);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pidf_read(&p, bad[i], strlen(bad[i])), 400);
	for (int i = 0; i < 40; i++)
		strcat(deep, "<a>");
	assert_int_equal(pidf_read(&p, deep, strlen(deep)), 400);
	assert_int_equal(pidf_read(&p, big, PIDF_MAX + 1), 413);
	free(big);
}

static void
a_long_note_is_cut_between_characters(void **state)
{
	struct buf doc = BUF_INIT(8192);
	struct pidf p;

	(void)state;
	buf_str(&doc, "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"><note>x");
	for (int i = 0; i < 100; i++)
		buf_str(&doc, "\xc3\xa9");
	buf_str(&doc, "</note></presence>");
	assert_int_equal(pidf_read(&p, doc.data, doc.len), 0);
	assert_int_equal(strlen(p.note), 127);
	assert_int_equal((unsigned char)p.note[126], 0xa9);
	buf_free(&doc);
}

static void
lists_name_all_and_carry_some(void **state)
{
	const struct doc_holes holes = { .version = 3, .host = "h" };
	const struct ipc_view body = { (const uint8_t *)"v\001", 2 };
	const struct doc_member m[] = { { .user = "1001", .name = "A & B" },
		{ .user = "1002", .name = "", .content_type = "t/x", .body = &body, .number = 5 } };
	struct buf out = BUF_INIT(8192);

	(void)state;
	doc_list(&out, "team", true, m, 2, &holes);
	has(out.data, "uri=\"sip:team@h\" version=\"3\" fullState=\"true\"");
	has(out.data, "<resource uri=\"sip:1001@h\"><name>A &amp; B</name></resource>");
	has(out.data,
	    "<resource uri=\"sip:1002@h\"><instance id=\"1\" state=\"active\" cid=\"part5@h\"/>");
	has(out.data,
	    "Content-ID: <part5@h>\r\nContent-Type: t/x\r\n\r\nv3\r\n--" DOC_BOUNDARY "--\r\n");
	buf_free(&out);
}

static void
a_summary_counts(void **state)
{
	struct buf doc = BUF_INIT(1000), out = BUF_INIT(1000);

	(void)state;
	docs_summary(&doc, "1002", 2, 5, 1, 0);
	assert_string_equal(filled(&doc, &out),
	    "Messages-Waiting: yes\r\nMessage-Account: sip:1002@[::1]&amp;\r\nVoice-Message: 2/5 "
	    "(1/0)\r\n");
	buf_free(&out);
}

static void
hashes_tell_documents_apart(void **state)
{
	struct buf a = BUF_INIT(100), b = BUF_INIT(100);

	(void)state;
	buf_str(&a, "x");
	buf_str(&b, "y");
	assert_int_not_equal(docs_hash("t", &a), docs_hash("t", &b));
	assert_int_not_equal(docs_hash("t", &a), docs_hash("u", &a));
	assert_int_equal(docs_hash("t", &a), docs_hash("t", &a));
	buf_free(&a);
	buf_free(&b);
}

static void
texts_survive_their_file(void **state)
{
	struct text_parts in = { .from = "1001",
		.from_name = "A\nB",
		.to = "1002",
		.type = "text/plain",
		.at_ms = 1790000000123,
		.body = "two\nlines\0and more",
		.body_len = 18 },
	                  out;
	struct buf b = BUF_INIT(1000);

	(void)state;
	text_print(&in, &b);
	assert_true(text_read(&out, b.data, b.len));
	assert_string_equal(out.from_name, "A B");
	assert_string_equal(out.to, "1002");
	assert_int_equal(out.at_ms, in.at_ms);
	assert_int_equal(out.body_len, 18);
	assert_memory_equal(out.body, in.body, 18);
	for (size_t n = 0; n < b.len - 18; n++)
		assert_false(text_read(&out, b.data, n));
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dialogs_have_what_a_pickup_needs),
		cmocka_unit_test(a_state_comes_back_as_it_went),
		cmocka_unit_test(odd_documents_are_refused),
		cmocka_unit_test(a_long_note_is_cut_between_characters),
		cmocka_unit_test(lists_name_all_and_carry_some),
		cmocka_unit_test(a_summary_counts),
		cmocka_unit_test(hashes_tell_documents_apart),
		cmocka_unit_test(texts_survive_their_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
