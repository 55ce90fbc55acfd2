#!/bin/bash
# SPDX-License-Identifier: MIT
# Every header compiles alone, so that no include depends on what stands above it.
set -u
cd "$(dirname "$0")/../.."

flags="-std=gnu17 -D_GNU_SOURCE -DAICP_VERSION=\"0\" -Wall -Wextra -Werror -Iinclude -Idaemon -Itests -Ibuild/gen"
n=0
for header in $(git ls-files 'include/*.h' 'daemon/*.h' 'cli/*.h' 'preload/*.h' 'tests/*.h'); do
	[ -f "$header" ] || continue
	n=$((n + 1))
	# Included, not compiled itself: `#pragma once` in a main file is a warning.
	# shellcheck disable=SC2086 # a list of words
	if log=$(printf '#include "%s"\n' "$PWD/$header" | ${CC:-gcc} $flags -I"$(dirname "$header")" -fsyntax-only -x c - 2>&1); then
		echo "ok $n - $header"
	else
		echo "not ok $n - $header"
		printf '%s\n' "$log" | sed 's/^/# /'
	fi
done
echo "1..$n"
