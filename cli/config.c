/* SPDX-License-Identifier: MIT */
/* The configuration of the daemon that is talked to. */
#include "aicp/limits.h"
#include "aicp/shim.h"
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_file(const char *path, size_t max, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;
	int r = fd < 0 ? -errno : 0;

	*out = BUF_INIT(max + 1);
	while (!r && n > 0 && out->n <= max) {
		r = buf_reserve(out, out->n + 4096 > max + 1 ? max + 1 - out->n : 4096);
		if (r)
			break;
		n = read(fd, out->p + out->n, out->cap - out->n);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			r = -errno;
		else
			out->n += (size_t)n;
	}
	if (!r && out->n > max)
		r = -EFBIG;
	if (fd >= 0)
		close(fd);
	if (r)
		buf_deinit(out);
	return r;
}

int cmd_read_file(const char *path, size_t max, struct buf *ret_text)
{
	struct buf text;
	int r = read_file(path, max, &text);

	if (r == -EFBIG)
		return cmd_fail("%s is larger than %zu bytes", path, max);
	if (r)
		return cmd_fail("%s cannot be read: %s", path, strerror(-r));
	*ret_text = text;
	return 0;
}

int cmd_config(const struct cli *cli, struct config **ret_config)
{
	struct yaml_error error = YAML_ERROR_INIT;
	struct buf text;
	int r = read_file(cli->config_file, AICP_YAML_BYTES_MAX, &text);

	if (r == -ENOENT && !cli->config_named) {
		text = BUF_INIT(1);
		r = 0;
	}
	if (r)
		return cmd_fail("%s cannot be read: %s", cli->config_file, strerror(-r));
	r = config_parse(buf_span(&text), cli->config_file, ret_config, &error);
	if (r > 0)
		fprintf(stderr, "%.*s\n", SPAN_ARG(buf_span(&error.text)));
	else if (r < 0)
		fprintf(stderr, "aicp: %s\n", strerror(-r));
	yaml_error_deinit(&error);
	buf_deinit(&text);
	return r ? CMD_FAILED : 0;
}

/* Where `aicpd --rootless` of this user would be, if it is there and is this user's. */
static bool own_dir(char *out)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	char socket[PATH_MAX + 16];
	struct stat st;

	if (base && base[0] == '/')
		snprintf(out, PATH_MAX, "%s/aicp", base);
	else
		snprintf(out, PATH_MAX, "/tmp/aicp-%u", (unsigned)geteuid());
	snprintf(socket, sizeof(socket), "%s/%s", out, AICP_API_SOCKET);
	return lstat(out, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       access(socket, F_OK) == 0;
}

void cmd_runtime_dir(const struct config *config, char *out)
{
	bool is_default = strcmp(config->runtime_dir, AICP_RUNTIME_DIR_DEFAULT) == 0;

	if (is_default && geteuid() != 0 && own_dir(out))
		return;
	if (is_default && access(AICP_RUNTIME_DIR_DEFAULT, F_OK) < 0 && own_dir(out))
		return;
	/* Not there yet: as it is written; whoever opens something in it says what is missing. */
	if (!realpath(config->runtime_dir, out))
		snprintf(out, PATH_MAX, "%s", config->runtime_dir);
}
