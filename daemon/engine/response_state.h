/* SPDX-License-Identifier: MIT */
/* What the files of a response share. Nobody outside response*.c includes this. */
#pragma once

#include "engine/response.h"

#include "http/answer.h"
#include "http/eventstream.h"
#include "http/inflate.h"
#include "http/ndjson.h"
#include "http/sse.h"

/* How its text is cut into what a provider's file reads. */
enum response_text {
	RESPONSE_TEXT_NONE,
	RESPONSE_TEXT_JSON,
	RESPONSE_TEXT_SSE,
	RESPONSE_TEXT_NDJSON,
	RESPONSE_TEXT_EVENTSTREAM,
};

struct response {
	char id[ENGINE_ID_BYTES + 1]; /* of the decision */
	struct provider_set *providers; /* a reference; answer borrows from it */
	struct span provider; /* its name */
	struct provider_answer *answer;
	struct buf method;
	struct http_answer http; /* its bytes are freed when the head was read */
	unsigned status; /* 0: no head came */
	struct buf content_type;
	uint64_t bytes; /* so far, head included: the next offset */
	bool complete; /* its end was seen */
	bool over; /* nothing more is read */
	enum response_parse parse;
	struct inflate *inflate;
	bool odd_event; /* one could not be read */
	uint64_t text_bytes; /* decoded, so far */
	enum response_text text;
	union {
		struct buf json;
		struct sse sse;
		struct ndjson ndjson;
		struct eventstream eventstream;
	};
};
