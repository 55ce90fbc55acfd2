/* SPDX-License-Identifier: MIT */
/* aicpd: reads the command line, then is the warden, or the role that the warden asked for. */
#include "api/api.h"
#include "base/cleanup.h"
#include "embed.h"
#include "io/log.h"
#include "io/role.h"
#include "io/warden.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#define CONFIG_DEFAULT "/etc/aicp/aicp.yaml"

#if defined(__SANITIZE_ADDRESS__)
/* Roles cannot be traced, which the leak checker would need. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static const char usage[] =
	"usage: aicpd [-c FILE] [-t] [--rootless] [--debug]\n"
	"\n"
	"Governs how programs on this host use AI providers.\n"
	"\n"
	"  -c, --config FILE  configuration (default " CONFIG_DEFAULT "; with --rootless: none)\n"
	"  -t, --test         read configuration, policies and providers, say what is wrong, and "
	"exit\n"
	"      --rootless     run as this user, for programs that carry the shim\n"
	"      --debug        log more\n"
	"      --version      print the version and exit\n"
	"      --help         print this and exit\n";

struct arguments {
	struct warden_options warden;
	bool test;
	struct role role;
	bool is_role;
};

enum { OPT_ROOTLESS = 256, OPT_DEBUG, OPT_VERSION, OPT_HELP, OPT_ROLE, OPT_UID, OPT_GID };

/* The last three are between the warden and its children, and in no documentation. */
static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},      {"test", no_argument, NULL, 't'},
	{"rootless", no_argument, NULL, OPT_ROOTLESS}, {"debug", no_argument, NULL, OPT_DEBUG},
	{"version", no_argument, NULL, OPT_VERSION},   {"help", no_argument, NULL, OPT_HELP},
	{"role", required_argument, NULL, OPT_ROLE},   {"uid", required_argument, NULL, OPT_UID},
	{"gid", required_argument, NULL, OPT_GID},     {NULL, 0, NULL, 0},
};

static bool number(const char *text, unsigned *ret_value)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || end == text || value == 0 || value >= UINT32_MAX)
		return false;
	*ret_value = (unsigned)value;
	return true;
}

static bool find_role(const char *name, enum link_role *ret_role)
{
	for (unsigned i = LINK_ENGINE; i < _LINK_ROLE_COUNT; i++) {
		if (strcmp(name, link_role_name((enum link_role)i)) == 0) {
			*ret_role = (enum link_role)i;
			return true;
		}
	}
	return false;
}

/* An exit status, or -1 to go on. */
static int take_option(int option, struct arguments *a)
{
	switch (option) {
	case 'c':
		a->warden.source.config_path = optarg;
		return -1;
	case 't':
		a->test = true;
		return -1;
	case OPT_ROOTLESS:
		a->warden.rootless = a->role.rootless = true;
		return -1;
	case OPT_DEBUG:
		a->warden.debug = a->role.debug = true;
		return -1;
	case OPT_VERSION:
		puts("aicpd " AICP_VERSION);
		return 0;
	case OPT_HELP:
		fputs(usage, stdout);
		return 0;
	case OPT_ROLE:
		a->is_role = true;
		return find_role(optarg, &a->role.self) ? -1 : 2;
	case OPT_UID:
		a->role.change_user = true;
		return number(optarg, &a->role.uid) ? -1 : 2;
	case OPT_GID:
		return number(optarg, &a->role.gid) ? -1 : 2;
	}
	fputs("aicpd: `aicpd --help` lists the options\n", stderr);
	return 2;
}

/* An exit status, or -1 to go on. */
static int read_arguments(int argc, char **argv, struct arguments *a)
{
	int option, status;

	while ((option = getopt_long(argc, argv, "c:t", options, NULL)) != -1) {
		status = take_option(option, a);
		if (status >= 0)
			return status;
	}
	if (optind < argc) {
		fprintf(stderr, "aicpd: what is `%s`? `aicpd --help` lists the options\n",
			argv[optind]);
		return 2;
	}
	if (!a->warden.source.config_path && !a->warden.rootless)
		a->warden.source.config_path = CONFIG_DEFAULT;
	return -1;
}

static int run_api(const struct role *role)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct config *config = NULL;
	struct role_bundle *bundle = NULL;
	struct api_start start = {
		.unix_fd = ROLE_FD_LISTEN,
		.tcp_fd = ROLE_FD_LISTEN + 1,
		.rootless = role->rootless,
	};
	int r = role_start(role, &start.warden, &bundle);

	if (!r)
		r = config_parse(bundle->config, bundle->config_name, &config, &error);
	yaml_error_deinit(&error);
	if (r)
		return 1;
	start.state_dir = bundle->state_dir;
	start.config = config;
	r = api_run(&start);
	if (r < 0 && r != -EPIPE)
		log_say(LOG_ERROR, "api", "the API stops: %s", strerror(-r));
	config_free(config);
	role_bundle_free(bundle);
	return r ? 1 : 0;
}

static int run_role(const struct role *role)
{
	switch (role->self) {
	case LINK_ENGINE:
		return engine_role_run(role);
	case LINK_LEDGER:
		return ledger_role_run(role);
	case LINK_API:
		return run_api(role);
	case LINK_COURIER:
		return courier_role_run(role);
	case LINK_READER:
		return reader_role_run(role);
	case LINK_WARDEN:
	case _LINK_ROLE_COUNT:
		break;
	}
	return 2;
}

static int run_warden(struct arguments *a)
{
	struct source_builtin *builtin CLEANUP(cleanup_freep) =
		calloc(embed_files_n + 1, sizeof(*builtin));

	if (!builtin)
		return 1;
	for (size_t i = 0; i < embed_files_n; i++)
		builtin[i] = (struct source_builtin){embed_files[i].name, embed_files[i].bytes};
	a->warden.source.builtin = builtin;
	a->warden.source.builtin_n = embed_files_n;
	return a->test ? warden_check(&a->warden) : warden_run(&a->warden);
}

int main(int argc, char **argv)
{
	struct arguments a = {0};
	int status = read_arguments(argc, argv, &a);

	if (status >= 0)
		return status;
	return a.is_role ? run_role(&a.role) : run_warden(&a);
}
