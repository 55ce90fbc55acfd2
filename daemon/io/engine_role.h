/* SPDX-License-Identifier: MIT */
/* The engine's process: what its files share. Nobody outside engine_*.c includes this. */
#pragma once

#include "engine/approvals.h"
#include "engine/engine.h"
#include "engine/response.h"
#include "io/budget.h"
#include "io/closer.h"
#include "io/identity_cache.h"
#include "io/role.h"
#include "io/shim_frame.h"
#include "io/worker.h"

enum conn_state {
	CONN_READING, /* no frame yet */
	CONN_IDENTIFYING, /* frame is here, the reader's answer is not */
	CONN_QUEUED, /* waits for the thread that judges large requests */
	CONN_JUDGING, /* the thread has it: nobody else may touch it */
	CONN_RECORDING, /* judged; not durable yet */
	CONN_HELD, /* waits for people */
	CONN_ENDING, /* they answered, or will not; not durable yet */
};

/* Which of the user's budgets a connection is in. */
enum conn_seat { SEAT_JUDGED, SEAT_REFUSED, SEAT_HELD };

/* What a hold knows beside its connection. */
struct held {
	struct engine_hold hold; /* with the id of the approval that it waits for */
	struct approval *approval; /* while it waits; NULL: no more */
	struct conn *next; /* who waits for the same */
	unsigned awaiting; /* answers of the ledger before the wait begins */
	bool decided; /* the ledger has the decision */
	int64_t began_ns, hold_ms, expires_ms;
	bool in_array; /* how the client wants its errors */
	size_t host_n, policy_n;
	char host[AICP_HOST_BYTES_MAX], policy[AICP_POLICY_NAME_BYTES_MAX];
};

/* One request of a shim, from accept() to its verdict. */
struct conn {
	uint64_t id; /* on links; its low bits are the slot */
	enum conn_state state;
	int fd;
	struct loop_source source;
	struct loop_timer timer;
	struct engine_role *role;
	struct budget_user *user;
	enum conn_seat seat;
	bool identified;
	int64_t arrived_ns, asked_ns;
	int64_t pid, uid, gid;
	uint64_t charged; /* bytes, of the user's budget */
	struct buf message; /* the frame as it came */
	struct shim_frame frame; /* into message */
	int memfd;
	int pidfd; /* while the reader is asked, or -1 */
	struct known_identity *known; /* or NULL: then identity has the text */
	struct buf identity;
	struct identity who; /* into known or identity */
	char decision[ENGINE_ID_BYTES + 1];
	bool pass;
	int body; /* memfd of what redaction made of the body, or -1 */
	uint32_t body_bytes;
	struct buf answer; /* of a refusal */
	struct held *held; /* the decision holds; else NULL */
	struct response *response; /* what will come back, should it be witnessed; or NULL */
	struct conn *queued; /* the next in the queue of large requests */
};

/* Since the engine began; for status. */
struct engine_counters {
	uint64_t requests, passed, refused;
	uint64_t total[_BUDGET_COUNTS];
};

/* What judging needs, once for the loop and once for the thread. */
struct lane {
	struct engine *engine;
	struct buf request, body, record; /* scratch; record is the payload of LINK_APPEND */
	struct buf content, question; /* the same of holds; question is the payload of LINK_ASK */
	int64_t hold_ms, expiry_ms; /* of new approvals, as configured */
};

struct engine_role {
	struct loop *loop;
	struct lane light, heavy;
	struct worker *judge; /* runs the heavy lane */
	struct conn *heavy_queue; /* the smallest first */
	struct conn *heavy_conn; /* the one that the thread has */
	int64_t heavy_uid; /* whose it was last */
	int heavy_outcome;
	bool heavy_stale; /* its rules are older than the light lane's */
	struct worker *loader; /* loads rules */
	struct witness *witness; /* of responses */
	struct closer *closer; /* of whatever a shim passed, and of its connection */
	struct identity_cache *identities;
	struct peer warden, reader, ledger, api;
	struct loop_source listener;
	struct loop_timer listen_again, report, stop;
	bool stopping;
	/* what the bundle said */
	bool rootless;
	enum config_fail fail;
	enum mode mode;
	int64_t hold_ms, expiry_ms;
	uint8_t key[ROLE_KEY_BYTES];
	struct policy_set *policies;
	struct provider_set *providers;
	/* connections */
	struct conn *conn[AICP_ENGINE_CONNECTIONS_MAX];
	uint32_t free_slot[AICP_ENGINE_CONNECTIONS_MAX];
	uint32_t free_n;
	uint64_t generation;
	struct budget *budget;
	struct approvals *approvals;
	bool approvals_known; /* the ledger told of all that are open */
	struct engine_counters counters;
	/* the counts that are on their way to the ledger */
	uint64_t report_id, report_value;
	uid_t report_uid;
	enum budget_count report_count;
	/* a reload that api asked for */
	uint64_t reload_asker;
	struct buf record, out; /* scratch */
	uint8_t in[sizeof(struct aicp_shim_request) + AICP_HOST_BYTES_MAX +
		   AICP_SHIM_INLINE_BYTES_MAX + 1];
};

#define MS	       INT64_C(1000000) /* in nanoseconds */
#define CONN_SLOT_BITS 12
_Static_assert(AICP_ENGINE_CONNECTIONS_MAX == 1u << CONN_SLOT_BITS,
	       "slots fill the low bits of an id");

/* engine_accept.c: how requests come in */
void conn_accept(struct loop_source *listener, uint32_t events);

