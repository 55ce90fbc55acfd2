/* SPDX-License-Identifier: MIT */
/*
 * Log lines for operators: one JSON object a line on standard error, whatever the text holds.
 *
 * {"level": "info", "role": "engine", "event": "ready", "text": "..."} with "time" (UTC) in front.
 * Text comes from printf-like formatting and is escaped, so that nothing a program sends can begin
 * a line of its own.
 */
#pragma once

#include "base/buf.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, _LOG_LEVEL_COUNT };

/* Who is speaking; role is kept, not copied. Debug lines are written only when asked for. */
void log_open(const char *role, bool debug);

void log_say(enum log_level level, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* At most LOG_BURST lines in LOG_WINDOW_S seconds for one call site; the first line of a later
 * window says how many were left out. */
#define LOG_BURST    5
#define LOG_WINDOW_S 10
struct log_limit {
	int64_t since_s;
	unsigned said, left_out;
};
/* May a line be written at now_s (monotonic seconds)? ret_left_out: lines left out before this one.
 */
bool log_limit_pass(struct log_limit *limit, int64_t now_s, unsigned *ret_left_out);

void log_say_limited(struct log_limit *limit, enum log_level level, const char *event,
		     const char *fmt, ...) __attribute__((format(printf, 4, 5)));
#define log_limited(_level, _event, ...)                                                           \
	do {                                                                                       \
		static struct log_limit limit_;                                                    \
		log_say_limited(&limit_, _level, _event, __VA_ARGS__);                             \
	} while (0)

/* One line as log_say() writes it, with its newline. Pure, for tests. */
struct log_line {
	int64_t wall_s;
	const char *role, *event;
	enum log_level level;
	struct span text;
	unsigned left_out;
};
int log_format(const struct log_line *line, struct buf *out);
