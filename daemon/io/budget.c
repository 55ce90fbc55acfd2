/* SPDX-License-Identifier: MIT */
#include "io/budget.h"

#include <stdlib.h>

#define BUCKETS 256u

struct budget {
	struct budget_user *bucket[BUCKETS];
	unsigned users, holds, responses;
	size_t response_bytes; /* of all users */
};

struct budget *budget_new(void)
{
	return calloc(1, sizeof(struct budget));
}

void budget_free(struct budget *budget)
{
	if (!budget)
		return;
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (budget->bucket[i]) {
			struct budget_user *user = budget->bucket[i];

			budget->bucket[i] = user->next;
			free(user);
		}
	}
	free(budget);
}

struct budget_user *budget_user(struct budget *budget, uid_t uid)
{
	struct budget_user **at = &budget->bucket[uid % BUCKETS], *user;

	for (user = *at; user; user = user->next)
		if (user->uid == uid)
			return user;
	if (budget->users >= AICP_UIDS_MAX)
		budget_tidy(budget);
	if (budget->users >= AICP_UIDS_MAX)
		return NULL;
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	user->next = *at;
	*at = user;
	budget->users++;
	return user;
}

int budget_enter(struct budget *budget, uid_t uid, struct budget_user **ret_user)
{
	struct budget_user *user = budget_user(budget, uid);

	*ret_user = user;
	if (!user)
		return BUDGET_E_CLOSE;
	if (user->connections < AICP_UID_CONNECTIONS_MAX) {
		user->connections++;
		return 0;
	}
	if (user->refusals < AICP_UID_REFUSALS_MAX) {
		user->refusals++;
		return BUDGET_E_REFUSE;
	}
	return BUDGET_E_CLOSE;
}

void budget_leave(struct budget_user *user)
{
	user->connections--;
}

void budget_leave_refused(struct budget_user *user)
{
	user->refusals--;
}

bool budget_hold(struct budget *budget, struct budget_user *user)
{
	if (user->holds >= AICP_UID_HOLDS_MAX || budget->holds >= AICP_HOLDS_MAX)
		return false;
	user->connections--;
	user->holds++;
	budget->holds++;
	return true;
}

void budget_leave_hold(struct budget *budget, struct budget_user *user)
{
	user->holds--;
	budget->holds--;
}

unsigned budget_holds(const struct budget *budget)
{
	return budget->holds;
}

bool budget_response(struct budget *budget, struct budget_user *user)
{
	if (user->responses >= AICP_UID_RESPONSES_MAX ||
	    budget->responses >= AICP_ENGINE_RESPONSES_MAX)
		return false;
	user->responses++;
	budget->responses++;
	return true;
}

void budget_leave_response(struct budget *budget, struct budget_user *user)
{
	user->responses--;
	budget->responses--;
}

unsigned budget_responses(const struct budget *budget)
{
	return budget->responses;
}

bool budget_response_bytes(struct budget *budget, struct budget_user *user, size_t before,
			   size_t now)
{
	user->response_bytes += now - before;
	budget->response_bytes += now - before;
	return user->response_bytes <= AICP_UID_RESPONSE_BYTES_MAX &&
	       budget->response_bytes <= AICP_ENGINE_RESPONSE_BYTES_MAX;
}

unsigned budget_lose_responses(struct budget *budget)
{
	unsigned n = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct budget_user *user = budget->bucket[i]; user; user = user->next) {
			user->count[BUDGET_RESPONSE_LOST] += user->unanswered;
			n += user->unanswered;
			user->unanswered = 0;
		}
	}
	return n;
}

bool budget_charge(struct budget_user *user, uint64_t bytes)
{
	if (bytes > AICP_UID_BYTES_MAX - user->bytes)
		return false;
	user->bytes += bytes;
	return true;
}

void budget_refund(struct budget_user *user, uint64_t bytes)
{
	user->bytes -= bytes;
}

static bool counted(const struct budget_user *user, enum budget_count *ret_count)
{
	for (unsigned i = 0; i < _BUDGET_COUNTS; i++) {
		if (user->count[i]) {
			*ret_count = (enum budget_count)i;
			return true;
		}
	}
	return false;
}

bool budget_unreported(struct budget *budget, struct budget_user **ret_user,
		       enum budget_count *ret_count)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct budget_user *user = budget->bucket[i]; user; user = user->next) {
			if (counted(user, ret_count)) {
				*ret_user = user;
				return true;
			}
		}
	}
	return false;
}

void budget_tidy(struct budget *budget)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct budget_user **at = &budget->bucket[i];

		while (*at) {
			struct budget_user *user = *at;
			enum budget_count count;

			if (user->connections || user->refusals || user->holds || user->responses ||
			    user->unanswered || counted(user, &count)) {
				at = &user->next;
				continue;
			}
			*at = user->next;
			free(user);
			budget->users--;
		}
	}
}
