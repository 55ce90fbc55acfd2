/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "aicp/limits.h"
#include "base/json_keys.h"
#include "base/json_number.h"
#include "base/json_string.h"

#include <errno.h>
#include <stdlib.h>

/* Tape above this is given back by json_scan_reset(), so that one huge text leaves no mark. */
#define KEPT_TOKENS_MAX (64u << 10)
/* Offsets of the tape are 32 bits wide; the last one is kept for the end of the text. */
#define TEXT_BYTES_MAX (UINT32_MAX - 1)

enum state {
	STATE_VALUE,
	STATE_FIRST_ITEM, /* behind '[': a value or ']' */
	STATE_FIRST_KEY, /* behind '{': a key or '}' */
	STATE_KEY,
	STATE_COLON,
	STATE_COMMA, /* behind an item of a container */
	STATE_STRING,
	STATE_NUMBER,
	STATE_LITERAL,
	STATE_CLOSED, /* behind the outermost value */
};

struct json_scan {
	struct json_token *token;
	uint32_t n, cap, max;
	uint32_t depth;
	uint32_t open[AICP_JSON_DEPTH_MAX]; /* tokens of the open containers */
	size_t fed; /* bytes before the present piece */
	enum state state;
	struct json_string string;
	enum json_number_state number;
	const char *literal; /* what is still to come of true, false or null */
	enum json_error error;
	size_t error_at;
	struct json_keys keys;
};

/* The piece being read. */
struct piece {
	const uint8_t *begin, *p, *end;
};

struct json_scan *json_scan_new(uint32_t tokens_max)
{
	struct json_scan *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->max = tokens_max < AICP_JSON_TOKENS_MAX ? tokens_max : AICP_JSON_TOKENS_MAX;
	return s;
}

void json_scan_free(struct json_scan *s)
{
	if (!s)
		return;
	json_keys_deinit(&s->keys);
	free(s->token);
	free(s);
}

void json_scan_reset(struct json_scan *s)
{
	if (s->cap > KEPT_TOKENS_MAX) {
		free(s->token);
		s->token = NULL;
		s->cap = 0;
	}
	s->n = 0;
	s->depth = 0;
	s->fed = 0;
	s->state = STATE_VALUE;
	s->error = JSON_ERROR_NONE;
	s->error_at = 0;
}

static int outcome(enum json_error error)
{
	switch (error) {
	case JSON_ERROR_NONE:
		return PARSE_DONE;
	case JSON_ERROR_SYNTAX:
	case JSON_ERROR_UTF8:
	case JSON_ERROR_ESCAPE:
	case JSON_ERROR_CONTROL:
	case JSON_ERROR_DUPLICATE_KEY:
	case JSON_ERROR_TRAILING:
		return PARSE_E_BAD;
	case JSON_ERROR_DEPTH:
	case JSON_ERROR_TOKENS:
	case JSON_ERROR_SIZE:
		return PARSE_E_LIMIT;
	case JSON_ERROR_MEMORY:
		return -ENOMEM;
	case _JSON_ERROR_COUNT:
		break;
	}
	abort();
}

static int fail_at(struct json_scan *s, enum json_error error, size_t at)
{
	s->error = error;
	s->error_at = at;
	return outcome(error);
}

static int fail(struct json_scan *s, const struct piece *c, enum json_error error)
{
	return fail_at(s, error, s->fed + (size_t)(c->p - c->begin));
}

static uint32_t offset(const struct json_scan *s, const struct piece *c)
{
	return (uint32_t)(s->fed + (size_t)(c->p - c->begin));
}

static int grow(struct json_scan *s, const struct piece *c)
{
	struct json_token *token;
	uint32_t cap;

	if (s->n >= s->max)
		return fail(s, c, JSON_ERROR_TOKENS);
	cap = s->cap ? s->cap * 2 : 128;
	if (cap > s->max)
		cap = s->max;
	token = realloc(s->token, cap * sizeof(*token));
	if (!token)
		return fail(s, c, JSON_ERROR_MEMORY);
	s->token = token;
	s->cap = cap;
	return 0;
}

/* A token that begins at the present byte (of a string: behind its quote). */
static inline int push(struct json_scan *s, const struct piece *c, enum json_kind kind,
		       uint8_t flags)
{
	int r;

	if (s->n == s->cap) {
		r = grow(s, c);
		if (r)
			return r;
	}
	s->token[s->n] = (struct json_token){
		.begin = offset(s, c) + (kind == JSON_STRING),
		.next = s->n + 1,
		.kind = (uint8_t)kind,
		.flags = flags,
		.depth = (uint16_t)s->depth,
	};
	s->n++;
	return 0;
}

static inline void value_done(struct json_scan *s)
{
	s->state = s->depth ? STATE_COMMA : STATE_CLOSED;
}

