#!/bin/bash
# SPDX-License-Identifier: MIT
# cppcheck is quiet about every folder of ours.
set -u
cd "$(dirname "$0")/../../.."

if ! command -v cppcheck >/dev/null; then
	echo "not ok 1 - cppcheck is there (make deps installs it)"
	echo "1..1"
	exit
fi
n=0
for folder in $(git ls-files 'daemon/*.c' 'cli/*.c' 'preload/*.c' 'tests/support/*.c' | xargs -n 1 dirname | sort -u); do
	n=$((n + 1))
	# memleak: it does not see cleanup attributes; LeakSanitizer looks for leaks in every unit test. The other two: it
	# does not see what is written through pointers.
	# shellcheck disable=SC2046 # a list of words
	if log=$(cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --language=c -D_GNU_SOURCE \
		--enable=warning,performance,portability --suppress=missingIncludeSystem --suppress=memleak --suppress=legacyUninitvar --suppress=ctuuninitvar \
		'-DElfW(x)=Elf64_##x' -D__x86_64__=1 -D__linux__=1 -Iinclude -Idaemon \
		$(git ls-files "$folder/*.c" | grep -E "^$folder/[^/]*$") 2>&1); then
		echo "ok $n - $folder"
	else
		echo "not ok $n - $folder"
		printf '%s\n' "$log" | sed 's/^/# /'
	fi
done
echo "1..$n"
