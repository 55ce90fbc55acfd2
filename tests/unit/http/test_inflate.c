/* SPDX-License-Identifier: MIT */
/* Content-Encoding: each coding and stack at every split, what is refused, bombs, failing
 * allocations. */
#include "http/inflate.h"
#include "aicp/limits.h"
#include "support/oom.h"
#include "support/split.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

static const char plain[] = "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":"
			    "\"hello hello hello\"}]}";

/* The text above, and 8 MiB and 33 MiB of zeros, by brotli's own encoder (which the tests do not
 * link). */
static const char br_plain[] =
	"\x1b\x4c\x00\x00\x04\xfe\xf3\x96\xaa\xbd\x7c\x9a\xf4\x53\x35\x8d\x29\xec\x04\xed\x76\xb0"
	"\x01\x27\x02\xe1\x36\x4e\x34\xe0\x4c\xc3\x44\x0e\x13\x08\xc2\xef\x4f\x70\x7d\xae\x83\xd8"
	"\xef\xd7\xe6\x18\x96\x41\x3d\xb0\x15\x62\xa5\x30\x18\xff\x6f\x88\x16\xba\x60\x72\x24";
static const char br_8m[] = "\x9f\xff\xff\x7f\x00\x24\x00\xe2\xb1\x40\x72\xef\xff\x00";
static const char br_33m[] =
	"\xcf\xff\xff\x7f\x00\x24\x00\xe2\xb1\x40\x72\xef\xff\xf9\xff\xff\x0f\x80\x04\x40\x1c\x16"
	"\x80\xee\xfd\x7f\xfd\xff\x3f\x00\x09\x80\x38\x2c\x00\xdd\xfb\x07";

/* ---- encoders
 * ------------------------------------------------------------------------------------ */

/* window_bits: 15 zlib, 31 gzip, -15 raw deflate. */
static void put_zlib(struct buf *out, struct span s, int window_bits)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(buf_reserve(out, deflateBound(&z, s.n) + 64), 0);
	z.next_in = (uint8_t *)(uintptr_t)s.p;
	z.avail_in = (uInt)s.n;
	z.next_out = out->p + out->n;
	z.avail_out = (uInt)(out->cap - out->n);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->n += z.total_out;
	deflateEnd(&z);
}

static void put_zstd(struct buf *out, struct span s)
{
	size_t n;

	assert_int_equal(buf_reserve(out, ZSTD_compressBound(s.n)), 0);
	n = ZSTD_compress(out->p + out->n, out->cap - out->n, s.p, s.n, 3);
	assert_false(ZSTD_isError(n));
	out->n += n;
}

static void put_coded(struct buf *out, struct span s, const char *coding)
{
	if (!strcmp(coding, "gzip"))
		put_zlib(out, s, 31);
	else if (!strcmp(coding, "deflate"))
		put_zlib(out, s, 15);
	else if (!strcmp(coding, "raw"))
		put_zlib(out, s, -15);
	else if (!strcmp(coding, "br"))
		buf_put(out, span_of(br_plain, sizeof(br_plain) - 1));
	else if (!strcmp(coding, "zstd"))
		put_zstd(out, s);
	else
		abort();
}

/* ---- every split
 * --------------------------------------------------------------------------------- */

struct fed {
	struct span encoding;
	struct inflate *inflate;
	struct buf out;
	int outcome;
	int want, want_end;
	struct span want_out;
};

static void fed_begin(void *ctx)
{
	struct fed *f = ctx;

	inflate_free(f->inflate);
	assert_int_equal(inflate_new(f->encoding, &f->inflate), 0);
	buf_clear(&f->out);
	f->outcome = PARSE_E_MORE;
}

static bool fed_feed(void *ctx, struct span piece)
{
	struct fed *f = ctx;

	f->outcome = inflate_feed(f->inflate, piece, &f->out);
	return f->outcome == PARSE_E_MORE || f->outcome == PARSE_DONE;
}

static void fed_end(void *ctx, const char *how)
{
	struct fed *f = ctx;
	int end = inflate_end(f->inflate);

	if (f->outcome != f->want || end != f->want_end)
		fail_msg("%.*s: %s: %d, at the end %d, %zu bytes", SPAN_ARG(f->encoding), how,
			 f->outcome, end, f->out.n);
	if (f->want_out.p && !span_eq(buf_span(&f->out), f->want_out))
		fail_msg("%.*s: %s: other bytes", SPAN_ARG(f->encoding), how);
}

