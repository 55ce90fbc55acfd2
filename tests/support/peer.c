/* SPDX-License-Identifier: MIT */
#include "support/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void peer_put(struct buf *texts, struct span text)
{
	uint8_t head[4] = {(uint8_t)text.n, (uint8_t)(text.n >> 8), (uint8_t)(text.n >> 16),
			   (uint8_t)(text.n >> 24)};

	buf_put(texts, span_of(head, sizeof(head)));
	buf_put(texts, text);
}

bool peer_next(struct span texts, size_t *at, struct span *ret_text)
{
	const uint8_t *p = texts.p + *at;
	size_t n;

	if (texts.n - *at < 4)
		return false;
	n = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
	if (texts.n - *at - 4 < n)
		return false;
	*ret_text = span_of(p + 4, n);
	*at += 4 + n;
	return true;
}

static bool read_file(const char *path, struct buf *out)
{
	char piece[1 << 16];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		return false;
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_put(out, span_of(piece, n));
	fclose(f);
	return !out->err;
}

bool peer_ask(const char *command, struct span texts, struct buf *ret_answers)
{
	char in[] = "/tmp/aicp-peer-in-XXXXXX", out[] = "/tmp/aicp-peer-out-XXXXXX";
	int in_fd = mkstemp(in), out_fd = mkstemp(out);
	char line[512];
	bool ok = in_fd >= 0 && out_fd >= 0;

	for (size_t at = 0; ok && at < texts.n;) {
		ssize_t n = write(in_fd, texts.p + at, texts.n - at);

		ok = n > 0;
		at += ok ? (size_t)n : 0;
	}
	snprintf(line, sizeof(line), "%s %s %s", command, in, out);
	/* NOLINTNEXTLINE(cert-env33-c): the command is the test's own */
	ok = ok && system(line) == 0 && read_file(out, ret_answers);
	close(in_fd);
	close(out_fd);
	unlink(in);
	unlink(out);
	return ok;
}
