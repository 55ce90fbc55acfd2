/* SPDX-License-Identifier: MIT */
/*
 * Providers as data: one YAML file each (policies/providers/NAME.yaml) says which hosts are its,
 * which paths are which operation, how a call is read out of the request body, how usage is read
 * out of an answer, and what an error looks like to its clients. Nothing in this folder knows a
 * provider by name.
 */
#pragma once

#include "base/json.h"
#include "base/yaml.h"
#include "model/facts.h"
#include "model/message.h"

struct provider_source {
	const char *name; /* as messages shall call the file */
	struct span text;
};

struct provider_set; /* immutable, counted references */

/* Loads all files as one set, or nothing: PARSE_DONE, PARSE_E_BAD or PARSE_E_LIMIT with error set,
 * -ENOMEM. */
MUST_CHECK int provider_load(const struct provider_source *sources, size_t n,
			     struct provider_set **ret_set, struct yaml_error *error);
struct provider_set *provider_set_ref(struct provider_set *set);
void provider_set_unref(struct provider_set *set);
const char *
provider_set_digest(const struct provider_set *set); /* SHA-256 over the files, hexadecimal */

struct provider; /* one file; borrowed from the set */
size_t provider_set_count(const struct provider_set *set);
const struct provider *provider_set_at(const struct provider_set *set, size_t index);
/* The provider that governs a host, or NULL: not governed. In lower case: the name of a TLS
 * connection, or NAME:PORT of one in clear. */
const struct provider *provider_set_host(const struct provider_set *set, struct span host);
struct span provider_name(const struct provider *provider);
/* Host patterns ("api.openai.com", "*.openai.azure.com", "localhost:11434") for the shim's governed
 * file. */
size_t provider_hosts(const struct provider *provider, const struct span **ret_hosts);

/*
 * Reads one request into facts: provider, operation, and what the operation's shape says (model,
 * prompt, system, tools, ...). body is decoded (no chunking, no compression); scan is scratch.
 * Outcomes: PARSE_DONE    facts are set; `parse` is "ok". An operation that the file does not know
 * is "unknown" and carries text.all when its body is JSON. PARSE_E_BAD   the body of a known
 * operation is malformed, ambiguous (duplicate keys, keys of the shape that collide when case is
 * ignored), or of wrong types; `parse` is "malformed", `parse.error` says why. PARSE_E_LIMIT over a
 * limit; `parse` is "too-large". -ENOMEM
 */
MUST_CHECK int provider_request(const struct provider *provider, const struct message *head,
				struct span body, struct json_scan *scan, struct facts *facts);

/* Token counts of one answer, OpenTelemetry's meaning: input includes cached tokens, output
 * includes reasoning. -1 unknown. */
struct provider_usage {
	int64_t input_tokens, output_tokens;
	int64_t cache_read_input_tokens, cache_creation_input_tokens, reasoning_output_tokens;
	struct span model; /* response model; borrowed from the reader */
	struct span finish_reason; /* first choice's; borrowed from the reader */
	struct span id; /* the provider's own of this answer; borrowed from the reader */
};

/* Reads usage, and what else a shape has of answers, out of one, streamed or not, for the operation
 * that answers to method and path. */
struct provider_answer;
/* Borrows from the provider. NULL: no memory. */
struct provider_answer *provider_answer_new(const struct provider *provider, struct span method,
					    struct span path);
void provider_answer_free(struct provider_answer *answer);
/* Does the provider's file say how such answers are read? If not, the functions below read
 * nothing. */
bool provider_answer_reads(const struct provider_answer *answer);
/* A whole JSON answer; scan is scratch. Same outcomes as provider_request() without facts. */
MUST_CHECK int provider_answer_json(struct provider_answer *answer, struct span body,
				    struct json_scan *scan);
/* One event of an event stream: its event name (may be empty) and data. "[DONE]" is known. */
MUST_CHECK int provider_answer_event(struct provider_answer *answer, struct span event,
				     struct span data, struct json_scan *scan);
void provider_answer_usage(const struct provider_answer *answer, struct provider_usage *ret_usage);
/* Names of the tools that the answer called, each once, in order, at most
 * AICP_PROVIDER_TOOLS_MAX; borrowed from the reader until it reads on. Returns how many. */
unsigned provider_answer_tools(const struct provider_answer *answer,
			       struct span ret_name[AICP_PROVIDER_TOOLS_MAX]);
/* Bytes that the reader has allocated. */
size_t provider_answer_memory(const struct provider_answer *answer);

/* Do clients of the operation that method, path and query call expect its errors as the only item
 * of an array? */
bool provider_refusal_in_array(const struct provider *provider, struct span method,
			       struct span path, struct span query);
struct provider_refusal {
	struct span decision_id;
	struct span message; /* UTF-8 text for people; is escaped here */
	bool in_array; /* see above */
};
/* A whole HTTP/1.1 403 in the provider's error shape: x-should-retry: false, x-aicp-decision-id,
 * Connection: close. 0, -ENOMEM, -E2BIG. */
int provider_refusal(const struct provider *provider, const struct provider_refusal *refusal,
		     struct buf *out);
/* The error body with %MESSAGE% where the text goes, on one line, for the shim's governed file. */
struct span provider_error_template(const struct provider *provider);
