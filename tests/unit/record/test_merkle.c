/* SPDX-License-Identifier: MIT */
/* The tree against RFC 6962's own vectors and against a second, naive one written from its
 * definitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hex.h"
#include "record/leaf.h"
#include "record/merkle.h"

#include <errno.h>

#define SIZE_MAX_TESTED 300

static struct hash_ctx *ctx;
static struct hash leaf[SIZE_MAX_TESTED];
static struct hash complete[9][SIZE_MAX_TESTED]; /* by level and index */

/* ---- the naive tree: section 2.1 as it is written, leaves copied about
 * ---------------------------------- */

static uint64_t largest_power_below(uint64_t n)
{
	uint64_t k = 1;

	while (2 * k < n)
		k *= 2;
	return k;
}

static struct hash naive_root(const struct hash *d, uint64_t n)
{
	struct hash h, left, right;
	uint64_t k;

	if (n == 0) {
		assert_int_equal(hash_all(ctx, SPAN_NULL, &h), 0);
		return h;
	}
	if (n == 1)
		return d[0];
	k = largest_power_below(n);
	left = naive_root(d, k);
	right = naive_root(d + k, n - k);
	assert_int_equal(merkle_node(ctx, &left, &right, &h), 0);
	return h;
}

static void naive_path(uint64_t m, const struct hash *d, uint64_t n, struct merkle_proof *proof)
{
	uint64_t k = largest_power_below(n);

	if (n == 1)
		return;
	if (m < k) {
		naive_path(m, d, k, proof);
		proof->hash[proof->n++] = naive_root(d + k, n - k);
	} else {
		naive_path(m - k, d + k, n - k, proof);
		proof->hash[proof->n++] = naive_root(d, k);
	}
}

static void naive_subproof(uint64_t m, const struct hash *d, uint64_t n, bool b,
			   struct merkle_proof *proof)
{
	uint64_t k;

	if (m == n) {
		if (!b)
			proof->hash[proof->n++] = naive_root(d, n);
		return;
	}
	k = largest_power_below(n);
	if (m <= k) {
		naive_subproof(m, d, k, b, proof);
		proof->hash[proof->n++] = naive_root(d + k, n - k);
	} else {
		naive_subproof(m - k, d + k, n - k, false, proof);
		proof->hash[proof->n++] = naive_root(d, k);
	}
}

/* ---- fixtures
 * ---------------------------------------------------------------------------------------- */

static int subtree(void *data, unsigned level, uint64_t index, struct hash *ret_hash)
{
	(void)data;
	assert_true((index + 1) << level <= SIZE_MAX_TESTED);
	*ret_hash = complete[level][index];
	return 0;
}

static int setup(void **state)
{
	(void)state;
	ctx = hash_ctx_new();
	for (unsigned i = 0; i < SIZE_MAX_TESTED; i++)
		if (leaf_hash(ctx, span_of(&i, sizeof(i)), &leaf[i]) < 0)
			return -1;
	for (unsigned level = 0; level < 9; level++)
		for (uint64_t i = 0; (i + 1) << level <= SIZE_MAX_TESTED; i++)
			complete[level][i] = naive_root(leaf + (i << level), UINT64_C(1) << level);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hash_ctx_free(ctx);
	return 0;
}

static struct hash from_hex(const char *hex)
{
	struct hash h;

	assert_true(hex_decode(span_str(hex), h.b, HASH_BYTES));
	return h;
}

static void expect_proof(const struct merkle_proof *a, const struct merkle_proof *b)
{
	assert_int_equal(a->n, b->n);
	for (unsigned i = 0; i < a->n; i++)
		assert_true(hash_eq(&a->hash[i], &b->hash[i]));
}

/* ---- tests
 * ------------------------------------------------------------------------------------------- */