static int open_container(struct json_scan *s, struct piece *c, enum json_kind kind)
{
	int r;

	if (s->depth == AICP_JSON_DEPTH_MAX)
		return fail(s, c, JSON_ERROR_DEPTH);
	r = push(s, c, kind, 0);
	if (r)
		return r;
	s->open[s->depth++] = s->n - 1;
	s->state = kind == JSON_OBJECT ? STATE_FIRST_KEY : STATE_FIRST_ITEM;
	c->p++;
	return 0;
}

static int close_container(struct json_scan *s, struct piece *c, enum json_kind kind)
{
	struct json_token *token;

	if (!s->depth || s->token[s->open[s->depth - 1]].kind != kind)
		return fail(s, c, JSON_ERROR_SYNTAX);
	c->p++;
	token = &s->token[s->open[--s->depth]];
	token->end = offset(s, c);
	token->next = s->n;
	value_done(s);
	return 0;
}

/* Up to the closing quote or the end of the piece. */
static int scan_string(struct json_scan *s, struct piece *c)
{
	struct json_token *token = &s->token[s->n - 1];
	enum json_error error = json_string_scan(&s->string, &c->p, c->end);

	if (error)
		return fail(s, c, error);
	if (c->p == c->end)
		return 0;
	token->end = offset(s, c);
	token->flags |= s->string.escaped ? JSON_ESCAPED : 0;
	c->p++;
	if (token->flags & JSON_KEY)
		s->state = STATE_COLON;
	else
		value_done(s);
	return 0;
}

static int open_string(struct json_scan *s, struct piece *c, uint8_t flags)
{
	int r = push(s, c, JSON_STRING, flags);

	if (r)
		return r;
	s->state = STATE_STRING;
	s->string = (struct json_string){0};
	c->p++;
	return scan_string(s, c);
}

/* Up to the first byte that does not belong to the number, or the end of the piece. */
static int scan_number(struct json_scan *s, struct piece *c)
{
	while (c->p < c->end && json_number_step(&s->number, *c->p))
		c->p++;
	if (c->p == c->end)
		return 0;
	if (!json_number_whole(s->number))
		return fail(s, c, JSON_ERROR_SYNTAX);
	s->token[s->n - 1].end = offset(s, c);
	value_done(s);
	return 0;
}

static int scan_literal(struct json_scan *s, struct piece *c)
{
	while (*s->literal && c->p < c->end) {
		if (*c->p != (uint8_t)*s->literal)
			return fail(s, c, JSON_ERROR_SYNTAX);
		s->literal++;
		c->p++;
	}
	if (!*s->literal) {
		s->token[s->n - 1].end = offset(s, c);
		value_done(s);
	}
	return 0;
}

static int open_literal(struct json_scan *s, struct piece *c, enum json_kind kind, const char *rest)
{
	int r = push(s, c, kind, 0);

	if (r)
		return r;
	s->state = STATE_LITERAL;
	s->literal = rest;
	c->p++;
	return scan_literal(s, c);
}

static int open_number(struct json_scan *s, struct piece *c)
{
	int r = push(s, c, JSON_NUMBER, 0);

	if (r)
		return r;
	s->state = STATE_NUMBER;
	s->number = JSON_NUMBER_MINUS;
	if (*c->p == '-')
		c->p++;
	return scan_number(s, c);
}

static int open_value(struct json_scan *s, struct piece *c)
{
	switch (*c->p) {
	case '"':
		return open_string(s, c, 0);
	case '{':
		return open_container(s, c, JSON_OBJECT);
	case '[':
		return open_container(s, c, JSON_ARRAY);
	case 't':
		return open_literal(s, c, JSON_TRUE, "rue");
	case 'f':
		return open_literal(s, c, JSON_FALSE, "alse");
	case 'n':
		return open_literal(s, c, JSON_NULL, "ull");
	case '-':
	case '0' ... '9':
		return open_number(s, c);
	default:
		return fail(s, c, JSON_ERROR_SYNTAX);
	}
}

/* Behind an item of a container. */
static int comma(struct json_scan *s, struct piece *c)
{
	enum json_kind kind = s->token[s->open[s->depth - 1]].kind;

	if (*c->p != ',')
		return *c->p == ']'   ? close_container(s, c, JSON_ARRAY)
		       : *c->p == '}' ? close_container(s, c, JSON_OBJECT)
				      : fail(s, c, JSON_ERROR_SYNTAX);
	c->p++;
	s->state = kind == JSON_OBJECT ? STATE_KEY : STATE_VALUE;
	return 0;
}

