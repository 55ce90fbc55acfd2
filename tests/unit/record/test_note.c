/* SPDX-License-Identifier: MIT */
/* Signed notes and checkpoints: the published example, what is ignored, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"
#include "record/checkpoint.h"
#include "record/note.h"
#include "support/guard.h"

/* The example of golang.org/x/mod/sumdb/note. */
static const char text[] = "If you think cryptography is the answer to your problem,\n"
			   "then you don't know what your problem is.\n";
static const char vkey_text[] =
	"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char seed_text[] = "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=";
static const char note_text[] =
	"If you think cryptography is the answer to your problem,\n"
	"then you don't know what your problem is.\n"
	"\n"
	"\xe2\x80\x94 PeterNeumann "
	"x08go/ZJkuBS9UG/"
	"SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

static struct note_key peter(void)
{
	struct note_key key;

	assert_int_equal(note_vkey_parse(span_str(vkey_text), &key), PARSE_DONE);
	return key;
}

static void test_published_example(void **state)
{
	struct buf out = BUF_INIT(4096);
	uint8_t seed[NOTE_SEED_BYTES];
	struct note_signer signer;
	struct note_key key = peter();
	struct span signed_text;

	(void)state;
	assert_string_equal(key.name, "PeterNeumann");
	assert_int_equal(key.id, 0xc74f20a3);
	assert_true(base64_decode_exact(span_str(seed_text), seed, sizeof(seed)));
	assert_int_equal(note_signer_init(SPAN_LIT("PeterNeumann"), seed, &signer), PARSE_DONE);
	assert_memory_equal(signer.key.public_key, key.public_key, NOTE_PUBLIC_BYTES);
	assert_int_equal(note_sign(&signer, span_str(text), &out), PARSE_DONE);
	assert_true(span_eq_str(buf_span(&out), note_text));
	assert_int_equal(note_open(buf_span(&out), &key, 1, &signed_text), PARSE_DONE);
	assert_true(span_eq_str(signed_text, text));
	buf_clear(&out);
	assert_int_equal(note_vkey_put(&key, &out), 0);
	assert_true(span_eq_str(buf_span(&out), vkey_text));
	buf_deinit(&out);
}

static void test_vkey_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		"PeterNeumann",
		"PeterNeumann+c74f20a3",
		"PeterNeumann+c74f20a3+",
		"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumanN+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10==",
	};
	struct note_key key = {.id = 7};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(note_vkey_parse(span_str(bad[i]), &key), PARSE_E_BAD);
	assert_int_equal(key.id, 7);
}

/* Any one bit changed anywhere: never accepted with another text; the key id or name changed is
 * nobody's signature. */
static void test_every_bit(void **state)
{
	struct note_key key = peter();
	char changed[sizeof(note_text)];
	struct span out;

	(void)state;
	for (size_t i = 0; i < sizeof(note_text) - 1; i++) {
		for (int bit = 0; bit < 8; bit++) {
			int r;

			memcpy(changed, note_text, sizeof(changed));
			changed[i] = (char)(changed[i] ^ 1 << bit);
			r = note_open(span_of(changed, sizeof(changed) - 1), &key, 1, &out);
			assert_true(r == NOTE_E_BAD || r == NOTE_E_UNSIGNED || r == NOTE_E_FORGED);
		}
	}
}

static void test_truncated(void **state)
{
	struct note_key key = peter();
	struct guard guard;
	struct span out;

	(void)state;
	guard_init(&guard, sizeof(note_text));
	for (size_t n = 0; n < sizeof(note_text) - 1; n++)
		assert_int_equal(
			note_open(guard_copy(&guard, span_of(note_text, n)), &key, 1, &out),
			NOTE_E_BAD);
	guard_deinit(&guard);
}

static struct note_signer signer_of(const char *name, uint8_t byte)
{
	uint8_t seed[NOTE_SEED_BYTES];
	struct note_signer signer;

	memset(seed, byte, sizeof(seed));
	assert_int_equal(note_signer_init(span_str(name), seed, &signer), PARSE_DONE);
	return signer;
}

/* The signature line that a signer puts under a text. */
static void put_line(struct buf *note, const struct note_signer *signer, const char *over)
{
	struct buf whole = BUF_INIT(8192);

	assert_int_equal(note_sign(signer, span_str(over), &whole), PARSE_DONE);
	buf_put(note, span_sub(buf_span(&whole), strlen(over) + 1, whole.n));
	buf_deinit(&whole);
}

static void test_many_signatures(void **state)
{
	struct note_signer log = signer_of("log", 1), witness = signer_of("witness", 2);
	struct note_signer other = signer_of("log", 3); /* the log's name, another key */
	struct note_key keys[] = {log.key, witness.key};
	struct buf note = BUF_INIT(1u << 20);
	struct span out;

	(void)state;
	/* By others only. */
	buf_put_str(&note, "text\n\n");
	put_line(&note, &other, "text\n");
	put_line(&note, &witness, "text\n");
	assert_int_equal(note_open(buf_span(&note), keys, 1, &out), NOTE_E_UNSIGNED);
	assert_int_equal(note_open(buf_span(&note), keys, 2, &out), PARSE_DONE);
	assert_int_equal(note_open(buf_span(&note), NULL, 0, &out), NOTE_E_UNSIGNED);
	/* With ours too. */
	put_line(&note, &log, "text\n");
	assert_int_equal(note_open(buf_span(&note), keys, 1, &out), PARSE_DONE);
	/* Of a type we do not know. */
	buf_put_str(&note, "\xe2\x80\x94 future AAAAAAAAAAAA\n");
	assert_int_equal(note_open(buf_span(&note), keys, 1, &out), PARSE_DONE);
	/* A known key's bad signature refuses, good ones beside it or not. */
	put_line(&note, &witness, "another text\n");
	assert_int_equal(note_open(buf_span(&note), keys, 1, &out), PARSE_DONE);
	assert_int_equal(note_open(buf_span(&note), keys, 2, &out), NOTE_E_FORGED);
	/* A hundred are read, one more is too many. */
	buf_clear(&note);
	buf_put_str(&note, "text\n\n");
	for (int i = 0; i < 99; i++)
		put_line(&note, &other, "text\n");
	put_line(&note, &log, "text\n");
	assert_int_equal(note_open(buf_span(&note), keys, 1, &out), PARSE_DONE);
	put_line(&note, &other, "text\n");
	assert_int_equal(note_open(buf_span(&note), keys, 1, &out), NOTE_E_LIMIT);
	buf_deinit(&note);
}

