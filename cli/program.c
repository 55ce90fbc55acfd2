/* SPDX-License-Identifier: MIT */
#include "program.h"

#include "base/cleanup.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* As the kernel: a script may name a script, four times. */
#define SCRIPTS_MAX  4
#define SCRIPT_LINE  256
#define SEGMENTS_MAX 128

static int try(const char *dir, size_t n, const char *name, struct buf *out)
{
	struct stat st;

	buf_clear(out);
	buf_put(out, n ? span_of(dir, n) : SPAN_LIT("."));
	buf_put_byte(out, '/');
	buf_put_str(out, name);
	if (!buf_str(out))
		return out->err;
	if (stat((const char *)out->p, &st) < 0 || !S_ISREG(st.st_mode))
		return -ENOENT;
	return access((const char *)out->p, X_OK) < 0 ? -EACCES : 0;
}

int program_find(const char *name, struct buf *ret_path)
{
	const char *path = getenv("PATH");
	int r, found = -ENOENT;

	if (strchr(name, '/')) {
		buf_put_str(ret_path, name);
		if (!buf_str(ret_path))
			return ret_path->err;
		return access(name, F_OK) < 0 ? -ENOENT : access(name, X_OK) < 0 ? -EACCES : 0;
	}
	if (!path)
		path = "/bin:/usr/bin";
	for (;;) {
		size_t n = strcspn(path, ":");

		r = try(path, n, name, ret_path);
		if (r == 0 || (r != -ENOENT && r != -EACCES))
			return r;
		if (r == -EACCES)
			found = r;
		if (!path[n])
			return found;
		path += n + 1;
	}
}

/* pread() of all n bytes; false when the file is shorter. */
static bool read_at(int fd, void *p, size_t n, uint64_t at)
{
	return at <= INT64_MAX && pread(fd, p, n, (off_t)at) == (ssize_t)n;
}

static bool read_head(int fd, Elf64_Ehdr *ret_head)
{
	return read_at(fd, ret_head, sizeof(*ret_head), 0) &&
	       memcmp(ret_head->e_ident, ELFMAG, SELFMAG) == 0;
}

static bool ours(const Elf64_Ehdr *head)
{
	return head->e_ident[EI_CLASS] == ELFCLASS64 && head->e_ident[EI_DATA] == ELFDATA2LSB &&
	       head->e_machine == PROGRAM_MACHINE;
}

static enum program_fate elf_fate(int fd, const Elf64_Ehdr *head)
{
	if (!ours(head))
		return PROGRAM_OTHER_ARCH;
	for (unsigned i = 0; i < head->e_phnum && i < SEGMENTS_MAX; i++) {
		Elf64_Phdr segment;

		if (!read_at(fd, &segment, sizeof(segment),
			     head->e_phoff + i * (uint64_t)sizeof(segment)))
			return PROGRAM_UNKNOWN;
		if (segment.p_type == PT_INTERP)
			return PROGRAM_SEEN;
	}
	return PROGRAM_STATIC;
}

/* A file that makes the loader careful: its rights are more than those of who runs it. */
static bool secure(int fd, const struct stat *st)
{
	if ((st->st_mode & S_ISUID) && st->st_uid != geteuid())
		return true;
	if ((st->st_mode & S_ISGID) && (st->st_mode & S_IXGRP) && st->st_gid != getegid())
		return true;
	return geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

/* "#! interpreter argument": the interpreter's path. */
static bool script_of(int fd, struct buf *ret_path)
{
	char line[SCRIPT_LINE + 1] = "";
	ssize_t n = pread(fd, line, SCRIPT_LINE, 0);
	size_t begin = 2, end;

	if (n < 3 || line[0] != '#' || line[1] != '!')
		return false;
	begin += strspn(line + begin, " \t");
	end = begin + strcspn(line + begin, " \t\n");
	if (end == begin)
		return false;
	buf_clear(ret_path);
	buf_put(ret_path, span_of(line + begin, end - begin));
	return buf_str(ret_path) != NULL;
}

int program_fate(const char *path, enum program_fate *ret_fate, struct buf *ret_file)
{
	buf_clear(ret_file);
	buf_put_str(ret_file, path);
	if (!buf_str(ret_file))
		return ret_file->err;
	for (int i = 0; i <= SCRIPTS_MAX; i++) {
		int fd CLEANUP(cleanup_closep) =
			open((const char *)ret_file->p, O_RDONLY | O_CLOEXEC);
		Elf64_Ehdr head;
		struct stat st;

		if (fd < 0 || fstat(fd, &st) < 0)
			return -errno;
		if (read_head(fd, &head)) {
			*ret_fate = secure(fd, &st) ? PROGRAM_SECURE : elf_fate(fd, &head);
			return 0;
		}
		if (!script_of(fd, ret_file))
			break;
	}
	*ret_fate = PROGRAM_UNKNOWN;
	return 0;
}
