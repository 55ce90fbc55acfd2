/* SPDX-License-Identifier: MIT */
#include "record/note.h"

#include "base/base64.h"
#include "base/hex.h"
#include "base/utf8.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#define TYPE_ED25519	1
#define SIGNATURE_BYTES 64
#define DASH		"\xe2\x80\x94 " /* em dash, space */
/* The longest signature that C2SP has a type for (ML-DSA-44: 2,420 bytes and a time), in base64. */
#define SIGNATURE_TEXT_MAX 4096

bool note_name_wellformed(struct span name)
{
	if (name.n < 1 || name.n > NOTE_NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= 0x20 || name.p[i] >= 0x7f || name.p[i] == '+')
			return false;
	return true;
}

static void put_be32(uint8_t out[4], uint32_t v)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int key_id(struct note_key *key)
{
	uint8_t bytes[NOTE_NAME_BYTES_MAX + 2 + NOTE_PUBLIC_BYTES];
	size_t n = strlen(key->name);
	struct hash h;
	int r;

	memcpy(bytes, key->name, n);
	bytes[n++] = '\n';
	bytes[n++] = TYPE_ED25519;
	memcpy(bytes + n, key->public_key, NOTE_PUBLIC_BYTES);
	r = hash_once(span_of(bytes, n + NOTE_PUBLIC_BYTES), &h);
	if (r < 0)
		return r;
	key->id = get_be32(h.b);
	return 0;
}

int note_key_init(struct span name, const uint8_t public_key[NOTE_PUBLIC_BYTES],
		  struct note_key *ret_key)
{
	struct note_key key = {0};
	int r;

	if (!note_name_wellformed(name))
		return PARSE_E_BAD;
	memcpy(key.name, name.p, name.n);
	memcpy(key.public_key, public_key, NOTE_PUBLIC_BYTES);
	r = key_id(&key);
	if (r == 0)
		*ret_key = key;
	return r;
}

int note_signer_init(struct span name, const uint8_t seed[NOTE_SEED_BYTES],
		     struct note_signer *ret_signer)
{
	struct note_signer s = {0};
	size_t n = NOTE_PUBLIC_BYTES;
	EVP_PKEY *pkey;
	int r;

	if (!note_name_wellformed(name))
		return PARSE_E_BAD;
	memcpy(s.key.name, name.p, name.n);
	memcpy(s.seed, seed, NOTE_SEED_BYTES);
	pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, NOTE_SEED_BYTES);
	r = pkey && EVP_PKEY_get_raw_public_key(pkey, s.key.public_key, &n) == 1 ? key_id(&s.key)
										 : -EIO;
	EVP_PKEY_free(pkey);
	if (r == 0)
		*ret_signer = s;
	note_signer_deinit(&s);
	return r;
}

void note_signer_deinit(struct note_signer *signer)
{
	OPENSSL_cleanse(signer->seed, sizeof(signer->seed));
}

int note_vkey_put(const struct note_key *key, struct buf *out)
{
	uint8_t id[4], typed[1 + NOTE_PUBLIC_BYTES] = {TYPE_ED25519};

	put_be32(id, key->id);
	memcpy(typed + 1, key->public_key, NOTE_PUBLIC_BYTES);
	buf_put_str(out, key->name);
	buf_put_byte(out, '+');
	hex_put(out, span_of(id, sizeof(id)));
	buf_put_byte(out, '+');
	return base64_put(out, span_of(typed, sizeof(typed)));
}

int note_vkey_parse(struct span text, struct note_key *ret_key)
{
	uint8_t typed[1 + NOTE_PUBLIC_BYTES], id[4];
	size_t plus = span_find(text, '+');
	struct span name = span_sub(text, 0, plus), rest = span_sub(text, plus + 1, text.n);
	struct note_key key = {0};
	int r;

	if (!note_name_wellformed(name) || rest.n < 10 || rest.p[8] != '+' ||
	    !hex_decode(span_sub(rest, 0, 8), id, 4) ||
	    !base64_decode_exact(span_sub(rest, 9, rest.n), typed, sizeof(typed)) ||
	    typed[0] != TYPE_ED25519)
		return PARSE_E_BAD;
	memcpy(key.name, name.p, name.n);
	memcpy(key.public_key, typed + 1, NOTE_PUBLIC_BYTES);
	r = key_id(&key);
	if (r < 0)
		return r;
	if (key.id != get_be32(id))
		return PARSE_E_BAD;
	*ret_key = key;
	return PARSE_DONE;
}

static bool text_wellformed(struct span text)
{
	if (!text.n || text.p[text.n - 1] != '\n' || !utf8_valid(text))
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 && text.p[i] != '\n')
			return false;
	return true;
}

static int sign(const struct note_signer *signer, struct span text, uint8_t out[SIGNATURE_BYTES])
{
	size_t n = SIGNATURE_BYTES;
	EVP_PKEY *pkey =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, signer->seed, NOTE_SEED_BYTES);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = pkey && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		  EVP_DigestSign(ctx, out, &n, text.p, text.n) == 1 && n == SIGNATURE_BYTES;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return ok ? 0 : -EIO;
}

int note_sign(const struct note_signer *signer, struct span text, struct buf *out)
{
	uint8_t signature[4 + SIGNATURE_BYTES];
	int r;

	if (!text_wellformed(text))
		return PARSE_E_BAD;
	put_be32(signature, signer->key.id);
	r = sign(signer, text, signature + 4);
	if (r < 0)
		return r;
	buf_put(out, text);
	buf_put_str(out, "\n" DASH);
	buf_put_str(out, signer->key.name);
	buf_put_byte(out, ' ');
	base64_put(out, span_of(signature, sizeof(signature)));
	return buf_put_byte(out, '\n');
}

