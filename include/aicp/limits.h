/* SPDX-License-Identifier: MIT */
/* Every bound in the product, each with the reason for its number. */
#pragma once

/* A request body we will judge. Provider limits: Anthropic 32 MB, OpenAI 32 MiB for chat. */
#define AICP_BODY_BYTES_MAX (32u << 20)
/* Request head (request line and headers). Common servers refuse above 8 to 64 KiB. */
#define AICP_HEAD_BYTES_MAX (64u << 10)
/* Header fields in one head; nginx and Node stop at about 100 to 2,000. */
#define AICP_HEADERS_MAX 128u
/* One chunk-size line with its extensions. */
#define AICP_CHUNK_LINE_BYTES_MAX 1024u
/* Decoded size of a compressed body; a bomb ends here. */
#define AICP_INFLATED_BYTES_MAX AICP_BODY_BYTES_MAX
/* Decoded : encoded; deflate itself cannot exceed 1,032, brotli and zstd can. */
#define AICP_INFLATE_RATIO_MAX 2048u
/* One line of an event stream; OpenAI sends a whole response object in its last event. */
#define AICP_SSE_LINE_BYTES_MAX (4u << 20)

/* Nesting of JSON; SDKs produce less than 20. */
#define AICP_JSON_DEPTH_MAX 128u
/* Tokens in one JSON text: 20 bytes each on our side, so 20 MiB for the worst text. */
#define AICP_JSON_TOKENS_MAX (1u << 20)

/* Text that one fact may hold; the body limit, as text.all is nearly the body. */
#define AICP_FACT_TEXT_BYTES_MAX (AICP_BODY_BYTES_MAX + (1u << 20))
/* Entries of a list fact (tools, attachments). */
#define AICP_FACT_LIST_MAX 1024u

/* PATH_MAX less its NUL. */
#define AICP_PATH_BYTES_MAX 4095u
/* A Unix socket's name has 107 bytes (unix(7)); the rest is for "/NAME.sock" below the runtime
 * folder. */
#define AICP_RUNTIME_DIR_BYTES_MAX 80u

/* One YAML file (policy, provider, configuration). */
#define AICP_YAML_BYTES_MAX (1u << 20)
#define AICP_YAML_DEPTH_MAX 32u
#define AICP_YAML_NODES_MAX 100000u
/* Keys of one mapping; each is compared with all before it. */
#define AICP_YAML_KEYS_MAX 1024u
/* All policy files together, as handed to the engine. */
#define AICP_BUNDLE_BYTES_MAX	 (16u << 20)
#define AICP_POLICIES_MAX	 10000u
#define AICP_CONDITION_DEPTH_MAX 16u
#define AICP_PATTERN_BYTES_MAX	 4096u
/* All literals and patterns of a set together; a thousand rules have some 50 KB. */
#define AICP_PATTERNS_BYTES_MAX (4u << 20)
/* States a pattern may need by its counts {n,m}; the compiler took 14 s to refuse one of eight
 * times that. */
#define AICP_PATTERN_WEIGHT_MAX 4096u
/* Nesting of groups in a pattern. */
#define AICP_PATTERN_GROUPS_MAX 64u
/* Conditions of a whole set: 20 for each of AICP_POLICIES_MAX. */
#define AICP_CONDITIONS_MAX 200000u
/* Names and reasons stand in records, answers and URLs. */
#define AICP_POLICY_NAME_BYTES_MAX 128u
#define AICP_POLICY_TEXT_BYTES_MAX 2048u
/* Places that policies find in one call; a text of 32 MiB that is nothing but findings has more,
 * and is refused. */
#define AICP_FINDINGS_MAX 65536u
/* Priorities, either sign; far over what anybody counts to. */
#define AICP_PRIORITY_MAX 1000000u
/* References of one policy. */
#define AICP_POLICY_REFERENCES_MAX 64u

/* A message between two roles that travels inline; larger ones go in a sealed memfd.
 * A sequenced-packet message must fit the default socket send buffer (212,992). */
#define AICP_LINK_INLINE_BYTES_MAX  (64u << 10)
#define AICP_LINK_PAYLOAD_BYTES_MAX (AICP_BODY_BYTES_MAX + AICP_HEAD_BYTES_MAX + (1u << 20))

/* Messages and bytes that one end of a link keeps for a peer that does not read: a second of full
 * load. */
#define AICP_LINK_QUEUE_PACKETS_MAX 16384u
#define AICP_LINK_QUEUE_BYTES_MAX   (32u << 20)