static const struct split_parser fed_parser = {fed_begin, fed_feed, fed_end};

static void run(const char *encoding, struct span text, int want, int want_end,
		struct span want_out)
{
	struct fed f = {span_str(encoding), NULL, BUF_INIT(1u << 20), 0, want, want_end, want_out};

	split_each(&fed_parser, &f, text);
	inflate_free(f.inflate);
	buf_deinit(&f.out);
}

static void test_codings(void **state)
{
	static const struct {
		const char *encoding, *first, *second;
	} cases[] = {
		{"gzip", "gzip", NULL},		{" X-GZip\t", "gzip", NULL},
		{"deflate", "deflate", NULL},	{"br", "br", NULL},
		{"zstd", "zstd", NULL},		{"gzip, deflate", "gzip", "deflate"},
		{"br,gzip", "br", "gzip"},	{"br , zstd", "br", "zstd"},
		{"zstd, gzip", "zstd", "gzip"},
	};
	struct span text = span_str(plain);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf a = BUF_INIT(1u << 20), b = BUF_INIT(1u << 20);

		put_coded(&a, text, cases[i].first);
		if (cases[i].second)
			put_coded(&b, buf_span(&a), cases[i].second);
		else
			buf_put(&b, buf_span(&a));
		run(cases[i].encoding, buf_span(&b), PARSE_DONE, PARSE_DONE, text);
		/* Cut off: never whole. */
		run(cases[i].encoding, span_sub(buf_span(&b), 0, b.n - 1), PARSE_E_MORE,
		    PARSE_E_BAD, SPAN_NULL);
		/* A byte behind the end, and the whole once more: bad. */
		buf_put_byte(&b, 0);
		run(cases[i].encoding, buf_span(&b), PARSE_E_BAD, PARSE_E_BAD, SPAN_NULL);
		b.n--;
		assert_int_equal(buf_reserve(&b, b.n), 0);
		buf_put(&b, buf_span(&b));
		run(cases[i].encoding, buf_span(&b), PARSE_E_BAD, PARSE_E_BAD, SPAN_NULL);
		buf_deinit(&a);
		buf_deinit(&b);
	}
}

static void test_identity(void **state)
{
	(void)state;
	run("", span_str(plain), PARSE_E_MORE, PARSE_DONE, span_str(plain));
	run(" Identity ", span_str(plain), PARSE_E_MORE, PARSE_DONE, span_str(plain));
	assert_true(inflate_is_identity(SPAN_NULL));
	assert_true(inflate_is_identity(SPAN_LIT("identity")));
	assert_false(inflate_is_identity(SPAN_LIT("gzip")));
}

static void test_unknown(void **state)
{
	static const char *const names[] = {
		"compress",
		"gzi",
		"gzipp",
		"gzip deflate",
		"gzip;q=1",
		"gzip,",
		",gzip",
		"gzip,,br",
		"gzip, gzip, gzip",
		"gzip, foo",
		"foo, gzip",
		"identity, gzip",
		"*",
		",",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct inflate *inflate = NULL;

		if (inflate_new(span_str(names[i]), &inflate) != INFLATE_E_UNKNOWN || inflate)
			fail_msg("%s", names[i]);
	}
}

static void test_bad(void **state)
{
	static const char *const codings[] = {"gzip", "deflate", "br", "zstd"};
	struct buf raw = BUF_INIT(1u << 20), b = BUF_INIT(1u << 20);

	(void)state;
	/* Raw deflate is what some send as `deflate`; who takes it as zlib reads something else. */
	put_coded(&raw, span_str(plain), "raw");
	run("deflate", buf_span(&raw), PARSE_E_BAD, PARSE_E_BAD, SPAN_NULL);
	for (size_t c = 0; c < 4; c++) {
		run(codings[c], span_str(plain), PARSE_E_BAD, PARSE_E_BAD, SPAN_NULL);
		run(codings[c], SPAN_NULL, PARSE_E_MORE, PARSE_E_BAD, SPAN_NULL);
		/* A bit turned anywhere: never an overrun; a checksum, where there is one, holds.
		 */
		buf_clear(&b);
		put_coded(&b, span_str(plain), codings[c]);
		for (size_t i = 0; i < b.n * 8; i++) {
			struct inflate *inflate;
			struct buf out = BUF_INIT(1000);
			int r;

			b.p[i / 8] ^= (uint8_t)(1 << i % 8);
			assert_int_equal(inflate_new(span_str(codings[c]), &inflate), 0);
			r = inflate_feed(inflate, buf_span(&b), &out);
			assert_in_range(r, PARSE_DONE, PARSE_E_LIMIT);
			if (c == 1 && r == PARSE_DONE)
				assert_true(span_eq_str(buf_span(&out), plain));
			b.p[i / 8] ^= (uint8_t)(1 << i % 8);
			inflate_free(inflate);
			buf_deinit(&out);
		}
	}
	buf_deinit(&raw);
	buf_deinit(&b);
}

