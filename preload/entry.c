/* SPDX-License-Identifier: MIT */
/* Leads SSL_write and SSL_read of a program that carries OpenSSL to our hooks. */
#include "entry.h"

#include "governed.h"
#include "object.h"
#include "os.h"

#include <stdint.h>
#include <string.h>

#ifdef __x86_64__

#define JUMP_BYTES  14u /* jmp *0(%rip), and the address */
#define KNOWN_BYTES 16u
#define PAGE_BYTES  4096ul

/*
 * How the two functions begin in builds that were looked at. All of it runs once from its start to
 * its end: nothing jumps into the bytes that the jump covers.
 */
static const struct {
	uint8_t bytes[KNOWN_BYTES];
} known[] = {
	/* With a frame pointer: push rbp, mov rbp, push r14, r13, r12, sub rsp, test edx. Node
	 * 20.20.2 for x86-64 as npm ships it (OpenSSL 3.0). */
	{{0x55, 0x48, 0x89, 0xe5, 0x41, 0x56, 0x41, 0x55, 0x41, 0x54, 0x48, 0x83, 0xec, 0x48, 0x85,
	  0xd2}},
};

static uint8_t *patched[2];

/* What is looked for in the program itself, the first of the loaded objects. */
struct program {
	uint8_t *functions[2];
	void *hooks[2];
	bool can_do_without; /* of the two, by their _ex forms */
};

static const char *const names[2] = {"SSL_write", "SSL_read"};

static bool look(const struct object *o, void *data)
{
	struct program *program = data;

	if (object_covers(o, (const void *)(uintptr_t)&look)) {
		for (size_t i = 0; i < 2; i++)
			program->hooks[i] = object_function(o, names[i]);
		return false;
	}
	if (o->path[0] || program->functions[0])
		return program->functions[0] != NULL;
	for (size_t i = 0; i < 2; i++)
		program->functions[i] = object_function(o, names[i]);
	program->can_do_without =
		object_function(o, "SSL_write_ex") && object_function(o, "SSL_read_ex");
	return program->functions[0] != NULL;
}

static bool is_known(const uint8_t *function)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (memcmp(function, known[i].bytes, KNOWN_BYTES) == 0)
			return true;
	return false;
}

static void write_jump(uint8_t *at, const void *to)
{
	static const uint8_t jump[6] = {0xff, 0x25, 0, 0, 0, 0};

	memcpy(at, jump, sizeof(jump));
	memcpy(at + sizeof(jump), &to, sizeof(to));
}

/* Writable and executable in one step: whoever forbids that forbids it here, while taking away
 * "executable" first might leave a program whose text cannot be given it back. */
static int protect(uint8_t *function, bool writable)
{
	uintptr_t begin = (uintptr_t)function & ~(PAGE_BYTES - 1);
	uintptr_t end = ((uintptr_t)function + JUMP_BYTES + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);

	return os_protect_text(begin, end - begin, writable);
}

static __attribute__((constructor)) void begin(void)
{
	struct program program = {.can_do_without = false};

	object_each(look, &program);
	if (!program.functions[0] || !program.functions[1] || !program.hooks[0] ||
	    !program.hooks[1] || !program.can_do_without)
		return;
	if (!is_known(program.functions[0]) || !is_known(program.functions[1]) || !governed_any())
		return;
	if (protect(program.functions[0], true) < 0)
		return;
	if (protect(program.functions[1], true) == 0) {
		for (size_t i = 0; i < 2; i++) {
			patched[i] = program.functions[i];
			write_jump(program.functions[i], program.hooks[i]);
		}
		(void)protect(program.functions[1], false);
	}
	(void)protect(program.functions[0], false);
}

bool entry_is_ours(const void *function)
{
	return function && (function == patched[0] || function == patched[1]);
}

#else

bool entry_is_ours(const void *function)
{
	(void)function;
	return false;
}

#endif
