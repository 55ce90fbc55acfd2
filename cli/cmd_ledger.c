/* SPDX-License-Identifier: MIT */
/* aicp ledger verify and show: the log of a running or a stopped daemon, read where it lies. */
#include "cmd.h"
#include "cmd_ledger.h"
#include "base/json_write.h"
#include "ledger/query.h"
#include "ledger/verify.h"
#include "verify_args.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int cmd_ledger_state_dir(const struct cli *cli, const char *given, char **ret_dir)
{
	struct config *config;
	int rc;

	if (given) {
		*ret_dir = strdup(given);
		return *ret_dir ? 0 : cmd_fail("out of memory");
	}
	rc = cmd_config(cli, &config);
	if (rc)
		return rc;
	*ret_dir = strdup(config->state_dir);
	config_free(config);
	return *ret_dir ? 0 : cmd_fail("out of memory");
}

int cmd_ledger_open(const char *dir, struct query **ret_query)
{
	int r = query_open(dir, ret_query);

	switch (-r) {
	case 0:
		return 0;
	case ENOENT:
		return cmd_fail("%s holds no ledger; give the daemon's state_dir with --state-dir",
				dir);
	case EACCES:
	case EPERM:
		return cmd_fail("%s may not be read by this user; run as root", dir);
	case EUCLEAN:
		return cmd_fail("%s/ledger.db is no ledger that this version reads", dir);
	default:
		return cmd_fail("%s/ledger.db cannot be opened: %s", dir, strerror(-r));
	}
}

static int print(struct buf *out, int r)
{
	if (r == 0 && (fwrite(out->p, 1, out->n, stdout) != out->n || fflush(stdout)))
		r = -errno;
	buf_deinit(out);
	return r < 0 ? cmd_fail("the answer cannot be written: %s", strerror(-r)) : CMD_OK;
}

/* ---- verify
 * ----------------------------------------------------------------------------------------- */

struct verify_options {
	struct verify_args args;
	const char *state_dir;
	bool json;
};

static int parse_verify(int argc, char **argv, struct verify_options *o)
{
	static const struct option option[] = {
		{"state-dir", required_argument, NULL, 'd'},
		VERIFY_ARGS_OPTIONS,
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", option, NULL)) >= 0) {
		switch (c) {
		case 'd':
			o->state_dir = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		default:
			if (!verify_args_option(&o->args, c, optarg))
				return CMD_USAGE;
		}
	}
	return optind < argc
		       ? cmd_bad_usage("ledger verify", "%s is one argument too many", argv[optind])
		       : 0;
}

static void progress(void *data, uint64_t done, uint64_t total)
{
	(void)data;
	fprintf(stderr, "\raicp: %" PRIu64 " of %" PRIu64 " records", done, total);
}

int cmd_ledger_verify(const struct cli *cli, int argc, char **argv)
{
	struct verify_options o = {.json = cli->json};
	struct verify_request request = {.progress = isatty(STDERR_FILENO) ? progress : NULL};
	struct buf error = BUF_INIT(8192), out = BUF_INIT(1u << 16);
	struct report report;
	char *dir = NULL;
	int rc = parse_verify(argc, argv, &o), r;

	if (rc)
		return rc;
	if (!verify_args_load(&o.args, &error))
		return cmd_bad_usage("ledger verify", "%s", buf_str(&error));
	rc = cmd_ledger_state_dir(cli, o.state_dir, &dir);
	if (rc)
		return CMD_USAGE;
	request.state_dir = dir;
	request.key = o.args.has_key ? &o.args.loaded_key : NULL;
	request.anchor = o.args.has_anchor ? &o.args.loaded_anchor : NULL;
	r = verify_state(&request, &report, &error);
	if (request.progress)
		fputs("\r\033[K", stderr);
	if (r < 0)
		(void)cmd_fail("%s (%s)", error.n ? buf_str(&error) : dir, strerror(-r));
	buf_deinit(&error);
	free(dir);
	/* 1 says that the log is wrong; that it could not be looked at is another thing. */
	if (r < 0)
		return CMD_USAGE;
	rc = print(&out, o.json ? report_json(&report, &out) : report_text(&report, &out));
	return rc ? CMD_USAGE : report_exit(&report);
}

