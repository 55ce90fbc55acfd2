/* SPDX-License-Identifier: MIT */
#include "ledger/export.h"

#include "ledger/decision_index.h"
#include "record/canonical.h"
#include "record/stamp.h"

#include <errno.h>
#include <inttypes.h>

struct rows {
	const struct bundle_sink *sink;
	struct buf line;
	bool some;
};

static int put(struct rows *rows, struct span bytes)
{
	return rows->sink->put(rows->sink->data, bytes);
}

/* ---- JSON
 * ------------------------------------------------------------------------------------------- */

static int json_row(void *data, const struct query_row *row)
{
	struct rows *rows = data;
	int r = put(rows, rows->some ? SPAN_LIT(",\n") : SPAN_LIT("\n"));

	rows->some = true;
	return r < 0 ? r : put(rows, row->bytes);
}

int export_json(struct query *query, const struct query_filter *filter,
		const struct bundle_sink *sink)
{
	struct rows rows = {.sink = sink};
	int r = put(&rows, SPAN_LIT("["));

	if (r == 0)
		r = query_decisions(query, filter, json_row, &rows);
	return r < 0 ? r : put(&rows, SPAN_LIT("\n]\n"));
}

/* ---- CSV
 * -------------------------------------------------------------------------------------------- */

/* What spreadsheets take for the beginning of a formula. */
static bool is_formula(struct span text)
{
	return text.n && memchr("=+-@\t\r\n|%", text.p[0], 9);
}

static void put_field(struct buf *line, struct span text)
{
	buf_put_str(line, line->n ? ",\"" : "\"");
	if (is_formula(text))
		buf_put_byte(line, '\'');
	while (text.n) {
		size_t quote = span_find(text, '"');

		buf_put(line, span_sub(text, 0, quote));
		if (quote < text.n)
			buf_put_str(line, "\"\"");
		text = span_sub(text, quote + 1, text.n);
	}
	buf_put_byte(line, '"');
}

static int put_line(struct rows *rows)
{
	buf_put_str(&rows->line, "\r\n");
	return rows->line.err ? rows->line.err : put(rows, buf_span(&rows->line));
}

/* A negative number is no formula, and a number with an apostrophe is none to a program. */
static int put_column(struct rows *rows, enum decision_column column, struct span value)
{
	struct buf text = BUF_INIT(AICP_LEAF_BYTES_MAX);
	int r = 0;

	if (decision_column_is_integer(column)) {
		buf_put_str(&rows->line, ",\"");
		buf_put(&rows->line, value);
		buf_put_byte(&rows->line, '"');
	} else {
		if (value.p)
			(void)canonical_text(value, &text);
		r = text.err;
		put_field(&rows->line, buf_span(&text));
	}
	buf_deinit(&text);
	return r;
}

static int csv_row(void *data, const struct query_row *row)
{
	struct rows *rows = data;
	struct decision_index index;
	char at[STAMP_BYTES + 1];
	int r = 0;

	buf_clear(&rows->line);
	buf_printf(&rows->line, "\"%" PRIu64 "\"", row->leaf.seq);
	stamp_write(row->leaf.at_ns, at);
	put_field(&rows->line, span_of(at, STAMP_BYTES));
	decision_index_read(row->leaf.body, &index);
	for (unsigned i = 0; i < _DECISION_COLUMN_COUNT && r == 0; i++)
		r = put_column(rows, (enum decision_column)i, index.value[i]);
	return r < 0 ? r : put_line(rows);
}

int export_csv(struct query *query, const struct query_filter *filter,
	       const struct bundle_sink *sink)
{
	static const char *const name[] = {
		"seq",
		"at",
#define X(column, type, outer, inner) #column,
#include "ledger/decision_column.def"
#undef X
	};
	/* Each byte of a leaf can become two, and each field has quotes. */
	struct rows rows = {.sink = sink, .line = BUF_INIT(3 * AICP_LEAF_BYTES_MAX)};
	int r;

	for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++)
		put_field(&rows.line, span_str(name[i]));
	r = put_line(&rows);
	if (r == 0)
		r = query_decisions(query, filter, csv_row, &rows);
	buf_deinit(&rows.line);
	return r;
}
