/* SPDX-License-Identifier: MIT */
#include "policy/entry.h"

#include "aicp/limits.h"
#include "policy/condition.h"
#include "policy/place.h"
#include "policy/scope.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum key {
#define X(id, name) KEY_##id,
#include "policy/key.def"
#undef X
	_KEY_COUNT,
};

static const char *const names[_KEY_COUNT] = {
#define X(id, name) name,
#include "policy/key.def"
#undef X
};

/* The values of one policy's keys; NULL where a key was left out. */
struct entry {
	struct load *load;
	const struct yaml_node *mapping;
	const struct yaml_node *key[_KEY_COUNT];
};

static int unknown_key(struct load *load, const struct yaml_node *key)
{
	struct nearest near = {0};

	for (int i = 0; i < _KEY_COUNT; i++)
		nearest_offer(&near, key->text, span_str(names[i]));
	return LOAD_FAIL(load, key->line,
			 "a policy has no key `%.*s`" NEAREST_FMT
			 " (notes of your own belong under `metadata:`)",
			 YAML_SHOW(key->text), NEAREST_ARG(near));
}

static int sort_keys(struct entry *e)
{
	yaml_foreach (node, e->mapping) {
		int i = 0;

		while (i < _KEY_COUNT && !span_eq_str(node->key->text, names[i]))
			i++;
		if (i == _KEY_COUNT)
			return unknown_key(e->load, node->key);
		e->key[i] = node;
	}
	return 0;
}

/* Both of two keys that say the same is once too often. */
static int check_either(struct entry *e, enum key a, enum key b)
{
	if (!e->key[a] || !e->key[b])
		return 0;
	return LOAD_FAIL(e->load, e->key[b]->key->line,
			 "`%s` and `%s` say the same (the other stands in line %d); keep one",
			 names[a], names[b], e->key[a]->key->line);
}

static int check_pairs(struct entry *e)
{
	int err = check_either(e, KEY_WHEN, KEY_IF);

	if (!err)
		err = check_either(e, KEY_MODE, KEY_ENFORCE);
	if (!err)
		err = check_either(e, KEY_POLICY, KEY_NAME);
	return err;
}

/* Texts of a policy come out in terminals, logs and answers. */
static bool has_control(struct span s, bool lines)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < 0x20 && !(lines && (s.p[i] == '\n' || s.p[i] == '\t'))) ||
		    s.p[i] == 0x7f || (s.p[i] == 0xc2 && i + 1 < s.n && s.p[i + 1] < 0xa0))
			return true;
	return false;
}

/* Texts that people read. `note: |` leaves a line end behind, which is not meant. */
static int read_text(struct entry *e, enum key key, size_t bytes_max, struct span *ret_text)
{
	const struct yaml_node *node = e->key[key];
	struct span text;

	if (!node)
		return 0;
	if (node->kind != YAML_SCALAR || yaml_is_null(node))
		return LOAD_FAIL(e->load, node->line, "`%s` wants a text", names[key]);
	text = node->text;
	while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == ' '))
		text.n--;
	if (text.n > bytes_max)
		return LOAD_FAIL(e->load, node->line, "`%s` is longer than %zu bytes", names[key],
				 bytes_max);
	if (has_control(text, true))
		return LOAD_FAIL(e->load, node->line, "`%s` must not hold control characters",
				 names[key]);
	*ret_text = text;
	return 0;
}

static int check_name(struct load *load, const struct yaml_node *node, struct span name)
{
	if (!name.n || name.p[0] == ' ')
		return LOAD_FAIL(load, node->line,
				 "a name must not be empty or begin with a blank");
	if (has_control(name, false))
		return LOAD_FAIL(load, node->line,
				 "a name must not hold control characters or line ends");
	return 0;
}

