/* SPDX-License-Identifier: MIT */
/*
 * A policy set: policies as written by people, compiled once, immutable, then evaluated on facts.
 *
 * Loading can fail, and then nothing of it is used. Evaluating cannot fail: a set, facts and
 * counters in, a verdict out.
 */
#pragma once

#include "base/yaml.h"
#include "model/facts.h"
#include "model/verdict.h"

/* One policy file, given as bytes. */
struct policy_source {
	const char *name; /* as messages shall call it */
	struct span text;
};

struct policy_set; /* counted references */

/* Loads all sources as one set, or nothing: PARSE_DONE, PARSE_E_BAD or PARSE_E_LIMIT with error set
 * ("FILE:LINE: what is wrong, and how to mend it"), -ENOMEM. No sources make an empty set, which
 * allows. */
MUST_CHECK int policy_load(const struct policy_source *sources, size_t n,
			   struct policy_set **ret_set, struct yaml_error *error);

/* For people who write policies: every policy's first error, one line each, appended to errors, and
 * their number. 0, -ENOMEM or -E2BIG (errors full). */
MUST_CHECK int policy_check(const struct policy_source *sources, size_t n, struct buf *errors,
			    size_t *ret_errors);

struct policy_set *policy_set_ref(struct policy_set *set);
void policy_set_unref(struct policy_set *set);

/* SHA-256 over the sources' SHA-256s in their order, hexadecimal, NUL-terminated: what records name
 * the set by. */
const char *policy_set_digest(const struct policy_set *set);
size_t policy_set_count(const struct policy_set *set);

/* What people see of one policy; all borrowed from the set. */
struct policy_info {
	struct span name;
	struct span title; /* of a policy that has an id besides: its name for people */
	struct span description;
	struct span reason;
	struct span replacement; /* what findings of a redacting policy become; else empty */
	struct span version;
	const struct span *compliance; /* references to rules of law or standards, as written */
	size_t compliance_n;
	struct span source; /* the YAML text of this policy as it stands in its file */
	const char *file;
	int line;
	enum verdict_action action;
	bool enabled;
	enum mode mode;
	int64_t priority;
	size_t conditions; /* leaves of the condition tree */
};
void policy_set_info(const struct policy_set *set, size_t index, struct policy_info *ret_info);
/* Index of the policy of that name, or policy_set_count(). */
size_t policy_set_find(const struct policy_set *set, struct span name);

struct policy_eval; /* scratch memory of one evaluating thread; grows as needed and is kept */
struct policy_eval *policy_eval_new(void);
void policy_eval_free(struct policy_eval *eval);

/* Evaluates all enabled policies whose scope fits. The most restrictive action of all matching ones
 * wins; among equals the higher priority, then the earlier in the set, gives name and reason.
 * Policies in monitor mode (or everything, when mode is MODE_MONITOR) count for `would` only. Out
 * of memory blocks. The verdict borrows from set. Warns keep their own list: see
 * policy_eval_matched(). */
struct verdict policy_evaluate(const struct policy_set *set, struct policy_eval *eval,
			       const struct facts *facts, enum mode mode);

/* Indexes of the policies that matched in the last policy_evaluate(), most restrictive first. */
size_t policy_eval_matched(const struct policy_eval *eval, const uint32_t **ret_index);

/* Something that a policy found: what a redacting one wants out, what a holding one shows to
 * people. */
struct policy_finding {
	uint32_t policy; /* index in the set */
	enum fact_id fact; /* prompt, prompt.last, system, assistant, tool_results or text.all */
	uint32_t begin, end; /* bytes of the fact's text; begin < end, characters are whole */
};

/* What all enforced policies with this action (VERDICT_REDACT or VERDICT_HOLD) that matched in the
 * last policy_evaluate() (of the same arguments) found: for each, what its own tests that look for
 * something found in the texts of the body, as far as they came true. A match is as long as it can
 * be. Sorted by policy, fact and place; ranges of one policy in one fact neither overlap nor touch.
 * Complete for redacting policies; patterns that cannot tell where they begin are left out for
 * holding ones. *ret is borrowed from eval until its next use. 0, -ENOMEM, -E2BIG (over
 * AICP_FINDINGS_MAX). */
MUST_CHECK int policy_findings(const struct policy_set *set, struct policy_eval *eval,
			       enum mode mode, enum verdict_action action,
			       const struct policy_finding **ret_finding, size_t *ret_n);

/* Explains the last evaluation as canonical JSON: every policy looked at, with each condition, its
 * value in these facts (texts cut), its result, and why the verdict is what it is. 0, -ENOMEM,
 * -E2BIG. */
int policy_explain(const struct policy_set *set, struct policy_eval *eval,
		   const struct facts *facts, enum mode mode, struct buf *out);
/* The same for a reader of plain text. */
int policy_explain_text(const struct policy_set *set, struct policy_eval *eval,
			const struct facts *facts, enum mode mode, struct buf *out);
