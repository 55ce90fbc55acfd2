/* SPDX-License-Identifier: MIT */
#include "shim_file.h"

#include "aicp/limits.h"
#include "aicp/seal.h"
#include "aicp/shim.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SEGMENTS_MAX 128u

const char *shim_fault_text(enum shim_fault fault)
{
	static const char *const text[_SHIM_FAULTS] = {
		[SHIM_GOOD] = "in order",
		[SHIM_MISSING] = "not there",
		[SHIM_UNREADABLE] = "cannot be read",
		[SHIM_NOT_ELF] = "not a shared object, or cut off in its first bytes",
		[SHIM_OTHER_ARCH] = "built for another machine",
		[SHIM_CUT] = "cut off",
		[SHIM_UNSEALED] = "not as it was built (its seal is missing; was it stripped?)",
		[SHIM_DAMAGED] = "damaged: its bytes are not those that were built",
		[SHIM_OTHER_WIRE] = "of another version than the daemon understands",
		[SHIM_EXPOSED] = "open to change by other users",
	};

	return text[fault];
}

/* The whole file, and who may change it. */
static enum shim_fault read_file(const char *path, struct buf *out, struct stat *ret_st)
{
	/* O_NONBLOCK: a FIFO in its place is no reason to wait. */
	int fd CLEANUP(cleanup_closep) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = 1;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? SHIM_MISSING : SHIM_UNREADABLE;
	if (fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode))
		return SHIM_UNREADABLE;
	while (n > 0 && buf_reserve(out, 65536) == 0) {
		n = read(fd, out->p + out->n, out->cap - out->n);
		if (n > 0)
			out->n += (size_t)n;
	}
	return n < 0 || out->err ? SHIM_UNREADABLE : SHIM_GOOD;
}

/* Does the file hold all that its program headers promise? */
static bool whole(struct span file, const Elf64_Ehdr *head)
{
	if (head->e_phentsize != sizeof(Elf64_Phdr) || head->e_phnum > SEGMENTS_MAX ||
	    head->e_phoff > file.n || head->e_phnum * sizeof(Elf64_Phdr) > file.n - head->e_phoff)
		return false;
	for (unsigned i = 0; i < head->e_phnum; i++) {
		Elf64_Phdr segment;

		memcpy(&segment, file.p + head->e_phoff + i * sizeof(segment), sizeof(segment));
		if (segment.p_type == PT_LOAD &&
		    (segment.p_offset > file.n || segment.p_filesz > file.n - segment.p_offset))
			return false;
	}
	return true;
}

static enum shim_fault check_elf(struct span file, Elf64_Ehdr *ret_head)
{
	if (file.n < sizeof(*ret_head))
		return SHIM_NOT_ELF;
	memcpy(ret_head, file.p, sizeof(*ret_head));
	if (memcmp(ret_head->e_ident, ELFMAG, SELFMAG) != 0)
		return SHIM_NOT_ELF;
	if (ret_head->e_ident[EI_CLASS] != ELFCLASS64 ||
	    ret_head->e_ident[EI_DATA] != ELFDATA2LSB || ret_head->e_machine != PROGRAM_MACHINE)
		return SHIM_OTHER_ARCH;
	if (ret_head->e_type != ET_DYN)
		return SHIM_NOT_ELF;
	return whole(file, ret_head) ? SHIM_GOOD : SHIM_CUT;
}

static enum shim_fault check_seal(struct buf *file, const Elf64_Ehdr *head, char *ret_version)
{
	struct aicp_seal seal;
	struct hash digest;
	size_t at;

	if (head->e_phoff < sizeof(seal) ||
	    head->e_phoff + head->e_phnum * sizeof(Elf64_Phdr) != file->n)
		return SHIM_UNSEALED;
	at = head->e_phoff - sizeof(seal);
	memcpy(&seal, file->p + at, sizeof(seal));
	if (memcmp(seal.magic, AICP_SEAL_MAGIC, sizeof(seal.magic)) != 0)
		return SHIM_UNSEALED;
	memset(file->p + at + offsetof(struct aicp_seal, digest), 0, sizeof(seal.digest));
	if (hash_once(buf_span(file), &digest) ||
	    memcmp(digest.b, seal.digest, sizeof(seal.digest)) != 0)
		return SHIM_DAMAGED;
	memcpy(ret_version, seal.version, sizeof(seal.version));
	ret_version[sizeof(seal.version) - 1] = 0;
	return seal.wire == AICP_SHIM_VERSION ? SHIM_GOOD : SHIM_OTHER_WIRE;
}

