/* SPDX-License-Identifier: MIT */
/*
 * Plays every .yaml of tests/policies: policies, facts, and the verdict that has to come out.
 * Prints TAP itself, one line per case.
 *
 * A file is a list of groups. `policies` is the text of a policy file (or `file`, a path from the
 * root of the tree). Either `error` says the message that loading has to give, or each of `cases`
 * has `facts` and `verdict`, and may have `would`, `policy`, `matched` (names, most restrictive
 * first), `mode` and `case` (what it shows). `redactions` are all places to redact, in order, each
 * as "POLICY FACT BEGIN END TEXT".
 */
#include "policy/policy.h"

#include "base/cleanup.h"

#include <glob.h>
#include <stdio.h>

static int test_n, failed_n;

static void report(bool ok, const char *file, int line, struct span what, const char *got)
{
	printf("%sok %d - %s:%d %.*s\n", ok ? "" : "not ", ++test_n, file, line, SPAN_ARG(what));
	if (!ok) {
		printf("# %s\n", got);
		failed_n++;
	}
}

static struct span text_of(const struct yaml_node *node)
{
	return node ? node->text : SPAN_NULL;
}

static bool set_value(struct facts *facts, struct span name, const struct yaml_node *node)
{
	struct fact_value value = {.kind = FACT_TEXT, .text = node->text};
	struct span item[16];

	if (node->kind == YAML_SEQUENCE) {
		value = (struct fact_value){.kind = FACT_LIST, .list = item};
		yaml_foreach (i, node)
			item[value.list_n++] = i->text;
	} else if (yaml_bool(node, &value.boolean)) {
		value.kind = FACT_BOOL;
	} else if (yaml_number(node, &value.number)) {
		value.kind = FACT_NUMBER;
	}
	/* A model called 4 is text all the same. */
	if (facts_set_open(facts, name, &value) == 0)
		return true;
	value = (struct fact_value){.kind = FACT_TEXT, .text = node->text};
	return facts_set_open(facts, name, &value) == 0;
}

static bool same_matched(const struct policy_set *set, struct policy_eval *eval,
			 const struct yaml_node *names)
{
	const uint32_t *index;
	size_t n = policy_eval_matched(eval, &index), i = 0;

	yaml_foreach (name, names) {
		struct policy_info info;

		if (i == n)
			return false;
		policy_set_info(set, index[i++], &info);
		if (!span_eq(info.name, name->text))
			return false;
	}
	return i == n;
}

static void put_redaction(const struct policy_set *set, const struct facts *facts,
			  const struct policy_finding *r, struct buf *out)
{
	struct span text = facts_get(facts, r->fact)->text;
	struct policy_info info;

	policy_set_info(set, r->policy, &info);
	buf_clear(out);
	buf_printf(out, "%.*s %s %u %u %.*s", SPAN_ARG(info.name), fact_info(r->fact)->name,
		   r->begin, r->end, SPAN_ARG(span_sub(text, r->begin, r->end)));
}

static bool same_redactions(const struct policy_set *set, struct policy_eval *eval,
			    const struct facts *facts, const struct yaml_node *c)
{
	bool monitor = span_eq_str(text_of(yaml_get(c, "mode")), "monitor");
	const struct policy_finding *redaction;
	struct buf line = BUF_INIT(4096);
	bool same = true;
	size_t n = 0, i = 0;

	if (policy_findings(set, eval, monitor ? MODE_MONITOR : MODE_ENFORCE, VERDICT_REDACT,
			    &redaction, &n) < 0)
		return false;
	yaml_foreach (expected, yaml_get(c, "redactions")) {
		if (i < n)
			put_redaction(set, facts, &redaction[i++], &line);
		same = same && span_eq(buf_span(&line), expected->text);
		buf_clear(&line);
	}
	for (size_t k = 0; k < n && !(same && i == n); k++) {
		put_redaction(set, facts, &redaction[k], &line);
		printf("# redaction: %s\n", buf_str(&line));
	}
	buf_deinit(&line);
	return same && i == n;
}

