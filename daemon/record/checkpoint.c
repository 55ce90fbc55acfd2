/* SPDX-License-Identifier: MIT */
#include "record/checkpoint.h"

#include "base/base64.h"
#include "record/leaf.h"

#include <inttypes.h>

int checkpoint_put(const struct checkpoint *checkpoint, struct buf *out)
{
	buf_put(out, checkpoint->origin);
	buf_printf(out, "\n%" PRIu64 "\n", checkpoint->head.size);
	base64_put(out, hash_span(&checkpoint->head.root));
	return buf_put_byte(out, '\n');
}

static bool size_parse(struct span text, uint64_t *ret_size)
{
	uint64_t size = 0;

	if (!text.n || text.n > 16 || (text.p[0] == '0' && text.n > 1))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		size = size * 10 + (uint64_t)(text.p[i] - '0');
	}
	*ret_size = size;
	return size <= CHECKPOINT_SIZE_MAX;
}

int checkpoint_parse(struct span text, struct checkpoint *ret_checkpoint)
{
	struct checkpoint c = {0};
	struct span line[3], rest = text;

	for (int i = 0; i < 3; i++) {
		size_t n = span_find(rest, '\n');

		if (n == rest.n)
			return PARSE_E_BAD;
		line[i] = span_sub(rest, 0, n);
		rest = span_sub(rest, n + 1, rest.n);
	}
	c.origin = line[0];
	if (rest.n || !leaf_origin_wellformed(c.origin) || !size_parse(line[1], &c.head.size) ||
	    !base64_decode_exact(line[2], c.head.root.b, HASH_BYTES))
		return PARSE_E_BAD;
	*ret_checkpoint = c;
	return PARSE_DONE;
}

int checkpoint_sign(const struct merkle_head *head, const struct note_signer *signer,
		    struct buf *out)
{
	struct checkpoint c = {.origin = span_str(signer->key.name), .head = *head};
	struct buf text = BUF_INIT(1024);
	int r = checkpoint_put(&c, &text);

	if (r == 0)
		r = note_sign(signer, buf_span(&text), out);
	buf_deinit(&text);
	return r;
}

int checkpoint_open(struct span note, const struct note_key *key, struct checkpoint *ret_checkpoint)
{
	struct checkpoint c;
	struct span text;
	int r = note_open(note, key, 1, &text);

	if (r != PARSE_DONE)
		return r;
	if (checkpoint_parse(text, &c) != PARSE_DONE || !span_eq_str(c.origin, key->name))
		return NOTE_E_BAD;
	*ret_checkpoint = c;
	return PARSE_DONE;
}
