/* SPDX-License-Identifier: MIT */
/* layer: model */
/* Writes the documents that are made from tables: `generate facts` is docs/FACTS.md, `generate
 * config` is docs/CONFIG.md. */
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
	     "A list that is left out means what ships with aicp; `[]` means none. A folder stands "
	     "for its `*.yaml` and `*.yml`\n"
	     "files in the order of their names.");
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "facts") == 0)
		write_facts();
	else if (argc == 2 && strcmp(argv[1], "config") == 0)
		write_config();
	else
		return 2;
	return fflush(stdout) == 0 ? 0 : 1;
}
