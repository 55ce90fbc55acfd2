/* SPDX-License-Identifier: MIT */
#include "shim_path.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

int shim_path(struct buf *ret_path)
{
	static const char *const beside[] = {"/libaicp.so", "/../libaicp.so",
					     "/../lib/aicp/libaicp.so"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = 0;
		slash = strrchr(self, '/');
		if (slash)
			*slash = 0;
		for (size_t i = 0; i < sizeof(beside) / sizeof(*beside); i++) {
			buf_clear(ret_path);
			buf_printf(ret_path, "%s%s", self, beside[i]);
			if (buf_str(ret_path) && access((const char *)ret_path->p, F_OK) == 0)
				return 0;
		}
	}
	buf_clear(ret_path);
	buf_put_str(ret_path, SHIM_PATH_INSTALLED);
	if (!buf_str(ret_path))
		return ret_path->err;
	return access(SHIM_PATH_INSTALLED, F_OK) == 0 ? 0 : -ENOENT;
}
