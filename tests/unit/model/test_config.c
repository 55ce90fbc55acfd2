/* SPDX-License-Identifier: MIT */
/* aicp.yaml: defaults, every key, and each refusal with its whole message. */
#include "model/config.h"

#include "aicp/limits.h"
#include "support/oom.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct config *parse(const char *text)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct config *config = NULL;

	if (config_parse(span_str(text), "/etc/aicp/aicp.yaml", &config, &error) != PARSE_DONE)
		fail_msg("%s", error.text.n ? (const char *)error.text.p : "no memory");
	yaml_error_deinit(&error);
	return config;
}

static void test_defaults(void **state)
{
	static const char *const empty[] = {"", "# nothing\n", "{}", "---\n",
					    "approvals: {}\napi: {}\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		struct config *c = parse(empty[i]);

		assert_string_equal(c->state_dir, "/var/lib/aicp");
		assert_string_equal(c->runtime_dir, "/run/aicp");
		assert_string_equal(c->api_listen, "127.0.0.1:8642");
		assert_string_equal(c->api_host, "127.0.0.1");
		assert_int_equal(c->api_port, 8642);
		assert_int_equal(c->mode, MODE_ENFORCE);
		assert_int_equal(c->fail, CONFIG_FAIL_CLOSED);
		assert_int_equal(c->fail_unsure, CONFIG_FAIL_OPEN);
		assert_false(c->policies.set || c->compliance.set || c->providers.set ||
			     c->plugins.set);
		assert_int_equal(c->policies.n, 0);
		assert_false(c->approvals_strict);
		assert_int_equal(c->approvals_hold_seconds, 600);
		assert_int_equal(c->approvals_expiry_seconds, 3600);
		assert_int_equal(c->approvals_approvers.n, 0);
		config_free(c);
	}
	config_free(NULL);
}

static void test_every_key(void **state)
{
	struct config *c = parse("state_dir: /srv/state\n"
				 "runtime_dir: run\n"
				 "api: {listen: '[::1]:99'}\n"
				 "mode: monitor\n"
				 "fail: open\n"
				 "fail_unsure: closed\n"
				 "policies:\n  - policies\n  - /abs/x.yaml\n"
				 "compliance: []\n"
				 "providers: [./p.yaml]\n"
				 "plugins: [/plug]\n"
				 "approvals:\n  strict: true\n  hold_seconds: 840\n"
				 "  expiry_seconds: 1\n  approvers: [0, 1000, 4294967294]\n");

	(void)state;
	assert_string_equal(c->state_dir, "/srv/state");
	assert_string_equal(c->runtime_dir, "/etc/aicp/run");
	assert_string_equal(c->api_listen, "[::1]:99");
	assert_string_equal(c->api_host, "::1");
	assert_int_equal(c->api_port, 99);
	assert_int_equal(c->mode, MODE_MONITOR);
	assert_int_equal(c->fail, CONFIG_FAIL_OPEN);
	assert_int_equal(c->fail_unsure, CONFIG_FAIL_CLOSED);
	assert_true(c->policies.set && c->policies.n == 2);
	assert_string_equal(c->policies.item[0], "/etc/aicp/policies");
	assert_string_equal(c->policies.item[1], "/abs/x.yaml");
	assert_true(c->compliance.set && c->compliance.n == 0);
	assert_string_equal(c->providers.item[0], "/etc/aicp/./p.yaml");
	assert_string_equal(c->plugins.item[0], "/plug");
	assert_true(c->approvals_strict);
	assert_int_equal(c->approvals_hold_seconds, 840);
	assert_int_equal(c->approvals_expiry_seconds, 1);
	assert_int_equal(c->approvals_approvers.n, 3);
	assert_true(config_uids_has(&c->approvals_approvers, 1000));
	assert_true(config_uids_has(&c->approvals_approvers, 4294967294u));
	assert_false(config_uids_has(&c->approvals_approvers, 1));
	config_free(c);
}

/* The table's defaults are what the reader gives, and every key of it can be written. */
static void test_table(void **state)
{
	struct buf text = BUF_INIT(1u << 16);
	size_t n = 0;

	(void)state;
	for (const struct config_key *k; (k = config_key(n)) != NULL; n++) {
		assert_true(*k->name && *k->values && *k->text);
		if (k->initial)
			buf_printf(&text, "%s: %s\n", k->name, k->initial);
	}
	assert_int_equal(n, 14);
	config_free(parse(buf_str(&text)));
	buf_deinit(&text);
}