static bool verifies(const uint8_t public_key[NOTE_PUBLIC_BYTES], struct span text,
		     struct span signature)
{
	EVP_PKEY *pkey =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, NOTE_PUBLIC_BYTES);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = pkey && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		  EVP_DigestVerify(ctx, signature.p, signature.n, text.p, text.n) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return ok;
}

/* RFC 8032 section 7.1, test 1: a good signature over nothing. */
static bool library_works(void)
{
	static const uint8_t public_key[NOTE_PUBLIC_BYTES] = {
		0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
		0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
		0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
	};
	static const uint8_t signature[SIGNATURE_BYTES] = {
		0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72, 0x90, 0x86, 0xe2, 0xcc, 0x80,
		0x6e, 0x82, 0x8a, 0x84, 0x87, 0x7f, 0x1e, 0xb8, 0xe5, 0xd9, 0x74, 0xd8, 0x73,
		0xe0, 0x65, 0x22, 0x49, 0x01, 0x55, 0x5f, 0xb8, 0x82, 0x15, 0x90, 0xa3, 0x3b,
		0xac, 0xc6, 0x1e, 0x39, 0x70, 0x1c, 0xf9, 0xb4, 0x6b, 0xd2, 0x5b, 0xf5, 0xf0,
		0x59, 0x5b, 0xbe, 0x24, 0x65, 0x51, 0x41, 0x43, 0x8e, 0x7a, 0x10, 0x0b,
	};

	return verifies(public_key, span_of("", 0), span_of(signature, sizeof(signature)));
}

/* PARSE_DONE, NOTE_E_FORGED, or -ENOMEM. The library answers "no" too when it had no memory to
 * look; taken at its word, a log would be called forged for want of a few bytes. So a "no" has to
 * come twice, from a library that says "yes" where it should. */
static int verify(const struct note_key *key, struct span text, struct span signature)
{
	if (signature.n != SIGNATURE_BYTES)
		return NOTE_E_FORGED;
	for (int attempt = 0; attempt < 2; attempt++)
		if (verifies(key->public_key, text, signature))
			return PARSE_DONE;
	return library_works() ? NOTE_E_FORGED : -ENOMEM;
}

struct line {
	struct span name;
	struct span signature; /* with the key id in front */
};

/* One signature line without its newline; the decoded signature stands in storage. */
static int line_parse(struct span text, struct buf *storage, struct line *ret_line)
{
	struct span rest = span_sub(text, sizeof(DASH) - 1, text.n);
	size_t space = span_find(rest, ' ');
	struct span base64 = span_sub(rest, space + 1, rest.n);
	int r;

	if (!span_starts(text, SPAN_LIT(DASH)) || space == 0 || space >= rest.n ||
	    span_find(span_sub(rest, 0, space), '+') < space || base64.n > SIGNATURE_TEXT_MAX)
		return NOTE_E_BAD;
	buf_clear(storage);
	r = base64_decode(storage, base64);
	if (r != PARSE_DONE)
		return r;
	if (storage->n < 5)
		return NOTE_E_BAD;
	*ret_line = (struct line){span_sub(rest, 0, space), buf_span(storage)};
	return PARSE_DONE;
}

static const struct note_key *find(const struct note_key *keys, size_t n, const struct line *line)
{
	for (size_t i = 0; i < n; i++)
		if (span_eq_str(line->name, keys[i].name) &&
		    keys[i].id == get_be32(line->signature.p))
			return &keys[i];
	return NULL;
}

/* Where the last blank line begins: the newline that ends the text. note.n when there is none. */
static size_t blank_line(struct span note)
{
	for (size_t i = note.n; i-- > 1;)
		if (note.p[i] == '\n' && note.p[i - 1] == '\n')
			return i - 1;
	return note.n;
}

int note_open(struct span note, const struct note_key *keys, size_t keys_n, struct span *ret_text)
{
	struct buf storage = BUF_INIT(SIGNATURE_TEXT_MAX);
	size_t end = note.n > NOTE_BYTES_MAX ? note.n : blank_line(note);
	struct span text = span_sub(note, 0, end + 1), rest = span_sub(note, end + 2, note.n);
	unsigned lines = 0, good = 0;
	int r = note.n > NOTE_BYTES_MAX				     ? NOTE_E_LIMIT
		: end == note.n || !rest.n || !text_wellformed(note) ? NOTE_E_BAD
								     : PARSE_DONE;

	while (r == PARSE_DONE && rest.n) {
		size_t newline = span_find(rest, '\n');
		const struct note_key *key;
		struct line line;

		if (++lines > NOTE_SIGNATURES_MAX) {
			r = NOTE_E_LIMIT;
			break;
		}
		r = line_parse(span_sub(rest, 0, newline), &storage, &line);
		rest = span_sub(rest, newline + 1, rest.n);
		key = r == PARSE_DONE ? find(keys, keys_n, &line) : NULL;
		if (!key)
			continue;
		r = verify(key, text, span_sub(line.signature, 4, line.signature.n));
		good += r == PARSE_DONE;
	}
	buf_deinit(&storage);
	if (r != PARSE_DONE)
		return r;
	if (!good)
		return NOTE_E_UNSIGNED;
	*ret_text = text;
	return PARSE_DONE;
}
