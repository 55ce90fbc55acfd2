/* SPDX-License-Identifier: MIT */
/* layer: api */
/* Writes the documents that are made from tables: `generate facts` is docs/FACTS.md, `generate
 * config` is docs/CONFIG.md, `generate api` is docs/API.md. */
#include "api/answer.h"
#include "api/route.h"
#include "model/config.h"
#include "model/facts.h"

#include <stdio.h>

static const char *trust_phrase(enum fact_trust trust)
{
	switch (trust) {
	case FACT_ATTESTED:
		return "the kernel";
	case FACT_CLAIMED:
		return "the program (claimed)";
	case FACT_OBSERVED:
		return "aicp, from the bytes";
	case FACT_DECLARED:
		return "an operator";
	}
	return "";
}

static void write_facts(void)
{
	puts("# Facts\n"
	     "\n"
	     "<!-- Made from daemon/model/facts.def by `make docs`; do not edit. -->\n"
	     "\n"
	     "What a policy can test (POLICY.md says how). A fact that a call does not have is "
	     "missing, and a missing\n"
	     "fact matches nothing but `exists: false`. *Who vouches* says how far a fact can be "
	     "trusted: what a\n"
	     "program claims about itself, it can claim wrongly.\n"
	     "\n"
	     "| fact | kind | who vouches | what it is |\n"
	     "|---|---|---|---|");
	for (int i = 0; i < _FACT_COUNT; i++) {
		const struct fact_info *info = fact_info((enum fact_id)i);

		printf("| `%s` | %s | %s | %s |\n", info->name, fact_kind_name(info->kind),
		       trust_phrase(info->trust), info->text);
	}
	puts("\n"
	     "Texts are UTF-8; bytes that are not are replaced by U+FFFD. A list is a list of "
	     "texts.\n"
	     "\n"
	     "Names below `context.`, `metadata.` and `agent.` that are not in this table may be "
	     "declared by whoever\n"
	     "supplies them (a dry run does); they consist of `a-z 0-9 _ .` and are of the kind "
	     "they are given in.");
}

static void write_config(void)
{
	const struct config_key *key;

	puts("# Configuration\n"
	     "\n"
	     "<!-- Made from daemon/model/config.def by `make docs`; do not edit. -->\n"
	     "\n"
	     "`aicpd -c FILE` reads one YAML file, strictly: an unknown key or a wrong value is an "
	     "error with its line, and\n"
	     "`aicpd -t -c FILE` checks the file and exits. A key with a dot may be written as "
	     "nested mappings (`api:`, below it\n"
	     "`listen:`) or with the dot. A path that does not begin with `/` starts at the folder "
	     "of the file.\n"
	     "\n"
	     "| key | value | default | what it is |\n"
	     "|---|---|---|---|");
	for (size_t i = 0; (key = config_key(i)) != NULL; i++)
		printf("| `%s` | %s | %s%s%s | %s |\n", key->name, key->values,
		       key->initial ? "`" : "", key->initial ? key->initial : "built in",
		       key->initial ? "`" : "", key->text);
	puts("\n"
	     "`built in` stands for what ships with aicp; `[]` means none. A folder stands for its "
	     "`*.yaml` and `*.yml` files in\n"
	     "the order of their names.");
}

static void write_operations(void)
{
	puts("| operation | permission | query parameters | what it is |\n"
	     "|---|---|---|---|");
	for (unsigned i = 0; i < _ROUTE_COUNT; i++) {
		const struct route *r = route_row((enum route_id)i);

		printf("| `%s %s` | `%s` | %s | %s |\n", route_method_name(r->method), r->path,
		       permission_name(r->permission), r->parameters, r->summary);
	}
}

static void write_roles(void)
{
	static const char *const role[] = {"admin",   "operator", "developer",
					   "auditor", "approver", "user"};

	printf("\n## Roles\n\n| permission |");
	for (size_t k = 0; k < sizeof(role) / sizeof(*role); k++)
		printf(" %s |", role[k]);
	puts("\n|---|---|---|---|---|---|---|");
	for (unsigned i = PERMISSION_AUTHENTICATED; i < _PERMISSION_COUNT; i++) {
		printf("| `%s` |", permission_name((enum permission)i));
		for (size_t k = 0; k < sizeof(role) / sizeof(*role); k++)
			printf(" %s |", permission_held((enum permission)i, role[k]) ? "yes" : "");
		putchar('\n');
	}
}

static void write_faults(void)
{
	puts("\n## Errors\n"
	     "\n"
	     "`{\"error\": code, \"message\": text, \"details\": {...}, \"request_id\": id}`; the "
	     "text "
	     "says what is wrong and how to mend it.\n"
	     "\n"
	     "| status | codes |\n"
	     "|---|---|");
	for (unsigned i = 0, k; i < _API_FAULT_COUNT; i = k) {
		unsigned status = answer_fault_status((enum api_fault)i);

		printf("| %u | `%s`", status, answer_fault_code((enum api_fault)i));
		for (k = i + 1;
		     k < _API_FAULT_COUNT && answer_fault_status((enum api_fault)k) == status; k++)
			printf(", `%s`", answer_fault_code((enum api_fault)k));
		puts(" |");
	}
}

static void write_api(void)
{
	puts("# API\n"
	     "\n"
	     "<!-- Made from daemon/api/*.def by `make docs`; do not edit. -->\n"
	     "\n"
	     "JSON over HTTP/1.1, on two listeners. On `RUNTIME_DIR/api.sock` the kernel says who "
	     "asks: "
	     "root is admin, others need\n"
	     "a key. On the loopback address `api.listen` every request carries an API key, as "
	     "`Authorization: Bearer KEY` or\n"
	     "`X-API-Key: KEY`; the first one is in `STATE_DIR/admin.key`. `/api/openapi.json` is "
	     "the "
	     "same as below, for programs.\n"
	     "\n"
	     "Refused, on every path and in this order: a Host that is not the listen address or "
	     "`localhost` with the port (421; not\n"
	     "on the socket), no key or a wrong one (401; 429 when too many are wrong), a key "
	     "without "
	     "the right (403), a foreign\n"
	     "Origin or `Sec-Fetch-Site: cross-site` (403), a write that is not `application/json` "
	     "(415), a body over 1 MiB (413),\n"
	     "an unknown path (404) or method (405), an unknown or repeated query parameter (400). "
	     "None of these waits for the\n"
	     "body; one that comes in chunks is counted as it comes.\n"
	     "\n"
	     "Content of requests and responses is never shown: a log entry says how long they "
	     "were. Times "
	     "are "
	     "RFC 3339 or seconds since\n"
	     "1970. `user` and `requester_id` are `uid:NUMBER` as the kernel says, or the end user "
	     "that "
	     "a request names. `limit` is at\n"
	     "most 10000 (default 100); `after` takes an `event_id` and gives what came behind it, "
	     "oldest first.\n");
	write_operations();
	write_roles();
	write_faults();
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "facts") == 0)
		write_facts();
	else if (argc == 2 && strcmp(argv[1], "config") == 0)
		write_config();
	else if (argc == 2 && strcmp(argv[1], "api") == 0)
		write_api();
	else
		return 2;
	return fflush(stdout) == 0 ? 0 : 1;
}
