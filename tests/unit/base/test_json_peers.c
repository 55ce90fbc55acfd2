/* SPDX-License-Identifier: MIT */
/*
 * The scanner against two other parsers, over generated and broken texts. Python's json (made
 * strict about repeated keys, NaN, UTF-8 and surrogates) has to agree on every text and every
 * value; cJSON, which is lax, on every text that we take. Nesting beyond our limit is the only
 * difference.
 */
#include "base/json.h"
#include "support/peer.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXTS 6000

/* xorshift64*: the same texts every time. */
static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 0x2545f4914f6cdd1d >> 32) % n);
}

static void put_one(struct buf *b, const char *const *choices, uint32_t n)
{
	buf_put_str(b, choices[random_below(n)]);
}
#define PUT_ONE(_b, _choices) put_one(_b, _choices, sizeof(_choices) / sizeof(*(_choices)))

static void put_space(struct buf *b)
{
	static const char *const spaces[] = {"", "", "", "", " ", "\n", "\t", "\r\n", "  "};

	PUT_ONE(b, spaces);
}

static void put_string(struct buf *b)
{
	static const char *const parts[] = {
		"a",
		"b",
		"key",
		"some longer plain text here",
		" ",
		"\\n",
		"\\\"",
		"\\\\",
		"\\/",
		"\\t",
		"\\u0041",
		"\\u00e9",
		"\\u20AC",
		"\\uD83D\\uDE00",
		"\\u0000",
		"\xc3\xa9",
		"\xe2\x82\xac",
		"\xf0\x9f\x98\x80",
		"\x7f",
		"'",
		"{",
		"]",
		",",
		"\\uFFFF",
		"\\b\\f\\r",
	};
	uint32_t n = random_below(5);

	buf_put_byte(b, '"');
	for (uint32_t i = 0; i < n; i++)
		PUT_ONE(b, parts);
	buf_put_byte(b, '"');
}

static void put_number(struct buf *b)
{
	static const char *const fixed[] = {
		"0",
		"-0",
		"1",
		"-1",
		"0.1",
		"1e5",
		"1E-5",
		"123456789012345678901234567890",
		"5e-324",
		"1.7976931348623157e308",
		"2.2250738585072011e-308",
		"9007199254740993",
		"0e5",
		"-0.0e-0",
		"1e-400",
		"0.30000000000000004",
		"8.5e+15",
		"4.35",
		"1.0000000000000002220446049250313",
	};

	if (random_below(3)) {
		PUT_ONE(b, fixed);
		return;
	}
	buf_printf(b, "%s%u", random_below(2) ? "-" : "", random_below(100000));
	if (random_below(2))
		buf_printf(b, ".%u%u", random_below(1000000000), random_below(1000000000));
	if (random_below(2))
		buf_printf(b, "e%d", (int)random_below(600) - 300);
}

static void put_value(struct buf *b, int depth)
{
	static const char *const words[] = {"true", "false", "null"};
	uint32_t kind = random_below(depth > 4 ? 4 : 7), n = random_below(5);

	put_space(b);
	if (kind == 0) {
		PUT_ONE(b, words);
	} else if (kind == 1) {
		put_number(b);
	} else if (kind < 4) {
		put_string(b);
	} else if (kind == 4) {
		buf_put_byte(b, '[');
		for (uint32_t i = 0; i < n; i++) {
			buf_put_str(b, i ? "," : "");
			put_value(b, depth + 1);
		}
		buf_put_byte(b, ']');
	} else {
		buf_put_byte(b, '{');
		for (uint32_t i = 0; i < n; i++) {
			buf_put_str(b, i ? "," : "");
			put_space(b);
			put_string(b);
			put_space(b);
			buf_put_byte(b, ':');
			put_value(b, depth + 1);
		}
		put_space(b);
		buf_put_byte(b, '}');
	}
	put_space(b);
}

/* Breaks a text a little: a byte changed, dropped, added, or the end cut off. */
static void damage(struct buf *b)
{
	static const char bytes[] =
		"\"\\{}[]:,0123456789.eE+-tfnu \n\x01\x1f\x7f\x80\xbf\xc0\xc3\xed\xf0\xf4\xff";
	size_t at = b->n ? random_below((uint32_t)b->n) : 0;
	uint8_t c = (uint8_t)bytes[random_below(sizeof(bytes))];

	switch (random_below(4)) {
	case 0:
		if (b->n)
			b->p[at] = c;
		break;
	case 1:
		if (b->n) {
			memmove(b->p + at, b->p + at + 1, b->n - at - 1);
			b->n--;
		}
		break;
	case 2:
		buf_put_byte(b, 0);
		memmove(b->p + at + 1, b->p + at, b->n - at - 1);
		b->p[at] = c;
		break;
	default:
		b->n = at;
	}
}

/* As json_peer.py writes values. */
static void dump(const struct json *j, uint32_t t, struct buf *out)
{
	struct buf plain = BUF_INIT(1u << 20);
	double d;

	switch ((enum json_kind)j->token[t].kind) {
	case JSON_NULL:
		buf_put_byte(out, 'n');
		break;
	case JSON_TRUE:
		buf_put_byte(out, 't');
		break;
	case JSON_FALSE:
		buf_put_byte(out, 'f');
		break;
	case JSON_NUMBER:
		/* What does not fit a double is infinite over there. */
		if (!json_number(j, t, &d))
			d = json_raw(j, t).p[0] == '-' ? -__builtin_inf() : __builtin_inf();
		buf_put_byte(out, 'd');
		buf_put(out, span_of(&d, sizeof(d)));
		break;
	case JSON_STRING:
		assert_int_equal(json_string_put(j, t, &plain), 0);
		buf_put_byte(out, 's');
		peer_put(out, buf_span(&plain));
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		buf_put_byte(out, j->token[t].kind == JSON_ARRAY ? '[' : '{');
		json_foreach (c, j, t) {
			dump(j, c, out);
			if (j->token[t].kind == JSON_OBJECT)
				dump(j, c + 1, out);
		}
		buf_put_byte(out, j->token[t].kind == JSON_ARRAY ? ']' : '}');
		break;
	}
	buf_deinit(&plain);
}

