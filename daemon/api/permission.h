/* SPDX-License-Identifier: MIT */
/* Permissions and the roles that hold them: permission.def. */
#pragma once

#include "base/span.h"

enum permission {
	PERMISSION_PUBLIC, /* open: no key is asked for */
	PERMISSION_AUTHENTICATED, /* any valid key */
#define X(id, name, roles) PERMISSION_##id,
#include "api/permission.def"
#undef X
	_PERMISSION_COUNT,
};

const char *permission_name(enum permission permission);

/* Does a key of that role hold it? An unknown role is only authenticated. */
bool permission_held(enum permission permission, const char *role);