static int read_names(struct entry *e, struct policy *policy)
{
	enum key key = e->key[KEY_ID] ? KEY_ID : e->key[KEY_POLICY] ? KEY_POLICY : KEY_NAME;
	int err;

	if (!e->key[key])
		return LOAD_FAIL(e->load, e->mapping->line,
				 "a policy without a name; write `policy: NAME` or `name: NAME`");
	err = read_text(e, key, AICP_POLICY_NAME_BYTES_MAX, &policy->name);
	if (!err)
		err = check_name(e->load, e->key[key], policy->name);
	if (!err && key == KEY_ID)
		err = read_text(e, e->key[KEY_POLICY] ? KEY_POLICY : KEY_NAME,
				AICP_POLICY_NAME_BYTES_MAX, &policy->title);
	return err;
}

static int unknown_action(struct load *load, const struct yaml_node *node, struct span word)
{
	static const char *const words[] = {"allow",	"warn",	 "redact",	    "hold",
					    "block",	"deny",	 "escalate",	    "review",
					    "log_only", "audit", "require_approval"};
	struct nearest near = {0};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		nearest_offer(&near, word, span_str(words[i]));
	return LOAD_FAIL(load, node->line,
			 "there is no action `%.*s`" NEAREST_FMT
			 " (allow, warn, redact, hold or block)",
			 YAML_SHOW(word), NEAREST_ARG(near));
}

static int read_action_word(struct load *load, const struct yaml_node *node,
			    enum verdict_action *ret_action)
{
	if (node->kind != YAML_SCALAR || yaml_is_null(node))
		return LOAD_FAIL(load, node->line,
				 "an action is one word: allow, warn, redact, hold or block");
	if (!verdict_action_find(node->text, ret_action))
		return unknown_action(load, node, node->text);
	return 0;
}

static int unknown_then_key(struct load *load, const struct yaml_node *key)
{
	struct nearest near = {0};

	nearest_offer(&near, key->text, span_str("action"));
	nearest_offer(&near, key->text, span_str("reason"));
	return LOAD_FAIL(load, key->line,
			 "`then` has no key `%.*s`" NEAREST_FMT
			 " (it takes `action: NAME` or one `NAME: true`, and `reason`)",
			 YAML_SHOW(key->text), NEAREST_ARG(near));
}

/* One `ACTION: true` of a then mapping. */
static int read_action_flag(struct load *load, const struct yaml_node *node)
{
	bool value;

	if (!yaml_bool(node, &value) || !value)
		return LOAD_FAIL(
			load, node->line,
			"`%.*s` can only be true here; an action that is not meant is left out",
			YAML_SHOW(node->key->text));
	return 0;
}

/* then: {action: block, reason: …} or then: {block: true}. */
static int read_then_mapping(struct entry *e, struct policy *policy)
{
	const struct yaml_node *action = NULL;
	int err = 0;

	yaml_foreach (node, e->key[KEY_THEN]) {
		if (span_eq_str(node->key->text, "reason")) {
			if (e->key[KEY_REASON])
				return LOAD_FAIL(
					e->load, node->key->line,
					"two reasons (the other stands in line %d); keep one",
					e->key[KEY_REASON]->key->line);
			e->key[KEY_REASON] = node;
			continue;
		}
		if (!span_eq_str(node->key->text, "action") &&
		    !verdict_action_find(node->key->text, &policy->action))
			return unknown_then_key(e->load, node->key);
		if (action)
			return LOAD_FAIL(
				e->load, node->key->line,
				"a second action beside `%.*s` in line %d; a policy has one: of "
				"several policies the most restrictive wins",
				YAML_SHOW(action->key->text), action->key->line);
		action = node;
		err = span_eq_str(node->key->text, "action")
			      ? read_action_word(e->load, node, &policy->action)
			      : read_action_flag(e->load, node);
		if (err)
			return err;
	}
	if (!action)
		return LOAD_FAIL(e->load, e->key[KEY_THEN]->line,
				 "`then` names no action: allow, warn, redact, hold or block");
	return 0;
}

static int read_then(struct entry *e, struct policy *policy)
{
	const struct yaml_node *then = e->key[KEY_THEN];

	if (!then)
		return LOAD_FAIL(
			e->load, e->mapping->line,
			"policy `%.*s` has no `then`; write the action it asks for: allow, warn, "
			"redact, hold or block",
			YAML_SHOW(policy->name));
	if (then->kind == YAML_MAPPING)
		return read_then_mapping(e, policy);
	return read_action_word(e->load, then, &policy->action);
}

