/* SPDX-License-Identifier: MIT */
/* The policies and providers of a bundle, loaded. */
#pragma once

#include "io/role_bundle.h"
#include "policy/policy.h"
#include "provider/provider.h"

/* As policy_load() and provider_load(), of all files of that kind in the bundle. */
MUST_CHECK int role_rules_policies(const struct role_bundle *bundle, struct policy_set **ret_set,
				   struct yaml_error *error);
MUST_CHECK int role_rules_providers(const struct role_bundle *bundle, struct provider_set **ret_set,
				    struct yaml_error *error);
