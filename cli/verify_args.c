/* SPDX-License-Identifier: MIT */
#include "verify_args.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

bool verify_args_option(struct verify_args *args, int option, const char *value)
{
	switch (option) {
	case 'k':
		args->key = value;
		return true;
	case 'a':
		args->anchor = value;
		return true;
	case 's':
		args->min_size = value;
		return true;
	case 'r':
		args->root = value;
		return true;
	}
	return false;
}

int verify_args_file(const char *path, size_t max, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = fd < 0 ? -errno : 0;
	uint8_t part[4096];
	ssize_t n = 1;

	*out = BUF_INIT(max);
	while (r == 0 && n > 0) {
		n = read(fd, part, sizeof(part));
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			r = -errno;
		else
			r = buf_put(out, span_of(part, (size_t)n));
	}
	if (fd >= 0)
		close(fd);
	return r;
}

static struct span first_line(struct span text)
{
	return span_sub(text, 0, span_find(text, '\n'));
}

static bool load_key(struct verify_args *args, struct buf *error)
{
	struct buf text = BUF_INIT(4096);
	int r = note_vkey_parse(span_str(args->key), &args->loaded_key);

	if (r != PARSE_DONE) {
		r = verify_args_file(args->key, 4096, &text);
		if (r == 0)
			r = note_vkey_parse(first_line(buf_span(&text)), &args->loaded_key);
	}
	buf_deinit(&text);
	if (r != PARSE_DONE)
		buf_printf(error,
			   "--key %s: %s; give the text of the log's log.vkey (NAME+ID+KEY), or a "
			   "file that holds it",
			   args->key, r < 0 ? strerror(-r) : "is no key");
	args->has_key = r == PARSE_DONE;
	return args->has_key;
}

/* Its text alone; who kept it vouches for it. */
static int parse_unsigned(struct span note, struct anchor *ret_anchor)
{
	struct anchor anchor = {0};
	struct checkpoint c;
	size_t end = 0;

	for (int line = 0; line < 3; line++)
		end += span_find(span_sub(note, end, note.n), '\n') + 1;
	if (end > note.n || checkpoint_parse(span_sub(note, 0, end), &c) != PARSE_DONE)
		return PARSE_E_BAD;
	memcpy(anchor.origin, c.origin.p, c.origin.n);
	anchor.head = c.head;
	*ret_anchor = anchor;
	return PARSE_DONE;
}

static int parse_anchor(struct verify_args *args, struct span note)
{
	struct note_key key;
	int r;

	if (!args->has_key)
		return parse_unsigned(note, &args->loaded_anchor);
	/* One key signs every log of a host, each under the log's own name. */
	r = note_key_init(first_line(note), args->loaded_key.public_key, &key);
	return r == PARSE_DONE ? anchor_open(note, &key, &args->loaded_anchor) : r;
}

static bool load_anchor(struct verify_args *args, struct buf *error)
{
	struct buf text = BUF_INIT(NOTE_BYTES_MAX);
	int r = verify_args_file(args->anchor, NOTE_BYTES_MAX, &text);

	if (r == 0)
		r = parse_anchor(args, buf_span(&text));
	buf_deinit(&text);
	if (r != PARSE_DONE)
		buf_printf(error,
			   "--anchor %s: %s; give a checkpoint of this log as it was kept, whole",
			   args->anchor,
			   r < 0 ? strerror(-r) : "is no checkpoint signed by the log's key");
	args->has_anchor = r == PARSE_DONE;
	return args->has_anchor;
}

static bool load_head(struct verify_args *args, struct buf *error)
{
	struct anchor anchor = {0};
	char *end = NULL;

	errno = 0;
	if (args->min_size)
		anchor.head.size = strtoull(args->min_size, &end, 10);
	if (!args->min_size || !args->root || errno || *end || args->min_size[0] == '-' ||
	    anchor.head.size < 1 || anchor.head.size > CHECKPOINT_SIZE_MAX ||
	    !anchor_root(span_str(args->root), &anchor.head.root)) {
		buf_put_str(error, "--min-size N and --root HASH go together: the second and third "
				   "line of a checkpoint");
		return false;
	}
	args->loaded_anchor = anchor;
	args->has_anchor = true;
	return true;
}

bool verify_args_load(struct verify_args *args, struct buf *error)
{
	if (args->anchor && (args->min_size || args->root)) {
		buf_put_str(error, "--anchor and --min-size say the same thing; give one of them");
		return false;
	}
	if (args->key && !load_key(args, error))
		return false;
	if (args->anchor)
		return load_anchor(args, error);
	return !(args->min_size || args->root) || load_head(args, error);
}
