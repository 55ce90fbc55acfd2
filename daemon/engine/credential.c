/* SPDX-License-Identifier: MIT */
#include "engine/credential.h"

#include "base/hex.h"

/* Names of headers and parameters that carry credentials but do not look like it. */
static const char *const headers[] = {"authorization", "cookie", "set-cookie", "api-key", "apikey"};
static const char *const parameters[] = {"key",	  "api_key", "apikey", "api-key", "sig",
					 "token", "auth",    "secret", "code",	  "password"};
static const char *const endings[] = {"-key",	"-token",     "-secret", "-signature", "_key",
				      "_token", "_signature", "_secret", "-credential"};

static bool ends_with(struct span s, const char *ending)
{
	struct span e = span_str(ending);

	return s.n >= e.n && span_ieq(span_sub(s, s.n - e.n, s.n), e);
}

static bool mentions(struct span s, const char *word)
{
	struct span w = span_str(word);

	for (size_t i = 0; i + w.n <= s.n; i++)
		if (span_ieq(span_sub(s, i, i + w.n), w))
			return true;
	return false;
}

static bool suspicious(struct span name)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (ends_with(name, endings[i]))
			return true;
	return mentions(name, "auth") || mentions(name, "cookie");
}

bool credential_header(struct span name)
{
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (span_ieq(name, span_str(headers[i])))
			return true;
	return suspicious(name);
}

bool credential_parameter(struct span name)
{
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
		if (span_ieq(name, span_str(parameters[i])))
			return true;
	return suspicious(name);
}

struct scrub {
	uint8_t *bytes;
	size_t bytes_n;
	const struct hash_key *key;
	struct credential credential;
};

/* "Bearer abc" and "abc" are the same credential. */
static struct span without_scheme(struct span value)
{
	size_t space = span_find(value, ' ');

	return space < value.n ? span_sub(value, space + 1, value.n) : value;
}

static int take_fingerprint(struct scrub *s, struct span value)
{
	const struct span parts[] = {SPAN_LIT("aicp/1/credential\n"), without_scheme(value)};
	struct hash hash;
	int r;

	if (s->credential.fingerprint[0] || !value.n)
		return 0;
	r = hash_hmac(s->key, parts, 2, &hash);
	if (r < 0)
		return r;
	hex_encode(span_of(hash.b, CREDENTIAL_HEX_BYTES / 2), s->credential.fingerprint);
	return 0;
}

static void overwrite(struct scrub *s, struct span value)
{
	/* Slices of a head point into its bytes; a slice that does not is none of ours. */
	if (!value.n || value.p < s->bytes || value.p + value.n > s->bytes + s->bytes_n)
		return;
	memset(s->bytes + (value.p - s->bytes), '*', value.n);
}

/* Calls what for each value of a credential-like parameter of query. */
static int each_parameter(struct scrub *s, struct span query,
			  int (*what)(struct scrub *s, struct span value))
{
	size_t at = 0;

	while (at < query.n) {
		struct span pair =
			span_sub(query, at, at + span_find(span_sub(query, at, query.n), '&'));
		size_t eq = span_find(pair, '=');
		struct span name = span_sub(pair, 0, eq);
		int r = 0;

		/* What is spelled with escapes may be any name to who reads them. */
		if (credential_parameter(name) || span_find(name, '%') < name.n)
			r = what(s, span_sub(pair, eq + 1, pair.n));
		if (r < 0)
			return r;
		at += pair.n + 1;
	}
	return 0;
}

static int note_value(struct scrub *s, struct span value)
{
	s->credential.in_query |= value.n > 0;
	return 0;
}

static int hash_query(struct scrub *s, struct span query)
{
	const struct span parts[] = {SPAN_LIT("aicp/1/query\n"), query};

	(void)each_parameter(s, query, note_value);
	return s->credential.in_query ? hash_hmac(s->key, parts, 2, &s->credential.query) : 0;
}

static int overwrite_value(struct scrub *s, struct span value)
{
	overwrite(s, value);
	return 0;
}

int credential_scrub(uint8_t *bytes, size_t bytes_n, const struct message *head,
		     const struct hash_key *key, struct credential *ret_credential)
{
	struct scrub s = {.bytes = bytes, .bytes_n = bytes_n, .key = key};
	int r = 0;

	for (unsigned i = 0; i < head->headers_n && !r; i++)
		if (credential_header(head->header[i].name))
			r = take_fingerprint(&s, head->header[i].value);
	if (!r)
		r = each_parameter(&s, head->query, take_fingerprint);
	if (!r)
		r = hash_query(&s, head->query);
	if (r < 0)
		return r;

	for (unsigned i = 0; i < head->headers_n; i++)
		if (credential_header(head->header[i].name))
			overwrite(&s, head->header[i].value);
	(void)each_parameter(&s, head->query, overwrite_value);
	*ret_credential = s.credential;
	return 0;
}
