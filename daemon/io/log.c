/* SPDX-License-Identifier: MIT */
#include "io/log.h"

#include "base/json_write.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A line longer than this is cut: journald's own default limit is 48 KiB. */
#define LINE_BYTES_MAX (32u << 10)
#define TEXT_BYTES_MAX 4096

/* Who this process is does not change while it runs. */
static const char *own_role = "aicpd";
static bool own_debug;

static const char *const level_name[_LOG_LEVEL_COUNT] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARNING] = "warning",
	[LOG_ERROR] = "error",
};

void log_open(const char *role, bool debug)
{
	own_role = role;
	own_debug = debug;
}

int log_format(const struct log_line *line, struct buf *out)
{
	struct json_write w;
	struct tm tm;
	time_t t = (time_t)line->wall_s;
	char stamp[32] = "";

	if (gmtime_r(&t, &tm))
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_write_init(&w, out, false);
	json_write_object(&w, NULL);
	json_write_str(&w, "time", stamp);
	json_write_str(&w, "level", level_name[line->level]);
	json_write_str(&w, "role", line->role);
	json_write_str(&w, "event", line->event);
	if (line->text.n)
		json_write_string(&w, "text", line->text);
	if (line->left_out)
		json_write_int(&w, "left_out", line->left_out);
	json_write_end_object(&w);
	return buf_put_byte(out, '\n');
}

static void write_line(enum log_level level, const char *event, unsigned left_out, struct span text)
{
	struct buf out = BUF_INIT(LINE_BYTES_MAX);
	struct log_line line = {
		.wall_s = time(NULL),
		.role = own_role,
		.event = event,
		.level = level,
		.text = text,
		.left_out = left_out,
	};

	/* One write a line: lines of several roles on one descriptor do not mix. A log that cannot
	 * be written has nobody to be told to. */
	if (!log_format(&line, &out) && write(STDERR_FILENO, out.p, out.n) < 0)
		out.n = 0;
	buf_deinit(&out);
}

static void say(enum log_level level, const char *event, unsigned left_out, const char *fmt,
		va_list ap)
{
	char text[TEXT_BYTES_MAX];
	int n;

	if (level == LOG_DEBUG && !own_debug)
		return;
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n < 0)
		n = 0;
	if ((size_t)n >= sizeof(text))
		n = sizeof(text) - 1;
	write_line(level, event, left_out, span_of(text, (size_t)n));
}

void log_say(enum log_level level, const char *event, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(level, event, 0, fmt, ap);
	va_end(ap);
}

bool log_limit_pass(struct log_limit *limit, int64_t now_s, unsigned *ret_left_out)
{
	if (!limit->said || now_s - limit->since_s >= LOG_WINDOW_S) {
		*ret_left_out = limit->left_out;
		*limit = (struct log_limit){.since_s = now_s, .said = 1};
		return true;
	}
	if (limit->said >= LOG_BURST) {
		limit->left_out++;
		return false;
	}
	limit->said++;
	*ret_left_out = 0;
	return true;
}

void log_say_limited(struct log_limit *limit, enum log_level level, const char *event,
		     const char *fmt, ...)
{
	struct timespec now;
	unsigned left_out;
	va_list ap;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!log_limit_pass(limit, now.tv_sec, &left_out))
		return;
	va_start(ap, fmt);
	say(level, event, left_out, fmt, ap);
	va_end(ap);
}
