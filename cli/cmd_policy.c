/* SPDX-License-Identifier: MIT */
/* aicp policy check and aicp policy eval: policy files judged on the spot, by the daemon's own
 * code. */
#include "aicp/limits.h"
#include "base/json_write.h"
#include "cmd.h"
#include "model/facts_json.h"
#include "policy_files.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#define ERRORS_BYTES_MAX      (4u << 20)
#define EXPLANATION_BYTES_MAX (64u << 20)
#define FACTS_BYTES_MAX	      (40u << 20)

static int add_files(struct policy_files *files, int argc, char **argv, const char *command)
{
	if (optind == argc)
		return cmd_bad_usage(command, "which policy FILE or FOLDER?");
	for (int i = optind; i < argc; i++) {
		int rc = policy_files_add(files, argv[i]);

		if (rc)
			return rc;
	}
	return 0;
}

static int loading_failed(int err, struct yaml_error *error)
{
	if (err < 0)
		return cmd_fail("policies cannot be loaded: %s", strerror(-err));
	fprintf(stderr, "%.*s\n", SPAN_ARG(buf_span(&error->text)));
	return CMD_FAILED;
}

/* {"errors": ["FILE:LINE: …"], "files": n, "ok": bool, "policies": n} */
static int print_check_json(const struct policy_files *files, struct span errors, size_t policies)
{
	struct buf out = BUF_INIT(2 * ERRORS_BYTES_MAX);
	struct json_write w;
	bool ok = !errors.n;
	int r;

	json_write_init(&w, &out, true);
	json_write_object(&w, NULL);
	json_write_array(&w, "errors");
	while (errors.n) {
		size_t end = span_find(errors, '\n');

		json_write_string(&w, NULL, span_sub(errors, 0, end));
		errors = span_sub(errors, end + 1, errors.n);
	}
	json_write_end_array(&w);
	json_write_int(&w, "files", (int64_t)files->n);
	json_write_bool(&w, "ok", ok);
	json_write_int(&w, "policies", (int64_t)policies);
	json_write_end_object(&w);
	r = out.err;
	if (!r)
		printf("%.*s\n", SPAN_ARG(buf_span(&out)));
	buf_deinit(&out);
	return r ? cmd_fail("out of memory") : ok ? CMD_OK : CMD_FAILED;
}

static int print_check(const struct policy_files *files, struct span errors, size_t policies,
		       size_t errors_n)
{
	if (errors.n) {
		fprintf(stderr, "%.*s", SPAN_ARG(errors));
		fprintf(stderr, "%zu %s; the set is refused as a whole\n", errors_n,
			errors_n == 1 ? "error" : "errors");
		return CMD_FAILED;
	}
	printf("%zu %s in %zu %s: no errors\n", policies, policies == 1 ? "policy" : "policies",
	       files->n, files->n == 1 ? "file" : "files");
	return CMD_OK;
}

static int check(const struct policy_files *files, bool json)
{
	struct buf errors = BUF_INIT(ERRORS_BYTES_MAX);
	struct yaml_error error = YAML_ERROR_INIT;
	struct policy_set *set = NULL;
	size_t errors_n, policies = 0;
	int rc, err = policy_check(files->source, files->n, &errors, &errors_n);

	if (!err && !errors_n)
		err = policy_load(files->source, files->n, &set, &error);
	if (set)
		policies = policy_set_count(set);
	if (err)
		rc = loading_failed(err, &error);
	else if (json)
		rc = print_check_json(files, buf_span(&errors), policies);
	else
		rc = print_check(files, buf_span(&errors), policies, errors_n);
	policy_set_unref(set);
	buf_deinit(&errors);
	yaml_error_deinit(&error);
	return rc;
}

