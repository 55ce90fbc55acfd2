/* SPDX-License-Identifier: MIT */
/*
 * Asks the engine about one request, over one connection (docs/PROTOCOL.md section 1).
 *
 * A connection per request: no long-lived descriptor that a fork would share, or that a program
 * closing all its files would take away. Nothing here outlives the call, but for the connection
 * that it may hand out.
 */
#pragma once

#include "aicp/limits.h"
#include "aicp/shim.h"
#include "decide.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link_question {
	const char *path; /* of the engine's socket */
	uint32_t owner; /* of the governed file: who may listen there, besides root and this
			   process's user */
	int64_t timeout_ms; /* for everything together */
	enum aicp_shim_type type; /* AICP_SHIM_REQUEST or AICP_SHIM_UNREADABLE */
	enum aicp_shim_kind kind;
	const char *host;
	const uint8_t *request;
	size_t request_n;
	uint32_t head_n;
	uint32_t unjudged; /* requests that passed unasked, to be told now */
	int socket; /* the program's TCP socket, or -1 */
	bool clear; /* no TLS; host has a port */
};

/* A verdict message and one byte more, so that a longer one is seen to be longer. */
#define LINK_VERDICT_BYTES_MAX (sizeof(struct aicp_shim_verdict) + AICP_SHIM_ANSWER_BYTES_MAX)

struct link_answer {
	size_t n; /* bytes of the answer, which stands behind the struct in the message */
	size_t body_n;
	int body; /* with _REWRITE, perhaps with _HOLD: a descriptor to read the new body from,
		   * which the caller closes; else -1 */
	int engine; /* with _HOLD: the connection on which the second verdict comes; with witness
		     * the one on which the response is told; to be closed by the caller; else -1 */
	bool witness; /* with _PASS and _REWRITE: the engine wants to hear of the response */
	int64_t wait_ms; /* with _HOLD: how long it may take */
};

/* Is this message a verdict by the protocol? _PASS, _ANSWER, _REWRITE or _HOLD, else _GARBAGE. Sets
 * the lengths and the time. */
enum decide_reply link_read_verdict(const uint8_t *message, size_t n, struct link_answer *answer);

/* The second verdict of a hold, if it is there: _PASS or _ANSWER; _GONE, _GARBAGE; _HOLD: not yet.
 */
enum decide_reply link_second(int engine, uint8_t *buffer, struct link_answer *ret_answer);

/* Asks. The verdict message is left in buffer, of LINK_VERDICT_BYTES_MAX + 1 bytes. */
enum decide_reply link_ask(const struct link_question *question, uint8_t *buffer,
			   struct link_answer *ret_answer);
