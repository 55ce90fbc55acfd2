/* SPDX-License-Identifier: MIT */
/* layer: io. Texts of /proc, each input read as every one of them. */
#include "aicp/limits.h"
#include "io/args.h"
#include "io/procfs.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(struct span part, struct span whole)
{
	return !part.n || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size), path = SPAN_NULL;
	struct buf out = BUF_INIT(AICP_ARGS_BYTES_MAX + 2 * ARGS_ONE_BYTES_MAX);
	struct procfs_stat stat;
	int64_t number;

	if (procfs_stat(text, &stat) == PARSE_DONE &&
	    (!within(stat.name, text) || stat.pid < 0 || stat.start_ticks < 0))
		abort();
	if (procfs_number(text, &number) == PARSE_DONE && number < 0)
		abort();
	if (procfs_cgroup(text, &path) == PARSE_DONE &&
	    (!within(path, text) || !within(procfs_unit(path), path) ||
	     !within(procfs_container(path), path)))
		abort();
	if (!within(procfs_container(text), text) || !within(procfs_unit(text), text))
		abort();
	/* The bound that process.c gives its buffer holds for everything. */
	if (args_put(text, true, &out) < 0)
		abort();
	for (size_t i = 0; i < out.n; i++)
		if (out.p[i] == 0)
			abort();
	buf_deinit(&out);
	return 0;
}