static void test_listen(void **state)
{
	static const char *const good[][2] = {
		{"127.0.0.1:1", "127.0.0.1"},
		{"127.255.0.9:65535", "127.255.0.9"},
		{"localhost:8642", "localhost"},
		{"[::1]:80", "::1"},
	};
	static const char *const bad[] = {
		"127.0.0.1",	    "127.0.0.1:",      ":8642",		"8642",
		"127.0.0.1:0",	    "127.0.0.1:65536", "127.0.0.1:080", "127.0.0.1:8642x",
		"127.0.0.1:-1",	    "::1:80",	       "[::1]",		"[a]",
		"127.0.0.1:123456",
	};
	static const char *const outside[] = {
		"0.0.0.0:80",	"[]:80",	"10.0.0.1:80",	  "[::]:80",	   "example.com:80",
		"128.0.0.1:80", "127.0.0:80",	"127.0.0.256:80", "127.0.0.01:80", "127.0.0.1.1:80",
		"[::2]:80",	"Localhost:80", "127.1:80",
	};
	struct buf text = BUF_INIT(1000);

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct config *c;

		buf_clear(&text);
		buf_printf(&text, "api.listen: '%s'\n", good[i][0]);
		c = parse(buf_str(&text));
		assert_string_equal(c->api_host, good[i][1]);
		config_free(c);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]) + sizeof(outside) / sizeof(outside[0]);
	     i++) {
		size_t n = sizeof(bad) / sizeof(bad[0]);
		struct yaml_error error = YAML_ERROR_INIT;
		struct config *c = NULL;

		buf_clear(&text);
		buf_printf(&text, "api.listen: '%s'\n", i < n ? bad[i] : outside[i - n]);
		assert_int_equal(config_parse(buf_span(&text), "c.yaml", &c, &error), PARSE_E_BAD);
		assert_null(c);
		if (!strstr((const char *)error.text.p,
			    i < n ? "wants ADDRESS:PORT" : "no loopback address"))
			fail_msg("%s", (const char *)error.text.p);
		yaml_error_deinit(&error);
	}
	buf_deinit(&text);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"mdoe: monitor", "c.yaml:1: there is no key `mdoe`; did you mean `mode`?"},
		{"\n\nfoo: 1", "c.yaml:3: there is no key `foo`"},
		{"listen: 127.0.0.1:1", "c.yaml:1: there is no key `listen`"},
		{"api: {lisen: 127.0.0.1:1}",
		 "c.yaml:1: there is no key `api.lisen`; did you mean `api.listen`?"},
		{"api: 127.0.0.1:1",
		 "c.yaml:1: `api` wants a mapping of its keys; write {} for none"},
		{"api: {listen: 127.0.0.1:1}\napi.listen: 127.0.0.1:2",
		 "c.yaml:2: `api.listen` is set twice (first in line 1); keep one"},
		{"approvals: {quorum: 2}", "c.yaml:1: there is no key `approvals.quorum`"},
		{"approvals: {hold_seconds: 0}", "c.yaml:1: `approvals.hold_seconds` must be a "
						 "whole number of seconds from 1 to 840"},
		{"approvals.hold_seconds: 841", "c.yaml:1: `approvals.hold_seconds` must be a "
						"whole number of seconds from 1 to 840"},
		{"approvals.hold_seconds: 1m", "c.yaml:1: `approvals.hold_seconds` must be a whole "
					       "number of seconds from 1 to 840"},
		{"approvals.hold_seconds: [1]", "c.yaml:1: `approvals.hold_seconds` must be a "
						"whole number of seconds from 1 to 840"},
		{"approvals.expiry_seconds: 604801", "c.yaml:1: `approvals.expiry_seconds` must be "
						     "a whole number of seconds from 1 to 604800"},
		{"approvals.approvers: 1000",
		 "c.yaml:1: `approvals.approvers` wants a list of user ids (numbers), one per line "
		 "behind `- `; `id -u NAME` says a user's"},
		{"approvals.approvers:\n  - 1000\n  - alice",
		 "c.yaml:3: `approvals.approvers` wants a list of user ids (numbers), one per line "
		 "behind `- `; `id -u NAME` says a user's"},
		{"approvals.approvers: [4294967295]",
		 "c.yaml:1: `approvals.approvers` wants a list of user ids (numbers), one per line "
		 "behind `- `; `id -u NAME` says a user's"},
		{"approvals.approvers: [-1]",
		 "c.yaml:1: `approvals.approvers` wants a list of user ids (numbers), one per line "
		 "behind `- `; `id -u NAME` says a user's"},
		{"approvals: {strict: yes}",
		 "c.yaml:1: `approvals.strict` must be true or false, without quotes"},
		{"mode: enforced",
		 "c.yaml:1: `mode` must be enforce or monitor; did you mean `enforce`?"},
		{"mode: [monitor]", "c.yaml:1: `mode` must be enforce or monitor"},
		{"mode:", "c.yaml:1: `mode` must be enforce or monitor"},
		{"fail: maybe", "c.yaml:1: `fail` must be closed or open"},
		{"fail_unsure: Closed",
		 "c.yaml:1: `fail_unsure` must be closed or open; did you mean `closed`?"},
		{"state_dir: ''", "c.yaml:1: `state_dir` wants a path here"},
		{"state_dir: [a]", "c.yaml:1: `state_dir` wants a path here"},
		{"state_dir: \"a\\eb\"",
		 "c.yaml:1: `state_dir`: a path with control characters is refused"},
		{"policies: /x", "c.yaml:1: `policies` wants a list of paths, one per line behind "
				 "`- `; write [] for none, or "
				 "leave the key out for what is built in"},
		{"policies: [a, '']", "c.yaml:1: `policies` wants a path here"},
		{"policies: [[a]]", "c.yaml:1: `policies` wants a path here"},
		{"- mode", "c.yaml:1: the configuration is a mapping: lines of `key: value`"},
		{"mode: monitor\n---\nmode: enforce",
		 "c.yaml:3: a second document; the configuration is one document"},
		{"mode: monitor\nmode: enforce",
		 "c.yaml:2: key `mode` stands twice in one mapping (first in line 1)"},
		{"mode: \"\\e]0;x\\a\"", "c.yaml:1: `mode` must be enforce or monitor"},
		{"\"\\e[2J\\u009b\": x", "c.yaml:1: there is no key `?[2J?`"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct yaml_error error = YAML_ERROR_INIT;
		struct config *c = NULL;

		assert_int_equal(config_parse(span_str(bad[i].text), "c.yaml", &c, &error),
				 PARSE_E_BAD);
		assert_null(c);
		assert_string_equal((const char *)error.text.p, bad[i].message);
		yaml_error_deinit(&error);
	}
}

