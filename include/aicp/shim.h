/* SPDX-License-Identifier: MIT */
/*
 * The wire between the shim and the engine: docs/PROTOCOL.md section 1.
 *
 * One SOCK_SEQPACKET connection per request on RUNTIME_DIR/shim.sock: the shim sends one request
 * message, the engine answers with one verdict message and closes. Everything the shim says is a
 * claim by an untrusted process; who it is comes from the socket's peer credentials, never from the
 * frame.
 *
 * Request message: struct aicp_shim_request, then host_bytes of host name (lower case, no NUL; no
 * port under TLS, with its port when AICP_SHIM_F_CLEAR is set), then, when AICP_SHIM_F_MEMFD is not
 * set, request_bytes of the HTTP request exactly as the program would send it. Ancillary data (one
 * SCM_RIGHTS): first the program's TCP socket when AICP_SHIM_F_SOCKET is set, then a memfd of
 * exactly request_bytes, sealed against writing, growing and shrinking, when AICP_SHIM_F_MEMFD is
 * set.
 *
 * Verdict message: struct aicp_shim_verdict, then answer_bytes of a whole HTTP response to serve
 * (AICP_SHIM_ANSWER), which ends its connection. AICP_SHIM_HOLD is a verdict to come: people are
 * asked, and the connection stays open for at most `extra` milliseconds until a second message,
 * which is PASS or ANSWER; its answer_bytes are what to serve where the program cannot wait. A shim
 * that is no longer interested closes. With AICP_SHIM_REWRITE, and with AICP_SHIM_HOLD where
 * body_bytes is not 0, one SCM_RIGHTS passes a sealed memfd of exactly body_bytes: the body that
 * leaves in place of the judged one, decoded, under the program's own head, in which Content-Length
 * is set to it and what framed, coded or digested the old body is dropped.
 *
 * Response messages: only behind a verdict with AICP_SHIM_V_WITNESS, which only a request with
 * AICP_SHIM_F_CAN_WITNESS gets. The shim keeps the connection and sends struct aicp_shim_response
 * and the plaintext of the response as the program reads it. It never waits: what the socket does
 * not take is left out, and the next message's offset tells. It closes when the response is over or
 * the TLS connection is; the engine answers nothing, and closes when it wants no more.
 *
 * All integers are little-endian; reserved fields are zero and receivers refuse others.
 */
#pragma once

#include <stdint.h>

#define AICP_SHIM_MAGIC	  0x50434941u /* "AICP" */
#define AICP_SHIM_VERSION 1

enum aicp_shim_type {
	AICP_SHIM_REQUEST = 1, /* judge this request */
	AICP_SHIM_UNREADABLE = 2, /* a governed connection that the shim cannot judge: see kind */
	AICP_SHIM_RESPONSE = 3, /* bytes that the program read, see below */
	AICP_SHIM_VERDICT = 0x81,
};

/* Why a connection is unreadable (AICP_SHIM_UNREADABLE); request bytes may be what was seen, or
 * none. */
enum aicp_shim_kind {
	AICP_SHIM_KIND_NONE = 0,
	AICP_SHIM_KIND_HTTP2 = 1, /* an HTTP/2 preface under a connection that was told http/1.1 */
	AICP_SHIM_KIND_NOT_HTTP = 2, /* bytes that are no HTTP/1.x request */
	AICP_SHIM_KIND_TOO_LARGE =
		3, /* the body is over AICP_BODY_BYTES_MAX or the head over its limit */
	AICP_SHIM_KIND_PIPELINED = 4, /* bytes behind a request whose answer has not begun */
	AICP_SHIM_KIND_EARLY_DATA = 5, /* TLS 1.3 early data, which may be replayed */
	_AICP_SHIM_KIND_COUNT,
};