static int read_bool(struct entry *e, enum key key, bool *ret_value)
{
	if (e->key[key] && !yaml_bool(e->key[key], ret_value))
		return LOAD_FAIL(e->load, e->key[key]->line,
				 "`%s` wants true or false, without quotes", names[key]);
	return 0;
}

static int read_switches(struct entry *e, struct policy *policy)
{
	const struct yaml_node *mode = e->key[KEY_MODE], *priority = e->key[KEY_PRIORITY];
	bool enforce = true;
	int err;

	policy->enabled = true;
	err = read_bool(e, KEY_ENABLED, &policy->enabled);
	if (!err)
		err = read_bool(e, KEY_ENFORCE, &enforce);
	if (err)
		return err;
	if (mode && span_eq_str(mode->text, "monitor"))
		enforce = false;
	else if (mode && !span_eq_str(mode->text, "enforce"))
		return LOAD_FAIL(e->load, mode->line, "`mode` is enforce or monitor");
	policy->mode = enforce ? MODE_ENFORCE : MODE_MONITOR;
	if (priority &&
	    (!yaml_int(priority, &policy->priority) || llabs(policy->priority) > AICP_PRIORITY_MAX))
		return LOAD_FAIL(
			e->load, priority->line,
			"`priority` is a whole number from -%u to %u; the higher one gives name "
			"and reason among policies that ask for the same",
			AICP_PRIORITY_MAX, AICP_PRIORITY_MAX);
	return 0;
}

static int add_reference(struct entry *e, const struct yaml_node *node, struct policy *policy)
{
	if (node->kind != YAML_SCALAR || yaml_is_null(node) || !node->text.n ||
	    node->text.n > AICP_POLICY_TEXT_BYTES_MAX)
		return LOAD_FAIL(e->load, node->line,
				 "a compliance reference is a text such as `GDPR Art. 9(1)`");
	if (policy->compliance_n == AICP_POLICY_REFERENCES_MAX)
		return LOAD_FAIL(e->load, node->line, "more than %u compliance references",
				 AICP_POLICY_REFERENCES_MAX);
	policy->compliance[policy->compliance_n++] = node->text;
	return 0;
}

static int read_references(struct entry *e, struct policy *policy)
{
	static const enum key keys[] = {KEY_COMPLIANCE, KEY_COMPLIANCE_STANDARD,
					KEY_COMPLIANCE_REFERENCE, KEY_REGULATORY_REFERENCE};
	int err = 0;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && !err; i++) {
		const struct yaml_node *node = e->key[keys[i]];

		if (!node)
			continue;
		if (!policy->compliance)
			policy->compliance =
				calloc(AICP_POLICY_REFERENCES_MAX, sizeof(*policy->compliance));
		if (!policy->compliance)
			return -ENOMEM;
		if (node->kind != YAML_SEQUENCE)
			err = add_reference(e, node, policy);
		for (const struct yaml_node *item = node->kind == YAML_SEQUENCE ? node->child
										: NULL;
		     item && !err; item = item->next)
			err = add_reference(e, item, policy);
	}
	return err;
}

static int read_texts(struct entry *e, struct policy *policy)
{
	int err = read_text(e, KEY_DESCRIPTION, AICP_POLICY_TEXT_BYTES_MAX, &policy->description);

	if (!err)
		err = read_text(e, KEY_REASON, AICP_POLICY_TEXT_BYTES_MAX, &policy->reason);
	if (!err)
		err = read_text(e, KEY_VERSION, AICP_POLICY_NAME_BYTES_MAX, &policy->version);
	if (!err && e->key[KEY_METADATA] && e->key[KEY_METADATA]->kind != YAML_MAPPING)
		err = LOAD_FAIL(e->load, e->key[KEY_METADATA]->line, "`metadata` wants a mapping");
	/* Whoever is refused is to read something. */
	if (!policy->reason.n)
		policy->reason = policy->description.n ? policy->description : policy->name;
	return err;
}