/* engine_conn.c: from a frame and an identity to a verdict */
void conn_close(struct conn *c); /* without a word */
/* A refusal that no policy decided; c is gone afterwards. In monitor mode nothing is stopped, so
 * this is not either. */
void conn_refuse(struct conn *c, enum reason reason);
/* The decision of c is not in the ledger and will not get there in time; c is gone afterwards. */
void conn_unrecorded(struct conn *c);
/* As the reader told it. */
void conn_identify(struct conn *c, const struct identity *who);
/* What is known without the reader. */
void conn_identify_thinly(struct conn *c);
/* The lane's word: 0 with the payload of LINK_APPEND in it; > 0: the memfd is not as announced;
 * -errno. c may be gone afterwards. */
void conn_judged(struct conn *c, int outcome, struct lane *lane);
/* When the shim stops waiting, less a margin; monotonic. */
int64_t conn_due(const struct conn *c);
/* The verdict for the shim: what was judged may leave; what stands in c->answer; or that people are
 * asked. c is gone afterwards, but for the last, which is 0 or -errno. */
void conn_release(struct conn *c);
void conn_finish_refused(struct conn *c);
MUST_CHECK int conn_say_hold(struct conn *c, int64_t hold_ms);
/* Judges when both frame and identity are here; c may be gone afterwards. */
void conn_ready(struct conn *c);
/* Answers to what was asked about connection id; nothing when it is gone. */
void conn_identified(struct engine_role *er, uint64_t id, struct span identity,
		     int watch); /* owns watch */
void conn_durable(struct engine_role *er, uint64_t id);
void conn_not_recorded(struct engine_role *er, uint64_t id, struct span failure);
/* The reader is gone: whoever made it hang is judged without it, the others wait for the next one.
 */
void conn_reader_gone(struct engine_role *er);
void conn_reader_back(struct engine_role *er);
/* The ledger is gone: nobody will answer. */
void conn_ledger_gone(struct engine_role *er);
unsigned conn_count(const struct engine_role *er);
/* One more of these for user, to be reported to the ledger. */
void conn_note(struct engine_role *er, struct budget_user *user, enum budget_count count);

/* engine_lane.c: who judges it */
MUST_CHECK int lane_init(struct engine_role *er);
void lane_judge(struct conn *c); /* c may be gone afterwards */
void lane_forget(struct conn *c); /* one that is queued */
void lane_set_rules(struct engine_role *er);

/* engine_witness.c: what comes back for requests that passed */
MUST_CHECK int witness_init(struct engine_role *er);
struct witnessed; /* one response */
/* A place for the response to c; NULL: it is not to be witnessed. */
struct witnessed *witness_new(struct conn *c);
/* The verdict is out: the connection goes over from c to the witness. */
void witness_begin(struct witnessed *witnessed, struct conn *c);
void witness_drop(struct witnessed *witnessed); /* it is not */
/* Ends all that can be ended now, the others as soon as the thread has done with them. */
void witness_stop_all(struct engine_role *er);
/* Did id belong to a response's record? Then it is dealt with. */
bool witness_answered(struct engine_role *er, uint64_t id, bool durable);
void witness_ledger_gone(struct engine_role *er);

/* engine_hold.c: requests that wait for people */
#define HOLD_ID_BIT (UINT64_C(1) << 63) /* of a question, beside its connection's id */
/* What a hold needs to know of its decision; NULL: out of memory. */
struct held *held_new(const struct engine_decision *d, struct span host,
		      const struct engine_terms *terms);
/* As configured, and not longer than the client waits. */
int64_t hold_ms_of(int64_t configured_ms, int64_t client_wait_ms);
/* Begins with what the lane made; c may be gone afterwards, as after all of these. */
void hold_begin(struct conn *c, struct lane *lane);
/* The ledger has the decision (or the question), or will not have it. */
void hold_durable(struct conn *c, bool question);
void hold_not_recorded(struct conn *c, bool question, struct span failure);
/* The ledger did not say in time whether it has them. */
void hold_unanswered(struct conn *c);
void hold_timed_out(struct conn *c);
/* The end is durable, or will not be. */
void hold_ended(struct conn *c);
void hold_unrecorded(struct conn *c);
void hold_forget(struct conn *c); /* c is being closed */
/* What the approval that c waits for says now decides about it. */
void hold_consider(struct conn *c);
void hold_stop_all(struct engine_role *er); /* aicpd stops */
/* Nobody is asked, as the ledger did not take the question: whoever waits for it is refused. */
void hold_not_asked(struct approval *approval, struct span failure);

/* engine_approvals.c: the question of connection id, which is gone, was not taken; no question that
 * is on its way gets an answer any more; a LINK_APPROVAL; LINK_APPROVALS_END; a new ledger is there
 */
void hold_not_asked_by(struct engine_role *er, uint64_t id, struct span failure);
void hold_questions_gone(struct engine_role *er);
void hold_heard(struct engine_role *er, struct span payload);
void hold_heard_all(struct engine_role *er);
void hold_ask_all(struct engine_role *er);

/* engine_rules.c: bundles */
void rules_first(struct engine_role *er, struct role_bundle *bundle); /* owns bundle */
void rules_take(struct engine_role *er, const struct link_message *message);

/* engine_report.c: counts become records */
void report_tick(struct loop_timer *timer);
/* Did id belong to a report? Then it is dealt with. */
bool report_answered(struct engine_role *er, uint64_t id, bool durable);

/* engine_query.c: what api asks */
void query_take(struct engine_role *er, const struct link_message *message);
void query_reload_result(struct engine_role *er, struct span result);