/* A shim frame that travels inline; larger requests go in a sealed memfd. */
#define AICP_SHIM_INLINE_BYTES_MAX (64u << 10)
/* The synthetic answer that the shim serves. */
#define AICP_SHIM_ANSWER_BYTES_MAX (16u << 10)
/* A request as the shim collects it: body and head at their limits, chunk framing, trailers. */
#define AICP_SHIM_REQUEST_BYTES_MAX (AICP_BODY_BYTES_MAX + AICP_HEAD_BYTES_MAX + (1u << 20))
/* Memory of the shim in one process: 16 requests of the largest size, or 8,000 usual
 * connections; most of it is never touched. */
#define AICP_SHIM_ARENA_BYTES_MAX (512u << 20)
/* libaicp.so itself, read whole to be checked; it has 0.25 MiB, most of it debug information. */
#define AICP_SHIM_FILE_BYTES_MAX (8u << 20)
/* A program waits this long inside SSL_write for a verdict: one round trip takes 0.1 to 0.3 ms, and
 * a busy host may need a while to look at each further mebibyte. */
#define AICP_SHIM_WAIT_MS	  1000
#define AICP_SHIM_WAIT_MS_PER_MIB 125
/* Host name: RFC 1035 section 2.3.4. */
#define AICP_HOST_BYTES_MAX 255u

/* A leaf of the ledger: C2SP tlog-tiles entries carry a 16-bit length. */
#define AICP_LEAF_BYTES_MAX 65535u
/* Arguments of a process as recorded; longer ones are cut and marked. */
#define AICP_ARGS_BYTES_MAX 2048u
#define AICP_PARENTS_MAX    8u

/* Budgets of one uid: concurrent shim connections, bytes of requests in judgement. */
#define AICP_UID_CONNECTIONS_MAX 256u
#define AICP_UID_BYTES_MAX	 (256u << 20)

/* Requests of one uid that wait for people at once, and of all: each takes a descriptor or two and
 * some kilobytes of the engine, and a person would not get through a thousand in an hour. */
#define AICP_UID_HOLDS_MAX 1024u
#define AICP_HOLDS_MAX	   2048u
/* Places marked in what approvers are shown. */
#define AICP_APPROVAL_FINDINGS_MAX 1000u

/* API: body of a request (contract of the API), and connections of one listener. There is no bound
 * per peer: on loopback everybody has one address; silent connections are ended early instead
 * (api/connection.c). */
#define AICP_API_BODY_BYTES_MAX	 (1u << 20)
#define AICP_API_CONNECTIONS_MAX 64u
/* Request line of the API: what its richest query needs, many times over. */
#define AICP_API_TARGET_BYTES_MAX (8u << 10)
/* Memory of one API connection, mostly its request head: 16 KiB of head and room to answer. */
#define AICP_API_CONNECTION_BYTES_MAX (24u << 10)
/* One answer of the API; exports beyond it are asked for in parts. */
#define AICP_API_ANSWER_BYTES_MAX (64u << 20)
/* Rows that one query of the API hands out; 10,000 decisions are some 15 MB. */
#define AICP_API_ROWS_MAX 10000u

/* What approvers may see of one request: a conversation of some hundred thousand words. */
#define AICP_APPROVAL_CONTENT_BYTES_MAX (1u << 20)
/* Approvals that wait for a decision: of one user as many as AICP_UID_HOLDS_MAX holds may ask for,
 * and in all more than anybody can read; with the bytes that are kept for them, and for those that
 * are approved and not used. */
#define AICP_UID_APPROVALS_MAX	     1024u
#define AICP_APPROVALS_MAX	     2048u
#define AICP_UID_APPROVALS_BYTES_MAX (256u << 20)
#define AICP_APPROVALS_BYTES_MAX     (512u << 20)
/* Why somebody approves or rejects, and what they note beside it. */
#define AICP_RATIONALE_CHARS_MAX 2048u
/* A held connection: the kernel gives up probing a closed window after some 15 minutes. */
#define AICP_HOLD_S_MAX 840u
/* A week: an approval that is older is about another situation. */
#define AICP_APPROVAL_EXPIRY_S_MAX (7u * 86400u)

/* Shim connections at once, all users together: three descriptors each must fit RLIMIT_NOFILE of
 * the engine. */
#define AICP_ENGINE_CONNECTIONS_MAX 4096u
/* Connections of one uid over its budget that still get an answer; further ones are closed. */
#define AICP_UID_REFUSALS_MAX 64u
/* Users that are counted at once; an entry lives as long as its connections and unreported counts.
 */
