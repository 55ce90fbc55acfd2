/* SPDX-License-Identifier: MIT */
/*
 * What comes back for a request that passed: the bytes of one HTTP/1.x response, as a witness saw
 * them → head → text → what the provider's file reads in it. Pure.
 *
 * Nobody waits for this, and a response is no reason to do anything: what is too large, broken or
 * has a gap is not read further, and its record says so.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"
#include "engine/engine.h"

/* How far a response was read. */
enum response_parse {
	RESPONSE_OK,
	RESPONSE_NOT_READ, /* nothing is known of answers to this operation: only its head counts */
	RESPONSE_UNSUPPORTED, /* a media type or coding that is not read: only its head counts */
	RESPONSE_CUT_OFF, /* the witness ended before the response did */
	RESPONSE_GAP, /* bytes in its midst were not witnessed */
	RESPONSE_MALFORMED,
	RESPONSE_TOO_LARGE,
	RESPONSE_OVER_BUDGET, /* there was no room for it */
	RESPONSE_INTERNAL,
	_RESPONSE_PARSE_COUNT,
};

struct response;

/* Room that a thread needs to read responses, for one after the other. */
struct response_scratch {
	struct json_scan *scan;
	struct buf decoded;
};
/* 0 or -ENOMEM. */
MUST_CHECK int response_scratch_init(struct response_scratch *scratch);
void response_scratch_deinit(struct response_scratch *scratch);

/* The response to the request that the engine judged last and let pass. NULL: it was no request
 * that a response can be read to, or no memory. It is independent of the engine and its rules. */
struct response *response_new(const struct engine *engine, const struct engine_decision *decision);
void response_free(struct response *response);

/* Bytes of the response that begin at offset. False: it is whole or cannot be read on, and no more
 * is wanted. */
bool response_feed(struct response *response, uint64_t offset, struct span bytes,
		   struct response_scratch *scratch);
/* No more will come. closed: because the server closed the connection, which ends some responses in
 * good order. */
void response_end(struct response *response, bool closed, struct response_scratch *scratch);
/* Stops reading, for want of room. */
void response_give_up(struct response *response);

/* Bytes that it holds now. */
size_t response_memory(const struct response *response);
enum response_parse response_parse(const struct response *response);
uint64_t response_bytes(const struct response *response);

/* What is known of a response beside its bytes. */
struct response_facts {
	const char *coverage; /* "shim" */
	int64_t uid; /* whose process witnessed it */
	int64_t first_byte_ms; /* from the verdict on; -1: none came */
	int64_t total_ms; /* until it ended or was not read on */
};
/* The body of its record, canonical JSON: docs/LEDGER.md. 0 or the buffer's error. */
int response_record(const struct response *response, const struct response_facts *facts,
		    struct buf *out);