static bool same_as_cjson(const struct json *j, uint32_t t, const cJSON *c)
{
	uint32_t child;
	double d;

	switch ((enum json_kind)j->token[t].kind) {
	case JSON_NULL:
		return cJSON_IsNull(c);
	case JSON_TRUE:
		return cJSON_IsTrue(c);
	case JSON_FALSE:
		return cJSON_IsFalse(c);
	case JSON_NUMBER:
		return cJSON_IsNumber(c) && (!json_number(j, t, &d) || d == c->valuedouble);
	case JSON_STRING:
		return cJSON_IsString(c) && json_string_eq(j, t, span_str(c->valuestring));
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	if (j->token[t].kind == JSON_ARRAY ? !cJSON_IsArray(c) : !cJSON_IsObject(c))
		return false;
	c = c->child;
	for (child = t + 1; child < j->token[t].next && c; c = c->next) {
		if (j->token[t].kind == JSON_OBJECT) {
			if (!json_string_eq(j, child, span_str(c->string)))
				return false;
			child++;
		}
		if (!same_as_cjson(j, child, c))
			return false;
		child = j->token[child].next;
	}
	return child == j->token[t].next && !c;
}

static void put_texts(struct buf *texts)
{
	static const char *const fixed[] = {
		"",
		" ",
		"nul",
		"[1,]",
		"{\"a\":1,\"a\":2}",
		"\"\\ud800\"",
		"NaN",
		"[NaN]",
		"Infinity",
		"-Infinity",
		"01",
		"1.",
		".5",
		"+1",
		"0x10",
		"'a'",
		"\xef\xbb\xbf[]",
		"[1]x",
		"[1]\v",
		"\"\t\"",
		"\"\xff\"",
		"\"\x7f\"",
		"\"\xed\xa0\x80\"",
		"1 2",
		"{\"a\"}",
		"[}",
		"\"\\x\"",
		"\"\\u12\"",
		"tru",
		"-",
	};
	struct buf b = BUF_INIT(1u << 20);

	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		peer_put(texts, span_str(fixed[i]));
	for (unsigned i = 0; i < TEXTS; i++) {
		buf_clear(&b);
		put_value(&b, 0);
		for (uint32_t n = random_below(3); n; n--)
			damage(&b);
		peer_put(texts, buf_span(&b));
	}
	buf_deinit(&b);
}

static void test_python(void **state)
{
	struct buf texts = BUF_INIT(64u << 20), answers = BUF_INIT(64u << 20),
		   mine = BUF_INIT(1u << 20);
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	size_t at = 0, answer_at = 0;
	struct span text, answer;
	unsigned taken = 0, refused = 0;

	(void)state;
	put_texts(&texts);
	assert_true(peer_ask("python3 tests/unit/base/json_peer.py", buf_span(&texts), &answers));
	while (peer_next(buf_span(&texts), &at, &text)) {
		int r = json_scan_all(scan, text);

		assert_true(peer_next(buf_span(&answers), &answer_at, &answer));
		buf_clear(&mine);
		if (r == PARSE_DONE) {
			struct json j = json_scan_json(scan, text);

			dump(&j, 0, &mine);
			taken++;
		} else {
			assert_int_equal(r, PARSE_E_BAD);
			buf_put_byte(&mine, '-');
			refused++;
		}
		if (!span_eq(buf_span(&mine), answer))
			fail_msg("%.*s: %d %s at %zu; Python says %.*s", SPAN_ARG(text), r,
				 json_error_text(json_scan_error(scan)), json_scan_error_at(scan),
				 SPAN_ARG(answer));
	}
	/* Both kinds are there in numbers, or the comparison says little. */
	assert_true(taken > TEXTS / 5 && refused > TEXTS / 5);
	buf_deinit(&texts);
	buf_deinit(&answers);
	buf_deinit(&mine);
	json_scan_free(scan);
}

static void test_cjson(void **state)
{
	struct buf texts = BUF_INIT(64u << 20);
	struct json_scan *scan = json_scan_new(UINT32_MAX);
	struct span text;
	size_t at = 0;

	(void)state;
	put_texts(&texts);
	while (peer_next(buf_span(&texts), &at, &text)) {
		struct json j;
		cJSON *c;

		/* cJSON's strings end at a NUL. */
		if (json_scan_all(scan, text) != PARSE_DONE || memmem(text.p, text.n, "\\u0000", 6))
			continue;
		j = json_scan_json(scan, text);
		c = cJSON_ParseWithLength((const char *)text.p, text.n);
		if (!c || !same_as_cjson(&j, 0, c))
			fail_msg("%.*s: cJSON reads something else", SPAN_ARG(text));
		cJSON_Delete(c);
	}
	buf_deinit(&texts);
	json_scan_free(scan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_python),
		cmocka_unit_test(test_cjson),
	};

	return cmocka_run_group_tests_name("json_peers", tests, NULL, NULL);
}