#define AICP_UIDS_MAX 4096u
/* A shim writes its request right behind connect(); a peer that does not is no shim. */
#define AICP_SHIM_FRAME_MS_MAX 2000
/* The engine's verdict leaves this long before the shim stops waiting for it. */
#define AICP_VERDICT_MARGIN_MS 100
/* Identity of a process: /proc takes under a millisecond, the first hash of a 100 MB executable
 * some 50 to 300 ms. Well below AICP_SHIM_WAIT_MS: judging and recording come behind it. */
#define AICP_IDENTIFY_MS_MAX 700
/* One look of the reader at a process, or one slice of a hash; then it hangs, and an alarm ends it.
 * Far enough below AICP_IDENTIFY_MS_MAX that those who stood behind are asked about again in time.
 */
#define AICP_READER_MS_MAX 400
/* Requests in judgement when aicpd stops get this long, then the ledger this long, then SIGKILL. */
#define AICP_STOP_MS_MAX 8000
/* Restart of a role: the first at once, then doubling up to this. */
#define AICP_RESTART_MS_MAX 30000
/* Records committed in one transaction. */
#define AICP_GROUP_RECORDS_MAX 512u
/* Executables whose hash is remembered, and processes whose /proc folder is kept open. */
#define AICP_EXE_HASHES_MAX 512u
#define AICP_PROCESSES_MAX  512u
/* Identities that the engine keeps for the next request of the same program, of all users and of
 * one uid; the text of one (usually 400 bytes: longer ones are asked for each time). */
#define AICP_IDENTITIES_MAX	512u
#define AICP_UID_IDENTITIES_MAX 64u
#define AICP_IDENTITY_BYTES_MAX (4u << 10)
/* And for how long: in this time a process that moved to another cgroup, was given another loginuid
 * or chose another name is still recorded as before. */
#define AICP_IDENTITY_AGE_MS_MAX 1000
/* Hashed between two looks at other work: about 3 ms. */
#define AICP_EXE_HASH_SLICE_BYTES (1u << 20)
/* Files of configuration, policies and providers that one start or reload reads. */
#define AICP_BUNDLE_FILES_MAX 4096u

/* Provider files: steps of one path (Anthropic's deepest has 9), a key in it, and paths that can
 * meet in one value. */
#define AICP_PROVIDER_PATH_STEPS_MAX   16u
#define AICP_PROVIDER_KEY_BYTES_MAX    64u
#define AICP_PROVIDER_PATHS_ACTIVE_MAX 64u
/* A request path without its empty and dot segments; longer ones are of no operation. */
#define AICP_PROVIDER_URI_BYTES_MAX 1024u
#define AICP_PROVIDER_URI_PARTS_MAX 16u
/* The error body of a provider; the answer around it has to fit AICP_SHIM_ANSWER_BYTES_MAX. */
#define AICP_PROVIDER_ERROR_BYTES_MAX 2048u
/* Terms that one provider shape adds up to token counts. */
#define AICP_PROVIDER_COUNTERS_MAX 16u
/* Names of tools that are kept of one answer; models call a handful at once. */
#define AICP_PROVIDER_TOOLS_MAX 32u

/* Disk space that the ledger keeps aside: some ten thousand refusals and admin records, with their
 * index. */
#define AICP_LEDGER_RESERVE_BYTES (8u << 20)
/* Records between two signed checkpoints, and the time that one may stay unsigned: what a signature
 * does not cover yet is what nobody but the database vouches for. */
#define AICP_LEDGER_CHECKPOINT_RECORDS 256u
#define AICP_LEDGER_CHECKPOINT_S       10
/* Silence is recorded too: after this long without a record a heartbeat says that there was none.
 */
#define AICP_LEDGER_HEARTBEAT_S 60
/* A ledger that failed is opened again this often. */
#define AICP_LEDGER_RETRY_S 5

/* One text of a response that is read as a whole: an answer, or one event of a stream (see
 * AICP_SSE_LINE_BYTES_MAX; an answer with a hundred embeddings has 1 to 3 MiB). */
#define AICP_RESPONSE_BYTES_MAX AICP_SSE_LINE_BYTES_MAX
/* All of a response's text, decoded: a stream of 100,000 tokens has some 25 MB. What a bomb costs
 * ends here. */
#define AICP_RESPONSE_TEXT_BYTES_MAX (64u << 20)
/* Responses that are witnessed at once, of one uid and of all: each takes a descriptor and, mostly,
 * some 8 KiB. They last as long as a model answers. */
#define AICP_UID_RESPONSES_MAX	  512u
#define AICP_ENGINE_RESPONSES_MAX 2048u
/* What they may hold of memory: 16 of the largest, or thousands of usual ones. */
#define AICP_UID_RESPONSE_BYTES_MAX    (64u << 20)
#define AICP_ENGINE_RESPONSE_BYTES_MAX (256u << 20)