/* ---- limits
 * -------------------------------------------------------------------------------------- */

static int decode(const char *encoding, struct span in, size_t piece, struct buf *out)
{
	struct inflate *inflate;
	int r = PARSE_E_MORE;

	assert_int_equal(inflate_new(span_str(encoding), &inflate), 0);
	for (size_t i = 0; i < in.n && (r == PARSE_E_MORE || r == PARSE_DONE); i += piece)
		r = inflate_feed(inflate, span_sub(in, i, i + piece), out);
	if (r == PARSE_DONE)
		assert_int_equal(inflate_end(inflate), PARSE_DONE);
	else if (r != PARSE_E_MORE)
		assert_int_equal(inflate_feed(inflate, SPAN_LIT("x"), out), r);
	inflate_free(inflate);
	return r;
}

static void test_output_limit(void **state)
{
	static const char *const codings[] = {"gzip", "deflate", "br", "zstd"};
	size_t n = sizeof(plain) - 1;

	(void)state;
	for (size_t c = 0; c < 4; c++) {
		struct buf in = BUF_INIT(1000);

		put_coded(&in, span_str(plain), codings[c]);
		for (size_t piece = 1; piece <= in.n; piece += in.n - 1) {
			for (size_t max = 0; max < n + 2; max++) {
				struct buf out = BUF_INIT(max);
				int r = decode(codings[c], buf_span(&in), piece, &out);

				if (r != (max < n ? PARSE_E_LIMIT : PARSE_DONE))
					fail_msg("%s: %d with room for %zu", codings[c], r, max);
				assert_true(out.n <= max);
				buf_deinit(&out);
			}
		}
		buf_deinit(&in);
	}
}

static void test_bombs(void **state)
{
	struct buf zeros = BUF_INIT(64u << 20), in = BUF_INIT(64u << 20), in2 = BUF_INIT(64u << 20);
	struct buf out = BUF_INIT(AICP_INFLATED_BYTES_MAX);

	(void)state;
	assert_int_equal(buf_reserve(&zeros, 40u << 20), 0);
	zeros.n = 40u << 20;
	memset(zeros.p, 0, zeros.n);
	/* Larger than a body may be. */
	put_coded(&in, buf_span(&zeros), "gzip");
	assert_int_equal(decode("gzip", buf_span(&in), in.n, &out), PARSE_E_LIMIT);
	assert_int_equal(out.n, AICP_INFLATED_BYTES_MAX);
	buf_clear(&out);
	assert_int_equal(decode("br", span_of(br_33m, sizeof(br_33m) - 1), 100, &out),
			 PARSE_E_LIMIT);
	/* Small enough, but blown up more than honest text ever is; at any split. */
	for (size_t piece = 1; piece < sizeof(br_8m); piece++) {
		buf_clear(&out);
		assert_int_equal(decode("br", span_of(br_8m, sizeof(br_8m) - 1), piece, &out),
				 PARSE_E_LIMIT);
	}
	/* What deflate can do to 32 MiB of zeros at most is within the ratio. */
	buf_clear(&in);
	buf_clear(&out);
	put_coded(&in, span_sub(buf_span(&zeros), 0, AICP_INFLATED_BYTES_MAX), "deflate");
	assert_int_equal(decode("deflate", buf_span(&in), 1000, &out), PARSE_DONE);
	/* A bomb whose inside is within bounds only once, and one that is a bomb between its two
	 * codings. */
	buf_clear(&out);
	put_coded(&in2, buf_span(&in), "zstd");
	assert_int_equal(decode("deflate, zstd", buf_span(&in2), in2.n, &out), PARSE_E_LIMIT);
	buf_clear(&in);
	buf_clear(&in2);
	buf_clear(&out);
	put_coded(&in, buf_span(&zeros), "gzip");
	buf_put(&in, SPAN_LIT("behind"));
	put_coded(&in2, buf_span(&zeros), "zstd");
	assert_int_equal(decode("gzip, zstd", buf_span(&in2), in2.n, &out), PARSE_E_BAD);
	buf_deinit(&zeros);
	buf_deinit(&in);
	buf_deinit(&in2);
	buf_deinit(&out);
}