/* A byte between values that is no white space. */
static int structure(struct json_scan *s, struct piece *c)
{
	switch (s->state) {
	case STATE_FIRST_ITEM:
		if (*c->p == ']')
			return close_container(s, c, JSON_ARRAY);
		return open_value(s, c);
	case STATE_VALUE:
		return open_value(s, c);
	case STATE_FIRST_KEY:
		if (*c->p == '}')
			return close_container(s, c, JSON_OBJECT);
		/* fallthrough */
	case STATE_KEY:
		if (*c->p != '"')
			return fail(s, c, JSON_ERROR_SYNTAX);
		return open_string(s, c, JSON_KEY);
	case STATE_COLON:
		if (*c->p != ':')
			return fail(s, c, JSON_ERROR_SYNTAX);
		c->p++;
		s->state = STATE_VALUE;
		return 0;
	case STATE_COMMA:
		return comma(s, c);
	case STATE_CLOSED:
		return fail(s, c, JSON_ERROR_TRAILING);
	case STATE_STRING:
	case STATE_NUMBER:
	case STATE_LITERAL:
		break;
	}
	abort();
}

static inline bool is_space(uint8_t b)
{
	return b == ' ' || b == '\n' || b == '\r' || b == '\t';
}

static int scan_piece(struct json_scan *s, struct piece *c)
{
	int r = 0;

	while (!r && c->p < c->end) {
		if (s->state == STATE_STRING)
			r = scan_string(s, c);
		else if (s->state == STATE_NUMBER)
			r = scan_number(s, c);
		else if (s->state == STATE_LITERAL)
			r = scan_literal(s, c);
		else if (is_space(*c->p))
			c->p++;
		else
			r = structure(s, c);
	}
	return r;
}

int json_scan_feed(struct json_scan *s, struct span bytes)
{
	struct piece c = {bytes.p, bytes.p, bytes.p};
	bool over = bytes.n > TEXT_BYTES_MAX - s->fed;
	int r;

	if (s->error)
		return outcome(s->error);
	if (!bytes.n)
		return s->state == STATE_CLOSED ? PARSE_DONE : PARSE_E_MORE;
	c.end = c.p + (over ? TEXT_BYTES_MAX - s->fed : bytes.n);
	r = scan_piece(s, &c);
	if (r)
		return r;
	s->fed += (size_t)(c.end - c.begin);
	if (over)
		return fail_at(s, JSON_ERROR_SIZE, s->fed);
	return s->state == STATE_CLOSED ? PARSE_DONE : PARSE_E_MORE;
}

int json_scan_end(struct json_scan *s, struct span text)
{
	struct json j;
	size_t at;
	int r;

	if (s->error)
		return outcome(s->error);
	if (text.n != s->fed)
		return -EINVAL;
	/* Only a number can be whole without a byte that ends it. */
	if (s->state == STATE_NUMBER && !s->depth && json_number_whole(s->number)) {
		s->token[s->n - 1].end = (uint32_t)s->fed;
		s->state = STATE_CLOSED;
	}
	if (s->state != STATE_CLOSED)
		return fail_at(s, JSON_ERROR_SYNTAX, s->fed);
	j = json_scan_json(s, text);
	r = json_keys_check(&s->keys, &j, &at);
	if (r == PARSE_E_BAD)
		return fail_at(s, JSON_ERROR_DUPLICATE_KEY, at);
	if (r < 0)
		return fail_at(s, JSON_ERROR_MEMORY, s->fed);
	return PARSE_DONE;
}

int json_scan_all(struct json_scan *s, struct span text)
{
	int r;

	json_scan_reset(s);
	r = json_scan_feed(s, text);
	if (r != PARSE_DONE && r != PARSE_E_MORE)
		return r;
	return json_scan_end(s, text);
}

enum json_error json_scan_error(const struct json_scan *s)
{
	return s->error;
}

size_t json_scan_error_at(const struct json_scan *s)
{
	return s->error_at;
}

const char *json_error_text(enum json_error error)
{
	static const char *const text[_JSON_ERROR_COUNT] = {
		[JSON_ERROR_NONE] = "no error",
		[JSON_ERROR_SYNTAX] = "not well-formed JSON",
		[JSON_ERROR_UTF8] = "a string that is not UTF-8",
		[JSON_ERROR_ESCAPE] = "an unknown escape or half a surrogate pair",
		[JSON_ERROR_CONTROL] = "a control character inside a string",
		[JSON_ERROR_DUPLICATE_KEY] = "a key that stands twice in one object",
		[JSON_ERROR_TRAILING] = "bytes behind the value",
		[JSON_ERROR_DEPTH] = "nested too deep",
		[JSON_ERROR_TOKENS] = "too many values",
		[JSON_ERROR_SIZE] = "too large",
		[JSON_ERROR_MEMORY] = "out of memory",
	};

	return error < _JSON_ERROR_COUNT ? text[error] : "unknown error";
}

struct json json_scan_json(const struct json_scan *s, struct span text)
{
	return (struct json){.text = text, .token = s->token, .n = s->n};
}