static void test_malformed(void **state)
{
	static const char *const bad[] = {
		"text\n",
		"text\n\n",
		"text\n\n\n",
		"text\n\nno dash\n",
		"text\n\n\xe2\x80\x94 name\n",
		"text\n\n\xe2\x80\x94 name \n",
		"text\n\n\xe2\x80\x94  AAAAAAAAAAAA\n",
		"text\n\n\xe2\x80\x94 na+me AAAAAAAAAAAA\n",
		"text\n\n\xe2\x80\x94 name AAAAAA==\n", /* four bytes: an id without a signature */
		"text\n\n\xe2\x80\x94 name AAAAAAAAAAA\n",
		"text\n\n\xe2\x80\x94 name AAAAAAAAAAAA",
		"te\x01xt\n\n\xe2\x80\x94 name AAAAAAAAAAAA\n",
		"te\xffxt\n\n\xe2\x80\x94 name AAAAAAAAAAAA\n",
		"text\r\n\n\xe2\x80\x94 name AAAAAAAAAAAA\n",
	};
	struct note_key key = peter();
	struct note_signer signer = signer_of("log", 1);
	struct buf out_note = BUF_INIT(4096);
	struct span out;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (note_open(span_str(bad[i]), &key, 1, &out) != NOTE_E_BAD)
			fail_msg("accepted number %zu", i);
	assert_int_equal(note_sign(&signer, SPAN_LIT("no newline"), &out_note), PARSE_E_BAD);
	assert_int_equal(note_sign(&signer, SPAN_LIT("tab\there\n"), &out_note), PARSE_E_BAD);
	assert_int_equal(note_sign(&signer, SPAN_NULL, &out_note), PARSE_E_BAD);
	assert_int_equal(out_note.n, 0);
	buf_deinit(&out_note);
}

/* ---- checkpoints
 * ------------------------------------------------------------------------------------ */

static void test_checkpoint(void **state)
{
	struct note_signer signer = signer_of("aicp/0123456789abcdef", 9),
			   other = signer_of("aicp/x", 9);
	struct merkle_head head = {70000, {{1, 2, 3}}};
	struct checkpoint back;
	struct buf note = BUF_INIT(4096);

	(void)state;
	assert_int_equal(checkpoint_sign(&head, &signer, &note), PARSE_DONE);
	assert_true(span_starts(buf_span(&note),
				SPAN_LIT("aicp/0123456789abcdef\n70000\n"
					 "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n")));
	assert_int_equal(checkpoint_open(buf_span(&note), &signer.key, &back), PARSE_DONE);
	assert_int_equal(back.head.size, 70000);
	assert_true(hash_eq(&back.head.root, &head.root));
	assert_true(span_eq_str(back.origin, "aicp/0123456789abcdef"));
	assert_int_equal(checkpoint_open(buf_span(&note), &other.key, &back), NOTE_E_UNSIGNED);
	/* Signed by the right key, but of another log. */
	buf_clear(&note);
	assert_int_equal(
		note_sign(&other,
			  SPAN_LIT("aicp/y\n5\nAQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"),
			  &note),
		PARSE_DONE);
	assert_int_equal(checkpoint_open(buf_span(&note), &other.key, &back), NOTE_E_BAD);
	buf_deinit(&note);
}

static void test_checkpoint_refuses(void **state)
{
#define ROOT "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	static const char *const bad[] = {
		"",
		"a\n",
		"a\n1\n",
		"a\n1\n" ROOT,
		"a\n1\n" ROOT "\nmore\n",
		"a\n1\n" ROOT "\n\n",
		"\n1\n" ROOT "\n",
		"a b\n1\n" ROOT "\n",
		"a\n01\n" ROOT "\n",
		"a\n-1\n" ROOT "\n",
		"a\n+1\n" ROOT "\n",
		"a\n1 \n" ROOT "\n",
		"a\n\n" ROOT "\n",
		"a\n0x1\n" ROOT "\n",
		"a\n9007199254740992\n" ROOT "\n",
		"a\n99999999999999999999\n" ROOT "\n",
		"a\n1\nAQID\n",
		"a\n1\nAQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
		"a\r\n1\n" ROOT "\n",
	};
	struct checkpoint c = {.head.size = 7};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (checkpoint_parse(span_str(bad[i]), &c) != PARSE_E_BAD)
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(c.head.size, 7);
	assert_int_equal(checkpoint_parse(SPAN_LIT("a\n9007199254740991\n" ROOT "\n"), &c),
			 PARSE_DONE);
	assert_int_equal(checkpoint_parse(SPAN_LIT("a\n0\n" ROOT "\n"), &c), PARSE_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_example), cmocka_unit_test(test_vkey_refuses),
		cmocka_unit_test(test_every_bit),	  cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_many_signatures),	  cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_checkpoint),	  cmocka_unit_test(test_checkpoint_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
