/* SPDX-License-Identifier: MIT */
/*
 * Token buckets for failed authentication: one per source and one for all.
 *
 * Reserve, then check: a token is taken before the key is looked at and given back when it is
 * right, so that parallel guesses cannot outrun the count. An empty bucket never refuses a right
 * key; it turns the answer to a wrong one from 401 into 429 and keeps it out of the ledger. (Keys
 * have 256 random bits. What has to be bounded is what guessing costs us, and a limit that refused
 * keys unseen would let anybody on the host lock the operator out.)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Failures a source may make at once, and then each minute. */
#define BUCKET_SOURCE_BURST	 10
#define BUCKET_SOURCE_PER_MINUTE 10
/* The same for all sources together. */
#define BUCKET_GLOBAL_BURST	 100
#define BUCKET_GLOBAL_PER_MINUTE 100
/* Sources told apart; beyond them the one that was quiet for longest is forgotten. */
#define BUCKET_SOURCES_MAX 64

struct bucket {
	int64_t milli; /* thousandths of a token */
	int64_t seen_ns; /* when milli was right; monotonic */
};

struct bucket_source {
	uint64_t source;
	struct bucket bucket;
	bool used;
};

/* {0} is ready for use: all full. */
struct buckets {
	bool started;
	struct bucket global;
	struct bucket_source source[BUCKET_SOURCES_MAX];
};

/* Takes one token for source (any number that names it; uids and addresses in different ranges).
 * False when its bucket or that of all is empty; then nothing was taken. */
bool bucket_reserve(struct buckets *b, uint64_t source, int64_t now_ns);

/* Gives back what bucket_reserve() took: the key was right. */
void bucket_refund(struct buckets *b, uint64_t source);
