/* SPDX-License-Identifier: MIT */
#include "ledger/keys.h"

#include "base/cleanup.h"
#include "base/hex.h"
#include "ledger/statefile.h"

#include <errno.h>
#include <openssl/crypto.h>

DEFINE_FREEP(struct hash_ctx, hash_ctx_free)

#define KEY_PREFIX	 "aicp_"
#define KEY_ID_BYTES	 4
#define KEY_SECRET_BYTES 32
#define KEY_TEXT_BYTES	 (sizeof(KEY_PREFIX) - 1 + 2 * KEY_ID_BYTES + 1 + 2 * KEY_SECRET_BYTES)
_Static_assert(KEY_TEXT_BYTES + 1 <= LEDGER_KEY_BYTES_MAX, "a key fits");

/* A file of one line: prefix and 32 bytes in hexadecimal. */
struct secret {
	const char *name, *prefix;
	uint8_t *bytes;
};
#define SECRET_BYTES 32
_Static_assert(SEAL_KEY_BYTES == SECRET_BYTES, "one form of secrets");

static int make(int dir_fd, struct ledger_random random, const struct secret *secret)
{
	uint8_t bytes[SECRET_BYTES];
	struct buf text = BUF_INIT(256);
	int r = random.fill(random.data, bytes, sizeof(bytes));

	if (r == 0) {
		buf_put_str(&text, secret->prefix);
		hex_put(&text, span_of(bytes, sizeof(bytes)));
		r = buf_put_byte(&text, '\n');
	}
	if (r == 0)
		r = statefile_replace(dir_fd, secret->name, STATEFILE_SECRET, buf_span(&text));
	if (r == 0)
		memcpy(secret->bytes, bytes, sizeof(bytes));
	OPENSSL_cleanse(bytes, sizeof(bytes));
	if (text.p)
		OPENSSL_cleanse(text.p, text.n);
	buf_deinit(&text);
	return r;
}

static int load(int dir_fd, struct ledger_random random, const struct secret *secret)
{
	struct buf text = BUF_INIT(256);
	struct span line;
	int r = statefile_read(dir_fd, secret->name, STATEFILE_SECRET, &text);

	line = buf_span(&text);
	if (r == 0 && (!line.n || line.p[line.n - 1] != '\n' ||
		       !span_starts(line, span_str(secret->prefix)) ||
		       !hex_decode(span_sub(line, strlen(secret->prefix), line.n - 1),
				   secret->bytes, SECRET_BYTES)))
		r = -EBADMSG;
	if (text.p)
		OPENSSL_cleanse(text.p, text.n);
	buf_deinit(&text);
	return r == -ENOENT ? make(dir_fd, random, secret) : r == -E2BIG ? -EBADMSG : r;
}

int keys_load(int dir_fd, struct ledger_random random, struct keys *ret_keys, const char **ret_name)
{
	struct keys keys;
	const struct secret secret[] = {
		{KEYS_LOG_FILE, "ed25519:", keys.seed},
		{KEYS_PEPPER_FILE, "", keys.pepper},
		{KEYS_CONTENT_FILE, "", keys.content},
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(secret) / sizeof(*secret) && r == 0; i++) {
		r = load(dir_fd, random, &secret[i]);
		if (r < 0)
			*ret_name = secret[i].name;
	}
	if (r == 0)
		*ret_keys = keys;
	keys_deinit(&keys);
	return r;
}

void keys_deinit(struct keys *keys)
{
	OPENSSL_cleanse(keys, sizeof(*keys));
}

int keys_generate(struct ledger_random random, char ret_key[LEDGER_KEY_BYTES_MAX])
{
	uint8_t bytes[KEY_ID_BYTES + KEY_SECRET_BYTES];
	char *p = ret_key;
	int r = random.fill(random.data, bytes, sizeof(bytes));

	if (r < 0)
		return r;
	memcpy(p, KEY_PREFIX, sizeof(KEY_PREFIX) - 1);
	p += sizeof(KEY_PREFIX) - 1;
	hex_encode(span_of(bytes, KEY_ID_BYTES), p);
	p += (size_t)2 * KEY_ID_BYTES;
	*p++ = '_';
	hex_encode(span_of(bytes + KEY_ID_BYTES, KEY_SECRET_BYTES), p);
	ret_key[KEY_TEXT_BYTES] = '\0';
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return 0;
}

bool keys_id(struct span key, struct span *ret_id)
{
	const size_t id_at = sizeof(KEY_PREFIX) - 1, secret_at = id_at + 2 * KEY_ID_BYTES + 1;
	uint8_t bytes[KEY_SECRET_BYTES];

	if (key.n != KEY_TEXT_BYTES || !span_starts(key, SPAN_LIT(KEY_PREFIX)) ||
	    key.p[secret_at - 1] != '_' ||
	    !hex_decode(span_sub(key, id_at, secret_at - 1), bytes, KEY_ID_BYTES) ||
	    !hex_decode(span_sub(key, secret_at, key.n), bytes, KEY_SECRET_BYTES))
		return false;
	OPENSSL_cleanse(bytes, sizeof(bytes));
	*ret_id = span_sub(key, id_at, secret_at - 1);
	return true;
}

int keys_hash(const struct keys *keys, struct span key, struct hash *ret_hash)
{
	struct hash_ctx *ctx CLEANUP(hash_ctx_freep) = hash_ctx_new();
	const struct hash_key pepper = {ctx, span_of(keys->pepper, sizeof(keys->pepper))};
	const struct span parts[] = {SPAN_LIT("aicp/1/api-key\n"), key};

	return ctx && key.n <= KEY_TEXT_BYTES ? hash_hmac(&pepper, parts, 2, ret_hash) : -EIO;
}