/* What passes between two codings is bounded, too: a gzip header may hold a comment of any length.
 */
static void test_between(void **state)
{
	(void)state;
	for (size_t comment = 800; comment <= 1000; comment += 200) {
		struct buf inner = BUF_INIT(2000), gzip = BUF_INIT(2000), outer = BUF_INIT(2000);
		struct buf out = BUF_INIT(1000);

		put_zlib(&inner, span_str(plain), 31);
		buf_put(&gzip, SPAN_LIT("\x1f\x8b\x08\x10\0\0\0\0\0\x03"));
		for (size_t i = 0; i < comment; i++)
			buf_put_byte(&gzip, 'c');
		buf_put_byte(&gzip, 0);
		buf_put(&gzip, span_sub(buf_span(&inner), 10, inner.n));
		put_zstd(&outer, buf_span(&gzip));
		assert_int_equal(decode("gzip, zstd", buf_span(&outer), outer.n, &out),
				 gzip.n > 1000 ? PARSE_E_LIMIT : PARSE_DONE);
		buf_deinit(&inner);
		buf_deinit(&gzip);
		buf_deinit(&outer);
		buf_deinit(&out);
	}
}

/* A window of more than 8 MiB is not for HTTP (RFC 9659). */
static void test_zstd_window(void **state)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	struct buf in = BUF_INIT(1u << 20), out = BUF_INIT(1u << 20);
	size_t n;

	(void)state;
	for (int log = 23; log <= 24; log++) {
		ZSTD_inBuffer i = {plain, sizeof(plain) - 1, 0};
		ZSTD_outBuffer o;

		buf_clear(&in);
		buf_clear(&out);
		assert_int_equal(buf_reserve(&in, 1000), 0);
		o = (ZSTD_outBuffer){in.p, 1000, 0};
		ZSTD_CCtx_reset(c, ZSTD_reset_session_and_parameters);
		ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, log);
		n = ZSTD_compressStream2(c, &o, &i, ZSTD_e_flush);
		assert_false(ZSTD_isError(n));
		n = ZSTD_compressStream2(c, &o, &i, ZSTD_e_end);
		assert_int_equal(n, 0);
		in.n = o.pos;
		assert_int_equal(decode("zstd", buf_span(&in), in.n, &out),
				 log == 23 ? PARSE_DONE : PARSE_E_BAD);
	}
	ZSTD_freeCCtx(c);
	buf_deinit(&in);
	buf_deinit(&out);
}

struct oom_case {
	const char *encoding;
	struct span in;
};

static void decode_out_of_memory(void *ctx)
{
	struct oom_case *o = ctx;
	struct inflate *inflate = NULL;
	struct buf out = BUF_INIT(1u << 20);
	int r = inflate_new(span_str(o->encoding), &inflate);

	if (!r) {
		r = inflate_feed(inflate, o->in, &out);
		if (r == PARSE_DONE)
			assert_true(span_eq_str(buf_span(&out), plain));
	}
	/* zlib and brotli may do without an allocation that failed; nothing but these two may come
	 * of it. */
	if (r != PARSE_DONE)
		assert_true(r == -ENOMEM && oom_hit());
	inflate_free(inflate);
	buf_deinit(&out);
}

static void test_out_of_memory(void **state)
{
	static const char *const codings[] = {"gzip", "deflate", "br", "zstd"};
	struct buf a = BUF_INIT(1000), b = BUF_INIT(1000);

	(void)state;
	for (size_t c = 0; c < 4; c++) {
		struct oom_case o = {codings[c], SPAN_NULL};

		buf_clear(&a);
		put_coded(&a, span_str(plain), codings[c]);
		o.in = buf_span(&a);
		assert_in_range(oom_each(decode_out_of_memory, &o), 3, 100);
	}
	put_coded(&b, buf_span(&a), "gzip");
	assert_in_range(
		oom_each(decode_out_of_memory, &(struct oom_case){"zstd, gzip", buf_span(&b)}), 4,
		100);
	buf_deinit(&a);
	buf_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codings),	      cmocka_unit_test(test_identity),
		cmocka_unit_test(test_unknown),	      cmocka_unit_test(test_bad),
		cmocka_unit_test(test_output_limit),  cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_zstd_window),   cmocka_unit_test(test_between),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("inflate", tests, NULL, NULL);
}
