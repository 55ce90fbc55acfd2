/* SPDX-License-Identifier: MIT */
/*
 * How libaicp.so ends: struct aicp_seal, then the program header table, then nothing.
 *
 * A loader maps a shared object without asking whether the file is as long as its headers say; of
 * an object that was cut off it kills every program with SIGBUS. But it first reads the program
 * header table in one piece. So that table is the last thing in the file: whatever is cut off, the
 * table is not whole, the loader says so and goes on without the object (glibc in words, musl
 * silently).
 *
 * The digest finds what a loader does not: a file of the right length with wrong bytes in it.
 */
#pragma once

#include <stdint.h>

#define AICP_SEAL_MAGIC "AICPSEAL"

struct aicp_seal {
	char magic[8]; /* AICP_SEAL_MAGIC, without NUL */
	char version[16]; /* of the build, NUL-terminated */
	uint32_t wire; /* AICP_SHIM_VERSION that it speaks */
	uint32_t reserved; /* 0 */
	uint8_t digest[32]; /* SHA-256 of the whole file with these 32 bytes zero */
};

_Static_assert(sizeof(struct aicp_seal) % 16 == 0, "the table behind it stays aligned");