/* ---- show
 * ------------------------------------------------------------------------------------------- */

static int show_row(void *data, const struct query_row *row)
{
	struct buf *out = data;

	buf_put(out, row->bytes);
	return buf_put_byte(out, '\n');
}

static int show_status(struct query *q, bool json, struct buf *out)
{
	struct query_stats s;
	struct json_write w;
	int r = query_stats(q, &s);

	if (r < 0)
		return r;
	if (!json)
		return buf_printf(out,
				  "log:        %s (number %" PRIu64 " of this database)\n"
				  "records:    %" PRIu64 ", signed %" PRIu64 "\n"
				  "decisions:  %" PRIu64 ": %" PRIu64 " passed, %" PRIu64
				  " held, %" PRIu64 " blocked; %" PRIu64
				  " passed that enforcing everything would have stopped\n",
				  s.origin, s.shard, s.size, s.signed_size, s.decisions, s.success,
				  s.pending, s.blocked, s.would_block);
	json_write_init(&w, out, false);
	json_write_object(&w, NULL);
	json_write_str(&w, "log", s.origin);
	json_write_int(&w, "shard", (int64_t)s.shard);
	json_write_int(&w, "size", (int64_t)s.size);
	json_write_int(&w, "signed_size", (int64_t)s.signed_size);
	json_write_int(&w, "decisions", (int64_t)s.decisions);
	json_write_int(&w, "success", (int64_t)s.success);
	json_write_int(&w, "pending_approval", (int64_t)s.pending);
	json_write_int(&w, "blocked", (int64_t)s.blocked);
	json_write_int(&w, "would_block", (int64_t)s.would_block);
	json_write_end_object(&w);
	return buf_put_byte(out, '\n');
}

struct show_options {
	const char *state_dir, *seq;
	bool checkpoint, json;
};

static int parse_show(int argc, char **argv, struct show_options *o)
{
	static const struct option option[] = {
		{"state-dir", required_argument, NULL, 'd'},
		{"checkpoint", no_argument, NULL, 'c'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", option, NULL)) >= 0) {
		switch (c) {
		case 'd':
			o->state_dir = optarg;
			break;
		case 'c':
			o->checkpoint = true;
			break;
		case 'j':
			o->json = true;
			break;
		default:
			return CMD_USAGE;
		}
	}
	if (optind < argc)
		o->seq = argv[optind++];
	return optind < argc
		       ? cmd_bad_usage("ledger show", "%s is one argument too many", argv[optind])
		       : 0;
}

static int show(struct query *q, const struct show_options *o, struct buf *out)
{
	char *end;
	uint64_t seq;

	if (o->checkpoint)
		return query_checkpoint(q, out);
	if (!o->seq)
		return show_status(q, o->json, out);
	errno = 0;
	seq = strtoull(o->seq, &end, 10);
	if (errno || *end || o->seq[0] < '0' || o->seq[0] > '9')
		return -EINVAL;
	return query_leaf(q, seq, show_row, out);
}

int cmd_ledger_show(const struct cli *cli, int argc, char **argv)
{
	struct show_options o = {.json = cli->json};
	struct buf out = BUF_INIT(1u << 20);
	struct query *q = NULL;
	char *dir = NULL;
	int rc = parse_show(argc, argv, &o), r;

	if (!rc)
		rc = cmd_ledger_state_dir(cli, o.state_dir, &dir);
	if (!rc)
		rc = cmd_ledger_open(dir, &q);
	free(dir);
	if (rc)
		return rc;
	r = show(q, &o, &out);
	query_free(q);
	if (r == 0)
		return print(&out, 0);
	buf_deinit(&out);
	if (r == -EINVAL)
		return cmd_bad_usage("ledger show", "%s is no record number (0, 1, 2, ...)", o.seq);
	if (r == 1)
		return cmd_fail(o.checkpoint ? "nothing is signed yet" : "there is no record %s",
				o.seq);
	return cmd_fail("the ledger cannot be read: %s; look with `aicp ledger verify`",
			strerror(-r));
}
