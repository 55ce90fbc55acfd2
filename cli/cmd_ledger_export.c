/* SPDX-License-Identifier: MIT */
/* aicp ledger export: records for people, programs and auditors. */
#include "cmd.h"
#include "cmd_ledger.h"
#include "ledger/export.h"
#include "record/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
	const char *state_dir, *format, *output, *first, *count, *since, *until;
};

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option option[] = {
		{"state-dir", required_argument, NULL, 'd'},
		{"format", required_argument, NULL, 'f'},
		{"output", required_argument, NULL, 'o'},
		{"first", required_argument, NULL, 'n'},
		{"count", required_argument, NULL, 'c'},
		{"since", required_argument, NULL, 's'},
		{"until", required_argument, NULL, 'u'},
		{NULL, 0, NULL, 0},
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "o:", option, NULL)) >= 0) {
		switch (c) {
		case 'd':
			o->state_dir = optarg;
			break;
		case 'f':
			o->format = optarg;
			break;
		case 'o':
			o->output = optarg;
			break;
		case 'n':
			o->first = optarg;
			break;
		case 'c':
			o->count = optarg;
			break;
		case 's':
			o->since = optarg;
			break;
		case 'u':
			o->until = optarg;
			break;
		default:
			return CMD_USAGE;
		}
	}
	if (optind < argc)
		return cmd_bad_usage("ledger export", "%s is one argument too many", argv[optind]);
	return 0;
}

static bool number(const char *text, uint64_t *value)
{
	char *end;

	if (!text)
		return true;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && !errno && !*end;
}

/* "2026-11-23", "2026-11-23T06:36:03Z", or with any part of the nine digits behind the second; UTC.
 */
static bool moment(const char *text, int64_t *ns)
{
	char whole[STAMP_BYTES + 1] = "0000-00-00T00:00:00.000000000Z";
	size_t n = text ? strlen(text) : 0;

	if (!text)
		return true;
	if (n != 10 && (n < 20 || n > STAMP_BYTES || text[n - 1] != 'Z'))
		return false;
	memcpy(whole, text, n == 10 ? n : n - 1);
	return stamp_parse(span_of(whole, STAMP_BYTES), ns);
}

static int put_file(void *data, struct span bytes)
{
	return fwrite(bytes.p, 1, bytes.n, data) == bytes.n ? 0 : -errno;
}

static int export_rows(const char *dir, const struct options *o, bool csv, struct bundle_sink *sink)
{
	struct query_filter filter = QUERY_FILTER_ALL;
	struct query *q;
	int rc, r;

	if (!moment(o->since, &filter.since_ns) || !moment(o->until, &filter.until_ns))
		return cmd_bad_usage(
			"ledger export",
			"--since and --until are UTC, as 2026-11-23 or 2026-11-23T06:36:03Z");
	if (o->first || o->count)
		return cmd_bad_usage("ledger export",
				     "--first and --count are for --format bundle");
	filter.limit = UINT32_MAX;
	rc = cmd_ledger_open(dir, &q);
	if (rc)
		return rc;
	r = csv ? export_csv(q, &filter, sink) : export_json(q, &filter, sink);
	query_free(q);
	return r < 0 ? cmd_fail("the export stopped: %s", strerror(-r)) : CMD_OK;
}

static int export_evidence(const char *dir, const struct options *o, struct bundle_sink *sink)
{
	struct export_range range = {.state_dir = dir, .count = UINT64_MAX};
	struct buf error = BUF_INIT(4096);
	int r;

	if (!number(o->first, &range.first) || !number(o->count, &range.count))
		return cmd_bad_usage("ledger export", "--first and --count are numbers of records");
	if (o->since || o->until)
		return cmd_bad_usage("ledger export",
				     "a bundle is a range of records: --first, --count");
	r = export_bundle(&range, sink, &error);
	if (r < 0)
		(void)cmd_fail("%s: %s (%s)", dir, error.n ? buf_str(&error) : "cannot be read",
			       strerror(-r));
	buf_deinit(&error);
	return r < 0 ? CMD_FAILED : CMD_OK;
}

static int export_to(const char *dir, const struct options *o, FILE *file)
{
	struct bundle_sink sink = {put_file, file};
	const char *format = o->format ? o->format : "json";

	if (strcmp(format, "json") == 0 || strcmp(format, "csv") == 0)
		return export_rows(dir, o, format[0] == 'c', &sink);
	if (strcmp(format, "bundle") == 0)
		return export_evidence(dir, o, &sink);
	return cmd_bad_usage("ledger export", "--format is json, csv or bundle, not %s", format);
}

/* A file that exists is somebody's evidence: it is not written over. Records are for their reader
 * alone. */
static int export_file(const char *dir, const struct options *o)
{
	int fd = open(o->output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), rc;
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!file)
		return cmd_fail("%s cannot be made: %s; --output names a new file in a folder that "
				"can be written",
				o->output, strerror(errno));
	rc = export_to(dir, o, file);
	if (rc == CMD_OK && (fflush(file) || fsync(fd)))
		rc = cmd_fail("%s cannot be written: %s", o->output, strerror(errno));
	fclose(file);
	if (rc != CMD_OK)
		unlink(o->output);
	return rc;
}

int cmd_ledger_export(const struct cli *cli, int argc, char **argv)
{
	struct options o = {0};
	char *dir = NULL;
	int rc = parse(argc, argv, &o);

	if (!rc)
		rc = cmd_ledger_state_dir(cli, o.state_dir, &dir);
	if (!rc && o.output)
		rc = export_file(dir, &o);
	else if (!rc)
		rc = export_to(dir, &o, stdout);
	if (!rc && !o.output && fflush(stdout))
		rc = cmd_fail("the answer cannot be written: %s", strerror(errno));
	free(dir);
	return rc;
}
