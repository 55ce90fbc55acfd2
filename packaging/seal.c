/* SPDX-License-Identifier: MIT */
/* seal FILE SEALED: writes a shared object as include/aicp/seal.h says, ready to be renamed. */
#include "aicp/limits.h"
#include "aicp/seal.h"
#include "aicp/shim.h"
#include "base/buf.h"
#include "base/hash.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *file, const char *why)
{
	fprintf(stderr, "seal: %s: %s\n", file, why);
	return 1;
}

static int read_all(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (n > 0 && buf_reserve(out, 65536) == 0) {
		n = read(fd, out->p + out->n, out->cap - out->n);
		if (n < 0)
			out->err = -errno;
		else
			out->n += (size_t)n;
	}
	close(fd);
	return out->err;
}

static int write_all(const char *path, struct span bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	size_t at = 0;
	int r = fd < 0 ? -errno : 0;

	while (!r && at < bytes.n) {
		ssize_t n = write(fd, bytes.p + at, bytes.n - at);

		if (n < 0)
			r = -errno;
		else
			at += (size_t)n;
	}
	/* Whatever the builder's umask: nobody else may write what programs load. */
	if (!r && fchmod(fd, 0755) < 0)
		r = -errno;
	if (fd >= 0 && close(fd) < 0 && !r)
		r = -errno;
	return r;
}

/* Moves the program headers behind a seal, both at the end. */
static bool put_seal(struct buf *file)
{
	struct aicp_seal seal = {.wire = AICP_SHIM_VERSION};
	Elf64_Phdr headers[64];
	size_t headers_n, at;
	struct hash digest;
	Elf64_Ehdr head;

	if (file->n < sizeof(head))
		return false;
	memcpy(&head, file->p, sizeof(head));
	headers_n = head.e_phnum * sizeof(headers[0]);
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
	    head.e_phentsize != sizeof(headers[0]) || headers_n > sizeof(headers) ||
	    head.e_phoff > file->n || headers_n > file->n - head.e_phoff)
		return false;
	memcpy(headers, file->p + head.e_phoff, headers_n);
	memcpy(seal.magic, AICP_SEAL_MAGIC, sizeof(seal.magic));
	snprintf(seal.version, sizeof(seal.version), "%s", AICP_VERSION);
	while (file->n % 16)
		if (buf_put_byte(file, 0))
			return false;
	at = file->n;
	head.e_phoff = at + sizeof(seal);
	memcpy(file->p, &head, sizeof(head));
	buf_put(file, span_of(&seal, sizeof(seal)));
	buf_put(file, span_of(headers, headers_n));
	if (file->err || hash_once(buf_span(file), &digest))
		return false;
	memcpy(file->p + at + offsetof(struct aicp_seal, digest), digest.b, sizeof(digest.b));
	return true;
}

int main(int argc, char **argv)
{
	struct buf file = BUF_INIT(AICP_SHIM_FILE_BYTES_MAX);
	int r;

	if (argc != 3)
		return fail("usage", "seal FILE SEALED");
	r = read_all(argv[1], &file);
	if (r)
		return fail(argv[1], strerror(-r));
	if (!put_seal(&file))
		return fail(argv[1], "not a 64-bit ELF file of usual shape");
	r = write_all(argv[2], buf_span(&file));
	buf_deinit(&file);
	return r ? fail(argv[2], strerror(-r)) : 0;
}
