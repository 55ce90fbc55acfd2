#!/bin/bash
# SPDX-License-Identifier: MIT
# clang-tidy (.clang-tidy says which checks) is quiet about every C file of ours.
set -u
cd "$(dirname "$0")/../../.."

if ! command -v clang-tidy >/dev/null; then
	echo "not ok 1 - clang-tidy is there (make deps installs it)"
	echo "1..1"
	exit
fi
make -s build/gen/embed.h >/dev/null 2>&1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# tidy_one FILE FOLDER: the log in FOLDER, and beside it an empty file when something was found.
tidy_one() {
	local log
	log=$2/$(echo "$1" | tr / @)
	clang-tidy --quiet --warnings-as-errors='*' "$1" -- -std=gnu17 -D_GNU_SOURCE '-DAICP_VERSION="0"' \
		-Iinclude -Idaemon -Itests -Ibuild/gen >"$log" 2>&1 || touch "$log.bad"
}
export -f tidy_one
git ls-files 'daemon/*.c' 'cli/*.c' 'preload/*.c' 'tests/fuzz/*.c' 'tests/support/*.c' |
	xargs -P "$(nproc)" -I{} bash -c 'tidy_one "$1" "$2"' bash {} "$out"

n=0
for log in "$out"/*.c; do
	file=$(basename "$log" | tr @ /)
	n=$((n + 1))
	if [ -e "$log.bad" ]; then
		echo "not ok $n - $file"
		grep -E '(warning|error):' "$log" | sed 's/^/# /'
	else
		echo "ok $n - $file"
	fi
done
echo "1..$n"
