/* SPDX-License-Identifier: MIT */
/* layer: record */
/* Signed notes, keys and checkpoints by strangers: no crash, and nothing but the one signed text of
 * the key that is asked about is ever accepted. */
#include "record/anchor.h"
#include "record/note.h"

#include <stdlib.h>

#define CHECK(_x)                                                                                  \
	do {                                                                                       \
		if (!(_x))                                                                         \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The key of the corpus; nobody can sign for it but whoever reads this. */
static const char text_signed[] =
	"aicp/0123456789abcdef\n3\nAQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[NOTE_SEED_BYTES] = {1, 2, 3};
	uint8_t *copy = malloc(size ? size : 1);
	struct note_signer signer;
	struct note_key key;
	struct checkpoint checkpoint;
	struct anchor anchor;
	struct buf out = BUF_INIT(4096);
	struct span text;

	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	CHECK(note_signer_init(SPAN_LIT("aicp/0123456789abcdef"), seed, &signer) == PARSE_DONE);
	if (note_open(span_of(copy, size), &signer.key, 1, &text) == PARSE_DONE)
		CHECK(span_eq_str(text, text_signed));
	if (checkpoint_open(span_of(copy, size), &signer.key, &checkpoint) == PARSE_DONE)
		CHECK(checkpoint.head.size == 3);
	if (anchor_open(span_of(copy, size), &signer.key, &anchor) == PARSE_DONE)
		CHECK(anchor.head.size == 3 && !anchor.met);
	if (checkpoint_parse(span_of(copy, size), &checkpoint) == PARSE_DONE) {
		CHECK(checkpoint_put(&checkpoint, &out) == 0);
		CHECK(span_eq(buf_span(&out), span_of(copy, size)));
		buf_clear(&out);
	}
	if (note_vkey_parse(span_of(copy, size), &key) == PARSE_DONE) {
		CHECK(note_vkey_put(&key, &out) == 0);
		CHECK(span_eq(buf_span(&out), span_of(copy, size)));
	}
	buf_deinit(&out);
	free(copy);
	return 0;
}
