#!/bin/bash
# SPDX-License-Identifier: MIT
# clang-format has nothing to change in any tracked C file; `make format` mends what it has.
set -u
cd "$(dirname "$0")/../.."

if ! command -v clang-format >/dev/null; then
	echo "not ok 1 - clang-format is there (make deps installs it)"
	echo "1..1"
	exit
fi
n=0
for file in $(git ls-files '*.c' '*.h'); do
	[ -f "$file" ] || continue
	n=$((n + 1))
	if log=$(clang-format --dry-run -Werror "$file" 2>&1); then
		echo "ok $n - $file"
	else
		echo "not ok $n - $file"
		printf '%s\n' "$log" | head -n 3 | sed 's/^/# /'
	fi
done
echo "1..$n"