static bool exposed(const struct stat *st)
{
	struct stat self;

	if (st->st_mode & 022)
		return true;
	if (st->st_uid == 0 || st->st_uid == geteuid())
		return false;
	/* In a user namespace that does not map root, root's files seem to be somebody else's: this
	 * program is as much trusted as its shim. */
	return stat("/proc/self/exe", &self) < 0 || self.st_uid != st->st_uid;
}

enum shim_fault shim_file_check(const char *path, char *ret_version)
{
	struct buf file = BUF_INIT(AICP_SHIM_FILE_BYTES_MAX);
	enum shim_fault fault;
	struct stat st;
	Elf64_Ehdr head;

	ret_version[0] = 0;
	fault = read_file(path, &file, &st);
	if (!fault)
		fault = check_elf(buf_span(&file), &head);
	if (!fault)
		fault = check_seal(&file, &head, ret_version);
	if (!fault && exposed(&st))
		fault = SHIM_EXPOSED;
	buf_deinit(&file);
	return fault;
}

enum shim_fault shim_file_loads(const char *path)
{
	/* Somebody else's may be as large as it likes: its headers and its length say enough. */
	int fd CLEANUP(cleanup_closep) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	Elf64_Phdr segment;
	struct stat st;
	Elf64_Ehdr head;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? SHIM_MISSING : SHIM_UNREADABLE;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return SHIM_UNREADABLE;
	if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return SHIM_NOT_ELF;
	if (check_elf(span_of(&head, sizeof(head)), &head) == SHIM_OTHER_ARCH)
		return SHIM_OTHER_ARCH;
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_type != ET_DYN)
		return SHIM_NOT_ELF;
	for (unsigned i = 0; i < head.e_phnum && i < SEGMENTS_MAX; i++) {
		const uint64_t at = head.e_phoff + i * sizeof(segment);

		if (at > INT64_MAX ||
		    pread(fd, &segment, sizeof(segment), (off_t)at) != (ssize_t)sizeof(segment))
			return SHIM_CUT;
		if (segment.p_type == PT_LOAD &&
		    (segment.p_offset > (uint64_t)st.st_size ||
		     segment.p_filesz > (uint64_t)st.st_size - segment.p_offset))
			return SHIM_CUT;
	}
	return SHIM_GOOD;
}

typedef bool (*part_fn)(const char *name, const struct stat *st, void *data);

/* Shows the file and each folder above it, as they are called behind all links, until visit says
 * false. */
static bool each_part(const char *path, part_fn visit, void *data)
{
	char part[PATH_MAX];
	struct stat st;

	if (!realpath(path, part))
		return false;
	for (char *end = part + strlen(part);; end = strrchr(part, '/')) {
		const char *name;

		*end = 0;
		name = part[0] ? part : "/";
		if (stat(name, &st) < 0 || !visit(name, &st, data))
			return false;
		if (!part[0])
			return true;
	}
}

static bool others_enter(const char *name, const struct stat *st, void *data)
{
	(void)name, (void)data;
	return st->st_mode & (S_ISDIR(st->st_mode) ? S_IXOTH : S_IROTH);
}

bool shim_file_open_to_all(const char *path)
{
	return each_part(path, others_enter, NULL);
}

/* In a folder with the sticky bit others may make files, but not replace root's. */
static bool roots(const char *name, const struct stat *st, void *data)
{
	bool writable = (st->st_mode & 022) && !(S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX);

	if (st->st_uid == 0 && !writable)
		return true;
	buf_put_str(data, name);
	return false;
}

bool shim_file_is_roots(const char *path, struct buf *ret_which)
{
	const size_t before = ret_which->n;

	if (each_part(path, roots, ret_which))
		return true;
	if (ret_which->n == before)
		buf_put_str(ret_which, path);
	return false;
}
