/* SPDX-License-Identifier: MIT */
#include "io/governed.h"

#include "io/role_rules.h"

#include "aicp/shim.h"
#include "base/cleanup.h"
#include "provider/hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

DEFINE_FREEP(struct provider_set, provider_set_unref)

static void put_provider(const struct provider *provider, struct buf *out)
{
	struct span name = provider_name(provider);
	const struct span *host;
	size_t n = provider_hosts(provider, &host);

	for (size_t i = 0; i < n; i++) {
		struct span without;

		buf_printf(out, "%s\t%.*s\t%.*s\n", host_port(host[i], &without) ? "clear" : "host",
			   SPAN_ARG(host[i]), SPAN_ARG(name));
	}
	buf_printf(out, "shape\t%.*s\t%.*s\n", SPAN_ARG(name),
		   SPAN_ARG(provider_error_template(provider)));
}

int governed_text(const struct role_bundle *bundle, const struct config *config, struct buf *out,
		  struct yaml_error *error)
{
	struct provider_set *set CLEANUP(provider_set_unrefp) = NULL;
	int r = role_rules_providers(bundle, &set, error);

	if (r)
		return r;
	buf_printf(out, "aicp-governed\t1\nfail\t%s\nmode\t%s\n",
		   config->fail == CONFIG_FAIL_OPEN ? "open" : "closed", mode_name(config->mode));
	for (size_t i = 0; i < provider_set_count(set); i++)
		put_provider(provider_set_at(set, i), out);
	if (out->err == -E2BIG || out->n > AICP_GOVERNED_BYTES_MAX) {
		yaml_error_set(error, bundle->config_name, 0,
			       "the providers name more hosts than %u bytes can hold",
			       AICP_GOVERNED_BYTES_MAX);
		return PARSE_E_LIMIT;
	}
	return out->err;
}

static int write_all(int fd, struct span text)
{
	for (size_t done = 0; done < text.n;) {
		ssize_t n = write(fd, text.p + done, text.n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	/* Whatever the umask: every program on the host reads it. */
	return fchmod(fd, 0644) < 0 ? -errno : 0;
}

int governed_write(const char *runtime_dir, struct span text)
{
	int dir CLEANUP(cleanup_closep) = open(runtime_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd CLEANUP(cleanup_closep) = -1;
	int r;

	if (dir < 0)
		return -errno;
	unlinkat(dir, AICP_GOVERNED_FILE ".new", 0);
	fd = openat(dir, AICP_GOVERNED_FILE ".new",
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text);
	if (!r && renameat(dir, AICP_GOVERNED_FILE ".new", dir, AICP_GOVERNED_FILE) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir, AICP_GOVERNED_FILE ".new", 0);
	return r;
}
