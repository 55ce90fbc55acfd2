#!/bin/sh
# SPDX-License-Identifier: MIT
# embed.sh OUT.c OUT.h FILE...: makes a table of files that travel inside aicpd.
set -eu
c=$1 h=$2
shift 2
cat > "$h.new" <<'H'
/* Made by packaging/embed.sh. */
#pragma once

#include "base/span.h"

/* A file that ships inside the program; name is its path in the source tree. */
struct embed_file {
	const char *name;
	struct span bytes;
};

extern const struct embed_file embed_files[];
extern const size_t embed_files_n;
H
{
	echo '/* Made by packaging/embed.sh. */'
	echo '#include "embed.h"'
	i=0
	for f; do
		printf '__asm__(".section .rodata\\nembed_%d:\\n.incbin \\"%s\\"\\n.byte 0\\n.previous\\n");\n' $i "$f"
		printf 'extern const uint8_t embed_%d[];\n' $i
		i=$((i + 1))
	done
	echo 'const struct embed_file embed_files[] = {'
	i=0
	for f; do
		printf '\t{"%s", {embed_%d, %d}},\n' "$f" $i "$(wc -c < "$f")"
		i=$((i + 1))
	done
	printf '\t{NULL, {NULL, 0}},\n};\n'
	printf 'const size_t embed_files_n = %d;\n' $i
} > "$c.new"
mv "$c.new" "$c"
mv "$h.new" "$h"