/* The eight entries that certificate-transparency implementations test with. */
static const struct {
	const char *leaf, *root;
} vector[] = {
	{"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
	{"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
	{"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
	{"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
	{"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
	{"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
	{"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
	{"606162636465666768696a6b6c6d6e6f",
	 "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

static void vector_leaves(struct hash out[8])
{
	for (size_t i = 0; i < 8; i++) {
		uint8_t bytes[16];
		size_t n = strlen(vector[i].leaf) / 2;

		assert_true(hex_decode(span_str(vector[i].leaf), bytes, n));
		assert_int_equal(leaf_hash(ctx, span_of(bytes, n), &out[i]), 0);
	}
}

static void test_vectors(void **state)
{
	struct merkle tree = {0};
	struct hash d[8], root, want;
	struct merkle_proof path = {
		3,
		{from_hex("96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"),
		 from_hex("5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"),
		 from_hex("6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4")}};
	struct merkle_proof consistency = {
		3,
		{from_hex("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"),
		 from_hex("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
		 from_hex("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")}};
	struct merkle_head head6 = {6, from_hex(vector[5].root)},
			   head8 = {8, from_hex(vector[7].root)};

	(void)state;
	assert_int_equal(merkle_root(ctx, &tree, &root), 0);
	want = from_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_true(hash_eq(&root, &want));
	vector_leaves(d);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(merkle_append(ctx, &tree, &d[i], NULL), 0);
		assert_int_equal(merkle_root(ctx, &tree, &root), 0);
		want = from_hex(vector[i].root);
		assert_true(hash_eq(&root, &want));
	}
	assert_int_equal(merkle_check_inclusion(ctx, 0, &d[0], &head8, &path), PARSE_DONE);
	assert_int_equal(merkle_check_consistency(ctx, &head6, &head8, &consistency), PARSE_DONE);
}

/* Every size to 300: the root by appending is the root by definition, and so is what each leaf
 * completes. */
static void test_append(void **state)
{
	struct merkle tree = {0};

	(void)state;
	for (uint64_t n = 1; n <= SIZE_MAX_TESTED; n++) {
		struct hash carry[MERKLE_LEVELS], root, want = naive_root(leaf, n);

		assert_int_equal(merkle_append(ctx, &tree, &leaf[n - 1], carry), 0);
		assert_int_equal(merkle_root(ctx, &tree, &root), 0);
		assert_true(hash_eq(&root, &want));
		for (unsigned k = 0; n % (UINT64_C(1) << k) == 0; k++) {
			want = naive_root(leaf + n - (UINT64_C(1) << k), UINT64_C(1) << k);
			assert_true(hash_eq(&carry[k], &want));
		}
	}
}

/* Every index and size to 300. A wrong index, leaf, size, root, a hash too few, too many or changed
 * is refused. */
static void test_inclusion(void **state)
{
	const struct merkle_source source = {subtree, NULL, ctx};

	(void)state;
	for (uint64_t n = 1; n <= SIZE_MAX_TESTED; n++) {
		struct merkle_head head = {n, naive_root(leaf, n)}, wrong = head;

		wrong.root.b[n % HASH_BYTES] ^= 1;
		for (uint64_t i = 0; i < n; i++) {
			struct merkle_proof mine, naive = {0}, bad;

			assert_int_equal(merkle_prove_inclusion(&source, i, n, &mine), 0);
			if (n < 50 || i % 61 == 0) {
				naive_path(i, leaf, n, &naive);
				expect_proof(&mine, &naive);
			}
			assert_int_equal(merkle_check_inclusion(ctx, i, &leaf[i], &head, &mine),
					 PARSE_DONE);
			if (n > 40 && i % 5)
				continue;
			assert_int_equal(merkle_check_inclusion(ctx, i, &leaf[i], &wrong, &mine),
					 PARSE_E_BAD);
			assert_int_equal(merkle_check_inclusion(ctx, i,
								&leaf[(i + 1) % SIZE_MAX_TESTED],
								&head, &mine),
					 PARSE_E_BAD);
			assert_int_equal(merkle_check_inclusion(ctx, n, &leaf[i], &head, &mine),
					 PARSE_E_BAD);
			if (n > 1)
				assert_int_equal(merkle_check_inclusion(ctx, (i + 1) % n, &leaf[i],
									&head, &mine),
						 PARSE_E_BAD);
			bad = mine;
			bad.hash[bad.n++] = leaf[0];
			assert_int_equal(merkle_check_inclusion(ctx, i, &leaf[i], &head, &bad),
					 PARSE_E_BAD);
			if (!mine.n)
				continue;
			bad = mine;
			bad.n--;
			assert_int_equal(merkle_check_inclusion(ctx, i, &leaf[i], &head, &bad),
					 PARSE_E_BAD);
			bad = mine;
			bad.hash[i % bad.n].b[0] ^= 0x80;
			assert_int_equal(merkle_check_inclusion(ctx, i, &leaf[i], &head, &bad),
					 PARSE_E_BAD);
		}
	}
}

static void test_consistency(void **state)
{
	const struct merkle_source source = {subtree, NULL, ctx};

	(void)state;
	for (uint64_t n = 0; n <= SIZE_MAX_TESTED; n++) {
		struct merkle_head b = {n, naive_root(leaf, n)};

		for (uint64_t m = 0; m <= n; m++) {
			struct merkle_head a = {m, naive_root(leaf, m)}, wrong;
			struct merkle_proof mine, naive = {0};

			if (n > 130 && m % 7)
				continue; /* the naive roots of each pair cost more than the test */
			assert_int_equal(merkle_prove_consistency(&source, m, n, &mine), 0);
			if (m && m != n && (n < 50 || m % 35 == 0)) {
				naive_subproof(m, leaf, n, true, &naive);
				expect_proof(&mine, &naive);
			}
			assert_int_equal(merkle_check_consistency(ctx, &a, &b, &mine), PARSE_DONE);
			wrong = a;
			wrong.root.b[0] ^= 1;
			assert_int_equal(merkle_check_consistency(ctx, &wrong, &b, &mine),
					 PARSE_E_BAD);
			wrong = b;
			wrong.root.b[31] ^= 1;
			if (m) /* whatever extends the empty tree */
				assert_int_equal(merkle_check_consistency(ctx, &a, &wrong, &mine),
						 PARSE_E_BAD);
			if (m != n)
				assert_int_equal(merkle_check_consistency(ctx, &b, &a, &mine),
						 PARSE_E_BAD);
			mine.hash[mine.n++] = leaf[1];
			assert_int_equal(merkle_check_consistency(ctx, &a, &b, &mine), PARSE_E_BAD);
			mine.n--;
			if (!mine.n)
				continue;
			mine.n--;
			assert_int_equal(merkle_check_consistency(ctx, &a, &b, &mine), PARSE_E_BAD);
		}
	}
}

struct walk {
	struct merkle tree;
	uint64_t at;
};

static int walk_step(void *data, unsigned level, uint64_t index)
{
	struct walk *w = data;
	struct hash h;

	assert_int_equal(index << level, w->at);
	w->at += UINT64_C(1) << level;
	subtree(NULL, level, index, &h);
	return merkle_append_subtree(ctx, &w->tree, level, &h);
}

/* [0, a), each leaf of [a, b), [b, n): the root is that of n, wherever the cuts are. */
static void test_ranges(void **state)
{
	(void)state;
	for (uint64_t n = 0; n <= SIZE_MAX_TESTED; n += n < 20 ? 1 : 23) {
		struct hash want = naive_root(leaf, n), root;

		for (uint64_t a = 0; a <= n; a += a < 20 ? 1 : 5) {
			for (uint64_t b = a; b <= n; b += b < 20 ? 1 : 7) {
				struct walk w = {0};

				assert_int_equal(merkle_range(0, a, walk_step, &w), 0);
				for (; w.at < b; w.at++)
					assert_int_equal(
						merkle_append(ctx, &w.tree, &leaf[w.at], NULL), 0);
				assert_int_equal(merkle_range(b, n, walk_step, &w), 0);
				assert_int_equal(w.tree.size, n);
				assert_int_equal(merkle_root(ctx, &w.tree, &root), 0);
				assert_true(hash_eq(&root, &want));
			}
		}
	}
}

static void test_limits(void **state)
{
	const struct merkle_source source = {subtree, NULL, ctx};
	struct merkle tree = {.size = 4};
	struct merkle_proof proof = {.n = MERKLE_PROOF_MAX + 1};
	struct merkle_head head = {3, leaf[0]};

	(void)state;
	assert_int_equal(merkle_append_subtree(ctx, &tree, 3, &leaf[0]), PARSE_E_BAD);
	assert_int_equal(merkle_append_subtree(ctx, &tree, 64, &leaf[0]), PARSE_E_BAD);
	assert_int_equal(merkle_append_subtree(ctx, &tree, UINT32_MAX, &leaf[0]), PARSE_E_BAD);
	assert_int_equal(tree.size, 4);
	assert_int_equal(merkle_prove_inclusion(&source, 3, 3, &proof), -EINVAL);
	assert_int_equal(merkle_prove_consistency(&source, 4, 3, &proof), -EINVAL);
	assert_int_equal(merkle_check_inclusion(ctx, 0, &leaf[0], &head, &proof), PARSE_E_BAD);
	head.size = 0;
	proof.n = 0;
	assert_int_equal(merkle_check_inclusion(ctx, 0, &leaf[0], &head, &proof), PARSE_E_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),	  cmocka_unit_test(test_append),
		cmocka_unit_test(test_inclusion), cmocka_unit_test(test_consistency),
		cmocka_unit_test(test_ranges),	  cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
