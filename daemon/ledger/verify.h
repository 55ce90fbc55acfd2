/* SPDX-License-Identifier: MIT */
/* Checks a whole state directory, of a running or a stopped daemon, without writing. */
#pragma once

#include "record/anchor.h"
#include "record/report.h"

struct verify_request {
	const char *state_dir;
	const struct note_key *key; /* of one of the logs in it; NULL: STATE_DIR/log.vkey, and the
				       report says so */
	const struct anchor
		*anchor; /* or NULL; its log is then the one that is reported on, else the newest */
	/* Called now and then during long work; NULL: not. */
	void (*progress)(void *data, uint64_t done, uint64_t total);
	void *progress_data;
};

/*
 * Reads every leaf of every log in the database: spelling, place, chain, stored hashes and tiles,
 * each checkpoint's signature and root, the checkpoint file, the anchor. 0 with the report filled
 * in, whatever it says; -errno with error told when it could not be looked at.
 */
MUST_CHECK int verify_state(const struct verify_request *request, struct report *ret_report,
			    struct buf *error);