static int read_conditions(struct entry *e, struct policy *policy)
{
	const struct yaml_node *when = e->key[e->key[KEY_IF] ? KEY_IF : KEY_WHEN];
	size_t first = e->load->set->conditions_n;
	int err;

	if (!when)
		return LOAD_FAIL(
			e->load, e->mapping->line,
			"policy `%.*s` has no `when`; for one that matches every call write `when: "
			"always`",
			YAML_SHOW(policy->name));
	err = scope_read(e->load, e->key[KEY_SCOPE], e->key[KEY_APPLIES_TO], &policy->scope);
	if (!err)
		err = condition_read(e->load, when, &policy->when);
	for (size_t i = first; i < e->load->set->conditions_n; i++)
		policy->leaves += e->load->set->condition[i].kind == CONDITION_LEAF;
	return err;
}

/* `[REDACTED:NAME]`, where the policy does not say. */
static int make_replacement(struct policy *policy)
{
	int n = asprintf(&policy->replacement_made, "[REDACTED:%.*s]", SPAN_ARG(policy->name));

	if (n < 0) {
		policy->replacement_made = NULL;
		return -ENOMEM;
	}
	policy->replacement = span_of(policy->replacement_made, (size_t)n);
	return 0;
}

static int read_redaction(struct entry *e, struct policy *policy)
{
	const struct yaml_node *replacement = e->key[KEY_REPLACEMENT];
	int err = read_text(e, KEY_REPLACEMENT, AICP_POLICY_NAME_BYTES_MAX, &policy->replacement);

	if (err)
		return err;
	if (policy->action != VERDICT_REDACT)
		return replacement ? LOAD_FAIL(e->load, replacement->key->line,
					       "`replacement` stands in for what `then: redact` "
					       "takes out, and this policy redacts nothing")
				   : 0;
	if (!place_finds(e->load->set, policy->when))
		return LOAD_FAIL(
			e->load, e->key[KEY_THEN]->line,
			"policy `%.*s` has nothing to redact: `redact` takes out what the policy's "
			"own tests found, so `when` needs one that looks for something (equals, "
			"in, contains, contains_any, contains_all or matches_pattern) in prompt, "
			"prompt.last, system, assistant, tool_results or text.all",
			YAML_SHOW(policy->name));
	if (!replacement)
		return make_replacement(policy);
	if (!policy->replacement.n)
		return LOAD_FAIL(e->load, replacement->line,
				 "`replacement` must not be empty: who reads the text has to see "
				 "that something was taken out");
	return 0;
}

static int read_all(struct entry *e, struct policy *policy)
{
	int err = sort_keys(e);

	if (!err)
		err = check_pairs(e);
	if (!err)
		err = read_names(e, policy);
	if (!err)
		err = read_then(e, policy);
	if (!err)
		err = read_texts(e, policy);
	if (!err)
		err = read_switches(e, policy);
	if (!err)
		err = read_references(e, policy);
	if (!err)
		err = read_conditions(e, policy);
	if (!err)
		err = read_redaction(e, policy);
	return err;
}

int entry_read(struct load *load, const struct yaml_node *mapping, struct span source)
{
	struct entry e = {.load = load, .mapping = mapping};
	struct policy_set *set = load->set;
	struct policy policy = {.file = load->file, .line = mapping->line, .source = source};
	size_t conditions = set->conditions_n, operands = set->operands_n;
	int64_t at;
	int err;

	if (set->policies_n >= AICP_POLICIES_MAX) {
		LOAD_FAIL(load, mapping->line, "more than %u policies in the whole set",
			  AICP_POLICIES_MAX);
		return PARSE_E_LIMIT;
	}
	err = read_all(&e, &policy);
	at = err ? 0 : SET_APPEND(set, policy, policies_n, policies_cap);
	if (err || at < 0) {
		free(policy.compliance);
		free(policy.replacement_made);
		/* Loading may go on to look for more errors: nothing of this one is left. */
		set->conditions_n = conditions;
		set->operands_n = operands;
		return err ? err : (int)at;
	}
	set->policy[at] = policy;
	return 0;
}
