/* SPDX-License-Identifier: MIT */
/* The clock of the benchmarks. */
#pragma once

#include <time.h>

/* CLOCK_MONOTONIC for what takes place, CLOCK_THREAD_CPUTIME_ID for what is computed. */
static inline double clock_seconds(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
