/* SPDX-License-Identifier: MIT */
/* aicp-verify: checks an exported evidence bundle, without daemon, database or network. */
#include "record/bundle.h"
#include "verify_args.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_USAGE 2

static const char usage[] =
	"usage: aicp-verify BUNDLE --key KEY [--anchor FILE | --min-size N --root HASH] [--json]\n"
	"\n"
	"Checks an evidence bundle (aicp ledger export --format bundle).\n"
	"\n"
	"  --key KEY           the log's public key, as you know it: the text of its log.vkey, or "
	"a file with it\n"
	"  --trust-bundle-key  use the key that stands in the bundle instead; the verdict says so\n"
	"  --anchor FILE       a checkpoint of this log that you kept away from its host\n"
	"  --min-size N        the same as two values: its second line,\n"
	"  --root HASH         and its third (base64, or hexadecimal)\n"
	"  --json              answer for programs\n"
	"  --version           version of this program\n"
	"\n"
	"exit status: 0 whole and anchored, 3 whole but not anchored, 1 invalid, 2 could not be "
	"checked\n";

struct options {
	struct verify_args args;
	const char *bundle;
	bool trust_bundle_key, json;
};

static int fail(const char *text, const char *cure)
{
	fprintf(stderr, "aicp-verify: %s%s%s\n", text, cure ? "; " : "", cure ? cure : "");
	return EXIT_USAGE;
}

/* -1: go on, else the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option option[] = {
		VERIFY_ARGS_OPTIONS,
		{"trust-bundle-key", no_argument, NULL, 't'},
		{"json", no_argument, NULL, 'j'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", option, NULL)) >= 0) {
		switch (c) {
		case 't':
			o->trust_bundle_key = true;
			break;
		case 'j':
			o->json = true;
			break;
		case 'v':
			puts("aicp-verify " AICP_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			if (verify_args_option(&o->args, c, optarg))
				break;
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	o->bundle = argv[optind];
	if (!o->args.key == !o->trust_bundle_key)
		return fail(
			"which key signs this log?",
			"give --key KEY as you know it (or --trust-bundle-key, which proves less)");
	return -1;
}

static int map(const char *path, struct span *ret_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*ret_bytes = SPAN_NULL;
	if (st.st_size) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED)
			return -errno;
		*ret_bytes = span_of(p, (size_t)st.st_size);
	}
	close(fd);
	return 0;
}

static int print(const struct report *report, bool json)
{
	struct buf out = BUF_INIT(1u << 16);
	int r = json ? report_json(report, &out) : report_text(report, &out);

	if (r < 0 || fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout))
		return fail("the answer cannot be written", NULL);
	buf_deinit(&out);
	return report_exit(report);
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct buf error = BUF_INIT(8192);
	struct bundle_check check = {0};
	struct report report;
	int r = parse(argc, argv, &o);

	if (r >= 0)
		return r;
	if (!verify_args_load(&o.args, &error))
		return fail(buf_str(&error), NULL);
	r = map(o.bundle, &check.bytes);
	if (r < 0)
		return fail(o.bundle, strerror(-r));
	check.key = o.args.has_key ? &o.args.loaded_key : NULL;
	check.anchor = o.args.has_anchor ? &o.args.loaded_anchor : NULL;
	r = bundle_verify(&check, &report);
	if (r < 0)
		return fail(o.bundle, strerror(-r));
	return print(&report, o.json);
}