int cmd_policy_check(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
	struct policy_files files = {0};
	bool json = cli->json;
	int c, rc;

	optind = 1;
	while ((c = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		if (c != 'j')
			return cmd_bad_usage("policy check", "unknown option");
		json = true;
	}
	rc = add_files(&files, argc, argv, "policy check");
	if (!rc)
		rc = check(&files, json);
	policy_files_deinit(&files);
	return rc;
}

struct eval_args {
	bool explain, json;
	enum mode mode;
	struct facts *facts;
};

/* What a declared fact is written as is what it is: a number, true or false, or text. */
static struct fact_value declared_value(const char *text)
{
	struct yaml_node node = {.kind = YAML_SCALAR, .text = span_str(text)};
	struct fact_value value = {.kind = FACT_TEXT, .text = node.text};

	if (yaml_bool(&node, &value.boolean))
		value.kind = FACT_BOOL;
	else if (yaml_number(&node, &value.number))
		value.kind = FACT_NUMBER;
	return value;
}

/* --fact name=value; a list fact takes one item each time. */
static int set_fact(struct facts *facts, const char *arg)
{
	const char *equals = strchr(arg, '=');
	struct span name = span_of(arg, equals ? (size_t)(equals - arg) : 0);
	enum fact_id id = fact_find(name);
	struct fact_value value;
	int r;

	if (!equals)
		return cmd_bad_usage("policy eval", "--fact wants NAME=VALUE, and got `%s`", arg);
	value = (struct fact_value){.kind = FACT_TEXT, .text = span_str(equals + 1)};
	if (id == _FACT_COUNT)
		value = declared_value(equals + 1);
	if (id != _FACT_COUNT && fact_info(id)->kind == FACT_LIST)
		r = facts_add(facts, id, value.text);
	else
		r = facts_set_open(facts, name, &value);
	if (r == -EINVAL && id == _FACT_COUNT)
		return cmd_fail(
			"there is no fact `%.*s`; docs/FACTS.md lists all, and declared ones begin "
			"with context., metadata. or agent.",
			SPAN_ARG(name));
	if (r == -EINVAL)
		return cmd_fail("`%s`: the fact is a %s", arg, fact_kind_name(fact_info(id)->kind));
	return r < 0 ? cmd_fail("`%.*s`: %s", SPAN_ARG(name), strerror(-r)) : 0;
}

static int read_facts_file(struct facts *facts, const char *path)
{
	struct buf text = BUF_INIT(FACTS_BYTES_MAX), error = BUF_INIT(4096);
	struct json_scan *scan = json_scan_new(AICP_JSON_TOKENS_MAX);
	int rc = scan ? cmd_read_file(path, FACTS_BYTES_MAX, &text) : cmd_fail("out of memory");

	if (!rc) {
		int r = facts_json_read(facts, scan, buf_span(&text), &error);

		if (r > 0)
			rc = cmd_fail("%s: %.*s", path, SPAN_ARG(buf_span(&error)));
		else if (r < 0)
			rc = cmd_fail("%s: %s", path, strerror(-r));
	}
	json_scan_free(scan);
	buf_deinit(&text);
	buf_deinit(&error);
	return rc;
}

static int read_mode(const char *word, enum mode *ret_mode)
{
	if (strcmp(word, "enforce") != 0 && strcmp(word, "monitor") != 0)
		return cmd_bad_usage("policy eval", "--mode is enforce or monitor");
	*ret_mode = strcmp(word, "monitor") == 0 ? MODE_MONITOR : MODE_ENFORCE;
	return 0;
}

static int print_verdict(const struct verdict *v)
{
	printf("%s", verdict_action_name(v->action));
	if (v->would != v->action)
		printf(" (if all were enforced: %s)", verdict_action_name(v->would));
	if (v->policy.n)
		printf(": %.*s: %.*s", SPAN_ARG(v->policy), SPAN_ARG(v->text));
	else
		printf(": %s", reason_text(v->reason));
	printf("\n");
	return 0;
}

/* Prints what was asked for; CMD_OK when the call passes as it stands, CMD_USAGE when it does not.
 */
static int evaluate(const struct policy_set *set, const struct eval_args *args)
{
	struct policy_eval *eval = policy_eval_new();
	struct buf out = BUF_INIT(EXPLANATION_BYTES_MAX);
	struct verdict v;
	int r = 0;

	if (!eval || facts_json_complete(args->facts) < 0) {
		policy_eval_free(eval);
		return cmd_fail("out of memory");
	}
	v = policy_evaluate(set, eval, args->facts, args->mode);
	if (args->json)
		r = policy_explain(set, eval, args->facts, args->mode, &out);
	else if (args->explain)
		r = policy_explain_text(set, eval, args->facts, args->mode, &out);
	else
		print_verdict(&v);
	if (!r && out.n)
		printf("%.*s%s", SPAN_ARG(buf_span(&out)), args->json ? "\n" : "");
	buf_deinit(&out);
	policy_eval_free(eval);
	if (r)
		return cmd_fail("the explanation cannot be written: %s", strerror(-r));
	return v.action > VERDICT_WARN ? CMD_USAGE : CMD_OK;
}

static int read_option(struct eval_args *args, int c)
{
	switch (c) {
	case 'e':
		args->explain = true;
		return 0;
	case 'j':
		args->json = true;
		return 0;
	case 'm':
		return read_mode(optarg, &args->mode);
	case 'F':
		return read_facts_file(args->facts, optarg);
	case 'f':
		return set_fact(args->facts, optarg);
	}
	return cmd_bad_usage("policy eval", "unknown option");
}

static int load_and_evaluate(const struct policy_files *files, const struct eval_args *args)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct policy_set *set;
	int rc, err = policy_load(files->source, files->n, &set, &error);

	if (err) {
		rc = loading_failed(err, &error);
	} else {
		rc = evaluate(set, args);
		policy_set_unref(set);
	}
	yaml_error_deinit(&error);
	return rc;
}

int cmd_policy_eval(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"explain", no_argument, NULL, 'e'},	{"json", no_argument, NULL, 'j'},
		{"mode", required_argument, NULL, 'm'}, {"facts", required_argument, NULL, 'F'},
		{"fact", required_argument, NULL, 'f'}, {0},
	};
	struct eval_args args = {.facts = facts_new(), .json = cli->json, .mode = MODE_ENFORCE};
	struct policy_files files = {0};
	int c, rc = args.facts ? 0 : cmd_fail("out of memory");

	optind = 1;
	while (!rc && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		rc = read_option(&args, c);
	if (!rc)
		rc = add_files(&files, argc, argv, "policy eval");
	if (!rc)
		rc = load_and_evaluate(&files, &args);
	policy_files_deinit(&files);
	facts_free(args.facts);
	return rc;
}
