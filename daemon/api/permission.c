/* SPDX-License-Identifier: MIT */
#include "api/permission.h"

/* Bits, so that a row of permission.def can name several. */
enum role {
	ROLE_ADMIN = 1,
	ROLE_OPERATOR = 2,
	ROLE_DEVELOPER = 4,
	ROLE_AUDITOR = 8,
	ROLE_APPROVER = 16,
	ROLE_USER = 32,
};

static const struct {
	const char *name;
	unsigned bit;
} role_row[] = {
	{"admin", ROLE_ADMIN},	   {"operator", ROLE_OPERATOR}, {"developer", ROLE_DEVELOPER},
	{"auditor", ROLE_AUDITOR}, {"approver", ROLE_APPROVER}, {"user", ROLE_USER},
};

static const struct {
	const char *name;
	unsigned roles;
} permission_row[_PERMISSION_COUNT] = {
	[PERMISSION_PUBLIC] = {"public", ~0u},
	[PERMISSION_AUTHENTICATED] = {"authenticated", ~0u},
#define X(id, text, who) [PERMISSION_##id] = {text, ROLE_ADMIN | (who)},
#include "api/permission.def"
#undef X
};

const char *permission_name(enum permission permission)
{
	return permission_row[permission].name;
}

bool permission_held(enum permission permission, const char *role)
{
	unsigned bit = 0;

	if (permission == PERMISSION_PUBLIC || permission == PERMISSION_AUTHENTICATED)
		return true;
	for (size_t i = 0; i < sizeof(role_row) / sizeof(*role_row); i++)
		if (strcmp(role_row[i].name, role) == 0)
			bit = role_row[i].bit;
	return permission_row[permission].roles & bit;
}
