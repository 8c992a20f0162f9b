/* SPDX-License-Identifier: ISC */
/*
 * Printing: see ctl.h. Text from phones may hold anything, so control characters never reach the
 * terminal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apid/ctl/ctl.h"
#include "common/base/str.h"

#define COLUMNS_MAX 16
#define CELL_MAX 256

/* The value as a person reads it. */
static void
cell_text(const json_t *value, char out[CELL_MAX])
{
	char *s = NULL;

	if (value == NULL || json_is_null(value))
		str_copy(out, CELL_MAX, "-");
	else if (json_is_boolean(value))
		str_copy(out, CELL_MAX, json_is_true(value) ? "yes" : "no");
	else if (json_is_string(value))
		str_copy(out, CELL_MAX, json_string_value(value));
	else if ((s = json_dumps(value,
	              JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(12))) != NULL)
		str_copy(out, CELL_MAX, s);
	free(s);
	for (unsigned char *p = (unsigned char *)out; *p != '\0'; p++)
		/* C0, DEL, and C1 in its UTF-8 form (c2 80 to c2 9f) */
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f))
			*p = '?';
}

/* Characters, not bytes. */
static int
width(const char *s)
{
	int n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void
print_cell(const char *text, int to, bool last)
{
	if (last)
		printf("%s\n", text);
	else
		printf("%s%*s", text, to - width(text) + 2, "");
}

void
ctl_table(const json_t *list, const struct ctl_column *columns)
{
	int widths[COLUMNS_MAX] = { 0 };
	char text[CELL_MAX];
	size_t n = 0, i;
	const json_t *item;

	for (; columns[n].member != NULL && n < COLUMNS_MAX; n++)
		widths[n] = width(columns[n].heading);
	json_array_foreach(list, i, item)
		for (size_t c = 0; c < n; c++) {
			cell_text(json_object_get(item, columns[c].member), text);
			if (width(text) > widths[c])
				widths[c] = width(text);
		}
	for (size_t c = 0; c < n; c++)
		print_cell(columns[c].heading, widths[c], c == n - 1);
	json_array_foreach(list, i, item)
		for (size_t c = 0; c < n; c++) {
			cell_text(json_object_get(item, columns[c].member), text);
			print_cell(text, widths[c], c == n - 1);
		}
}

void
ctl_members(const json_t *object)
{
	char text[CELL_MAX];
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value)
	{
		cell_text(value, text);
		printf("%-24s %s\n", name, text);
	}
}

void
ctl_json(const json_t *doc)
{
	json_dumpf(doc, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
	putchar('\n');
}