static void test_long_paths(void **state)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct buf text = BUF_INIT(10000);
	struct config *c = NULL;

	(void)state;
	buf_put_str(&text, "runtime_dir: /");
	for (unsigned i = 1; i < AICP_RUNTIME_DIR_BYTES_MAX; i++)
		buf_put_byte(&text, 'x');
	c = parse(buf_str(&text));
	config_free(c);
	c = NULL;
	buf_put_byte(&text, 'x');
	assert_int_equal(config_parse(buf_span(&text), "c.yaml", &c, &error), PARSE_E_BAD);
	assert_non_null(strstr((const char *)error.text.p, "longer than 80 bytes"));
	yaml_error_deinit(&error);
	buf_clear(&text);
	buf_put_str(&text, "policies: [");
	for (unsigned i = 0; i <= AICP_PATH_BYTES_MAX; i++)
		buf_put_byte(&text, 'x');
	buf_put_str(&text, "]");
	assert_int_equal(config_parse(buf_span(&text), "c.yaml", &c, &error), PARSE_E_BAD);
	assert_non_null(strstr((const char *)error.text.p, "longer than 4095 bytes"));
	assert_null(c);
	yaml_error_deinit(&error);
	buf_deinit(&text);
}

static void parse_out_of_memory(void *ctx)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct config *c = NULL;
	int r = config_parse(
		SPAN_LIT("state_dir: s\napi: {listen: localhost:1}\npolicies: [a, b]\n"),
		"d/c.yaml", &c, &error);

	(void)ctx;
	if (oom_hit())
		assert_true(r == -ENOMEM && !c);
	else
		assert_int_equal(r, PARSE_DONE);
	config_free(c);
	yaml_error_deinit(&error);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	assert_true(oom_each(parse_out_of_memory, NULL) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),      cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_table),	      cmocka_unit_test(test_listen),
		cmocka_unit_test(test_refused),	      cmocka_unit_test(test_long_paths),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