enum aicp_shim_flag {
	AICP_SHIM_F_SOCKET = 1,
	AICP_SHIM_F_MEMFD = 2,
	AICP_SHIM_F_CLEAR = 4, /* clear HTTP, no TLS */
	AICP_SHIM_F_CAN_HOLD = 8, /* AICP_SHIM_HOLD is understood */
	AICP_SHIM_F_CAN_WITNESS = 16, /* AICP_SHIM_V_WITNESS is understood */
};

/* In `extra` of a verdict PASS or REWRITE. */
enum aicp_shim_verdict_flag {
	AICP_SHIM_V_WITNESS = 1, /* send what comes back here */
};

enum aicp_shim_action {
	AICP_SHIM_PASS = 1, /* send exactly the judged bytes */
	AICP_SHIM_ANSWER = 2, /* send nothing, serve the answer, end the connection */
	AICP_SHIM_REWRITE = 3, /* send the program's head and the body in the passed memfd */
	AICP_SHIM_HOLD = 4, /* wait for a second message, or serve the answer and close */
};

struct aicp_shim_request {
	uint32_t magic;
	uint16_t version;
	uint16_t type; /* enum aicp_shim_type */
	uint32_t flags;
	uint32_t kind; /* enum aicp_shim_kind */
	uint32_t host_bytes;
	uint32_t request_bytes;
	uint32_t head_bytes; /* of the request head with its empty line, as the shim parsed it; a
				claim */
	uint32_t unjudged; /* requests this process let pass since it last said so, because the
			    * engine could not be asked (fail: open, or monitor mode); a claim,
			    * counted in the ledger */
};

struct aicp_shim_verdict {
	uint32_t magic;
	uint16_t version;
	uint16_t type; /* AICP_SHIM_VERDICT */
	uint32_t action; /* enum aicp_shim_action */
	uint32_t answer_bytes;
	uint8_t decision_id[32]; /* ASCII, NUL-padded; for diagnosis only */
	uint32_t body_bytes; /* with AICP_SHIM_REWRITE, and perhaps with AICP_SHIM_HOLD */
	uint32_t extra; /* with AICP_SHIM_HOLD: how long it may last, in milliseconds; with PASS and
			 * REWRITE: enum aicp_shim_verdict_flag; else 0 */
};

enum aicp_shim_response_flag {
	AICP_SHIM_R_END = 1, /* the server ended the stream in good order; nothing follows */
};

struct aicp_shim_response {
	uint32_t magic;
	uint16_t version;
	uint16_t type; /* AICP_SHIM_RESPONSE */
	uint32_t flags; /* enum aicp_shim_response_flag */
	uint32_t bytes; /* that follow, at most AICP_SHIM_INLINE_BYTES_MAX */
	uint64_t offset; /* of the first, from the start of the response */
};

_Static_assert(sizeof(struct aicp_shim_request) == 32, "wire size");
_Static_assert(sizeof(struct aicp_shim_verdict) == 56, "wire size");
_Static_assert(sizeof(struct aicp_shim_response) == 24, "wire size");

/*
 * RUNTIME_DIR/governed: what the shim may know without asking. A text file of at most 256 KiB,
 * owned by root, replaced by rename, one item a line, fields separated by one tab:
 *
 *   aicp-governed <TAB> 1                              first line: format version
 *   fail <TAB> closed | open                           what to do when the engine cannot be asked
 *   mode <TAB> enforce | monitor
 *   host <TAB> NAME <TAB> SHAPE                        exact, or "*.example.com" for any sub-domain
 *   clear <TAB> NAME:PORT <TAB> SHAPE                  an endpoint in clear HTTP alone
 *   shape <TAB> SHAPE <TAB> JSON                       error body with %MESSAGE% for the text
 *
 * Unknown first words are skipped, so that older shims read newer files.
 */
#define AICP_GOVERNED_FILE	"governed"
#define AICP_GOVERNED_BYTES_MAX (256u << 10)
#define AICP_SHIM_SOCKET	"shim.sock"
#define AICP_API_SOCKET		"api.sock"
/* Where the shim looks when AICP_RUNTIME_DIR is not in its environment. */
#define AICP_RUNTIME_DIR_DEFAULT "/run/aicp"