static void play_case(const struct policy_set *set, const struct yaml_node *c, const char *file)
{
	const struct yaml_node *would = yaml_get(c, "would"), *policy = yaml_get(c, "policy");
	const struct yaml_node *matched = yaml_get(c, "matched");
	bool monitor = span_eq_str(text_of(yaml_get(c, "mode")), "monitor");
	struct policy_eval *eval = policy_eval_new();
	struct facts *facts = facts_new();
	struct verdict v;
	char got[512];
	bool ok = true;

	yaml_foreach (fact, yaml_get(c, "facts"))
		ok &= set_value(facts, fact->key->text, fact);
	v = policy_evaluate(set, eval, facts, monitor ? MODE_MONITOR : MODE_ENFORCE);
	snprintf(got, sizeof(got), "%sgot %s, would %s, policy `%.*s`",
		 ok ? "" : "a fact was refused; ", verdict_action_name(v.action),
		 verdict_action_name(v.would), SPAN_ARG(v.policy));
	ok = ok && span_eq_str(text_of(yaml_get(c, "verdict")), verdict_action_name(v.action));
	if (would)
		ok = ok && span_eq_str(would->text, verdict_action_name(v.would));
	if (policy)
		ok = ok && span_eq(policy->text, v.policy);
	if (matched)
		ok = ok && same_matched(set, eval, matched);
	if (yaml_get(c, "redactions"))
		ok = same_redactions(set, eval, facts, c) && ok;
	report(ok, file, c->line, text_of(yaml_get(c, "case")), got);
	facts_free(facts);
	policy_eval_free(eval);
}

static void play_group(const struct yaml_node *group, const char *file)
{
	const struct yaml_node *text = yaml_get(group, "policies"),
			       *error = yaml_get(group, "error");
	struct yaml_error why = YAML_ERROR_INIT;
	struct policy_set *set = NULL;
	struct policy_source source = {.name = "p.yaml", .text = text_of(text)};
	int err = policy_load(&source, 1, &set, &why);
	struct span said = buf_span(&why.text);

	if (error) {
		bool ok = err == PARSE_E_BAD || err == PARSE_E_LIMIT;

		report(ok && span_eq(said, error->text), file, error->line, error->text,
		       err ? (const char *)why.text.p : "it was loaded");
	} else {
		report(!err, file, group->line, SPAN_LIT("loads"),
		       err ? (const char *)why.text.p : "");
		if (!err && !yaml_get(group, "cases"))
			report(false, file, group->line, SPAN_LIT("no cases"),
			       "neither error nor cases");
	}
	yaml_foreach (c, err ? NULL : yaml_get(group, "cases"))
		play_case(set, c, file);
	policy_set_unref(set);
	yaml_error_deinit(&why);
}

static bool read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "r");
	uint8_t part[4096];
	size_t n;

	if (!f)
		return false;
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		buf_put(out, span_of(part, n));
	fclose(f);
	return !out->err;
}

static void play_file(const char *path)
{
	struct buf text = BUF_INIT(1u << 20);
	struct yaml_error why = YAML_ERROR_INIT;
	struct yaml *yaml = NULL;

	if (!read_file(path, &text) ||
	    yaml_parse(buf_span(&text), path, &yaml, &why) != PARSE_DONE) {
		report(false, path, 0, SPAN_LIT("is read"),
		       why.text.n ? (const char *)why.text.p : "");
	} else {
		yaml_foreach (group, yaml_root(yaml))
			play_group(group, path);
		yaml_release(yaml);
	}
	yaml_error_deinit(&why);
	buf_deinit(&text);
}

int main(void)
{
	glob_t found;

	if (glob("tests/policies/*.yaml", 0, NULL, &found) != 0) {
		printf("not ok 1 - tests/policies is not there; run from the root of the "
		       "tree\n1..1\n");
		return 1;
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		play_file(found.gl_pathv[i]);
	globfree(&found);
	printf("1..%d\n", test_n);
	return failed_n ? 1 : 0;
}
