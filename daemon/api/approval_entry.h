/* SPDX-License-Identifier: MIT */
/* One approval as the API shows it, without the request's content (approval_content.h). */
#pragma once

#include "base/json_write.h"
#include "ledger/query_approvals.h"

/* The one workflow of this version: one person, once. */
#define APPROVAL_WORKFLOW "single-approver"

struct request;

/* The path names no approval: a 404. Returns REQUEST_DONE. */
int approval_unknown(struct request *request);

/* Writes the members of an object that is open. */
void approval_entry_put(const struct query_approval *approval, struct json_write *w);
