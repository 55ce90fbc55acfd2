/* SPDX-License-Identifier: MIT */
/* API keys: made, withdrawn and recognised by the ledger, as state is what records say. */
#include "ledger/ledger_private.h"

#include "ledger/statefile.h"

#include <errno.h>
#include <openssl/crypto.h>

struct key_change {
	const struct store_key *key;
	int64_t at_ns;
	bool unknown; /* set: there was no such key */
};

static int put_key(struct store *store, void *data)
{
	struct key_change *c = data;

	return store_put_key(store, c->key, c->at_ns);
}

static int revoke_key(struct store *store, void *data)
{
	struct key_change *c = data;
	int r = store_revoke_key(store, span_str(c->key->id), c->at_ns);

	c->unknown = r == 1;
	/* Ends the transaction, and with it the record. */
	return r == 1 ? -EBUSY : r;
}

static int record(struct ledger *l, struct ledger_time now, enum record_type type, const char *by,
		  struct key_change *change)
{
	struct buf body = BUF_INIT(4096);
	struct ledger_item item = {.type = type, .essential = true};
	struct ledger_batch batch = {
		.items = &item,
		.n = 1,
		.sign = true,
		.effect = type == RECORD_KEY_CREATED ? put_key : revoke_key,
		.effect_data = change,
	};
	struct json_write w;
	int r;

	json_write_init(&w, &body, true);
	json_write_object(&w, NULL);
	json_write_str(&w, "by", by);
	json_write_str(&w, "id", change->key->id);
	if (type == RECORD_KEY_CREATED) {
		json_write_str(&w, "owner", change->key->owner);
		json_write_str(&w, "role", change->key->role);
	}
	json_write_end_object(&w);
	item.body = buf_span(&body);
	r = body.err ? body.err : l->store ? ledger_transact(l, now, &batch) : -EIO;
	buf_deinit(&body);
	/* Rare enough to be done with it at once. */
	ledger_tidy(l, now);
	return r < 0 ? r : item.outcome ? -EINVAL : 0;
}

static bool role_wellformed(const char *role)
{
	size_t n = strlen(role);

	return n > 0 && n <= 32 && strspn(role, "abcdefghijklmnopqrstuvwxyz-") == n;
}

static int prepare(struct ledger *l, const char *role, const char *owner,
		   char key[LEDGER_KEY_BYTES_MAX], struct store_key *ret_row)
{
	struct store_key row = {0};
	struct span id;
	int r;

	if (!role_wellformed(role) || strlen(owner) > sizeof(row.owner) - 1)
		return -EINVAL;
	r = keys_generate(l->random, key);
	if (r < 0)
		return r;
	if (!keys_id(span_str(key), &id))
		return -EINVAL;
	memcpy(row.id, id.p, id.n);
	memcpy(row.role, role, strlen(role));
	memcpy(row.owner, owner, strlen(owner));
	r = keys_hash(&l->keys, span_str(key), &row.hash);
	if (r == 0)
		*ret_row = row;
	return r;
}

int ledger_key_create(struct ledger *l, struct ledger_time now, const struct ledger_key_request *q,
		      char ret_key[LEDGER_KEY_BYTES_MAX])
{
	struct store_key row;
	struct key_change change = {.key = &row, .at_ns = now.wall_ns};
	int r = prepare(l, q->role, q->owner, ret_key, &row);

	if (r == 0)
		r = record(l, now, RECORD_KEY_CREATED, q->by, &change);
	if (r < 0)
		OPENSSL_cleanse(ret_key, LEDGER_KEY_BYTES_MAX);
	return r;
}

/* A key that is recorded but that nobody was given could never be used: the file comes first. A
 * crash between the two leaves a file that opens nothing, and the next start writes it anew. */
int ledger_key_first(struct ledger *l, struct ledger_time now)
{
	char key[LEDGER_KEY_BYTES_MAX];
	struct buf text = BUF_INIT(LEDGER_KEY_BYTES_MAX + 1);
	struct store_key row;
	struct key_change change = {.key = &row, .at_ns = now.wall_ns};
	int r = store_any_key(l->store);

	if (r != 1)
		return r;
	r = prepare(l, "admin", "admin", key, &row);
	if (r == 0) {
		buf_put_str(&text, key);
		r = buf_put_byte(&text, '\n');
	}
	if (r == 0)
		r = statefile_replace(l->dir_fd, KEYS_ADMIN_FILE, STATEFILE_SECRET,
				      buf_span(&text));
	if (r == 0)
		r = record(l, now, RECORD_KEY_CREATED, "first-start", &change);
	OPENSSL_cleanse(key, sizeof(key));
	if (text.p)
		OPENSSL_cleanse(text.p, text.n);
	buf_deinit(&text);
	return r;
}

int ledger_key_revoke(struct ledger *l, struct ledger_time now, const char *id, const char *by)
{
	struct store_key row = {0};
	struct key_change change = {.key = &row, .at_ns = now.wall_ns};
	int r;

	if (strlen(id) >= sizeof(row.id))
		return LEDGER_E_NO_KEY;
	memcpy(row.id, id, strlen(id));
	r = record(l, now, RECORD_KEY_REVOKED, by, &change);
	return change.unknown ? LEDGER_E_NO_KEY : r;
}

int ledger_key_check(struct ledger *l, struct span presented,
		     struct ledger_principal *ret_principal)
{
	struct ledger_principal p = {0};
	struct store_key row = {0};
	struct span id;
	struct hash h;
	bool same;
	int r;

	if (!keys_id(presented, &id))
		return LEDGER_E_NO_KEY;
	if (!l->store)
		return -EIO;
	r = store_find_key(l->store, id, &row);
	if (r < 0)
		return r;
	/* An unknown id costs what a known one does: the comparison is made against a row of zeros.
	 */
	row.revoked |= r == 1;
	r = keys_hash(&l->keys, presented, &h);
	if (r < 0)
		return r;
	same = hash_secret_eq(hash_span(&h), hash_span(&row.hash));
	if (!same || row.revoked)
		return LEDGER_E_NO_KEY;
	memcpy(p.id, row.id, sizeof(p.id));
	memcpy(p.role, row.role, sizeof(p.role));
	memcpy(p.owner, row.owner, sizeof(p.owner));
	*ret_principal = p;
	return 0;
}
